//! A table read by parts or of changes.

use std::sync::Arc;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Column as _, Row};

use super::cell::{self, Form};
use super::connect::Session;
use super::log;
use super::read::{GRACE, VIEW, declare, described, hidden, rows, sees_a_part};
use crate::finding::Place;
use crate::source::incremental::{Table, Texts, View, Wanted, open, texts};
use crate::source::reader::{Courier, Handout};
use crate::source::{
    Begin, Column, ColumnKind, Position, Product, ReadSpec, Source, SourceBatch, SourceBatchBuilder, SourceError,
};

/// Opens a table by parts or of changes.
pub(super) fn open_table(session: Session, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
    let wanted = Wanted::of(&session.source, read, begin)?;
    let patience = session.server.patience() + GRACE;
    let own = session.clone();
    let connect = move || async move {
        let mut connection = session.connect().await?;
        session.permit(&mut connection).await?;
        Ok(ServerTable { session, connection, columns: Arc::from([]), forms: Vec::new(), begun: false, given: 0 })
    };
    open(wanted, patience, connect, move |watched| log::log(&own, watched))
}

struct ServerTable {
    session: Session,
    connection: PgConnection,
    columns: Arc<[Column]>,
    forms: Vec<Form>,
    begun: bool,
    /// Rows given so far.
    given: u64,
}

impl Table for ServerTable {
    fn product(&self) -> Product {
        Product::Postgres
    }

    async fn columns(&mut self, sql: &str) -> Result<Arc<[Column]>, SourceError> {
        (self.columns, self.forms) = described(&self.session, &mut self.connection, sql).await?;
        Ok(self.columns.clone())
    }

    fn orders_by(&self, column: usize) -> bool {
        self.columns[column].kind != ColumnKind::Bytes
    }

    async fn begin(&mut self) -> Result<(), SourceError> {
        if self.begun {
            self.session.execute(&mut self.connection, "ROLLBACK").await?;
        }
        self.begun = true;
        self.session.execute(&mut self.connection, VIEW).await
    }

    async fn view(&mut self, object: &str) -> View {
        let path = self.product().quoted_path(object);
        if sees_a_part(&mut self.connection, &path).await { View::Part(hidden()) } else { View::One }
    }

    async fn texts(&mut self, sql: &str) -> Result<Texts, SourceError> {
        let fetched = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection).await;
        let rows = fetched.map_err(|error| self.session.trouble(&error))?;
        let kinds = rows.first().map_or(&[][..], PgRow::columns).iter().map(|column| cell::kind(column.type_info()));
        let forms: Vec<Form> = kinds.map(|(_, form)| form).collect();
        let columns = forms.iter().map(|_| Column { name: "".into(), kind: ColumnKind::Unknown }).collect();
        let mut batch = SourceBatchBuilder::new(columns, rows.len());
        for row in &rows {
            forms.iter().enumerate().for_each(|(index, form)| cell::push(row, index, *form, None, &mut batch));
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
        declare(&self.session, &mut self.connection, sql).await?;
        let (forms, given) = (&self.forms, &mut self.given);
        let fallback = self.session.server.reinterpret.map(|reinterpret| reinterpret.encoding());
        let push = |row: &PgRow, batch: &mut SourceBatchBuilder, _| {
            *given += 1;
            for (index, form) in forms.iter().enumerate() {
                cell::push(row, index, *form, fallback, batch);
            }
            batch.end_row(Place::Row(*given));
        };
        let handed =
            courier.hand_out_sealed(&self.columns, rows(&mut self.connection), push, seal, |error| self.session.trouble(&error));
        handed.await
    }
}
