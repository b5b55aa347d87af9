//! Loading an edition: the only place of the standard that reads files.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::code_files::{self, Lists};
use super::compile::{self, Resolver};
use super::document::TableDocument;
use super::folder::Folder;
use super::oracle::{self, OracleError};
use super::{CodeSet, EditionId, EditionInfo, PortraitItem, TableId, TablePlan, TeachingSource, expand, portrait, teaching};
use crate::fault::{Classified, FaultClass};

/// Why an edition cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or an edition that is not there.
    #[error("schemas: {file} does not exist")]
    Absent {
        /// The file, within `schemas/`.
        file: String,
    },
    /// A file that cannot be read.
    #[error("schemas: {file} cannot be read")]
    Io {
        /// The file, within `schemas/`.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is not of the form that `schemas/meta/` demands.
    #[error("schemas: {file}: {reason}")]
    Form {
        /// The file, within `schemas/`.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

impl Classified for LoadError {
    fn fault_class(&self) -> FaultClass {
        FaultClass::Configuration
    }
}

/// The mappings below `self/`, in the order of the edition's tables.
fn shipped(folder: &Folder, info: &EditionInfo) -> Vec<(String, String)> {
    let path = |table: &String| format!("{}/self/{table}.toml", info.id);
    info.tables
        .iter()
        .map(path)
        .filter_map(|path| Some((folder.text(&path).ok()?.into_owned(), path)))
        .map(|(t, p)| (p, t))
        .collect()
}

/// One edition with the hub's own core tables and the national code sets, compiled.
#[derive(Debug)]
pub struct Standard {
    info: EditionInfo,
    digest: String,
    tables: Vec<Arc<TablePlan>>,
    by_name: HashMap<Arc<str>, TableId>,
    sets: Vec<Arc<CodeSet>>,
    own_sets: usize,
    external_lists: Vec<String>,
    set_by_id: HashMap<Arc<str>, usize>,
    texts: Vec<String>,
    documents: Vec<OnceLock<Value>>,
    shipped: Vec<(String, String)>,
    portraits: Vec<PortraitItem>,
    teaching: Option<TeachingSource>,
}

impl Standard {
    /// Loads an edition plus core plus national code sets, embedded or from a directory that replaces `schemas/`.
    ///
    /// # Errors
    /// When a file is missing or not of the documented form.
    pub fn load(edition: &EditionId, dir: Option<&Path>) -> Result<Arc<Self>, LoadError> {
        let folder = Folder::open(dir);
        let info = info(&folder, edition.as_str())?;
        let mut digest = Sha256::new();
        let mut sources = documents(&folder, &info, Some(&mut digest))?;
        if !edition.is_core() {
            let core = self::info(&folder, EditionId::CORE)?;
            sources.extend(documents(&folder, &core, None)?);
        }
        let mut sets = code_sets(&folder, &sources, &info, &mut digest)?;
        let mut resolver = Resolver::new(&sources, &sets, &info.level);
        let tables = sources
            .iter()
            .enumerate()
            .map(|(i, source)| compile::table(TableId(i as u16), source, &mut resolver).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let by_name = tables.iter().map(|t| (Arc::clone(&t.name), t.id)).collect();
        let own_sets = if edition.is_core() { sets.core.len() } else { sets.edition.len() };
        let external_lists = std::mem::take(&mut sets.external);
        let (sets, set_by_id) = sets.into_parts();
        let shipped = shipped(&folder, &info);
        let portraits = portrait::read(&folder, |id| set_by_id.get(id).map(|at: &usize| Arc::clone(&sets[*at])))?;
        let teaching = teaching::read(&folder)?;
        let documents = sources.iter().map(|_| OnceLock::new()).collect();
        let texts = sources.into_iter().map(|s| s.text).collect();
        let digest = hex::encode(digest.finalize());
        Ok(Arc::new(Self {
            info,
            digest,
            tables,
            by_name,
            sets,
            own_sets,
            external_lists,
            set_by_id,
            texts,
            documents,
            shipped,
            portraits,
            teaching,
        }))
    }

    /// The mappings that come with the edition, for tables that the hub computes: path below `schemas/` and text.
    pub fn shipped_mappings(&self) -> &[(String, String)] {
        &self.shipped
    }

    /// What portraits may say, the most important first: what comes last is the first to be left out.
    pub fn portrait_items(&self) -> &[PortraitItem] {
        &self.portraits
    }

    /// How the teaching calendar is read out of the hub's own masters.
    pub fn teaching_source(&self) -> Option<&TeachingSource> {
        self.teaching.as_ref()
    }

    /// What each edition of the folder says about itself, sorted by id.
    ///
    /// # Errors
    /// When a file is missing or not of the documented form.
    pub fn editions(dir: Option<&Path>) -> Result<Vec<EditionInfo>, LoadError> {
        let folder = Folder::open(dir);
        folder.editions()?.iter().map(|name| info(&folder, name)).collect()
    }

    /// The edition that was asked for.
    pub fn edition(&self) -> &EditionId {
        &self.info.id
    }

    /// What the edition says about itself.
    pub fn info(&self) -> &EditionInfo {
        &self.info
    }

    /// SHA-256 over the edition's table documents and code sets, in hex: another digest is another standard.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The edition's tables in printed order, then the core tables.
    pub fn tables(&self) -> &[Arc<TablePlan>] {
        &self.tables
    }

    /// A table by its id.
    pub fn table(&self, id: TableId) -> &Arc<TablePlan> {
        &self.tables[usize::from(id.0)]
    }

    /// A table by its name.
    pub fn find(&self, name: &str) -> Option<&Arc<TablePlan>> {
        self.by_name.get(name).map(|id| self.table(*id))
    }

    /// A code set by its id: the edition's own first, then those of core, then the national ones.
    pub fn code_set(&self, id: &str) -> Option<&Arc<CodeSet>> {
        self.set_by_id.get(id).map(|at| &self.sets[*at])
    }

    /// All code sets: the edition's in printed order, then core, then national ones and external lists.
    pub fn code_sets(&self) -> impl Iterator<Item = &Arc<CodeSet>> {
        self.sets.iter()
    }

    /// The edition's own code sets, in printed order.
    pub fn own_code_sets(&self) -> &[Arc<CodeSet>] {
        &self.sets[..self.own_sets]
    }

    /// Lists that the edition names without printing their values.
    pub fn external_lists(&self) -> &[String] {
        &self.external_lists
    }

    /// The edition's own tables in printed order, without core.
    pub fn own_tables(&self) -> &[Arc<TablePlan>] {
        &self.tables[..self.info.tables.len()]
    }

    /// The published document of a table.
    pub fn document(&self, table: TableId) -> &Value {
        let at = usize::from(table.0);
        // The text was read once already, into the plan; it cannot fail here.
        self.documents[at].get_or_init(|| serde_json::from_str(&self.texts[at]).unwrap_or(Value::Null))
    }

    /// The document spelled out in plain keywords: code sets as `enum`, digits as bounds, forms as patterns.
    pub fn expanded(&self, table: TableId) -> Value {
        expand::expand(self.document(table), self.table(table), expand::Into::Plain)
    }

    /// The document compiled by the `jsonschema` crate with our keywords: what the plan's verdicts are measured against.
    ///
    /// # Errors
    /// When the crate does not accept the document.
    pub fn oracle(&self, table: TableId) -> Result<jsonschema::Validator, OracleError> {
        oracle::compile(self.document(table), self.table(table))
    }
}

/// One table document with the folder that it stands in.
pub(super) struct Source {
    pub(super) edition: EditionId,
    pub(super) file: String,
    pub(super) text: String,
    pub(super) document: TableDocument,
}

fn info(folder: &Folder, edition: &str) -> Result<EditionInfo, LoadError> {
    let file = format!("{edition}/edition.json");
    let info: EditionInfo = parse(&file, &folder.text(&file)?)?;
    if info.id.as_str() != edition {
        return Err(LoadError::Form { file, reason: format!("id is {}, the folder is {edition}", info.id) });
    }
    Ok(info)
}

fn documents(folder: &Folder, info: &EditionInfo, mut digest: Option<&mut Sha256>) -> Result<Vec<Source>, LoadError> {
    let mut sources = Vec::with_capacity(info.tables.len());
    for name in &info.tables {
        let file = format!("{}/tables/{name}.json", info.id);
        let text = folder.text(&file)?.into_owned();
        let document: TableDocument = parse(&file, &text)?;
        if document.table != *name {
            return Err(LoadError::Form { file, reason: format!("x-table is {}, not {name}", document.table) });
        }
        if let Some(digest) = digest.as_deref_mut() {
            digest.update(text.as_bytes());
        }
        sources.push(Source { edition: info.id.clone(), file, text, document });
    }
    Ok(sources)
}

/// Code sets in order of precedence.
#[derive(Default)]
pub(super) struct CodeSets {
    edition: Vec<Arc<CodeSet>>,
    core: Vec<Arc<CodeSet>>,
    national: BTreeMap<String, Arc<CodeSet>>,
    external: Vec<String>,
}

impl CodeSets {
    /// The set that a field of an edition's table means: its own edition's first.
    pub(super) fn of(&self, core: bool, id: &str) -> Option<&Arc<CodeSet>> {
        let own = if core { &self.core } else { &self.edition };
        own.iter().find(|s| &*s.id == id).or_else(|| self.national.get(id))
    }

    fn into_parts(self) -> (Vec<Arc<CodeSet>>, HashMap<Arc<str>, usize>) {
        let all: Vec<_> = self.edition.into_iter().chain(self.core).chain(self.national.into_values()).collect();
        let mut by_id = HashMap::with_capacity(all.len());
        for (i, set) in all.iter().enumerate() {
            by_id.entry(Arc::clone(&set.id)).or_insert(i);
        }
        (all, by_id)
    }
}

fn code_sets(folder: &Folder, sources: &[Source], info: &EditionInfo, digest: &mut Sha256) -> Result<CodeSets, LoadError> {
    let edition = info.id.as_str();
    let lists: Lists = parse("national/lists.json", &folder.text("national/lists.json")?)?;
    let mut sets = CodeSets::default();
    for (of, into) in [(edition, true), (EditionId::CORE, edition == EditionId::CORE)] {
        if of == EditionId::CORE && !sets.core.is_empty() {
            continue;
        }
        for row in &code_files::index(folder, of)? {
            if row.value_count == 0 {
                if into {
                    sets.external.push(row.code_set.clone());
                }
                continue;
            }
            let set = Arc::new(code_files::read_set(folder, of, row, row.complete == "Y")?);
            if into {
                for code in set.codes() {
                    digest.update(code.code.as_bytes());
                    digest.update(code.label.as_bytes());
                }
            }
            if of == EditionId::CORE { sets.core.push(set) } else { sets.edition.push(set) }
        }
    }
    let used: HashSet<&str> =
        sources.iter().flat_map(|s| s.document.properties.0.iter().map(|(_, f)| f.code_set_of(&info.level))).collect();
    for row in code_files::index(folder, "national")? {
        let closed = lists.closed.contains(&row.code_set);
        let set = code_files::read_set(folder, "national", &row, closed)?;
        sets.national.insert(row.code_set, Arc::new(set));
    }
    for (id, list) in &lists.lists {
        if used.contains(id.as_str()) {
            sets.national.insert(id.clone(), Arc::new(code_files::read_list(folder, id, list)?));
        }
    }
    Ok(sets)
}

fn parse<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, LoadError> {
    serde_json::from_str(text).map_err(|e| LoadError::Form { file: file.to_owned(), reason: e.to_string() })
}
