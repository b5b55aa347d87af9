//! A file that says how a table is merged, parsed.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::fault::{Faults, MappingFault};
use super::super::schema;
use super::super::toml::{self, Spans};
use crate::finding::Text;

/// Which source has the say for which field of one table.
#[derive(Debug, Clone)]
pub struct MergeDocument {
    pub(super) file: String,
    pub(super) spans: Spans,
    pub(super) body: Body,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Body {
    pub(super) table: String,
    #[serde(default)]
    pub(super) owner: String,
    pub(super) roster: Sources,
    pub(super) order: Sources,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Sources>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Sources {
    One(String),
    Several(Vec<String>),
}

impl Sources {
    pub(super) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

impl MergeDocument {
    /// Parses a file. `file` names it in messages.
    ///
    /// # Errors
    /// Everything that can be wrong with it without knowing standard and mappings, all at once.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<MappingFault>> {
        let (value, spans) = toml::parse(text).map_err(|(line, column, message)| {
            let what = Text::new(format!("不是有效的 TOML：{message}"), format!("no valid TOML: {message}"));
            let remedy = Text::new("检查引号、括号和重复的键", "check quotes, brackets and repeated keys");
            vec![MappingFault { file: file.to_owned(), line, column, what, remedy }]
        })?;
        let mut faults = Faults::new(file, &spans);
        schema::MERGED.check(&value, &mut faults);
        let body = serde_json::from_value::<Body>(value);
        match body {
            Ok(body) if faults.is_empty() => Ok(Self { file: file.to_owned(), spans, body }),
            Err(error) if faults.is_empty() => {
                let what = Text::new(format!("无法读取：{error}"), format!("cannot be read: {error}"));
                faults.add("", what, Text::new("对照合并文件的说明", "compare with the description of these files"));
                Err(faults.finish())
            }
            _ => Err(faults.finish()),
        }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.body.table
    }

    /// The file, as messages name it.
    pub fn file(&self) -> &str {
        &self.file
    }
}
