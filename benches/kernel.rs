//! The validation kernel against the `jsonschema` crate, in one run on one machine.
//!
//! `cargo bench --bench kernel`. Both check the same records of the widest tables of an edition: the plan on rows of a
//! batch, the crate on parsed `serde_json::Value`s. Times are the best of several passes, on one thread.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};
use xiaoshu::finding::Findings;
use xiaoshu::record::{BatchBuilder, Decoder, RecordBatch};
use xiaoshu::standard::{EditionId, FieldType, Format, Length, NumberKind, Standard, TablePlan};
use xiaoshu::validate::{Checks, KeyAnswers, ReferencePolicies};

const ROWS: usize = 1_000;
const PASSES: usize = 40;
const TODAY: &str = "20251231";

fn text_of(format: Format, i: usize) -> Option<String> {
    let day = i % 28 + 1;
    Some(match format {
        Format::Free => return None,
        Format::Uid32 => format!("{i:032X}"),
        Format::Digits10 => format!("41110{:05}", i % 99_999),
        Format::CreditCode => "9144030071526726XG".to_owned(),
        Format::ResidentId => "11010519491231002X".to_owned(),
        Format::Date => format!("202402{day:02}"),
        Format::Month => "202402".to_owned(),
        Format::Year => "2024".to_owned(),
        Format::SchoolYear => "2023-2024".to_owned(),
        Format::SchoolYearWord => "2023-2024学年".to_owned(),
        Format::YearSerial => "202401".to_owned(),
        Format::DateTime => format!("202402{day:02} 080000"),
        Format::Time => "080000".to_owned(),
        Format::Periods => "1-2".to_owned(),
        Format::Url => "https://a.edu.cn/x".to_owned(),
        Format::Json => "{}".to_owned(),
    })
}

fn row(plan: &TablePlan, i: usize) -> Value {
    let mut row = Map::new();
    for field in &plan.fields {
        let code =
            field.code_set.as_ref().filter(|s| !s.codes().is_empty()).map(|s| s.codes()[i % s.codes().len()].code.to_string());
        let value = match (field.ty, code) {
            (FieldType::Text(_), Some(code)) => json!(code),
            (FieldType::Text(_), None) if matches!(field.number, Some(NumberKind::Mobile | NumberKind::Telephone)) => {
                json!("13900000000")
            }
            (FieldType::Text(format), None) => {
                let text = text_of(format, i).unwrap_or_else(|| format!("数据{i}"));
                match field.length {
                    Length::AtMost(max) => json!(text.chars().take(max as usize).collect::<String>()),
                    _ => json!(text),
                }
            }
            (_, Some(code)) => code.parse::<u64>().map_or(Value::Null, |n| json!(n)),
            (FieldType::Integer { .. }, None) => json!(i % 9),
            (FieldType::Decimal { .. }, None) => json!(i % 9),
        };
        row.insert(field.name.to_string(), value);
    }
    Value::Object(row)
}

/// Breaks every row in one field, or in five.
fn break_rows(rows: &[Value], plan: &TablePlan, faults: usize) -> Vec<Value> {
    let breakable: Vec<&str> = plan
        .fields
        .iter()
        .filter(|f| matches!(f.ty, FieldType::Text(format) if format != Format::Free))
        .chain(plan.fields.iter().filter(|f| f.code_set.as_ref().is_some_and(|s| s.closed)))
        .map(|f| &*f.name)
        .collect();
    let break_one = |(i, row): (usize, &Value)| {
        let mut row = row.clone();
        for n in 0..faults.min(breakable.len()) {
            row[breakable[(i + n) % breakable.len()]] = json!("?");
        }
        row
    };
    rows.iter().enumerate().map(break_one).collect()
}

fn batch(plan: &Arc<TablePlan>, rows: &[Value]) -> RecordBatch {
    let mut builder = BatchBuilder::new(plan.clone(), rows.len());
    let (mut decoder, mut faults) = (Decoder::new(), Vec::new());
    for (i, row) in rows.iter().enumerate() {
        if decoder.row(&row.to_string(), plan, i, &mut builder, &mut faults).is_ok() {
            builder.end_row();
        }
    }
    builder.finish()
}

/// Nanoseconds a row, the best pass.
fn best(rows: usize, mut pass: impl FnMut()) -> f64 {
    let times = (0..PASSES).map(|_| {
        let start = Instant::now();
        pass();
        start.elapsed().as_nanos() as f64 / rows as f64
    });
    times.fold(f64::INFINITY, f64::min)
}

fn main() {
    let Ok(standard) = Standard::load(&EditionId::new("gaozhi-2024.09"), None) else {
        println!("the edition cannot be loaded");
        return;
    };
    let mut tables: Vec<&Arc<TablePlan>> = standard.tables().iter().filter(|t| !t.edition.is_core()).collect();
    tables.sort_by_key(|t| std::cmp::Reverse(t.fields.len()));
    println!(
        "{:<16} {:>6} {:>10} {:>12} {:>7} {:>10} {:>10} {:>8}",
        "table", "fields", "plan ns", "jsonschema", "ratio", "1 bad ns", "5 bad ns", "bad/good"
    );
    for plan in tables.into_iter().take(4) {
        let Ok(validator) = standard.oracle(plan.id) else { continue };
        let checks = Checks::compile(plan, &standard, &ReferencePolicies::default());
        let rows: Vec<Value> = (0..ROWS).map(|i| row(plan, i)).collect();
        let answers = KeyAnswers::new();
        let kernel = |rows: &[Value]| {
            let batch = batch(plan, rows);
            let mut findings = Findings::default();
            best(rows.len(), || {
                findings.clear();
                checks.run(black_box(&batch), &answers, TODAY, &mut findings);
                black_box(&findings);
            })
        };
        let good = kernel(&rows);
        let crate_ns = best(ROWS, || {
            for row in &rows {
                black_box(validator.is_valid(black_box(row)));
            }
        });
        let (one, five) = (kernel(&break_rows(&rows, plan, 1)), kernel(&break_rows(&rows, plan, 5)));
        println!(
            "{:<16} {:>6} {good:>10.0} {crate_ns:>12.0} {:>6.1}x {one:>10.0} {five:>10.0} {:>7.2}x",
            plan.name,
            plan.fields.len(),
            crate_ns / good,
            one / good
        );
    }
}
