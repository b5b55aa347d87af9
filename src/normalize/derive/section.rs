//! What a mapping file says of derivation.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `[portrait]`.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::normalize) struct PortraitSection {
    /// Whose portraits: a word of the first column of the items' list.
    pub of: String,
    /// What a row stands for.
    pub rows: Portrayed,
    /// The table without which nothing is computed.
    pub roster: String,
    /// The item without which a person has no portrait.
    pub must: Option<String>,
    /// The field whose length bounds the text.
    pub field: Option<String>,
    /// The most characters of one item.
    pub longest: Option<usize>,
}

/// What a row of a portrait's table stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::normalize) enum Portrayed {
    /// A person.
    Person,
    /// An item of a person.
    PersonItem,
    /// An item that somebody has.
    Item,
}

impl PortraitSection {
    /// Whether rows become portraits; else portraits become rows.
    pub fn folds(&self) -> bool {
        self.rows == Portrayed::Person
    }
}

/// `[groups]`.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::normalize) struct GroupsSection {
    /// The column with how many cases a row stands for.
    pub count: String,
    /// The column with the date.
    pub date: String,
    /// Rows go together only within such a stretch of time.
    #[serde(default)]
    pub within: Within,
    /// Rows go together only where these columns agree.
    #[serde(default)]
    pub by: Vec<String>,
    /// Columns whose values add up.
    #[serde(default)]
    pub sum: Vec<String>,
    /// Columns whose values are averages over the cases.
    #[serde(default)]
    pub mean: Vec<String>,
    /// Columns of text, and the words that may be told of each.
    #[serde(default)]
    pub words: BTreeMap<String, Vec<String>>,
}

/// `[timetable]`.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::normalize) struct TimetableSection {
    /// The column with the lesson's number.
    pub lesson: String,
    /// The columns that tell year and term, one behind the other.
    pub term: Vec<String>,
    /// The column with the weeks.
    pub weeks: String,
    /// The column with the weekday.
    pub weekday: String,
    /// The column with the periods.
    pub periods: String,
    /// The changes, where the query gives them among the rows.
    pub changes: Option<ChangesSection>,
    /// A query over the hub for what has landed, with the columns of the lesson, the periods, and `date`.
    pub landed: Option<String>,
}

/// `[timetable.changes]`.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::normalize) struct ChangesSection {
    /// The column that only changes fill.
    pub kind: String,
    /// Its words for a lesson that is not taught.
    #[serde(default)]
    pub cancel: Vec<String>,
    /// For one that is taught at another time, in another room, by somebody else.
    #[serde(default, rename = "move")]
    pub moved: Vec<String>,
    /// For one more.
    #[serde(default)]
    pub extra: Vec<String>,
    /// The column with the day of the lesson that changes.
    pub from: String,
    /// The column with the day on which it is taught.
    pub to: String,
    /// The column with the periods in which it is taught then.
    pub to_periods: String,
}

/// A stretch of time that begins on the same day whenever it is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::normalize) enum Within {
    /// From Monday.
    #[default]
    Week,
    /// From the first of the month.
    Month,
}

impl Within {
    /// The first day of the stretch that a day belongs to.
    pub fn start(self, day: jiff::civil::Date) -> jiff::civil::Date {
        match self {
            Self::Week => {
                let back = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(jiff::Span::new().days(back)).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
        }
    }
}
