//! Settings of how results are given.

use serde::Deserialize;

/// How results are given.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResultsConfig {
    /// Seconds from a submit to its verdict; 0 = at once.
    pub delay_s: u64,
    /// The ordinal of the first row in `num`: 0 or 1.
    pub num_base: u8,
    /// Whether `remark` names the primary key.
    pub pk_value: bool,
    /// The `state` of a partly stored batch.
    pub partly_state: String,
    /// Whether `returnCount` is the number of all matching results, not of those on the page.
    pub count_total: bool,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// The older form: `remark` in plain text, no `state`.
    pub plain_remark: bool,
    /// The zone that `timestamps` shows.
    pub zone: ZoneStyle,
    /// Which form of the query is taken.
    pub body: ResultsBody,
    /// How `page` and `limit` must be written.
    pub pages: PageStyle,
    /// Most results on a page, whatever `limit` says.
    pub page_rows: u32,
}

impl Default for ResultsConfig {
    fn default() -> Self {
        Self {
            delay_s: 0,
            num_base: 1,
            pk_value: true,
            partly_state: "0".to_owned(),
            count_total: false,
            newest_first: false,
            plain_remark: false,
            zone: ZoneStyle::Colon,
            body: ResultsBody::Either,
            pages: PageStyle::Either,
            page_rows: 1000,
        }
    }
}

/// The zone that `timestamps` shows; the time itself is always China's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneStyle {
    /// `+08:00`.
    Colon,
    /// `+0800`.
    Compact,
    /// None.
    Absent,
}

/// Which form of the result query is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultsBody {
    /// JSON.
    Json,
    /// A form with the field `cipherText`.
    Form,
    /// Both.
    Either,
}

/// How `page` and `limit` must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageStyle {
    /// As numbers.
    Number,
    /// As texts.
    Text,
    /// Both.
    Either,
}
