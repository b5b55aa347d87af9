//! Pushed sources: they say what they may hold, and give nothing.

use std::path::Path;

use serde_json::json;
use xiaoshu::fault::{Classified, FaultClass};

use super::{Configured, drain, query, table};

fn configured() -> Configured<'static> {
    let settings = json!({ "kind": "push", "objects": { "course": ["id", "名称"], "room": ["no"] } });
    Configured { kind: "push", settings, base: Path::new("/") }
}

#[test]
fn declared_objects_have_their_columns_and_no_rows() {
    let configured = configured();
    assert!(configured.connector().is_pushed());
    assert_eq!(configured.with(|place| configured.connector().objects(place)).unwrap(), ["course", "room"]);
    let mut source = configured.open(&table("course"), None).unwrap();
    let reading = drain(&mut *source, 10);
    assert_eq!((reading.columns, reading.rows.len()), (vec!["id".to_owned(), "名称".to_owned()], 0));
    assert!(!source.is_complete(), "that nothing came is no sign that nothing is there");
}

#[test]
fn what_is_not_declared_is_a_wrong_setting_and_is_named() {
    for read in [table("lesson"), query("SELECT 1"), xiaoshu::source::ReadSpec::default()] {
        let Err(error) = configured().open(&read, None) else { panic!("opened {read:?}") };
        assert_eq!(error.fault_class(), FaultClass::Configuration);
        assert!(error.to_string().contains("course, room"), "{error}");
    }
}

#[test]
fn the_settings_schema_is_closed() {
    let configured = configured();
    let schema = serde_json::from_str(configured.connector().settings_schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    assert!(validator.is_valid(&configured.settings));
    for wrong in [
        json!({ "kind": "push" }),
        json!({ "kind": "push", "objects": {} }),
        json!({ "kind": "push", "objects": { "course": ["id", "id"] } }),
        json!({ "kind": "push", "objects": { "course": ["id"] }, "path": "x" }),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}
