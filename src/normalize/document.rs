//! A mapping file, parsed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::derive::{GroupsSection, PortraitSection, TimetableSection};
use super::fault::{Faults, MappingFault};
use super::incremental;
use super::schema;
use super::toml::{self, Spans};
use crate::finding::Text;
use crate::source::ReadSpec;

/// How a table is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From a system, by itself.
    Automatic,
    /// From files that somebody exports.
    File,
    /// Filled in by hand.
    Form,
    /// Derived from what the hub holds.
    Computed,
    /// Not at this school; a reason says why.
    NotApplicable,
}

/// A mapping file: one source's columns onto one table.
#[derive(Debug, Clone)]
pub struct MappingDocument {
    pub(super) file: String,
    pub(super) spans: Spans,
    pub(super) body: Body,
    digest: [u8; 16],
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Body {
    pub(super) table: String,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) owner: String,
    pub(super) mode: Mode,
    pub(super) reason: Option<String>,
    pub(super) missing: Option<Vec<String>>,
    #[serde(default)]
    pub(super) read: ReadSpec,
    #[serde(default)]
    pub(super) key: KeySection,
    #[serde(default, rename = "where")]
    pub(super) filters: Vec<FilterSection>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, FieldSection>,
    pub(super) portrait: Option<PortraitSection>,
    pub(super) groups: Option<GroupsSection>,
    pub(super) timetable: Option<TimetableSection>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct KeySection {
    pub(super) fields: Option<Vec<String>>,
    pub(super) source_id: Option<String>,
    pub(super) adopt: Option<AdoptSection>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AdoptSection {
    pub(super) column: Option<String>,
    pub(super) file: Option<String>,
    #[serde(default, rename = "match")]
    pub(super) matching: Vec<String>,
    pub(super) key: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FilterSection {
    pub(super) column: String,
    pub(super) is: Option<Vec<String>>,
    pub(super) is_not: Option<Vec<String>>,
    pub(super) missing: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum FieldSection {
    Column(String),
    Full(Box<FieldOptions>),
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct FieldOptions {
    pub(super) column: Option<String>,
    pub(super) template: Option<String>,
    pub(super) value: Option<Scalar>,
    pub(super) not_available: Option<String>,
    #[serde(default)]
    pub(super) codes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) words: BTreeMap<String, String>,
    pub(super) lookup: Option<LookupSection>,
    pub(super) take: Option<Take>,
    pub(super) serial: Option<Serial>,
    pub(super) split: Option<String>,
    pub(super) multiply: Option<String>,
    #[serde(default)]
    pub(super) id15: bool,
    pub(super) default: Option<Scalar>,
    pub(super) when_missing: Option<WhenMissing>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Whole(i64),
}

impl Scalar {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct LookupSection {
    pub(super) table: String,
    #[serde(rename = "match")]
    pub(super) matching: String,
    pub(super) give: String,
}

/// The part of a value that is wanted; losing the rest is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Take {
    Date,
    Month,
    Year,
    Time,
    SchoolYear,
    Term,
}

/// The calendar of spreadsheet serial numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Serial {
    #[serde(rename = "1900")]
    From1900,
    #[serde(rename = "1904")]
    From1904,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum WhenMissing {
    Word(String),
    Planned { planned: String },
    Placeholder { placeholder: Scalar, owner: Option<String>, reason: Option<String> },
    Unsaid {},
}

impl MappingDocument {
    /// Parses a mapping file. `file` names it in messages.
    ///
    /// # Errors
    /// Everything that can be wrong with it without knowing the standard and the source, all at once.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<MappingFault>> {
        match Self::parse_all(file, text) {
            (Some(document), faults) if faults.is_empty() => Ok(document),
            (_, faults) => Err(faults),
        }
    }

    /// Like [`Self::parse`], but gives the document as far as it can be read along with its faults, so that a check can
    /// go on and find those that need the standard.
    pub fn parse_all(file: &str, text: &str) -> (Option<Self>, Vec<MappingFault>) {
        let (value, spans) = match toml::parse(text) {
            Ok(parsed) => parsed,
            Err((line, column, message)) => {
                let what = Text::new(format!("不是有效的 TOML：{message}"), format!("no valid TOML: {message}"));
                let remedy = Text::new("检查引号、括号和重复的键", "check quotes, brackets and repeated keys");
                return (None, vec![MappingFault { file: file.to_owned(), line, column, what, remedy }]);
            }
        };
        let mut faults = Faults::new(file, &spans);
        schema::MAPPING.check(&value, &mut faults);
        let digest = xxhash_rust::xxh3::xxh3_128(value.to_string().as_bytes()).to_be_bytes();
        let body = match serde_json::from_value::<Body>(value) {
            Ok(mut body) => {
                body.read.reader.clone_from(&body.table);
                Some(body)
            }
            Err(error) => {
                if faults.is_empty() {
                    let what = Text::new(format!("无法读取：{error}"), format!("cannot be read: {error}"));
                    faults.add("", what, Text::new("对照映射文件的说明", "compare with the description of mapping files"));
                }
                None
            }
        };
        if let Some(body) = &body {
            check_mode(body, &mut faults);
            incremental::check(&body.read, &mut faults);
        }
        let faults = faults.finish();
        (body.map(|body| Self { file: file.to_owned(), spans, body, digest }), faults)
    }

    /// The file, as messages name it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// A digest of what the mapping says; blanks and comments do not change it.
    pub fn digest(&self) -> [u8; 16] {
        self.digest
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.body.table
    }

    /// The source's name; empty where the mode has none.
    pub fn source(&self) -> &str {
        &self.body.source
    }

    /// The department that is told what to correct; empty where nobody is named.
    pub fn owner(&self) -> &str {
        &self.body.owner
    }

    /// How the table is filled.
    pub fn mode(&self) -> Mode {
        self.body.mode
    }

    /// Why the table does not apply.
    pub fn reason(&self) -> Option<&str> {
        self.body.reason.as_deref()
    }

    /// What to read of the source.
    pub fn read(&self) -> &ReadSpec {
        &self.body.read
    }

    /// The CSV file with keys to adopt; its content goes into [`super::MappingContext`].
    pub fn adopt_file(&self) -> Option<&str> {
        self.body.key.adopt.as_ref()?.file.as_deref()
    }

    /// A fault at the line that a JSON pointer leads to.
    pub fn fault_at(&self, pointer: &str, what: Text, remedy: Text) -> MappingFault {
        let (line, column) = self.spans.place(pointer);
        MappingFault { file: self.file.clone(), line, column, what, remedy }
    }

    /// A fault at the line of a key, for checks that need more than the standard: an unknown source, say.
    pub fn fault(&self, key: &str, what: Text, remedy: Text) -> MappingFault {
        self.fault_at(&format!("/{}", toml::escape(key)), what, remedy)
    }
}

/// What must go together, by mode.
fn check_mode(body: &Body, faults: &mut Faults<'_>) {
    if body.mode == Mode::NotApplicable {
        if body.reason.is_none() {
            faults.add(
                "/mode",
                Text::new("不适用的表要说明理由", "a table that does not apply needs a reason"),
                Text::new("补上 reason = \"…\"", "add reason = \"…\""),
            );
        }
        if !body.fields.is_empty() {
            faults.add(
                "/fields",
                Text::new("不适用的表不能映射字段", "a table that does not apply maps no fields"),
                Text::new("删去 [fields]，或改 mode", "drop [fields], or change mode"),
            );
        }
        return;
    }
    if body.source.is_empty() {
        faults.add(
            "",
            Text::new("缺少 source", "source is missing"),
            Text::new("补上 source = \"设置中的来源名\"", "add source = \"name of a source in the settings\""),
        );
    }
    if body.fields.is_empty() {
        faults.add("", Text::new("没有映射任何字段", "no field is mapped"), Text::new("补上 [fields]", "add [fields]"));
    }
    check_days(body, faults);
    match (body.mode, &body.read.object, &body.read.query) {
        (_, Some(_), Some(_)) => faults.add(
            "/read/query",
            Text::new("object 与 query 只能有一个", "object and query exclude each other"),
            Text::new("删去其一", "drop one of them"),
        ),
        (Mode::Automatic | Mode::File | Mode::Computed, None, None) => faults.add(
            "/read",
            Text::new("没有说明读取什么", "nothing says what to read"),
            Text::new(
                "补上 [read] object = \"表或文件\" 或 query = \"…\"",
                "add [read] object = \"table or file\" or query = \"…\"",
            ),
        ),
        _ => {}
    }
}

/// Days to read and the query that names the first of them go together.
fn check_days(body: &Body, faults: &mut Faults<'_>) {
    match (body.read.days.is_some(), body.read.names_since()) {
        (true, false) => faults.add(
            "/read/days",
            Text::new("设了 days，而 query 没有用 :since", "days is set, and the query does not name :since"),
            Text::new("在 query 中写 日期列 >= :since，或删去 days", "write date_column >= :since in the query, or drop days"),
        ),
        (false, true) => faults.add(
            "/read/query",
            Text::new("query 用了 :since，而没有设 days", "the query names :since, and days is not set"),
            Text::new("补上 days = 7", "add days = 7"),
        ),
        _ => {}
    }
    let made = body.portrait.is_some() || body.groups.is_some() || body.timetable.is_some();
    if made && (body.read.changes.is_some() || body.read.chunks.is_some()) {
        faults.add(
            "/read",
            Text::new("由多行汇成的行要整体读取", "rows that are made of many are read as a whole"),
            Text::new("删去 [read.changes] 和 [read.chunks]", "drop [read.changes] and [read.chunks]"),
        );
    }
    let derived = [body.portrait.is_some(), body.groups.is_some(), body.timetable.is_some()];
    if derived.into_iter().filter(|is| *is).count() > 1 {
        faults.add(
            "",
            Text::new("portrait、groups、timetable 只能有一个", "portrait, groups and timetable exclude each other"),
            Text::new("只留一个", "keep one of them"),
        );
    }
}

impl Body {
    /// The texts that stand for nothing.
    pub(super) fn missing_words<'a>(&'a self, default: &'a [String]) -> &'a [String] {
        self.missing.as_deref().unwrap_or(default)
    }
}

/// A field's options, whichever way they are written.
pub(super) fn options(section: &FieldSection) -> FieldOptions {
    match section {
        FieldSection::Column(column) => FieldOptions { column: Some(column.clone()), ..FieldOptions::default() },
        FieldSection::Full(options) => (**options).clone(),
    }
}
