//! A violation of the data standard, and its texts.

use std::fmt;
use std::sync::Arc;

use super::Text;

/// The stable id of a rule, as reports and settings name it: `required`, `length`, `code_set` ….
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(&'static str);

/// The rules there are, each once.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        impl RuleId {
            $($(#[$doc])* pub const $name: Self = Self::new($text);)*

            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

rules! {
    /// A value must be there.
    REQUIRED = "required";
    /// Text where a number belongs, or a JSON kind that no cell can be.
    KIND = "kind";
    /// Longer than printed, in characters.
    LENGTH = "length";
    /// Not of the form printed.
    FORMAT = "format";
    /// Too many digits, before or after the point.
    RANGE = "range";
    /// Not in the code set.
    CODE_SET = "code_set";
    /// Refers to something that is not there.
    REFERENCE = "reference";
    /// Two different rows with one key.
    DUPLICATE_KEY = "duplicate_key";
    /// A record key that belongs to another natural key already.
    KEY_COLLISION = "key_collision";
    /// Another record key than the one under which the record was reported.
    KEY_CHANGED = "key_changed";
    /// Another content than that of the source that holds the record.
    OTHER_SOURCE = "other_source";
    /// A field that the table does not have.
    UNKNOWN_FIELD = "unknown_field";
    /// A resident identity number that cannot be right or is odd.
    ID_NUMBER = "id_number";
    /// A unified social credit code that cannot be right or is odd.
    CREDIT_CODE = "credit_code";
    /// A telephone number that cannot be right or is odd.
    TELEPHONE = "telephone";
    /// Dates of a row in the wrong order.
    DATE_ORDER = "date_order";
    /// Something would be lost, and the mapping does not say that it may.
    LOSSY = "lossy";
    /// The text cannot be read as a value of the field.
    COERCION = "coercion";
    /// Undecodable bytes, replacement or private-use characters.
    ENCODING = "encoding";
    /// More than one reading, and nothing says which.
    AMBIGUOUS = "ambiguous";
    /// A part of the natural key is missing or unusable.
    KEY = "key";
    /// Not yet true; the mapping says to wait for it. No fault of the data.
    HELD = "held";
    /// Landed once, and no more so at the source; it cannot be taken back.
    WITHDRAWN = "withdrawn";
}

impl RuleId {
    /// A rule id; `name` is lower-case words joined by `_`.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Information only.
    Hint,
    /// Plausible but odd; the row is reported all the same.
    Warning,
    /// Cannot be right; the row waits in quarantine.
    Error,
}

impl Severity {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A field as messages name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// The standard's identifier, `KCH`.
    pub name: Arc<str>,
    /// The standard's Chinese name, 课程号.
    pub label: Arc<str>,
}

/// The class of the value found. Only [`Found::Shown`] holds the value, and only for fields that are not sensitive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing there.
    Missing,
    /// A text of so many characters; the value is withheld.
    Text {
        /// Length in characters.
        chars: usize,
    },
    /// A number; the value is withheld.
    Number,
    /// A JSON value of a kind that a cell cannot be: `true`, an object ….
    Kind(&'static str),
    /// Rows of one key that differ.
    Several,
    /// Another value than elsewhere; it is withheld.
    Differing,
    /// The value, cut to 60 characters, of a field that is not sensitive.
    Shown(Box<str>),
}

/// What would have been right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Any value at all.
    Value,
    /// A text.
    Text,
    /// A number.
    Number,
    /// At most so many characters.
    Chars(u32),
    /// A form, by its printed name: `YYYYMMDD`.
    Format(Arc<str>),
    /// A whole number of at most so many digits.
    Digits(u32),
    /// A decimal of so many digits, so many of them after the point.
    Decimal {
        /// Digits in all.
        precision: u32,
        /// Digits after the point.
        scale: u32,
    },
    /// One of a code set.
    Code {
        /// The set's id.
        set: Arc<str>,
        /// The allowed values, or the nearest of them, as `code label`.
        near: Arc<[Box<str>]>,
        /// True when `near` is the whole set.
        all: bool,
    },
    /// A key that exists in one of these tables.
    KeyIn(Arc<str>),
    /// A relation to another field of the row: not before, equal to ….
    Relation(Text),
    /// Anything else, in words.
    Words(Text),
}

/// One violation in one row. The row's place is kept beside it, once a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule broken.
    pub rule: RuleId,
    /// How bad that is.
    pub severity: Severity,
    /// The field, unless the whole row is meant.
    pub field: Option<FieldRef>,
    /// What was there.
    pub found: Found,
    /// What would be right.
    pub expected: Expected,
    /// The likely fix, when one can be named.
    pub fix: Option<Text>,
}

/// Longest part of a value that a message shows, in characters.
const SHOWN: usize = 60;

impl Found {
    /// A text as it may be shown: cut, and of sensitive fields only its length.
    pub fn of(text: &str, sensitive: bool) -> Self {
        if sensitive {
            return Self::Text { chars: text.chars().count() };
        }
        let end = if text.len() <= SHOWN { text.len() } else { text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at) };
        Self::Shown(text[..end].into())
    }

    /// In words.
    pub fn text(&self) -> Text {
        match self {
            Self::Missing => Text::new("空", "nothing"),
            Self::Text { chars } => {
                Text::new(format!("{chars} 个字符的文本（内容不显示）"), format!("a text of {chars} characters (withheld)"))
            }
            Self::Number => Text::new("一个数（内容不显示）", "a number (withheld)"),
            Self::Kind(kind) => Text::new(format!("JSON {kind}"), format!("JSON {kind}")),
            Self::Several => Text::new("多种不同内容", "several that differ"),
            Self::Differing => Text::new("不同的值（内容不显示）", "another value (withheld)"),
            Self::Shown(value) => Text::new(format!("“{value}”"), format!("\"{value}\"")),
        }
    }
}

impl Expected {
    /// In words.
    pub fn text(&self) -> Text {
        match self {
            Self::Value => Text::new("非空", "a value"),
            Self::Text => Text::new("文本", "a text"),
            Self::Number => Text::new("数值", "a number"),
            Self::Chars(max) => Text::new(format!("最多 {max} 个字符"), format!("at most {max} characters")),
            Self::Format(name) => Text::new(format!("格式 {name}"), format!("the form {name}")),
            Self::Digits(max) => Text::new(format!("最多 {max} 位的整数"), format!("a whole number of at most {max} digits")),
            Self::Decimal { precision, scale } => Text::new(
                format!("最多 {precision} 位、其中小数 {scale} 位的数"),
                format!("a number of at most {precision} digits, {scale} of them after the point"),
            ),
            Self::Code { set, near, all } => code_text(set, near, *all),
            Self::KeyIn(tables) => Text::new(format!("{tables} 中存在的编号"), format!("a key that exists in {tables}")),
            Self::Relation(text) | Self::Words(text) => text.clone(),
        }
    }
}

fn code_text(set: &str, near: &[Box<str>], all: bool) -> Text {
    let list = near.join("、");
    let en = near.join(", ");
    match (near.is_empty(), all) {
        (true, _) => Text::new(format!("代码集 {set} 中的代码"), format!("a code of {set}")),
        (false, true) => Text::new(format!("代码集 {set}：{list}"), format!("a code of {set}: {en}")),
        (false, false) => Text::new(format!("代码集 {set}，相近的有：{list}"), format!("a code of {set}, near ones: {en}")),
    }
}

impl Violation {
    /// The whole message: field, what was found, what is expected, the likely fix.
    pub fn text(&self) -> Text {
        let (found, expected) = (self.found.text(), self.expected.text());
        let (zh_field, en_field) = match &self.field {
            Some(field) => (format!("{}（{}）", field.label, field.name), format!("{} ({})", field.name, field.label)),
            None => ("整行".to_owned(), "the row".to_owned()),
        };
        let mut zh = format!("{zh_field}：应为{}，实为{}", expected.zh, found.zh);
        let mut en = format!("{en_field}: expected {}, found {}", expected.en, found.en);
        if let Some(fix) = &self.fix {
            zh.push_str("；建议：");
            zh.push_str(&fix.zh);
            en.push_str("; fix: ");
            en.push_str(&fix.en);
        }
        Text::new(zh, en)
    }
}
