//! What normalisation promises: nothing guessed, nothing lost, every fault named with its place.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use xiaoshu::finding::{Place, RuleId, Severity};
use xiaoshu::normalize::{
    Canon, LookupAnswers, MappingContext, MappingDocument, MappingFault, MappingPlan, Normalized, from_raw, raw_json,
};
use xiaoshu::record::{BatchBuilder, Decoder, Namespace, canonical_json, canonical_number, has_form};
use xiaoshu::source::{Column, ColumnKind, Position, SourceBatch, SourceBatchBuilder};
use xiaoshu::standard::{EditionId, FieldIdx, FieldType, Format, Standard, TablePlan};

const NOW: &str = "20251231 080000";

fn standard() -> Arc<Standard> {
    Standard::load(&EditionId::new("gaozhi-2024.09"), None).unwrap()
}

fn context() -> MappingContext {
    MappingContext {
        school_code: "4111010001".into(),
        namespace: Namespace { name: "4111010001".into(), secret: Arc::from([7u8; 32]) },
        system: "XT01".into(),
        missing: MappingContext::default_missing(),
        adopted: None,
    }
}

fn columns(names: &[&str]) -> Arc<[Column]> {
    names.iter().map(|n| Column { name: (*n).into(), kind: ColumnKind::Unknown }).collect()
}

fn source(names: &[&str], rows: &[&[Option<&str>]]) -> SourceBatch {
    let mut builder = SourceBatchBuilder::new(columns(names), rows.len());
    for (i, row) in rows.iter().enumerate() {
        row.iter().for_each(|cell| builder.push(*cell));
        builder.end_row(Place::Line(i as u64 + 2));
    }
    builder.finish(Position(Vec::new()))
}

/// A mapping of the course table onto columns named like its fields, with some lines of its own.
fn course(standard: &Standard, own: &str, more: &str) -> String {
    let plan = standard.find("ODS_KCJBSJ").unwrap();
    let mut text = format!(
        "table = \"ODS_KCJBSJ\"\nsource = \"jw\"\nowner = \"教务处\"\nmode = \"automatic\"\n[read]\nobject = \"course\"\n{more}\n[fields]\n{own}\n"
    );
    for field in &plan.fields {
        let filled = ["ZJSJWYXBS", "XXDM", "SJCJSJ"].contains(&&*field.name);
        if !filled && !own.contains(&format!("{} =", field.name)) {
            text.push_str(&format!("{} = \"{}\"\n", field.name, field.name));
        }
    }
    text
}

fn names(standard: &Standard) -> Vec<String> {
    let plan = standard.find("ODS_KCJBSJ").unwrap();
    plan.fields.iter().map(|f| f.name.to_string()).chain(["a".to_owned(), "b".to_owned()]).collect()
}

/// One course row, the columns named given, all others nothing, through a mapping.
fn run(standard: &Standard, mapping: &str, cells: &[(&str, &str)]) -> Normalized {
    let names = names(standard);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let row: Vec<Option<&str>> = names.iter().map(|n| cells.iter().find(|(name, _)| name == n).map(|(_, v)| *v)).collect();
    let doc = MappingDocument::parse("m.toml", mapping).unwrap();
    let plan = MappingPlan::compile(&doc, standard, &columns(&names), context()).unwrap();
    plan.apply(&source(&names, &[&row]), NOW, &LookupAnswers::new())
}

fn cell<'a>(done: &'a Normalized, field: &str) -> Option<&'a str> {
    let plan = done.batch.plan().clone();
    done.batch.row(0).get(plan.find(field).unwrap()).text()
}

fn rules(done: &Normalized, field: &str) -> Vec<RuleId> {
    let of_field = |v: &&xiaoshu::finding::Violation| v.field.as_ref().is_some_and(|f| &*f.name == field);
    done.findings.of(0).iter().filter(of_field).map(|v| v.rule).collect()
}

#[test]
fn a_row_becomes_a_record_with_its_keys() {
    let standard = standard();
    let mapping = course(&standard, "", "");
    let done = run(
        &standard,
        &mapping,
        &[("KCH", " ００1 "), ("KCMC", "高等\u{3000}数学（上）"), ("KCLXM", "1"), ("JXJHGDKSS", "64.0")],
    );
    assert_eq!(cell(&done, "KCH"), Some("001"));
    assert_eq!(cell(&done, "KCMC"), Some("高等 数学（上）"));
    assert_eq!(cell(&done, "JXJHGDKSS"), Some("64"));
    assert_eq!(cell(&done, "XXDM"), Some("4111010001"));
    assert_eq!(cell(&done, "SJCJSJ"), Some(NOW));
    let record = done.batch.row(0);
    assert_eq!(cell(&done, "ZJSJWYXBS"), Some(record.record_key().as_str()));
    assert_eq!(record.natural_key(), b"\x00\x00\x03001");
    let again = run(&standard, &mapping, &[("KCH", "001"), ("KCMC", "高等 数学（上）"), ("KCLXM", "1"), ("JXJHGDKSS", "64")]);
    assert_eq!(again.batch.row(0).content_hash(), record.content_hash());
    assert_eq!(again.batch.row(0).record_key(), record.record_key());
}

#[test]
fn a_missing_key_part_leaves_the_row_without_key() {
    let standard = standard();
    let done = run(&standard, &course(&standard, "", ""), &[("KCH", " 无 "), ("KCMC", "x")]);
    assert_eq!(rules(&done, "KCH"), [RuleId::KEY]);
    assert!(done.batch.row(0).natural_key().is_empty());
    assert!(rules(&done, "ZJSJWYXBS").is_empty());
}

#[test]
fn damage_is_reported_and_never_passed_on() {
    let standard = standard();
    let done = run(&standard, &course(&standard, "", ""), &[("KCH", "1"), ("KCMC", "高\u{FFFD}数学")]);
    assert_eq!((cell(&done, "KCMC"), rules(&done, "KCMC")), (None, vec![RuleId::ENCODING]));
    let done = run(&standard, &course(&standard, "", ""), &[("KCH", "1"), ("KCMC", "高\u{E863}数学")]);
    assert_eq!((cell(&done, "KCMC"), rules(&done, "KCMC")), (Some("高\u{E863}数学"), vec![RuleId::ENCODING]));
    assert_eq!(done.findings.of(0)[0].severity, Severity::Warning);
}

#[test]
fn options_do_what_they_say() {
    let standard = standard();
    let go = |own: &str, cells: &[(&str, &str)]| run(&standard, &course(&standard, own, ""), &[&[("KCH", "1")], cells].concat());
    let done = go("KCMC = { template = \"{a}-{b}\" }", &[("a", "x"), ("b", "y")]);
    assert_eq!(cell(&done, "KCMC"), Some("x-y"));
    let done = go("KCMC = { template = \"{a}-{b}\" }", &[("a", "x"), ("b", "-")]);
    assert_eq!(cell(&done, "KCMC"), None);
    let done = go("KCMC = { value = \"常量\" }", &[]);
    assert_eq!(cell(&done, "KCMC"), Some("常量"));
    let done = go("KCMC = { column = \"a\", default = \"缺\" }", &[("a", "NULL")]);
    assert_eq!(cell(&done, "KCMC"), Some("缺"));
    let done = go("KCMC = { column = \"a\", words = { \"无\" = \"有名\" } }", &[("a", "无")]);
    assert_eq!(cell(&done, "KCMC"), Some("有名"));
    let done = go("JXJHGDKSS = { column = \"a\", multiply = \"16\" }", &[("a", "4")]);
    assert_eq!(cell(&done, "JXJHGDKSS"), Some("64"));
    let done = go("JXJHGDKSS = { column = \"a\" }", &[("a", "4.5")]);
    assert_eq!((cell(&done, "JXJHGDKSS"), rules(&done, "JXJHGDKSS")), (None, vec![RuleId::LOSSY]));
    let done = go("KCMC = { column = \"a\", when_missing = \"hold\" }", &[]);
    assert_eq!(rules(&done, "KCMC"), [RuleId::HELD]);
    let done = go("KCMC = { column = \"a\", when_missing = { planned = \"b\" } }", &[("b", "计划")]);
    assert_eq!(cell(&done, "KCMC"), Some("计划"));
    let own = "KCMC = { column = \"a\", when_missing = { placeholder = \"待定\", owner = \"教务处\", reason = \"未定\" } }";
    assert_eq!(cell(&go(own, &[]), "KCMC"), Some("待定"));
}

#[test]
fn filters_leave_rows_out_and_count_them() {
    let standard = standard();
    let more = "[[where]]\ncolumn = \"a\"\nis = [\"1\", \"2\"]\n[[where]]\ncolumn = \"b\"\nmissing = true";
    let mapping = course(&standard, "", more);
    let filtered = |a: &str, b: &str| run(&standard, &mapping, &[("KCH", "1"), ("a", a), ("b", b)]).filtered.len();
    assert_eq!((filtered("1", "-"), filtered(" 2 ", ""), filtered("3", ""), filtered("1", "x")), (0, 0, 1, 1));
}

#[test]
fn names_are_looked_up_where_the_mapping_says_so() {
    let standard = standard();
    let own = "KCMC = { column = \"a\", lookup = { table = \"CORE_ZY\", match = \"ZYMC\", give = \"ZYBH\" } }";
    let doc = MappingDocument::parse("m.toml", &course(&standard, own, "")).unwrap();
    let names = names(&standard);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = MappingPlan::compile(&doc, &standard, &columns(&names), context()).unwrap();
    let row = |name: &'static str, kch: &'static str| -> Vec<Option<&str>> {
        names
            .iter()
            .map(|n| match *n {
                "a" => Some(name),
                "KCH" => Some(kch),
                _ => None,
            })
            .collect()
    };
    let rows = [row("软件技术 ", "1"), row("软件技术", "2"), row("护理", "3"), row("没有的", "4")];
    let rows: Vec<&[Option<&str>]> = rows.iter().map(Vec::as_slice).collect();
    let batch = source(&names, &rows);
    let queries = plan.lookups(&batch);
    assert_eq!(queries.len(), 1);
    assert_eq!(queries[0].values, ["护理", "没有的", "软件技术"]);
    let mut answers = LookupAnswers::new();
    let found = HashMap::from([
        ("软件技术".to_owned(), vec!["510203".to_owned(), "510203".to_owned()]),
        ("护理".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
    ]);
    answers.set(&queries[0], found);
    let done = plan.apply(&batch, NOW, &answers);
    let field = standard.find("ODS_KCJBSJ").unwrap().find("KCMC").unwrap();
    assert_eq!(done.batch.row(1).get(field).text(), Some("510203"));
    let rule = |row: usize| done.findings.of(row).iter().map(|v| v.rule).collect::<Vec<_>>();
    assert_eq!((rule(0), rule(2), rule(3)), (vec![], vec![RuleId::AMBIGUOUS], vec![RuleId::REFERENCE]));
    assert_eq!(done.findings.waits_of(3).len(), 1);
}

#[test]
fn existing_keys_are_adopted_and_none_is_minted_for_them() {
    let standard = standard();
    let known = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let by_column = course(&standard, "", "[key]\nadopt = { column = \"a\" }");
    let done = run(&standard, &by_column, &[("KCH", "1"), ("a", known)]);
    assert_eq!(done.batch.row(0).record_key().as_str(), known);
    let done = run(&standard, &by_column, &[("KCH", "1"), ("a", "0123")]);
    assert!(done.findings.of(0).iter().any(|v| v.rule == RuleId::KEY));
    let by_file = course(&standard, "", "[key]\nadopt = { file = \"keys.csv\", match = [\"KCH\"], key = \"K\" }");
    let doc = MappingDocument::parse("m.toml", &by_file).unwrap();
    assert_eq!(doc.adopt_file(), Some("keys.csv"));
    let names = names(&standard);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ctx = context();
    ctx.adopted = Some(format!("K,KCH\n{known}, １ \n"));
    let plan = MappingPlan::compile(&doc, &standard, &columns(&names), ctx).unwrap();
    let row: Vec<Option<&str>> = names.iter().map(|n| (*n == "KCH").then_some("1")).collect();
    let done = plan.apply(&source(&names, &[&row]), NOW, &LookupAnswers::new());
    assert_eq!(done.batch.row(0).record_key().as_str(), known);
}

#[test]
fn raw_faults_of_the_source_become_violations() {
    let standard = standard();
    let doc = MappingDocument::parse("m.toml", &course(&standard, "", "")).unwrap();
    let names = names(&standard);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = MappingPlan::compile(&doc, &standard, &columns(&names), context()).unwrap();
    let batch = from_raw(&columns(&names), &["{\"KCH\":\"1\"}", "damaged"]);
    assert!(raw_json(&batch, 0).contains("\"KCH\":\"1\""));
    let done = plan.apply(&batch, NOW, &LookupAnswers::new());
    assert!(!done.findings.has_error(0));
    assert!(done.findings.of(1).iter().any(|v| v.rule == RuleId::ENCODING));
}

fn faults(standard: &Standard, text: &str) -> Vec<MappingFault> {
    let (doc, mut faults) = MappingDocument::parse_all("m.toml", text);
    let columns = columns(&["course_no", "name", "xz", "same", "same"]);
    if let Some(doc) = doc {
        faults.extend(MappingPlan::compile(&doc, standard, &columns, context()).err().unwrap_or_default());
    }
    faults
}

#[test]
fn ten_faults_of_a_mapping_are_named_at_once_each_with_its_line() {
    let standard = standard();
    let text = r#"table = "ODS_KCJBSJ"
source = "jw"
mode = "automatic"
ownr = "教务处"
[read]
object = "course"
[key]
fields = ["KCHH"]
[[where]]
column = "state"
[fields]
KCH = "course_nr"
KCMC = { column = "same" }
KCXZM = { column = "xz", codes = { "必修" = "99" } }
KCMCC = "name"
JXJHGDKSS = { column = "name", split = "," }
SJJXKSS = { column = "name", take = "date" }
GGKLBM = { column = "name", value = "1" }
KCLXM = { value = "999" }
KCSXM = { column = "name", lookup = { table = "CORE_ZYY", match = "A", give = "B" } }
"#;
    let faults = faults(&standard, text);
    let at = |line: usize, word: &str| {
        let here = faults.iter().find(|f| f.line == line && (f.what.en.contains(word) || f.remedy.en.contains(word)));
        assert!(here.is_some(), "line {line}, {word}: {faults:#?}");
        assert!(here.is_some_and(|f| !f.remedy.zh.is_empty() && !f.what.zh.is_empty() && f.column > 0));
    };
    at(4, "owner");
    at(8, "KCH");
    at(9, "condition");
    at(10, "state");
    at(12, "course_no");
    at(13, "several columns");
    at(14, "99");
    at(15, "KCMC");
    at(16, "one value");
    at(17, "take");
    at(18, "exclude");
    at(19, "999");
    at(20, "CORE_ZY");
    assert!(faults.iter().any(|f| f.what.en.contains("mandatory")));
}

#[test]
fn broken_toml_and_wrong_types_have_a_place() {
    let standard = standard();
    let one = |text: &str| faults(&standard, text);
    assert_eq!(one("table = \n")[0].line, 1);
    let wrong = one("table = 5\nmode = \"auto\"\n[read]\nobject = \"a\"\nquery = 1\n");
    assert!(wrong.iter().any(|f| f.line == 1) && wrong.iter().any(|f| f.line == 2 && f.remedy.en.contains("automatic")));
    assert!(one("table = \"ODS_KCJBSJ\"\nmode = \"not_applicable\"\n")[0].what.en.contains("reason"));
    assert!(
        one("table = \"ODS_KCJBXX\"\nsource = \"s\"\nmode = \"form\"\n[fields]\nA = \"a\"\n")[0].remedy.en.contains("ODS_KCJBSJ")
    );
}

fn fields_of_every_kind(standard: &Standard) -> Vec<(Arc<TablePlan>, FieldIdx)> {
    let mut seen = std::collections::HashSet::new();
    let mut list = Vec::new();
    for plan in standard.tables() {
        for (idx, field) in plan.indexed() {
            let kind = (field.ty, field.code_set.as_ref().map(|s| s.id.clone()), field.sensitivity, field.separator.is_some());
            if seen.insert(kind) {
                list.push((plan.clone(), idx));
            }
        }
    }
    list
}

/// Texts of the kinds that cells hold, and any Unicode at all.
fn cells() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9]{1,20}",
        "(19|20)[0-9]{2}[-/.年]([0-9]|1[0-2])[-/.月]([0-9]|[12][0-9]|3[01])[日 T]?( ?[0-2]?[0-9]:[0-5][0-9])?",
        "20[0-9]{2}-20[0-9]{2}(学年)?(第[一二三]学期|-[1-4])?",
        "-?[0-9,，. eE+%]{1,12}",
        "[０-９　·•．A-Za-z汉族男是否无√×()（）]{0,8}",
        "[0-9]{17}[0-9Xxｘ]",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Coercion takes any text, gives a text of the field's form or nothing, and changes nothing the second time.
    #[test]
    fn coercion_is_total_canonical_and_idempotent(texts in prop::collection::vec(cells(), 24)) {
        thread_local!(static KINDS: (Arc<Standard>, Vec<(Arc<TablePlan>, FieldIdx)>) = {
            let standard = standard();
            let kinds = fields_of_every_kind(&standard);
            (standard, kinds)
        });
        KINDS.with(|(_, kinds)| {
            for (plan, idx) in kinds {
                let mut canon = Canon::new(plan, *idx);
                let field = plan.field(*idx);
                for text in &texts {
                    let Some(once) = canon.canonical(text) else { continue };
                    assert!(!once.contains('\u{FFFD}') || text.contains('\u{FFFD}'));
                    let timed = matches!(field.ty, FieldType::Text(
                        Format::Date | Format::Month | Format::Year | Format::DateTime | Format::Time
                        | Format::SchoolYear | Format::SchoolYearWord | Format::Periods));
                    if let (true, FieldType::Text(format)) = (timed && field.code_set.is_none(), field.ty) {
                        assert!(has_form(format, &once), "{} {text:?} gave {once:?}", format.name());
                    }
                    let twice = canon.canonical(&once);
                    assert_eq!(twice.as_deref(), Some(once.as_str()), "{} {} {text:?}", plan.name, field.name);
                }
            }
        });
    }

    /// One canonical text for one number, by an independent reading.
    #[test]
    fn numbers_are_written_in_one_way(negative: bool, whole in 0u64..=u64::MAX, fraction in "[0-9]{0,12}", zeros in 0usize..4, exponent in -6i32..=6) {
        let sign = if negative { "-" } else { "" };
        let text = format!("{sign}{}{whole}.{fraction}{}e{exponent}", "0".repeat(zeros), "0".repeat(zeros));
        let mut out = String::new();
        canonical_number(&text, &mut out).unwrap();
        // Reference: all digits as one whole number, and where the point stands.
        let digits: i128 = format!("{whole}{fraction}{}", "0".repeat(zeros)).parse().unwrap();
        let mut places = (fraction.len() + zeros) as i32 - exponent;
        let mut digits = digits;
        while places > 0 && digits % 10 == 0 { digits /= 10; places -= 1; }
        while places < 0 { digits *= 10; places += 1; }
        let mut want = digits.to_string();
        if places > 0 {
            while want.len() <= places as usize { want.insert(0, '0'); }
            want.insert(want.len() - places as usize, '.');
        }
        if negative && digits != 0 { want.insert(0, '-'); }
        prop_assert_eq!(out, want);
    }

    /// What is written as canonical JSON is read back as it was.
    #[test]
    fn records_survive_encoding(texts in prop::collection::vec(prop::option::of(any::<String>()), 1..60), number in -999_999i64..999_999) {
        thread_local!(static COURSE: Arc<TablePlan> = standard().find("ODS_KCJBSJ").unwrap().clone());
        let plan = COURSE.with(Arc::clone);
        let mut builder = BatchBuilder::new(plan.clone(), 1);
        builder.begin_row(0);
        for (i, field) in plan.fields.iter().enumerate() {
            match (field.ty, texts.get(i % texts.len()).cloned().flatten()) {
                (_, None) => builder.push_null(),
                (FieldType::Text(_), Some(text)) => builder.push_text(&text),
                (_, Some(_)) => builder.push_number(&number.to_string()),
            }
        }
        builder.end_row();
        let batch = builder.finish();
        let mut json = Vec::new();
        canonical_json(&batch.row(0), &mut json);
        let json = String::from_utf8(json).unwrap();
        let mut back = BatchBuilder::new(plan.clone(), 1);
        let mut faults = Vec::new();
        Decoder::new().row(&json, &plan, 0, &mut back, &mut faults).unwrap();
        back.end_row();
        let back = back.finish();
        prop_assert!(faults.is_empty(), "{faults:?}");
        for (idx, _) in plan.indexed() {
            prop_assert!(batch.row(0).get(idx) == back.row(0).get(idx));
        }
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(value.as_object().unwrap().len(), plan.fields.len());
    }
}
