//! What goes when: parents first, the ramp, scope, sealing, the two lanes.

use serde_json::json;
use xiaoshu::brain::{Action, Call, Fault};
use xiaoshu::store::{DeliveryStore, RampStep};

use super::harness::{World, platform};

const PARENT: &str = "ODS_KCJBSJ";
const CHILD: &str = "ODS_KCJSSJ";

fn course(i: u32) -> String {
    format!("2026{i:04}")
}

#[tokio::test]
async fn a_child_row_goes_only_when_its_parent_is_stored() {
    let world = World::new(&[CHILD, PARENT], platform()).await;
    world.land(CHILD, 0..4, &[("KCH", &course), ("LXND", &|_| "2026".into())]).await;
    world.land(PARENT, 0..4, &[]).await;
    world.brain.script(Fault::new(Action::AnswerLate { queries: 0, seconds: 60 }).on(Call::Submit).table(PARENT));
    let report = world.reporter().await.drain().await.unwrap();
    assert!(report.is_settled(), "{report:?}");
    world.balanced().await;
    assert_eq!((world.stock(PARENT).await.stored, world.stock(CHILD).await.stored), (4, 4));
    let batches = world.brain.batches().await.unwrap();
    let received = |table: &str| batches.iter().filter(|b| b.table == table).map(|b| b.received).collect::<Vec<_>>();
    let (parents, children) = (received(PARENT), received(CHILD));
    assert_eq!(parents.len(), 1);
    assert!(
        children.iter().all(|at| *at >= parents[0] + 60_000),
        "children went before the verdict on their parents: {batches:?}"
    );
}

#[tokio::test]
async fn a_child_of_a_refused_or_unknown_parent_is_not_kept() {
    let world = World::new(&[CHILD, PARENT], platform()).await;
    world.land(CHILD, 0..4, &[("KCH", &course), ("LXND", &|_| "2026".into())]).await;
    world.land(PARENT, 0..2, &[]).await;
    world.brain.script(Fault::new(Action::RefuseRows { rows: vec![0], error: "错".into() }).on(Call::Submit).table(PARENT));
    world.reporter().await.drain().await.unwrap();
    world.balanced().await;
    assert_eq!(world.stock(PARENT).await.refused, 1);
    assert_eq!(world.stock(CHILD).await.stored, 4, "waiting is only for rows that this hub will still deliver");
}

#[tokio::test]
async fn the_ramp_lets_rows_through_step_by_step() {
    let mut world = World::new(&[PARENT], platform()).await;
    world.set("/delivery/ramp", json!("closed"));
    world.set("/rows/batch_rows", json!(500));
    world.land(PARENT, 0..1100, &[]).await;
    let mut reporter = world.reporter().await;
    let upstream = world.store.open_upstream("moe").await.unwrap();
    let feed = world.feed(PARENT);
    for (step, want) in [(RampStep::Closed, 0), (RampStep::Canary, 20), (RampStep::Limited, 1020), (RampStep::Open, 1100)] {
        world.store.set_ramp(upstream, feed, step, None, 0).await.unwrap();
        reporter.drain().await.unwrap();
        let stock = world.stock(PARENT).await;
        assert_eq!((stock.stored, stock.waiting), (want, 1100 - want), "{step:?}");
        world.balanced().await;
    }
}

#[tokio::test]
async fn rows_of_another_term_stay_out_of_scope() {
    let table = "ODS_JXZLYPJSJ";
    let mut world = World::new(&[table], platform()).await;
    world.set("/delivery/scopes", json!({ table: "term" }));
    let year = |i: u32| if i < 2 { "2026-2027".to_owned() } else { "2025-2026".to_owned() };
    world.land(table, 0..5, &[("XN", &year), ("XQM", &|_| "1".into())]).await;
    world.reporter().await.drain().await.unwrap();
    let stock = world.stock(table).await;
    assert_eq!((stock.stored, stock.held.get("out_of_scope")), (2, Some(&3)), "{stock:?}");
    world.balanced().await;
}

#[tokio::test]
async fn a_stored_row_that_leaves_the_scope_is_not_deleted() {
    let table = "ODS_JXZLYPJSJ";
    let mut world = World::new(&[table], platform()).await;
    let year = |i: u32| if i < 2 { "2026-2027".to_owned() } else { "2025-2026".to_owned() };
    let with: [(&str, &dyn Fn(u32) -> String); 2] = [("XN", &year), ("XQM", &|_| "1".into())];
    world.land_whole(table, 0..5, &with).await;
    world.reporter().await.drain().await.unwrap();
    world.set("/delivery/scopes", json!({ table: "term" }));
    world.land_whole(table, 0..5, &with).await;
    world.reporter().await.drain().await.unwrap();
    let stock = world.stock(table).await;
    assert_eq!((stock.live, stock.stored, world.brain.held(table).await.unwrap().len()), (5, 5, 5), "{stock:?}");
    world.balanced().await;
}

#[tokio::test]
async fn a_backlog_goes_newest_first_beside_what_changes_now() {
    let mut world = World::new(&[PARENT], platform()).await;
    world.set("/delivery/backfill_from", json!(5));
    world.set("/delivery/backfill_share", json!(50));
    world.land(PARENT, 0..16, &[]).await;
    let mut reporter = world.reporter().await;
    world.land(PARENT, 16..24, &[]).await;
    reporter.drain().await.unwrap();
    world.balanced().await;
    assert_eq!(world.stock(PARENT).await.stored, 24);
    assert_eq!(world.brain.calls(Call::Submit).count, 6);
    let keys: Vec<String> = world.brain.writes(Some(PARENT)).await.unwrap().into_iter().map(|w| w.key).collect();
    let held = world.brain.held(PARENT).await.unwrap();
    let number = |key: &str| {
        let row = held.iter().find(|h| h.key == key).map(|h| h.body.clone()).unwrap_or_default();
        let row: serde_json::Value = serde_json::from_str(&row).unwrap();
        row["KCH"].as_str().unwrap()[4..].parse::<u32>().unwrap()
    };
    let order: Vec<u32> = keys.iter().map(|k| number(k)).collect();
    let live = order.iter().position(|n| *n == 16).unwrap();
    let oldest = order.iter().position(|n| *n == 0).unwrap();
    assert!(live < oldest, "what changed now goes before the end of the backlog: {order:?}");
    let newest = order.iter().position(|n| *n == 15).unwrap();
    assert!(newest < oldest, "the backlog goes newest first: {order:?}");
}

#[tokio::test]
async fn run_reports_until_it_is_told_to_stop() {
    let world = World::new(&[PARENT], platform()).await;
    world.land(PARENT, 0..4, &[]).await;
    let reporter = world.reporter().await;
    let handle = reporter.handle();
    let watched = handle.clone();
    // Told to stop once the status shows every row stored.
    let all_in = async move {
        while watched.status().get("moe").and_then(|u| u.tables.get(PARENT).map(|t| t.outcomes.0)) != Some(4) {
            tokio::task::yield_now().await;
        }
    };
    reporter.run(all_in).await;
    world.balanced().await;
    assert_eq!(world.stock(PARENT).await.stored, 4);
    assert!(handle.status()["moe"].clock_offset.is_some());
}
