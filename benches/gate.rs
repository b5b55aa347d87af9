//! The whole way: CSV → normalize → validate → landed (SQLite, FULL) → delivered over gRPC with mutual TLS, hub and receiver as
//! processes of their own, beside what a bare client does with the same records over the same channel.
//!
//! `cargo bench --bench gate -- [ROWS] [shuffled]` (default 200,000 in key order). The receiver acknowledges each batch and does nothing
//! else. The hub runs as a service, so that rows are delivered while others are read; it is stopped when the last one is acknowledged.
//! `cargo bench --bench gate -- restart [ROWS]`: the same rows landed with nobody to take them; then the time from the start of the hub
//! to the first record that the receiver gets, and the hub's memory.

mod csv;
mod receiver;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use receiver::Receiver;
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{DeliveryStore, FeedRow, Lane, RampStep, ReadModels};
use xiaoshu::wire::smartbrain::v1::{Batch, Op, Record};

const BATCH: usize = 2_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let number = words.iter().find_map(|w| w.replace('_', "").parse::<u64>().ok()).unwrap_or(200_000);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match words.first().map(String::as_str) {
        Some("receive") => runtime.block_on(receiver::receive(Path::new(&words[1]))),
        Some("restart") => restart(number),
        _ => gate(&runtime, number, words.iter().any(|w| w == "shuffled")),
    }
}

/// The settings of an upstream that takes everything at once.
fn upstream(url: &str, certificates: &Path) -> String {
    let path = |name: &str| certificates.join(name).display().to_string();
    format!(
        "[upstreams.gate]\nkind = \"grpc\"\nurl = \"{url}\"\ntoken = {{ env = \"GATE_TOKEN\" }}\nmax_unsettled_records = 20000\n\
         rows.batch_rows = {BATCH}\ntls = {{ ca = \"{}\", cert = \"{}\", key = \"{}\", domain = \"platform.example\" }}\n\
         delivery = {{ ramp = \"open\", scope = \"all\", poll = \"100ms\" }}\n",
        path("ca.pem"),
        path("hub.pem"),
        path("hub.key"),
    )
}

/// The hub, ended as a service manager would.
struct Hub(Child);

impl Hub {
    fn start(place: &Path, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
        let command = command.arg("run").args(words).arg("--settings").arg(place.join("xiaoshu.toml"));
        let command = command.env("GATE_TOKEN", "0123456789abcdef");
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started"))
    }

    /// Ends the measurement when the hub has ended: the receiver would wait for ever.
    fn must_run(&mut self) {
        let ended = self.0.try_wait().expect("its state");
        assert!(ended.is_none(), "the hub ended: {ended:?}; run `xiaoshu check` on its settings");
    }

    fn cpu(&self) -> f64 {
        csv::cpu_of(self.0.id()).expect("the hub runs").as_secs_f64()
    }

    fn peak_mib(&self) -> f64 {
        csv::peak_of(self.0.id()).unwrap_or_default() as f64 / 1024.0
    }

    fn stop(mut self) {
        let asked = Command::new("kill").arg(self.0.id().to_string()).status().expect("kill");
        assert!(asked.success());
        let _ = self.0.wait();
    }
}

fn gate(runtime: &tokio::runtime::Runtime, rows: u64, shuffled: bool) {
    let plan = csv::widest();
    let dir = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| "target".into())).expect("a folder");
    let mut receiver = Receiver::start(dir.path());
    let place = dir.path().join("school");
    let bytes = csv::furnish(&place, &plan, rows, shuffled, &upstream(&receiver.url, dir.path()));
    println!(
        "{rows} rows of {} fields, {:.0} bytes each in the file{}",
        plan.fields.len(),
        bytes as f64 / rows as f64,
        if shuffled { ", random order" } else { "" }
    );
    println!("{:<34} {:>8} {:>11} {:>14} {:>16} {:>10}", "run", "wall s", "records/s", "sender µs", "receiver µs", "peak MiB");
    let theirs = receiver.cpu();
    let began = Instant::now();
    let mut hub = Hub::start(&place, &[]);
    receiver.until(rows, || hub.must_run());
    let (wall, cpu, peak) = (began.elapsed(), hub.cpu(), hub.peak_mib());
    show("CSV to acknowledged, mTLS", rows, wall, cpu, receiver.cpu() - theirs, peak);
    hub.stop();
    let messages = runtime.block_on(messages(&place.join("data")));
    let most = messages.iter().map(|b| b.records.len() as u64).sum::<u64>();
    let theirs = receiver.cpu();
    let own = csv::cpu_of(std::process::id()).expect("we run").as_secs_f64();
    let began = Instant::now();
    runtime.block_on(receiver::bare(&receiver.url, dir.path(), messages));
    receiver.until(rows + most, || ());
    let ceiling = began.elapsed();
    let own = csv::cpu_of(std::process::id()).expect("we run").as_secs_f64() - own;
    show("bare client, mTLS (ceiling)", most, ceiling, own, receiver.cpu() - theirs, 0.0);
    let speed = |rows: u64, wall: Duration| rows as f64 / wall.as_secs_f64();
    println!("of the ceiling's speed: {:.2}", speed(rows, wall) / speed(most, ceiling));
}

fn show(name: &str, rows: u64, wall: Duration, sender: f64, receiver: f64, peak: f64) {
    let each = |seconds: f64| seconds * 1e6 / rows as f64;
    let wall = wall.as_secs_f64();
    println!("{name:<34} {wall:>8.2} {:>11.0} {:>14.2} {:>16.2} {peak:>10.0}", rows as f64 / wall, each(sender), each(receiver));
}

/// The records that the hub has landed as batches of its size, at most 200,000 of them.
async fn messages(data: &Path) -> Vec<Batch> {
    let store = Arc::new(SqliteStore::open(data, SqliteOptions::default()).await.expect("the hub's store"));
    let upstream = store.open_upstream("ceiling").await.expect("an upstream");
    let mut out = Vec::new();
    for row in store.table_rows().await.expect("tables") {
        store.attach(upstream, row.feed, RampStep::Open).await.expect("attached");
        let pending = store.pending(upstream, row.feed, Lane::Live, 200_000, u64::MAX >> 2, i64::MAX).await.expect("rows");
        for rows in pending.chunks(BATCH) {
            let record = |r: &FeedRow| Record {
                key: r.record_key.to_string(),
                seq: r.seq,
                op: Op::Upsert.into(),
                hash: r.hash.0.to_vec().into(),
                payload: r.payload.clone().into(),
            };
            let (id, records) = (out.len() as u64 + 1, rows.iter().map(record).collect());
            out.push(Batch { id, table: row.table.clone(), edition: csv::EDITION.to_owned(), records });
        }
    }
    out
}

fn restart(rows: u64) {
    let plan = csv::widest();
    let dir = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| "target".into())).expect("a folder");
    let mut receiver = Receiver::start(dir.path());
    let place = dir.path().join("school");
    csv::furnish(&place, &plan, rows, false, &upstream(&receiver.url, dir.path()));
    let mut landing = Hub::start(&place, &["--once", "--only", "collect"]);
    assert!(landing.0.wait().expect("the hub").success(), "landed");
    println!("{rows} rows landed, none of them delivered");
    let began = Instant::now();
    let mut hub = Hub::start(&place, &["--only", "report"]);
    receiver.until(1, || hub.must_run());
    println!("start to the first record received: {:.2} s, {:.2} s of CPU", began.elapsed().as_secs_f64(), hub.cpu());
    receiver.until(rows, || hub.must_run());
    let (wall, cpu) = (began.elapsed(), hub.cpu());
    show("delivery alone, mTLS", rows, wall, cpu, 0.0, hub.peak_mib());
    hub.stop();
}
