//! What a platform says became of a batch, in one form for all transports.

use crate::store::Millis;

/// One result as the platform lists it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResultItem {
    /// The platform's own id of the result; empty when it gives none.
    pub id: String,
    /// The table, exactly as the platform names it.
    pub table: String,
    /// The marks it may go by: reply times `yyyy-MM-dd HH:mm:ss`, by its zone and by its bare digits.
    pub marks: Vec<String>,
    /// The instants that those marks are on the platform's clock.
    pub at: Vec<Millis>,
    /// Rows received.
    pub received: Option<u64>,
    /// Rows stored.
    pub stored: Option<u64>,
    /// Rows named as bad.
    pub faults: Vec<RowFault>,
    /// A remark that is a plain text and names no row.
    pub remark: Option<String>,
    /// The platform's own word: all succeeded, or failed; it never decides alone.
    pub succeeded: Option<bool>,
}

/// A row that the platform names as bad.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowFault {
    /// Its place in the batch; whether counted from 0 or 1 is not printed.
    pub num: Option<i64>,
    /// Its record key.
    pub key: Option<String>,
    /// The reason.
    pub text: String,
}
