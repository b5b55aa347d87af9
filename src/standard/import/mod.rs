//! Making an edition's folder from a folder of CSV files.
//!
//! What the print says comes from the CSV files; what we judged (natural keys, kinds, roles, references to the core,
//! date orders) comes from rule files that live in `schemas/` and are never written here. So next year's edition is
//! one command, and what changed is a diff. The same input gives the same bytes.

mod codes;
mod derive;
mod field;
mod rows;
mod rules;
mod table;
mod write;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::EditionId;
use crate::fault::{Classified, FaultClass};
use crate::finding::Text;
use rows::Rows;
use rules::Rules;

/// What to import, and where to.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The folder with `tables.csv`, `fields.csv`, `codes.csv`, `code_sets.csv` and, where the text states them, `relations.csv`.
    pub from: PathBuf,
    /// The edition's id: its level, a hyphen, its date. `core` for the hub's own tables.
    pub edition: EditionId,
    /// The `schemas/` folder: rules are read there and the edition is written there.
    pub schemas: PathBuf,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Tables imported.
    pub tables: usize,
    /// Fields imported.
    pub fields: usize,
    /// Code sets imported.
    pub code_sets: usize,
    /// Files that are new or differ from what stood there, within `schemas/`.
    pub written: Vec<String>,
    /// Files that stood there already, byte for byte.
    pub unchanged: usize,
    /// Files of tables or code sets that the source no longer has.
    pub removed: Vec<String>,
    /// Judgements that no rule made and that were derived; somebody should confirm them in a rule file.
    pub warnings: Vec<Text>,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file that cannot be read or written.
    #[error("{} cannot be read or written", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A CSV file or rule file that is not of the documented form.
    #[error("{}: {reason}", file.display())]
    Form {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The files contradict one another or the rules.
    #[error("{} fault(s) in source or rules, the first: {}", faults.len(), faults.first().map_or("", |f| f.en.as_str()))]
    Faults {
        /// All of them.
        faults: Vec<Text>,
    },
}

impl Classified for ImportError {
    fn fault_class(&self) -> FaultClass {
        FaultClass::Configuration
    }
}

/// Faults and warnings met on the way.
#[derive(Default)]
struct Notes {
    faults: Vec<Text>,
    warnings: Vec<Text>,
}

impl Notes {
    fn fault(&mut self, zh: impl Into<String>, en: impl Into<String>) {
        self.faults.push(Text::new(zh, en));
    }

    fn warn(&mut self, zh: impl Into<String>, en: impl Into<String>) {
        self.warnings.push(Text::new(zh, en));
    }
}

/// Imports one edition. Nothing is written when anything is wrong.
///
/// # Errors
/// When a file cannot be read, or when source and rules contradict one another; then all contradictions are named.
pub fn import(options: &ImportOptions) -> Result<ImportReport, ImportError> {
    let rows = Rows::read(&options.from)?;
    let mut notes = Notes::default();
    let rules = Rules::read(&options.schemas, &options.edition, &mut notes)?;
    let mut files = write::Files::new(options.edition.as_str());
    let code_sets = codes::add(&rows, &rules, &options.schemas, &mut files, &mut notes)?;
    let tables = table::add(&rows, &rules, &options.edition, &mut files, &mut notes);
    if !notes.faults.is_empty() {
        return Err(ImportError::Faults { faults: notes.faults });
    }
    let mut report = files.write(&options.schemas)?;
    report.tables = tables;
    report.fields = rows.fields.len();
    report.code_sets = code_sets;
    report.warnings = notes.warnings;
    Ok(report)
}

/// Copies a folder of national code sets (`_index.csv` and one CSV file a set) to `schemas/national/codes`.
///
/// # Errors
/// When a file cannot be read or written, or the index names a set that is not there.
pub fn import_national(from: &Path, schemas: &Path) -> Result<ImportReport, ImportError> {
    let mut files = write::Files::new("national");
    let code_sets = codes::add_national(from, &mut files)?;
    let mut report = files.write(schemas)?;
    report.code_sets = code_sets;
    Ok(report)
}
