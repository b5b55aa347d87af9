//! What changed from one edition to the next.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Standard, TablePlan};
use crate::finding::Lang;

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it, and the texts below say it in two languages")]
pub enum ChangeKind {
    TableAdded,
    TableRemoved,
    TitleChanged,
    FrequencyChanged,
    ScopeChanged,
    SourceChanged,
    KindChanged,
    KeyChanged,
    FieldAdded,
    FieldRemoved,
    LabelChanged,
    TypeChanged,
    LengthChanged,
    RequiredChanged,
    FormatChanged,
    FieldCodeSetChanged,
    ReferenceChanged,
    CodeSetAdded,
    CodeSetRemoved,
    CodeAdded,
    CodeRemoved,
    CodeRelabelled,
}

impl ChangeKind {
    /// The kind in words.
    pub fn label(self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::TableAdded => ("新增表", "table added"),
            Self::TableRemoved => ("取消表", "table removed"),
            Self::TitleChanged => ("表名改动", "title changed"),
            Self::FrequencyChanged => ("上报频率改动", "frequency changed"),
            Self::ScopeChanged => ("上报范围改动", "scope changed"),
            Self::SourceChanged => ("主要来源改动", "main source changed"),
            Self::KindChanged => ("表类型改动", "kind changed"),
            Self::KeyChanged => ("自然键改动", "natural key changed"),
            Self::FieldAdded => ("新增字段", "field added"),
            Self::FieldRemoved => ("取消字段", "field removed"),
            Self::LabelChanged => ("字段名改动", "label changed"),
            Self::TypeChanged => ("类型改动", "type changed"),
            Self::LengthChanged => ("长度改动", "length changed"),
            Self::RequiredChanged => ("必填标志改动", "required mark changed"),
            Self::FormatChanged => ("格式改动", "format changed"),
            Self::FieldCodeSetChanged => ("字段代码集改动", "code set of a field changed"),
            Self::ReferenceChanged => ("引用改动", "reference changed"),
            Self::CodeSetAdded => ("新增代码集", "code set added"),
            Self::CodeSetRemoved => ("取消代码集", "code set removed"),
            Self::CodeAdded => ("新增代码", "code added"),
            Self::CodeRemoved => ("取消代码", "code removed"),
            Self::CodeRelabelled => ("代码名称改动", "code relabelled"),
        };
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What kind.
    pub kind: ChangeKind,
    /// The table; empty for code sets.
    pub table: String,
    /// The field, or the code set and code.
    pub field: String,
    /// What it was; empty when added.
    pub old: String,
    /// What it is; empty when removed.
    pub new: String,
}

/// All changes from one edition to another. Fields of added or removed tables are not listed one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EditionDiff {
    /// The older edition.
    pub old: String,
    /// The newer edition.
    pub new: String,
    /// The changes: tables in the newer edition's order, removed ones after them, code sets last.
    pub changes: Vec<Change>,
}

impl EditionDiff {
    /// How many changes of each kind.
    pub fn counts(&self) -> BTreeMap<ChangeKind, usize> {
        let mut counts = BTreeMap::new();
        for change in &self.changes {
            *counts.entry(change.kind).or_default() += 1;
        }
        counts
    }

    /// The changes of one table only.
    pub fn of_table(mut self, table: &str) -> Self {
        self.changes.retain(|c| c.table == table);
        self
    }

    /// As text: the counts, then a line for each change.
    pub fn text(&self, lang: Lang) -> String {
        let mut out = format!("{} → {}\n", self.old, self.new);
        for (kind, count) in self.counts() {
            out.push_str(&format!("  {count:>5}  {}\n", kind.label(lang)));
        }
        for change in &self.changes {
            let place = match (change.table.is_empty(), change.field.is_empty()) {
                (false, false) => format!("{}.{}", change.table, change.field),
                (false, true) => change.table.clone(),
                _ => change.field.clone(),
            };
            let from_to = match (change.old.is_empty(), change.new.is_empty()) {
                (false, false) => format!("{} → {}", change.old, change.new),
                (true, _) => change.new.clone(),
                (false, true) => change.old.clone(),
            };
            out.push_str(&format!("{}  {place}  {from_to}\n", change.kind.label(lang)));
        }
        out
    }
}

/// Compares two editions.
pub fn diff(old: &Standard, new: &Standard) -> EditionDiff {
    let mut changes = Changes(Vec::new());
    for table in new.own_tables() {
        match old.find(&table.name).filter(|t| t.edition == *old.edition()) {
            Some(was) => changes.table((was, old.document(was.id)), (table, new.document(table.id))),
            None => changes.push(ChangeKind::TableAdded, &table.name, "", "", &table.label_zh),
        }
    }
    for table in old.own_tables().iter().filter(|t| !new.info().tables.iter().any(|n| **n == *t.name)) {
        changes.push(ChangeKind::TableRemoved, &table.name, "", &table.label_zh, "");
    }
    changes.code_sets(old, new);
    EditionDiff { old: old.edition().to_string(), new: new.edition().to_string(), changes: changes.0 }
}

struct Changes(Vec<Change>);

impl Changes {
    fn push(&mut self, kind: ChangeKind, table: &str, field: &str, old: &str, new: &str) {
        self.0.push(Change { kind, table: table.into(), field: field.into(), old: old.into(), new: new.into() });
    }

    fn differ(&mut self, kind: ChangeKind, table: &str, field: &str, old: &str, new: &str) {
        if old != new {
            self.push(kind, table, field, old, new);
        }
    }

    fn table(&mut self, (was, old): (&TablePlan, &Value), (is, new): (&TablePlan, &Value)) {
        let name = &is.name;
        self.differ(ChangeKind::TitleChanged, name, "", &was.label_zh, &is.label_zh);
        let printed = |doc: &Value, keyword: &str| text(&doc[keyword]["printed"]);
        let frequency = |doc: &Value| (text(&doc["x-frequency"]["key"]), printed(doc, "x-frequency"));
        let ((old_key, old_words), (new_key, new_words)) = (frequency(old), frequency(new));
        if (&old_key, &old_words) != (&new_key, &new_words) {
            self.push(ChangeKind::FrequencyChanged, name, "", &old_words, &new_words);
        }
        self.differ(ChangeKind::ScopeChanged, name, "", &printed(old, "x-scope"), &printed(new, "x-scope"));
        self.differ(ChangeKind::SourceChanged, name, "", &text(&old["x-main-source"]), &text(&new["x-main-source"]));
        self.differ(ChangeKind::KindChanged, name, "", &text(&old["x-kind"]), &text(&new["x-kind"]));
        let key = |doc: &Value| format!("{}{}", text(&doc["x-natural-key-preferred"]), text(&doc["x-natural-key"]));
        self.differ(ChangeKind::KeyChanged, name, "", &key(old), &key(new));
        for field in &is.fields {
            match was.find(&field.name) {
                Some(_) => self.field(name, &field.name, &old["properties"][&*field.name], &new["properties"][&*field.name]),
                None => self.push(ChangeKind::FieldAdded, name, &field.name, "", &field.label),
            }
        }
        for field in was.fields.iter().filter(|f| is.find(&f.name).is_none()) {
            self.push(ChangeKind::FieldRemoved, name, &field.name, &field.label, "");
        }
    }

    fn field(&mut self, table: &str, field: &str, old: &Value, new: &Value) {
        let length = |doc: &Value| match (text(&doc["x-length"]), text(&doc["x-precision"])) {
            (length, precision) if precision.is_empty() => length,
            (length, precision) => format!("{length},{precision}"),
        };
        self.differ(ChangeKind::LengthChanged, table, field, &length(old), &length(new));
        for (kind, keyword) in [
            (ChangeKind::LabelChanged, "title"),
            (ChangeKind::TypeChanged, "x-type"),
            (ChangeKind::RequiredChanged, "x-required"),
            (ChangeKind::FormatChanged, "x-format"),
            (ChangeKind::FieldCodeSetChanged, "x-code-set"),
            (ChangeKind::ReferenceChanged, "x-reference"),
        ] {
            self.differ(kind, table, field, &text(&old[keyword]), &text(&new[keyword]));
        }
    }

    fn code_sets(&mut self, old: &Standard, new: &Standard) {
        let of = |standard: &Standard, id: &str| standard.own_code_sets().iter().find(|s| &*s.id == id).cloned();
        for set in new.own_code_sets() {
            let Some(was) = of(old, &set.id) else {
                self.push(ChangeKind::CodeSetAdded, "", &set.id, "", &set.name_zh);
                continue;
            };
            for code in set.codes() {
                let place = format!("{} {}", set.id, code.code);
                match was.find(&code.code) {
                    None => self.push(ChangeKind::CodeAdded, "", &place, "", &code.label),
                    Some(at) => self.differ(ChangeKind::CodeRelabelled, "", &place, &was.get(at).label, &code.label),
                }
            }
            for code in was.codes().iter().filter(|c| set.find(&c.code).is_none()) {
                self.push(ChangeKind::CodeRemoved, "", &format!("{} {}", set.id, code.code), &code.label, "");
            }
        }
        for set in old.own_code_sets().iter().filter(|s| of(new, &s.id).is_none()) {
            self.push(ChangeKind::CodeSetRemoved, "", &set.id, &set.name_zh, "");
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
