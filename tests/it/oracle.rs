//! The published documents, run by the `jsonschema` crate, and the compiled plans give the same verdict: for every
//! table of every edition, on generated valid rows and on rows broken in one known way each.

use std::sync::Arc;

use serde_json::{Map, Number, Value, json};
use xiaoshu::finding::Severity;
use xiaoshu::standard::{
    EditionId, FieldPlan, FieldType, Format, Length, NumberKind, Required, Sensitivity, Standard, TablePlan,
};
use xiaoshu::validate::{Checks, Edge, ReferencePolicies};

const TODAY: &str = "20251231";
/// Rows a table: each valid row is broken in every way that fits a field of it.
const ROWS: u64 = 3;

/// Numbers of papers and telephones, whole, damaged and of other kinds.
const NUMBERS: &[&str] = &[
    "11010519491231002X",
    "11010519491231002x",
    "11010519491231002X ",
    "１１０１０５１９４９１２３１００２Ｘ",
    "1101051949123100AX",
    "110105********002X",
    "110105491231002",
    "110105491331002",
    "810000199408230021",
    "830000199201300022",
    "911124198108030024",
    "911124198108030025",
    "CAN110100000000",
    "CAN11010000000",
    "EF0000000",
    "EF000000",
    "E00000000",
    "140000000",
    "160000000",
    "H0000000000",
    "X0000000000",
    "00000000",
    "0000000000(A)",
    "军字第0000000号",
    "13800000000",
    "12800000000",
    "1380000000",
    "138000000000",
    "+86 138-0000-0000",
    "+8612800000000",
    "+86-10-60000000",
    "8613800000000",
    "86138000000000",
    "008613800000000",
    "00861380000000",
    "１３８００００００００",
    "13800000000 ",
    "138****0000",
    "13800000000/13900000000",
    "13800000000a",
    "138000000001/1",
    "010-60000000",
    "(010)60000000",
    "0755-2000000-8001",
    "0755-20000000转8001",
    "0755-1000000",
    "010-6000-0000",
    "+85290000000",
    "0085290000000",
    "+852",
    "60000000",
    "06000000",
    "4000000000",
    "4010000000",
    "00000000000",
    "不详",
    "0",
    "-",
];

/// A small generator of numbers, the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn text_of(format: Format, dice: &mut Dice) -> Option<String> {
    let day = dice.roll(28) + 1;
    let year = 2000 + dice.roll(25);
    Some(match format {
        Format::Free => return None,
        Format::Uid32 => format!("{:032X}", dice.roll(usize::MAX)),
        Format::Digits10 => format!("41110{:05}", dice.roll(99_999)),
        Format::CreditCode => "9144030071526726XG".to_owned(),
        Format::ResidentId => "110105194912310021".replace("0021", "002X"),
        Format::Date => format!("{year}02{day:02}"),
        Format::Month => format!("{year}{:02}", dice.roll(12) + 1),
        Format::Year => year.to_string(),
        Format::SchoolYear => format!("{year}-{}", year + 1),
        Format::SchoolYearWord => format!("{year}-{}学年", year + 1),
        Format::YearSerial => format!("{year}01"),
        Format::DateTime => format!("{year}11{day:02} 235959"),
        Format::Time => "080000".to_owned(),
        Format::Periods => "1-2".to_owned(),
        Format::Url => "https://a.edu.cn/x".to_owned(),
        Format::Json => "{}".to_owned(),
    })
}

fn cut(text: &str, length: Length) -> String {
    match length {
        Length::AtMost(max) => text.chars().take(max as usize).collect(),
        _ => text.to_owned(),
    }
}

fn valid(field: &FieldPlan, dice: &mut Dice) -> Value {
    let code = field.code_set.as_ref().filter(|s| !s.codes().is_empty()).map(|set| {
        let fits =
            |c: &&xiaoshu::standard::Code| !matches!(field.length, Length::AtMost(max) if c.code.chars().count() > max as usize);
        let codes: Vec<_> = set.codes().iter().filter(fits).collect();
        codes.get(dice.roll(codes.len())).map_or_else(String::new, |c| c.code.to_string())
    });
    match (field.ty, code) {
        (FieldType::Integer { digits }, None) => json!(dice.roll(10usize.pow(u32::from(digits.min(9))))),
        (FieldType::Decimal { precision, scale }, None) => {
            let whole = dice.roll(10usize.pow(u32::from(precision.saturating_sub(scale).min(6))));
            if scale == 0 { json!(whole) } else { json!(whole as f64 + 0.5) }
        }
        (_, Some(code)) if !matches!(field.ty, FieldType::Text(_)) => code.parse::<u64>().map_or(Value::Null, |n| json!(n)),
        (_, Some(code)) => json!(code),
        (FieldType::Text(format), None) => match text_of(format, dice) {
            Some(text) => json!(text),
            None if field.number == Some(NumberKind::Mobile) => json!("13800000000"),
            None if field.sensitivity == Sensitivity::IdNumber => json!("11010519491231002X"),
            None => json!(cut("数据第一项", field.length)),
        },
    }
}

fn row(plan: &TablePlan, dice: &mut Dice) -> Map<String, Value> {
    let mut row = Map::new();
    for field in &plan.fields {
        let optional = field.required == Required::Optional;
        match (optional, dice.roll(6)) {
            (true, 0) => {}
            (true, 1) => drop(row.insert(field.name.to_string(), Value::Null)),
            (true, 2) if matches!(field.ty, FieldType::Text(_)) => drop(row.insert(field.name.to_string(), json!("  "))),
            _ => drop(row.insert(field.name.to_string(), valid(field, dice))),
        }
    }
    row
}

/// All single breakages of a field that its plan allows.
fn breakages(field: &FieldPlan) -> Vec<Option<Value>> {
    let mut list = vec![
        None,
        Some(Value::Null),
        Some(json!("")),
        Some(json!(" \u{3000}")),
        Some(json!(true)),
        Some(json!([])),
        Some(json!({})),
        Some(json!("x")),
        Some(json!("不存在的代码")),
        Some(json!("01,02")),
        Some(json!("1、2")),
        Some(json!(0)),
        Some(json!(-1)),
        Some(json!(1.5)),
        Some(json!(5.0)),
        Some(json!(0.123_456)),
        Some(json!(99_999_999_999_u64)),
        Some(Number::from_f64(1e19).map_or(Value::Null, Value::Number)),
        Some(json!("20230229")),
        Some(json!("2023-09-01")),
        Some(json!("20230901")),
        Some(json!("2023-2025")),
        Some(json!("2023-2024")),
        Some(json!("20230901 250000")),
        Some(json!("202313")),
        Some(json!("2-1")),
        Some(json!("01")),
        Some(json!("110105194912310021")),
        Some(json!("911100001000013428")),
        Some(json!("张\u{FFFD}")),
        Some(json!("锟斤拷")),
        Some(json!("????")),
        Some(json!("鑱屼笟鏁欒偛")),
        Some(json!("cafÃ©")),
        Some(json!("张\u{E863}")),
    ];
    if field.number.is_some() || field.sensitivity == Sensitivity::IdNumber || field.sensitivity == Sensitivity::Phone {
        list.extend(NUMBERS.iter().map(|text| Some(json!(text))));
    }
    if let Length::AtMost(max) | Length::Doubtful(max) = field.length {
        list.push(Some(json!("长".repeat(max as usize + 1))));
        list.push(Some(json!("𬭎".repeat(max as usize))));
        list.push(Some(json!("9".repeat(max as usize))));
    }
    list
}

struct Judge {
    validator: jsonschema::Validator,
    edge: Edge,
    plan: Arc<TablePlan>,
    compared: u64,
}

impl Judge {
    fn compare(&mut self, edition: &str, row: &Value) {
        let oracle = self.validator.is_valid(row);
        let found = self.edge.check_json(&row.to_string());
        let errors: Vec<_> = found.iter().filter(|v| v.severity == Severity::Error).collect();
        let reasons: Vec<String> =
            self.validator.iter_errors(row).map(|e| format!("{} {}", e.instance_path(), e.masked())).collect();
        assert_eq!(
            oracle,
            errors.is_empty(),
            "{edition} {}: the document says {reasons:?}, the plan {:?}\n{row}",
            self.plan.name,
            errors.iter().map(|v| v.text().en).collect::<Vec<_>>()
        );
        self.compared += 1;
    }
}

/// Every number of a paper under every kind of paper, and under none.
fn papers(judge: &mut Judge, edition: &str, good: &Map<String, Value>) {
    let Some(person) = judge.plan.person.clone() else { return };
    let codes = person.papers.iter().map(|(code, _)| Some(code.to_string())).chain([None, Some("C".to_owned())]);
    for code in codes {
        let mut row = good.clone();
        if let Some(paper) = person.paper {
            row.insert(judge.plan.field(paper).name.to_string(), code.map_or(Value::Null, Value::String));
        }
        for number in NUMBERS {
            row.insert(judge.plan.field(person.number).name.to_string(), json!(number));
            judge.compare(edition, &Value::Object(row.clone()));
        }
    }
}

fn table(standard: &Standard, edition: &str, plan: &Arc<TablePlan>) -> u64 {
    let checks = Arc::new(Checks::compile(plan, standard, &ReferencePolicies::default()));
    let validator = standard.oracle(plan.id).unwrap_or_else(|e| panic!("{edition}: {e}"));
    let mut judge = Judge { validator, edge: Edge::new(checks, TODAY), plan: Arc::clone(plan), compared: 0 };
    for seed in 1..=ROWS {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(plan.id.0) << 20 | 1);
        let good = row(plan, &mut dice);
        judge.compare(edition, &Value::Object(good.clone()));
        for (i, field) in plan.fields.iter().enumerate() {
            for (j, breakage) in breakages(field).into_iter().enumerate() {
                // Every breakage of every field once; over the rows of a table they are spread.
                if (i + j) as u64 % ROWS != seed - 1 {
                    continue;
                }
                let mut bad = good.clone();
                match breakage {
                    None => drop(bad.shift_remove(&*field.name)),
                    Some(value) => drop(bad.insert(field.name.to_string(), value)),
                }
                judge.compare(edition, &Value::Object(bad));
            }
        }
        if seed == 1 {
            papers(&mut judge, edition, &good);
        }
        let mut stranger = good.clone();
        stranger.insert("NOT_A_FIELD".to_owned(), json!("x"));
        judge.compare(edition, &Value::Object(stranger));
    }
    judge.compared
}

fn edition(name: &str) {
    let standard = Standard::load(&EditionId::new(name), None).unwrap();
    let compared: u64 = standard.tables().iter().map(|plan| table(&standard, name, plan)).sum();
    assert!(compared > 10_000, "{name}: only {compared} rows compared");
}

#[test]
fn gaozhi_2023_06() {
    edition("gaozhi-2023.06");
}

#[test]
fn gaozhi_2024_09() {
    edition("gaozhi-2024.09");
}

#[test]
fn zhongzhi_2023_06() {
    edition("zhongzhi-2023.06");
}

#[test]
fn zhongzhi_2025_03() {
    edition("zhongzhi-2025.03");
}

#[test]
fn most_generated_rows_are_valid() {
    let standard = Standard::load(&EditionId::new("gaozhi-2024.09"), None).unwrap();
    let mut valid_rows = 0;
    for plan in standard.tables() {
        let checks = Arc::new(Checks::compile(plan, &standard, &ReferencePolicies::default()));
        let mut edge = Edge::new(checks, TODAY);
        let good = row(plan, &mut Dice(77));
        let errors = edge.check_json(&Value::Object(good).to_string());
        valid_rows += usize::from(!errors.iter().any(|v| v.severity == Severity::Error));
    }
    // Otherwise the oracle test would compare refusals only.
    assert!(valid_rows * 10 >= standard.tables().len() * 9, "{valid_rows} of {}", standard.tables().len());
}
