//! Comparison with what the platform holds, and what the platform demands, over topics.

use serde_json::json;
use sqlx::Connection;
use tempfile::TempDir;
use xiaoshu::brain::{Action, BrainConfig, Call, Fault};
use xiaoshu::report::{Handle, Reach, Reporter};
use xiaoshu::store::Op;

use super::broker::{self, shared, unique};
use super::sender::{self, Sender};
use super::upstream::{Kafka, address, topic};
use crate::many::until;
use crate::report::harness::{SCHOOL, World, platform};
use crate::streams::suite::{TABLE, all_stored, settle, world_of};

/// A reporter at work until it is told to stop.
struct Running {
    handle: Handle,
    stop: tokio::sync::oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(reporter: Reporter) -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let handle = reporter.handle();
        let ended = tokio::spawn(async move { reporter.run(async move { drop(stopped.await) }).await });
        Self { handle, stop, ended }
    }

    /// When the table was compared last, and how many records differed.
    fn compared(&self) -> Option<(i64, u64)> {
        self.handle.status().get("moe")?.tables.get(TABLE)?.compared
    }

    /// Waits for the next comparison after one; how many records differed.
    async fn next(&self, after: Option<(i64, u64)>) -> u64 {
        until("it is compared", async || self.compared().is_some_and(|now| Some(now) != after)).await;
        self.compared().map_or(0, |(_, differ)| differ)
    }

    async fn end(self) {
        drop(self.stop);
        self.ended.await.unwrap();
    }
}

async fn writes(world: &World) -> usize {
    world.brain.writes(Some(TABLE)).await.unwrap().len()
}

#[tokio::test]
async fn rows_that_the_platform_lost_or_altered_are_found_and_alone_go_again() {
    let folder = TempDir::new().unwrap();
    let config = BrainConfig { directory: Some(folder.path().to_owned()), ..platform() };
    let world = world_of::<Kafka>(&[TABLE], config).await;
    world.land(TABLE, 0..40, &[]).await;
    world.brain.script(Fault::new(Action::SwallowRows { rows: vec![0] }).on(Call::Batch).times(2));
    let mut reporter = world.reporter().await;
    assert!(reporter.drain().await.unwrap().is_settled(), "all is said to be stored");
    let held = world.brain.held(TABLE).await.unwrap();
    assert_eq!(held.len(), 38, "and is not");
    // Somebody's repair script.
    let file = format!("sqlite://{}", folder.path().join("brain.sqlite").display());
    let mut database = sqlx::SqliteConnection::connect(&file).await.unwrap();
    let altered = sqlx::query("UPDATE held SET comparable = zeroblob(16), body = replace(body, '2026', '2025') WHERE key = ?1")
        .bind(&held[7].key)
        .execute(&mut database)
        .await
        .unwrap();
    assert_eq!(altered.rows_affected(), 1);

    let before = writes(&world).await;
    let running = Running::start(reporter);
    assert!(world.brain.ask_to_reconcile(SCHOOL, ""), "the return topic carries demands");
    assert_eq!(running.next(None).await, 3);
    until("they are written", async || writes(&world).await == before + 3).await;
    let first = running.compared();
    assert!(world.brain.ask_to_reconcile(SCHOOL, TABLE));
    assert_eq!(running.next(first).await, 0, "another look finds nothing");
    running.end().await;
    let stock = world.stock(TABLE).await;
    assert_eq!((stock.stored, stock.live), (40, 40));
    assert_eq!(writes(&world).await, before + 3, "exactly those three went again");
    let mended = world.brain.held(TABLE).await.unwrap();
    assert!(mended.iter().any(|row| row.key == held[7].key && row.body == held[7].body), "and hold what they held");
    assert_eq!(broker::read(&address(), &topic("course")).len(), 43);
}

#[tokio::test]
async fn the_platform_may_ask_for_a_table_once_more() {
    let world = world_of::<Kafka>(&[TABLE], platform()).await;
    world.land(TABLE, 0..10, &[]).await;
    let mut reporter = world.reporter().await;
    assert!(reporter.drain().await.unwrap().is_settled());
    assert!(!world.brain.ask_to_resend("4199000099", TABLE), "a school without an account is not asked");
    assert!(world.brain.ask_to_resend(SCHOOL, TABLE));
    let running = Running::start(reporter);
    until("every row comes once more", async || writes(&world).await == 20).await;
    running.end().await;
    settle(&world).await;
    all_stored(&world, 10).await;
    assert_eq!(broker::read(&address(), &topic("course")).len(), 20, "every row once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_control_topic_nothing_is_compared_and_a_silent_platform_proves_nothing() {
    let prefix = unique();
    let mut settings = sender::settings(&shared(), &prefix);
    settings["return_topic"] = format!("{prefix}.verdicts").into();
    settings["timeout"] = json!("5s");
    let none = Sender::new(&settings);
    assert!(none.transport.digest(TABLE, "", false).await.unwrap().is_none());
    settings["control_topic"] = format!("{prefix}.control").into();
    let asking = Sender::new(&settings);
    asking.submit(1, &[(1, 1, Op::Upsert)]).await.unwrap();
    assert_eq!(asking.story(|lines| !lines.is_empty()).await, ["1 accepted"]);
    let error = asking.transport.digest(TABLE, "", false).await.unwrap_err();
    assert!(error.reach == Reach::Upstream && error.text.en.contains("did not answer"), "{error}");
    assert_eq!(broker::read(&shared(), &format!("{prefix}.control")).len(), 1, "it was asked");
    // What is no verdict on the return topic disturbs nobody.
    let stray = json!({"school": sender::SCHOOL, "answer": "nobody/1", "position": 3}).to_string();
    broker::write(&shared(), &format!("{prefix}.verdicts"), &[(Some(0), Some(sender::SCHOOL), Some(&stray))]);
    sender::judge(&shared(), &format!("{prefix}.verdicts"), &[(1, 1, "stored")]);
    assert_eq!(asking.story(|lines| !lines.is_empty()).await, ["1/0 stored"]);
}
