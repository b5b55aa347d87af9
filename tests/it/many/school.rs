//! A simulated school: a store of its own with three tables, and a reporter over it by the machine's own clock. The
//! measurements use it too.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use xiaoshu::brain::{Account, Secret};
use xiaoshu::finding::{Locator, Place};
use xiaoshu::record::{BatchBuilder, KeySpec, Namespace};
use xiaoshu::report::{Clock, Config, Identity, Parts, ReportedTable, Reporter, SystemClock, UpstreamConfig};
use xiaoshu::source::Position;
use xiaoshu::standard::{EditionId, FieldIdx, FieldType, Standard, TablePlan};
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{FeedSpec, Landing, LandingBatch, NewRun, ReadModels, Records, RunEnd, Stock, Store};
use xiaoshu::validate::{Findings, judge};

pub const EDITION: &str = "gaozhi-2024.09";
/// Courses, course projects that refer to them, and rooms.
pub const TABLES: [&str; 3] = ["ODS_KCJBSJ", "ODS_KCJSSJ", "ODS_JSJBSJ"];
/// Rows that land at a time.
const LANDING: usize = 500;

pub struct School {
    pub code: String,
    pub store: Arc<SqliteStore>,
    tables: Vec<ReportedTable>,
    dir: TempDir,
}

impl School {
    /// An empty store, in a folder of its own.
    pub async fn open(code: &str, standard: &Standard, options: SqliteOptions) -> Self {
        let dir = TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path(), options).await.unwrap());
        let mut tables = Vec::new();
        for name in TABLES {
            let plan = Arc::clone(standard.find(name).unwrap());
            let spec = FeedSpec { plan: Arc::clone(&plan), indexed: indexed(standard, &plan), key_digest: [1; 16] };
            tables.push(ReportedTable { feed: store.open_feed(&spec).await.unwrap(), plan });
        }
        Self { code: code.to_owned(), store, tables, dir }
    }

    /// Lands these rows of each table as they stand in `version`: the keys stay, one field of each row differs.
    pub async fn land(&self, rows: Range<u32>, version: u32) {
        for table in &self.tables {
            self.land_one(table, rows.clone(), version).await;
        }
    }

    async fn land_one(&self, table: &ReportedTable, rows: Range<u32>, version: u32) {
        let (plan, at) = (&table.plan, SystemClock.now());
        let spec = KeySpec {
            key: plan.key.clone(),
            namespace: Namespace { name: self.code.as_str().into(), secret: Arc::from(*b"secret") },
            system: "S1".into(),
        };
        let new = NewRun { source: "simulated".into(), feed: table.feed, mapping_digest: [2; 16], at };
        let run = self.store.begin_run(&new).await.unwrap().run;
        let all: Vec<u32> = rows.collect();
        for rows in all.chunks(LANDING) {
            let mut builder = BatchBuilder::new(Arc::clone(plan), rows.len());
            for row in rows {
                builder.begin_row(*row as usize);
                self.fill(plan, *row, version, &mut builder);
                assert!(builder.seal_row(&spec, None, None), "a key");
            }
            let raw = |row: u32| {
                let place = Place::Row(u64::from(row) + 1);
                ("{}".to_owned(), Locator { source: "simulated".into(), object: "rows".into(), place })
            };
            let (accepted, _) = judge(builder.finish(), &Findings::default(), &|r| raw(r.index() as u32));
            let landing = LandingBatch {
                read: rows.len() as u64,
                accepted: &accepted,
                rejected: &[],
                filtered: 0,
                consumed: 0,
                settled: false,
                position: &Position(Vec::new()),
                raw: &raw,
                name: &|_| None,
                at,
            };
            self.store.land(run, &landing).await.unwrap();
        }
        self.store.finish_run(run, &RunEnd::new(false, at)).await.unwrap();
    }

    fn fill(&self, plan: &TablePlan, row: u32, version: u32, builder: &mut BatchBuilder) {
        for (idx, field) in plan.indexed() {
            let value = if Some(idx) == plan.roles.school_code {
                Some(self.code.clone())
            } else if Some(idx) == plan.roles.collected_at {
                Some("20261122 090000".to_owned())
            } else {
                cell(&field.name, row, version)
            };
            match (value, &field.ty) {
                (None, _) => builder.push_null(),
                (Some(value), FieldType::Text(_)) => builder.push_text(&value),
                (Some(value), _) => builder.push_number(&value),
            }
        }
    }

    /// A reporter to these upstreams.
    pub async fn reporter(&self, upstreams: &[(&str, Value)]) -> Reporter {
        let mut config = Config::default();
        for (name, settings) in upstreams {
            config.upstreams.insert((*name).to_owned(), UpstreamConfig::from_value(settings).unwrap());
        }
        let identity = Identity {
            school: self.code.as_str().into(),
            instance: format!("{:0>32}", self.code).into(),
            epoch: 1,
            edition: EDITION.into(),
            standard_digest: "".into(),
        };
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let parts = Parts::new(store, self.tables.clone(), self.dir.path().to_owned(), Arc::new(identity));
        Reporter::open(&config, parts).await.unwrap()
    }

    /// The stock of an upstream, over all tables.
    pub async fn stock(&self, upstream: &str) -> Stock {
        let mut sum = Stock::default();
        for row in self.store.stock().await.unwrap().into_iter().filter(|s| s.upstream_name == upstream) {
            assert!(row.stock.balances(), "{}: {:?}", row.table, row.stock);
            sum.live += row.stock.live;
            sum.stored += row.stock.stored;
            sum.in_flight += row.stock.in_flight;
            sum.waiting += row.stock.waiting;
            sum.refused += row.stock.refused;
            sum.unknown += row.stock.unknown;
            for (reason, rows) in row.stock.held {
                *sum.held.entry(reason).or_default() += rows;
            }
        }
        sum
    }

    /// Every record that the store holds, by table and key.
    pub async fn records(&self) -> BTreeMap<(String, String), Value> {
        let mut all = BTreeMap::new();
        for table in &self.tables {
            for row in self.store.changes(table.feed, 0, u32::MAX).await.unwrap() {
                let place = (table.plan.name.to_string(), row.record_key.to_string());
                all.insert(place, serde_json::from_slice(&row.payload).unwrap());
            }
        }
        all
    }

    /// The counters agree with what the store holds.
    pub async fn balances(&self) {
        assert_eq!(self.store.audit().await.unwrap(), []);
    }
}

pub fn standard() -> Arc<Standard> {
    Standard::load(&EditionId::new(EDITION), None).unwrap()
}

/// A school's account, with a token of its own.
pub fn account(code: &str) -> Account {
    Account { token: Some(Secret::new(token(code))), ..Account::sandbox(code) }
}

fn token(code: &str) -> String {
    format!("token-of-{code}")
}

/// An upstream of kind `grpc`, impatient.
pub fn over_grpc(url: &str, code: &str, batch_rows: u32, unsettled: u32) -> Value {
    json!({
        "kind": "grpc",
        "url": url,
        "token": token(code),
        "plain_http": loopback(),
        "max_unsettled_records": unsettled,
        "rows": {"batch_rows": batch_rows},
        "delivery": impatient(),
    })
}

/// Delivery that waits for nothing long.
pub fn impatient() -> Value {
    json!({
        "ramp": "open", "scope": "all", "verdict_delay": "1s", "retry_first": "20ms", "retry_cap": "200ms",
        "retry_mend": "200ms", "poll": "100ms"
    })
}

/// Plain text was accepted.
pub fn loopback() -> Value {
    json!({"by": "test", "date": "2026-11-22", "reason": "loopback"})
}

/// What stands in a field of a row; nothing where the table can do without.
fn cell(field: &str, row: u32, version: u32) -> Option<String> {
    Some(match field {
        "KCH" => format!("K{row:06}"),
        "KCMC" => format!("课程{row}"),
        "JXJHGDKSS" => format!("{}", 16 + row % 64 + version),
        "SJJXKSS" => "8".to_owned(),
        "KCLXM" | "KCSXM" | "KCXZM" | "KCJSLBM" | "JSLXM" => "1".to_owned(),
        "XNFZSXKSS" | "SFKZRTKC" | "SFXQHZKFKC" | "SFYXSKC" | "SFKCSZSFKC" => "0".to_owned(),
        "FZRH" => format!("T{:03}-{version}", row % 40),
        "LXND" => "2024".to_owned(),
        "JSH" => format!("R{row:06}"),
        "JSMC" => format!("教室{row}"),
        "ZWS" => format!("{}", 30 + row % 90 + version),
        _ => return None,
    })
}

/// Fields that others refer to, and the record key.
fn indexed(standard: &Standard, plan: &TablePlan) -> Vec<FieldIdx> {
    let references = standard.tables().iter().flat_map(|t| t.fields.iter()).filter_map(|f| f.reference.as_ref());
    let targets = references.flat_map(|r| r.targets.iter()).filter(|t| t.table == plan.id);
    let mut out: Vec<FieldIdx> = targets.map(|t| t.field).chain(plan.roles.record_key).collect();
    out.sort();
    out.dedup();
    out
}
