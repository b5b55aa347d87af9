//! A table of a database, as reading by parts and of changes needs it.

use std::sync::Arc;

use crate::source::reader::{Courier, Handout};
use crate::source::{Column, SourceBatch, SourceError};

/// Short results: rows of cells.
pub(in crate::source) type Texts = Vec<Vec<Option<String>>>;

/// A connection that reads one table. It lives on the reading thread.
pub(in crate::source) trait Table {
    /// The columns of a statement; cells of [`Self::hand_out`] come in their forms from then on.
    ///
    /// # Errors
    /// When the statement cannot be prepared.
    async fn columns(&mut self, sql: &str) -> Result<Arc<[Column]>, SourceError>;

    /// Whether rows can be ordered by a column of [`Self::columns`] and gone on with behind one of its cells.
    fn orders_by(&self, column: usize) -> bool;

    /// Begins the transaction in which everything is seen as of one moment.
    ///
    /// # Errors
    /// When it cannot begin.
    async fn begin(&mut self) -> Result<(), SourceError>;

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
