//! A school with one large CSV file, and what the system says of a process: shared by measurements of whole runs.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use xiaoshu::standard::{EditionId, FieldPlan, FieldType, Format, KeyPart, Length, Standard, TablePlan};

pub const EDITION: &str = "gaozhi-2024.09";
pub const CODE: &str = "4199099997";

/// The widest table of the edition that is reported.
pub fn widest() -> std::sync::Arc<TablePlan> {
    let standard = Standard::load(&EditionId::new(EDITION), None).expect("the edition");
    let tables = standard.tables().iter().filter(|t| !t.edition.is_core());
    std::sync::Arc::clone(tables.max_by_key(|t| t.fields.len()).expect("a table"))
}

/// User and system time of a process so far; `None` once it has ended.
pub fn cpu_of(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    // The kernel counts in hundredths of a second on every Linux that this runs on.
    Some(Duration::from_millis(ticks * 10))
}

/// The most memory that it had resident, in KiB.
pub fn peak_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

/// Writes settings, `more` of them among them, mapping and CSV; returns the CSV's size.
pub fn furnish(place: &Path, plan: &TablePlan, rows: u64, shuffled: bool, more: &str) -> u64 {
    std::fs::create_dir_all(place.join("mappings")).expect("made");
    let settings = format!(
        "[school]\ncode = \"{CODE}\"\nname = \"测试职业技术学院\"\nedition = \"{EDITION}\"\n\n[sources.s]\nkind = \"csv\"\npath = \".\"\nsettle = 0\nsystem = \"S\"\n\n{more}"
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
