//! Whatever the platform does, delivery ends right: every row stored once or refused with a reason.

use serde_json::json;
use xiaoshu::brain::{Action, BrainConfig, Call, Fault, Foreign, ResultsConfig};
use xiaoshu::report::{Clock, DrainReport};
use xiaoshu::store::{DeliveryStore, ExceptionFilter};

use super::harness::{SCHOOL, World, platform};

const TABLE: &str = "ODS_KCJBSJ";

async fn world(rows: u32) -> World {
    let world = World::new(&[TABLE], platform()).await;
    world.land(TABLE, 0..rows, &[]).await;
    world
}

async fn drained(world: &World) -> DrainReport {
    let report = world.reporter().await.drain().await.unwrap();
    world.balanced().await;
    report
}

async fn all_stored(world: &World, rows: u64) {
    let stock = world.stock(TABLE).await;
    assert_eq!((stock.stored, stock.live), (rows, rows), "{stock:?}");
    assert_eq!(world.brain.held(TABLE).await.unwrap().len() as u64, rows);
}

#[tokio::test]
async fn every_row_arrives_once_and_a_second_run_sends_nothing() {
    let world = world(10).await;
    let report = drained(&world).await;
    assert!(report.is_settled(), "{report:?}");
    all_stored(&world, 10).await;
    assert_eq!(world.brain.calls(Call::Submit).count, 3, "ten rows in batches of four");
    drained(&world).await;
    assert_eq!(world.brain.calls(Call::Submit).count, 3);
    assert_eq!(world.brain.calls(Call::Login).count, 1, "the second run had nothing to say");
}

#[tokio::test]
async fn batches_of_one_table_have_reply_times_of_their_own() {
    let world = world(12).await;
    drained(&world).await;
    let times: Vec<String> = world.brain.batches().await.unwrap().into_iter().map(|b| b.received.to_string()).collect();
    let distinct: std::collections::HashSet<&String> = times.iter().collect();
    assert_eq!((times.len(), distinct.len()), (3, 3), "{times:?}");
}

#[tokio::test]
async fn refused_rows_keep_the_platforms_text_and_the_field() {
    let world = world(10).await;
    let error = "字段KCMC不能为空".to_owned();
    world.brain.script(Fault::new(Action::RefuseRows { rows: vec![0, 2], error: error.clone() }).on(Call::Submit).nth(2));
    drained(&world).await;
    let stock = world.stock(TABLE).await;
    assert_eq!((stock.stored, stock.refused), (8, 2));
    let refused = world.store.exceptions(&ExceptionFilter::default()).await.unwrap();
    for row in &refused {
        assert_eq!((row.text.as_deref(), row.field.as_deref(), row.refusals), (Some(error.as_str()), Some("KCMC"), 1));
        assert!(row.due.is_some(), "one re-offer is due");
    }
    // A week later they are offered once more, and are good now.
    world.clock.advance(std::time::Duration::from_secs(8 * 86_400));
    drained(&world).await;
    all_stored(&world, 10).await;
}

#[tokio::test]
async fn rows_named_by_their_number_alone_are_found() {
    for base in [0, 1] {
        let results = ResultsConfig { pk_value: false, num_base: base, ..ResultsConfig::default() };
        let mut world = World::new(&[TABLE], BrainConfig { results, ..platform() }).await;
        world.set("/delivery/num_base", json!(if base == 0 { "zero" } else { "one" }));
        world.land(TABLE, 0..4, &[]).await;
        world.brain.script(Fault::new(Action::RefuseRows { rows: vec![1], error: "错".into() }).on(Call::Submit));
        drained(&world).await;
        let refused = world.store.exceptions(&ExceptionFilter::default()).await.unwrap();
        let held = world.brain.held(TABLE).await.unwrap();
        assert_eq!((refused.len(), held.len()), (1, 3));
        assert!(held.iter().all(|h| h.key != refused[0].record_key.as_str()));
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_among_the_results_and_nothing_is_sent_twice() {
    let world = world(10).await;
    world.brain.script(Fault::new(Action::LoseAnswer).on(Call::Submit).nth(2));
    drained(&world).await;
    all_stored(&world, 10).await;
    assert_eq!(world.brain.calls(Call::Submit).count, 3);
}

#[tokio::test]
async fn a_batch_behind_one_whose_result_was_found_at_once_has_a_reply_time_of_its_own() {
    let mut world = World::new(&[TABLE], platform()).await;
    world.set("/delivery/verdict_delay", json!("1ms"));
    world.land(TABLE, 0..8, &[]).await;
    world.brain.script(Fault::new(Action::LoseAnswer).on(Call::Submit));
    let began = world.clock.now();
    drained(&world).await;
    all_stored(&world, 8).await;
    let times: Vec<i64> = world.brain.batches().await.unwrap().into_iter().map(|b| b.received).collect();
    assert!(times.len() == 2 && times[0] != times[1], "{times:?}");
    assert!(world.clock.now() - began < 60_000, "neither had to be sought for long");
}

#[tokio::test]
async fn a_batch_that_never_arrived_is_sent_again_after_it_was_sought_long_enough() {
    let world = world(10).await;
    let began = world.clock.now();
    world.brain.script(Fault::new(Action::Cut).on(Call::Submit).nth(2));
    drained(&world).await;
    all_stored(&world, 10).await;
    assert!(world.clock.now() - began >= 2 * 3_600_000, "two hours past its last sending time");
    assert_eq!(world.brain.calls(Call::Submit).count, 4);
}

#[tokio::test]
async fn server_errors_put_one_batch_in_doubt_not_all() {
    let world = World::new(&[TABLE, "ODS_JCJBSJ", "ODS_JSJBSJ"], platform()).await;
    for table in [TABLE, "ODS_JCJBSJ", "ODS_JSJBSJ"] {
        world.land(table, 0..4, &[]).await;
    }
    // The whole platform is down for a while.
    world.brain.script(Fault::new(Action::Status { status: 502 }).on(Call::Submit));
    world.brain.script(Fault::new(Action::Status { status: 502 }).on(Call::Results).times(3));
    drained(&world).await;
    for table in [TABLE, "ODS_JCJBSJ", "ODS_JSJBSJ"] {
        assert_eq!(world.stock(table).await.stored, 4);
    }
    assert_eq!(world.brain.calls(Call::Submit).count, 4, "one submit was lost, and its rows went again");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let world = world(4).await;
    world.brain.script(Fault::new(Action::Slow { ms: 50 }).on(Call::Submit));
    drained(&world).await;
    all_stored(&world, 4).await;
    assert_eq!(world.brain.calls(Call::Submit).count, 1);
}

#[tokio::test]
async fn a_late_verdict_is_asked_for_again_in_widening_steps() {
    let world = world(4).await;
    world.brain.script(Fault::new(Action::AnswerLate { queries: 3, seconds: 5_000 }).on(Call::Submit));
    drained(&world).await;
    all_stored(&world, 4).await;
    assert_eq!(world.brain.calls(Call::Submit).count, 1);
    let asked = world.brain.calls(Call::Results).count;
    assert!((4..40).contains(&asked), "asked {asked} times within 5,000 s");
}

#[tokio::test]
async fn a_token_that_ends_in_mid_batch_costs_one_login_and_no_row() {
    let world = world(10).await;
    world.brain.script(Fault::new(Action::ExpireTokens).on(Call::Submit).nth(2));
    drained(&world).await;
    all_stored(&world, 10).await;
    assert_eq!(world.brain.calls(Call::Login).count, 2);
}

#[tokio::test]
async fn a_token_is_replaced_before_its_life_ends() {
    let mut config = platform();
    config.login.token_life_s = 2;
    let world = World::new(&[TABLE], config).await;
    world.land(TABLE, 0..16, &[]).await;
    drained(&world).await;
    all_stored(&world, 16).await;
    assert!(world.brain.calls(Call::Login).count > 1);
    let refused = [Call::Submit, Call::Results].map(|c| world.brain.calls(c).refused);
    assert_eq!(refused, [0, 0], "no call went out with a token that had ended");
}

#[tokio::test]
async fn a_row_lost_without_a_word_is_sent_again_in_smaller_parts() {
    let world = world(4).await;
    world.brain.script(Fault::new(Action::DropRows { rows: vec![2] }).on(Call::Submit));
    drained(&world).await;
    all_stored(&world, 4).await;
}

#[tokio::test]
async fn a_row_that_is_always_lost_stands_alone_in_the_end_and_is_refused() {
    let world = world(4).await;
    // The first row of every submit is lost, so at last each row stands alone and is lost.
    world.brain.script(Fault::new(Action::DropRows { rows: vec![0] }).on(Call::Submit).always());
    drained(&world).await;
    let stock = world.stock(TABLE).await;
    assert_eq!((stock.refused, stock.unknown, stock.waiting, stock.in_flight), (4, 0, 0, 0), "{stock:?}");
    let refused = world.store.exceptions(&ExceptionFilter::default()).await.unwrap();
    assert!(refused.iter().all(|r| r.text.as_deref().is_some_and(|t| t.contains("neither stored"))));
}

#[tokio::test]
async fn wrong_counts_make_rows_unknown_never_stored() {
    for (collect, stored) in [(0, -1), (0, 1), (-1, 0), (1, 1)] {
        let world = world(4).await;
        world.brain.script(Fault::new(Action::WrongCounts { collect, stored }).on(Call::Submit));
        drained(&world).await;
        all_stored(&world, 4).await;
        assert!(world.brain.calls(Call::Submit).count > 1, "the rows were asked about again");
    }
}

#[tokio::test]
async fn a_refused_submit_of_bad_data_is_taken_apart() {
    let world = world(4).await;
    let action = Action::Refuse { code: "500".into(), message: "数据校验失败".into() };
    world.brain.script(Fault::new(action).on(Call::Submit).times(2));
    drained(&world).await;
    all_stored(&world, 4).await;
}

#[tokio::test]
async fn a_setting_that_is_wrong_stops_the_upstream_and_says_so() {
    let world = world(4).await;
    let action = Action::Refuse { code: "500".into(), message: "app_key未授权".into() };
    world.brain.script(Fault::new(action).on(Call::Submit).always());
    let report = drained(&world).await;
    let stopped = report.upstreams[0].stopped.clone().unwrap();
    assert!(stopped.en.contains("seal.app_key"), "{stopped:?}");
    assert!(!report.is_settled());
    assert_eq!(world.brain.calls(Call::Submit).count, 1);
    world.brain.clear_script();
    drained(&world).await;
    all_stored(&world, 4).await;
}

#[tokio::test]
async fn a_table_the_platform_does_not_know_is_parked_alone() {
    let world = World::new(&[TABLE, "ODS_JCJBSJ"], platform()).await;
    world.land(TABLE, 0..4, &[]).await;
    world.land("ODS_JCJBSJ", 0..4, &[]).await;
    let action = Action::Refuse { code: "500".into(), message: "数据对象不存在".into() };
    world.brain.script(Fault::new(action).on(Call::Submit).table(TABLE).always());
    let report = drained(&world).await;
    assert_eq!(world.stock("ODS_JCJBSJ").await.stored, 4);
    assert_eq!(report.upstreams[0].parked.len(), 1);
    assert!(report.upstreams[0].stopped.is_none());
}

#[tokio::test]
async fn results_of_others_are_shown_and_never_used() {
    let world = world(4).await;
    world.brain.script(Fault::new(Action::AnswerLate { queries: 1, seconds: 0 }).on(Call::Submit));
    let foreign = Foreign {
        username: format!("school-{SCHOOL}"),
        table: TABLE.into(),
        time: None,
        kind: "门户导入".into(),
        collect_num: 7,
        storage_num: 7,
        remark: None,
        state: Some("1".into()),
    };
    world.clock.advance(std::time::Duration::from_secs(1));
    world.brain.import(foreign).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(1));
    let mut reporter = world.reporter().await;
    reporter.drain().await.unwrap();
    world.balanced().await;
    all_stored(&world, 4).await;
    let status = reporter.handle().status();
    let foreign = &status["moe"].foreign;
    assert_eq!((foreign.len(), foreign[0].received, foreign[0].stored), (1, Some(7), Some(7)));
}

#[tokio::test]
async fn nothing_is_sent_with_a_clock_that_is_off() {
    for ms in [40_000, -40_000] {
        let world = world(4).await;
        world.brain.script(Fault::new(Action::SkewDate { ms }).always());
        let report = drained(&world).await;
        assert_eq!(world.brain.calls(Call::Submit).count, 0);
        assert!(report.upstreams[0].stopped.clone().unwrap().en.contains("NTP"));
        assert_eq!(world.stock(TABLE).await.in_flight, 0);
    }
}

#[tokio::test]
async fn a_process_that_dies_between_receipt_and_verdict_is_taken_up() {
    let world = world(10).await;
    let now = world.clock.now();
    let mut first = world.reporter().await;
    first.drain_until(Some(now)).await.unwrap();
    assert!(world.stock(TABLE).await.in_flight > 0);
    drop(first);
    drained(&world).await;
    all_stored(&world, 10).await;
    assert_eq!(world.brain.calls(Call::Submit).count, 3);
}

#[tokio::test]
async fn changed_rows_follow_and_a_newer_version_waits_for_the_verdict_on_the_older() {
    let world = world(4).await;
    let mut reporter = world.reporter().await;
    reporter.drain_until(Some(world.clock.now())).await.unwrap();
    world.land(TABLE, 0..2, &[("KCMC", &|i| format!("课程{i}"))]).await;
    reporter.drain().await.unwrap();
    let stock = world.stock(TABLE).await;
    assert_eq!((stock.stored, stock.live), (4, 4), "{stock:?}");
    assert_eq!(world.store_audit().await, 0);
    assert_eq!(world.brain.effects(Some(TABLE)).await.unwrap().len(), 6, "four inserts and two changes");
}
