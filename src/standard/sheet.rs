//! Editions, tables and code sets as people read them.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::{CodeSet, Counts, EditionInfo, FieldPlan, Length, LoadError, Required, Standard, TablePlan};
use crate::finding::Lang;

/// One edition in a list.
#[derive(Debug, Clone, Serialize)]
pub struct EditionSummary {
    /// What the edition says about itself.
    pub info: EditionInfo,
    /// What it amounts to.
    pub counts: Counts,
    /// Digest of its documents.
    pub digest: String,
}

/// All editions of a `schemas/` folder, embedded or on disk.
///
/// # Errors
/// When one of them cannot be loaded.
pub fn list(dir: Option<&Path>) -> Result<Vec<EditionSummary>, LoadError> {
    Standard::editions(dir)?
        .into_iter()
        .map(|info| {
            let standard = Standard::load(&info.id, dir)?;
            Ok(EditionSummary { info, counts: Counts::of(&standard), digest: standard.digest().to_owned() })
        })
        .collect()
}

impl EditionSummary {
    /// One line for each edition.
    pub fn text(editions: &[Self], lang: Lang) -> String {
        let head = match lang {
            Lang::Zh => ["版本", "日期", "表", "字段", "必填", "条件", "代码集", "代码", "标题"],
            Lang::En => ["edition", "dated", "tables", "fields", "required", "conditional", "code sets", "codes", "title"],
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for edition in editions {
            let c = &edition.counts;
            let title = if lang == Lang::Zh { &edition.info.title_zh } else { &edition.info.title_en };
            let mut row = vec![edition.info.id.to_string(), edition.info.dated.clone()];
            row.extend([c.tables, c.fields, c.mandatory, c.conditional, c.code_sets, c.codes].map(|n| n.to_string()));
            row.push(title.clone());
            rows.push(row);
        }
        columns(&rows)
    }
}

/// One edition, table by table.
#[derive(Debug, Clone, Serialize)]
pub struct EditionSheet {
    /// What the edition says about itself.
    pub info: EditionInfo,
    /// Its tables, then the core tables.
    pub tables: Vec<TableLine>,
}

/// One table in a list.
#[derive(Debug, Clone, Serialize)]
pub struct TableLine {
    /// `ODS_…`.
    pub table: String,
    /// Chinese title.
    pub title_zh: String,
    /// English title.
    pub title_en: String,
    /// Domain.
    pub domain: &'static str,
    /// Frequency.
    pub frequency: &'static str,
    /// `state` or `log`.
    pub kind: String,
    /// Number of fields.
    pub fields: usize,
}

impl EditionSheet {
    /// The sheet of an edition.
    pub fn of(standard: &Standard) -> Self {
        let line = |table: &std::sync::Arc<TablePlan>| TableLine {
            table: table.name.to_string(),
            title_zh: table.label_zh.to_string(),
            title_en: table.label_en.to_string(),
            domain: table.domain.name(),
            frequency: table.frequency.key(),
            kind: text(&standard.document(table.id)["x-kind"]),
            fields: table.fields.len(),
        };
        Self { info: standard.info().clone(), tables: standard.tables().iter().map(line).collect() }
    }

    /// One line for each table.
    pub fn text(&self, lang: Lang) -> String {
        let head = match lang {
            Lang::Zh => ["表", "域", "频率", "类型", "字段", "名称"],
            Lang::En => ["table", "domain", "frequency", "kind", "fields", "title"],
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.tables.iter().map(|t| {
            let title = if lang == Lang::Zh { &t.title_zh } else { &t.title_en };
            let [domain, frequency] = [t.domain, t.frequency].map(str::to_owned);
            vec![t.table.clone(), domain, frequency, t.kind.clone(), t.fields.to_string(), title.clone()]
        }));
        columns(&rows)
    }
}

/// One table, field by field.
#[derive(Debug, Clone, Serialize)]
pub struct TableSheet {
    /// The table.
    #[serde(flatten)]
    pub line: TableLine,
    /// The edition.
    pub edition: String,
    /// Printed scope.
    pub scope: String,
    /// Printed main source.
    pub main_source: String,
    /// Natural key: the preferred one, where there is one, before ` | `.
    pub natural_key: String,
    /// Aggregates about persons.
    pub anonymous: bool,
    /// Remarks and reasons.
    pub notes: Vec<String>,
    /// The fields in printed order.
    pub fields: Vec<FieldSheet>,
}

/// One field.
#[derive(Debug, Clone, Serialize)]
pub struct FieldSheet {
    /// Name.
    pub field: String,
    /// Chinese label.
    pub label: String,
    /// Printed type and length, `C 20`.
    pub printed: String,
    /// Form, as printed.
    pub format: String,
    /// M, C or O.
    pub required: String,
    /// When, for C.
    pub condition: String,
    /// Code set.
    pub code_set: String,
    /// Where values must exist.
    pub reference: Vec<String>,
    /// Class of sensitivity.
    pub sensitivity: &'static str,
    /// The printed length is only warned about.
    pub doubtful_length: bool,
    /// Doubts about the print.
    pub doubts: Vec<String>,
}

impl TableSheet {
    /// The sheet of a table.
    pub fn of(standard: &Standard, table: &TablePlan) -> Self {
        let doc = standard.document(table.id);
        let preferred = text(&doc["x-natural-key-preferred"]);
        let key = text(&doc["x-natural-key"]);
        let line = TableLine {
            table: table.name.to_string(),
            title_zh: table.label_zh.to_string(),
            title_en: table.label_en.to_string(),
            domain: table.domain.name(),
            frequency: table.frequency.key(),
            kind: text(&doc["x-kind"]),
            fields: table.fields.len(),
        };
        Self {
            line,
            edition: table.edition.to_string(),
            scope: text(&doc["x-scope"]["printed"]),
            main_source: text(&doc["x-main-source"]),
            natural_key: if preferred.is_empty() { key } else { format!("{preferred} | {key}") },
            anonymous: table.anonymous,
            notes: ["x-note", "x-why"].iter().map(|k| text(&doc[*k])).filter(|n| !n.is_empty()).collect(),
            fields: table.fields.iter().map(|f| FieldSheet::of(f, &doc["properties"][&*f.name])).collect(),
        }
    }

    /// The table with a line for each field.
    pub fn text(&self, lang: Lang) -> String {
        let zh = lang == Lang::Zh;
        let title = if zh { &self.line.title_zh } else { &self.line.title_en };
        let mut out = format!("{}  {title}  ({})\n", self.line.table, self.edition);
        let say = |name_zh: &str, name_en: &str, value: &str| {
            if value.is_empty() { String::new() } else { format!("{}: {value}\n", if zh { name_zh } else { name_en }) }
        };
        out.push_str(&say("域", "domain", self.line.domain));
        out.push_str(&say("频率", "frequency", self.line.frequency));
        out.push_str(&say("范围", "scope", &self.scope));
        out.push_str(&say("类型", "kind", &self.line.kind));
        out.push_str(&say("自然键", "natural key", &self.natural_key));
        out.push_str(&say("主要来源", "main source", &self.main_source));
        out.push_str(&say("说明", "notes", &self.notes.join("; ")));
        let head = match lang {
            Lang::Zh => ["字段", "名称", "类型", "必填", "格式", "代码集", "引用", "备注"],
            Lang::En => ["field", "label", "type", "required", "format", "code set", "reference", "remarks"],
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.fields.iter().map(|f| {
            let remarks = [f.condition.clone(), f.doubts.join("; ")].into_iter().filter(|r| !r.is_empty()).collect::<Vec<_>>();
            vec![
                f.field.clone(),
                f.label.clone(),
                f.printed.clone(),
                f.required.clone(),
                f.format.clone(),
                f.code_set.clone(),
                f.reference.join(" | "),
                remarks.join("; "),
            ]
        }));
        out.push_str(&columns(&rows));
        out
    }
}

impl FieldSheet {
    fn of(plan: &FieldPlan, doc: &Value) -> Self {
        let length =
            [text(&doc["x-length"]), text(&doc["x-precision"])].into_iter().filter(|l| !l.is_empty()).collect::<Vec<_>>();
        Self {
            field: plan.name.to_string(),
            label: plan.label.to_string(),
            printed: format!("{} {}", text(&doc["x-type"]), length.join(",")).trim_end().to_owned(),
            format: text(&doc["x-format"]),
            required: text(&doc["x-required"]),
            condition: match &plan.required {
                Required::When(_) | Required::Unless(_) => text(&doc["x-condition"]),
                Required::Mandatory | Required::Optional => String::new(),
            },
            code_set: text(&doc["x-code-set"]),
            reference: doc["x-reference"].as_array().into_iter().flatten().map(text).collect(),
            sensitivity: plan.sensitivity.name(),
            doubtful_length: matches!(plan.length, Length::Doubtful(_)),
            doubts: doc["x-doubts"].as_array().into_iter().flatten().map(text).collect(),
        }
    }
}

/// One code set.
#[derive(Debug, Clone, Serialize)]
pub struct CodeSetSheet {
    /// Its id.
    pub code_set: String,
    /// Chinese name.
    pub name_zh: String,
    /// Whether other values are errors.
    pub closed: bool,
    /// Codes and labels.
    pub codes: Vec<(String, String)>,
}

impl CodeSetSheet {
    /// The sheet of a code set.
    pub fn of(set: &CodeSet) -> Self {
        Self {
            code_set: set.id.to_string(),
            name_zh: set.name_zh.to_string(),
            closed: set.closed,
            codes: set.codes().iter().map(|c| (c.code.to_string(), c.label.to_string())).collect(),
        }
    }

    /// One line for each code.
    pub fn text(&self, lang: Lang) -> String {
        let state = match (self.closed, lang) {
            (true, Lang::Zh) => "封闭：其他值为错误",
            (false, Lang::Zh) => "开放：其他值只作警告",
            (true, Lang::En) => "closed: other values are errors",
            (false, Lang::En) => "open: other values are warnings",
        };
        let rows: Vec<Vec<String>> = self.codes.iter().map(|(code, label)| vec![code.clone(), label.clone()]).collect();
        format!("{}  {}  ({state})\n{}", self.code_set, self.name_zh, columns(&rows))
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

/// Rows as columns two blanks apart; Chinese characters are two columns wide.
fn columns(rows: &[Vec<String>]) -> String {
    let width = |cell: &str| cell.chars().map(|c| if u32::from(c) >= 0x1100 { 2 } else { 1 }).sum::<usize>();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> =
        (0..count).map(|i| rows.iter().filter_map(|r| r.get(i)).map(|c| width(c)).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(widest - width(cell) + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
