//! Two sources of one table: the holder's record stands, nothing flips, a takeover is a step of its own.

use std::collections::BTreeMap;

use xiaoshu::app::{self, CheckRequest, TakeoverAnswer, TakeoverRequest};

use super::school::School;

const TABLE: &str = "ODS_KCJBSJ";

/// The school whose courses come from `jw` and from `tm` as well, which gives nothing yet.
fn shared(school: School) -> School {
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    let second =
        "[sources.tm]\nkind = \"csv\"\npath = \"other\"\nsettle = 0\nsystem = \"TM\"\nowner = \"教材科\"\n\n[upstreams.moe]";
    school.write("xiaoshu.toml", &settings.replacen("[upstreams.moe]", second, 1));
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    school.write("mappings/courses-tm.toml", &mapping.replacen("\"jw\"", "\"tm\"", 1));
    other(&school, &[]);
    school.round();
    school
}

/// What `tm` gives: course and hours.
fn other(school: &School, rows: &[(usize, usize)]) {
    let rows: String = rows.iter().map(|(i, hours)| format!("K{i:04},课程{i},{hours}\n")).collect();
    school.write("other/courses.csv", &format!("课程号,课程名称,总学时\n{rows}"));
}

/// Hours as the platform holds them, by course.
fn hours(school: &School) -> BTreeMap<String, u64> {
    let rows = school.runtime.block_on(school.brain.held(TABLE)).expect("rows");
    let parsed = rows.into_iter().map(|row| {
        let body: serde_json::Value = serde_json::from_str(&row.body).expect("a row");
        let hours = body["JXJHGDKSS"].as_u64().or_else(|| body["JXJHGDKSS"].as_str()?.parse().ok());
        (body["KCH"].as_str().expect("a course").to_owned(), hours.expect("hours"))
    });
    parsed.collect()
}

/// Field, holder, other source and rows of each difference.
fn differences(school: &School) -> Vec<(String, String, String, u64)> {
    let status = app::status(&school.context()).expect("a status");
    assert!(status.imbalances.is_empty(), "{:?}", status.imbalances);
    status.differences.into_iter().map(|d| (d.field, d.holder, d.source, d.rows)).collect()
}

fn takeover(school: &School, yes: bool) -> TakeoverAnswer {
    let request = TakeoverRequest { table: TABLE.into(), from: "jw".into(), to: "tm".into(), yes };
    app::takeover(&school.context(), &request).expect("a takeover")
}

fn unmap(school: &School) {
    std::fs::remove_file(school.path("mappings/courses.toml")).expect("removed");
}

/// Courses 0 to 3 as `jw` has them, 4 and 5 with other hours, 10 and 11 of its own.
const OTHER: [(usize, usize); 8] = [(0, 16), (1, 17), (2, 18), (3, 19), (4, 99), (5, 98), (10, 50), (11, 51)];

fn nothing_flips(school: &School) {
    other(school, &OTHER);
    school.round();
    let (effects, held) = (school.effects(), school.held());
    assert_eq!((hours(school).len(), hours(school)["K0004"]), (12, 20));
    for _ in 0..3 {
        let answer = school.round();
        assert!(answer.runs.iter().all(|run| run.error.is_none()));
        assert_eq!((school.effects(), school.held()), (effects, held.clone()), "a record was written again");
        assert_eq!(differences(school), [("JXJHGDKSS".to_owned(), "jw".to_owned(), "tm".to_owned(), 2)]);
    }
    // They agree: the rows close by themselves.
    let mut mended = OTHER;
    (mended[4].1, mended[5].1) = (20, 21);
    other(school, &mended);
    school.round();
    assert_eq!((school.effects(), differences(school)), (effects, Vec::new()));
}

#[test]
fn nothing_flips_over_three_runs() {
    nothing_flips(&shared(School::new(10, 0)));
}

#[test]
fn nothing_flips_over_three_runs_on_postgres() {
    nothing_flips(&shared(School::on_postgres(10, 0)));
}

fn a_takeover(school: &School) {
    other(school, &OTHER);
    school.round();
    let effects = school.effects();
    let asked = takeover(school, false);
    assert_eq!((asked.held, asked.given, asked.differing, asked.left), (10, 6, 2, 4));
    assert_eq!((asked.fields.len(), &*asked.fields[0].field, asked.fields[0].records), (1, "JXJHGDKSS", 2));
    assert!(!asked.done && asked.from_is_mapped);
    school.round();
    assert_eq!(school.effects(), effects, "asking changes nothing");

    assert!(takeover(school, true).done);
    school.round();
    assert_eq!((hours(school)["K0004"], hours(school)["K0005"], hours(school)["K0006"]), (99, 98, 22));
    assert_eq!(school.effects(), effects + 2);
    for _ in 0..3 {
        school.round();
        assert_eq!(school.effects(), effects + 2, "a record was written again");
        assert_eq!(differences(school), [("JXJHGDKSS".to_owned(), "tm".to_owned(), "jw".to_owned(), 2)]);
    }

    // The former source goes: what the new one does not give waits for approval.
    unmap(school);
    school.round();
    let status = app::status(&school.context()).expect("a status");
    assert!(status.unowned.is_empty() && status.differences.is_empty());
    let held: Vec<_> = status.deletions.iter().map(|d| (&*d.table, &*d.source, d.count)).collect();
    assert_eq!(held, [(TABLE, "jw", 4)]);
    assert_eq!((school.effects(), hours(school).len()), (effects + 2, 12));
    let approve = app::ApproveRequest { table: Some(TABLE.into()), list: Some(status.deletions[0].code.clone()) };
    assert_eq!(app::approve(&school.context(), &approve).expect("approved").approved, Some(4));
    school.round();
    let status = app::status(&school.context()).expect("a status");
    let live: Vec<u64> = status.tables.iter().filter(|t| t.table == TABLE).map(|t| t.live).collect();
    assert_eq!((live, status.deletions.len()), (vec![8], 0));
}

#[test]
fn a_takeover_moves_records_once() {
    a_takeover(&shared(School::new(10, 0)));
}

#[test]
fn a_takeover_moves_records_once_on_postgres() {
    a_takeover(&shared(School::on_postgres(10, 0)));
}

#[test]
fn what_the_holder_gives_up_goes_to_the_other_source_without_a_deletion() {
    let school = shared(School::new(100, 0));
    other(&school, &[(4, 99), (5, 21)]);
    school.round();
    let effects = school.effects();
    school.courses(6..100);
    school.round();
    school.round();
    // Courses 0 to 3 are gone; 4 is as the other source has it, 5 as it was.
    assert_eq!(hours(&school)["K0004"], 99);
    assert_eq!(hours(&school)["K0005"], 21);
    let writes = school.runtime.block_on(school.brain.writes(Some(TABLE))).expect("writes");
    assert_eq!(writes.len(), 101, "{effects} effects before");
    assert!(differences(&school).is_empty());
}

#[test]
fn records_of_a_source_without_a_mapping_are_nobodys_until_somebody_takes_over() {
    let school = shared(School::new(10, 0));
    other(&school, &OTHER);
    school.round();
    let (effects, live) = (school.effects(), hours(&school).len());
    unmap(&school);
    school.round();
    let status = app::status(&school.context()).expect("a status");
    let unowned: Vec<_> = status.unowned.iter().map(|u| (&*u.table, &*u.source, u.records)).collect();
    assert_eq!(unowned, [(TABLE, "jw", 10)]);
    assert!(status.unowned[0].remedy.en.contains("xiaoshu takeover ODS_KCJBSJ --from jw --to tm"));
    let check = app::check(&school.context(), &CheckRequest::default()).expect("a check");
    let steps: Vec<_> = check.steps.iter().filter(|step| step.found.en.contains("nobody's")).collect();
    assert_eq!((steps.len(), steps[0].ok), (1, Some(false)));
    assert_eq!((school.effects(), hours(&school).len()), (effects, live), "they stand");

    let done = takeover(&school, true);
    assert_eq!((done.given, done.left, done.to_approve, done.from_is_mapped), (6, 4, 4, false));
    school.round();
    let status = app::status(&school.context()).expect("a status");
    assert!(status.unowned.is_empty());
    assert_eq!(status.deletions.iter().map(|d| d.count).sum::<u64>(), 4);
    assert_eq!(hours(&school)["K0004"], 99);
}

#[test]
fn a_takeover_names_what_is_wrong_with_it() {
    let school = shared(School::new(4, 0));
    for (table, from, to, said) in [
        (TABLE, "jw", "mt", "is not mapped onto ODS_KCJBSJ"),
        (TABLE, "tm", "tm", "are the same source"),
        ("ODS_KCJBSY", "jw", "tm", "ODS_KCJBSJ"),
    ] {
        let request = TakeoverRequest { table: table.into(), from: from.into(), to: to.into(), yes: false };
        let error = app::takeover(&school.context(), &request).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
    }
}
