//! Records written in transactions: a hub that was replaced is refused by the brokers themselves.

use std::collections::BTreeMap;

use rdkafka::Message;
use serde_json::Value;
use xiaoshu::store::Op;

use super::broker::{self, shared, unique};
use super::sender::{Sender, key, settings};

const UP: Op = Op::Upsert;

fn transactional(prefix: &str) -> Value {
    let mut settings = settings(&shared(), prefix);
    settings["transactions"] = true.into();
    settings
}

/// The seq of the newest message of each key: what compaction keeps.
fn newest(prefix: &str) -> BTreeMap<Vec<u8>, String> {
    let messages = broker::read(&shared(), &format!("{prefix}.course"));
    messages.iter().map(|m| (m.key().unwrap().to_vec(), broker::header(m, "seq").unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_acknowledged_once_they_are_committed() {
    let prefix = unique();
    let sender = Sender::new(&transactional(&prefix));
    for batch in 1..=3u64 {
        let rows: Vec<_> = (0..50).map(|n| (n, batch * 100 + u64::from(n), UP)).collect();
        sender.submit(batch, &rows).await.unwrap();
    }
    let told = sender.story(|lines| lines.len() >= 150).await;
    assert!(told.len() == 150 && told.iter().all(|line| line.ends_with(" stored")), "{told:?}");
    let newest = newest(&prefix);
    assert_eq!(newest.len(), 50);
    assert!(newest.values().all(|seq| seq.starts_with('3')), "{newest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_was_replaced_gets_nothing_through_any_more() {
    let prefix = unique();
    let (old, new) = (Sender::new(&transactional(&prefix)), Sender::at_epoch(&transactional(&prefix), 2));
    old.submit(1, &[(1, 11, UP), (2, 12, UP)]).await.unwrap();
    old.story(|lines| lines.len() == 2).await;
    new.submit(1, &[(1, 21, UP)]).await.unwrap();
    new.story(|lines| lines.len() == 1).await;
    // It was given these to send before, and wakes up only now.
    if old.submit(2, &[(1, 13, UP), (3, 14, UP)]).await.is_ok() {
        let told = old.story(|lines| !lines.is_empty()).await;
        assert!(told.len() == 1 && told[0].starts_with("2 failed Lost"), "{told:?}");
    }
    new.submit(2, &[(2, 22, UP)]).await.unwrap();
    new.story(|lines| lines.len() == 1).await;
    let own = |n: u8| format!("{}:{}", super::sender::SCHOOL, key(n)).into_bytes();
    assert_eq!(newest(&prefix), BTreeMap::from([(own(1), "21".to_owned()), (own(2), "22".to_owned())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_too_large_is_refused_and_the_others_go() {
    let sender = Sender::new(&transactional(&unique()));
    let values = [b"{}".to_vec(), vec![b'x'; 2_000_000], b"{}".to_vec()];
    sender.submit_values(1, &[(1, 1, UP), (2, 2, UP), (3, 3, UP)], &values).await.unwrap();
    let lines = sender.story(|l| l.len() == 3).await;
    assert!(lines[0] == "1/0 stored" && lines[1].starts_with("1/1 refused ") && lines[2] == "1/2 stored", "{lines:?}");
}
