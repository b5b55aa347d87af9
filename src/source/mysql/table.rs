//! A table read by parts or of changes.

use std::sync::Arc;

use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column as _, Row};

use super::cell::{self, Form};
use super::connect::Session;
use super::log;
use super::read::{KILL, described};
use crate::finding::Place;
use crate::source::incremental::{Table, Texts, Wanted, open, texts};
use crate::source::reader::{Courier, Handout};
use crate::source::{
    Begin, Column, ColumnKind, Position, Product, ReadSpec, Source, SourceBatch, SourceBatchBuilder, SourceError,
};

/// Opens a table by parts or of changes.
pub(super) fn open_table(session: Session, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
    let wanted = Wanted::of(&session.source, read, begin)?;
    let patience = session.server.patience();
    let (own, object) = (session.clone(), read.object.clone());
    let connect = move || async move {
        let mut connection = session.connect().await?;
        session.permit(&mut connection).await?;
        let id = session.id(&mut connection).await?;
        Ok(ServerTable { session, connection, object, id, columns: Arc::from([]), forms: Vec::new(), odd: Vec::new(), given: 0 })
    };
    open(wanted, patience, connect, move |watched| log::log(&own, watched))
}

struct ServerTable {
    session: Session,
    connection: MySqlConnection,
    object: Option<String>,
    /// By which its statement can be killed.
    id: String,
    columns: Arc<[Column]>,
    forms: Vec<Form>,
    /// Columns whose texts do not compare as the values do.
    odd: Vec<usize>,
    /// Rows given so far.
    given: u64,
}

impl Table for ServerTable {
    fn product(&self) -> Product {
        Product::Mysql
    }

    async fn columns(&mut self, sql: &str) -> Result<Arc<[Column]>, SourceError> {
        let found = described(&self.session, &mut self.connection, sql, self.object.as_deref()).await?;
        (self.columns, self.forms, self.odd) = (found.columns, found.forms, found.unordered);
        Ok(self.columns.clone())
    }

    fn orders_by(&self, column: usize) -> bool {
        matches!(self.forms[column], Form::Plain | Form::Date) && !self.odd.contains(&column)
    }

    async fn begin(&mut self) -> Result<(), SourceError> {
        // Ends the one before by itself.
        self.session.begin(&mut self.connection).await
    }

    async fn texts(&mut self, sql: &str) -> Result<Texts, SourceError> {
        let fetched = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection).await;
        let rows = fetched.map_err(|error| self.session.trouble(&error))?;
        let kinds = rows.first().map_or(&[][..], MySqlRow::columns).iter().map(|column| cell::kind(column.type_info(), true));
        let forms: Vec<Form> = kinds.map(|(_, form)| form).collect();
        let columns = forms.iter().map(|_| Column { name: "".into(), kind: ColumnKind::Unknown }).collect();
        let mut batch = SourceBatchBuilder::new(columns, rows.len());
        for row in &rows {
            forms.iter().enumerate().for_each(|(index, form)| cell::push(row, index, *form, &mut batch));
            batch.end_row(Place::Row(0));
        }
        Ok(texts(&batch.finish(Position(Vec::new()))))
    }

    async fn hand_out(
        &mut self,
        courier: &Courier,
        sql: &str,
        seal: &mut dyn FnMut(SourceBatch) -> SourceBatch,
    ) -> Result<Handout, SourceError> {
        let (forms, given) = (&self.forms, &mut self.given);
        let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(&mut self.connection);
        let push = |row: &MySqlRow, batch: &mut SourceBatchBuilder, _| {
            *given += 1;
            for (index, form) in forms.iter().enumerate() {
                cell::push(row, index, *form, batch);
            }
            batch.end_row(Place::Row(*given));
        };
        let handout = courier.hand_out_sealed(&self.columns, rows, push, seal, |error| self.session.trouble(&error)).await?;
        if handout == Handout::TimedOut {
            let _ = tokio::time::timeout(KILL, self.session.kill(&self.id)).await;
        }
        Ok(handout)
    }
}
