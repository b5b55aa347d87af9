//! A store with landed rows, the reference platform, and a reporter between them, all on one clock that moves only when
//! somebody waits.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;
use xiaoshu::brain::{Account, Brain, BrainConfig, BrainHandle, Judged, RowJudge};
use xiaoshu::finding::{Locator, Place};
use xiaoshu::record::{BatchBuilder, Decoder, KeySpec, Namespace};
use xiaoshu::report::{Clock, Config, ManualClock, Parts, ReportedTable, Reporter, SeededDice, SystemClock, UpstreamConfig};
use xiaoshu::source::Position;
use xiaoshu::standard::{EditionId, FieldIdx, FieldType, KeyPart, Standard, TablePlan};
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{FeedId, FeedSpec, Landing, LandingBatch, NewRun, ReadModels, RunEnd, Stock, Store};
use xiaoshu::validate::{Findings, judge};

pub const SCHOOL: &str = "4199000001";
/// 2026-11-22 09:00:00 in China, and a bit.
const START: i64 = 1_795_309_200_137;

struct Shared(Arc<dyn Clock>);

impl xiaoshu::brain::Clock for Shared {
    fn now_ms(&self) -> i64 {
        self.0.now()
    }
}

/// Takes every row that has a record key: what rows hold is not the matter here.
struct AnyRow(Arc<Standard>);

impl RowJudge for AnyRow {
    fn knows(&self, table: &str) -> bool {
        table.starts_with("ODS_")
    }

    fn judge(&self, table: &str, rows: &[&RawValue], _: &str, _: &str) -> Vec<Judged> {
        let plan = self.0.find(table).unwrap();
        let judged = |row: &RawValue| {
            let mut builder = BatchBuilder::new(Arc::clone(plan), 1);
            let comparable = match Decoder::new().row(row.get(), plan, 0, &mut builder, &mut Vec::new()) {
                Err(_) => [0; 16],
                Ok(_) => {
                    builder.end_row();
                    builder.finish().row(0).comparable_hash().0
                }
            };
            let fields: Value = serde_json::from_str(row.get()).unwrap();
            let key = fields["ZJSJWYXBS"].as_str().map(str::to_owned);
            let error = key.is_none().then(|| "主键为空".to_owned());
            let digest = xxhash_rust::xxh3::xxh3_128(row.get().as_bytes()).to_be_bytes();
            Judged { key, body: row.get().to_owned(), digest, comparable, deletes: false, error }
        };
        rows.iter().map(|row| judged(row)).collect()
    }
}

pub struct World {
    pub clock: Arc<ManualClock>,
    /// What all go by: `clock`, or the machine's own.
    pub time: Arc<dyn Clock>,
    pub brain: BrainHandle,
    pub store: Arc<SqliteStore>,
    pub settings: Value,
    pub epoch: u64,
    tables: Vec<ReportedTable>,
    dir: TempDir,
}

/// A platform for tests: one account, no delay.
pub fn platform() -> BrainConfig {
    BrainConfig { accounts: vec![Account::sandbox(SCHOOL)], ..BrainConfig::default() }
}

impl World {
    pub async fn new(names: &[&str], brain: BrainConfig) -> Self {
        Self::of("gaozhi-2024.09", names, brain).await
    }

    /// By the machine's own clock, for upstreams that tell of things by themselves.
    pub async fn live(names: &[&str], brain: BrainConfig) -> Self {
        Self::on("gaozhi-2024.09", names, brain, Arc::new(SystemClock)).await
    }

    /// The same by another edition.
    pub async fn of(edition: &str, names: &[&str], brain: BrainConfig) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let mut world = Self::on(edition, names, brain, Arc::clone(&clock) as Arc<dyn Clock>).await;
        world.clock = clock;
        world
    }

    async fn on(edition: &str, names: &[&str], brain: BrainConfig, time: Arc<dyn Clock>) -> Self {
        let standard = Standard::load(&EditionId::new(edition), None).unwrap();
        let judge = Arc::new(AnyRow(Arc::clone(&standard)));
        let brain = Brain::start_with(brain, Arc::new(Shared(Arc::clone(&time))), judge).await.unwrap();
        let dir = TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path(), SqliteOptions::default()).await.unwrap());
        let mut tables = Vec::new();
        for name in names {
            let plan = Arc::clone(standard.find(name).unwrap());
            let indexed = indexed(&standard, &plan);
            let spec = FeedSpec { plan: Arc::clone(&plan), indexed, key_digest: [1; 16] };
            tables.push(ReportedTable { feed: store.open_feed(&spec).await.unwrap(), plan });
        }
        let settings = json!({
            "kind": "digital_base",
            "base_url": brain.url(),
            "username": format!("school-{SCHOOL}"),
            "password": "sandbox-password",
            "plain_http": {"by": "test", "date": "2026-11-22", "reason": "loopback"},
            "login": {"style": "plain"},
            "rows": {"batch_rows": 4, "seal": {"*": {"method": "sm3"}}},
            "query": {"limit": 3},
            "delivery": {"ramp": "open", "scope": "all", "verdict_delay": "1s", "retry_first": "100ms"}
        });
        let clock = Arc::new(ManualClock::new(START));
        Self { clock, time, brain, store, settings, epoch: 1, tables, dir }
    }

    /// Sets one setting, by pointer.
    pub fn set(&mut self, pointer: &str, value: Value) {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = if parent.is_empty() { &mut self.settings } else { self.settings.pointer_mut(parent).unwrap() };
        parent[name] = value;
    }

    pub fn feed(&self, name: &str) -> FeedId {
        self.tables.iter().find(|t| &*t.plan.name == name).unwrap().feed
    }

    pub fn plan(&self, name: &str) -> Arc<TablePlan> {
        Arc::clone(&self.tables.iter().find(|t| &*t.plan.name == name).unwrap().plan)
    }

    /// Lands rows `range` of a table. Key fields get a text of their own; `with` gives further fields.
    pub async fn land(&self, name: &str, range: std::ops::Range<u32>, with: &[(&str, &dyn Fn(u32) -> String)]) {
        self.land_run(name, range, with, false).await;
    }

    /// The same as a complete read: what stood and does not come is gone.
    pub async fn land_whole(&self, name: &str, range: std::ops::Range<u32>, with: &[(&str, &dyn Fn(u32) -> String)]) {
        self.land_run(name, range, with, true).await;
    }

    async fn land_run(&self, name: &str, range: std::ops::Range<u32>, with: &[(&str, &dyn Fn(u32) -> String)], complete: bool) {
        let plan = self.plan(name);
        let spec = KeySpec {
            key: plan.key.clone(),
            namespace: Namespace { name: SCHOOL.into(), secret: Arc::from(*b"secret") },
            system: "S1".into(),
        };
        let parts = if plan.key.parts.is_empty() { &plan.key.preferred } else { &plan.key.parts };
        let keys: Vec<FieldIdx> = parts
            .iter()
            .filter_map(|p| match p {
                KeyPart::Field(f) | KeyPart::Date(f) | KeyPart::SchoolYear(f) => Some(*f),
                KeyPart::SourceId => None,
            })
            .collect();
        let mut builder = BatchBuilder::new(Arc::clone(&plan), range.len());
        for i in range {
            builder.begin_row(i as usize);
            for (idx, field) in plan.indexed() {
                let number = !matches!(field.ty, FieldType::Text(_));
                match with.iter().find(|(f, _)| *f == &*field.name) {
                    Some((_, value)) => builder.push_text(&value(i)),
                    None if keys.contains(&idx) && number => builder.push_number(&i.to_string()),
                    None if keys.contains(&idx) => builder.push_text(&format!("2026{i:04}")),
                    None => builder.push_null(),
                }
            }
            let id = format!("{i}");
            assert!(builder.seal_row(&spec, Some(&id), None), "row {i} of {name} has no key");
        }
        let raw = |row: u32| {
            let place = Place::Row(u64::from(row) + 1);
            ("{}".to_owned(), Locator { source: "test".into(), object: name.into(), place })
        };
        let (accepted, rejected) = judge(builder.finish(), &Findings::default(), &|r| raw(r.index() as u32));
        let at = self.time.now();
        let new = NewRun { source: "test".into(), feed: self.feed(name), mapping_digest: [2; 16], at };
        let run = self.store.begin_run(&new).await.unwrap().run;
        let batch = LandingBatch {
            read: (accepted.rows().len() + rejected.len()) as u64,
            accepted: &accepted,
            rejected: &rejected,
            filtered: 0,
            consumed: 0,
            settled: false,
            position: &Position(Vec::new()),
            raw: &raw,
            name: &|_| None,
            at,
        };
        self.store.land(run, &batch).await.unwrap();
        self.store.finish_run(run, &RunEnd::new(complete, at)).await.unwrap();
    }

    pub async fn reporter(&self) -> Reporter {
        let mut config = Config::default();
        config.upstreams.insert("moe".into(), UpstreamConfig::from_value(&self.settings).unwrap());
        let parts = Parts {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            tables: self.tables.clone(),
            clock: Arc::clone(&self.time),
            dice: Arc::new(SeededDice::new(7)),
            base: self.dir.path().to_owned(),
            identity: std::sync::Arc::new(xiaoshu::report::Identity {
                school: SCHOOL.into(),
                instance: "0".repeat(32).into(),
                epoch: self.epoch,
                edition: "gaozhi-2024.09".into(),
                standard_digest: "".into(),
            }),
            handle: Default::default(),
            lease: None,
        };
        Reporter::open(&config, parts).await.unwrap()
    }

    pub async fn stock(&self, name: &str) -> Stock {
        self.store.stock().await.unwrap().into_iter().find(|s| s.table == name).unwrap().stock
    }

    /// How many counters disagree with what the store holds.
    pub async fn store_audit(&self) -> usize {
        self.store.audit().await.unwrap().len()
    }

    /// The promises that hold after every test: counters agree with rows, and no write changed a thing twice.
    pub async fn balanced(&self) {
        assert_eq!(self.store.audit().await.unwrap(), []);
        for row in self.store.stock().await.unwrap() {
            assert!(row.stock.balances(), "{}: {:?}", row.table, row.stock);
        }
        let effects = self.brain.effects(None).await.unwrap();
        let mut seen = std::collections::HashSet::new();
        for effect in &effects {
            // A deletion bears the content that it ends.
            let deletes = effect.operation == xiaoshu::brain::Operation::Delete;
            let once = seen.insert((effect.table.clone(), effect.key.clone(), effect.digest.clone(), deletes));
            assert!(once, "{} {} was written twice", effect.table, effect.key);
        }
    }
}

/// Fields that others refer to, and the record key.
fn indexed(standard: &Standard, plan: &TablePlan) -> Vec<FieldIdx> {
    let mut out: Vec<FieldIdx> = standard
        .tables()
        .iter()
        .flat_map(|t| t.fields.iter())
        .filter_map(|f| f.reference.as_ref())
        .flat_map(|r| r.targets.iter())
        .filter(|t| t.table == plan.id)
        .map(|t| t.field)
        .collect();
    out.extend(plan.roles.record_key);
    out.sort();
    out.dedup();
    out
}
