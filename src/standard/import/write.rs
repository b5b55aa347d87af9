//! Writing an edition's folder: only what differs, and nothing that the source no longer has.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::{ImportError, ImportReport};

/// Files to be, by their path within the edition's folder.
pub(super) struct Files {
    edition: String,
    texts: BTreeMap<String, String>,
}

impl Files {
    pub(super) fn new(edition: &str) -> Self {
        Self { edition: edition.to_owned(), texts: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, path: impl Into<String>, text: String) {
        self.texts.insert(path.into(), text);
    }

    /// Writes what is new or differs, and removes files of `tables/` and `codes/` that are no longer made.
    pub(super) fn write(self, schemas: &Path) -> Result<ImportReport, ImportError> {
        let root = schemas.join(&self.edition);
        let mut report = ImportReport::default();
        for (path, text) in &self.texts {
            let file = root.join(path);
            if std::fs::read(&file).is_ok_and(|old| old == text.as_bytes()) {
                report.unchanged += 1;
                continue;
            }
            let failed = |source| ImportError::Io { file: file.clone(), source };
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent).map_err(failed)?;
            }
            std::fs::write(&file, text).map_err(failed)?;
            report.written.push(format!("{}/{path}", self.edition));
        }
        for folder in ["tables", "codes"] {
            self.remove_stale(&root, folder, &mut report)?;
        }
        Ok(report)
    }

    fn remove_stale(&self, root: &Path, folder: &str, report: &mut ImportReport) -> Result<(), ImportError> {
        let dir = root.join(folder);
        if !dir.is_dir() {
            return Ok(());
        }
        let failed = |source| ImportError::Io { file: dir.clone(), source };
        let mut stale = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let path = format!("{folder}/{}", name.to_string_lossy());
            if !self.texts.contains_key(&path) {
                stale.push(path);
            }
        }
        stale.sort();
        for path in stale {
            std::fs::remove_file(root.join(&path)).map_err(failed)?;
            report.removed.push(format!("{}/{path}", self.edition));
        }
        Ok(())
    }
}

/// A table document as text: a line for each keyword and each field, so that a diff shows fields.
pub(super) fn document(document: &Map<String, Value>) -> String {
    let mut out = String::from("{\n");
    for (i, (name, value)) in document.iter().enumerate() {
        if i > 0 {
            out.push_str(",\n");
        }
        out.push_str("  ");
        out.push_str(&Value::from(name.as_str()).to_string());
        out.push_str(": ");
        match value {
            Value::Object(fields) if name == "properties" => lines(fields, &mut out),
            other => out.push_str(&other.to_string()),
        }
    }
    out.push_str("\n}\n");
    out
}

fn lines(fields: &Map<String, Value>, out: &mut String) {
    out.push_str("{\n");
    for (i, (name, value)) in fields.iter().enumerate() {
        if i > 0 {
            out.push_str(",\n");
        }
        out.push_str("    ");
        out.push_str(&Value::from(name.as_str()).to_string());
        out.push_str(": ");
        out.push_str(&value.to_string());
    }
    out.push_str("\n  }");
}

/// Rows as CSV text, `\n` at line ends.
pub(super) fn csv(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = header.join(",");
    out.push('\n');
    for row in rows {
        let cells: Vec<String> = row.iter().map(|c| quoted(c)).collect();
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
