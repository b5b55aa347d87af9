//! The platform ends in the midst of a hub's reporting, with verdicts outstanding, and is started again on what it kept.
#![cfg(unix)]

use std::collections::HashSet;

use xiaoshu::brain::{Action, BrainConfig, Call, Fault};
use xiaoshu::store::ReadModels;
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};

use super::live::{Hub, Platform, Way, round, until};
use crate::many::line::Line;

const ROWS: usize = 300;

#[test]
fn a_platform_that_ends_in_mid_run_is_told_each_thing_once() {
    let (dir, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let on_disk = |config: &mut BrainConfig| config.directory = Some(kept.path().to_owned());
    let late = |config: &mut BrainConfig| {
        on_disk(config);
        // No verdict comes before it ends.
        config.results.delay_s = 600;
    };
    let first = Platform::with(&runtime, Way::Grpc, late);
    let line = runtime.block_on(Line::start());
    first.furnish_at(dir.path(), ROWS, &line.url());
    // Of the second batch it keeps a part and says nothing, and then it is gone.
    first.brain.script(Fault::new(Action::TakePart { rows: 40 }).on(Call::Batch).nth(2));
    first.brain.script(Fault::new(Action::Cut).on(Call::Batch).nth(4).always());
    line.lead_to(Some(&first.url()));
    let hub = Hub::start(dir.path(), &[]);
    until("it was cut in the middle", || first.brain.calls(Call::Batch).refused > 0);
    line.lead_to(None);
    let arrived = runtime.block_on(first.brain.effects(None)).expect("effects").len();
    assert!(0 < arrived && arrived < 2 * ROWS, "{arrived}: it ends in the middle");
    drop(first);

    let second = Platform::with(&runtime, Way::Grpc, on_disk);
    line.lead_to(Some(&second.url()));
    let effects = || runtime.block_on(second.brain.effects(None)).expect("effects").len();
    until("everything has arrived", || effects() >= 2 * ROWS);
    hub.ends();
    // What had its verdict outstanding is settled by now, or is here.
    round(dir.path(), &[]);
    runtime.block_on(async {
        let store = SqliteStore::open_read_only(&dir.path().join("data"), SqliteOptions::default()).await.expect("a store");
        assert_eq!(store.audit().await.expect("an audit"), []);
        for row in store.stock().await.expect("stock") {
            assert_eq!((row.stock.live, row.stock.stored), (ROWS as u64, ROWS as u64), "{}: {:?}", row.table, row.stock);
        }
        let effects = second.brain.effects(None).await.expect("effects");
        let mut versions = HashSet::new();
        assert!(effects.iter().all(|e| versions.insert((&e.table, &e.key, &e.digest))), "an effect came twice");
        assert_eq!(effects.len(), 2 * ROWS);
    });

    let calm = Platform::start(&runtime, Way::Http);
    let other = tempfile::tempdir().expect("a folder");
    calm.furnish(other.path(), ROWS);
    round(other.path(), &[]);
    let digest = |platform: &Platform| runtime.block_on(platform.brain.digest()).expect("a digest");
    assert_eq!(digest(&second), digest(&calm));
}
