//! The Excel connector against the library that it reads with, in one run on one machine.
//!
//! `cargo bench --bench excel -- [ROWS] [COLUMNS]`, 200,000 and 60 when left out. Both read the same workbook, each time in
//! a process of its own, taking turns; what counts is CPU time, the best of three, and the peak of memory.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use calamine::{DataRef, Reader, Xlsx};
use xiaoshu::source::{Begin, ReadSpec, SourcePlace, connector};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const TURNS: usize = 3;
const TEXTS: usize = 20_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("library") => report(library(Path::new(&arguments[1]))),
        Some("connector") => report(through_connector(Path::new(&arguments[1]))),
        _ => compare(number(&arguments, 0, 200_000), number(&arguments, 1, 60)),
    }
}

fn number(arguments: &[String], at: usize, otherwise: usize) -> usize {
    arguments.get(at).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn compare(rows: usize, columns: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("wide.xlsx");
    write(&file, rows, columns).expect("written");
    let size = std::fs::metadata(&file).expect("there").len() >> 20;
    println!("{rows} rows of {columns} columns, {size} MiB packed");
    println!("{:<12}{:>10}{:>14}{:>12}", "", "CPU s", "µs a row", "peak MiB");
    let mut best = [(f64::MAX, 0); 2];
    for _ in 0..TURNS {
        for (at, mode) in ["library", "connector"].iter().enumerate() {
            let (cells, cpu, peak) = child(mode, &file);
            assert_eq!(cells, (rows * columns) as u64, "{mode} lost cells");
            best[at] = (best[at].0.min(cpu), best[at].1.max(peak));
        }
    }
    for (mode, (cpu, peak)) in ["library", "connector"].iter().zip(best) {
        println!("{mode:<12}{cpu:>10.2}{:>14.1}{:>12}", cpu * 1e6 / rows as f64, peak >> 10);
    }
    println!("ratio {:.2}", best[1].0 / best[0].0);
}

fn child(mode: &str, file: &Path) -> (u64, f64, u64) {
    let program = std::env::current_exe().expect("itself");
    let output = Command::new(program).arg(mode).arg(file).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let mut words = text.split_whitespace();
    let mut next = || words.next().expect("three numbers");
    (next().parse().expect("cells"), next().parse().expect("seconds"), next().parse().expect("KiB"))
}

/// Cells read, CPU seconds of this process, its peak of memory in KiB.
fn report(cells: u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let behind = stat.rsplit(')').next().expect("fields");
    let ticks: u64 = behind.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("ticks")).sum();
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    println!("{cells} {} {}", ticks as f64 / 100.0, peak.split_whitespace().next().expect("KiB"));
}

fn library(file: &Path) -> u64 {
    let mut book: Xlsx<_> = Xlsx::new(BufReader::new(File::open(file).expect("opens"))).expect("a workbook");
    let mut cells = book.worksheet_cells_reader("s").expect("a sheet");
    let mut count = 0;
    let mut rows = 0;
    while let Some(cell) = cells.next_cell().expect("reads") {
        count += u64::from(*cell.get_value() != DataRef::Empty);
        rows = rows.max(cell.get_position().0);
    }
    // The header is none of the rows.
    count - count / u64::from(rows + 1)
}

fn through_connector(file: &Path) -> u64 {
    let name: Arc<str> = "bench".into();
    let settings = serde_json::json!({ "kind": "excel", "path": file, "settle": 0 });
    let place = SourcePlace { name: &name, settings: &settings, base: Path::new("/") };
    let excel = connector("excel").expect("registered");
    let mut source = excel.open(&place, &ReadSpec::default(), Begin::AFRESH).expect("opens");
    let mut count = 0;
    while let Some(batch) = source.next_batch(1_000).expect("reads") {
        for row in 0..batch.len() {
            count += (0..batch.columns().len()).filter(|column| batch.cell(row, *column).is_some()).count() as u64;
        }
    }
    count
}

/// A workbook as exports are: of each four columns two texts that are shared, a number and a date.
fn write(file: &Path, rows: usize, columns: usize) -> std::io::Result<()> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let mut zip = ZipWriter::new(BufWriter::new(File::create(file)?));
    let options = SimpleFileOptions::default().large_file(true).compression_level(Some(1));
    let mut part = |name: &str, write: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>| {
        zip.start_file(name, options).map_err(std::io::Error::other)?;
        let mut out = BufWriter::new(&mut zip);
        write(&mut out)?;
        out.flush()
    };
    part("[Content_Types].xml", &mut |out| {
        write!(out, "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"></Types>")
    })?;
    part("_rels/.rels", &mut |out| {
        write!(
            out,
            "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{RELS}/officeDocument\" Target=\"xl/workbook.xml\"></Relationship></Relationships>"
        )
    })?;
    part("xl/workbook.xml", &mut |out| {
        write!(
            out,
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELS}\"><sheets><sheet name=\"s\" sheetId=\"1\" r:id=\"r1\"></sheet></sheets></workbook>"
        )
    })?;
    part("xl/_rels/workbook.xml.rels", &mut |out| {
        write!(
            out,
            "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{RELS}/worksheet\" Target=\"worksheets/sheet1.xml\"></Relationship></Relationships>"
        )
    })?;
    part("xl/styles.xml", &mut |out| {
        write!(
            out,
            "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"></xf><xf numFmtId=\"14\"></xf></cellXfs></styleSheet>"
        )
    })?;
    part("xl/sharedStrings.xml", &mut |out| {
        write!(out, "<sst xmlns=\"{MAIN}\">")?;
        (0..TEXTS).try_for_each(|n| write!(out, "<si><t>信息工程学院{n}</t></si>"))?;
        write!(out, "</sst>")
    })?;
    part("xl/worksheets/sheet1.xml", &mut |out| {
        write!(out, "<worksheet xmlns=\"{MAIN}\"><sheetData><row r=\"1\">")?;
        for column in 0..columns {
            write!(out, "<c r=\"{}1\" t=\"inlineStr\"><is><t>列{column}</t></is></c>", letters(column))?;
        }
        for row in 2..rows + 2 {
            write!(out, "</row><row r=\"{row}\">")?;
            for column in 0..columns {
                let (at, n) = (letters(column), row * 31 + column);
                match column % 4 {
                    0 => write!(out, "<c r=\"{at}{row}\"><v>{}</v></c>", 2_024_000_000 + n)?,
                    3 => write!(out, "<c r=\"{at}{row}\" s=\"1\"><v>{}</v></c>", 36_526 + n % 9_000)?,
                    _ => write!(out, "<c r=\"{at}{row}\" t=\"s\"><v>{}</v></c>", n % TEXTS)?,
                }
            }
        }
        write!(out, "</row></sheetData></worksheet>")
    })?;
    zip.finish().map_err(std::io::Error::other)?.flush()
}

fn letters(column: usize) -> String {
    let last = char::from(b'A' + (column % 26) as u8);
    if column < 26 { last.to_string() } else { format!("{}{last}", letters(column / 26 - 1)) }
}
