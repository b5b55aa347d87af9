//! Death at any commit: reopened, the equations balance and the work goes on to the same end.

use std::sync::Arc;

use xiaoshu::standard::Kind;
use xiaoshu::store::{Lane, Outcome, Stock, Store, StoreError};

use super::desk::Desk;
use super::home::Home;
use super::table::Row;

/// What the school's system holds: `version` of every row, some of them bad.
fn source(version: u32) -> Vec<Row> {
    (0..30).map(|k| if k % 7 == 3 { Row::bad(k, version) } else { Row::good(k, version * u32::from(k % 2 == 0)) }).collect()
}

/// Reads the source whole, from where an interrupted run stopped.
async fn read(desk: &Desk, version: u32, at: i64) -> Result<(), StoreError> {
    let rows = source(version);
    let start = desk.begin("a", 1, at).await?;
    let done = start.resume.map_or(0, |p| u64::from_be_bytes(p.0.try_into().unwrap()));
    for (i, piece) in rows.chunks(8).enumerate().filter(|(i, _)| (*i as u64) * 8 >= done) {
        desk.land(start.run, piece, (i as u64 * 8) + piece.len() as u64, at).await?;
    }
    desk.finish(start.run, true, at).await?;
    Ok(())
}

/// Delivers everything, settling first what an earlier life left in flight.
async fn deliver(desk: &Desk, at: i64) -> Result<(), StoreError> {
    for batch in desk.store.batches(desk.upstream, None).await? {
        desk.store.give_up(batch.id, at).await?;
    }
    loop {
        let rows = desk.store.pending(desk.upstream, desk.feed, Lane::Live, 10, u64::MAX, at).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let Some(batch) = desk.stage(&rows, |_| None, at).await? else { return Ok(()) };
        desk.store.mark_sent(batch, at).await?;
        let verdicts: Vec<_> =
            (0..rows.len() as u32).map(|ordinal| xiaoshu::store::MemberVerdict { ordinal, outcome: Outcome::Stored }).collect();
        desk.store.settle(batch, &verdicts, None, at).await?;
    }
}

async fn life(store: Arc<dyn Store>) -> Result<(), StoreError> {
    let desk = Desk::try_new(store, Kind::State).await?;
    for version in 1..=2 {
        read(&desk, version, i64::from(version)).await?;
        deliver(&desk, i64::from(version)).await?;
    }
    Ok(())
}

pub async fn a_death_at_any_commit_leaves_the_equations_balanced<H: Home>(_: H) {
    for after in [false, true] {
        for at in 1.. {
            let home = H::new();
            let ended = life(home.open_dying(at, after).await).await;
            let desk = Desk::new(home.open().await).await;
            assert_eq!(desk.store.audit().await.unwrap(), Vec::new(), "commit {at}, after: {after}");
            desk.stock().await;
            if ended.is_ok() {
                assert!(at > 20, "the scenario has too few commits: {at}");
                break;
            }
            read(&desk, 2, 3).await.unwrap();
            deliver(&desk, 3).await.unwrap();
            // One read more: an interrupted one may have begun before the source's last change.
            read(&desk, 2, 4).await.unwrap();
            deliver(&desk, 4).await.unwrap();
            assert_eq!(desk.stock().await, Stock { live: 26, stored: 26, ..Stock::default() }, "commit {at}, after: {after}");
            assert_eq!(desk.table().await.1, 4);
            desk.audited().await;
        }
    }
}
