//! Scripts over CSV files and workbooks.

use super::hub::{COURSES, Demand, HARMLESS, Hub, MAPPING, PROJECTS, REPORTING, holds, pauses};
use super::sheet::{Sheet, col, grouped, value};

/// One change between two collections.
struct Script {
    name: &'static str,
    base: fn() -> Sheet,
    edit: fn(&mut Sheet),
    demand: Demand,
}

const fn script(name: &'static str, base: fn() -> Sheet, demand: Demand, edit: fn(&mut Sheet)) -> Script {
    Script { name, base, edit, demand }
}

const BOTH: Demand = [REPORTING, REPORTING];

/// Changes that a text file and a workbook can both undergo.
const SCRIPTS: &[Script] = &[
    script("a column is added at the end", Sheet::plain, HARMLESS, |s| s.columns.push(col("新列", "aide"))),
    script("a column is added in front", Sheet::plain, HARMLESS, |s| s.columns.insert(0, col("新列", "aide"))),
    script("the columns are reversed", Sheet::plain, HARMLESS, |s| s.columns.reverse()),
    script("a column that nobody uses is dropped", Sheet::plain, HARMLESS, |s| s.remove("memo")),
    script("a column that nobody uses is renamed", Sheet::plain, HARMLESS, |s| s.col("sort").head = "编号"),
    script("an optional field's column is dropped", Sheet::plain, [MAPPING, None], |s| s.remove("contest")),
    script("an optional field's column is renamed", Sheet::plain, [MAPPING, None], |s| s.col("url").head = "课程网址"),
    script("a mandatory field's column is dropped", Sheet::plain, [REPORTING, None], |s| s.remove("practice")),
    script("a mandatory field's column is renamed", Sheet::plain, [REPORTING, None], |s| s.col("hours").head = "学时合计"),
    script("the other table's column is dropped", Sheet::plain, [None, REPORTING], |s| s.remove("leader")),
    script("the other table's column is renamed", Sheet::plain, [None, REPORTING], |s| s.col("leader").head = "主持人"),
    script("the key's column is renamed", Sheet::plain, BOTH, |s| s.col("no").head = "课程代码"),
    script("two columns exchange their headings", Sheet::plain, [REPORTING, None], |s| {
        s.col("hours").head = "实践学时";
        s.col("practice").head = "总学时";
    }),
    script("headings shift by one against the data", Sheet::plain, BOTH, |s| {
        let heads: Vec<_> = s.columns.iter().map(|col| col.head).collect();
        for (at, col) in s.columns.iter_mut().enumerate() {
            col.head = if at == 0 { "学期" } else { heads[at - 1] };
        }
    }),
    script("a heading is doubled behind the one that is used", Sheet::plain, HARMLESS, |s| {
        let at = s.at("leader") + 1;
        s.columns.insert(at, col("负责人", "aide"));
    }),
    script("a heading is doubled in front of the one that is used", Sheet::plain, [None, REPORTING], |s| {
        let at = s.at("leader");
        s.columns.insert(at, col("负责人", "aide"));
    }),
    script("title lines come to stand above the header", Sheet::plain, HARMLESS, |s| s.titles = 2),
    script("the header stands there twice", Sheet::plain, HARMLESS, |s| s.header_again = true),
    script("the header is lost", Sheet::plain, BOTH, |s| s.header = false),
    script("zeros in front of the key are lost", Sheet::plain, BOTH, |s| {
        s.col("no").print = |text| text.trim_start_matches('0').to_owned();
    }),
    script("the key is written with an exponent", Sheet::plain, BOTH, |s| s.col("no").print = |text| format!("2.0{text}E+10")),
    script("a column without a name is inserted in front", Sheet::headless, BOTH, |s| s.columns.insert(0, col("", "aide"))),
    script("a column without a name is inserted in the middle", Sheet::headless, [REPORTING, REPORTING], |s| {
        s.columns.insert(2, col("", "aide"));
    }),
    script("a column without a name is added at the end", Sheet::headless, HARMLESS, |s| s.columns.push(col("", "aide"))),
    script("a column without a name is dropped at the end", Sheet::headless, HARMLESS, |s| s.remove("sort")),
    script("two columns without names change places", Sheet::headless, [REPORTING, None], |s| s.swap("hours", "practice")),
    script("two columns without names of other forms change places", Sheet::headless, BOTH, |s| s.swap("no", "url")),
    script("a group's parts change places", Sheet::grouped, HARMLESS, |s| s.swap("hours", "practice")),
    script("a group's parts exchange their headings", Sheet::grouped, [REPORTING, None], |s| {
        s.col("hours").head = "实践";
        s.col("practice").head = "总计";
    }),
    script("a merged heading takes another name", Sheet::grouped, [REPORTING, None], |s| {
        s.col("hours").group = "课时";
        s.col("practice").group = "课时";
    }),
    script("a merged heading reaches one column less", Sheet::grouped, [None, REPORTING], |s| {
        let at = s.at("leader");
        s.columns[at] = col("负责", "leader");
        let at = s.at("aide");
        s.columns[at] = col("协助", "aide");
    }),
    script("a merged heading reaches one column more", Sheet::grouped, [REPORTING, None], |s| {
        let at = s.at("contest");
        s.columns[at] = grouped("学时", "相关竞赛", "contest");
        s.col("hours").head = "计划";
    }),
    script("two columns of one name change places", Sheet::doubled, [None, REPORTING], |s| s.swap("leader", "aide")),
    script("the second of two columns of one name is dropped", Sheet::doubled, HARMLESS, |s| s.remove("aide")),
    script("the first of two columns of one name is dropped", Sheet::doubled, [None, REPORTING], |s| s.remove("leader")),
    script("a third column of one name comes in front", Sheet::doubled, [None, REPORTING], |s| {
        let at = s.at("leader");
        s.columns.insert(at, col("负责人", "memo"));
    }),
];

fn settings(kind: &str, sheet: &Sheet) -> String {
    let none = if sheet.header { "" } else { "\nheader_row = 0" };
    format!("kind = \"{kind}\"\npath = \"files\"\nsettle = 0{none}")
}

fn put(hub: &Hub, kind: &str, sheet: &Sheet) {
    match kind {
        "csv" => hub.write("files/t.csv", sheet.csv()),
        _ => hub.write("files/t.xlsx", sheet.xlsx()),
    }
}

/// Runs a script: two collections, and after a pause a third, when everything was put back.
fn run(kind: &str, script: &Script) {
    let name = format!("{kind}: {}", script.name);
    let before = (script.base)();
    let file = if kind == "csv" { "t.csv" } else { "t.xlsx" };
    let hub = Hub::new(&settings(kind, &before), &format!("read.object = \"{file}\""), &|attr| before.name_of(attr));
    put(&hub, kind, &before);
    hub.collect();
    pauses(&hub, HARMLESS, &name);
    let first = before.truth();
    for table in [COURSES, PROJECTS] {
        holds(table, &hub.landed(table), &first, &name);
    }
    let mut after = Sheet { version: 1, ..before.clone() };
    (script.edit)(&mut after);
    put(&hub, kind, &after);
    hub.collect();
    pauses(&hub, script.demand, &name);
    let second = after.truth();
    for (table, pause) in [COURSES, PROJECTS].into_iter().zip(script.demand) {
        holds(table, &hub.landed(table), if pause.is_some() { &first } else { &second }, &name);
    }
    if script.demand == HARMLESS {
        return;
    }
    let back = Sheet { version: 2, ..before };
    put(&hub, kind, &back);
    hub.collect();
    pauses(&hub, HARMLESS, &format!("{name}, put back"));
    for table in [COURSES, PROJECTS] {
        holds(table, &hub.landed(table), &back.truth(), &name);
    }
}

#[test]
fn text_files_drift() {
    for script in SCRIPTS {
        run("csv", script);
    }
}

#[test]
fn workbooks_drift() {
    for script in SCRIPTS {
        run("excel", script);
    }
}

/// That the comparison is what keeps values in their fields: without it they land in others.
#[test]
fn without_a_comparison_values_land_in_wrong_fields() {
    for (name, table, field, other) in [
        ("two columns exchange their headings", COURSES, "JXJHGDKSS", "practice"),
        ("two columns without names change places", COURSES, "JXJHGDKSS", "practice"),
        ("a heading is doubled in front of the one that is used", PROJECTS, "FZRH", "aide"),
        ("the first of two columns of one name is dropped", PROJECTS, "FZRH", "aide"),
    ] {
        let script = SCRIPTS.iter().find(|script| script.name == name).expect("the script");
        let before = (script.base)();
        let hub = Hub::new(&settings("csv", &before), "read.object = \"t.csv\"", &|attr| before.name_of(attr));
        put(&hub, "csv", &before);
        hub.collect();
        let mut after = before;
        (script.edit)(&mut after);
        put(&hub, "csv", &after);
        hub.forget();
        hub.collect();
        pauses(&hub, HARMLESS, name);
        let landed = &hub.landed(table)["0002"][field];
        assert_eq!(landed.to_string().trim_matches('"'), value(other, 1, 0), "{name}");
    }
}

#[test]
fn a_later_file_of_one_object_is_looked_at_too() {
    let first = Sheet::headless();
    let hub = Hub::new(&settings("csv", &first), "read.object = \"t*.csv\"", &|attr| first.name_of(attr));
    hub.write("files/t1.csv", first.csv());
    let mut second = Sheet { rows: 40, ..Sheet::headless() };
    second.swap("no", "url");
    let rows: String = second.csv().lines().skip(24).map(|line| format!("{line}\n")).collect();
    hub.write("files/t2.csv", rows);
    hub.collect();
    pauses(&hub, [REPORTING, REPORTING], "a second file in another order");
    holds(COURSES, &hub.landed(COURSES), &first.truth(), "a second file in another order");
}
