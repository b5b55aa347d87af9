//! What a complete run proves, what is held and why, and what still stands upstream.

use xiaoshu::finding::Text;
use xiaoshu::standard::Kind;
use xiaoshu::store::{Evidence, Op, Outcome, PendingDeletion, RunEnd, RunId, RunSummary};

use super::desk::{DAY, Desk};
use super::home::Home;
use super::table::{Row, key_of};

fn rows(range: std::ops::Range<u32>) -> Vec<Row> {
    range.map(|key| Row::good(key, 1)).collect()
}

/// Columns of a name.
fn columns(name: u8) -> Evidence {
    Evidence { columns: Some([name; 16]), parts: 2, ..Evidence::default() }
}

impl Desk {
    /// A complete run of source `a` that knows something.
    async fn knowing(&self, mapping: u8, keys: std::ops::Range<u32>, evidence: Evidence, at: i64) -> RunSummary {
        self.run_knowing(mapping, keys, evidence, at).await.1
    }

    async fn run_knowing(&self, mapping: u8, keys: std::ops::Range<u32>, evidence: Evidence, at: i64) -> (RunId, RunSummary) {
        let run = self.begin("a", mapping, at).await.unwrap().run;
        self.land(run, &rows(keys.clone()), u64::from(keys.end), at).await.unwrap();
        (run, self.store.finish_run(run, &RunEnd { evidence, ..RunEnd::new(true, at) }).await.unwrap())
    }

    async fn held(&self) -> Vec<PendingDeletion> {
        self.store.pending_deletions().await.unwrap()
    }

    async fn live(&self) -> u64 {
        self.table().await.0
    }
}

pub async fn a_source_never_empties_itself_beside_others(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("b", &[&rows(0..97)], true, 1).await;
    desk.run("a", &[&rows(97..99)], true, 1).await;
    let run = desk.run("a", &[&[]], true, 2).await;
    assert_eq!((run.missing, run.deleted, run.emptied, desk.live().await), (2, 0, true, 99));
    let why = &desk.held().await[0].why;
    assert!(why.zh.contains('2') && why.en.contains("none of the source's 2 records"), "{why:?}");
    desk.audited().await;
}

pub async fn other_columns_prove_nothing_until_they_come_again(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.knowing(1, 0..40, columns(1), 1).await;
    assert_eq!(desk.knowing(1, 0..39, columns(1), 2).await.deleted, 1, "the same columns");
    let other = desk.knowing(1, 0..38, columns(2), 3).await;
    assert_eq!((other.missing, other.deleted), (1, 0));
    assert!(desk.held().await[0].why.en.contains("columns"), "{:?}", desk.held().await[0].why);
    assert_eq!(desk.knowing(1, 0..38, columns(2), 4).await.deleted, 1, "they came again");
    assert!(desk.held().await.is_empty());
    // Or somebody approves.
    desk.knowing(1, 0..37, columns(3), 5).await;
    assert_eq!((desk.approve(6).await, desk.live().await), (1, 37));
    desk.audited().await;
}

pub async fn another_mapping_leaves_out_and_deletes_nothing(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.knowing(1, 0..40, columns(1), 1).await;
    for at in 2..5 {
        let run = desk.knowing(2, 0..38, columns(1), at).await;
        assert_eq!((run.missing, run.deleted, desk.live().await), (2, 0, 40), "no later run says anything else");
    }
    assert!(desk.held().await[0].why.en.contains("mapping"), "{:?}", desk.held().await[0].why);
    // What the first mapping read is there again, and what goes then is gone.
    assert_eq!(desk.knowing(1, 0..40, columns(1), 5).await.missing, 0);
    assert_eq!(desk.knowing(1, 0..39, columns(1), 6).await.deleted, 1);
    desk.audited().await;
}

pub async fn fewer_files_and_doubts_delete_nothing(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.knowing(1, 0..40, columns(1), 1).await;
    for at in 2..4 {
        let fewer = Evidence { parts: 1, ..columns(1) };
        assert_eq!(desk.knowing(1, 0..39, fewer, at).await.deleted, 0, "a file that stays away is no deletion");
    }
    assert!(desk.held().await[0].why.en.contains("2 files"), "{:?}", desk.held().await[0].why);
    assert_eq!(desk.knowing(1, 0..40, columns(1), 4).await.missing, 0);
    let doubt = Text::new("文件可能被截断", "it may be cut off");
    let cut = Evidence { doubt: Some(doubt.clone()), ..columns(1) };
    assert_eq!(desk.knowing(1, 0..39, cut.clone(), 5).await.deleted, 0);
    assert_eq!(desk.held().await[0].why, doubt);
    // An incomplete run says why it was not complete.
    let run = desk.begin("a", 1, 6).await.unwrap().run;
    desk.store.finish_run(run, &RunEnd { evidence: cut, ..RunEnd::new(false, 6) }).await.unwrap();
    assert_eq!(desk.store.runs(1).await.unwrap()[0].doubt, Some(doubt));
    desk.audited().await;
}

pub async fn what_stays_held_outlives_runs_that_are_odd_themselves(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.knowing(1, 0..40, columns(1), 1).await;
    desk.knowing(2, 0..38, columns(1), 2).await;
    let doubtful = || Evidence { doubt: Some(Text::new("疑", "doubt")), ..columns(1) };
    for (at, keys, evidence) in [(3, 0..0, columns(1)), (4, 0..38, columns(1)), (5, 0..38, doubtful()), (6, 0..38, columns(1))] {
        assert_eq!((desk.knowing(2, keys, evidence, at).await.deleted, desk.live().await), (0, 40), "at {at}");
    }
    assert!(desk.held().await[0].why.en.contains("mapping"), "{:?}", desk.held().await[0].why);
    assert_eq!(desk.knowing(1, 0..40, columns(1), 7).await.missing, 0);
    // Two reasons at once: a file is missing, and those that are there are empty.
    let fewer = || Evidence { parts: 1, ..columns(1) };
    for (at, keys) in [(8, 0..0), (9, 0..39)] {
        assert_eq!((desk.knowing(1, keys, fewer(), at).await.deleted, desk.live().await), (0, 40), "at {at}");
    }
    desk.audited().await;
}

pub async fn what_the_conditions_of_a_mapping_come_to_leave_out_is_not_deleted(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let read = async |keys: std::ops::Range<u32>, filtered, at| {
        let run = desk.begin("a", 1, at).await.unwrap().run;
        desk.land_but(run, &rows(keys), filtered, at).await.unwrap();
        let summary = desk.finish(run, true, at).await.unwrap();
        (summary.missing, summary.deleted, desk.live().await)
    };
    assert_eq!(read(0..40, 5, 1).await, (0, 0, 40));
    for at in 2..4 {
        assert_eq!(read(0..38, 7, at).await, (2, 0, 40), "no later run says anything else");
    }
    assert!(desk.held().await[0].why.en.contains("2 rows more"), "{:?}", desk.held().await[0].why);
    assert_eq!(read(0..40, 5, 4).await, (0, 0, 40), "they fit again");
    assert_eq!(read(0..39, 5, 5).await, (1, 1, 39), "no more are left out than before");
    desk.audited().await;
}

pub async fn due_deletions_wait_for_the_end_of_the_collection(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let later = Evidence { later: true, ..columns(1) };
    desk.knowing(1, 0..40, later.clone(), 1).await;
    let first = desk.run_knowing(1, 0..39, later.clone(), 2).await;
    assert_eq!((first.1.missing, first.1.deleted, first.1.due, desk.live().await), (1, 0, 1, 40));
    let doubt = Text::new("另一张表失败", "another table failed");
    assert_eq!(desk.store.settle_deletions(first.0, Some(&doubt), 3).await.unwrap(), 0);
    assert_eq!((desk.held().await[0].why.clone(), desk.live().await), (doubt, 40));
    assert_eq!(desk.store.settle_deletions(first.0, None, 3).await.unwrap(), 0, "what is held is not due any more");
    let second = desk.run_knowing(1, 0..38, later.clone(), 4).await;
    assert_eq!(desk.store.settle_deletions(first.0, None, 5).await.unwrap(), 0, "of another run");
    assert_eq!(desk.store.settle_deletions(second.0, None, 5).await.unwrap(), 2);
    assert_eq!((desk.live().await, desk.held().await.len()), (38, 0));
    // They count like those that went at once.
    let third = desk.run_knowing(1, 0..36, later, 6).await;
    assert_eq!((third.1.due, desk.live().await), (0, 38), "more than three within seven days");
    desk.audited().await;
}

pub async fn an_approval_is_for_the_list_that_was_shown(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..40)], true, 10).await;
    desk.run("a", &[&rows(0..30)], true, 20).await;
    let shown = desk.held().await[0].clone();
    assert_eq!((shown.count, shown.samples.len()), (10, 10));
    assert!(shown.samples.iter().all(|s| s.seen == 10 && key_of(&s.natural_key) >= 30 && s.record_key.len() == 32));
    desk.run("a", &[&rows(0..29)], true, 30).await;
    let grown = desk.held().await[0].clone();
    assert_eq!((grown.count, grown.since), (11, 20));
    let approve = |code: String, at| {
        let (store, feed) = (desk.store.clone(), desk.feed);
        async move { store.approve_deletions(feed, &code, at).await.unwrap() }
    };
    assert_eq!(approve(shown.code.clone(), 40).await, None);
    assert_eq!(approve(String::new(), 40).await, None);
    assert_eq!((desk.live().await, desk.held().await.len()), (40, 1), "nothing was deleted, and the list stands");
    // One of them comes back in a run that is under way.
    let open = desk.begin("a", 1, 50).await.unwrap().run;
    desk.land(open, &[Row::good(35, 1)], 1, 50).await.unwrap();
    let done = approve(grown.code, 51).await.unwrap();
    assert_eq!((done.deleted, done.spared, desk.live().await), (10, 1, 30));
    desk.finish(open, false, 52).await.unwrap();
    desk.audited().await;
}

pub async fn a_record_was_last_seen_by_the_run_before_the_one_that_missed_it(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..40)], true, 10).await;
    desk.run("a", &[&rows(0..35)], true, 20).await;
    desk.run("a", &[&rows(0..33)], true, 30).await;
    let mut seen: Vec<(u32, i64)> = desk.held().await[0].samples.iter().map(|s| (key_of(&s.natural_key), s.seen)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(33, 20), (34, 20), (35, 10), (36, 10), (37, 10), (38, 10), (39, 10)]);
}

pub async fn an_empty_log_is_noticed_and_deletes_nothing(home: impl Home) {
    let desk = Desk::try_new(home.open().await, Kind::Log).await.unwrap();
    assert!(!desk.run("a", &[&[]], true, 1).await.emptied, "there was nothing before");
    desk.run("a", &[&rows(0..20)], true, 2).await;
    let run = desk.run("a", &[&[]], true, 3).await;
    assert_eq!((run.missing, run.emptied, desk.live().await), (0, true, 20));
    assert!(!desk.run("a", &[&[]], true, 30 * DAY).await.emptied, "a log may have nothing new");
}

pub async fn what_is_gone_and_stands_upstream_is_listed_until_it_comes_back_or_is_withdrawn(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..40)], true, 1).await;
    let batch = desk.stage_all(2).await;
    desk.settle_all(batch, Outcome::Stored, 3).await;
    desk.run("a", &[&rows(0..42)], true, 4).await;
    desk.run("a", &[&rows(0..38).into_iter().chain(rows(40..41)).collect::<Vec<_>>()], true, 5).await;
    let gone = |feed| {
        let store = desk.store.clone();
        async move { store.gone(feed).await.unwrap() }
    };
    let listed = gone(None).await;
    let keys: Vec<u32> = listed.iter().map(|row| key_of(&row.natural_key)).collect();
    assert_eq!((keys.len(), keys.iter().sum::<u32>()), (2, 38 + 39), "the third was never sent: {keys:?}");
    let first = &listed[0];
    assert_eq!((&*first.upstream_name, &*first.table, &*first.source, first.since), ("platform", "T_THING", "a", 5));
    assert_eq!(gone(Some(desk.feed)).await, listed);
    assert_eq!(desk.gone_upstream().await, 2);
    let mark = |key| {
        let (store, upstream, feed) = (desk.store.clone(), desk.upstream, desk.feed);
        async move { store.mark_withdrawn(upstream, feed, &[key], "by letter", 6).await.unwrap() }
    };
    assert_eq!((mark(first.record_key).await, mark(first.record_key).await), (1, 0), "once");
    assert_eq!((gone(None).await, desk.gone_upstream().await), (vec![listed[1].clone()], 1));
    let live = desk.store.page(desk.feed, None, 1).await.unwrap()[0].record_key;
    assert_eq!(mark(live).await, 0, "it is not gone");
    // Both come back, and go once more: what was withdrawn then stands upstream again.
    desk.run("a", &[&rows(0..42)], true, 7).await;
    assert!(gone(None).await.is_empty());
    let back = desk.pending(xiaoshu::store::Lane::Live, 100, 8).await;
    assert!(back.iter().all(|row| row.op == Op::Upsert));
    let batch = desk.stage_all(9).await;
    desk.settle_all(batch, Outcome::Stored, 10).await;
    desk.run("a", &[&rows(0..38).into_iter().chain(rows(40..42)).collect::<Vec<_>>()], true, 30 * DAY).await;
    assert_eq!(gone(None).await.len(), 2);
    desk.audited().await;
}
