//! What goes out and what comes back, with a broker in good health.

use rdkafka::Message;
use xiaoshu::report::Reply;
use xiaoshu::store::Op;

use super::broker::{self, header, shared, unique};
use super::sender::{INSTANCE, SCHOOL, START, Sender, TABLE, judge, key, open_batch, settings};

const UP: Op = Op::Upsert;

#[tokio::test(flavor = "multi_thread")]
async fn records_go_as_cloud_events_in_one_partition_and_are_stored_once_acknowledged() {
    let prefix = unique();
    let sender = Sender::new(&settings(&shared(), &prefix));
    let rows = [(1, 11, UP), (2, 12, UP), (1, 13, Op::Delete)];
    assert_eq!(sender.submit(7, &rows).await.unwrap(), Reply::Queued);
    assert_eq!(sender.story(|l| l.len() == 3).await, ["7/0 stored", "7/1 stored", "7/2 stored"]);

    let messages = broker::read(&shared(), &format!("{prefix}.course"));
    assert_eq!(messages.len(), 3);
    // The Java client's default partitioner gives this partition of 3 for the school code.
    assert!(messages.iter().all(|m| m.partition() == 0));
    let (first, last) = (&messages[0], &messages[2]);
    assert_eq!(first.key().unwrap(), format!("{SCHOOL}:{}", key(1)).as_bytes());
    assert_eq!(first.payload().unwrap(), format!("{{\"key\":\"{}\",\"seq\":11}}", key(1)).as_bytes());
    assert_eq!(last.key(), first.key());
    assert_eq!(last.payload(), None);
    let expected = [
        ("ce_specversion", "1.0".to_owned()),
        ("ce_id", format!("{TABLE}/{}/11", key(1))),
        ("ce_source", format!("/schools/{SCHOOL}/hubs/{INSTANCE}")),
        ("ce_type", "smartbrain.v1.record.upsert".into()),
        ("ce_subject", TABLE.into()),
        ("ce_time", "2026-11-22T01:00:00.137Z".into()),
        ("content-type", "application/json".into()),
        ("school", SCHOOL.into()),
        ("table", TABLE.into()),
        ("edition", "gaozhi-2024.09".into()),
        ("epoch", "1".into()),
        ("seq", "11".into()),
        ("op", "upsert".into()),
        ("hash", "01".repeat(16)),
    ];
    for (name, value) in expected {
        assert_eq!(header(first, name).as_deref(), Some(value.as_str()), "{name}");
    }
    assert_eq!(header(last, "op").as_deref(), Some("delete"));
    assert_eq!(header(last, "ce_type").as_deref(), Some("smartbrain.v1.record.delete"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_handed_over_once_the_lease_is_about_to_end() {
    let prefix = unique();
    let sender = Sender::new(&settings(&shared(), &prefix));
    let (late, value) = ([(1, 11, UP), (2, 12, UP)], vec![b"{}".to_vec(), b"{}".to_vec()]);
    let refused = sender.submit_until(START - 1, 1, &late, &value).await.unwrap_err();
    assert!(refused.text.en.contains("lease"), "{}", refused.text.en);
    // On time at the very last moment; behind it in the one partition nothing else can come.
    sender.submit_until(START, 2, &[(3, 13, UP)], &value[..1]).await.unwrap();
    assert_eq!(sender.story(|l| !l.is_empty()).await, ["2/0 stored"]);
    let messages = broker::read(&shared(), &format!("{prefix}.course"));
    assert_eq!(messages.iter().map(|m| header(m, "seq")).collect::<Vec<_>>(), [Some("13".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compression_arrives() {
    for compression in ["none", "lz4", "zstd"] {
        let prefix = unique();
        let mut settings = settings(&shared(), &prefix);
        settings["compression"] = compression.into();
        let sender = Sender::new(&settings);
        let rows: Vec<_> = (0..100).map(|n| (n, u64::from(n) + 1, UP)).collect();
        sender.submit(1, &rows).await.unwrap();
        assert_eq!(sender.story(|l| l.len() >= 100).await.len(), 100);
        let messages = broker::read(&shared(), &format!("{prefix}.course"));
        assert_eq!(messages.len(), 100, "{compression}");
        assert!(messages.iter().all(|m| m.partition() == 0), "a school's records stay together");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_return_topic_the_broker_accepts_and_the_platform_judges() {
    let (brokers, prefix) = (shared(), unique());
    let verdicts = format!("{prefix}.verdicts");
    broker::make(&brokers, &verdicts, 1, false);
    let mut settings = settings(&brokers, &prefix);
    settings["return_topic"] = verdicts.as_str().into();
    let sender = Sender::new(&settings);
    // A verdict of before, on the very key: not on this version.
    judge(&brokers, &verdicts, &[(1, 10, "refused old")]);
    sender.submit(1, &[(1, 11, UP), (2, 12, UP)]).await.unwrap();
    assert_eq!(sender.story(|l| !l.is_empty()).await, ["1 accepted"]);
    judge(&brokers, &verdicts, &[(2, 12, "refused 课程号重复"), (9, 9, "stored")]);
    assert_eq!(sender.story(|l| !l.is_empty()).await, ["1/1 refused 课程号重复 KCH"]);
    // Once more the same, and a stranger's topic entry: neither changes anything.
    judge(&brokers, &verdicts, &[(2, 12, "stored"), (1, 11, "stored")]);
    assert_eq!(sender.story(|l| !l.is_empty()).await, ["1/0 stored"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_that_came_while_the_hub_was_away_are_read_after_its_start() {
    let (brokers, prefix) = (shared(), unique());
    let verdicts = format!("{prefix}.verdicts");
    broker::make(&brokers, &verdicts, 1, false);
    let mut settings = settings(&brokers, &prefix);
    settings["return_topic"] = verdicts.as_str().into();
    let first = Sender::new(&settings);
    let (done, partly, unsure) = ([(1, 1, UP)], [(2, 2, UP), (3, 3, UP)], [(4, 4, UP)]);
    first.submit(1, &done).await.unwrap();
    first.submit(2, &partly).await.unwrap();
    first.story(|l| l.len() == 2).await;
    judge(&brokers, &verdicts, &[(1, 1, "stored"), (2, 2, "stored")]);
    first.story(|l| l.len() == 2).await;
    // What was told is in the store by the next question.
    assert!(first.transport.settled().is_empty());
    drop(first);
    judge(&brokers, &verdicts, &[(3, 3, "stored")]);

    // Batch 2 is open in the store, whatever was told of single rows; so is one that was never acknowledged.
    let second = Sender::new(&settings);
    second.transport.resume(&[open_batch(2, &partly, true), open_batch(3, &unsure, false)]).await.unwrap();
    let mut lines = second.story(|l| l.len() == 3).await;
    lines.sort();
    assert_eq!(lines, ["2/0 stored", "2/1 stored", "3 failed Lost transient"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_return_topic_open_batches_come_again() {
    let sender = Sender::new(&settings(&shared(), &unique()));
    sender.transport.resume(&[open_batch(5, &[(1, 1, UP)], true)]).await.unwrap();
    assert_eq!(sender.story(|l| !l.is_empty()).await, ["5 failed Lost transient"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_too_large_is_refused_and_the_others_go() {
    let sender = Sender::new(&settings(&shared(), &unique()));
    let values = [b"{}".to_vec(), vec![b'x'; 2_000_000], b"{}".to_vec()];
    sender.submit_values(1, &[(1, 1, UP), (2, 2, UP), (3, 3, UP)], &values).await.unwrap();
    let lines = sender.story(|l| l.len() == 3).await;
    assert!(lines[0] == "1/0 stored" && lines[1].starts_with("1/1 refused ") && lines[2] == "1/2 stored", "{lines:?}");
}
