//! Portraits: computed out of what is mapped, the same text on both stores, and unchanged where nothing changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use xiaoshu::normalize::DeriveContext;
use xiaoshu::standard::{EditionId, Standard};

use super::making::{context, document, made, standard};
use super::school::{School, shipped};
use crate::hub::school::keep_in_postgres;

const STUDENTS: &str = "ODS_XSHXSJ";
const ITEMS: &str = "ODS_XXHXPJWDMSSJ";
const STAFF: &str = "ODS_JSHXSJ";
const STAFF_ITEMS: &str = "ODS_JSHXPJWDMSSJ";
const COLUMNS: &[&str] = &["person", "item", "value"];
const DAY: Duration = Duration::from_secs(86_400);

fn portrait(rows: &[&[&str]], context: &DeriveContext) -> Vec<Vec<String>> {
    let (columns, rows, _) = made(&shipped("gaozhi-2024.09", STUDENTS), context, COLUMNS, rows).expect("portraits");
    assert_eq!(columns[..3], ["person", "portrait", "made"]);
    rows.into_iter().map(|row| row[..3].to_vec()).collect()
}

#[test]
fn what_is_known_is_said_in_the_declared_order_and_codes_by_their_labels() {
    let rows: &[&[&str]] = &[
        &["1", "0204", "电工证"],
        &["1", "0104", "2"],
        &["1", "0101", "1"],
        &["1", "0204", "钳工证"],
        &["1", "0204", "电工证"],
        &["1", "0103", "-"],
        &["1", "0111", "  "],
        &["2", "0104", "1"],
        &["3", "0101", "3"],
        &["3", "0104", "不明代码"],
    ];
    let found = portrait(rows, &context());
    let first = r#"{"basic":{"student_no":"1","sex":"女性"},"study":{"certificates":"电工证、钳工证"}}"#;
    let third = r#"{"basic":{"student_no":"3","sex":"不明代码"}}"#;
    assert_eq!(found, [["1", first, "20241120"], ["3", third, "20241120"]], "the second is in no roster");
}

#[test]
fn sensitive_items_are_said_where_the_school_switched_them_on() {
    let rows: &[&[&str]] = &[&["1", "0101", "1"], &["1", "0105", "03"], &["1", "0503", "12.50"]];
    assert_eq!(portrait(rows, &context())[0][1], r#"{"basic":{"student_no":"1"}}"#);
    let shown = |classes: &[&str]| DeriveContext { shown: classes.iter().map(|c| (*c).to_owned()).collect(), ..context() };
    let political = portrait(rows, &shown(&["political_status"]));
    assert!(political[0][1].contains("political_status") && !political[0][1].contains("spent_today"), "{political:?}");
    assert!(portrait(rows, &shown(&["spending"]))[0][1].contains(r#""spent_today":"12.50""#));
}

#[test]
fn a_portrait_keeps_its_day_as_long_as_it_says_the_same() {
    let text = r#"{"basic":{"student_no":"1","class":"机电一班"}}"#;
    let same: &[&[&str]] = &[&["1", "made", "20240901"], &["1", "0111", "机电一班"], &["1", "was", text], &["1", "0101", "1"]];
    assert_eq!(portrait(same, &context()), [["1", text, "20240901"]]);
    let other: &[&[&str]] = &[&["1", "made", "20240901"], &["1", "0111", "机电二班"], &["1", "was", text], &["1", "0101", "1"]];
    assert_eq!(portrait(other, &context())[0][2], "20241120");
    let left: &[&[&str]] = &[&["1", "made", "20240901"], &["1", "was", text]];
    assert!(portrait(left, &context()).is_empty(), "who left the roster has no portrait");
}

#[test]
fn what_has_no_room_goes_from_the_end_of_the_list_and_no_value_is_cut() {
    let long: Vec<String> = (10..90).map(|n| format!("{n}{}", "证".repeat(38))).collect();
    let mut rows: Vec<[&str; 3]> = vec![["1", "0101", "1"], ["1", "0103", "张三"], ["1", "9999-clubs", "4"]];
    rows.extend(long.iter().map(|name| ["1", "0204", name.as_str()]));
    rows.extend(long.iter().map(|name| ["1", "0701", name.as_str()]));
    let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
    let text = &portrait(&rows, &context())[0][1];
    let said: Value = serde_json::from_str(text).expect("JSON");
    let names = said["study"]["certificates"].as_str().expect("a text");
    assert!(names.chars().count() <= 300 && names.split('、').all(|name| name.chars().count() == 40), "whole values only");
    assert_eq!(said["development"]["club_activities"], "4", "there is room for all items of 300 characters");

    // The same with a field of 100 characters: the clubs go first, then honours, then certificates one by one.
    let narrow = document(
        "table = \"ODS_XSHXSJ\"\nsource = \"hub\"\nmode = \"computed\"\n[read]\nquery = \"SELECT 1\"\n[portrait]\nof = \"student\"\n\
         rows = \"person\"\nroster = \"CORE_XS\"\nfield = \"XSXM\"\n[fields]\nXH = \"person\"\n",
    );
    let few: &[&[&str]] = &[&["1", "0101", "1"], &["1", "0104", "1"], &["1", "9999-clubs", "4"]];
    let (_, found, _) = made(&narrow, &context(), COLUMNS, few).expect("portraits");
    assert_eq!(found[0][1], r#"{"basic":{"student_no":"1"}}"#, "36 characters, and the sex has no room");
}

#[test]
fn an_item_that_nobody_knows_is_a_fault_of_the_query() {
    let rows: &[&[&str]] = &[&["1", "0101", "1"], &["1", "0999", "张三"]];
    let refused = made(&shipped("gaozhi-2024.09", STUDENTS), &context(), COLUMNS, rows).expect_err("refused");
    assert!(refused.0.en.contains("0999") && !refused.0.en.contains("张三"), "{refused:?}");
}

#[test]
fn portraits_become_rows_again() {
    let text = r#"{"basic":{"student_no":"1","sex":"女性","shoe":"38"},"study":{"certificates":"电工证"}}"#;
    let rows: &[&[&str]] = &[&["1", text], &["2", "no portrait"], &["3", r#"{"basic":{"sex":"男性"}}"#]];
    let (columns, found, _) = made(&shipped("gaozhi-2024.09", ITEMS), &context(), &["person", "portrait"], rows).expect("rows");
    assert_eq!(columns, ["person", "group", "group_zh", "name", "name_zh", "about", "code", "value"]);
    let told: Vec<_> = found.iter().map(|row| (&*row[0], &*row[3], &*row[6], &*row[7])).collect();
    let want = [
        ("1", "student_no", "0101", "1"),
        ("1", "sex", "0104", "女性"),
        ("1", "certificates", "0204", "电工证"),
        ("3", "sex", "0104", "男性"),
    ];
    assert_eq!(told, want);

    let of_term = shipped("zhongzhi-2025.03", "ODS_ZZXXHXPJWDMSSJ");
    let rows: &[&[&str]] = &[&["2024-2025", "1", text], &["2024-2025", "1", r#"{"basic":{"sex":"男性","class":"一班"}}"#]];
    let (_, found, _) = made(&of_term, &context(), &["year", "term", "portrait"], rows).expect("rows");
    let told: Vec<_> = found.iter().map(|row| (&*row[1], &*row[4], &*row[8])).collect();
    let once = [("1", "student_no", "-"), ("1", "sex", "-"), ("1", "certificates", "-"), ("1", "class", "-")];
    assert_eq!(told, once, "an item comes once, and nobody's value with it");
}

#[test]
fn the_items_are_those_of_the_national_list() {
    let list = Standard::load(&EditionId::new("zhongzhi-2025.03"), None).expect("an edition");
    let codes = list.code_set("PJWDDYDM").expect("the list of what portraits say");
    for item in list.portrait_items() {
        let label = codes.find(&item.code).map(|at| codes.get(at).label.to_string());
        assert!(label.is_some(), "{} has no code {}", item.item, item.code);
        assert!(item.code == "9999" || label.as_deref() == Some(&*item.name.1), "{}: {label:?}", item.item);
        assert!(item.about.chars().count() <= 300 && item.name.0.is_ascii() && item.group.0.is_ascii(), "{}", item.item);
        let sensitive = ["0105", "0501", "0502", "0503"].contains(&&*item.code);
        assert_eq!(item.sensitive.is_some(), sensitive, "{}", item.item);
    }
    assert!(standard().portrait_items().iter().any(|item| item.of == "staff"));
}

#[test]
fn every_portrait_that_is_shipped_fits_its_edition() {
    let mut seen = 0;
    for edition in ["gaozhi-2023.06", "gaozhi-2024.09", "zhongzhi-2023.06", "zhongzhi-2025.03"] {
        let standard = Standard::load(&EditionId::new(edition), None).expect("an edition");
        for (path, text) in standard.shipped_mappings() {
            let mapping = xiaoshu::normalize::MappingDocument::parse(path, text).unwrap_or_else(|faults| panic!("{faults:?}"));
            let Some(roster) = mapping.roster() else { continue };
            let table = standard.find(mapping.table()).unwrap_or_else(|| panic!("{path}"));
            assert!(standard.find(roster).is_some(), "{path}");
            assert_eq!(mapping.derivation_faults(table, &standard), [], "{path}");
            for name in &mapping.read().optional {
                assert!(standard.find(name).is_some(), "{path}: {name}");
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 12, "two of each edition, and two of what they say in the newer ones");
}

/// What the sample school maps of what portraits are made of.
const WHOLE: &[&str] = &[
    "CORE_DW",
    "CORE_JZG",
    "CORE_XL",
    "CORE_ZY",
    "CORE_BJ",
    "CORE_XS",
    "ODS_PKSJ",
    "ODS_XSXKSJ",
    "ODS_JZDSQSJ",
    "ODS_XSJNZSSJ",
    "ODS_XSQQSJ",
    "ODS_XSQJSJ",
    "ODS_TSJYSJ",
    "ODS_LWFBSJ",
    "ODS_XXJXSJ",
    "ODS_JSQYJZSJSJ",
];

fn said(row: &BTreeMap<String, String>) -> BTreeMap<String, BTreeMap<String, String>> {
    serde_json::from_str(&row["PJWDJJG"]).expect("a portrait")
}

fn names(rows: &[BTreeMap<String, String>]) -> BTreeSet<String> {
    rows.iter().flat_map(|row| said(row).into_values().flat_map(BTreeMap::into_keys).collect::<Vec<_>>()).collect()
}

/// Collects once and gives portraits and items of students and of staff.
fn first_day(school: &School) -> [Vec<BTreeMap<String, String>>; 4] {
    let first = school.collect();
    let (students, staff) = (first.counts("CORE_XS").1, first.counts("CORE_JZG").1);
    for (table, rows) in [(STUDENTS, students), (STAFF, staff)] {
        assert_eq!(first.counts(table), (rows, rows, 0), "{table}");
    }
    let landed = [STUDENTS, ITEMS, STAFF, STAFF_ITEMS].map(|table| first.landed(table));
    for (portraits, items) in [(0, 1), (2, 3)] {
        let said: usize = landed[portraits].iter().flat_map(|row| said(row).into_values().map(|group| group.len())).sum();
        assert_eq!(said, landed[items].len(), "a row an item of a person");
        assert!(landed[portraits].iter().all(|row| row["PJWDJJG"].chars().count() <= 2000 && row["SJSCRQ"] == "20241120"));
    }
    let person = |row: &BTreeMap<String, String>| said(row)["basic"]["student_no"] == row["XH"];
    assert!(landed[0].iter().all(person));
    drop(first);
    landed
}

#[test]
fn portraits_come_out_of_the_box_from_what_is_mapped() {
    let school = School::of(WHOLE);
    let [students, _, staff, _] = first_day(&school);
    let known = names(&students);
    for name in [
        "sex",
        "department",
        "major",
        "class",
        "entry_year",
        "certificates",
        "honours",
        "lessons_today",
        "courses_chosen",
        "absences",
        "leaves",
    ] {
        assert!(known.contains(name), "no student's portrait has {name}: {known:?}");
    }
    assert!(!known.contains("political_status") && !known.contains("club_activities"), "{known:?}");
    let known = names(&staff);
    for name in ["department", "education", "category", "years_here", "courses", "papers", "training", "enterprise_practice"] {
        assert!(known.contains(name), "no portrait of staff has {name}: {known:?}");
    }

    // Who had lessons or books that day has others the next day; all the others stay as they were.
    school.clock.advance(DAY);
    let second = school.collect();
    let (read, changed, unchanged) = second.counts(STUDENTS);
    let daily = |row: &BTreeMap<String, String>| {
        said(row).values().any(|g| g.contains_key("lessons_today") || g.contains_key("books_today"))
    };
    let before: BTreeMap<&String, &BTreeMap<String, String>> = students.iter().map(|row| (&row["XH"], row)).collect();
    let after = second.landed(STUDENTS);
    assert_eq!((read, read), (changed + unchanged, students.len() as u64));
    for row in &after {
        let was = before[&row["XH"]];
        assert_eq!(row["SJSCRQ"] == "20241121", row["PJWDJJG"] != was["PJWDJJG"], "the day is that of the text");
        assert!(row["PJWDJJG"] == was["PJWDJJG"] || daily(row) || daily(was));
    }
    assert_eq!(second.counts(STAFF).2, staff.len() as u64, "nothing of staff changed in a day");
}

#[test]
fn portraits_are_the_same_out_of_postgres() {
    let (file, server) = (School::of(WHOLE), School::of(WHOLE));
    keep_in_postgres(&server.path(""));
    let [one, other] = [&file, &server].map(|school| {
        let mut landed = first_day(school);
        // Collected by two clocks that stand still: only what the stores give may differ.
        landed.iter_mut().for_each(|rows| rows.sort());
        landed
    });
    assert_eq!(one.each_ref().map(Vec::len), other.each_ref().map(Vec::len));
    for (one, other) in one.iter().zip(&other) {
        let differing = one.iter().zip(other).position(|(a, b)| a != b);
        assert_eq!(differing, None, "row {differing:?} differs between the stores");
    }
}

#[test]
fn a_roster_alone_gives_short_portraits_and_no_roster_none() {
    let school = School::of(&["CORE_XS"]);
    let roster = school.collect();
    let known = names(&roster.landed(STUDENTS));
    assert!(known.contains("student_no") && known.contains("class_no"), "{known:?}");
    for absent in ["department", "major", "class", "lessons_today", "courses_chosen", "absences", "honours"] {
        assert!(!known.contains(absent), "{absent} comes from nowhere");
    }
    assert!(roster.run(STAFF).is_none() && roster.run(STAFF_ITEMS).is_none());
    let nothing = School::of(&["CORE_DW", "ODS_XSJNZSSJ"]).collect();
    assert!([STUDENTS, ITEMS, STAFF, STAFF_ITEMS].iter().all(|table| nothing.run(table).is_none()));
}

#[test]
fn a_class_of_sensitive_items_is_switched_on_by_a_setting() {
    let school = School::of(&["CORE_JZG"]);
    let before = names(&school.collect().landed(STAFF));
    school.edit("xiaoshu.toml", "[mappings]", "[privacy]\nportraits = [\"political_status\"]\n\n[mappings]");
    let after = names(&school.collect().landed(STAFF));
    let more: Vec<&String> = after.difference(&before).collect();
    assert_eq!(more, ["political_status"]);
}

#[test]
fn tables_that_refer_to_portraits_do_not_wait_for_them_where_there_is_a_roster() {
    let school = School::of(&["CORE_XS", "CORE_BJ", "ODS_XSJNZSSJ", "ODS_GZXZSSJ"]);
    let collected = school.collect();
    let portraits = collected.landed(STUDENTS);
    assert!(names(&portraits).contains("certificates"), "certificates were read before the portraits");
}
