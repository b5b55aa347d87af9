//! The verdict on each row of a submit.

mod edition;

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::standard::Standard;

pub use edition::EditionJudge;

/// What came of one row.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// Its record key, where it has a usable one.
    pub key: Option<String>,
    /// The row in canonical JSON.
    pub body: String,
    /// Hash of its content, record key and collected-at left out.
    pub digest: [u8; 16],
    /// Hash that both sides of a comparison make of what they hold ([`crate::record::Record::comparable_hash`]).
    pub comparable: [u8; 16],
    /// Whether its data state says that it is deleted.
    pub deletes: bool,
    /// Why it is refused.
    pub error: Option<String>,
}

/// Judges rows. The platform's own judge is the edition set; tests may bring another.
pub trait RowJudge: Send + Sync + 'static {
    /// Whether the table is one that schools report.
    fn knows(&self, table: &str) -> bool;

    /// The edition judged by, where there is one.
    fn standard(&self) -> Option<Arc<Standard>> {
        None
    }

    /// One verdict a row, in their order. `school` is the code that rows must state, if any; `today` is `YYYYMMDD`.
    fn judge(&self, table: &str, rows: &[&RawValue], school: &str, today: &str) -> Vec<Judged>;
}
