//! Whole runs: CSV → normalize → validate → landed, measured as processes of their own.
//!
//! `cargo bench --bench collect -- [ROWS]` (default 1,000,000) writes a CSV of the widest table of an edition, once in key
//! order and once shuffled, reads both into fresh stores, and reads the first again unchanged. Wall time, CPU and peak
//! memory are those that the system accounts to the hub's process.

mod csv;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use csv::{cpu_of, furnish, peak_of, widest};

fn main() {
    let rows: u64 = std::env::args().filter_map(|a| a.replace('_', "").parse().ok()).next().unwrap_or(1_000_000);
    let plan = widest();
    let dir = tempfile::tempdir().expect("a folder");
    println!("{} rows of {} fields", rows, plan.fields.len());
    println!("{:<28} {:>9} {:>12} {:>12} {:>10}", "run", "wall s", "rows/s", "CPU µs/row", "peak MiB");
    for (name, shuffled) in [("first load, key order", false), ("first load, random order", true)] {
        let place = dir.path().join(if shuffled { "shuffled" } else { "ordered" });
        let bytes = furnish(&place, &plan, rows, shuffled, "");
        if !shuffled {
            println!("{:<28} {:>9.1} bytes a row", "input", bytes as f64 / rows as f64);
        }
        report(name, rows, &measure(&place));
        report(&format!("{name}, again"), rows, &measure(&place));
        std::fs::remove_dir_all(&place).expect("removed");
    }
}

struct Measured {
    wall: Duration,
    cpu: Duration,
    peak_kib: u64,
}

fn report(name: &str, rows: u64, measured: &Measured) {
    let wall = measured.wall.as_secs_f64();
    let (rate, cpu) = (rows as f64 / wall, measured.cpu.as_secs_f64() * 1e6 / rows as f64);
    println!("{name:<28} {wall:>9.2} {rate:>12.0} {cpu:>12.2} {:>10.1}", measured.peak_kib as f64 / 1024.0);
}

/// Runs the hub once over a school; what the system says of the process is read until it ends.
fn measure(place: &Path) -> Measured {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
        .args(["run", "--once", "--only", "collect", "--json", "--settings"])
        .arg(place.join("xiaoshu.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let (mut cpu, mut peak_kib) = (Duration::ZERO, 0);
    let status = loop {
        if let Some(status) = child.try_wait().expect("asked") {
            break status;
        }
        if let Some(seen) = cpu_of(child.id()) {
            cpu = seen;
        }
        peak_kib = peak_of(child.id()).unwrap_or(peak_kib).max(peak_kib);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "the hub ended with {status}");
    Measured { wall: began.elapsed(), cpu, peak_kib }
}
