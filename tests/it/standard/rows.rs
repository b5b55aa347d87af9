//! Sample rows of any table, made from its plan. They name no person and no school.

use serde_json::{Map, Value};
use xiaoshu::standard::{FieldPlan, FieldType, Format, NumberKind, Sensitivity, TablePlan};

/// A row with a good value in every field.
pub(super) fn full(table: &TablePlan) -> Map<String, Value> {
    table.fields.iter().map(|f| (f.name.to_string(), good(f))).collect()
}

/// A good value.
pub(super) fn good(field: &FieldPlan) -> Value {
    let code = field.code_set.as_ref().filter(|s| s.closed).map(|s| s.codes()[0].code.to_string());
    match (field.ty, code) {
        (FieldType::Text(_), Some(code)) => code.into(),
        (_, Some(code)) => code.parse::<u64>().unwrap().into(),
        (FieldType::Text(Format::Free), None) if field.number == Some(NumberKind::Mobile) => "13800000000".into(),
        (FieldType::Text(Format::Free), None) if field.sensitivity == Sensitivity::IdNumber => text(Format::ResidentId).into(),
        (FieldType::Text(format), None) => text(format).into(),
        (_, None) => 1.into(),
    }
}

fn text(format: Format) -> &'static str {
    match format {
        Format::Free => "文",
        Format::Uid32 => "0123456789ABCDEF0123456789ABCDEF",
        Format::Digits10 => "4199099999",
        Format::CreditCode => "12440300123456788T",
        Format::ResidentId => "440308199901101512",
        Format::Date => "20240229",
        Format::Month => "202402",
        Format::Year => "2024",
        Format::SchoolYear => "2024-2025",
        Format::SchoolYearWord => "2024-2025学年",
        Format::YearSerial => "202401",
        Format::DateTime => "20240229 120000",
        Format::Time => "120000",
        Format::Periods => "1-2",
        Format::Url => "a://b",
        Format::Json => "{}",
    }
}

/// A text that breaks the form.
pub(super) fn broken(format: Format) -> Option<&'static str> {
    Some(match format {
        Format::Free => return None,
        Format::Uid32 => "0123456789abcdef0123456789abcdef",
        Format::Digits10 => "419909999",
        Format::CreditCode => "12440300123456788U",
        Format::ResidentId => "440308199902301512",
        Format::Date => "20230229",
        Format::Month => "202413",
        Format::Year => "24",
        Format::SchoolYear => "2024-2026",
        Format::SchoolYearWord => "2024-2025",
        Format::YearSerial => "2024",
        Format::DateTime => "20240229120000",
        Format::Time => "246000",
        Format::Periods => "2-1",
        Format::Url => "b",
        Format::Json => "{",
    })
}
