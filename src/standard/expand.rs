//! A published document spelled out: what its short forms mean in the keywords of JSON Schema.

use serde_json::{Map, Value, json};

use super::{CodeSet, FieldPlan, FieldType, Format, Required, TablePlan, form};

/// How far a document is spelled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Into {
    /// Plain keywords only matter: `x-code-set`, `x-decimal` and `format` are said in `enum`, `pattern` and bounds too.
    Plain,
    /// `x-code-set`, `x-decimal` and `format` stay and are checked by our own keywords.
    Oracle,
}

/// Spells a document out. An optional field may be absent, null or a blank text; anything else must fit.
pub(super) fn expand(document: &Value, plan: &TablePlan, into: Into) -> Value {
    let mut document = document.clone();
    if let Some(properties) = document.get_mut("properties").and_then(Value::as_object_mut) {
        for field in &plan.fields {
            if let Some(Value::Object(property)) = properties.get_mut(&*field.name) {
                if into == Into::Plain {
                    plain(property, field);
                }
                may_be_empty(property, field);
            }
        }
    }
    document
}

fn plain(property: &mut Map<String, Value>, field: &FieldPlan) {
    match field.ty {
        FieldType::Text(format) => {
            if let Some(pattern) = text_pattern(field, format) {
                property.insert("pattern".into(), pattern.into());
            }
        }
        FieldType::Integer { digits } => bounds(property, digits, 0),
        FieldType::Decimal { precision, scale } => bounds(property, precision, scale),
    }
    if field.separator.is_none()
        && let Some(set) = field.code_set.as_ref().filter(|s| s.closed)
    {
        property.insert("enum".into(), values(set, field));
    }
}

fn text_pattern(field: &FieldPlan, format: Format) -> Option<String> {
    if let (Some(separator), Some(set)) = (&field.separator, field.code_set.as_ref().filter(|s| s.closed)) {
        let codes: Vec<String> = set.codes().iter().map(|c| regex::escape(&c.code)).collect();
        let one = format!("(?:{})", codes.join("|"));
        return Some(format!("^{one}(?:{}{one})*$", regex::escape(separator)));
    }
    if field.separator.is_some() { None } else { form::pattern(format) }
}

/// Digits before and after the point as bounds that binary fractions hold exactly.
fn bounds(property: &mut Map<String, Value>, precision: u8, scale: u8) {
    let power = |exponent: i32| 10f64.powi(exponent);
    let limit = power(i32::from(precision) - i32::from(scale));
    property.insert("exclusiveMinimum".into(), json!(-limit));
    property.insert("exclusiveMaximum".into(), json!(limit));
    if scale > 0 {
        property.insert("multipleOf".into(), json!(power(-i32::from(scale))));
    }
}

fn values(set: &CodeSet, field: &FieldPlan) -> Value {
    let mut values: Vec<Value> = Vec::with_capacity(set.codes().len() + 1);
    for code in set.codes() {
        match field.ty {
            FieldType::Text(_) => values.push(Value::from(&*code.code)),
            // A number cannot carry leading zeros: such a code is no value of a field printed as a number.
            _ => values.extend(code.code.parse::<u64>().ok().filter(|n| n.to_string() == *code.code).map(Value::from)),
        }
    }
    if !matches!(field.ty, FieldType::Text(_)) && field.required != Required::Mandatory {
        values.push(Value::Null);
    }
    Value::Array(values)
}

/// An optional text: null, blank, or what the rest of the keywords demand.
fn may_be_empty(property: &mut Map<String, Value>, field: &FieldPlan) {
    if field.required == Required::Mandatory || !matches!(field.ty, FieldType::Text(_)) {
        return;
    }
    const ASSERTIONS: [&str; 7] = ["type", "format", "maxLength", "pattern", "enum", "x-code-set", "x-separator"];
    let mut there = Map::new();
    for keyword in ASSERTIONS {
        if let Some(value) = property.get(keyword) {
            there.insert(keyword.into(), value.clone());
        }
    }
    for keyword in ["type", "format", "maxLength", "pattern", "enum"] {
        property.shift_remove(keyword);
    }
    there.insert("type".into(), "string".into());
    property.shift_remove("x-code-set");
    let any = json!([{"type": "null"}, {"type": "string", "pattern": form::BLANK}, there]);
    property.insert("anyOf".into(), any);
}
