//! What is to be read, and how it begins.

use std::sync::Arc;

use super::position::Reached;
use super::spec::{ChangesBy, Overlap};
use super::sql::Compared;
use super::table::Table;
use crate::source::{Begin, Column, Product, ReadSpec, SourceError};

/// How a reading begins, as far as positions of this form tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// Everything.
    Whole(Option<Reached>),
    /// An interrupted run goes on.
    Resume(Reached),
    /// What changed.
    Since(Reached),
}

/// A reading by parts or of changes, as a mapping wants it.
#[derive(Debug, Clone)]
pub(in crate::source) struct Wanted {
    pub(super) source: Arc<str>,
    pub(super) object: String,
    pub(super) spec: ReadSpec,
    pub(super) start: Start,
}

/// The same of a known product.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub source: Arc<str>,
    pub object: String,
    pub product: Product,
    pub spec: ReadSpec,
    pub start: Start,
}

/// Whether a read is by parts or of changes.
pub(in crate::source) fn wanted(read: &ReadSpec) -> bool {
    read.changes.is_some() || read.chunks.is_some()
}

impl Wanted {
    /// Of what a mapping says.
    ///
    /// # Errors
    /// When it names no object.
    pub fn of(source: &Arc<str>, read: &ReadSpec, begin: Begin<'_>) -> Result<Self, SourceError> {
        let wrong = |what: &str, remedy: &str| SourceError::Settings {
            source_name: source.clone(),
            what: what.into(),
            remedy: remedy.into(),
        };
        let (Some(object), None) = (&read.object, &read.query) else {
            return Err(wrong(
                "`changes` and `chunks` of [read] need a table",
                "name a table or view by `object` instead of a query, or drop the sections",
            ));
        };
        if read.chunks.is_some() && !read.order_by.is_empty() {
            return Err(wrong("`order_by` does not go with [read.chunks]", "drop `order_by`: the key gives the order"));
        }
        let start = match begin {
            Begin::Whole { before } => Start::Whole(before.and_then(Reached::of)),
            Begin::Resume(position) => Reached::of(position).map_or(Start::Whole(None), Start::Resume),
            // Without changes a run never goes on where the last one ended.
            Begin::Since(position) => Reached::of(position).map_or(Start::Whole(None), Start::Since),
        };
        Ok(Self { source: source.clone(), object: object.clone(), spec: read.clone(), start })
    }

    /// Of this product.
    pub(super) fn of_product(self, product: Product) -> Plan {
        let Self { source, object, spec, start } = self;
        Plan { source, object, product, spec, start }
    }
}

impl Plan {
    /// A fault of the settings.
    pub fn wrong(&self, what: String, remedy: &str) -> SourceError {
        SourceError::Settings {
            source_name: self.source.clone(),
            what: format!("{}: {what}", self.object),
            remedy: remedy.into(),
        }
    }

    /// The mark columns and the overlap given, where changes are found by watermark.
    pub fn watermark(&self) -> Option<(&[String], Option<Overlap>)> {
        let changes = self.spec.changes.as_ref().filter(|changes| changes.by == ChangesBy::Watermark)?;
        Some((&changes.columns, changes.overlap))
    }

    /// Whether changes are found by the log.
    pub fn by_log(&self) -> bool {
        self.spec.changes.as_ref().is_some_and(|changes| changes.by == ChangesBy::Log)
    }

    /// The place of a column that `setting` names.
    pub fn column(&self, columns: &[Column], name: &str, setting: &str) -> Result<usize, SourceError> {
        let found = columns.iter().position(|column| *column.name == *name);
        found.ok_or_else(|| self.wrong(format!("no column {name}, which [read.{setting}] names"), "correct the column's name"))
    }

    /// The key columns that `given` names, else the primary key.
    pub async fn key<T: Table>(
        &self,
        table: &mut T,
        columns: &[Column],
        given: &[String],
        setting: &str,
    ) -> Result<Vec<usize>, SourceError> {
        let mut names = given.to_vec();
        if names.is_empty() {
            names = table.primary_key(&self.object).await?;
        }
        if names.is_empty() {
            let remedy = format!("name the columns that identify a row: [read.{setting}] key = [\"…\"]");
            return Err(self.wrong("there is no primary key".into(), &remedy));
        }
        names.iter().map(|name| self.column(columns, name, setting)).collect()
    }

    /// Columns to compare rows by.
    pub fn compared(columns: &[Column], at: &[usize]) -> Vec<Compared> {
        at.iter().map(|at| Compared { name: columns[*at].name.to_string(), kind: columns[*at].kind }).collect()
    }

    /// Everything that fits the conditions, in the order wanted.
    pub fn select(&self, condition: Option<&str>) -> String {
        let mut sql = format!("{}{}", self.product.all(&self.object), super::sql::filter(&[condition]));
        for (index, column) in self.spec.order_by.iter().enumerate() {
            sql.push_str(if index == 0 { " ORDER BY " } else { ", " });
            sql.push_str(&self.product.quoted(column));
        }
        sql
    }
}
