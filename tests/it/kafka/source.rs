//! What only topics promise as a source.

use serde_json::{Value, json};
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::finding::Place;
use xiaoshu::source::{Begin, Position, ReadSpec, Source, SourceError, SourcePlace, connector};

use super::broker::{self, shared, unique};

fn open(settings: &Value, topic: &str, resume: Option<&Position>) -> Result<Box<dyn Source>, SourceError> {
    let name = "bus".into();
    let place = SourcePlace { name: &name, settings, base: std::path::Path::new("/") };
    let read = ReadSpec { object: Some(topic.to_owned()), ..ReadSpec::default() };
    connector("kafka").unwrap().open(&place, &read, resume.map_or(Begin::AFRESH, Begin::Resume))
}

fn settings() -> Value {
    json!({"kind": "kafka", "brokers": [shared()], "security": "plaintext"})
}

/// Rows as `column=text …`, and whether all was read.
fn drain(source: &mut dyn Source) -> (Vec<String>, bool) {
    let mut rows = Vec::new();
    while let Some(batch) = source.next_batch(3).unwrap() {
        for row in 0..batch.len() {
            let cells: Vec<&str> = (0..batch.columns().len()).map(|c| batch.cell(row, c).unwrap_or("NULL")).collect();
            rows.push(cells.join(" "));
        }
    }
    (rows, source.is_complete())
}

#[test]
fn of_each_key_the_newest_message_counts() {
    let topic = unique();
    broker::make(&shared(), &topic, 2, true);
    let row = |no: &str, name: &str| format!("{{\"no\":\"{no}\",\"name\":\"{name}\"}}");
    let change = |no: &str, name: &str| format!("{{\"payload\":{{\"before\":null,\"after\":{},\"op\":\"u\"}}}}", row(no, name));
    let (a1, a2, b, c, d) = (row("a", "old"), change("a", "new"), row("b", "b"), row("c", "c"), row("d", "d"));
    let deleted = format!("{{\"payload\":{{\"before\":{d},\"after\":null,\"op\":\"d\"}}}}");
    broker::write(
        &shared(),
        &topic,
        &[
            (Some(0), Some("a"), Some(&a1)),
            (Some(0), Some("b"), Some(&b)),
            (Some(1), Some("c"), Some(&c)),
            (Some(0), Some("a"), Some(&a2)),
            (Some(1), Some("d"), Some(&d)),
            (Some(1), Some("d"), Some(&deleted)),
            (Some(0), Some("b"), None),
        ],
    );
    let (rows, complete) = drain(&mut *open(&settings(), &topic, None).unwrap());
    assert_eq!(rows, ["a new", "c c"]);
    assert!(complete);
}

#[test]
fn a_reading_ends_where_the_topic_ended_when_it_began_and_goes_on_from_a_position() {
    let topic = unique();
    broker::make(&shared(), &topic, 2, true);
    let put = |from: usize, to: usize| {
        let values: Vec<String> = (from..to).map(|n| format!("{{\"no\":\"{n}\"}}")).collect();
        let keys: Vec<String> = (from..to).map(|n| n.to_string()).collect();
        let messages: Vec<_> = values
            .iter()
            .zip(&keys)
            .enumerate()
            .map(|(at, (value, key))| (Some(at as i32 % 2), Some(key.as_str()), Some(value.as_str())))
            .collect();
        broker::write(&shared(), &topic, &messages);
    };
    put(0, 10);
    let mut source = open(&settings(), &topic, None).unwrap();
    let batch = source.next_batch(3).unwrap().unwrap();
    assert_eq!((0..3).map(|row| batch.cell(row, 0).unwrap()).collect::<Vec<_>>(), ["0", "2", "4"]);
    assert!(matches!(batch.place(1), Place::Key(key) if &**key == "0@1"));
    // What comes meanwhile, a newer state of a row already given among it, is for the next run.
    put(0, 20);
    let (rest, complete) = drain(&mut *open(&settings(), &topic, Some(batch.position())).unwrap());
    assert_eq!(rest, ["6", "8", "1", "3", "5", "7", "9"]);
    assert!(!complete, "a reading taken up again has not seen everything in one view");
    assert_eq!(drain(&mut *source).0, rest);
    assert_eq!(drain(&mut *open(&settings(), &topic, None).unwrap()).0.len(), 20);
}

#[test]
fn rows_missing_in_a_topic_that_forgets_are_not_deleted() {
    let topic = unique();
    broker::make(&shared(), &topic, 1, false);
    // Messages without a key are rows of their own; a compacted topic would not take them.
    broker::write(
        &shared(),
        &topic,
        &[(None, Some("1"), Some("{\"no\":1}")), (None, None, Some("{\"no\":2}")), (None, None, Some("{\"no\":2}"))],
    );
    let (rows, complete) = drain(&mut *open(&settings(), &topic, None).unwrap());
    assert_eq!((rows, complete), (["1", "2", "2"].map(str::to_owned).to_vec(), false));
}

#[test]
fn what_is_no_object_is_a_fault_of_its_row() {
    let topic = unique();
    broker::make(&shared(), &topic, 1, true);
    broker::write(&shared(), &topic, &[(None, Some("1"), Some("{\"no\":1}")), (None, Some("2"), Some("1,张三"))]);
    let mut source = open(&settings(), &topic, None).unwrap();
    let batch = source.next_batch(10).unwrap().unwrap();
    assert_eq!(batch.len(), 2);
    assert_eq!(batch.faults().iter().map(|f| (f.row, f.column)).collect::<Vec<_>>(), [(1, None)]);
}

#[test]
fn an_empty_topic_needs_its_columns_from_the_settings() {
    let topic = unique();
    broker::make(&shared(), &topic, 1, true);
    let error = open(&settings(), &topic, None).err().unwrap();
    assert_eq!(error.fault_class(), FaultClass::Configuration);
    assert!(error.to_string().contains("fields"), "{error}");
    let mut set = settings();
    set["fields"] = json!({ topic.as_str(): ["no", "name"] });
    let (rows, complete) = drain(&mut *open(&set, &topic, None).unwrap());
    assert!(rows.is_empty() && complete);
}
