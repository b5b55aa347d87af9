//! Landing, quarantine, runs, deletions.

use xiaoshu::standard::Kind;
use xiaoshu::store::{Landed, Lane, NewRun, Op, Outcome, QuarantineFilter, RunEnd};
use xiaoshu::validate::Waits;

use super::desk::{DAY, Desk};
use super::home::Home;
use super::table::{self, Row, key_of};

fn rows(keys: std::ops::Range<u32>, content: u32) -> Vec<Row> {
    keys.map(|k| Row::good(k, content)).collect()
}

pub async fn unchanged_rows_are_only_counted(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let first = desk.run("a", &[&rows(0..1300, 1)], true, 1).await;
    assert_eq!(first.landed, Landed { read: 1300, changed: 1300, ..Landed::default() });
    let seq = desk.store.table_rows().await.unwrap()[0].seq;
    let again = desk.run("a", &[&rows(0..700, 1), &rows(700..1300, 1)], true, 2).await;
    assert_eq!(again.landed, Landed { read: 1300, unchanged: 1300, ..Landed::default() });
    assert_eq!((again.missing, again.closed), (0, 0));
    assert_eq!(desk.store.table_rows().await.unwrap()[0].seq, seq);
    desk.audited().await;
}

pub async fn keys_in_order_meet_what_stands_among_them(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let even: Vec<Row> = (0..6000).map(|k| Row::good(2 * k, 1)).collect();
    let first = desk.run("a", &[&even, &[Row::good(40, 2)]], true, 1).await;
    assert_eq!(first.landed, Landed { read: 6001, changed: 6000, quarantined: 1, ..Landed::default() });
    // All keys of a stretch, every sixth changed; then keys with many others between them.
    let dense: Vec<Row> = (0..3000).map(|k| Row::good(k, if k % 6 == 0 { 2 } else { 1 })).collect();
    let sparse: Vec<Row> = (3000..12_000).step_by(75).map(|k| Row::good(k, 1)).collect();
    let both = desk.run("a", &[&dense, &sparse], false, 2).await;
    let changed = 1500 + 500 + 60;
    assert_eq!(both.landed, Landed { read: 3120, changed, unchanged: 1000 + 60, ..Landed::default() });
    desk.audited().await;
    let again = desk.run("a", &[&sparse, &dense], false, 3).await;
    assert_eq!(again.landed, Landed { read: 3120, unchanged: 3120, ..Landed::default() });
    assert_eq!(desk.table().await.0, 6000 + 1500 + 60);
    desk.audited().await;
}

pub async fn a_change_replaces_the_version(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..5, 1)], true, 1).await;
    let before = desk.pending(Lane::Live, 10, 1).await;
    let run =
        desk.run("a", &[&[Row::good(2, 9), Row::good(0, 1), Row::good(1, 1), Row::good(3, 1), Row::good(4, 1)]], true, 2).await;
    assert_eq!(run.landed, Landed { read: 5, changed: 1, unchanged: 4, ..Landed::default() });
    let after = desk.pending(Lane::Live, 10, 2).await;
    assert_eq!(after.iter().map(|r| key_of(&r.natural_key)).collect::<Vec<_>>(), [0, 1, 3, 4, 2]);
    let (old, new) = (&before[2], &after[4]);
    assert_eq!((new.rid, new.record_key), (old.rid, old.record_key));
    assert!(new.seq > old.seq && new.hash != old.hash && new.at == 2);
    assert!(String::from_utf8(new.payload.clone()).unwrap().contains("\"NAME\":\"name 9\",\"AMOUNT\":12.5"));
    assert_eq!(desk.stock().await.waiting, 5);
    desk.audited().await;
}

pub async fn equal_rows_of_one_run_are_duplicates(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let twice = [Row::good(1, 1), Row::good(1, 1), Row::good(2, 1)];
    let run = desk.run("a", &[&twice, &[Row::good(2, 1)]], true, 1).await;
    assert_eq!(run.landed, Landed { read: 4, changed: 2, duplicate: 2, ..Landed::default() });
    desk.audited().await;
}

pub async fn conflicting_rows_of_one_landing_all_wait(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let conflict = [Row::good(1, 1), Row::good(1, 2), Row::good(1, 1), Row::good(2, 1)];
    let run = desk.run("a", &[&conflict, &[Row::good(1, 3)]], true, 1).await;
    assert_eq!(run.landed, Landed { read: 5, changed: 1, duplicate: 1, quarantined: 3, ..Landed::default() });
    assert_eq!(desk.table().await, (1, 3, 0));
    let causes = desk.store.causes().await.unwrap();
    assert_eq!((causes.len(), causes[0].rule.as_str(), causes[0].rows), (1, "duplicate_key", 3));
    let waiting =
        desk.store.quarantined(&QuarantineFilter { rule: Some("duplicate_key".into()), ..Default::default() }).await.unwrap();
    assert!(waiting.iter().any(|q| q.raw == table::raw(&Row::good(1, 2))));
    desk.audited().await;
    // Mended at the source: the key lands and what waited under it is closed.
    desk.run("a", &[&[Row::good(1, 2), Row::good(2, 1)]], true, 2).await;
    assert_eq!(desk.table().await, (2, 0, 0));
}

pub async fn a_later_conflicting_row_waits_and_freezes_the_record(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let run = desk.run("a", &[&[Row::good(1, 1)], &[Row::good(1, 2)]], true, 1).await;
    assert_eq!(run.landed, Landed { read: 2, changed: 1, quarantined: 1, ..Landed::default() });
    assert_eq!(desk.table().await, (1, 1, 1));
    // The other way round next time: the record stands as it stood.
    let run = desk.run("a", &[&[Row::good(1, 2)], &[Row::good(1, 1)]], true, 2).await;
    assert_eq!((run.landed.changed, run.landed.quarantined), (0, 2));
    let payload = desk.pending(Lane::Live, 10, 2).await.remove(0).payload;
    assert!(String::from_utf8(payload).unwrap().contains("name 1"));
    desk.audited().await;
}

pub async fn a_frozen_record_thaws_when_its_key_has_one_content_again(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[Row::good(1, 1)], &[Row::good(1, 2)]], true, 1).await;
    let run = desk.run("a", &[&[Row::good(1, 2)]], true, 2).await;
    assert_eq!(run.landed.read, 1);
    desk.run("a", &[&[Row::good(1, 2)]], true, 3).await;
    assert_eq!(desk.table().await, (1, 0, 0));
    let payload = desk.pending(Lane::Live, 10, 3).await.remove(0).payload;
    assert!(String::from_utf8(payload).unwrap().contains("name 2"));
    desk.audited().await;
}

pub async fn a_bad_version_leaves_the_record_standing(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..4, 1)], true, 1).await;
    let run = desk.run("a", &[&[Row::good(0, 1), Row::bad(1, 2), Row::good(2, 1), Row::good(3, 1)]], true, 2).await;
    assert_eq!((run.landed.quarantined, run.missing), (1, 0));
    assert_eq!(desk.table().await, (4, 1, 1));
    desk.run("a", &[&rows(0..4, 1)], true, 3).await;
    assert_eq!(desk.table().await, (4, 0, 0));
    desk.audited().await;
}

pub async fn quarantine_keeps_since_and_closes_when_the_key_lands(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[Row::bad(1, 1), Row::keyless(2, 5), Row::good(3, 1)]], true, 100).await;
    desk.run("a", &[&[Row::good(3, 1), Row::keyless(2, 5), Row::bad(1, 2)]], true, 200).await;
    let waiting = desk.store.quarantined(&QuarantineFilter { feed: Some(desk.feed), ..Default::default() }).await.unwrap();
    assert_eq!(waiting.iter().map(|q| q.since).collect::<Vec<_>>(), [100, 100]);
    let bad = waiting.iter().find(|q| q.violations.contains("required")).unwrap();
    assert_eq!(bad.raw, table::raw(&Row::bad(1, 2)), "the newest version of the raw row");
    assert_eq!((&*bad.source, bad.waits_for.as_str()), ("a", "[]"));
    assert_eq!(desk.store.quarantined_row(bad.id).await.unwrap().unwrap().origin, bad.origin);
    let fault: serde_json::Value = serde_json::from_str(&bad.violations).unwrap();
    assert_eq!(fault[0]["severity"], "error");
    assert!(fault[0]["zh"].is_string() && fault[0]["en"].is_string());
    desk.run("a", &[&[Row::good(1, 2), Row::good(3, 1), Row::keyless(2, 5)]], true, 300).await;
    assert_eq!(desk.table().await, (2, 1, 0));
    let left = desk.store.quarantined(&QuarantineFilter { limit: 1, ..Default::default() }).await.unwrap();
    desk.store.close(&[left[0].id], 400).await.unwrap();
    assert_eq!(desk.table().await, (2, 0, 0));
    desk.audited().await;
}

pub async fn a_complete_read_closes_what_it_no_longer_contains(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[Row::bad(1, 1), Row::keyless(2, 5)]], true, 1).await;
    desk.run("b", &[&[Row::bad(7, 1)]], true, 1).await;
    assert_eq!(desk.run("a", &[&[]], false, 2).await.closed, 0);
    assert_eq!(desk.table().await.1, 3);
    assert_eq!(desk.run("a", &[&[]], true, 3).await.closed, 2);
    assert_eq!(desk.table().await.1, 1, "the other source's row waits on");
}

pub async fn rows_wait_for_their_parents(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let parent = table::plan("T_PARENT", Kind::State);
    let parents = desk.store.open_feed(&table::spec(&parent)).await.unwrap();
    let run = desk.begin("a", 1, 10).await.unwrap().run;
    let (accepted, mut rejected) = table::judged(&desk.plan, &[Row::bad(1, 1), Row::bad(2, 1), Row::bad(3, 1)]);
    for (row, value) in rejected.iter_mut().zip(["K000001", "K000002"]) {
        row.waits_for = vec![Waits { table: "T_PARENT".into(), field: "NO".into(), value: value.into() }];
    }
    let position = xiaoshu::source::Position(vec![1]);
    let raw = |_| (String::new(), table::place(0));
    let batch = xiaoshu::store::LandingBatch {
        read: 6,
        accepted: &accepted,
        rejected: &rejected,
        filtered: 2,
        consumed: 1,
        settled: false,
        position: &position,
        raw: &raw,
        name: &|_: &[u8]| None,
        at: 10,
    };
    let landed = desk.store.land(run, &batch).await.unwrap();
    assert!(landed.balances());
    assert_eq!((landed.read, landed.filtered, landed.consumed), (6, 2, 1));
    assert!(desk.store.ready(desk.feed, "a", 0, 0).await.unwrap().is_empty());

    super::desk::hold(&*desk.store, xiaoshu::store::Leased::Stream("p".into())).await.unwrap();
    let new = NewRun { source: "p".into(), feed: parents, mapping_digest: [0; 16], at: 20 };
    let run = desk.store.begin_run(&new).await.unwrap().run;
    let (accepted, rejected) = table::judged(&parent, &[Row::good(2, 1)]);
    let batch =
        xiaoshu::store::LandingBatch { read: 1, accepted: &accepted, rejected: &rejected, filtered: 0, consumed: 0, ..batch };
    desk.store.land(run, &batch).await.unwrap();
    let ready = desk.store.ready(desk.feed, "a", 0, 0).await.unwrap();
    assert_eq!(ready.len(), 1);
    assert!(ready[0].waits_for.contains("K000002"));
    // Held long enough: those that wait for a parent, not those that wait for a correction.
    assert_eq!(desk.store.ready(desk.feed, "a", 11, 0).await.unwrap().len(), 2);
    assert_eq!(desk.store.ready(desk.feed, "a", 11, 1).await.unwrap().len(), 1);
    assert!(desk.store.ready(desk.feed, "b", 11, 0).await.unwrap().is_empty());
    desk.audited().await;
}

pub async fn an_interrupted_run_goes_on_where_it_stopped(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let start = desk.begin("a", 1, 1).await.unwrap();
    assert_eq!(start.resume, None);
    desk.land(start.run, &rows(0..10, 1), 10, 1).await.unwrap();
    drop(desk);
    let desk = Desk::new(home.open().await).await;
    let again = desk.begin("a", 1, 2).await.unwrap();
    assert_eq!(again.run, start.run);
    assert_eq!(again.resume.unwrap().0, 10u64.to_be_bytes());
    // The seen set is remembered: a row from before is a duplicate, and nothing seen before is missing.
    let landed = desk.land(start.run, &[Row::good(9, 1), Row::good(10, 1)], 12, 2).await.unwrap();
    assert_eq!((landed.duplicate, landed.changed), (1, 1));
    let summary = desk.finish(start.run, true, 3).await.unwrap();
    assert_eq!((summary.landed.read, summary.missing), (12, 0));
    assert!(desk.land(start.run, &[Row::good(1, 1)], 1, 4).await.is_err(), "the run has ended");
    let next = desk.begin("a", 1, 5).await.unwrap();
    assert_eq!((next.resume, next.after.unwrap().0), (None, 12u64.to_be_bytes().to_vec()));
    desk.audited().await;
}

pub async fn a_changed_mapping_reads_all_again(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let first = desk.begin("a", 1, 1).await.unwrap();
    desk.land(first.run, &rows(0..10, 1), 10, 1).await.unwrap();
    let second = desk.begin("a", 2, 2).await.unwrap();
    assert_ne!(second.run, first.run);
    assert_eq!(second.resume, None);
    let runs = desk.store.runs(0).await.unwrap();
    assert_eq!((runs.len(), runs[1].ended, runs[1].complete, runs[1].landed.read), (2, Some(2), false, 10));
    assert_eq!(desk.store.runs(1).await.unwrap().len(), 1);
    assert_eq!(desk.land(second.run, &rows(0..10, 1), 10, 3).await.unwrap().unchanged, 10);
    assert_eq!(desk.finish(second.run, true, 4).await.unwrap().missing, 0);
}

/// Where a source may go on: behind the last run of the mapping that ended well and landed something.
pub async fn the_last_run_that_ended_well_is_remembered(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let first = desk.begin("a", 1, 1).await.unwrap();
    assert_eq!(first.after, None);
    desk.land(first.run, &rows(0..10, 1), 10, 1).await.unwrap();
    desk.finish(first.run, false, 2).await.unwrap();
    let ten = Some(10u64.to_be_bytes().to_vec());
    let broken = desk.begin("a", 1, 3).await.unwrap();
    assert_eq!((broken.resume, broken.after.map(|p| p.0)), (None, ten.clone()));
    desk.land(broken.run, &rows(10..20, 1), 20, 3).await.unwrap();
    let end = RunEnd::broken("the line broke".into(), 4);
    desk.store.finish_run(broken.run, &end).await.unwrap();
    let nothing = desk.begin("a", 1, 5).await.unwrap();
    assert_eq!(nothing.after.map(|p| p.0), ten);
    desk.finish(nothing.run, false, 6).await.unwrap();
    assert_eq!(desk.begin("a", 1, 7).await.unwrap().after.map(|p| p.0), ten);
    let other = desk.begin("a", 2, 8).await.unwrap();
    assert_eq!((other.resume, other.after), (None, None));
    desk.audited().await;
}

/// A run that the source stopped stays open with what stopped it, and is gone on with.
pub async fn a_run_left_open_is_taken_up(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let run = desk.begin("a", 1, 1).await.unwrap().run;
    assert!(!desk.store.hold_run(run, "the line broke").await.unwrap(), "nothing has landed that it could go on behind");
    let found = |runs: Vec<xiaoshu::store::RunRow>| (runs.len(), runs[0].ended, runs[0].error.clone());
    assert_eq!(found(desk.store.runs(0).await.unwrap()), (1, None, None));
    desk.land(run, &rows(0..10, 1), 10, 1).await.unwrap();
    assert!(desk.store.hold_run(run, "the line broke").await.unwrap());
    let open = desk.store.runs(0).await.unwrap();
    let reached = open[0].reached.clone().map(|position| position.0);
    assert_eq!(reached, Some(10u64.to_be_bytes().to_vec()));
    assert_eq!(found(open), (1, None, Some("the line broke".into())));
    let again = desk.begin("a", 1, 5).await.unwrap();
    assert_eq!((again.run, again.resume.map(|position| position.0)), (run, Some(10u64.to_be_bytes().to_vec())));
    assert_eq!(found(desk.store.runs(0).await.unwrap()), (1, None, None), "what stopped it is over");
    desk.land(run, &rows(10..20, 1), 20, 6).await.unwrap();
    assert_eq!(desk.finish(run, false, 7).await.unwrap().landed.read, 20);
    let ended = desk.store.runs(0).await.unwrap();
    assert_eq!((ended[0].reached.clone(), found(ended)), (None, (1, Some(7), None)));
    assert!(!desk.store.hold_run(run, "too late").await.unwrap());
    desk.audited().await;
}

/// When everything was read last is known by mapping, whether in one view or in several; what was missed is counted.
pub async fn whole_runs_and_what_was_missed_are_remembered(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let whole = |complete| RunEnd { whole: true, ..RunEnd::new(complete, 3) };
    let first = desk.begin("a", 1, 1).await.unwrap();
    assert_eq!(first.whole_at, None);
    desk.land(first.run, &rows(0..10, 1), 10, 1).await.unwrap();
    assert_eq!(desk.store.finish_run(first.run, &whole(true)).await.unwrap().missed, 0);
    let second = desk.begin("a", 1, 5).await.unwrap();
    assert_eq!(second.whole_at, Some(1));
    desk.land(second.run, &rows(0..5, 2), 5, 5).await.unwrap();
    desk.finish(second.run, false, 6).await.unwrap();
    let third = desk.begin("a", 1, 7).await.unwrap();
    assert_eq!(third.whole_at, Some(1), "a run that read what changed is no whole one");
    assert_eq!(desk.land(third.run, &rows(0..5, 3), 5, 7).await.unwrap().changed, 5);
    assert_eq!(desk.land_settled(third.run, &rows(5..10, 3), 10, 7).await.unwrap().changed, 5);
    assert_eq!(desk.land_settled(third.run, &rows(10..11, 3), 11, 7).await.unwrap().changed, 1);
    let summary = desk.store.finish_run(third.run, &whole(false)).await.unwrap();
    assert_eq!((summary.missed, summary.missing, summary.landed.changed), (6, 0, 11));
    assert_eq!(desk.begin("a", 2, 9).await.unwrap().whole_at, None, "another mapping");
    assert_eq!(desk.begin("b", 1, 9).await.unwrap().whole_at, None, "another source");
    assert_eq!(desk.begin("a", 1, 9).await.unwrap().whole_at, Some(7));
    let runs = desk.store.runs(0).await.unwrap();
    let of = |run| runs.iter().find(|row| row.run == run).map(|row| (row.complete, row.whole, row.missed));
    assert_eq!(of(first.run), Some((true, true, 0)));
    assert_eq!(of(second.run), Some((false, false, 0)));
    assert_eq!(of(third.run), Some((false, true, 6)));
    // The newest whole run is always among them.
    let newest = desk.store.runs(1).await.unwrap();
    assert!(newest.iter().any(|row| row.run == third.run), "{newest:?}");
    desk.audited().await;
}

pub async fn few_missing_records_are_deleted_at_once(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..20, 1)], true, 1).await;
    desk.run("b", &[&rows(20..22, 1)], true, 1).await;
    let batch = desk.stage_all(2).await;
    desk.settle_all(batch, Outcome::Stored, 3).await;
    let run = desk.run("a", &[&rows(0..17, 1)], true, 4).await;
    assert_eq!((run.missing, run.deleted), (3, 3), "the other source's records are not missing");
    assert_eq!(desk.table().await.0, 19);
    assert_eq!((desk.stock().await.stored, desk.gone_upstream().await), (19, 3));
    let gone = desk.pending(Lane::Live, 10, 5).await;
    assert_eq!(gone.iter().map(|r| (key_of(&r.natural_key), r.op)).collect::<Vec<_>>(), [17, 18, 19].map(|k| (k, Op::Delete)));
    assert!(String::from_utf8(gone[0].payload.clone()).unwrap().contains("K000017"), "the last payload");
    desk.audited().await;
    // A key that comes back is a new version of the same record.
    let run = desk.run("a", &[&rows(0..18, 1)], true, 6).await;
    assert_eq!((run.landed.changed, run.missing), (1, 0));
    let back = desk.pending(Lane::Live, 10, 7).await.into_iter().find(|r| r.op == Op::Upsert).unwrap();
    assert_eq!((back.rid, back.record_key), (gone[0].rid, gone[0].record_key));
    assert_eq!((desk.table().await.0, desk.gone_upstream().await), (20, 2));
    desk.audited().await;
}

pub async fn many_missing_records_wait_for_approval(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..20, 1)], true, 1).await;
    let run = desk.run("a", &[&rows(0..10, 1)], true, 2).await;
    assert_eq!((run.missing, run.deleted), (10, 0));
    assert_eq!(desk.table().await.0, 20);
    let held = desk.store.pending_deletions().await.unwrap();
    assert_eq!((held.len(), held[0].count, held[0].samples.len(), &*held[0].source), (1, 10, 10, "a"));
    assert!(held[0].why.en.contains("10") && held[0].why.zh.contains("10"), "{:?}", held[0].why);
    // What a later run sees again is no longer held.
    desk.run("a", &[&[Row::good(10, 1)]], false, 3).await;
    assert_eq!(desk.store.pending_deletions().await.unwrap()[0].count, 9);
    let open = desk.begin("a", 1, 4).await.unwrap().run;
    desk.land(open, &[Row::good(11, 1)], 1, 4).await.unwrap();
    assert_eq!(desk.approve(5).await, 8);
    assert_eq!(desk.table().await.0, 12);
    assert!(desk.store.pending_deletions().await.unwrap().is_empty());
    assert_eq!(desk.approve(6).await, 0);
    desk.audited().await;
    // A table never empties itself.
    desk.finish(open, false, 7).await.unwrap();
    assert_eq!(desk.run("a", &[&[]], true, 100 * DAY).await.deleted, 0);
}

pub async fn what_another_source_has_landed_is_not_deleted(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..20, 1)], true, 1).await;
    assert_eq!(desk.run("a", &[&rows(0..10, 1)], true, 2).await.missing, 10);
    // Another source lands one with another content, and its run is broken off by a changed mapping.
    let broken = desk.begin("b", 1, 3).await.unwrap().run;
    desk.land(broken, &[Row::good(10, 2)], 1, 3).await.unwrap();
    // Then it reads one with another content and one as it stands.
    let whole = desk.begin("b", 2, 4).await.unwrap().run;
    desk.land(whole, &[Row::good(11, 2), Row::good(12, 1)], 2, 4).await.unwrap();
    desk.finish(whole, false, 5).await.unwrap();
    assert_eq!(desk.store.pending_deletions().await.unwrap()[0].count, 8);
    assert_eq!(desk.approve(6).await, 7);
    assert_eq!(desk.table().await.0, 13);
    desk.audited().await;
    // The first source misses none of them any more.
    assert_eq!(desk.run("a", &[&rows(0..10, 1)], true, 7).await.missing, 0);
}

pub async fn deletions_of_seven_days_are_counted_together(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..20, 1)], true, 0).await;
    assert_eq!(desk.run("a", &[&rows(0..18, 1)], true, DAY).await.deleted, 2);
    let held = desk.run("a", &[&rows(0..16, 1)], true, 2 * DAY).await;
    assert_eq!((held.missing, held.deleted), (2, 0));
    assert_eq!(desk.run("a", &[&rows(0..16, 1)], true, 9 * DAY).await.deleted, 2);
    assert!(desk.store.pending_deletions().await.unwrap().is_empty());
    // A record whose key was spoilt looks missing: it waits.
    let mut spoilt = rows(0..15, 1);
    spoilt.push(Row::keyless(15, 1));
    let run = desk.run("a", &[&spoilt], true, 30 * DAY).await;
    assert_eq!((run.missing, run.deleted), (1, 0));
    desk.audited().await;
}

pub async fn a_log_never_deletes(home: impl Home) {
    let desk = Desk::try_new(home.open().await, Kind::Log).await.unwrap();
    desk.run("a", &[&rows(0..20, 1)], true, 1).await;
    let run = desk.run("a", &[&rows(0..19, 1)], true, 2).await;
    assert_eq!((run.missing, run.deleted, desk.table().await.0), (0, 0, 20));
}

pub async fn an_incomplete_run_deletes_nothing(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&rows(0..20, 1)], true, 1).await;
    let run = desk.run("a", &[&rows(0..19, 1)], false, 2).await;
    assert_eq!((run.missing, run.deleted, desk.table().await.0), (0, 0, 20));
    let run = desk.begin("a", 1, 3).await.unwrap().run;
    desk.land(run, &rows(0..19, 1), 19, 3).await.unwrap();
    let end = RunEnd { complete: true, ..RunEnd::broken("something".into(), 4) };
    let run = desk.store.finish_run(run, &end).await.unwrap();
    assert_eq!((run.missing, run.deleted, desk.table().await.0), (1, 0, 20));
}
