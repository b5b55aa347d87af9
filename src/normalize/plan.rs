//! A mapping, compiled: no name is looked up per row.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::adopt::Adopt;
use super::coerce::Coercer;
use super::filter::Filter;
use super::lookup::{LookupPlace, LookupQuery};
use super::{apply, compile};
use crate::finding::{FieldRef, Findings};
use crate::record::{KeySpec, Namespace, RecordBatch};
use crate::source::{Column, SourceBatch};
use crate::standard::{CodeIdx, FieldIdx, Standard, TablePlan};

use super::document::MappingDocument;
use super::fault::MappingFault;
use super::lookup::LookupAnswers;

/// What a mapping needs to know of the school and the source.
#[derive(Debug, Clone)]
pub struct MappingContext {
    /// The school's code, for the field of that role.
    pub school_code: Arc<str>,
    /// The namespace of record keys.
    pub namespace: Namespace,
    /// The number of the information system that the source belongs to; prefixes `@id`.
    pub system: Arc<str>,
    /// Texts that stand for nothing where the mapping names none; see [`MappingContext::default_missing`].
    pub missing: Vec<String>,
    /// The text of the file that [`MappingDocument::adopt_file`] names.
    pub adopted: Option<String>,
}

impl MappingContext {
    /// The texts that stand for nothing unless somebody says otherwise.
    pub fn default_missing() -> Vec<String> {
        ["", "无", "-", "--", "—", "/", "NULL", "null", "N/A", "\\N"].map(str::to_owned).to_vec()
    }
}

/// A compiled mapping: takes batches of one source, gives records of one table and violations.
pub struct MappingPlan {
    pub(super) plan: Arc<TablePlan>,
    pub(super) key: KeySpec,
    pub(super) filters: Vec<Filter>,
    pub(super) missing: Vec<String>,
    pub(super) fields: Box<[FieldMap]>,
    pub(super) source_id: Option<usize>,
    pub(super) adopt: Option<Adopt>,
    pub(super) digest: [u8; 16],
}

/// What one field is made of.
pub(super) struct FieldMap {
    pub(super) subject: FieldRef,
    pub(super) sensitive: bool,
    pub(super) feed: Feed,
    pub(super) coercer: Coercer,
    pub(super) words: HashMap<Box<str>, Box<str>>,
    pub(super) missing: MissingWords,
    pub(super) on_missing: OnMissing,
    /// What separates values in the source, and what separates them in the record.
    pub(super) several: Option<(Box<str>, Arc<str>)>,
    pub(super) lookup: Option<Lookup>,
}

/// Where a field's text comes from.
pub(super) enum Feed {
    Nothing,
    Constant(Ready),
    RecordKey,
    CollectedAt,
    Column(usize),
    Template(Box<[Piece]>),
}

pub(super) enum Piece {
    Text(Box<str>),
    Column(usize),
}

/// A value made when the mapping was compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ready {
    Null,
    Text(Box<str>),
    Number(Box<str>),
    Code(CodeIdx),
}

pub(super) enum OnMissing {
    Nothing,
    Ready(Ready),
    Hold,
    Planned(usize),
}

/// The words that stand for nothing in one field.
pub(super) struct MissingWords {
    words: Box<[Box<str>]>,
    longest: usize,
    /// By a text's first byte: whether any word begins with it.
    begins: [bool; 256],
}

impl MissingWords {
    pub(super) fn new(words: impl IntoIterator<Item = String>) -> Self {
        let words: Box<[Box<str>]> = words.into_iter().map(Into::into).collect();
        let longest = words.iter().map(|w| w.len()).max().unwrap_or(0);
        let mut begins = [false; 256];
        for first in words.iter().filter_map(|word| word.as_bytes().first()) {
            begins[usize::from(*first)] = true;
        }
        Self { words, longest, begins }
    }

    pub(super) fn has(&self, text: &str) -> bool {
        let Some(first) = text.as_bytes().first() else { return true };
        self.begins[usize::from(*first)] && text.len() <= self.longest && self.words.iter().any(|w| **w == *text)
    }
}

/// A look-up in another table.
pub(super) struct Lookup {
    pub(super) place: LookupPlace,
    pub(super) coercer: Coercer,
    pub(super) table: Arc<str>,
    pub(super) field: Arc<str>,
}

/// What became of a batch of source rows.
#[derive(Debug)]
pub struct Normalized {
    /// One record a source row that was taken; `Record::origin` is the row's index. Rows with faults are among them,
    /// with faulted cells.
    pub batch: RecordBatch,
    /// What was found on the way.
    pub findings: Findings,
    /// Source rows that the mapping's filter left out.
    pub filtered: Vec<usize>,
}

impl MappingPlan {
    /// Compiles a mapping against the standard and a source's columns.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn compile(
        doc: &MappingDocument,
        standard: &Standard,
        columns: &[Column],
        ctx: MappingContext,
    ) -> Result<Self, Vec<MappingFault>> {
        Self::compile_in(doc, standard.tables(), columns, ctx)
    }

    /// The same onto a plan that the standard need not have under the table's name: a part of a merged table.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn compile_onto(
        doc: &MappingDocument,
        (plan, standard): (&Arc<TablePlan>, &Standard),
        columns: &[Column],
        ctx: MappingContext,
    ) -> Result<Self, Vec<MappingFault>> {
        compile::compile_onto(doc, (plan, standard.tables()), Some(columns), ctx)
    }

    /// Compiles a mapping against some tables, which need not be a whole standard.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn compile_in(
        doc: &MappingDocument,
        tables: &[Arc<TablePlan>],
        columns: &[Column],
        ctx: MappingContext,
    ) -> Result<Self, Vec<MappingFault>> {
        compile::compile(doc, tables, Some(columns), ctx)
    }

    /// Finds what is wrong with a mapping while its source cannot be read: everything but unknown columns.
    pub fn check(doc: &MappingDocument, standard: &Standard, ctx: MappingContext) -> Vec<MappingFault> {
        compile::compile(doc, standard.tables(), None, ctx).err().unwrap_or_default()
    }

    /// The table.
    pub fn plan(&self) -> &Arc<TablePlan> {
        &self.plan
    }

    /// How record keys are made.
    pub fn key_spec(&self) -> &KeySpec {
        &self.key
    }

    /// The digest of the mapping it was compiled from.
    pub fn digest(&self) -> [u8; 16] {
        self.digest
    }

    /// The tables and fields that this mapping looks values up in: (table, match, give).
    pub fn lookup_places(&self) -> Vec<(crate::standard::TableId, FieldIdx, FieldIdx)> {
        let places: BTreeSet<_> = self.fields.iter().filter_map(|f| f.lookup.as_ref()).map(|l| l.place).collect();
        places.into_iter().collect()
    }

    /// The look-ups that a batch needs, each with its distinct values.
    pub fn lookups(&self, batch: &SourceBatch) -> Vec<LookupQuery> {
        let mut wanted: BTreeMap<LookupPlace, BTreeSet<String>> = BTreeMap::new();
        if self.fields.iter().any(|f| f.lookup.is_some()) {
            apply::collect_lookups(self, batch, &mut wanted);
        }
        let query = |((table, field, give), values): (LookupPlace, BTreeSet<String>)| LookupQuery {
            table,
            field,
            give,
            values: values.into_iter().collect(),
        };
        wanted.into_iter().map(query).collect()
    }

    /// Makes records of a batch. `collected_at` is `YYYYMMDD hhmmss` in +08:00.
    pub fn apply(&self, batch: &SourceBatch, collected_at: &str, lookups: &LookupAnswers) -> Normalized {
        apply::apply(self, batch, collected_at, lookups)
    }
}
