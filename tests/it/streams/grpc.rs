//! The suite over gRPC, and what streams promise beyond it.

use serde_json::{Value, json};
use xiaoshu::brain::{Action, BrainConfig, BrainHandle, Call, Fault, GrpcConfig};
use xiaoshu::store::{Compared, Meta, Standing};

use super::proxy::Proxy;
use super::suite::{TABLE, UpstreamUnderTest, all_stored, conformance, impatient, settle, world_of};
use crate::report::harness::{SCHOOL, World, platform};

pub struct Grpc;

impl UpstreamUnderTest for Grpc {
    const ROWS: Call = Call::Batch;
    const LIVE: bool = true;

    fn brain(config: BrainConfig) -> BrainConfig {
        BrainConfig { grpc: GrpcConfig { heartbeat_ms: 200, ..GrpcConfig::local() }, ..config }
    }

    fn settings(_: &World, brain: &BrainHandle) -> Value {
        json!({
            "kind": "grpc",
            "url": brain.grpc_url().unwrap(),
            "token": "0123456789abcdef",
            "plain_http": {"by": "test", "date": "2026-11-22", "reason": "loopback"},
            "rows": {"batch_rows": 4, "seal": {"*": {"method": "sm3"}}},
            "delivery": impatient(),
        })
    }
}

conformance!(Grpc);

async fn ten() -> World {
    let world = world_of::<Grpc>(&[TABLE], platform()).await;
    world.land(TABLE, 0..10, &[]).await;
    world
}

#[tokio::test]
async fn batches_do_not_wait_for_one_another() {
    let world = ten().await;
    // No verdict before a second has passed: three batches that waited for each other would take three.
    world.brain.script(Fault::new(Action::AnswerLate { queries: 0, seconds: 1 }).on(Call::Batch).times(0));
    settle(&world).await;
    all_stored(&world, 10).await;
    let received: Vec<i64> = world.brain.batches().await.unwrap().iter().map(|b| b.received).collect();
    let effects = world.brain.effects(None).await.unwrap();
    assert_eq!((received.len(), effects.len()), (3, 10));
    assert!(received.iter().max().unwrap() - received.iter().min().unwrap() <= 1_000, "{received:?}");
}

#[tokio::test]
async fn no_more_is_unsettled_than_was_agreed() {
    let grpc = GrpcConfig { heartbeat_ms: 200, max_unsettled: 5, ..GrpcConfig::local() };
    let mut world = World::live(&[TABLE], BrainConfig { grpc, ..platform() }).await;
    world.settings = Grpc::settings(&world, &world.brain);
    world.land(TABLE, 0..10, &[]).await;
    // Verdicts take a second, and the platform cuts off whoever sends more meanwhile.
    world.brain.script(Fault::new(Action::AnswerLate { queries: 0, seconds: 1 }).on(Call::Batch).times(0));
    settle(&world).await;
    all_stored(&world, 10).await;
    assert_eq!(world.brain.calls(Call::Hello).count, 1);
}

#[tokio::test]
async fn a_hub_that_was_killed_asks_for_what_it_had_sent() {
    let world = ten().await;
    world.brain.script(Fault::new(Action::AnswerLate { queries: 0, seconds: 1 }).on(Call::Batch).times(0));
    // Sent, and dropped before any verdict came.
    world.reporter().await.drain_until(Some(world.time.now() + 300)).await.unwrap();
    assert_eq!(world.stock(TABLE).await.in_flight, 10);
    assert_eq!(world.brain.calls(Call::Batch).count, 3);
    settle(&world).await;
    all_stored(&world, 10).await;
    assert_eq!(world.brain.calls(Call::Batch).count, 3, "nothing was sent twice");
}

#[tokio::test]
async fn an_answer_withheld_is_not_waited_for_for_ever() {
    let world = ten().await;
    world.brain.script(Fault::new(Action::WithholdVerdicts { rows: vec![2] }).on(Call::Batch));
    settle(&world).await;
    all_stored(&world, 10).await;
    assert_eq!(world.brain.calls(Call::Batch).count, 4, "the one row went again");
}

#[tokio::test]
async fn a_lower_epoch_is_refused() {
    let mut world = ten().await;
    settle(&world).await;
    let raised = world.epoch + 1;
    world.epoch = raised;
    world.land(TABLE, 10..12, &[]).await;
    settle(&world).await;
    world.epoch = raised - 1;
    world.land(TABLE, 12..14, &[]).await;
    let report = world.reporter().await.drain().await.unwrap();
    let stopped = report.upstreams[0].stopped.as_ref().expect("the upstream is left");
    assert!(stopped.en.contains("epoch"), "{}", stopped.en);
    assert_eq!(world.brain.held(TABLE).await.unwrap().len(), 12, "a hub that was replaced writes nothing");
}

#[tokio::test]
async fn a_store_restored_from_a_backup_overtakes_what_the_platform_holds() {
    let world = ten().await;
    settle(&world).await;
    // The backup knows nothing of what was reported since; its counter starts where the platform's rows long are.
    let mut restored = World::live(&[TABLE], Grpc::brain(platform())).await;
    restored.settings = world.settings.clone();
    let before = restored.store.generation().await.unwrap();
    restored.land(TABLE, 5..8, &[("KCMC", &|_| "改".to_owned())]).await;
    for _ in 0..3 {
        let report = restored.reporter().await.drain().await.unwrap();
        if report.is_settled() {
            break;
        }
    }
    assert!(restored.store.generation().await.unwrap() > before, "the generation rises");
    assert_eq!(restored.stock(TABLE).await.stored, 3);
    let held = world.brain.held(TABLE).await.unwrap();
    assert_eq!(held.iter().filter(|h| h.body.contains("改")).count(), 3, "no change was dropped as old");
}

#[tokio::test]
async fn the_platform_may_ask_for_a_table_once_more_and_sees_who_is_there() {
    let world = ten().await;
    let mut reporter = world.reporter().await;
    reporter.drain().await.unwrap();
    let schools = world.brain.schools().await.unwrap();
    assert_eq!((schools.len(), schools[0].connected, schools[0].accepted_share), (1, true, 1.0));
    assert_eq!((schools[0].tables[0].received, schools[0].tables[0].accepted), (10, 10));
    assert!(world.brain.ask_to_resend(SCHOOL, TABLE));
    let handle = reporter.handle();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(reporter.run(async move { drop(stopped.await) }));
    while world.brain.calls(Call::Batch).count < 6 {
        tokio::task::yield_now().await;
    }
    drop((stop, handle));
    running.await.unwrap();
    settle(&world).await;
    assert_eq!(world.brain.effects(None).await.unwrap().len(), 10, "and nothing changed by it");
    while world.brain.schools().await.unwrap()[0].connected {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_half_open_connection_is_noticed() {
    let mut world = ten().await;
    let proxy = Proxy::start(world.brain.grpc_url().unwrap()).await;
    world.settings["url"] = json!(proxy.url());
    world.settings["idle_timeout"] = json!("400ms");
    // The platform's word on the first batch never gets through, and nothing else either.
    world.brain.script(Fault::new(Action::Slow { ms: 100 }).on(Call::Batch));
    let mut reporter = world.reporter().await;
    let began = std::time::Instant::now();
    let draining = reporter.drain();
    tokio::pin!(draining);
    tokio::select! {
        _ = &mut draining => panic!("nothing can be settled through a line that stands still"),
        () = proxy.first_bytes() => proxy.freeze(),
    }
    let report = draining.await.unwrap();
    assert!(report.is_settled(), "a new connection goes through: {report:?}");
    assert!(began.elapsed() < std::time::Duration::from_secs(30));
    all_stored(&world, 10).await;
}

#[tokio::test]
async fn what_a_stream_is_still_writing_when_the_next_begins_is_not_written_again() {
    let mut world = ten().await;
    world.settings["idle_timeout"] = json!("400ms");
    world.settings["delivery"]["missing_after"] = json!("1h");
    // So long over the first batch that the hub takes the line for dead and opens another.
    world.brain.script(Fault::new(Action::Slow { ms: 1_500 }).on(Call::Batch));
    let began = std::time::Instant::now();
    settle(&world).await;
    assert!(began.elapsed() >= std::time::Duration::from_millis(1_500), "the next stream waits for what the former writes");
    all_stored(&world, 10).await;
    assert!(world.brain.calls(Call::Hello).count > 1, "the hub has opened another stream");
    Grpc::went_once(&world, 10, 3).await;
}

#[tokio::test]
async fn what_the_platform_lost_is_found_by_comparison_and_goes_again() {
    let world = world_of::<Grpc>(&[TABLE], platform()).await;
    world.land(TABLE, 0..10, &[]).await;
    world.brain.script(Fault::new(Action::SwallowRows { rows: vec![1, 3] }).on(Call::Batch).nth(2));
    let mut reporter = world.reporter().await;
    assert!(reporter.drain().await.unwrap().is_settled(), "all is said to be stored");
    assert_eq!(world.brain.held(TABLE).await.unwrap().len(), 8, "and is not");
    assert!(world.brain.ask_to_reconcile(SCHOOL, ""));
    let handle = reporter.handle();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(reporter.run(async move { drop(stopped.await) }));
    let compared = || handle.status().get("moe").and_then(|u| u.tables.get(TABLE)?.compared);
    while world.brain.held(TABLE).await.unwrap().len() < 10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.brain.writes(None).await.unwrap().len(), 10, "exactly those two went again");
    // Another look comes by itself, and finds nothing.
    while compared().is_none_or(|(_, differ)| differ > 0) {
        tokio::task::yield_now().await;
    }
    let kept = world.store.comparisons().await.unwrap().remove(0);
    assert_eq!(kept.last.outcome, Compared::Equal);
    assert_eq!((kept.last.records, kept.differed.map(|(_, differ)| differ)), (10, Some(2)));
    assert_eq!(kept.last.position, (1 << 48) + 10, "up to the newest record");
    drop(stop);
    running.await.unwrap();
    settle(&world).await;
    all_stored(&world, 10).await;
}

#[tokio::test]
async fn deletions_go_children_first() {
    let (parent, child) = ("ODS_KCJBSJ", "ODS_KCJSSJ");
    let world = world_of::<Grpc>(&[parent, child], platform()).await;
    let course = |i: u32| format!("2026{i:04}");
    let with: [(&str, &dyn Fn(u32) -> String); 2] = [("KCH", &course), ("LXND", &|_| "2026".into())];
    world.land_whole(parent, 0..40, &[]).await;
    world.land_whole(child, 0..40, &with).await;
    settle(&world).await;
    let before = world.brain.batches().await.unwrap().len();
    // The parent's deletions land first, and the child's take their time.
    world.brain.script(Fault::new(Action::AnswerLate { queries: 0, seconds: 1 }).on(Call::Batch).table(child));
    world.land_whole(parent, 0..38, &[]).await;
    world.land_whole(child, 0..38, &with).await;
    settle(&world).await;
    assert_eq!((world.brain.held(parent).await.unwrap().len(), world.brain.held(child).await.unwrap().len()), (38, 38));
    let batches = world.brain.batches().await.unwrap();
    let received = |table: &str| batches[before..].iter().filter(|b| b.table == table).map(|b| b.received).collect::<Vec<_>>();
    let (parents, children) = (received(parent), received(child));
    assert_eq!((parents.len(), children.len()), (1, 1), "{batches:?}");
    assert!(parents[0] >= children[0] + 1_000, "the parent went before the verdict on its child: {batches:?}");
    world.balanced().await;
}
