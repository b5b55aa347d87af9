//! What only SQLite and the hub's own store promise.

use serde_json::json;
use tempfile::TempDir;
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::{ColumnKind, load_script};

use super::{Configured, query, some, table};

#[test]
fn values_come_by_their_own_type() {
    let folder = TempDir::new().unwrap();
    let sql = "CREATE TABLE t (i INTEGER, r REAL, t TEXT, b BLOB, d DATE, free);
        INSERT INTO t VALUES (9007199254740993, 90.0, '0012', x'00ffAB', '2023-09-01', 0.1), (-1, 1e21, 12, NULL, NULL, 'text');";
    load_script(&folder.path().join("t.db"), sql).unwrap();
    let configured = Configured { kind: "sqlite", settings: json!({ "kind": "sqlite", "path": "t.db" }), base: folder.path() };
    let reading = configured.read(&table("t"));
    let expected = [
        ["9007199254740993", "90", "0012", "00ffab", "2023-09-01", "0.1"].map(some).to_vec(),
        vec![some("-1"), some("1000000000000000000000"), some("12"), None, None, some("text")],
    ];
    assert_eq!(reading.rows, expected);
    let source = configured.open(&table("t"), None).unwrap();
    let kinds: Vec<ColumnKind> = source.columns().iter().map(|column| column.kind).collect();
    use ColumnKind::{Bytes, Date, Number, Text, Unknown};
    assert_eq!(kinds, [Number, Number, Text, Bytes, Date, Unknown]);
}

#[test]
fn texts_that_were_stored_in_another_encoding_are_decoded_or_shown() {
    let folder = TempDir::new().unwrap();
    // 职业教育 in GB18030; the first half would pass for UTF-8.
    load_script(
        &folder.path().join("t.db"),
        "CREATE TABLE t (name TEXT); INSERT INTO t VALUES (CAST(x'D6B0D2B5BDCCD3FD' AS TEXT));",
    )
    .unwrap();
    let mut configured =
        Configured { kind: "sqlite", settings: json!({ "kind": "sqlite", "path": "t.db" }), base: folder.path() };
    let reading = configured.read(&table("t"));
    assert_eq!(reading.rows, [[some("\u{5B0}\u{4B5}\\xBD\\xCC\\xD3\\xFD")]]);
    assert_eq!(reading.faults.len(), 1);
    assert_eq!(reading.faults[0].1, Some(0));
    configured.settings["reinterpret"] = "gb18030".into();
    let reading = configured.read(&table("t"));
    assert_eq!((reading.rows, reading.faults.len()), (vec![vec![some("职业教育")]], 0));
}

#[test]
fn a_database_in_utf_16_reads_like_any_other() {
    let folder = TempDir::new().unwrap();
    let sql = "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (name TEXT); INSERT INTO t VALUES ('职业𫖯'), ('');";
    load_script(&folder.path().join("t.db"), sql).unwrap();
    let configured = Configured { kind: "sqlite", settings: json!({ "kind": "sqlite", "path": "t.db" }), base: folder.path() };
    assert_eq!(configured.read(&table("t")).rows, [[some("职业𫖯")], [some("")]]);
}

#[test]
fn the_hubs_views_are_read_like_tables() {
    let folder = TempDir::new().unwrap();
    load_script(
        &folder.path().join("hub.db"),
        "CREATE TABLE feed (seq INTEGER, name TEXT); INSERT INTO feed VALUES (2, '乙'), (1, '甲');",
    )
    .unwrap();
    let settings = json!({
        "kind": "hub", "database": "hub.db",
        "prelude": ["CREATE TEMP VIEW roster AS SELECT name FROM feed ORDER BY seq", "CREATE TEMP VIEW other AS SELECT 1 AS one"],
    });
    let configured = Configured { kind: "hub", settings, base: folder.path() };
    assert_eq!(configured.read(&table("roster")).rows, [[some("甲")], [some("乙")]]);
    assert_eq!(configured.read(&query("SELECT count(*) AS n FROM roster, other")).rows, [[some("2")]]);
    let objects = configured.with(|place| configured.connector().objects(place)).unwrap();
    assert_eq!(objects, ["feed", "other", "roster"]);
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("t.db"), "no database, but long enough to be looked at ".repeat(50)).unwrap();
    for (path, class) in [("t.db", FaultClass::Data), ("absent.db", FaultClass::Configuration)] {
        let configured = Configured { kind: "sqlite", settings: json!({ "kind": "sqlite", "path": path }), base: folder.path() };
        let error = configured.with(|place| configured.connector().check(place)).unwrap_err();
        assert_eq!(error.fault_class(), class, "{error}");
        assert!(error.to_string().contains(path), "{error}");
    }
}

#[test]
fn a_script_that_fails_leaves_what_was_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.db");
    load_script(&path, "CREATE TABLE kept (a TEXT);").unwrap();
    assert!(load_script(&path, "CREATE TABLE lost (a TEXT); SELEKT;").is_err());
    let configured = Configured { kind: "sqlite", settings: json!({ "kind": "sqlite", "path": "t.db" }), base: folder.path() };
    assert_eq!(configured.with(|place| configured.connector().objects(place)).unwrap(), ["kept"]);
}
