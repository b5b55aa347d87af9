//! The CSV files of an edition, row by row.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ImportError;

/// All CSV files of an edition.
pub(super) struct Rows {
    pub(super) tables: Vec<TableRow>,
    pub(super) fields: Vec<FieldRow>,
    pub(super) code_sets: Vec<CodeSetRow>,
    pub(super) codes: BTreeMap<String, Vec<CodeRow>>,
    pub(super) relations: Vec<RelationRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableRow {
    pub(super) table: String,
    pub(super) name_zh: String,
    pub(super) name_en: String,
    #[serde(default)]
    pub(super) subset_code: String,
    #[serde(default)]
    pub(super) subset_zh: String,
    #[serde(default)]
    pub(super) class_code: String,
    #[serde(default)]
    pub(super) class_zh: String,
    #[serde(default)]
    pub(super) subclass_code: String,
    #[serde(default)]
    pub(super) subclass_zh: String,
    pub(super) domain: String,
    #[serde(default)]
    pub(super) frequency: String,
    #[serde(default)]
    pub(super) frequency_key: String,
    #[serde(default)]
    pub(super) scope: String,
    #[serde(default)]
    pub(super) main_source: String,
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) note: String,
    #[serde(default)]
    pub(super) table_no: String,
    #[serde(default)]
    pub(super) source_standard: String,
    #[serde(default)]
    pub(super) source_subclass: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldRow {
    pub(super) table: String,
    pub(super) seq: u32,
    pub(super) item_code: String,
    pub(super) field: String,
    pub(super) name_zh: String,
    #[serde(rename = "type")]
    pub(super) printed_type: String,
    pub(super) length: Option<u32>,
    pub(super) precision: Option<u32>,
    pub(super) required: String,
    pub(super) code_set: String,
    pub(super) format: String,
    pub(super) unit: String,
    pub(super) ref_table: String,
    pub(super) ref_field: String,
    pub(super) multi_valued: String,
    pub(super) pii: String,
    pub(super) condition: String,
    pub(super) note: String,
    pub(super) ref_item: String,
}

impl FieldRow {
    /// Printed references, `TABLE.FIELD`.
    pub(super) fn printed_references(&self) -> Vec<String> {
        if self.ref_table.is_empty() {
            return Vec::new();
        }
        self.ref_table.split('|').zip(self.ref_field.split('|')).map(|(t, f)| format!("{t}.{f}")).collect()
    }

    /// Remarks that say that the print makes no sense.
    pub(super) fn doubts(&self) -> Vec<&str> {
        self.note.split("; ").filter_map(|n| n.strip_prefix("doubt: ")).collect()
    }

    /// `TABLE.FIELD`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.table, self.field)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeSetRow {
    pub(super) code_set: String,
    pub(super) name_zh: String,
    pub(super) source: String,
    pub(super) complete: String,
    pub(super) value_count: usize,
    pub(super) note: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeRow {
    #[serde(default)]
    pub(super) code_set: String,
    pub(super) code: String,
    pub(super) label_zh: String,
    pub(super) parent: String,
    pub(super) note: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RelationRow {
    pub(super) table: String,
    pub(super) related_table: String,
    pub(super) printed_code: String,
    pub(super) printed_name: String,
    pub(super) note: String,
}

impl Rows {
    /// Reads the folder. A missing `relations.csv` means that the text states none.
    pub(super) fn read(from: &Path) -> Result<Self, ImportError> {
        let mut codes: BTreeMap<String, Vec<CodeRow>> = BTreeMap::new();
        for row in read::<CodeRow>(&from.join("codes.csv"))? {
            codes.entry(row.code_set.clone()).or_default().push(row);
        }
        let relations = from.join("relations.csv");
        Ok(Self {
            tables: read(&from.join("tables.csv"))?,
            fields: read(&from.join("fields.csv"))?,
            code_sets: read(&from.join("code_sets.csv"))?,
            codes,
            relations: if relations.exists() { read(&relations)? } else { Vec::new() },
        })
    }

    /// The fields of each table, in the order of the file.
    pub(super) fn by_table(&self) -> HashMap<&str, Vec<&FieldRow>> {
        let mut by_table: HashMap<&str, Vec<&FieldRow>> = HashMap::new();
        for field in &self.fields {
            by_table.entry(field.table.as_str()).or_default().push(field);
        }
        by_table
    }
}

/// Reads a CSV file whole. Unknown columns are refused, so that nothing of the source is lost unseen.
pub(super) fn read<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>, ImportError> {
    let text = std::fs::read(file).map_err(|source| ImportError::Io { file: file.to_path_buf(), source })?;
    csv::Reader::from_reader(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text))
        .into_deserialize()
        .collect::<Result<_, _>>()
        .map_err(|e| ImportError::Form { file: file.to_path_buf(), reason: e.to_string() })
}
