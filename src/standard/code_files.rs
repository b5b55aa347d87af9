//! Code sets from their CSV files.

use std::collections::HashMap;
use std::sync::Arc;

use super::folder::Folder;
use super::{Code, CodeSet, LoadError};

/// One row of a `codes/_index.csv` of an edition.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct IndexRow {
    pub(super) code_set: String,
    #[serde(alias = "title_zh")]
    pub(super) name_zh: String,
    #[serde(default)]
    pub(super) complete: String,
    #[serde(alias = "rows")]
    pub(super) value_count: usize,
}

#[derive(serde::Deserialize)]
struct CodeRow {
    code: String,
    label_zh: String,
    #[serde(default)]
    valid_to: String,
}

/// Which printed lists stand for which national sets, and which national sets are closed.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Lists {
    pub(super) lists: HashMap<String, List>,
    #[serde(default)]
    pub(super) closed: Vec<String>,
}

/// A list that an edition names without printing its values.
#[derive(Debug, serde::Deserialize)]
pub(super) struct List {
    pub(super) name_zh: String,
    pub(super) sets: Vec<String>,
    /// Only codes of so many characters: one level of a list that has several.
    pub(super) width: Option<usize>,
}

/// Reads `<folder>/codes/_index.csv`.
pub(super) fn index(folder: &Folder, of: &str) -> Result<Vec<IndexRow>, LoadError> {
    let file = format!("{of}/codes/_index.csv");
    rows(&file, &folder.text(&file)?)
}

/// Reads one set. Labels of codes no longer valid find nothing, so that a present name is not ambiguous with an old one.
pub(super) fn read_set(folder: &Folder, of: &str, row: &IndexRow, closed: bool) -> Result<CodeSet, LoadError> {
    let (current, retired) = codes(folder, of, &row.code_set)?;
    let set = CodeSet::dated(row.code_set.as_str(), row.name_zh.as_str(), closed, current, retired.codes);
    Ok(set.ending(retired.ends))
}

/// The union of several national sets under the name by which editions print it; never closed.
pub(super) fn read_list(folder: &Folder, id: &str, list: &List) -> Result<CodeSet, LoadError> {
    let (mut current, mut retired) = (Vec::new(), Vec::new());
    for set in &list.sets {
        let (now, past) = codes(folder, "national", set)?;
        current.extend(now);
        retired.extend(past.codes);
    }
    if let Some(width) = list.width {
        current.retain(|c| c.code.len() == width);
        retired.retain(|c| c.code.len() == width);
    }
    Ok(CodeSet::dated(id, list.name_zh.as_str(), false, current, retired))
}

/// Codes no longer valid, and the last year in which each was, as far as the file says it.
#[derive(Default)]
struct Retired {
    codes: Vec<Code>,
    ends: HashMap<Arc<str>, u16>,
}

fn codes(folder: &Folder, of: &str, set: &str) -> Result<(Vec<Code>, Retired), LoadError> {
    let file = format!("{of}/codes/{set}.csv");
    let rows: Vec<CodeRow> = rows(&file, &folder.text(&file)?)?;
    let (mut current, mut retired) = (Vec::with_capacity(rows.len()), Retired::default());
    for row in rows {
        let code = Code { code: Arc::from(row.code), label: Arc::from(row.label_zh) };
        if row.valid_to.is_empty() {
            current.push(code);
            continue;
        }
        if let Some(year) = row.valid_to.get(..4).and_then(|y| y.parse().ok()) {
            let end = retired.ends.entry(Arc::clone(&code.code)).or_insert(year);
            *end = year.max(*end);
        }
        retired.codes.push(code);
    }
    // Valid under another name: not ended.
    for code in &current {
        retired.ends.remove(&code.code);
    }
    Ok((current, retired))
}

fn rows<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<Vec<T>, LoadError> {
    csv::Reader::from_reader(text.as_bytes())
        .into_deserialize()
        .collect::<Result<_, _>>()
        .map_err(|e| LoadError::Form { file: file.to_owned(), reason: e.to_string() })
}
