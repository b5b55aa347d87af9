//! One table of the standard, compiled.

use std::collections::HashMap;
use std::sync::Arc;

use super::{CodeSet, EditionId, FieldIdx, NaturalKey, NumberKind, PartOf, PersonPlan, TableId};

/// A table, compiled once and kept behind `Arc`: a batch keeps the plan it was made with.
#[derive(Debug, Clone)]
pub struct TablePlan {
    /// Its place in the [`super::Standard`] it belongs to.
    pub id: TableId,
    /// The edition that prints it, or `core`.
    pub edition: EditionId,
    /// `ODS_KCJBSJ`.
    pub name: Arc<str>,
    /// Chinese name.
    pub label_zh: Arc<str>,
    /// Short English name, ours.
    pub label_en: Arc<str>,
    /// Which of the six domains it serves.
    pub domain: Domain,
    /// Whether rows stand for a state or are a log.
    pub kind: Kind,
    /// By when a change must have been reported.
    pub frequency: Frequency,
    /// Which rows are to be reported.
    pub scope: Scope,
    /// Aggregates about persons: single rows are refused and record keys are keyed hashes.
    pub anonymous: bool,
    /// The fields in printed order.
    pub fields: Box<[FieldPlan]>,
    /// What makes a row the same row.
    pub key: NaturalKey,
    /// Fields that code asks for by role.
    pub roles: Roles,
    /// Dates that must not come before other dates of the row.
    pub orders: Box<[DateOrder]>,
    /// The person a row is about, where the table holds the number of an identity paper.
    pub person: Option<PersonPlan>,
    /// Field names to indices.
    pub by_name: HashMap<Arc<str>, FieldIdx>,
    /// What it is a part of, where it is no table of the standard but what one source gives to one.
    pub part: Option<PartOf>,
}

impl TablePlan {
    /// The field at an index.
    #[inline]
    pub fn field(&self, idx: FieldIdx) -> &FieldPlan {
        &self.fields[idx.usize()]
    }

    /// A field by its name, upper case as printed.
    pub fn find(&self, name: &str) -> Option<FieldIdx> {
        self.by_name.get(name).copied()
    }

    /// All fields with their indices, in printed order.
    pub fn indexed(&self) -> impl Iterator<Item = (FieldIdx, &FieldPlan)> {
        self.fields.iter().enumerate().map(|(i, f)| (FieldIdx(i as u16), f))
    }
}

/// The six domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// 基本办学条件.
    Basic,
    /// 专业.
    Major,
    /// 课程.
    Course,
    /// 学生.
    Student,
    /// 教师.
    Teacher,
    /// 企业.
    Enterprise,
}

impl Domain {
    /// All six, in the order that reports list them.
    pub const ALL: [Self; 6] = [Self::Basic, Self::Major, Self::Course, Self::Student, Self::Teacher, Self::Enterprise];

    /// The stable lower-case name, `basic` ….
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Major => "major",
            Self::Course => "course",
            Self::Student => "student",
            Self::Teacher => "teacher",
            Self::Enterprise => "enterprise",
        }
    }

    /// The Chinese name.
    pub fn label_zh(self) -> &'static str {
        match self {
            Self::Basic => "基本办学条件",
            Self::Major => "专业",
            Self::Course => "课程",
            Self::Student => "学生",
            Self::Teacher => "教师",
            Self::Enterprise => "企业",
        }
    }
}

/// Whether a table's rows are states that change and end, or events that never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A row stands for a thing that may change and go.
    State,
    /// A row is an event; it is never deleted.
    Log,
}

/// The printed reporting frequency: a deadline, not a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Frequency {
    /// Every day.
    Day,
    /// A row goes the day before its due-on date.
    DayAhead,
    /// Every week.
    Week,
    /// Every month.
    Month,
    /// Every term.
    Term,
    /// The autumn term only.
    AutumnTerm,
    /// Every school year.
    Year,
    /// The school decides; also all core tables.
    SchoolDecides,
}

impl Frequency {
    const NAMES: [(&'static str, Self); 8] = [
        ("day", Self::Day),
        ("day_ahead", Self::DayAhead),
        ("week", Self::Week),
        ("month", Self::Month),
        ("term", Self::Term),
        ("autumn_term", Self::AutumnTerm),
        ("year", Self::Year),
        ("school_decides", Self::SchoolDecides),
    ];

    /// The stable lower-case name, as the documents have it: `x-frequency.key`.
    pub fn key(self) -> &'static str {
        Self::NAMES.iter().find(|(_, f)| *f == self).map_or("", |(name, _)| name)
    }

    /// A frequency by its key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == key).map(|(_, f)| *f)
    }
}

/// Which rows a table reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every record must have been reported.
    All,
    /// The current term's.
    Term,
    /// The current school year's.
    SchoolYear,
    /// From this month on, `YYYYMM`.
    Since(Arc<str>),
    /// Cohorts from this entry year on.
    CohortSince(u16),
    /// What the mapping selects.
    Mapping,
}

/// Fields that code needs by what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles {
    /// The 32-character key of the row upstream; the hub computes it.
    pub record_key: Option<FieldIdx>,
    /// The school's national code; the hub fills it in.
    pub school_code: Option<FieldIdx>,
    /// When the row was collected; the hub fills it in; no part of the content hash.
    pub collected_at: Option<FieldIdx>,
    /// The data-state field that carries a deletion.
    pub data_state: Option<FieldIdx>,
    /// The person the row is about.
    pub person: Option<FieldIdx>,
    /// Term code.
    pub term: Option<FieldIdx>,
    /// School year.
    pub school_year: Option<FieldIdx>,
    /// When it happened.
    pub event_date: Option<FieldIdx>,
    /// The day that a day-ahead row is about.
    pub due_on: Option<FieldIdx>,
    /// The number of the information system that the row comes from.
    pub system: Option<FieldIdx>,
}

/// `earlier` must not come after `later`, where both have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateOrder {
    /// The field that must not be later.
    pub earlier: FieldIdx,
    /// The field that must not be earlier.
    pub later: FieldIdx,
}

/// One field, compiled.
#[derive(Debug, Clone)]
pub struct FieldPlan {
    /// `KCH`.
    pub name: Arc<str>,
    /// 课程号.
    pub label: Arc<str>,
    /// Printed item code; empty for fields of our own.
    pub item_code: Arc<str>,
    /// What values look like.
    pub ty: FieldType,
    /// Largest length in characters.
    pub length: Length,
    /// Whether a value must be there.
    pub required: Required,
    /// The code set that values are drawn from.
    pub code_set: Option<Arc<CodeSet>>,
    /// The separator, when one cell may hold several values.
    pub separator: Option<Arc<str>>,
    /// Where values must exist.
    pub reference: Option<Reference>,
    /// What kind of number a free text holds.
    pub number: Option<NumberKind>,
    /// How sensitive values are.
    pub sensitivity: Sensitivity,
    /// Whether the value must be sealed (encrypted) before it leaves, by the standard's text.
    pub sealed: bool,
    /// Printed unit, empty where none.
    pub unit: Arc<str>,
}

/// What a field's values look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Text of a form.
    Text(Format),
    /// A JSON whole number of at most so many digits.
    Integer {
        /// Digits.
        digits: u8,
    },
    /// A JSON number.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
}

/// The form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Any text.
    Free,
    /// 32 upper-case letters and digits.
    Uid32,
    /// Ten digits.
    Digits10,
    /// Unified social credit code, with its check character.
    CreditCode,
    /// Resident identity number, with its check character.
    ResidentId,
    /// `YYYYMMDD`.
    Date,
    /// `YYYYMM`.
    Month,
    /// `YYYY`.
    Year,
    /// `YYYY-YYYY`, the second one more than the first.
    SchoolYear,
    /// `YYYY-YYYY学年`.
    SchoolYearWord,
    /// `YYYYLL`, year and running number.
    YearSerial,
    /// `YYYYMMDD hhmmss`.
    DateTime,
    /// `HHMMSS`.
    Time,
    /// `n-n`, first and last period.
    Periods,
    /// A web address.
    Url,
    /// JSON text.
    Json,
}

impl Format {
    /// The printed name, as schemas and messages show it; empty for [`Format::Free`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "",
            Self::Uid32 => "uid32",
            Self::Digits10 => "digits10",
            Self::CreditCode => "uscc18",
            Self::ResidentId => "resident_id",
            Self::Date => "YYYYMMDD",
            Self::Month => "YYYYMM",
            Self::Year => "YYYY",
            Self::SchoolYear => "YYYY-YYYY",
            Self::SchoolYearWord => "YYYY-YYYY学年",
            Self::YearSerial => "YYYYLL",
            Self::DateTime => "YYYYMMDD hhmmss",
            Self::Time => "HHMMSS",
            Self::Periods => "n-n",
            Self::Url => "url",
            Self::Json => "json",
        }
    }

    /// A format by its printed name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }

    /// All formats.
    pub const ALL: [Self; 16] = [
        Self::Free,
        Self::Uid32,
        Self::Digits10,
        Self::CreditCode,
        Self::ResidentId,
        Self::Date,
        Self::Month,
        Self::Year,
        Self::SchoolYear,
        Self::SchoolYearWord,
        Self::YearSerial,
        Self::DateTime,
        Self::Time,
        Self::Periods,
        Self::Url,
        Self::Json,
    ];
}

/// The printed length in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Length {
    /// Longer values are errors.
    AtMost(u32),
    /// The print makes no sense: longer values are warnings.
    Doubtful(u32),
    /// Not printed, or not of a text.
    Open,
}

/// Whether a value must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Required {
    /// Always.
    Mandatory,
    /// Never.
    Optional,
    /// When the condition holds.
    When(Condition),
    /// When something holds that no field of the row tells; never checked, shown in Chinese and English lists.
    Unless(Arc<str>),
}

/// Another field of the row has one of these values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The other field.
    pub field: FieldIdx,
    /// The values.
    pub is_one_of: Box<[Arc<str>]>,
}

/// Where a field's values must exist: found in any target is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Core roster first, then the printed tables.
    pub targets: Box<[RefTarget]>,
    /// Values that refer to nothing, by the standard's own words: the top of a tree.
    pub none: Box<[Arc<str>]>,
}

/// One target of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefTarget {
    /// The table.
    pub table: TableId,
    /// The field in it.
    pub field: FieldIdx,
}

/// How sensitive a field's values are; anything but `None` keeps values out of logs, errors and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sensitivity {
    /// May be shown.
    None,
    /// A person's name.
    Name,
    /// An identity number.
    IdNumber,
    /// A telephone number.
    Phone,
    /// An address.
    Address,
    /// An e-mail address.
    Email,
    /// Health.
    Health,
    /// Money of a person.
    Finance,
    /// Biometrics.
    Biometric,
    /// An account.
    Account,
    /// Student and staff numbers, party state and the like.
    Other,
}

impl Sensitivity {
    const NAMES: [(&'static str, Self); 11] = [
        ("none", Self::None),
        ("name", Self::Name),
        ("id_number", Self::IdNumber),
        ("phone", Self::Phone),
        ("address", Self::Address),
        ("email", Self::Email),
        ("health", Self::Health),
        ("finance", Self::Finance),
        ("biometric", Self::Biometric),
        ("account", Self::Account),
        ("other", Self::Other),
    ];

    /// The stable lower-case name, as the documents have it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, s)| *s == self).map_or("", |(name, _)| name)
    }

    /// A class by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, s)| *s)
    }

    /// Whether values must not be shown.
    pub fn is_sensitive(self) -> bool {
        self != Self::None
    }
}
