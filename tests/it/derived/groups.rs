//! Tables about persons in groups: too few go together or stay here, single rows and free text are refused.

use std::collections::BTreeMap;

use proptest::prelude::*;
use xiaoshu::normalize::MappingDocument;

use super::making::{context, document, made, standard};

const TALKS: &str = r#"
table = "ODS_XLZXJLSJ"
source = "xl"
mode = "automatic"
[read]
query = "SELECT 1"
[groups]
count = "rc"
date = "rq"
sum = ["yy"]
[groups.words]
gjc = ["学业压力", "人际关系", "情绪"]
[fields]
ZXRQ = "rq"
ZXRC = "rc"
GJC = { column = "gjc", default = "未分类" }
YYRC = "yy"
"#;

const TESTS: &str = r#"
table = "ODS_XLCPSJ"
source = "xl"
mode = "automatic"
[read]
query = "SELECT 1"
[groups]
count = "n"
date = "rq"
within = "month"
by = ["zyh", "lb", "lx"]
mean = ["sc"]
[fields]
ZYH = "zyh"
CPRQ = "rq"
LBBH = "lb"
LBMC = "mc"
SYSJ = "sc"
CPLX = "lx"
ZDJY = { not_available = "个人建议不上报" }
"#;

const COLUMNS: &[&str] = &["rq", "rc", "gjc", "yy"];

fn faults(text: &str) -> Vec<String> {
    let standard = standard();
    let document = document(text);
    let table = standard.find(document.table()).expect("a table");
    document
        .derivation_faults(table, &standard)
        .into_iter()
        .map(|f| format!("{}: {} | {}", f.line, f.what.zh, f.what.en))
        .collect()
}

#[test]
fn too_few_go_with_the_next_days_of_the_week() {
    // 2024-11-18 is a Monday.
    let rows: &[&[&str]] = &[
        &["20241118", "2", "学业压力,失恋", "3"],
        &["20241119", "1", "情绪", "-"],
        &["20241120", "7", "人际关系 学业压力", "8"],
        &["20241121", "9", "其他", "9"],
        &["20241122", "4", "情绪", "4"],
    ];
    let (_, rows, withheld) = made(&document(TALKS), &context(), COLUMNS, rows).expect("groups");
    assert_eq!(rows, [vec!["20241120", "10", "人际关系、学业压力、情绪", "11"], vec!["20241121", "9", "-", "9"]]);
    assert_eq!(withheld, 4, "the four of Friday have no later day in the week");
}

#[test]
fn groups_of_two_weeks_or_of_two_majors_never_go_together() {
    let talks: &[&[&str]] = &[&["20241124", "4", "情绪", "-"], &["20241125", "4", "情绪", "-"]];
    let (_, rows, withheld) = made(&document(TALKS), &context(), COLUMNS, talks).expect("groups");
    assert_eq!((rows.len(), withheld), (0, 8), "a Sunday and the Monday after it");
    let names = &["zyh", "rq", "lb", "mc", "sc", "lx", "n"];
    let tests: &[&[&str]] = &[
        &["Z1", "2024-11-04", "SCL-90", "症状自评量表", "20", "1", "3"],
        &["Z2", "2024-11-04", "SCL-90", "症状自评量表", "25", "1", "3"],
        &["Z1", "2024-11-20 08:30:00", "SCL-90", "症状自评量表", "30", "1", "2"],
    ];
    let (_, rows, withheld) = made(&document(TESTS), &context(), names, tests).expect("groups");
    assert_eq!(rows, [["Z1", "2024-11-20 08:30:00", "SCL-90", "症状自评量表", "24", "1", "5"]], "20 three times and 30 twice");
    assert_eq!(withheld, 3);
}

#[test]
fn single_rows_are_refused_whole() {
    for rows in [
        &[&["20241118", "9", "情绪", "-"][..], &["20241118", "9", "情绪", "-"]][..],
        &[&["20241118", "-", "情绪", "-"]],
        &[&["20241118", "0", "情绪", "-"]],
        &[&["20241118", "三", "情绪", "-"]],
        &[&["20241118", "1.5", "情绪", "-"]],
        &[&["-", "9", "情绪", "-"]],
        &[&["20241318", "9", "情绪", "-"]],
    ] {
        let refused = made(&document(TALKS), &context(), COLUMNS, rows).expect_err("refused");
        assert!(refused.0.zh.contains("只接受汇总数据") && refused.0.en.contains("takes groups only"), "{refused:?}");
        assert!(!refused.0.zh.contains("情绪") && !refused.0.en.contains("情绪"), "no value is told");
    }
}

#[test]
fn a_mapping_that_could_take_single_rows_or_free_text_is_refused() {
    assert_eq!(faults(TALKS), Vec::<String>::new());
    assert_eq!(faults(TESTS), Vec::<String>::new());
    let (start, end) = (TALKS.find("[groups]").expect("there"), TALKS.find("[fields]").expect("there"));
    let found = faults(&format!("{}{}", &TALKS[..start], &TALKS[end..]));
    assert!(found.len() == 1 && found[0].contains("只上报汇总数据") && found[0].contains("in groups only"), "{found:?}");
    let found = faults(&TALKS.replace("gjc = [\"学业压力\", \"人际关系\", \"情绪\"]\n", ""));
    assert!(found.len() == 1 && found[0].contains("GJC") && found[0].contains("free text about persons"), "{found:?}");
    let found = faults(&TALKS.replace("{ column = \"gjc\", default = \"未分类\" }", "{ template = \"{gjc}\" }"));
    assert_eq!(found.len(), 1, "{found:?}");
    let found = faults(&TALKS.replace("{ column = \"gjc\", default = \"未分类\" }", "{ value = \"未分类\" }"));
    assert_eq!(found, Vec::<String>::new(), "a constant tells of nobody");
}

#[test]
fn a_table_that_is_not_mapped_needs_no_groups() {
    let text = "table = \"ODS_XLZXJLSJ\"\nmode = \"not_applicable\"\nreason = \"无心理中心\"\n";
    assert_eq!(faults(text), Vec::<String>::new());
}

/// Whatever days and counts come, no row stands for fewer than five, nothing is told twice, and what was told stays as it
/// is when later days come.
#[test]
fn no_row_stands_for_too_few_and_later_days_change_nothing() {
    let mapping: MappingDocument = document(TALKS);
    let days = proptest::collection::btree_map(1u32..=30, 1u64..12, 0..20);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let told = |days: &BTreeMap<u32, u64>| {
        let cells: Vec<[String; 4]> =
            days.iter().map(|(day, n)| [format!("202411{day:02}"), n.to_string(), "-".into(), "-".into()]).collect();
        let rows: Vec<Vec<&str>> = cells.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
        made(&mapping, &context(), COLUMNS, &rows).expect("groups")
    };
    let promise = |days: BTreeMap<u32, u64>| {
        let (_, all, withheld) = told(&days);
        let count = |row: &Vec<String>| row[1].parse::<u64>().expect("a count");
        prop_assert!(all.iter().all(|row| count(row) >= 5));
        prop_assert_eq!(all.iter().map(count).sum::<u64>() + withheld, days.values().sum::<u64>());
        for last in 1..30u32 {
            let (_, sooner, _) = told(&days.range(..=last).map(|(day, n)| (*day, *n)).collect());
            prop_assert_eq!(&sooner[..], &all[..sooner.len()]);
        }
        Ok(())
    };
    runner.run(&days, promise).unwrap_or_else(|error| panic!("{error}"));
}
