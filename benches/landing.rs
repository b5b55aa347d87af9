//! Landing alone: records of about 480 bytes through `land`, in key order and in random order, and an unchanged reload.
//!
//! `cargo bench --bench landing -- [rows] [batch]`; 200,000 rows in batches of 1,000 unless said otherwise. Prints wall
//! time and CPU time (user and system, of the whole process) a record, and the peak of resident memory. Preparing a
//! batch is not counted. With `postgres` among the arguments the store is in PostgreSQL, in a schema of its own of the database that
//! XIAOSHU_TEST_POSTGRES_URL names (`tests/run.sh --servers` sets it); the CPU time of the server is then not in the figures.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use xiaoshu::finding::{Findings, Locator, Place};
use xiaoshu::record::{BatchBuilder, KeySpec, Namespace};
use xiaoshu::source::Position;
use xiaoshu::standard::{
    Domain, EditionId, FieldIdx, FieldPlan, FieldType, Format, Frequency, KeyPart, Kind, Length, NaturalKey, Required, Roles,
    Scope, Sensitivity, TableId, TablePlan,
};
use xiaoshu::store::postgres::{PostgresOptions, PostgresStore};
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{FeedSpec, LandingBatch, LeaseTerms, Leased, NewRun, RunEnd, Store};
use xiaoshu::validate::{Accepted, judge};

const FIELDS: usize = 41;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<usize>().ok());
    let rows = numbers.next().unwrap_or(200_000);
    let batch = numbers.next().unwrap_or(1_000).max(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut order: Vec<usize> = (0..rows).collect();
    let postgres = std::env::args().any(|a| a == "postgres");
    println!("{rows} rows in batches of {batch}{}", if postgres { ", PostgreSQL" } else { "" });
    runtime.block_on(load("key order", &order, batch, postgres))?;
    order.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(7));
    runtime.block_on(load("random order", &order, batch, postgres))?;
    Ok(())
}

/// A first load and an unchanged reload into a fresh store.
async fn load(label: &str, order: &[usize], batch: usize, postgres: bool) -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| "target".into()))?;
    let store: Arc<dyn Store> = if postgres {
        let schema = format!("bench_{}_{}", std::process::id(), label.replace(' ', "_"));
        let url = std::env::var("XIAOSHU_TEST_POSTGRES_URL")?;
        Arc::new(PostgresStore::open(PostgresOptions { schema, ..PostgresOptions::new(url) }).await?)
    } else {
        Arc::new(SqliteStore::open(dir.path(), SqliteOptions::default()).await?)
    };
    let terms = LeaseTerms { ttl: Duration::from_secs(3600), grace: Duration::ZERO };
    store.acquire(&Leased::Stream("bench".into()), terms).await?;
    let plan = plan();
    let feed = store.open_feed(&FeedSpec { plan: Arc::clone(&plan), indexed: Vec::new(), key_digest: [0; 16] }).await?;
    for (what, at) in [("first load", 1), ("unchanged reload", 2)] {
        let run = store.begin_run(&NewRun { source: "bench".into(), feed, mapping_digest: [0; 16], at }).await?.run;
        let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
        for (i, rows) in order.chunks(batch).enumerate() {
            let accepted = accepted(&plan, rows);
            let position = Position((i as u64).to_be_bytes().to_vec());
            let raw = |_: u32| (String::new(), locator(0));
            let landing = LandingBatch {
                read: rows.len() as u64,
                accepted: &accepted,
                rejected: &[],
                filtered: 0,
                consumed: 0,
                settled: false,
                position: &position,
                raw: &raw,
                name: &|_| None,
                at,
            };
            let (begun, spent) = (Instant::now(), cpu_time());
            store.land(run, &landing).await?;
            wall += begun.elapsed();
            cpu += cpu_time() - spent;
        }
        let (begun, spent) = (Instant::now(), cpu_time());
        let summary = store.finish_run(run, &RunEnd::new(true, at)).await?;
        let (end_wall, end_cpu) = (begun.elapsed(), cpu_time() - spent);
        let each = |d: Duration| d.as_secs_f64() * 1e6 / order.len() as f64;
        println!(
            "{label:>12}, {what:<16}: {:6.2} µs wall, {:6.2} µs CPU a record, {:>9.0} records/s; end of run {:.0} ms wall, {:.0} ms CPU; \
             changed {}, unchanged {}; peak {} MiB",
            each(wall),
            each(cpu),
            order.len() as f64 / wall.as_secs_f64(),
            end_wall.as_secs_f64() * 1e3,
            end_cpu.as_secs_f64() * 1e3,
            summary.landed.changed,
            summary.landed.unchanged,
            peak_mib(),
        );
    }
    drop(store);
    Ok(())
}

fn plan() -> Arc<TablePlan> {
    let fields: Box<[FieldPlan]> = (0..FIELDS)
        .map(|i| FieldPlan {
            name: format!("F{i:02}").into(),
            label: format!("项{i:02}").into(),
            item_code: "".into(),
            ty: FieldType::Text(Format::Free),
            length: Length::Open,
            required: Required::Optional,
            code_set: None,
            separator: None,
            reference: None,
            number: None,
            sensitivity: Sensitivity::None,
            sealed: false,
            unit: "".into(),
        })
        .collect();
    let by_name: HashMap<Arc<str>, FieldIdx> =
        fields.iter().enumerate().map(|(i, f)| (Arc::clone(&f.name), FieldIdx(i as u16))).collect();
    Arc::new(TablePlan {
        id: TableId(0),
        edition: EditionId::new("bench"),
        name: "B_STUDENT".into(),
        label_zh: "".into(),
        label_en: "".into(),
        domain: Domain::Student,
        kind: Kind::State,
        frequency: Frequency::Day,
        scope: Scope::All,
        anonymous: false,
        fields,
        key: NaturalKey { preferred: Box::default(), parts: [KeyPart::Field(FieldIdx(1))].into() },
        roles: Roles { record_key: Some(FieldIdx(0)), ..Roles::default() },
        orders: Box::default(),
        person: None,
        by_name,
        part: None,
    })
}

fn locator(row: u64) -> Locator {
    Locator { source: "bench".into(), object: "rows".into(), place: Place::Row(row) }
}

fn accepted(plan: &Arc<TablePlan>, rows: &[usize]) -> Accepted {
    let keys = KeySpec {
        key: plan.key.clone(),
        namespace: Namespace { name: "4111010001".into(), secret: Arc::from(&b"s"[..]) },
        system: "".into(),
    };
    let mut builder = BatchBuilder::new(Arc::clone(plan), rows.len());
    for (i, row) in rows.iter().enumerate() {
        builder.begin_row(i);
        builder.push_null();
        builder.push_text(&format!("G2024{row:014}"));
        for field in 2..FIELDS {
            match field % 6 {
                0 => builder.push_null(),
                1 => builder.push_text("汉"),
                2 => builder.push_text(&format!("2024{:04}", (row * 31 + field) % 10_000)),
                3 => builder.push_text("河南省郑州市金水区"),
                4 => builder.push_text(&format!("{}", row % 7)),
                _ => builder.push_text("ABCDEFGHIJ"),
            }
        }
        builder.seal_row(&keys, None, None);
    }
    let batch = builder.finish();
    judge(batch, &Findings::default(), &|_| (String::new(), locator(0))).0
}

/// CPU time of the whole process, user and system, from /proc (ticks of 10 ms; summed over batches the error averages out).
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let own: u64 = text.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default();
    let others: u64 = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|task| task.file_name().to_str() != Some(&std::process::id().to_string()))
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    Duration::from_nanos(own + others)
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() / 1024
}
