//! Where a store lives: what an implementation must give to be put through the suite.

use std::sync::Arc;

use xiaoshu::store::postgres::{PostgresOptions, PostgresStore};
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{CommitFault, CommitHook};
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
        let options = SqliteOptions { hook: Some(death(at, after)), ..SqliteOptions::default() };
        Arc::new(SqliteStore::open(self.dir.path(), options).await.unwrap())
    }

    async fn lose_a_record(&self) {
        lose_a_record(self.dir.path()).await;
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

/// Dies at the `at`-th commit.
fn death(at: u64, after: bool) -> CommitHook {
    let fault = if after { CommitFault::After } else { CommitFault::Before };
    Arc::new(move |commit| if commit == at { fault } else { CommitFault::None })
}

/// The PostgreSQL that `tests/run.sh` starts.
pub fn postgres_url() -> String {
    std::env::var("XIAOSHU_TEST_POSTGRES_URL").expect("XIAOSHU_TEST_POSTGRES_URL is not set: run tests/run.sh --servers")
}

/// A store in a schema of its own of the PostgreSQL that `tests/run.sh` starts.
pub struct PostgresHome {
    pub options: PostgresOptions,
}

impl PostgresHome {
    /// Another hub at the same store.
    pub async fn open_as(&self, holder: &str) -> Arc<PostgresStore> {
        let options = PostgresOptions { holder: Some(holder.into()), ..self.options.clone() };
        Arc::new(PostgresStore::open(options).await.unwrap())
    }

    /// A connection of the test's own, in the store's schema.
    pub async fn connect(&self) -> sqlx::PgConnection {
        use sqlx::ConnectOptions;
        let options: sqlx::postgres::PgConnectOptions = self.options.url.parse().unwrap();
        options.options([("search_path", &self.options.schema)]).connect().await.unwrap()
    }
}

#[async_trait::async_trait]
impl Home for PostgresHome {
    fn new() -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let schema = format!("store_{}_{count}", std::process::id());
        let url = postgres_url();
        Self { options: PostgresOptions { schema, connections: 4, holder: Some("desk".into()), ..PostgresOptions::new(url) } }
    }

    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(PostgresStore::open(self.options.clone()).await.unwrap())
    }

    async fn open_read_only(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(Arc::new(PostgresStore::open_read_only(self.options.clone()).await?))
    }

    async fn open_dying(&self, at: u64, after: bool) -> Arc<dyn Store> {
        let options = PostgresOptions { hook: Some(death(at, after)), ..self.options.clone() };
        Arc::new(PostgresStore::open(options).await.unwrap())
    }

    async fn lose_a_record(&self) {
        let sql = "DELETE FROM feed WHERE seq = (SELECT min(seq) FROM feed WHERE op = 0)";
        sqlx::query(sql).execute(&mut self.connect().await).await.unwrap();
    }

    async fn check_views(&self, address: &str, sql: &[String]) {
        use sqlx::Connection;
        let mut conn = sqlx::PgConnection::connect(address).await.unwrap();
        for statement in sql {
            sqlx::query(sqlx::AssertSqlSafe(statement.as_str())).execute(&mut conn).await.unwrap();
        }
        sqlx::query("BEGIN READ ONLY").execute(&mut conn).await.unwrap();
        let want = [("K000001".into(), "name 1".into(), "12.5".into()), ("K000002".into(), "name 5".into(), "12.5".into())];
        for select in [
            "SELECT NO, NAME, AMOUNT FROM T_THING ORDER BY NO",
            "SELECT \"NO\", \"NAME\", \"AMOUNT\" FROM \"T_THING\" ORDER BY 1",
        ] {
            let things: Vec<(String, String, String)> = sqlx::query_as(select).fetch_all(&mut conn).await.unwrap();
            assert_eq!(things, want);
        }
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

/// Takes a record out of the closed SQLite store in a folder behind its back.
pub async fn lose_a_record(dir: &std::path::Path) {
    use sqlx::Connection;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.join("xiaoshu.db"));
    let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("DELETE FROM feed WHERE seq = (SELECT min(seq) FROM feed WHERE op = 0)").execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}
