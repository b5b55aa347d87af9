//! What the documents refuse and what they let pass, for every table of every edition.

use serde_json::{Map, Value, json};
use xiaoshu::standard::{FieldPlan, FieldType, Length, Required};

use super::rows::{broken, full, good};
use super::{ALL, load};

#[test]
fn good_rows_pass_and_broken_rows_do_not() {
    for edition in ALL {
        let standard = load(edition);
        for table in standard.own_tables() {
            let oracle = standard.oracle(table.id).unwrap();
            let row = full(table);
            let passes = |row: &Map<String, Value>| oracle.is_valid(&Value::Object(row.clone()));
            let errors: Vec<String> = oracle.iter_errors(&Value::Object(row.clone())).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{edition} {}: {errors:?}", table.name);

            let with = |name: &str, value: Value| {
                let mut row = row.clone();
                row.insert(name.to_owned(), value);
                row
            };
            assert!(!passes(&with("NO_SUCH_FIELD", "1".into())), "{}: an unknown field", table.name);
            for field in &table.fields {
                let place = format!("{edition} {}.{}", table.name, field.name);
                let mut without = row.clone();
                without.remove(&*field.name);
                let may_lack =
                    matches!(field.required, Required::Optional | Required::Unless(_)) || condition_is_off(field, &row, table);
                assert_eq!(passes(&without), may_lack, "{place}: absent");
                assert_eq!(passes(&with(&field.name, Value::Null)), may_lack, "{place}: null");
                if matches!(field.ty, FieldType::Text(_)) {
                    assert_eq!(passes(&with(&field.name, "".into())), may_lack, "{place}: empty");
                    assert_eq!(passes(&with(&field.name, "\u{3000} ".into())), may_lack, "{place}: blanks");
                }
                for bad in bad_values(field) {
                    assert!(!passes(&with(&field.name, bad.clone())), "{place}: {bad}");
                }
            }
        }
    }
}

/// The row's other field does not have a value that makes this one mandatory.
fn condition_is_off(field: &FieldPlan, row: &Map<String, Value>, table: &xiaoshu::standard::TablePlan) -> bool {
    let Required::When(condition) = &field.required else { return false };
    let other = row[&*table.field(condition.field).name].as_str().unwrap_or_default();
    !condition.is_one_of.iter().any(|v| **v == *other)
}

fn bad_values(field: &FieldPlan) -> Vec<Value> {
    let mut bad = vec![json!([]), json!({}), json!(true)];
    match field.ty {
        FieldType::Text(format) => {
            bad.push(json!(1));
            bad.extend(broken(format).map(Value::from));
            if let Length::AtMost(n) = field.length {
                bad.push("字".repeat(n as usize + 1).into());
            }
            if field.code_set.as_ref().is_some_and(|s| s.closed) {
                bad.push("没有的代码".into());
                if let Some(separator) = &field.separator {
                    let code = good(field);
                    bad.push(format!("{}{separator}没有", code.as_str().unwrap_or_default()).into());
                }
            }
        }
        FieldType::Integer { digits } => {
            bad.extend([json!("1"), json!(1.5), json!(10f64.powi(i32::from(digits)))]);
            if field.code_set.as_ref().is_some_and(|s| s.closed) {
                bad.push(json!(8));
            }
        }
        FieldType::Decimal { precision, scale } => {
            bad.push(json!("1"));
            bad.push(json!(10f64.powi(i32::from(precision) - i32::from(scale))));
            if precision < 15 {
                bad.push(json!(0.5 * 10f64.powi(-i32::from(scale))));
            }
        }
    }
    bad
}

#[test]
fn several_codes_in_one_cell_pass() {
    let standard = load("gaozhi-2023.06");
    let table = standard.find("ODS_SZJZGSJ").unwrap();
    let oracle = standard.oracle(table.id).unwrap();
    let field = table.field(table.find("RYLXM").unwrap());
    let codes = field.code_set.as_ref().unwrap().codes();
    let mut row = full(table);
    row.insert("RYLXM".to_owned(), format!("{}||{}", codes[0].code, codes[1].code).into());
    assert!(oracle.is_valid(&Value::Object(row.clone())));
    row.insert("RYLXM".to_owned(), format!("{},{}", codes[0].code, codes[1].code).into());
    assert!(!oracle.is_valid(&Value::Object(row)), "a comma does not separate in this edition");
}

#[test]
fn a_condition_makes_fields_mandatory() {
    let standard = load("gaozhi-2024.09");
    let table = standard.find("ODS_XXJXSJ").unwrap();
    let oracle = standard.oracle(table.id).unwrap();
    let mut row = full(table);
    row.remove("CGRQ");
    row.insert("JXXXDDM".to_owned(), "1".into());
    assert!(oracle.is_valid(&Value::Object(row.clone())), "at home");
    row.insert("JXXXDDM".to_owned(), "2".into());
    assert!(!oracle.is_valid(&Value::Object(row.clone())), "abroad");
    row.insert("CGRQ".to_owned(), " ".into());
    assert!(!oracle.is_valid(&Value::Object(row)), "abroad, on a blank day");
}

#[test]
fn doubtful_lengths_and_open_sets_are_no_errors() {
    let standard = load("zhongzhi-2023.06");
    let table = standard.find("ODS_ZZXWSXJDSJ").unwrap();
    let oracle = standard.oracle(table.id).unwrap();
    let mut row = full(table);
    row.insert("XXDZ".to_owned(), "某省某市某区某路一号".into());
    assert!(oracle.is_valid(&Value::Object(row)));
    let standard = load("gaozhi-2024.09");
    let table = standard.find("ODS_XXJBSJ").unwrap();
    let mut row = full(table);
    row.insert("SJGBM".to_owned(), "999999".into());
    assert!(standard.oracle(table.id).unwrap().is_valid(&Value::Object(row)));
}

#[test]
fn the_expanded_document_needs_no_keyword_of_ours() {
    for edition in ALL {
        let standard = load(edition);
        for table in standard.own_tables() {
            let plain = jsonschema::validator_for(&standard.expanded(table.id)).unwrap();
            let row = full(table);
            let errors: Vec<String> = plain.iter_errors(&Value::Object(row.clone())).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{edition} {}: {errors:?}", table.name);
            for field in table.fields.iter().filter(|f| f.code_set.as_ref().is_some_and(|s| s.closed)) {
                let mut row = row.clone();
                let bad = if matches!(field.ty, FieldType::Text(_)) { json!("没有") } else { json!(8) };
                row.insert(field.name.to_string(), bad);
                assert!(!plain.is_valid(&Value::Object(row)), "{edition} {}.{}", table.name, field.name);
            }
        }
    }
}
