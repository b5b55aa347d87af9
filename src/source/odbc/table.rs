//! A table read by parts or by watermark.

use std::sync::Arc;
use std::time::Duration;

use odbc_api::{Connection, Error};

use super::cell::Form;
use super::connect::Session;
use super::faults::Stage;
use super::product::Named;
use super::rows::{Rows, Shape};
use crate::source::incremental::{NoLog, Table, Texts, View, Wanted, no_log, open};
use crate::source::reader::{Courier, Handout};
use crate::source::{Begin, Column, ColumnKind, Product, ReadSpec, Source, SourceBatch, SourceError};

/// Opens a table by parts or by watermark.
pub(super) fn open_table(session: Session, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
    let wanted = Wanted::of(&session.source, read, begin)?;
    let patience = Duration::from_secs(session.settings.statement_timeout);
    let source = Arc::clone(&session.source);
    let connect = move || async move { DriverTable::connect(session) };
    open(wanted, patience, connect, move |_| Err::<NoLog, _>(no_log(&source)))
}

struct DriverTable {
    session: Session,
    connection: Connection<'static>,
    named: Named,
    product: Product,
    columns: Arc<[Column]>,
    forms: Vec<Form>,
    view: View,
    /// Rows given so far.
    given: u64,
}

impl DriverTable {
    fn connect(session: Session) -> Result<Self, SourceError> {
        let connection = session.connect()?;
        let named = session.permit(&connection)?;
        let product = named.known().ok_or_else(|| session.unknown(&named))?;
        let (columns, forms) = (Arc::from([]), Vec::new());
        Ok(Self { session, connection, named, product, columns, forms, view: View::Moving, given: 0 })
    }
}

impl Session {
    /// What is read whole only.
    pub fn unknown(&self, product: &Named) -> SourceError {
        SourceError::Settings {
            source_name: self.source.clone(),
            what: format!("[read.changes] and [read.chunks] are not known of {} through ODBC", product.0),
            remedy: "drop the sections, or read the database by a kind of its own (`mysql` for MySQL and MariaDB)".into(),
        }
    }

    /// The columns of a table's primary key, as the driver tells them.
    pub fn primary_key(&self, connection: &Connection<'_>, product: &Named, object: &str) -> Result<Vec<String>, SourceError> {
        // Its driver numbers the columns in the order of the table.
        if let Some(sql) = product.known().filter(|known| *known == Product::Sqlite).and_then(|known| known.primary_key(object)) {
            return Ok(self.texts(connection, product, &sql)?.into_iter().flatten().flatten().collect());
        }
        let failed = |error: Error| self.trouble(Stage::Before, &error);
        let (schema, table) = object.split_once('.').map_or((None, object), |(schema, table)| (Some(schema), table));
        let mut statement = connection.preallocate().map_err(failed)?;
        let cursor = statement.primary_keys_cursor(None, schema, table).map_err(failed)?;
        let mut found: Vec<(String, u16, String)> = Vec::new();
        for row in self.cells(cursor, product)? {
            let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
            found.push((text(1), text(4).trim().parse().unwrap_or(0), text(3)));
        }
        // Tables of one name in several schemas: whose key it is is not known.
        if found.iter().any(|(schema, ..)| *schema != found[0].0) {
            return Ok(Vec::new());
        }
        found.sort_unstable_by_key(|(_, place, _)| *place);
        Ok(found.into_iter().map(|(.., column)| column).collect())
    }
}

impl Table for DriverTable {
    fn product(&self) -> Product {
        self.product
    }

    async fn columns(&mut self, sql: &str) -> Result<Arc<[Column]>, SourceError> {
        let failed = |error: Error| self.session.trouble(Stage::Before, &error);
        self.session.arrives(&self.connection, &self.named, sql)?;
        let mut prepared = self.connection.prepare(sql).map_err(failed)?;
        let shape = Shape::of(&mut prepared, self.named.pads()).map_err(failed)?;
        (self.columns, self.forms) = (shape.columns, shape.forms);
        Ok(self.columns.clone())
    }

    /// A binary number's text is not the number, and a truth value's is no literal.
    fn orders_by(&self, column: usize) -> bool {
        let kind = matches!(self.columns[column].kind, ColumnKind::Number | ColumnKind::Text | ColumnKind::Date);
        kind && matches!(self.forms[column], Form::Plain | Form::Padded)
    }

    async fn primary_key(&mut self, object: &str) -> Result<Vec<String>, SourceError> {
        self.session.primary_key(&self.connection, &self.named, object)
    }

    async fn begin(&mut self) -> Result<(), SourceError> {
        self.view = self.session.begin(&self.connection, &self.named)?;
        Ok(())
    }

    async fn view(&mut self, _object: &str) -> View {
        self.view.clone()
    }

    async fn texts(&mut self, sql: &str) -> Result<Texts, SourceError> {
        self.session.texts(&self.connection, &self.named, sql)
    }

    async fn hand_out(
        &mut self,
        courier: &Courier,
        sql: &str,
        seal: &mut dyn FnMut(SourceBatch) -> SourceBatch,
    ) -> Result<Handout, SourceError> {
        self.session.arrives(&self.connection, &self.named, sql)?;
        let cursor = self.session.execute(&self.connection, sql)?.ok_or_else(|| self.session.no_rows())?;
        let (session, columns, forms) = (&self.session, &self.columns, &self.forms);
        Rows { session, columns, forms, courier, given: &mut self.given, seal }.hand_out(cursor).await
    }
}
