//! The judgements that are not in print.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ImportError, Notes};
use crate::standard::{DateTimeStyle, EditionId, Window};

/// One rule file, and what several of them come to: later files win over earlier ones, entry by entry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rules {
    #[serde(rename = "$schema")]
    schema: String,
    pub(super) edition: Option<EditionRule>,
    pub(super) doubts: DoubtRules,
    pub(super) roles: BTreeMap<String, RoleRule>,
    pub(super) references: ReferenceRules,
    pub(super) person: PersonRules,
    pub(super) numbers: BTreeMap<String, Vec<String>>,
    pub(super) scopes: BTreeMap<String, String>,
    pub(super) sealed: SealedRule,
    pub(super) identifiers: IdentifierRule,
    pub(super) borrow: Option<Borrow>,
    pub(super) tables: BTreeMap<String, TableRule>,
    pub(super) fields: BTreeMap<String, FieldRule>,
}

/// What an edition says about itself.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditionRule {
    pub(super) level: String,
    pub(super) title_zh: String,
    pub(super) title_en: String,
    pub(super) dated: String,
    pub(super) version: String,
    pub(super) issuer: String,
    pub(super) date_time: DateTimeStyle,
    pub(super) separator: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) windows: Vec<Window>,
}

/// Which doubts mean what, by a part of their text.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DoubtRules {
    /// The printed length is not to be enforced.
    pub(super) length: Vec<String>,
    /// The field is printed as a number and cannot be one.
    pub(super) text: Vec<String>,
}

/// How to know the field of a role.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RoleRule {
    pub(super) names: Vec<String>,
    pub(super) code_sets: Vec<String>,
    pub(super) formats: Vec<String>,
}

/// What a field refers to in the core, beside or in place of a printed reference.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReferenceRules {
    /// By the printed target.
    pub(super) printed: BTreeMap<String, Vec<String>>,
    /// By a remark.
    pub(super) notes: BTreeMap<String, Vec<String>>,
    /// By the label; a leading `*` stands for anything.
    pub(super) labels: BTreeMap<String, Vec<String>>,
}

/// How to know the fields that tell about the person of a row.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PersonRules {
    pub(super) number: RoleRule,
    pub(super) paper: RoleRule,
    pub(super) sex: RoleRule,
    pub(super) birth: RoleRule,
    /// What the codes of the kind of paper mean.
    pub(super) papers: BTreeMap<String, String>,
}

/// Which fields must be sealed before they leave.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SealedRule {
    pub(super) sensitivity: Vec<String>,
    why: String,
}

/// Numbers that a school assigns itself: the print knows no longer ones than the editions let refer to them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IdentifierRule {
    /// The fields that define them; it holds for what refers to them in the same edition as well.
    pub(super) of: Vec<String>,
    /// Characters that they may have.
    pub(super) length: u32,
    /// Why.
    pub(super) why: String,
}

impl IdentifierRule {
    /// The length that holds for a field, if it is one of these numbers or refers to one.
    pub(super) fn length(&self, field: &str, references: &[String]) -> Option<u32> {
        let among = |name: &str| self.of.iter().any(|f| f == name);
        (among(field) || references.iter().any(|r| among(r))).then_some(self.length)
    }
}

/// Code sets taken over from another edition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Borrow {
    pub(super) from: String,
    pub(super) sets: Vec<String>,
}

/// Judgements on one table.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TableRule {
    pub(super) key: Option<Vec<String>>,
    pub(super) preferred: Option<Vec<String>>,
    pub(super) kind: Option<String>,
    pub(super) anonymous: Option<bool>,
    pub(super) orders: Vec<[String; 2]>,
    pub(super) roles: BTreeMap<String, Option<String>>,
    pub(super) scope: Option<String>,
    pub(super) ages: Option<(u8, u8)>,
    pub(super) why: String,
}

/// Judgements on one field.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FieldRule {
    #[serde(rename = "type")]
    pub(super) printed_type: Option<String>,
    pub(super) format: Option<String>,
    pub(super) separator: Option<String>,
    pub(super) references: Option<Vec<String>>,
    pub(super) reference_none: Vec<String>,
    pub(super) code_set_by_level: BTreeMap<String, String>,
    pub(super) sealed: Option<bool>,
    pub(super) when: Option<WhenRule>,
    pub(super) why: String,
}

/// A condition that a machine can check.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhenRule {
    pub(super) field: String,
    pub(super) is: Vec<String>,
}

impl Rules {
    /// `rules/shared.json`, `rules/<level>.json` and `<edition>/rules/*.json`, in this order, as far as they exist.
    pub(super) fn read(schemas: &Path, edition: &EditionId, notes: &mut Notes) -> Result<Self, ImportError> {
        let mut rules = Self::default();
        let level = edition.as_str().split('-').next().unwrap_or_default();
        let mut files = vec![schemas.join("rules/shared.json"), schemas.join(format!("rules/{level}.json"))];
        let own = schemas.join(edition.as_str()).join("rules");
        if own.is_dir() {
            let failed = |source| ImportError::Io { file: own.clone(), source };
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&own).map_err(failed)? {
                let path = entry.map_err(failed)?.path();
                if path.extension().is_some_and(|e| e == "json") {
                    found.push(path);
                }
            }
            found.sort();
            files.extend(found);
        }
        for file in files.iter().filter(|f| f.exists()) {
            let text = std::fs::read_to_string(file).map_err(|source| ImportError::Io { file: file.clone(), source })?;
            let later: Self =
                serde_json::from_str(&text).map_err(|e| ImportError::Form { file: file.clone(), reason: e.to_string() })?;
            rules.add(later);
        }
        if rules.edition.is_none() {
            notes.warn(
                format!("没有 {edition}/rules/edition.json：标题与分隔符取默认值"),
                format!("there is no {edition}/rules/edition.json: titles are empty, the separator is a comma"),
            );
        }
        Ok(rules)
    }

    fn add(&mut self, later: Self) {
        self.schema = later.schema;
        self.edition = later.edition.or(self.edition.take());
        self.borrow = later.borrow.or(self.borrow.take());
        self.doubts.length.extend(later.doubts.length);
        self.doubts.text.extend(later.doubts.text);
        self.roles.extend(later.roles);
        self.references.printed.extend(later.references.printed);
        self.references.notes.extend(later.references.notes);
        self.references.labels.extend(later.references.labels);
        self.person.add(later.person);
        self.numbers.extend(later.numbers);
        self.scopes.extend(later.scopes);
        if !later.sealed.sensitivity.is_empty() {
            self.sealed = later.sealed;
        }
        if !later.identifiers.of.is_empty() {
            self.identifiers = later.identifiers;
        }
        for (table, rule) in later.tables {
            self.tables.entry(table).or_default().add(rule);
        }
        self.fields.extend(later.fields);
    }

    /// The edition's own words, or what its id tells.
    pub(super) fn edition_or_default(&self, id: &EditionId) -> EditionRule {
        let (level, dated) = id.as_str().split_once('-').unwrap_or((id.as_str(), ""));
        self.edition.clone().unwrap_or_else(|| EditionRule {
            level: level.to_owned(),
            title_zh: String::new(),
            title_en: String::new(),
            dated: dated.replace('.', "-"),
            version: String::new(),
            issuer: String::new(),
            date_time: DateTimeStyle::Blank,
            separator: ",".to_owned(),
            windows: Vec::new(),
        })
    }
}

impl PersonRules {
    fn add(&mut self, later: Self) {
        let pairs = [
            (&mut self.number, later.number),
            (&mut self.paper, later.paper),
            (&mut self.sex, later.sex),
            (&mut self.birth, later.birth),
        ];
        for (mine, later) in pairs {
            mine.names.extend(later.names);
            mine.code_sets.extend(later.code_sets);
            mine.formats.extend(later.formats);
        }
        self.papers.extend(later.papers);
    }
}

impl TableRule {
    fn add(&mut self, later: Self) {
        self.key = later.key.or(self.key.take());
        self.preferred = later.preferred.or(self.preferred.take());
        self.kind = later.kind.or(self.kind.take());
        self.anonymous = later.anonymous.or(self.anonymous);
        self.scope = later.scope.or(self.scope.take());
        self.ages = later.ages.or(self.ages.take());
        self.orders.extend(later.orders);
        self.roles.extend(later.roles);
        if !later.why.is_empty() {
            self.why = later.why;
        }
    }
}
