//! The verdict on each row of a submit.

use serde_json::value::RawValue;

/// What came of one row.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// Its record key, where it has a usable one.
    pub key: Option<String>,
    /// The row in canonical JSON.
    pub body: String,
    /// Hash of its content, record key and collected-at left out.
    pub digest: [u8; 16],
    /// Whether its data state says that it is deleted.
    pub deletes: bool,
    /// Why it is refused.
    pub error: Option<String>,
}

/// Judges rows. The platform's own judge is the edition set; tests may bring another.
pub trait RowJudge: Send + Sync + 'static {
    /// Whether the table is one that schools report.
    fn knows(&self, table: &str) -> bool;

    /// One verdict a row, in their order. `school` is the code that rows must state, if any; `today` is `YYYYMMDD`.
    fn judge(&self, table: &str, rows: &[&RawValue], school: &str, today: &str) -> Vec<Judged>;
}

/// Takes every row that has a record key: until the edition's judge is at hand.
pub(super) struct KeyOnly;

impl RowJudge for KeyOnly {
    fn knows(&self, table: &str) -> bool {
        table.starts_with("ODS_")
    }

    fn judge(&self, _: &str, rows: &[&RawValue], _: &str, _: &str) -> Vec<Judged> {
        rows.iter().map(|row| key_only(row.get())).collect()
    }
}

fn key_only(row: &str) -> Judged {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(row) else {
        return Judged { error: Some("不是JSON对象".to_owned()), ..Judged::default() };
    };
    let key = fields.get("ZJSJWYXBS").and_then(|v| v.as_str()).map(str::to_owned);
    let error = key.is_none().then(|| "主键为空".to_owned());
    let deletes = fields.get("SJZTM").and_then(|v| v.as_str()) == Some("0");
    let digest = xxhash_rust::xxh3::xxh3_128(row.as_bytes()).to_be_bytes();
    Judged { key, body: serde_json::Value::Object(fields).to_string(), digest, deletes, error }
}
