//! Rows as the server sends them: it sends no faster than they are taken.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tiberius::{QueryStream, Row};

use super::catalogue;
use super::cell::{self, Form};
use super::connect::{Client, Facts, Session, View, moving};
use crate::finding::Place;
use crate::source::outline::Said;
use crate::source::reader::{Courier, Handout, Proof, RowReader};
use crate::source::select::{has_word, is_one_select};
use crate::source::{Column, Outline, ReadSpec, Source, SourceBatchBuilder, SourceError, statement};

/// How long a cancellation may take.
const CANCEL: Duration = Duration::from_secs(5);

/// Words that begin a statement and are never a bare name: here statements need no semicolon between them.
const BEGINNERS: [&str; 35] = [
    "alter",
    "backup",
    "begin",
    "bulk",
    "checkpoint",
    "commit",
    "create",
    "dbcc",
    "declare",
    "deny",
    "drop",
    "dump",
    "exec",
    "execute",
    "goto",
    "grant",
    "if",
    "kill",
    "load",
    "print",
    "raiserror",
    "reconfigure",
    "restore",
    "return",
    "revoke",
    "rollback",
    "save",
    "set",
    "shutdown",
    "truncate",
    "updatetext",
    "use",
    "waitfor",
    "while",
    "writetext",
];

/// Opens a table or query.
pub(super) fn open(session: Session, read: &ReadSpec) -> Result<Box<dyn Source>, SourceError> {
    let statement = statement::build(&session.source, read, '"')?;
    let reads = |sql: &str| is_one_select(sql) && !has_word(sql, &BEGINNERS);
    if read.query.is_some() && !reads(&statement.sql) {
        return Err(wrong(&session, "`query` is more than one statement, or does more than read"));
    }
    let (source, object, patience) = (session.source.clone(), statement.object.clone(), session.settings.patience());
    let proof = Proof::default();
    let task = Task { sql: statement.sql, count: statement.count, table: read.object.clone(), proof: proof.clone() };
    let reader = RowReader::start(&source, object, patience, move |courier| read_rows(session, task, courier))?;
    Ok(Box::new(reader.proven_by(proof)))
}

/// What is to be read, and how it is counted.
struct Task {
    sql: String,
    count: String,
    table: Option<String>,
    proof: Proof,
}

async fn read_rows(session: Session, task: Task, courier: Arc<Courier>) -> Result<Handout, SourceError> {
    let mut client = session.connect().await?;
    session.permit(&mut client).await?;
    let facts = session.facts(&mut client).await?;
    session.begin(&mut client, facts.view).await?;
    refuse_utf8(&session, &mut client, &facts, &task.sql).await?;
    let (said, view) = match &task.table {
        Some(table) => catalogue::outline(&session, &mut client, table).await?,
        None => Default::default(),
    };
    match hand_out(&session, &mut client, &task, &courier, said, view).await? {
        Ended::Handed(Handout::Finished, read) => {
            prove(&session, &mut client, &task, facts.view, read).await;
            // Nothing was written: losing the end of the transaction loses nothing.
            let _ = client.close().await;
            Ok(Handout::Finished)
        }
        // The rest of the result is not waited for.
        Ended::Handed(Handout::Abandoned, _) => Ok(Handout::Abandoned),
        Ended::Handed(Handout::TimedOut, _) => {
            cancel(&mut client).await;
            Ok(Handout::TimedOut)
        }
        Ended::Late(error) => {
            cancel(&mut client).await;
            Err(error)
        }
    }
}

/// How a statement ended.
enum Ended {
    /// So many rows were handed out.
    Handed(Handout, u64),
    /// It gave no answer in time.
    Late(SourceError),
}

async fn hand_out(
    session: &Session,
    client: &mut Client,
    task: &Task,
    courier: &Courier,
    said: HashMap<String, Said>,
    view: Option<String>,
) -> Result<Ended, SourceError> {
    let answered = match session.within(client.simple_query(task.sql.as_str())).await {
        Ok(answered) => answered,
        Err(late) => return Ok(Ended::Late(late)),
    };
    let mut stream = answered.map_err(|error| session.trouble(&error))?;
    let (columns, forms) = described(session, &mut stream).await?;
    statement::must_give_columns(&session.source, &columns)?;
    courier.opened_as(&columns, Outline::of(&columns).with(said, view));
    let (mut read, mut text) = (0, String::new());
    let push = |row: &Row, batch: &mut SourceBatchBuilder, ordinal| {
        read = ordinal;
        for (index, ((_, value), form)) in row.cells().zip(&forms).enumerate() {
            cell::push(value, index, *form, &mut text, batch);
        }
        batch.end_row(Place::Row(ordinal));
    };
    let handout = courier.hand_out(&columns, stream.into_row_stream(), push, |error| session.trouble(&error)).await?;
    Ok(Ended::Handed(handout, read))
}

/// Counts what was read once more, in the same transaction, where both statements can be relied on.
async fn prove(session: &Session, client: &mut Client, task: &Task, view: View, read: u64) {
    if view == View::Moving {
        return task.proof.lacking(moving());
    }
    let rows = session.texts(client, &task.count).await.ok();
    let counted = rows.and_then(|rows| rows.first()?.first()?.as_ref()?.parse().ok());
    task.proof.counted(read, counted);
}

/// Tells the server to stop working on a statement whose rows nobody waits for.
async fn cancel(client: &mut Client) {
    // It may have ended by itself meanwhile.
    let _ = tokio::time::timeout(CANCEL, client.cancel_query()).await;
}

/// The columns that the statement gives, and the forms of their cells.
async fn described(session: &Session, stream: &mut QueryStream<'_>) -> Result<(Arc<[Column]>, Vec<Form>), SourceError> {
    let columns = stream.columns().await.map_err(|error| session.trouble(&error))?.unwrap_or_default();
    let kinds = columns.iter().map(|column| (column.name().trim(), cell::kind(column.column_type())));
    let (columns, forms): (Vec<Column>, Vec<Form>) =
        kinds.map(|(name, (kind, form))| (Column { name: name.into(), kind }, form)).unzip();
    Ok((columns.into(), forms))
}

/// The driver takes texts of a UTF-8 collation for another code page: better none than wrong ones.
async fn refuse_utf8(session: &Session, client: &mut Client, facts: &Facts, sql: &str) -> Result<(), SourceError> {
    if !facts.knows_utf8() || catalogue::utf8_columns(session, client, sql).await? == 0 {
        return Ok(());
    }
    Err(SourceError::Settings {
        source_name: session.source.clone(),
        what: "a char or varchar column has a UTF-8 collation, which this kind cannot read".into(),
        remedy: "read it by a query that converts it: CAST(column AS nvarchar(4000)); or use kind = \"odbc\"".into(),
    })
}

fn wrong(session: &Session, what: &str) -> SourceError {
    SourceError::Settings { source_name: session.source.clone(), what: what.into(), remedy: "write one SELECT".into() }
}
