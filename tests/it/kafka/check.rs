//! What keeps an upstream from being reached, told apart.

use serde_json::json;
use xiaoshu::fault::FaultClass;
use xiaoshu::report::Fate;

use super::broker::{self, shared, unique};
use super::sender::{Sender, settings, settings_schema};
use xiaoshu::store::Op;

async fn trouble(settings: &serde_json::Value) -> (FaultClass, String) {
    let error = Sender::new(settings).transport.check().await.unwrap_err();
    assert_eq!(error.fate, Fate::NotSent);
    assert!(!format!("{error} {error:?}").contains("not-the-password"), "{error:?}");
    (error.class, error.text.en)
}

#[tokio::test(flavor = "multi_thread")]
async fn names_lines_accounts_rights_and_topics_are_told_apart() {
    let prefix = unique();
    let nowhere = settings("no-such-host.invalid:9092", &prefix);
    let down = settings("127.0.0.1:1", &prefix);
    let mut missing = settings(&shared(), &prefix);
    missing.as_object_mut().unwrap().remove("create");
    let (address, password) = broker::by_account();
    let mut account = settings(&address, &prefix);
    account["security"] = "sasl_plain".into();
    account["tls"] = false.into();
    account["user"] = "xiaoshu".into();
    account["password"] = "not-the-password".into();
    let mut stranger = account.clone();
    stranger["user"] = "stranger".into();
    stranger["password"] = password.as_str().into();
    broker::make(&shared(), &format!("{prefix}.basic"), 1, true);
    let cases = [
        (nowhere, FaultClass::Configuration, "cannot be resolved"),
        (down, FaultClass::Transient, "no broker can be reached"),
        (missing, FaultClass::Configuration, "no such topic"),
        (account.clone(), FaultClass::Credentials, "account was not accepted"),
        (stranger, FaultClass::Credentials, "no right to this topic"),
    ];
    for (settings, class, words) in cases {
        let (found, text) = trouble(&settings).await;
        assert!(found == class && text.contains(words), "{found:?} {text} for {settings}");
    }
    account["password"] = password.into();
    let notes = Sender::new(&account).transport.check().await.unwrap();
    assert_eq!(notes.len(), 7);
    assert!(notes[6].en.contains("cannot be compared"), "{notes:?}");
    assert!(notes[0].en.contains("1 partitions") && notes[1].en.contains("not there yet"), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_stops_a_table_and_nothing_was_sent() {
    let mut settings = settings(&shared(), &unique());
    settings.as_object_mut().unwrap().remove("create");
    let error = Sender::new(&settings).submit(1, &[(1, 1, Op::Upsert)]).await.unwrap_err();
    assert_eq!((error.fate, error.class), (Fate::NotSent, FaultClass::Configuration));
    assert_eq!(error.reach, xiaoshu::report::Reach::Table);
}

#[test]
fn the_schema_describes_its_settings_and_marks_secrets() {
    let schema = settings_schema();
    assert_eq!(schema["properties"]["kind"]["const"], "kafka");
    for (name, property) in schema["properties"].as_object().unwrap() {
        let described = property["description"].is_string() || ["kind", "delivery", "rows"].contains(&name.as_str());
        assert!(described, "{name} is not described");
    }
    let mut settings = settings("k:9092", "p");
    settings["unknown"] = json!(1);
    assert!(!jsonschema::draft202012::is_valid(&schema, &settings));
}
