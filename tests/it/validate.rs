//! What validation promises: every violation of a row at once, nothing sensitive shown, only sound rows accepted.

use std::collections::HashSet;
use std::sync::Arc;

use xiaoshu::finding::{Expected, Findings, Found, Locator, Place, RuleId, Severity};
use xiaoshu::record::{BatchBuilder, RecordBatch};
use xiaoshu::standard::{EditionId, FieldIdx, FieldType, Format, Required, Sensitivity, Standard, TablePlan};
use xiaoshu::validate::{Checks, Edge, KeyAnswer, KeyAnswers, ReferencePolicies, ReferencePolicy, RowIdent, judge};

const TODAY: &str = "20251231";

fn standard() -> Arc<Standard> {
    Standard::load(&EditionId::new("gaozhi-2024.09"), None).unwrap()
}

fn course(standard: &Standard) -> Arc<TablePlan> {
    standard.find("ODS_KCJBSJ").unwrap().clone()
}

/// A row of texts by field name; numbers are put as numbers; what is not named is nothing.
fn batch(plan: &Arc<TablePlan>, cells: &[(&str, &str)]) -> RecordBatch {
    let mut builder = BatchBuilder::new(plan.clone(), 1);
    builder.begin_row(0);
    for (_, field) in plan.indexed() {
        match cells.iter().find(|(name, _)| *name == &*field.name) {
            None => builder.push_null(),
            Some((_, text)) if matches!(field.ty, FieldType::Text(_)) => builder.push_text(text),
            Some((_, text)) => builder.push_number(text),
        }
    }
    builder.end_row();
    builder.finish()
}

fn run(checks: &Checks, batch: &RecordBatch, answers: &KeyAnswers) -> Findings {
    let mut findings = Findings::default();
    checks.run(batch, answers, TODAY, &mut findings);
    findings
}

#[test]
fn all_violations_of_a_row_come_at_once() {
    let standard = standard();
    let plan = course(&standard);
    let checks = Checks::compile(&plan, &standard, &ReferencePolicies::default());
    let batch =
        batch(&plan, &[("XXDM", "123"), ("KCH", " "), ("KCLXM", "??"), ("JXJHGDKSS", "1234567"), ("SJCJSJ", "2024-01-01")]);
    let findings = run(&checks, &batch, &KeyAnswers::new());
    let of = |field: &str| -> Vec<RuleId> {
        findings.of(0).iter().filter(|v| v.field.as_ref().is_some_and(|f| &*f.name == field)).map(|v| v.rule).collect()
    };
    assert_eq!(of("XXDM"), [RuleId::FORMAT]);
    assert_eq!(of("KCH"), [RuleId::REQUIRED]);
    assert_eq!(of("KCLXM"), [RuleId::CODE_SET]);
    assert_eq!(of("JXJHGDKSS"), [RuleId::RANGE]);
    assert_eq!(of("SJCJSJ"), [RuleId::FORMAT]);
    let code = findings.of(0).iter().find(|v| v.rule == RuleId::CODE_SET).unwrap();
    assert!(matches!(&code.expected, Expected::Code { near, all: true, .. } if !near.is_empty()), "{code:?}");
    let text = code.text();
    assert!(text.zh.contains("KCLXM") && text.en.contains("KCLXM"));
}

#[test]
fn sensitive_values_are_never_shown() {
    let standard = standard();
    let secret = "机密值一二三四五六七八九十".repeat(40);
    for plan in standard.tables() {
        let checks = Checks::compile(plan, &standard, &ReferencePolicies::default());
        let cells: Vec<(&str, &str)> = plan.fields.iter().map(|f| (&*f.name, secret.as_str())).collect();
        let batch = batch(plan, &cells);
        let findings = run(&checks, &batch, &KeyAnswers::new());
        for violation in findings.of(0) {
            let Some(field) = violation.field.as_ref().and_then(|f| plan.find(&f.name)) else { continue };
            if plan.field(field).sensitivity != Sensitivity::None {
                let said = format!("{violation:?} {:?}", violation.text());
                assert!(!said.contains("机密值"), "{} {said}", plan.name);
            }
        }
    }
}

#[test]
fn an_identity_number_is_checked_where_it_must_be_one() {
    let standard = standard();
    let plan = standard
        .tables()
        .iter()
        .find(|t| t.fields.iter().any(|f| f.sensitivity == Sensitivity::IdNumber || f.ty == FieldType::Text(Format::ResidentId)))
        .unwrap();
    let field = plan
        .fields
        .iter()
        .find(|f| f.sensitivity == Sensitivity::IdNumber || f.ty == FieldType::Text(Format::ResidentId))
        .unwrap();
    let checks = Checks::compile(plan, &standard, &ReferencePolicies::default());
    let rules = |value: &str| -> Vec<Severity> {
        let findings = run(&checks, &batch(plan, &[(&field.name, value)]), &KeyAnswers::new());
        findings.of(0).iter().filter(|v| v.rule == RuleId::ID_NUMBER).map(|v| v.severity).collect()
    };
    assert_eq!(rules("11010519491231002X"), []);
    assert_eq!(rules("110105194912310021"), [Severity::Error]);
    assert_eq!(rules("510107199502300013"), [Severity::Error]);
    // Born in 1880: odd, and too old for the table.
    assert_eq!(rules("440524188001010014"), [Severity::Warning, Severity::Warning]);
    // The division was gone from 1993 on; a number given in that year may still have it.
    assert_eq!(rules("44052419930101001X"), []);
    assert_eq!(rules("440524199401010017"), [Severity::Warning]);
    // Four years old.
    assert_eq!(rules("110105202101010012"), [Severity::Warning]);
    // Born tomorrow.
    assert_eq!(rules("110105209001010017"), [Severity::Error]);
}

/// The findings of one field, with all else missing: rule and severity.
fn of_field(standard: &Standard, table: &str, cells: &[(&str, &str)], field: &str) -> Vec<(RuleId, Severity)> {
    let plan = standard.find(table).unwrap();
    let checks = Checks::compile(plan, standard, &ReferencePolicies::default());
    let findings = run(&checks, &batch(plan, cells), &KeyAnswers::new());
    let same = |f: &xiaoshu::finding::FieldRef| &*f.name == field;
    findings.of(0).iter().filter(|v| v.field.as_ref().is_some_and(same)).map(|v| (v.rule, v.severity)).collect()
}

#[test]
fn the_kind_of_paper_decides_what_a_number_must_be() {
    let standard = standard();
    let found = |paper: &str, number: &str| {
        of_field(&standard, "CORE_XS", &[("SFZJLXM", paper), ("SFZJH", number), ("XBM", "2"), ("CSRQ", "20050203")], "SFZJH")
    };
    let warning = [(RuleId::ID_NUMBER, Severity::Warning)];
    assert_eq!(found("1", "1234"), [(RuleId::ID_NUMBER, Severity::Error)]);
    assert_eq!(found("1", "EF0000000"), warning, "a passport");
    assert_eq!(found("A", "EF0000000"), []);
    assert_eq!(found("9", "CAN110100000000"), [], "an old foreign permanent resident card");
    assert_eq!(found("A", "CAN110100000000"), [], "passports of other countries are not known by form");
    assert_eq!(found("2", "军字第0000000号"), []);
    assert_eq!(found("C", "任意"), [], "a code of a later print may be any paper");
}

#[test]
fn telephones_are_refused_only_where_a_mobile_number_must_stand() {
    let standard = standard();
    let mobile = |text: &str| of_field(&standard, "CORE_JZG", &[("YDDH", text)], "YDDH");
    let any = |text: &str| of_field(&standard, "CORE_JZG", &[("GDDH", text)], "GDDH");
    assert_eq!(mobile("13800000000"), []);
    assert_eq!(mobile("12800000000"), [(RuleId::TELEPHONE, Severity::Error)]);
    assert_eq!(mobile("138****0000"), [(RuleId::TELEPHONE, Severity::Warning)]);
    assert_eq!(any("0755-20000000-8001"), []);
    assert_eq!(any("12800000000"), [(RuleId::TELEPHONE, Severity::Warning)]);
}

#[test]
fn damaged_texts_are_reported_once() {
    let standard = standard();
    let found = |text: &str| of_field(&standard, "ODS_KCJBSJ", &[("KCMC", text)], "KCMC");
    assert_eq!(found("职业教育"), []);
    assert_eq!(found("锟斤拷课程"), [(RuleId::ENCODING, Severity::Error)]);
    assert_eq!(found("鑱屼笟鏁欒偛"), [(RuleId::ENCODING, Severity::Warning)]);
    let plan = course(&standard);
    let checks = Checks::compile(&plan, &standard, &ReferencePolicies::default());
    let batch = batch(&plan, &[("KCMC", "课\u{E863}")]);
    let mut findings = run(&checks, &batch, &KeyAnswers::new());
    // A second look, as after normalisation has reported it.
    checks.run(&batch, &KeyAnswers::new(), TODAY, &mut findings);
    assert_eq!(findings.of(0).iter().filter(|v| v.rule == RuleId::ENCODING).count(), 1);
}

#[test]
fn the_top_of_a_tree_refers_to_nothing() {
    let standard = standard();
    let plan = standard.find("CORE_DW").unwrap();
    let checks = Checks::compile(plan, &standard, &ReferencePolicies::default());
    let field = plan.find("DSSJJGH").unwrap();
    let target = plan.field(field).reference.as_ref().unwrap().targets[0];
    for (above, asked, wrong) in [("000000", false, false), ("000001", true, true)] {
        let batch = batch(plan, &[("DSSJJGH", above)]);
        assert_eq!(checks.questions(&batch).iter().any(|q| q.field == field), asked, "{above}");
        let mut answers = KeyAnswers::new();
        answers.set(field, KeyAnswer { checked: vec![target], existing: HashSet::new() });
        let findings = run(&checks, &batch, &answers);
        assert_eq!(findings.of(0).iter().any(|v| v.rule == RuleId::REFERENCE), wrong, "{above}");
    }
}

#[test]
fn a_core_list_may_differ_by_level() {
    for (edition, good, strange) in [("gaozhi-2024.09", "51", "71"), ("zhongzhi-2025.03", "71", "51")] {
        let standard = Standard::load(&EditionId::new(edition), None).unwrap();
        let found = |code: &str| of_field(&standard, "CORE_ZY", &[("ZYDLDM", code)], "ZYDLDM");
        assert_eq!(found(good), [], "{edition}");
        assert_eq!(found(strange), [(RuleId::CODE_SET, Severity::Warning)], "{edition}");
    }
}

fn referring(standard: &Standard) -> (Arc<TablePlan>, FieldIdx) {
    let found = standard.tables().iter().find_map(|t| {
        t.indexed().find(|(_, f)| f.reference.is_some() && f.ty == FieldType::Text(Format::Free)).map(|(i, _)| (t.clone(), i))
    });
    found.unwrap()
}

#[test]
fn references_are_found_waited_for_or_unchecked() {
    let standard = standard();
    let (plan, field) = referring(&standard);
    let name = plan.field(field).name.clone();
    let target = plan.field(field).reference.as_ref().unwrap().targets[0];
    let batch = batch(&plan, &[(&name, "A1")]);
    let verdict = |policy: ReferencePolicy, known: bool, checked: bool, overdue: bool| {
        let policies = ReferencePolicies { default: policy, ..ReferencePolicies::default() };
        let checks = Checks::compile(&plan, &standard, &policies);
        let questions = checks.questions(&batch);
        let question = questions.iter().find(|q| q.field == field).unwrap();
        assert_eq!(question.values, ["A1"]);
        let mut answers = KeyAnswers::new();
        let existing: HashSet<String> = known.then(|| "A1".to_owned()).into_iter().collect();
        answers.set(field, KeyAnswer { checked: checked.then_some(target).into_iter().collect(), existing });
        answers.overdue = overdue;
        assert_eq!(answers.unchecked(&questions).any(|f| f == field), !checked);
        let findings = run(&checks, &batch, &answers);
        let severity = findings.of(0).iter().find(|v| v.rule == RuleId::REFERENCE).map(|v| v.severity);
        (severity, findings.waits_of(0).len())
    };
    let hold = ReferencePolicy::Hold { days: 7 };
    assert_eq!(verdict(hold, true, true, false), (None, 0));
    assert_eq!(verdict(hold, false, false, false), (None, 0));
    assert_eq!(verdict(hold, false, true, false), (Some(Severity::Error), 1));
    assert_eq!(verdict(hold, false, true, true), (Some(Severity::Warning), 0));
    assert_eq!(verdict(ReferencePolicy::Warn, false, true, false), (Some(Severity::Warning), 0));
    assert_eq!(verdict(ReferencePolicy::Refuse, false, true, true), (Some(Severity::Error), 0));
}

#[test]
fn only_rows_without_error_and_with_a_key_are_accepted() {
    let standard = standard();
    let plan = course(&standard);
    let checks = Checks::compile(&plan, &standard, &ReferencePolicies::default());
    let batch = batch(&plan, &[("KCH", "K1")]);
    let findings = run(&checks, &batch, &KeyAnswers::new());
    let raw = |_: &xiaoshu::record::Record<'_>| {
        let origin = Locator { source: "s".into(), object: "o".into(), place: Place::Line(2) };
        ("{\"a\":1}".to_owned(), origin)
    };
    let (accepted, rejected) = judge(batch, &findings, &raw);
    assert!(accepted.rows().is_empty());
    assert_eq!(rejected.len(), 1);
    assert!(matches!(rejected[0].ident, RowIdent::RawHash(_)));
    assert!(!rejected[0].violations.is_empty() && rejected[0].waits_for.is_empty());
}

#[test]
fn the_edge_names_unknown_fields_wrong_kinds_and_what_is_no_object() {
    let standard = standard();
    let plan = course(&standard);
    let checks = Arc::new(Checks::compile(&plan, &standard, &ReferencePolicies::default()));
    let mut edge = Edge::new(checks, TODAY);
    let found = edge.check_json("{\"ZJSJWYXBS\":\"0123456789ABCDEF0123456789ABCDEF\",\"KCH\":1,\"NOPE\":2}");
    assert_eq!(edge.record_key(), Some("0123456789ABCDEF0123456789ABCDEF"));
    let has =
        |rule: RuleId, field: &str| found.iter().any(|v| v.rule == rule && v.field.as_ref().is_some_and(|f| &*f.name == field));
    assert!(has(RuleId::KIND, "KCH") && has(RuleId::UNKNOWN_FIELD, "NOPE") && has(RuleId::REQUIRED, "KCMC"));
    for text in ["", "[]", "1", "{", "{\"KCH\":\"\\ud800\"}"] {
        let found = edge.check_json(text);
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!((found[0].rule, edge.record_key()), (RuleId::KIND, None));
    }
}

#[test]
fn missing_values_are_said_to_be_missing() {
    let standard = standard();
    for plan in standard.tables() {
        let checks = Checks::compile(plan, &standard, &ReferencePolicies::default());
        let findings = run(&checks, &batch(plan, &[]), &KeyAnswers::new());
        let mandatory = plan.fields.iter().filter(|f| f.required == Required::Mandatory).count();
        let required: Vec<_> = findings.of(0).iter().filter(|v| v.rule == RuleId::REQUIRED).collect();
        assert_eq!(required.len(), mandatory, "{}", plan.name);
        assert!(required.iter().all(|v| v.found == Found::Missing));
    }
}
