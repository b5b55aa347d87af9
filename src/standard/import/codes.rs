//! Code sets: one CSV file each, and an index.

use std::path::Path;

use super::rows::{self, CodeRow, CodeSetRow, Rows};
use super::rules::Rules;
use super::write::{Files, csv};
use super::{ImportError, Notes};

const INDEX: [&str; 6] = ["code_set", "name_zh", "source", "complete", "value_count", "note"];

/// Adds the code sets of an edition, and those it borrows. Returns how many have values of their own.
pub(super) fn add(
    rows: &Rows,
    rules: &Rules,
    schemas: &Path,
    files: &mut Files,
    notes: &mut Notes,
) -> Result<usize, ImportError> {
    let mut index: Vec<CodeSetRow> = rows.code_sets.clone();
    let mut sets = rows.codes.clone();
    if let Some(borrow) = &rules.borrow {
        let of = schemas.join(&borrow.from).join("codes");
        for row in rows::read::<CodeSetRow>(&of.join("_index.csv"))? {
            if borrow.sets.contains(&row.code_set) {
                sets.insert(row.code_set.clone(), rows::read::<CodeRow>(&of.join(format!("{}.csv", row.code_set)))?);
                index.push(CodeSetRow { source: borrow.from.clone(), ..row });
            }
        }
    }
    for row in &index {
        let found = sets.get(&row.code_set).map_or(0, Vec::len);
        if found != row.value_count {
            notes.fault(
                format!("代码集 {} 应有 {} 个代码，实有 {found} 个", row.code_set, row.value_count),
                format!("code set {} says {} codes and has {found}", row.code_set, row.value_count),
            );
        }
    }
    for (set, codes) in &sets {
        if !index.iter().any(|r| r.code_set == *set) {
            notes.fault(format!("代码集 {set} 不在 code_sets.csv 中"), format!("code set {set} is not in code_sets.csv"));
        }
        let lines = codes.iter().map(|c| vec![c.code.clone(), c.label_zh.clone(), c.parent.clone(), c.note.clone()]);
        files.add(format!("codes/{set}.csv"), csv(&["code", "label_zh", "parent", "note"], lines));
    }
    let lines = index.iter().map(|r| {
        vec![
            r.code_set.clone(),
            r.name_zh.clone(),
            r.source.clone(),
            r.complete.clone(),
            r.value_count.to_string(),
            r.note.clone(),
        ]
    });
    files.add("codes/_index.csv", csv(&INDEX, lines));
    Ok(sets.len())
}

/// Adds the national code sets as they are.
pub(super) fn add_national(from: &Path, files: &mut Files) -> Result<usize, ImportError> {
    #[derive(serde::Deserialize)]
    struct IndexRow {
        code_set: String,
    }
    let text = |name: &str| {
        let file = from.join(name);
        std::fs::read_to_string(&file).map_err(|source| ImportError::Io { file, source })
    };
    let index = rows::read::<IndexRow>(&from.join("_index.csv"))?;
    files.add("codes/_index.csv", text("_index.csv")?);
    for row in &index {
        let name = format!("{}.csv", row.code_set);
        files.add(format!("codes/{name}"), text(&name)?);
    }
    Ok(index.len())
}
