//! Brokers that end, and producers that cannot go on.

use std::collections::BTreeMap;

use rdkafka::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use xiaoshu::report::{Fate, Reach};
use xiaoshu::store::Op;

use super::broker::{self, Broker};
use super::sender::{Sender, settings};

const UP: Op = Op::Upsert;

/// A fault that ends a producer: the broker finds its sequence numbers out of order.
#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_cannot_go_on_is_replaced_and_its_batches_come_again() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("p.course", 3, 1).unwrap();
    let sender = Sender::new(&settings(&cluster.bootstrap_servers(), "p"));
    sender.submit(1, &[(1, 1, UP)]).await.unwrap();
    assert_eq!(sender.story(|l| !l.is_empty()).await, ["1/0 stored"]);
    let out_of_order = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    cluster.request_errors(RDKafkaApiKey::Produce, &[out_of_order]);
    // The fault shows while the batch is handed over, or after it.
    match sender.submit(2, &[(2, 2, UP), (3, 3, UP)]).await {
        Ok(_) => assert_eq!(sender.story(|l| !l.is_empty()).await, ["2 failed Lost transient"]),
        Err(error) => assert_eq!((error.fate, error.reach), (Fate::Lost, Reach::Batch)),
    }
    // From the feed again, under another name.
    sender.submit(3, &[(2, 2, UP), (3, 3, UP)]).await.unwrap();
    assert_eq!(sender.story(|l| l.len() >= 2).await, ["3/0 stored", "3/1 stored"]);
}

/// The newest value of each key, as a compacted topic would keep it.
fn newest(brokers: &str, topic: &str) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    let messages = broker::read(brokers, topic);
    messages.iter().map(|m| (m.key().unwrap().to_vec(), m.payload().map(<[u8]>::to_vec))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_in_mid_run_loses_nothing() {
    let mut own = Broker::start();
    let address = own.address();
    let sender = Sender::new(&settings(&address, "p"));
    let batch = |id: u64| -> Vec<(u8, u64, Op)> { (0..50).map(|n| (n, id * 100 + u64::from(n), UP)).collect() };
    sender.submit(1, &batch(1)).await.unwrap();
    sender.story(|l| l.len() >= 50).await;
    // Ten more are handed over while it dies under them.
    for id in 2..=6 {
        sender.submit(id, &batch(id)).await.unwrap();
    }
    own.kill();
    for id in 7..=11 {
        sender.submit(id, &batch(id)).await.unwrap();
    }
    own.restart();
    let mut open: Vec<u64> = (2..=11).collect();
    let mut next = 12;
    while !open.is_empty() {
        let lines = sender.news().await.iter().flat_map(super::sender::told).collect::<Vec<_>>();
        let mut again = Vec::new();
        for id in open {
            let of = |line: &&String| line.starts_with(&format!("{id}/")) || line.starts_with(&format!("{id} "));
            match lines.iter().filter(of).count() {
                0 => again.push(id),
                50 => {}
                // Lost: sent again, with the same versions, as the feed has them.
                1 => {
                    sender.submit(next, &batch(id)).await.unwrap();
                    again.push(next);
                    next += 1;
                }
                other => panic!("{other} lines of {id}: {lines:?}"),
            }
        }
        open = again;
    }
    let state = newest(&address, "p.course");
    assert_eq!(state.len(), 50);
    for value in state.values() {
        let value: serde_json::Value = serde_json::from_slice(value.as_ref().unwrap()).unwrap();
        assert_eq!(value["seq"].as_u64().unwrap() / 100, 11, "{value}");
    }
}
