//! Files: cut off, emptied, renamed columns, companions that failed, archives and workbooks that end early.

use std::io::{Cursor, Write};

use rust_xlsxwriter::Workbook;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::school::{
    COURSE_COLUMNS, Draw, PROJECT_COLUMNS, ROWS, School, courses, courses_csv, csv, mapping, projects, projects_csv,
};
use crate::hub::school::MAPPINGS;

const FOLDER: &str = "kind = \"csv\"\npath = \"files\"\nsettle = 0";

fn whole(school: &School) {
    school.write("files/courses.csv", courses_csv(0).as_bytes());
    school.write("files/projects.csv", projects_csv().as_bytes());
}

fn of_csv() -> School {
    let school = School::new(FOLDER, ["read.object = \"courses.csv\"", "read.object = \"projects.csv\""]);
    whole(&school);
    school.begin();
    school
}

/// A text in one of the encodings that files come in.
fn encoded(text: &str, how: usize) -> Vec<u8> {
    match how % 4 {
        0 => text.as_bytes().to_vec(),
        1 => ["\u{FEFF}".as_bytes(), text.as_bytes()].concat(),
        2 => encoding_rs::GB18030.encode(text).0.into_owned(),
        _ => "\u{FEFF}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
    }
}

/// The courses, cut off at a byte that is drawn: within the last rows, or anywhere. A file that ends with a row of its own,
/// few rows early, is one out of which these rows were deleted: nobody can tell them apart, so it is cut a byte earlier.
fn cut(seed: u64) -> Vec<u8> {
    let mut draw = Draw::new(seed);
    let text = courses_csv(0);
    let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let from = if draw.below(2) == 0 { lines[ROWS - 3] } else { lines[0] + 1 };
    let chars: Vec<usize> = text.char_indices().map(|(at, _)| at).filter(|at| *at > from).collect();
    let mut at = chars[draw.below(chars.len() - 1)];
    if text[..at].ends_with('\n') {
        at -= 1;
    }
    let how = draw.below(4);
    let mut bytes = encoded(&text[..at], how);
    if draw.below(3) == 0 && !text[..at].ends_with(|c: char| c.is_ascii()) {
        // Within a character.
        bytes.pop();
    }
    bytes
}

#[test]
fn forty_files_that_are_cut_off_delete_nothing() {
    let school = of_csv();
    for seed in 0..40 {
        school.spoilt(&format!("cut {seed}"), |s| s.write("files/courses.csv", &cut(seed)));
    }
    assert!(school.reasons() > 0);
    whole(&school);
    school.collect();
    school.end();
}

#[test]
fn forty_files_that_lack_something_delete_nothing() {
    let school = of_csv();
    for seed in 0..40 {
        let mut draw = Draw::new(1000 + seed);
        let few = draw.few();
        let what = format!("lack {seed}, {few} rows missing");
        let put = |text: &str| text.as_bytes().to_vec();
        let lacking = courses_csv(few);
        let (own, companion): (Vec<u8>, Option<Vec<u8>>) = match seed % 8 {
            0 => (
                put(["", "课程号,课程名称,总学时\n", "\n\n", "课程号,课程名称,总学时"][draw.below(4)]),
                Some(put(&projects_csv())),
            ),
            1 => (
                put(&lacking.replacen("总学时", ["学时", "总课时", "学时\u{3000}"][draw.below(3)], 1)),
                Some(put(&projects_csv())),
            ),
            2 => (put(&lacking.replace('\n', ",新\n").replacen(",新", ",备注", 1)), Some(put(&projects_csv()))),
            3 => (put(&lacking), None),
            4 => (put(&lacking), Some(put(projects_csv().lines().next().expect("a header")))),
            5 => (put(&lacking), Some(vec![0x50, 0x4B, 3, 4, 0, 0])),
            6 => {
                (put(&courses_csv(few).replace(&format!("\nK{:04},", draw.below(ROWS - few)), "\n,")), Some(put(&projects_csv())))
            }
            _ => (put(&courses_csv(4 + draw.below(ROWS - 5))), Some(put(&projects_csv()))),
        };
        let spoil = |s: &School| {
            s.write("files/courses.csv", &own);
            match companion {
                Some(bytes) => s.write("files/projects.csv", &bytes),
                None => std::fs::remove_file(s.path("files/projects.csv")).expect("removed"),
            }
        };
        school.half(&what, spoil, whole);
    }
    school.end();
}

#[test]
fn ten_mappings_that_leave_rows_out_delete_nothing() {
    let school = of_csv();
    let (name, text) = MAPPINGS[0];
    let file = format!("mappings/{name}.toml");
    let plain = mapping(text, "read.object = \"courses.csv\"");
    for seed in 0..10 {
        let mut draw = Draw::new(2000 + seed);
        let left_out: Vec<String> = (0..draw.few()).map(|n| format!("\"K{:04}\"", n * 7 + draw.below(7))).collect();
        let filter = match seed % 2 {
            0 => format!("[[where]]\ncolumn = \"课程号\"\nis_not = [{}]\n", left_out.join(", ")),
            _ => "[[where]]\ncolumn = \"课程号\"\nis = [\"nothing\"]\n".to_owned(),
        };
        let spoil = |s: &School| {
            s.write(&file, format!("{plain}{filter}").as_bytes());
            if seed % 4 == 0 {
                // A second read with the same mapping says no more than the first.
                s.collect();
            }
        };
        school.half(&format!("filter {seed}"), spoil, |s| s.write(&file, plain.as_bytes()));
    }
    school.end();
}

#[test]
fn three_filters_that_come_to_leave_rows_out_delete_nothing() {
    let school = of_csv();
    let (name, text) = MAPPINGS[0];
    let filter = "[[where]]\ncolumn = \"总学时\"\nis_not = [\"999\"]\n";
    let filtered = mapping(text, "read.object = \"courses.csv\"") + filter;
    school.write(&format!("mappings/{name}.toml"), filtered.as_bytes());
    school.collect();
    for few in 1..=3 {
        let mut rows = courses(0..ROWS);
        rows.iter_mut().rev().take(few).for_each(|row| row[2] = "999".to_owned());
        let spoilt = csv(COURSE_COLUMNS, &rows);
        school.half(&format!("{few} left out"), |s| s.write("files/courses.csv", spoilt.as_bytes()), whole);
    }
    school.end();
}

fn workbook<const N: usize>(columns: [&str; N], rows: &[[String; N]]) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, name) in columns.iter().enumerate() {
        sheet.write(0, column as u16, *name).expect("written");
    }
    for (row, cells) in rows.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write(row as u32 + 1, column as u16, cell.as_str()).expect("written");
        }
    }
    book.save_to_buffer().expect("a workbook")
}

fn whole_books(school: &School) {
    school.write("files/courses.xlsx", &workbook(COURSE_COLUMNS, &courses(0..ROWS)));
    school.write("files/projects.xlsx", &workbook(PROJECT_COLUMNS, &projects(0..ROWS)));
}

#[test]
fn fifteen_workbooks_that_are_not_whole_delete_nothing() {
    let source = "kind = \"excel\"\npath = \"files\"\nsettle = 0";
    let school = School::new(source, ["read.object = \"courses.xlsx\"", "read.object = \"projects.xlsx\""]);
    whole_books(&school);
    school.begin();
    for seed in 0..15 {
        let mut draw = Draw::new(3000 + seed);
        let few = draw.few();
        let lacking = workbook(COURSE_COLUMNS, &courses(0..ROWS - few));
        let (own, companion) = match seed % 5 {
            0 => (lacking[..draw.below(lacking.len())].to_vec(), workbook(PROJECT_COLUMNS, &projects(0..ROWS))),
            1 => (workbook(COURSE_COLUMNS, &[]), workbook(PROJECT_COLUMNS, &projects(0..ROWS))),
            2 => (lacking, workbook(PROJECT_COLUMNS, &projects(0..ROWS))[..500 + draw.below(500)].to_vec()),
            3 => (lacking, workbook(PROJECT_COLUMNS, &[])),
            _ => (
                workbook(["课程号", "课程名称", "学时数"], &courses(0..ROWS - few)),
                workbook(PROJECT_COLUMNS, &projects(0..ROWS)),
            ),
        };
        let spoil = |s: &School| {
            s.write("files/courses.xlsx", &own);
            s.write("files/projects.xlsx", &companion);
        };
        school.half(&format!("workbook {seed}, {few} rows missing"), spoil, whole_books);
    }
    school.end();
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a file");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("an archive").into_inner()
}

/// The courses in files of fifteen, and the last three in a file of their own.
fn pieces() -> Vec<(String, String)> {
    let cuts = [0, 15, 30, 45, ROWS - 3, ROWS];
    let piece = |at: &[usize]| (format!("courses{}.csv", at[0]), csv(COURSE_COLUMNS, &courses(at[0]..at[1])));
    cuts.windows(2).map(piece).collect()
}

fn packed(courses: &[(String, String)]) -> Vec<u8> {
    let projects = projects_csv();
    let mut files: Vec<(&str, &str)> = courses.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.push(("projects.csv", &projects));
    archive(&files)
}

#[test]
fn fifteen_archives_that_are_not_whole_delete_nothing() {
    let school = School::new(FOLDER, ["read.object = \"all.zip/courses*.csv\"", "read.object = \"all.zip/projects.csv\""]);
    let mend = |s: &School| s.write("files/all.zip", &packed(&pieces()));
    mend(&school);
    school.begin();
    for seed in 0..15 {
        let mut draw = Draw::new(4000 + seed);
        let mut files = pieces();
        let bytes = match seed % 5 {
            0 => {
                let all = packed(&files);
                all[..draw.below(all.len())].to_vec()
            }
            // The file of three: so few that they would be believed.
            1 => packed(&files[..4]),
            2 => {
                let text = &mut files[4].1;
                text.truncate(text.len() - 1 - draw.below(4));
                packed(&files)
            }
            3 => {
                files[4].1 = "课程号,课程名称,总学时\n".to_owned();
                archive(&files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
            }
            _ => packed(&files[..1 + draw.below(3)]),
        };
        school.half(&format!("archive {seed}"), |s| s.write("files/all.zip", &bytes), mend);
    }
    school.end();
}
