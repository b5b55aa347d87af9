//! A hub without an upstream over one source, mapped onto two tables, and what it has landed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;
use xiaoshu::app::{self, Context, Fittings, Part, PausedLine, RunAnswer, RunRequest, Silent, StatusAnswer};
use xiaoshu::finding::Lang;
use xiaoshu::pipeline::Drift;
use xiaoshu::report::ManualClock;
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{ReadModels, Records, Shapes};

/// Courses.
pub const COURSES: &str = "ODS_KCJBSJ";
/// Course projects.
pub const PROJECTS: &str = "ODS_KCJSSJ";

/// What each table's fields are made of, by attribute.
pub const FIELDS: [(&str, &[(&str, &str)]); 2] = [
    (
        COURSES,
        &[
            ("KCH", "no"),
            ("KCMC", "name"),
            ("JXJHGDKSS", "hours"),
            ("SJJXKSS", "practice"),
            ("XGJSMC", "contest"),
            ("XSKCWZ", "url"),
        ],
    ),
    (PROJECTS, &[("KCH", "no"), ("KCMC", "name"), ("FZRH", "leader"), ("LXND", "year")]),
];

/// Constants for what is mandatory besides.
const CONSTANTS: [(&str, &str); 2] = [
    (
        COURSES,
        "KCLXM = { value = \"1\" }\nKCSXM = { value = \"1\" }\nKCXZM = { value = \"1\" }\nXNFZSXKSS = { value = \"0\" }\n\
         SFKZRTKC = { value = \"0\" }\nSFXQHZKFKC = { value = \"0\" }\nSFYXSKC = { value = \"1\" }\nSFKCSZSFKC = { value = \"0\" }\n",
    ),
    (PROJECTS, "KCJSLBM = { value = \"1\" }\n"),
];

/// What the source says: by course number, by attribute.
pub type Truth = BTreeMap<String, BTreeMap<&'static str, Option<String>>>;

/// What a table holds: by course number, the canonical fields.
pub type Landed = BTreeMap<String, Map<String, Value>>;

pub struct Hub {
    dir: TempDir,
}

impl Hub {
    /// `source` are the settings of the source below its heading; `read` says what is read.
    pub fn new(source: &str, read: &str, column: &dyn Fn(&str) -> String) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let hub = Self { dir };
        hub.write(
            "xiaoshu.toml",
            format!(
                "[school]\ncode = \"4199099998\"\nname = \"测试职业技术学院\"\nedition = \"gaozhi-2024.09\"\n\n[sources.jw]\n{source}\n\
                 system = \"JW\"\nowner = \"教务处\"\n"
            ),
        );
        hub.map(read, column);
        hub
    }

    /// Writes both mappings.
    pub fn map(&self, read: &str, column: &dyn Fn(&str) -> String) {
        for ((table, fields), (_, constants)) in FIELDS.iter().zip(CONSTANTS) {
            let fields: String = fields.iter().map(|(field, attr)| format!("{field} = \"{}\"\n", column(attr))).collect();
            let text =
                format!("table = \"{table}\"\nsource = \"jw\"\nmode = \"automatic\"\n{read}\n[fields]\n{fields}{constants}");
            self.write(&format!("mappings/{table}.toml"), &text);
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }

    pub fn context(&self) -> Context<'static> {
        Context { settings: self.dir.path().join("xiaoshu.toml"), data: None, schemas: None, lang: Lang::Zh, progress: &Silent }
    }

    /// Reads everything once.
    pub fn collect(&self) -> RunAnswer {
        let clock = Arc::new(ManualClock::new(1_732_068_000_000));
        let fittings = Fittings { clock, around_store: Box::new(|store| store) };
        let request = RunRequest { only: vec![Part::Collect], once: true, ..RunRequest::default() };
        app::run_fitted(&self.context(), &request, &fittings).expect("a collection")
    }

    pub fn status(&self) -> StatusAnswer {
        app::status(&self.context()).expect("a status")
    }

    /// What `status` says of pauses, by table.
    pub fn paused(&self) -> BTreeMap<String, PausedLine> {
        let lines = self.status().tables.into_iter().flat_map(|table| table.paused);
        lines.map(|line| (line.table.clone(), line)).collect()
    }

    /// What pauses, by table, as the store has it.
    fn pauses(&self) -> BTreeMap<String, Drift> {
        self.with(async |store| {
            let rows = store.paused().await.expect("what pauses");
            rows.into_iter().map(|row| (row.table, Drift::read(&row.body))).collect()
        })
    }

    fn with<T>(&self, act: impl AsyncFnOnce(&SqliteStore) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dir = self.dir.path().join("data");
            let store = SqliteStore::open_read_only(&dir, SqliteOptions::default()).await.expect("a store");
            let done = act(&store).await;
            store.close().await.expect("closed");
            done
        })
    }

    /// Forgets what earlier runs saw, as if no run compared anything.
    pub fn forget(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let options = SqliteConnectOptions::new().filename(self.dir.path().join("data/xiaoshu.db"));
            let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a database");
            let done = sqlx::query("DELETE FROM shape").execute(&mut connection).await.expect("forgotten");
            assert!(done.rows_affected() > 0);
            connection.close().await.expect("closed");
        });
    }

    /// All live records of a table, read past the hub's own commands.
    pub fn landed(&self, table: &str) -> Landed {
        self.with(async |store| {
            let feed =
                store.table_rows().await.expect("tables").into_iter().find(|row| row.table == table).expect("the table").feed;
            let rows = store.page(feed, None, 10_000).await.expect("records");
            let record = |payload: &[u8]| -> Map<String, Value> { serde_json::from_slice(payload).expect("canonical JSON") };
            let landed = rows.iter().map(|row| record(&row.payload));
            landed.map(|record| (text(&record["KCH"]).unwrap_or_default(), record)).collect()
        })
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Holds every field of every landed record against what the source says. Numbers are the same however they are written.
pub fn holds(table: &str, landed: &Landed, truth: &Truth, script: &str) {
    let fields = FIELDS.iter().find(|(own, _)| *own == table).expect("a table").1;
    let keys: Vec<&String> = landed.keys().collect();
    assert_eq!(keys, truth.keys().collect::<Vec<_>>(), "{script}: {table} holds other records");
    for (key, record) in landed {
        for (field, attr) in fields {
            let value = text(record.get(*field).unwrap_or(&Value::Null));
            let said = truth[key][attr].clone().filter(|text| !text.is_empty());
            let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<f64>().ok());
            let same = value == said || (field.ends_with("KSS") && number(&value).is_some() && number(&value) == number(&said));
            assert!(same, "{script}: {table} {key}: {field} is {value:?}, and the source says {said:?}");
        }
    }
}

/// What a script demands: for both tables, what is affected, or nothing.
pub type Demand = [Option<&'static str>; 2];

/// Holds the pauses against what the script demands.
pub fn pauses(hub: &Hub, demand: Demand, script: &str) {
    let paused = hub.pauses();
    for ((table, _), class) in FIELDS.iter().zip(demand) {
        let drift = paused.get(*table);
        let found = drift.map(|drift| drift.class().name());
        assert_eq!(found, class, "{script}: {table}: {:?}", drift.map(|drift| drift.text().en));
    }
}

/// Neither table is affected.
pub const HARMLESS: Demand = [None, None];
/// A column that the mapping of one of the tables uses.
pub const MAPPING: Option<&str> = Some("mapping_affected");
/// The same, and reporting depends on it.
pub const REPORTING: Option<&str> = Some("reporting_affected");
