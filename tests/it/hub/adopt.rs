//! A school that leaves a vendor keeps the keys under which it was reported; a changed key stops its table only.

use std::collections::{BTreeMap, BTreeSet};

use xiaoshu::app;

use super::school::School;

const TABLE: &str = "ODS_KCJBSJ";
const KEYS: usize = 10_000;

/// A key as a vendor may have minted it: 32 upper-case letters and digits, from nothing that the hub knows.
fn vendor_key(i: usize) -> String {
    format!("VENDORZ{i:025}")
}

/// A school whose courses bring these keys: (course, hours, key).
fn adopting(rows: impl IntoIterator<Item = (usize, usize, String)>) -> School {
    let school = School::new(0, 0);
    courses(&school, rows);
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    school.write("mappings/courses.toml", &mapping.replace("[fields]", "[key]\nadopt = { column = \"平台主键\" }\n[fields]"));
    school
}

fn courses(school: &School, rows: impl IntoIterator<Item = (usize, usize, String)>) {
    let mut text = "课程号,课程名称,总学时,平台主键\n".to_owned();
    for (i, hours, key) in rows {
        text.push_str(&format!("K{i:05},课程{i},{hours},{key}\n"));
    }
    school.write("files/courses.csv", &text);
}

/// Course and hours by key, as the platform holds them.
fn held(school: &School) -> BTreeMap<String, (String, u64)> {
    let rows = school.runtime.block_on(school.brain.held(TABLE)).expect("rows");
    let parsed = rows.into_iter().map(|row| {
        let body: serde_json::Value = serde_json::from_str(&row.body).expect("a row");
        let hours = body["JXJHGDKSS"].as_u64().or_else(|| body["JXJHGDKSS"].as_str()?.parse().ok());
        (row.key, (body["KCH"].as_str().expect("a course").to_owned(), hours.expect("hours")))
    });
    parsed.collect()
}

/// Keys that were written with more than one content.
fn rewritten(school: &School) -> BTreeSet<String> {
    let mut contents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for write in school.runtime.block_on(school.brain.writes(Some(TABLE))).expect("writes") {
        contents.entry(write.key).or_default().insert(write.digest);
    }
    contents.into_iter().filter(|(_, contents)| contents.len() > 1).map(|(key, _)| key).collect()
}

fn collisions(school: &School) -> u64 {
    let status = app::status(&school.context()).expect("a status");
    assert!(status.imbalances.is_empty(), "{:?}", status.imbalances);
    status.tables.iter().map(|t| t.collisions).sum()
}

#[test]
fn two_courses_with_one_adopted_key_never_overwrite_each_other() {
    let row = |i: usize, hours: usize, key: usize| (i, hours, vendor_key(key));
    // Within one batch, and beyond it: 1,500 rows are more than one.
    let mut rows: Vec<_> = (0..1_500).map(|i| row(i, 32, i)).collect();
    rows[7] = row(7, 32, 3);
    rows[1_400] = row(1_400, 32, 3);
    let school = adopting(rows.clone());
    school.round();
    assert_eq!((collisions(&school), held(&school).len()), (2, 1_498));
    assert_eq!(held(&school)[&vendor_key(3)], ("K00003".to_owned(), 32));
    assert_eq!(rewritten(&school), BTreeSet::new());

    // Across runs: a new course with a key that stands upstream; and the holder changes meanwhile.
    rows.push(row(2_000, 16, 9));
    rows[3] = row(3, 48, 3);
    courses(&school, rows.clone());
    school.round();
    assert_eq!((collisions(&school), held(&school).len()), (3, 1_498));
    assert_eq!(held(&school)[&vendor_key(3)], ("K00003".to_owned(), 48));

    // Told in both languages, by rule, naming the field and the holder.
    let ask = app::QuarantineRequest { rule: Some("key_collision".to_owned()), ..app::QuarantineRequest::default() };
    let list = app::quarantine_list(&school.context(), &ask).expect("a list");
    assert_eq!(list.rows.len(), 3);
    for row in &list.rows {
        let violation = &row.violations[0];
        assert_eq!(violation.field.as_deref(), Some("ZJSJWYXBS"));
        for text in [&violation.text.zh, &violation.text.en] {
            assert!(text.contains("KCH=K0000") && text.contains("VENDORZ"), "{text}");
        }
    }

    // Mended: a key of its own, or none at all; each lands by itself.
    rows[7] = row(7, 32, 7);
    rows[1_400] = (1_400, 32, String::new());
    rows[1_500] = row(2_000, 16, 2_000);
    courses(&school, rows.clone());
    school.round();
    assert_eq!((collisions(&school), held(&school).len()), (0, 1_501));
    assert_eq!(held(&school)[&vendor_key(7)].0, "K00007");
    assert_eq!(rewritten(&school), BTreeSet::from([vendor_key(3)]), "the course that changed, and no other");

    // An export without the column's values keeps the keys: nothing is reported anew.
    courses(&school, rows.iter().map(|(i, hours, _)| (*i, hours + 1, String::new())));
    school.round();
    assert_eq!(held(&school).len(), 1_501);
    assert_eq!(held(&school)[&vendor_key(7)], ("K00007".to_owned(), 33));
}

#[test]
fn an_adopted_key_that_another_course_was_given_waits() {
    let school = School::new(20, 0);
    school.round();
    let minted = school.runtime.block_on(school.brain.held(TABLE)).expect("rows")[0].key.clone();
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    school.write("mappings/courses.toml", &mapping.replace("[fields]", "[key]\nadopt = { column = \"平台主键\" }\n[fields]"));
    let text = std::fs::read_to_string(school.path("files/courses.csv")).expect("read");
    let mut lines = text.lines().map(|line| format!("{line},")).collect::<Vec<_>>();
    lines[0].push_str("平台主键");
    lines.push(format!("K9999,新课程,20,{minted}"));
    school.write("files/courses.csv", &format!("{}\n", lines.join("\n")));
    let effects = school.effects();
    school.round();
    assert_eq!((collisions(&school), school.effects()), (1, effects));
    assert_eq!(rewritten(&school), BTreeSet::new());
}

#[test]
fn no_step_of_the_ramp_is_taken_while_keys_collide() {
    let school = adopting((0..5).map(|i| (i, 32, vendor_key(i / 2))));
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    school.write("xiaoshu.toml", &settings.replace("ramp = \"open\"", "ramp = \"closed\""));
    school.round();
    assert_eq!((collisions(&school), school.effects()), (2, 0));
    let to = |to| app::ReleaseRequest { table: Some(TABLE.to_owned()), upstream: None, to: Some(to) };
    let next = || app::release(&school.context(), &to(app::RampTarget::Next)).expect("an answer").ramps.remove(0);
    let refused = next();
    let why = refused.refused.expect("a reason");
    assert!(!refused.moved && why.zh.contains("key_collision") && why.en.contains("key_collision"), "{why:?}");
    assert_eq!(refused.step, "closed");

    // Nothing was reported yet, so that the first holder's key may be the one that is mended.
    courses(&school, (0..5).map(|i| (i, 32, vendor_key(if i % 2 == 0 { 10 + i } else { i / 2 }))));
    school.round();
    school.round();
    assert_eq!(collisions(&school), 0);
    assert!(next().moved);
    school.round();
    assert_eq!(held(&school)[&vendor_key(0)].0, "K00001");
    assert_eq!(held(&school)[&vendor_key(10)].0, "K00000");
    assert_eq!(rewritten(&school), BTreeSet::new());
    // Further down is never refused.
    let down = app::release(&school.context(), &to(app::RampTarget::Closed)).expect("an answer");
    assert!(down.ramps[0].moved);
}

#[test]
fn ten_thousand_adopted_keys_are_reported_and_none_is_minted() {
    let school = adopting((0..KEYS).map(|i| (i, 32, vendor_key(i))));
    school.round();
    let held = school.runtime.block_on(school.brain.held("ODS_KCJBSJ")).expect("rows");
    let keys: BTreeSet<String> = held.into_iter().map(|row| row.key).collect();
    assert_eq!(keys, (0..KEYS).map(vendor_key).collect::<BTreeSet<_>>());
}

#[test]
fn another_natural_key_parks_the_table_until_it_is_approved() {
    let school = School::new(30, 0);
    school.round();
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    school.write("mappings/courses.toml", &mapping.replace("[fields]", "[key]\nfields = [\"KCH\", \"KCMC\"]\n[fields]"));
    let effects = school.effects();
    school.courses(0..40);
    school.round();
    assert_eq!(school.effects(), effects, "nothing goes under a key that nobody approved");
    let status = app::status(&school.context()).expect("a status");
    let parked: Vec<&str> = status.tables.iter().filter(|t| t.parked.is_some()).map(|t| t.table.as_str()).collect();
    assert_eq!(parked, ["ODS_KCJBSJ"]);

    let ask = |approve| app::RekeyRequest { table: "ODS_KCJBSJ".to_owned(), approve };
    let looked = app::rekey(&school.context(), &ask(false)).expect("listed");
    assert_eq!((looked.orphaned, looked.done), (30, false));
    let done = app::rekey(&school.context(), &ask(true)).expect("approved");
    assert!(done.done && done.orphaned == 30, "{done:?}");
    school.round();
    assert_eq!(school.effects(), effects, "a rekeyed table starts closed");
    let open = app::ReleaseRequest { table: Some("ODS_KCJBSJ".to_owned()), upstream: None, to: Some(app::RampTarget::Open) };
    app::release(&school.context(), &open).expect("released");
    school.round();
    assert_eq!(school.effects(), effects + 40, "all rows again, under new keys");
}
