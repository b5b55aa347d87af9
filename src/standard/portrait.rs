//! The items of portraits: what may be said of a person, in which order, under which names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::folder::Folder;
use super::{CodeSet, LoadError};

const FILE: &str = "portrait/items.csv";

/// One item of a portrait, as `portrait/items.csv` says it.
#[derive(Debug, Clone)]
pub struct PortraitItem {
    /// Whom it describes: `student` or `staff`.
    pub of: String,
    /// Its own name in queries: the code of what it says, and a suffix where several items have one code.
    pub item: String,
    /// Its code in the list of what portraits say.
    pub code: String,
    /// The dimension it belongs to: name in the portrait, Chinese name.
    pub group: (String, String),
    /// The item: name in the portrait, Chinese name.
    pub name: (String, String),
    /// What the value is and where it comes from, in Chinese.
    pub about: String,
    /// The codes whose labels the values become.
    pub labels: Option<Arc<CodeSet>>,
    /// The class of sensitive items that it belongs to; said only where the school has switched the class on.
    pub sensitive: Option<String>,
}

#[derive(serde::Deserialize)]
struct Row {
    of: String,
    item: String,
    code: String,
    group: String,
    group_zh: String,
    name: String,
    name_zh: String,
    about: String,
    labels: String,
    sensitive: String,
}

/// Reads the list; a folder without one has no items.
pub(super) fn read(folder: &Folder, set: impl Fn(&str) -> Option<Arc<CodeSet>>) -> Result<Vec<PortraitItem>, LoadError> {
    let text = match folder.text(FILE) {
        Err(LoadError::Absent { .. }) => return Ok(Vec::new()),
        text => text?,
    };
    let wrong = |reason: String| LoadError::Form { file: FILE.to_owned(), reason };
    let mut seen = BTreeMap::new();
    let mut items = Vec::new();
    for row in csv::Reader::from_reader(text.as_bytes()).into_deserialize() {
        let row: Row = row.map_err(|e| wrong(e.to_string()))?;
        if let Some(before) = seen.insert((row.of.clone(), row.group.clone(), row.name.clone()), row.item.clone()) {
            return Err(wrong(format!("{} and {before} have one name: {}.{}", row.item, row.group, row.name)));
        }
        let labels = match row.labels.as_str() {
            "" => None,
            id => Some(set(id).ok_or_else(|| wrong(format!("there is no code set {id}")))?),
        };
        items.push(PortraitItem {
            of: row.of,
            item: row.item,
            code: row.code,
            group: (row.group, row.group_zh),
            name: (row.name, row.name_zh),
            about: row.about,
            labels,
            sensitive: Some(row.sensitive).filter(|class| !class.is_empty()),
        });
    }
    Ok(items)
}
