//! A small table made by hand, and rows of it.

use std::collections::HashMap;
use std::sync::Arc;

use xiaoshu::finding::{Expected, Findings, Found, Locator, Place, RuleId, Severity, Violation};
use xiaoshu::record::{BatchBuilder, KeySpec, Namespace, Record, RecordBatch, RecordKey, natural_key_words};
use xiaoshu::standard::{
    Domain, EditionId, FieldIdx, FieldPlan, FieldType, Format, Frequency, KeyPart, Kind, Length, NaturalKey, Required, Roles,
    Scope, Sensitivity, TableId, TablePlan,
};
use xiaoshu::store::FeedSpec;
use xiaoshu::validate::{Accepted, Rejected, judge};

pub const NO: FieldIdx = FieldIdx(1);
pub const NAME: FieldIdx = FieldIdx(2);
pub const AMOUNT: FieldIdx = FieldIdx(3);

fn field(name: &str, ty: FieldType) -> FieldPlan {
    FieldPlan {
        name: name.into(),
        label: name.into(),
        item_code: "".into(),
        ty,
        length: Length::Open,
        required: Required::Optional,
        code_set: None,
        separator: None,
        reference: None,
        number: None,
        sensitivity: Sensitivity::None,
        sealed: false,
        unit: "".into(),
    }
}

/// KEY, NO (the natural key), NAME, AMOUNT, AT.
pub fn plan(name: &str, kind: Kind) -> Arc<TablePlan> {
    let text = FieldType::Text(Format::Free);
    let fields = [
        field("KEY", FieldType::Text(Format::Uid32)),
        field("NO", text),
        field("NAME", text),
        field("AMOUNT", FieldType::Decimal { precision: 10, scale: 2 }),
        field("AT", FieldType::Text(Format::DateTime)),
    ];
    let by_name: HashMap<Arc<str>, FieldIdx> =
        fields.iter().enumerate().map(|(i, f)| (f.name.clone(), FieldIdx(i as u16))).collect();
    Arc::new(TablePlan {
        id: TableId(0),
        edition: EditionId::new("test-2024"),
        name: name.into(),
        label_zh: "样表".into(),
        label_en: "sample".into(),
        domain: Domain::Basic,
        kind,
        frequency: Frequency::Day,
        scope: Scope::All,
        anonymous: false,
        fields: fields.into(),
        key: NaturalKey { preferred: Box::default(), parts: [KeyPart::Field(NO)].into() },
        roles: Roles { record_key: Some(FieldIdx(0)), collected_at: Some(FieldIdx(4)), ..Roles::default() },
        orders: Box::default(),
        person: None,
        by_name,
        part: None,
    })
}

/// The feed of such a table, NO and NAME indexed.
pub fn spec(plan: &Arc<TablePlan>) -> FeedSpec {
    FeedSpec { plan: plan.clone(), indexed: vec![NO, NAME], key_digest: [1; 16] }
}

/// A row: its key, its content, what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    pub key: u32,
    pub content: u32,
    pub fault: Fault,
    pub adopted: Option<Adopted>,
}

/// A record key that comes with the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Adopted {
    /// Minted by a vendor.
    Vendor(u32),
    /// The one that this hub mints for a key.
    MintedFor(u32),
}

impl Adopted {
    pub fn key(self, plan: &TablePlan) -> RecordKey {
        match self {
            Self::Vendor(n) => RecordKey::parse(&format!("VENDOR{n:026}")).unwrap(),
            Self::MintedFor(key) => {
                let text = key_text(key);
                let mut bytes = vec![0];
                bytes.extend((text.len() as u16).to_be_bytes());
                bytes.extend(text.as_bytes());
                key_spec(plan).record_key(plan, &bytes)
            }
        }
    }
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    None,
    /// An error; the key can be read.
    Bad,
    /// The key itself cannot be read.
    Keyless,
}

impl Row {
    pub fn good(key: u32, content: u32) -> Self {
        Self { key, content, fault: Fault::None, adopted: None }
    }

    pub fn adopting(key: u32, content: u32, adopted: Adopted) -> Self {
        Self { adopted: Some(adopted), ..Self::good(key, content) }
    }

    pub fn bad(key: u32, content: u32) -> Self {
        Self { key, content, fault: Fault::Bad, adopted: None }
    }

    pub fn keyless(key: u32, content: u32) -> Self {
        Self { key, content, fault: Fault::Keyless, adopted: None }
    }
}

pub fn key_text(key: u32) -> String {
    format!("K{key:06}")
}

/// The raw row, as the source would have given it.
pub fn raw(row: &Row) -> String {
    format!("{{\"no\":\"{}\",\"name\":\"name {}\"}}", key_text(row.key), row.content)
}

pub fn place(row: usize) -> Locator {
    Locator { source: "test".into(), object: "things".into(), place: Place::Row(row as u64 + 1) }
}

pub fn key_spec(plan: &TablePlan) -> KeySpec {
    KeySpec {
        key: plan.key.clone(),
        namespace: Namespace { name: "4111010001".into(), secret: Arc::from(&b"secret"[..]) },
        system: "".into(),
    }
}

/// The natural key in words.
pub fn name(plan: &TablePlan, natural_key: &[u8]) -> Option<String> {
    natural_key_words(plan, &plan.key, natural_key)
}

fn batch(plan: &Arc<TablePlan>, rows: &[Row]) -> RecordBatch {
    let keys = key_spec(plan);
    let mut builder = BatchBuilder::new(plan.clone(), rows.len());
    for (i, row) in rows.iter().enumerate() {
        builder.begin_row(i);
        builder.push_null();
        if row.fault == Fault::Keyless {
            builder.push_faulted();
        } else {
            builder.push_text(&key_text(row.key));
        }
        builder.push_text(&format!("name {}", row.content));
        builder.push_number("12.5");
        builder.push_text("20241122 080000");
        builder.seal_row(&keys, None, row.adopted.map(|a| a.key(plan)));
    }
    builder.finish()
}

/// Judges rows as validation would.
pub fn judged(plan: &Arc<TablePlan>, rows: &[Row]) -> (Accepted, Vec<Rejected>) {
    let mut findings = Findings::default();
    for (i, row) in rows.iter().enumerate().filter(|(_, r)| r.fault != Fault::None) {
        let rule = if row.fault == Fault::Bad { RuleId::new("required") } else { RuleId::new("key") };
        let violation = Violation {
            rule,
            severity: Severity::Error,
            field: None,
            found: Found::Missing,
            expected: Expected::Value,
            fix: None,
        };
        findings.add(i, violation);
    }
    judge(batch(plan, rows), &findings, &|record: &Record<'_>| (raw(&rows[record.origin()]), place(record.origin())))
}

/// A key from the natural key's bytes: one tag byte, two of length, the text.
pub fn key_of(natural_key: &[u8]) -> u32 {
    std::str::from_utf8(&natural_key[4..]).unwrap().parse().unwrap()
}

/// The record key in a payload.
pub fn payload_key(payload: &[u8]) -> String {
    let row: serde_json::Value = serde_json::from_slice(payload).unwrap();
    row["KEY"].as_str().unwrap().to_owned()
}
