//! A table of a database, as reading by parts and of changes needs it.

use std::sync::Arc;

use crate::finding::Text;
use crate::source::reader::{Courier, Handout};
use crate::source::{Column, Product, SourceBatch, SourceError};

/// Short results: rows of cells.
pub(in crate::source) type Texts = Vec<Vec<Option<String>>>;

/// What is seen of a table from the beginning of a transaction on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) enum View {
    /// All of it as of one moment, whatever is asked.
    One,
    /// As of one moment, but perhaps not all rows, and why.
    Part(Text),
    /// By each statement as of a moment of its own.
    ByStatement,
    /// Rows as they are when they come.
    Moving,
}

impl View {
    /// Whether it is of one moment.
    pub fn is_one(&self) -> bool {
        matches!(self, Self::One | Self::Part(_))
    }
}

/// A connection that reads one table. It lives on the reading thread.
pub(in crate::source) trait Table {
    /// What is at the other end.
    fn product(&self) -> Product;

    /// The columns of a statement; cells of [`Self::hand_out`] come in their forms from then on.
    ///
    /// # Errors
    /// When the statement cannot be prepared.
    async fn columns(&mut self, sql: &str) -> Result<Arc<[Column]>, SourceError>;

    /// Whether rows can be ordered by a column of [`Self::columns`] and gone on with behind one of its cells.
    fn orders_by(&self, column: usize) -> bool;

    /// The columns of the primary key, in its order; none where there is no such key.
    ///
    /// # Errors
    /// When the catalogue cannot be asked.
    async fn primary_key(&mut self, object: &str) -> Result<Vec<String>, SourceError> {
        let Some(sql) = self.product().primary_key(object) else { return Ok(Vec::new()) };
        Ok(self.texts(&sql).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    /// Begins the transaction in which everything is read, another one having been ended.
    ///
    /// # Errors
    /// When it cannot begin.
    async fn begin(&mut self) -> Result<(), SourceError>;

    /// What the transaction sees of the table.
    async fn view(&mut self, _object: &str) -> View {
        View::One
    }

    /// The rows of a short result.
    ///
    /// # Errors
    /// When the statement fails.
    async fn texts(&mut self, sql: &str) -> Result<Texts, SourceError>;

    /// Hands out the rows of a statement that gives the columns of [`Self::columns`]; `seal` sees each batch before it is
    /// given. Another statement may follow.
    ///
    /// # Errors
    /// When the statement fails.
    async fn hand_out(
        &mut self,
        courier: &Courier,
        sql: &str,
        seal: &mut dyn FnMut(SourceBatch) -> SourceBatch,
    ) -> Result<Handout, SourceError>;
}

/// The cells of a batch, for [`Table::texts`].
pub(in crate::source) fn texts(batch: &SourceBatch) -> Texts {
    let row = |row| (0..batch.columns().len()).map(|column| batch.cell(row, column).map(str::to_owned)).collect();
    (0..batch.len()).map(row).collect()
}
