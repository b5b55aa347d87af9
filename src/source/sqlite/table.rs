//! A table read by parts or of changes.

use std::sync::Arc;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Column as _, Executor, Row, SqlSafeStr, Statement as _};

use super::Database;
use super::cell;
use super::connect::push;
use crate::finding::Place;
use crate::source::incremental::{ChangeLog, NoLog, Table, Texts, Wanted, Watched, no_log, open, texts};
use crate::source::reader::{Courier, Handout};
use crate::source::{Begin, Column, ColumnKind, Product, ReadSpec, Source, SourceBatch, SourceBatchBuilder, SourceError};

/// Opens a table by parts or of changes.
pub(super) fn open_table(database: Database, read: &ReadSpec, begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
    let source = Arc::clone(&database.source);
    open_with(database, read, begin, move |_| Err::<NoLog, _>(no_log(&source)))
}

/// The same with a log of changes.
fn open_with<L: ChangeLog>(
    database: Database,
    read: &ReadSpec,
    begin: Begin<'_>,
    log: impl FnOnce(Watched) -> Result<L, SourceError> + Send + 'static,
) -> Result<Box<dyn Source>, SourceError> {
    let wanted = Wanted::of(&database.source, read, begin)?;
    let patience = database.patience;
    let connect = move || async move {
        let connection = database.connect().await?;
        Ok(FileTable { database, connection, columns: Arc::from([]), begun: false, given: 0 })
    };
    open(wanted, patience, connect, log)
}

struct FileTable {
    database: Database,
    connection: SqliteConnection,
    columns: Arc<[Column]>,
    begun: bool,
    /// Rows given so far.
    given: u64,
}

impl Table for FileTable {
    fn product(&self) -> Product {
        Product::Sqlite
    }

    async fn columns(&mut self, sql: &str) -> Result<Arc<[Column]>, SourceError> {
        let prepared = self.connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
        let statement = prepared.map_err(|error| self.database.trouble(error))?;
        let columns = statement.columns().iter();
        self.columns = columns.map(|column| Column { name: column.name().trim().into(), kind: cell::kind(column) }).collect();
        Ok(self.columns.clone())
    }

    /// A column of no declared type keeps numbers and texts apart, and a cell does not say which it was.
    fn orders_by(&self, column: usize) -> bool {
        !matches!(self.columns[column].kind, ColumnKind::Unknown | ColumnKind::Bytes)
    }

    async fn begin(&mut self) -> Result<(), SourceError> {
        if self.begun {
            self.database.execute(&mut self.connection, "ROLLBACK").await?;
        }
        self.begun = true;
        self.database.execute(&mut self.connection, "BEGIN").await
    }

    async fn texts(&mut self, sql: &str) -> Result<Texts, SourceError> {
        let fetched = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection).await;
        let rows = fetched.map_err(|error| self.database.trouble(error))?;
        let width = rows.first().map_or(0, SqliteRow::len);
        let columns = (0..width).map(|_| Column { name: "".into(), kind: ColumnKind::Unknown }).collect();
        let mut batch = SourceBatchBuilder::new(columns, rows.len());
        for row in &rows {
            (0..width).for_each(|index| cell::push(row, index, &mut batch, self.database.reinterpret));
            batch.end_row(Place::Row(0));
        }
        Ok(texts(&batch.finish(crate::source::Position(Vec::new()))))
    }

    async fn hand_out(
        &mut self,
        courier: &Courier,
        sql: &str,
        seal: &mut dyn FnMut(SourceBatch) -> SourceBatch,
    ) -> Result<Handout, SourceError> {
        let (database, given) = (&self.database, &mut self.given);
        let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch(&mut self.connection);
        let push = |row: &SqliteRow, batch: &mut SourceBatchBuilder, _| {
            *given += 1;
            push(row, batch, *given, database.reinterpret);
        };
        courier.hand_out_sealed(&self.columns, rows, push, seal, |error| database.trouble(error)).await
    }
}

/// How a log of changes is used, whatever it is: there is none of SQLite, so one is played.
#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::finding::Text;
    use crate::source::incremental::{Changes, LogMark};
    use crate::source::{Position, load_script};

    type Told = Arc<Mutex<Vec<String>>>;

    /// Says what it was written to say, and notes what it is asked.
    struct Played {
        told: Told,
        now: u8,
        answer: Option<Changes>,
    }

    impl Played {
        fn note(&self, what: String) {
            self.told.lock().unwrap().push(what);
        }
    }

    impl ChangeLog for Played {
        async fn mark(&mut self) -> Result<LogMark, SourceError> {
            self.note(format!("mark {}", self.now));
            Ok(LogMark(vec![self.now]))
        }

        async fn changes(&mut self, from: &LogMark, _most: usize) -> Result<Changes, SourceError> {
            self.note(format!("changes {}", from.0[0]));
            Ok(self.answer.take().unwrap())
        }

        async fn forget(&mut self, mark: &LogMark) -> Result<(), SourceError> {
            self.note(format!("forget {}", mark.0[0]));
            Ok(())
        }
    }

    /// A run's rows, its last position, what was told to the log, and how it ended: complete, whole, more.
    type Ran = (Vec<String>, Position, Vec<String>, [bool; 3]);

    fn run(folder: &std::path::Path, begin: Begin<'_>, now: u8, answer: Option<Changes>) -> Ran {
        let told = Told::default();
        let database = Database {
            source: "jw".into(),
            path: folder.join("t.db"),
            prelude: Arc::new([]),
            patience: Duration::from_secs(10),
            reinterpret: None,
        };
        let read = serde_json::json!({ "object": "t", "changes": { "by": "log" } });
        let read = ReadSpec { reader: "ODS_T".into(), ..serde_json::from_value(read).unwrap() };
        let played = Played { told: Arc::clone(&told), now, answer };
        let log = move |watched: Watched| {
            assert_eq!((watched.object.as_str(), watched.reader.as_str()), ("t", "ODS_T"));
            assert_eq!(watched.key, ["a", "b"]);
            Ok(played)
        };
        let mut source = open_with(database, &read, begin, log).unwrap();
        let (mut rows, mut position) = (Vec::new(), Position(Vec::new()));
        while let Some(batch) = source.next_batch(2).unwrap() {
            rows.extend((0..batch.len()).map(|row| batch.cell(row, 2).unwrap().to_owned()));
            position = batch.position().clone();
        }
        assert!(!told.lock().unwrap().iter().any(|what| *what == format!("forget {now}")), "before it has landed");
        source.committed(&position).unwrap();
        let ended = [source.is_complete(), source.is_whole(), source.has_more()];
        drop(source);
        let told = told.lock().unwrap().clone();
        (rows, position, told, ended)
    }

    fn found(keys: &[[&str; 2]], removed: bool, upto: u8, more: bool) -> Option<Changes> {
        let keys = keys.iter().map(|key| key.iter().map(|cell| Box::from(*cell)).collect()).collect();
        Some(Changes::Found { keys, removed, upto: LogMark(vec![upto]), more })
    }

    fn words(text: &str) -> Vec<String> {
        text.split(", ").filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn the_log_is_marked_before_everything_is_read_and_forgets_only_what_has_landed() {
        let folder = tempfile::tempdir().unwrap();
        let sql = "CREATE TABLE t (a INTEGER, b TEXT, v TEXT, PRIMARY KEY (a, b));
                   INSERT INTO t VALUES (1, 'x', 'p'), (1, 'y''z', 'q'), (2, 'x', 'r');";
        load_script(&folder.path().join("t.db"), sql).unwrap();
        let folder = folder.path();
        let (rows, whole, told, ended) = run(folder, Begin::AFRESH, 5, None);
        assert_eq!((rows.len(), told, ended), (3, words("mark 5, forget 5"), [true, true, false]));
        // What it names is read as it is now; a key that is gone gives no row, and nothing is proven.
        let named = found(&[["1", "y'z"], ["2", "x"], ["9", "x"]], false, 8, true);
        let (mut rows, since, told, ended) = run(folder, Begin::Since(&whole), 8, named);
        rows.sort_unstable();
        assert_eq!((rows, told, ended), (words("q, r"), words("forget 5, changes 5, forget 8"), [false, false, true]));
        // Nothing of this table: the position moves on all the same.
        let (rows, idle, told, ended) = run(folder, Begin::Since(&since), 9, found(&[], false, 9, false));
        assert_eq!((rows, told, ended), (words(""), words("forget 8, changes 8, forget 9"), [false, false, false]));
        // Something was removed: another run follows at once, and reads everything.
        let (_, removed, _, ended) = run(folder, Begin::Since(&idle), 12, found(&[["1", "x"]], true, 12, false));
        assert_eq!(ended, [false, false, true]);
        let (rows, after, told, ended) = run(folder, Begin::Since(&removed), 13, None);
        assert_eq!((rows.len(), told, ended), (3, words("mark 13, forget 13"), [true, true, false]));
        // A log that does not reach back is no error.
        let lost = Some(Changes::Lost { why: Text::new("没有了", "gone") });
        let (rows, _, told, ended) = run(folder, Begin::Since(&after), 20, lost);
        assert_eq!((rows.len(), told, ended), (3, words("forget 13, changes 13, mark 20, forget 20"), [true, true, false]));
        // A run that was killed behind its last landing proves nothing, so that the next reads everything again.
        let (rows, done, told, ended) = run(folder, Begin::Resume(&whole), 6, None);
        assert_eq!((rows.len(), told, ended), (0, words("forget 5"), [false, true, false]));
        let (rows, _, told, ended) = run(folder, Begin::Since(&done), 30, None);
        assert_eq!((rows.len(), told, ended), (3, words("mark 30, forget 30"), [true, true, false]));
    }
}
