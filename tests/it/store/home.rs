//! Where a store lives: what an implementation must give to be put through the suite.

use std::sync::Arc;

use xiaoshu::store::sqlite::{CommitFault, SqliteOptions, SqliteStore};
use xiaoshu::store::{Store, StoreError};

/// A place with one store in it, opened again and again.
#[async_trait::async_trait]
pub trait Home: Send + Sync {
    /// A fresh place.
    fn new() -> Self
    where
        Self: Sized;

    /// Opens the store. The one opened before must have been dropped.
    async fn open(&self) -> Arc<dyn Store>;

    /// Opens the store for reading only, whether it is open already or not.
    async fn open_read_only(&self) -> Result<Arc<dyn Store>, StoreError>;

    /// Opens a store that dies at its `at`-th commit, before or after it.
    async fn open_dying(&self, at: u64, after: bool) -> Arc<dyn Store>;

    /// Takes a record out of the closed store behind its back.
    async fn lose_a_record(&self);

    /// Reads the views as the connector would: two live things, one of them `name 5`, and two runs of source `a`.
    async fn check_views(&self, address: &str, sql: &[String]);
}

/// A store in one SQLite file.
pub struct SqliteHome {
    pub dir: tempfile::TempDir,
}

#[async_trait::async_trait]
impl Home for SqliteHome {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.dir.path(), SqliteOptions::default()).await.unwrap())
    }

    async fn open_read_only(&self) -> Result<Arc<dyn Store>, StoreError> {
        let store = SqliteStore::open_read_only(self.dir.path(), SqliteOptions::default()).await?;
        Ok(Arc::new(store))
    }

    async fn open_dying(&self, at: u64, after: bool) -> Arc<dyn Store> {
        let fault = if after { CommitFault::After } else { CommitFault::Before };
        let hook = Arc::new(move |commit| if commit == at { fault } else { CommitFault::None });
        let options = SqliteOptions { hook: Some(hook), ..SqliteOptions::default() };
        Arc::new(SqliteStore::open(self.dir.path(), options).await.unwrap())
    }

    async fn lose_a_record(&self) {
        use sqlx::Connection;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.dir.path().join("xiaoshu.db"));
        let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("DELETE FROM feed WHERE seq = (SELECT min(seq) FROM feed WHERE op = 0)").execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }

    async fn check_views(&self, address: &str, sql: &[String]) {
        use sqlx::Connection;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(address).read_only(true);
        let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        for statement in sql {
            sqlx::query(sqlx::AssertSqlSafe(statement.as_str())).execute(&mut conn).await.unwrap();
        }
        let things: Vec<(String, String, f64)> =
            sqlx::query_as("SELECT NO, NAME, AMOUNT FROM T_THING ORDER BY NO").fetch_all(&mut conn).await.unwrap();
        assert_eq!(things, [("K000001".into(), "name 1".into(), 12.5), ("K000002".into(), "name 5".into(), 12.5)]);
        let runs: Vec<(String, i64, String)> =
            sqlx::query_as("SELECT source, read, ended FROM hub_runs ORDER BY run").fetch_all(&mut conn).await.unwrap();
        assert_eq!(runs, [("a".into(), 4, "20231115 061320".into()), ("a".into(), 2, "20231115 061320".into())]);
        let sources: Vec<(String, i64, i64, String)> =
            sqlx::query_as("SELECT source, runs, live, last_date FROM hub_sources").fetch_all(&mut conn).await.unwrap();
        assert_eq!(sources, [("a".into(), 2, 2, "20231115".into())]);
        let (live, waiting): (i64, i64) =
            sqlx::query_as("SELECT live, waiting FROM hub_stock WHERE upstream = 'platform'").fetch_one(&mut conn).await.unwrap();
        assert_eq!((live, waiting), (2, 2));
        conn.close().await.unwrap();
    }
}
