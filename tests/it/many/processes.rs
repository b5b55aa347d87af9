//! Twenty schools and platforms that are processes, sharing a database; one of them is killed in the middle of a write.
//!
//! The moment is one that is seen, not one that passes by: the database is shut while rows are on their way, until the
//! process stands in the middle of its transaction.

use std::collections::BTreeMap;

use serde_json::Value;
use xiaoshu::brain::{Account, BrainHandle};

use super::platforms::{Process, Shut, viewer};
use super::school::{School, TABLES, account, over_grpc};
use super::schools::{SCHOOLS, code, furnished, rows};
use super::topics::topics;
use super::{no_effect_twice, until};
use crate::brain::postgres;
use crate::kafka::broker;

const BATCH: u32 = 50;

fn accounts() -> Vec<Account> {
    (0..SCHOOLS).map(|i| account(&code(i))).collect()
}

/// Hubs at work until they are stopped.
struct Hubs {
    stop: tokio::sync::watch::Sender<bool>,
    running: tokio::task::JoinSet<()>,
    wake: Vec<xiaoshu::report::Handle>,
}

impl Hubs {
    async fn start(schools: &[School], upstream: impl Fn(&School) -> Value) -> Self {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let (mut running, mut wake) = (tokio::task::JoinSet::new(), Vec::new());
        for school in schools {
            let reporter = school.reporter(&[("platform", upstream(school))]).await;
            wake.push(reporter.handle());
            let mut stopped = stopped.clone();
            running.spawn(async move {
                reporter.run(async move { drop(stopped.wait_for(|stop| *stop).await) }).await;
            });
        }
        Self { stop, running, wake }
    }

    /// All rows of all schools change.
    async fn change(&self, schools: &[School]) {
        for (i, school) in (0..).zip(schools) {
            school.land(0..rows(i), 1).await;
            self.wake[i as usize].wake();
        }
    }

    async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
    }
}

/// Every row has its verdict, the platform holds of every school just what its hub holds, and nothing twice.
async fn nothing_is_lost_and_nothing_twice(schools: &[School], viewer: &BrainHandle, all: usize) {
    for (i, school) in (0..).zip(schools) {
        let live = u64::from(rows(i)) * TABLES.len() as u64;
        until("every row has its verdict", async || {
            let stock = school.stock("platform").await;
            (stock.live, stock.stored) == (live, live)
        })
        .await;
        school.balances().await;
    }
    let mut held: BTreeMap<String, BTreeMap<(String, String), Value>> = BTreeMap::new();
    for table in TABLES {
        for row in viewer.held(table).await.unwrap() {
            let body = serde_json::from_str(&row.body).unwrap();
            held.entry(row.school).or_default().insert((table.to_owned(), row.key), body);
        }
    }
    for school in schools {
        let (theirs, ours) = (held.remove(&school.code).unwrap_or_default(), school.records().await);
        assert!(theirs == ours, "{}: the platform holds {} records, the hub {}", school.code, theirs.len(), ours.len());
    }
    assert!(held.is_empty(), "of nobody else");
    let effects = viewer.effects(None).await.unwrap();
    let inserted = effects.iter().filter(|e| e.operation == xiaoshu::brain::Operation::Insert).count();
    assert_eq!(inserted, all, "each record begins once");
    let (writes, changes) = no_effect_twice(viewer).await;
    assert!(all <= changes && changes <= 2 * all && changes <= writes, "{changes} effects of {writes} writes");
}

// A Kafka client that ends waits for its broker in the thread that it ends in: one for each hub.
#[tokio::test(flavor = "multi_thread", worker_threads = 20)]
async fn twenty_schools_lose_nothing_when_one_of_two_consuming_processes_is_killed() {
    let (settings, upstream) = topics();
    let (effects, accounts) = (postgres(), accounts());
    let (schools, all) = furnished().await;
    let start = || Process::start(&effects, &accounts, None, Some(&settings));
    let (first, second) = (start(), start());
    let group = settings["group"].as_str().unwrap().to_owned();
    until("both have partitions", async || broker::sharing(&broker::shared(), &group) == 2).await;
    let viewer = viewer(&effects, &accounts).await;

    let hubs = Hubs::start(&schools, |_| upstream.clone()).await;
    until("rows arrive", async || !viewer.counts().await.unwrap().is_empty()).await;
    let mut shut = Shut::new(&effects).await;
    hubs.change(&schools).await;
    shut.holds_up(&first).await;
    shut.holds_up(&second).await;
    let arrived = shut.writes().await;
    assert!(0 < arrived && arrived < 2 * all as i64, "{arrived} rows: it dies in the middle");
    first.kill();
    shut.open().await;

    nothing_is_lost_and_nothing_twice(&schools, &viewer, all).await;
    hubs.stop().await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_schools_lose_nothing_when_the_process_is_killed_and_another_takes_its_place() {
    let (effects, accounts) = (postgres(), accounts());
    let (schools, all) = furnished().await;
    // The hubs know one address; nobody else listens there between the one process and the other.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = || Process::start(&effects, &accounts, Some(address), None);
    let first = start();
    let viewer = viewer(&effects, &accounts).await;

    let url = format!("http://{address}");
    let hubs = Hubs::start(&schools, |school| over_grpc(&url, &school.code, BATCH, 2_000)).await;
    until("rows arrive", async || !viewer.counts().await.unwrap().is_empty()).await;
    let mut shut = Shut::new(&effects).await;
    hubs.change(&schools).await;
    shut.holds_up(&first).await;
    let arrived = shut.writes().await;
    assert!(0 < arrived && arrived < 2 * all as i64, "{arrived} rows: it dies in the middle");
    first.kill();
    let second = start();
    shut.holds_up(&second).await;
    shut.open().await;

    nothing_is_lost_and_nothing_twice(&schools, &viewer, all).await;
    let connected = async || viewer.schools().await.unwrap().iter().filter(|school| school.connected).count();
    until("the new process has the streams, and another one shows them", async || connected().await == SCHOOLS as usize).await;
    second.kill();
    until("a killed process has none", async || connected().await == 0).await;
    hubs.stop().await;
}
