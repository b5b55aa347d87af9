//! Rows as each upstream wants them, out of the store's canonical bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use xiaoshu::record::{BatchBuilder, canonical_json};
use xiaoshu::report::{DateTimeStyle, FieldSeal, FieldSealConfig, NullPolicy, NumberStyle, Rendered, Renderer, Style};
use xiaoshu::standard::{EditionId, FieldType, Format, Required, Standard, TablePlan};

fn standard() -> Arc<Standard> {
    Standard::load(&EditionId::new("gaozhi-2024.09"), None).unwrap()
}

/// A row with a text in every field whose bit is set.
fn payload(plan: &Arc<TablePlan>, set: u128, text: &str) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Arc::clone(plan), 1);
    builder.begin_row(0);
    for (idx, field) in plan.indexed() {
        if set >> (idx.0 % 128) & 1 == 0 {
            builder.push_null();
            continue;
        }
        match field.ty {
            FieldType::Integer { .. } | FieldType::Decimal { .. } => builder.push_number("12.5"),
            FieldType::Text(Format::Date) => builder.push_text("20260901"),
            FieldType::Text(Format::DateTime) => builder.push_text("20260901 081500"),
            FieldType::Text(_) => builder.push_text(text),
        }
    }
    builder.end_row();
    let mut out = Vec::new();
    canonical_json(&builder.finish().row(0), &mut out);
    out
}

fn render(plan: &Arc<TablePlan>, style: &Style, payload: &[u8]) -> (Rendered, Value) {
    let mut out = Vec::new();
    let rendered = Renderer::new(Arc::clone(plan), style).render(payload, false, &mut out).unwrap();
    (rendered, if out.is_empty() { Value::Null } else { serde_json::from_slice(&out).unwrap() })
}

fn sealing(method: Value) -> Style {
    let config: FieldSealConfig = serde_json::from_value(method).unwrap();
    let seal = Arc::new(FieldSeal::new("*", &config).unwrap());
    Style { seals: BTreeMap::from([("*".to_owned(), seal)]), ..Style::default() }
}

#[test]
fn where_nothing_differs_a_row_is_copied() {
    let standard = standard();
    for plan in standard.tables().iter().filter(|p| p.fields.iter().all(|f| !f.sealed)) {
        let payload = payload(plan, u128::MAX, "文\"本\\\n");
        let mut out = Vec::new();
        Renderer::new(Arc::clone(plan), &Style::default()).render(&payload, false, &mut out).unwrap();
        assert_eq!(out, payload, "{}", plan.name);
    }
}

proptest! {
    /// The pass says what the same rules say when they are applied to a parsed tree.
    #[test]
    fn the_pass_agrees_with_the_rules_on_a_tree(table: usize, set: u128, text in "[ -~文本\"\\\\\n\t]{0,12}", nulls in 0usize..3, numbers: bool, dates: bool) {
        let standard = standard();
        let plan = &standard.tables()[table % standard.tables().len()];
        let mut style = sealing(json!({"method": "sm3"}));
        style.nulls = [NullPolicy::Null, NullPolicy::Omit, NullPolicy::Empty][nulls];
        style.numbers = if numbers { NumberStyle::String } else { NumberStyle::Number };
        style.date_separator = if dates { "-".into() } else { String::new() };
        style.date_times = if dates { DateTimeStyle::Joined } else { DateTimeStyle::Blank };
        let payload = payload(plan, set, &text);
        let mut want: serde_json::Map<String, Value> = serde_json::from_slice(&payload).unwrap();
        for (_, field) in plan.indexed() {
            let value = want.get_mut(&*field.name).unwrap();
            let new = match (&*value, field.ty) {
                (Value::Null, _) if nulls == 2 => json!(""),
                (Value::Null, _) => continue,
                (Value::String(t), _) if field.sealed => json!(xiaoshu::report::digital_base::sm3_hex(&[t.as_bytes()])),
                (Value::Number(n), _) if field.sealed => json!(xiaoshu::report::digital_base::sm3_hex(&[n.to_string().as_bytes()])),
                (Value::Number(n), _) if numbers => json!(n.to_string()),
                (Value::String(_), FieldType::Text(Format::Date)) if dates => json!("2026-09-01"),
                (Value::String(_), FieldType::Text(Format::DateTime)) if dates => json!("20260901081500"),
                (same, _) => same.clone(),
            };
            *value = new;
        }
        if nulls == 1 { want.retain(|_, v| !v.is_null()); }
        prop_assert_eq!(render(plan, &style, &payload).1, Value::Object(want));
    }
}

#[test]
fn what_must_be_sealed_does_not_leave_until_a_method_is_set() {
    let standard = standard();
    let sealed = |p: &&Arc<TablePlan>, mandatory: bool| {
        p.fields.iter().any(|f| f.sealed && matches!(f.required, Required::Mandatory) == mandatory)
            && !p.fields.iter().any(|f| f.sealed && matches!(f.required, Required::Mandatory) != mandatory)
    };
    let plan = standard.tables().iter().find(|p| sealed(p, true)).unwrap();
    let full = payload(plan, u128::MAX, "110101209901010018");
    assert_eq!(render(plan, &Style::default(), &full), (Rendered::Unsealed, Value::Null));
    let field = plan.fields.iter().find(|f| f.sealed).unwrap();
    let key = json!({"method": "sm4", "key": "0123456789abcdef"});
    let (rendered, row) = render(plan, &sealing(key), &full);
    assert_eq!(rendered, Rendered::Row { unsealed: 0 });
    let want = xiaoshu::report::digital_base::sm4_encrypt_ecb(b"0123456789abcdef", b"110101209901010018");
    assert_eq!(row[&*field.name], json!(hex::encode(want)));
    let plain = json!({"method": "plain", "accepted": {"by": "a", "date": "2026-01-01", "reason": "b"}});
    assert_eq!(render(plan, &sealing(plain), &full).1[&*field.name], json!("110101209901010018"));
    let careless: FieldSealConfig =
        serde_json::from_value(json!({"method": "plain", "accepted": {"by": "", "date": "2026-01-01", "reason": "b"}})).unwrap();
    assert!(FieldSeal::new("*", &careless).is_err());
    if let Some(plan) = standard.tables().iter().find(|p| sealed(p, false)) {
        let (rendered, row) = render(plan, &Style::default(), &payload(plan, u128::MAX, "x"));
        let count = plan.fields.iter().filter(|f| f.sealed).count() as u32;
        assert_eq!(rendered, Rendered::Row { unsealed: count }, "optional values are left out and counted");
        let field = plan.fields.iter().find(|f| f.sealed).unwrap();
        assert_eq!(row[&*field.name], Value::Null);
    }
}

#[test]
fn masked_fields_never_leave_and_a_deletion_is_a_data_state() {
    let standard = standard();
    let plan = standard.find("ODS_KCJBSJ").unwrap();
    let style = Style { masked: BTreeSet::from(["ODS_KCJBSJ.KCMC".to_owned()]), ..Style::default() };
    assert_eq!(render(plan, &style, &payload(plan, u128::MAX, "x")).1["KCMC"], Value::Null);
    let mut out = Vec::new();
    let broken = Renderer::new(Arc::clone(plan), &style).render(b"{\"KCH\":\"1\"}", false, &mut out);
    assert!(broken.is_err() && out.is_empty(), "bytes that do not follow the plan are never sent");
    let zhongzhi = Standard::load(&EditionId::new("zhongzhi-2025.03"), None).unwrap();
    let plan = zhongzhi.tables().iter().find(|p| p.roles.data_state.is_some()).unwrap();
    let state = plan.field(plan.roles.data_state.unwrap()).name.to_string();
    let mut out = Vec::new();
    let style = sealing(json!({"method": "sm3"}));
    Renderer::new(Arc::clone(plan), &style).render(&payload(plan, u128::MAX, "1"), true, &mut out).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()[state.as_str()], json!("0"));
}
