//! The sample school with some of its mappings and those that the edition ships, and what landed of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use xiaoshu::app::{self, Context, Failure, Fittings, Part, RunAnswer, RunLine, RunRequest, Silent};
use xiaoshu::finding::Lang;
use xiaoshu::report::ManualClock;
use xiaoshu::source::{Begin, ReadSpec, SourcePlace, connector, load_script};
use xiaoshu::standard::{EditionId, Standard};
use xiaoshu::store::Store;
use xiaoshu::{normalize, sample};

/// 2024-11-20 10:00 in China.
const MORNING: i64 = 1_732_068_000_000;

pub struct School {
    dir: TempDir,
    pub clock: Arc<ManualClock>,
    /// What made the teaching database.
    script: Mutex<String>,
}

impl School {
    /// A school of which only these tables are mapped.
    pub fn of(kept: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let written = sample::write(dir.path(), &sample::Options::default()).expect("written");
        load_script(&written.teaching_database, &written.teaching_sql).expect("loaded");
        for mapping in &written.mappings {
            if !kept.iter().any(|name| mapping.file_stem().is_some_and(|stem| stem == *name)) {
                std::fs::remove_file(mapping).expect("removed");
            }
        }
        let script = Mutex::new(written.teaching_sql);
        let school = Self { dir, clock: Arc::new(ManualClock::new(MORNING)), script };
        school.edit("xiaoshu.toml", "shipped = false", "shipped = true");
        school
    }

    /// A school that an example of the deployment describes.
    pub fn example(name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples").join(name);
        let dir = tempfile::tempdir().expect("a folder");
        let school = Self { dir, clock: Arc::new(ManualClock::new(MORNING)), script: Mutex::default() };
        school.write("xiaoshu.toml", &std::fs::read_to_string(from.join("xiaoshu.toml")).expect("read"));
        for entry in std::fs::read_dir(from.join("mappings")).expect("a folder") {
            let path = entry.expect("a file").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            school.write(&format!("mappings/{name}"), &std::fs::read_to_string(&path).expect("read"));
        }
        school
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).expect("read");
        assert!(text.contains(from), "{name} lacks {from}");
        self.write(name, &text.replace(from, to));
    }

    /// The teaching database as it is after a few statements more.
    pub fn teach(&self, sql: &str) {
        let mut script = self.script.lock().expect("a lock");
        script.push_str(sql);
        load_script(&self.path("jw.db"), &script).expect("run");
    }

    pub fn context(&self) -> Context<'static> {
        Context { settings: self.path("xiaoshu.toml"), data: None, schemas: None, lang: Lang::En, progress: &Silent }
    }

    /// Reads everything once.
    pub fn collect(&self) -> Collected {
        self.try_collect().expect("a round")
    }

    pub fn try_collect(&self) -> Result<Collected, Failure> {
        // A round later than the one before, so that their runs are told apart.
        self.clock.advance(std::time::Duration::from_secs(60));
        let kept: Arc<Mutex<Option<Arc<dyn Store>>>> = Arc::default();
        let keep = Arc::clone(&kept);
        let around = move |store: Arc<dyn Store>| {
            *keep.lock().expect("a lock") = Some(Arc::clone(&store));
            store
        };
        let fittings = Fittings { clock: Arc::clone(&self.clock) as _, around_store: Box::new(around) };
        let request = RunRequest { once: true, only: vec![Part::Collect], ..RunRequest::default() };
        let answer = app::run_fitted(&self.context(), &request, &fittings)?;
        let store = kept.lock().expect("a lock").take().expect("a store");
        Ok(Collected { answer, store, base: self.dir.path().to_owned() })
    }
}

/// What a round did, with the store still open.
pub struct Collected {
    answer: RunAnswer,
    store: Arc<dyn Store>,
    base: PathBuf,
}

impl Collected {
    /// The run of a table, if it has one.
    pub fn run(&self, table: &str) -> Option<&RunLine> {
        self.answer.runs.iter().find(|run| run.table == table)
    }

    /// (read, changed, unchanged) of a table's run, which met no error.
    pub fn counts(&self, table: &str) -> (u64, u64, u64) {
        let run = self.run(table).unwrap_or_else(|| panic!("{table} has no run"));
        assert_eq!(run.error, None, "{table}");
        (run.counts.read, run.counts.changed, run.counts.unchanged)
    }

    /// The live records of a table, field by field, missing ones left out.
    pub fn landed(&self, table: &str) -> Vec<BTreeMap<String, String>> {
        let standard = super::making::standard();
        let plan = Arc::clone(standard.find(table).expect("a table"));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let views = runtime.block_on(async {
            let rows = self.store.table_rows().await.expect("tables");
            let feed = rows.iter().find(|row| row.table == table).map(|row| row.feed);
            self.store.views(&[(feed, plan)]).await.expect("views")
        });
        let settings = serde_json::json!({ "kind": "hub", "database": views.0, "prelude": views.1 });
        let name: Arc<str> = "hub".into();
        let place = SourcePlace { name: &name, settings: &settings, base: &self.base };
        let read = ReadSpec { object: Some(table.into()), ..ReadSpec::default() };
        let mut source = connector("hub").expect("a connector").open(&place, &read, Begin::AFRESH).expect("open");
        let mut all = Vec::new();
        while let Some(batch) = source.next_batch(1000).expect("rows") {
            for row in 0..batch.len() {
                let cells = batch.columns().iter().enumerate();
                all.push(cells.filter_map(|(at, c)| Some((c.name.to_string(), batch.cell(row, at)?.to_owned()))).collect());
            }
        }
        all
    }
}

/// A mapping that an edition ships.
pub fn shipped(edition: &str, table: &str) -> normalize::MappingDocument {
    let standard = Standard::load(&EditionId::new(edition), None).expect("an edition");
    let found = standard.shipped_mappings().iter().find(|(path, _)| path.ends_with(&format!("/{table}.toml")));
    let (path, text) = found.unwrap_or_else(|| panic!("{edition} ships no {table}"));
    normalize::MappingDocument::parse(path, text).unwrap_or_else(|faults| panic!("{faults:?}"))
}
