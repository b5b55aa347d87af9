//! Whole runs: CSV → normalize → validate → landed, measured as processes of their own.
//!
//! `cargo bench --bench collect -- [ROWS]` (default 1,000,000) writes a CSV of the widest table of an edition, once in key
//! order and once shuffled, reads both into fresh stores, and reads the first again unchanged. Wall time, CPU and peak
//! memory are those that the system accounts to the hub's process.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xiaoshu::standard::{EditionId, FieldPlan, FieldType, Format, KeyPart, Length, Standard, TablePlan};

const EDITION: &str = "gaozhi-2024.09";
const CODE: &str = "4199099997";

fn main() {
    let rows: u64 = std::env::args().filter_map(|a| a.replace('_', "").parse().ok()).next().unwrap_or(1_000_000);
    let standard = Standard::load(&EditionId::new(EDITION), None).expect("the edition");
    let plan = standard.tables().iter().filter(|t| !t.edition.is_core()).max_by_key(|t| t.fields.len()).expect("a table");
    let dir = tempfile::tempdir().expect("a folder");
    println!("{} rows of {} fields", rows, plan.fields.len());
    println!("{:<28} {:>9} {:>12} {:>12} {:>10}", "run", "wall s", "rows/s", "CPU µs/row", "peak MiB");
    for (name, shuffled) in [("first load, key order", false), ("first load, random order", true)] {
        let place = dir.path().join(if shuffled { "shuffled" } else { "ordered" });
        let bytes = furnish(&place, plan, rows, shuffled);
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

fn cpu_of(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // The kernel counts in hundredths of a second on every Linux that this runs on.
    Some(Duration::from_millis(ticks * 10))
}

fn peak_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

/// Writes settings, mapping and CSV; returns the CSV's size.
fn furnish(place: &Path, plan: &TablePlan, rows: u64, shuffled: bool) -> u64 {
    std::fs::create_dir_all(place.join("mappings")).expect("made");
    let settings = format!(
        "[school]\ncode = \"{CODE}\"\nname = \"测试职业技术学院\"\nedition = \"{EDITION}\"\n\n[sources.s]\nkind = \"csv\"\npath = \".\"\nsettle = 0\nsystem = \"S\"\n"
    );
    std::fs::write(place.join("xiaoshu.toml"), settings).expect("written");
    let roles = &plan.roles;
    let own = [roles.record_key, roles.school_code, roles.collected_at];
    let fields: Vec<&FieldPlan> = plan.indexed().filter(|(idx, _)| !own.contains(&Some(*idx))).map(|(_, field)| field).collect();
    let mut mapping =
        format!("table = \"{}\"\nsource = \"s\"\nmode = \"file\"\nread.object = \"rows.csv\"\n[fields]\n", plan.name);
    for field in &fields {
        let _ = writeln!(mapping, "{0} = \"{0}\"", field.name);
    }
    std::fs::write(place.join("mappings").join("rows.toml"), mapping).expect("written");
    let key = plan.key.parts.iter().find_map(|part| match part {
        KeyPart::Field(field) => {
            Some(plan.field(*field)).filter(|f| matches!(f.ty, FieldType::Text(Format::Free)) && f.code_set.is_none())
        }
        _ => None,
    });
    let key = key.map(|field| field.name.clone()).expect("a text among the key's parts");
    let file = std::fs::File::create(place.join("rows.csv")).expect("created");
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let names: Vec<&str> = fields.iter().map(|f| &*f.name).collect();
    writeln!(out, "{}", names.join(",")).expect("written");
    let values: Vec<Option<String>> = fields.iter().map(|f| (f.name != key).then(|| value(f))).collect();
    let mut line = String::new();
    for i in 0..rows {
        // An odd step walks every residue once when the modulus is prime to it.
        let number = if shuffled { (i * 7_919 + 13) % rows } else { i };
        line.clear();
        for (at, value) in values.iter().enumerate() {
            if at > 0 {
                line.push(',');
            }
            match value {
                Some(value) => line.push_str(value),
                None => {
                    let _ = write!(line, "K{number:010}");
                }
            }
        }
        writeln!(out, "{line}").expect("written");
    }
    out.flush().expect("written");
    std::fs::metadata(place.join("rows.csv")).expect("a file").len()
}

/// How many characters a field takes.
fn room(field: &FieldPlan) -> usize {
    match field.length {
        Length::AtMost(most) | Length::Doubtful(most) => most as usize,
        Length::Open => usize::MAX,
    }
}

/// A valid value of a field.
fn value(field: &FieldPlan) -> String {
    if let Some(set) = &field.code_set {
        return set.codes().first().map(|code| code.code.to_string()).unwrap_or_default();
    }
    match field.ty {
        FieldType::Integer { .. } => "12".to_owned(),
        FieldType::Decimal { scale, .. } => {
            if scale == 0 {
                "9".to_owned()
            } else {
                "9.5".to_owned()
            }
        }
        FieldType::Text(format) => match format {
            Format::Uid32 => "A".repeat(32),
            Format::Digits10 => CODE.to_owned(),
            Format::CreditCode => "12440300123456788T".to_owned(),
            Format::ResidentId => String::new(),
            Format::Date => "2024-09-02".to_owned(),
            Format::Month => "202409".to_owned(),
            Format::Year => "2024".to_owned(),
            Format::SchoolYear | Format::SchoolYearWord => "2024-2025".to_owned(),
            Format::YearSerial => "202401".to_owned(),
            Format::DateTime => "2024-09-02 10:30:00".to_owned(),
            Format::Time => "103000".to_owned(),
            Format::Periods => "1-2".to_owned(),
            Format::Url => "https://example.invalid/a".to_owned(),
            Format::Json => "{}".to_owned(),
            Format::Free => "实习岗位说明文字".chars().take(room(field)).collect(),
        },
    }
}
