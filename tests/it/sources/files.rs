//! What all sources of files promise: folders, patterns, archives, files that come, change and go.

use std::fs::File;
use std::io::{Cursor, Write};
use std::time::{Duration, SystemTime};

use serde_json::json;
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::{Position, ReadSpec, Source, SourceError};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::fixtures::{Fixture, Folder};
use super::{Cell, Configured, drain, some, table};

fn configured<'a>(folder: &'a Folder, files: &str) -> Configured<'a> {
    let mut settings = folder.settings();
    settings["files"] = json!(files);
    Configured { kind: "csv", settings, base: folder.base() }
}

fn cells(text: &str) -> Vec<Vec<Cell>> {
    text.split(' ').filter(|word| !word.is_empty()).map(|word| vec![some(word)]).collect()
}

/// A table of one column and these rows.
fn csv(rows: &str) -> Vec<u8> {
    format!("a\n{}\n", rows.replace(' ', "\n")).into_bytes()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
    bytes
}

/// Sets when a file was changed last, in minutes before now.
fn age(folder: &Folder, name: &str, minutes: u64) {
    let file = File::options().write(true).open(folder.base().join(name)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(minutes * 60)).unwrap();
}

fn failure(result: Result<Box<dyn Source>, SourceError>) -> SourceError {
    match result {
        Ok(_) => panic!("opened what it should have refused"),
        Err(error) => error,
    }
}

#[test]
fn an_archive_is_a_folder() {
    let folder = Folder::new("csv");
    let packed = zip(&[
        ("2024/一/s1.csv", &csv("1 2")),
        ("2024/二/s2.csv", &csv("3")),
        ("2024/二/~$s3.csv", b"lock"),
        ("__MACOSX/2024/一/s1.csv", b"\0"),
        ("readme.md", b"x"),
    ]);
    folder.write("导出1.zip", &packed);
    folder.write("导出2.zip", &zip(&[("t1.csv", &csv("9"))]));
    let configured = configured(&folder, "all");
    let rows = |object: &str| configured.read(&table(object)).rows;
    assert_eq!(rows("导出1.zip/2024/一/s1.csv"), cells("1 2"));
    assert_eq!(rows("导出1.zip/2024/*/s*.csv"), cells("1 2 3"));
    assert_eq!(rows("导出1.zip"), cells("1 2 3"));
    assert_eq!(rows("导出*.zip/t*.csv"), cells("9"));
    assert_eq!(rows("导出*.zip"), cells("1 2 3 9"));
    let objects = configured.with(|place| configured.connector().objects(place)).unwrap();
    assert_eq!(objects, ["导出1.zip/2024/一/s1.csv", "导出1.zip/2024/二/s2.csv", "导出2.zip/t1.csv"]);
    for object in ["导出1.zip/2024/s1.csv", "导出1.zip/../导出2.zip/t1.csv", "../x.csv", "导出1.zip/2024"] {
        assert_eq!(failure(configured.open(&table(object), None)).fault_class(), FaultClass::Configuration, "{object}");
    }
    // The archive itself as the source's path.
    let mut settings = folder.settings();
    settings["path"] = json!("导出1.zip");
    let inside = Configured { settings, ..configured };
    assert_eq!(inside.read(&table("2024/二/s2.csv")).rows, cells("3"));
    assert_eq!(inside.with(|place| inside.connector().objects(place)).unwrap().len(), 2);
}

#[test]
fn names_in_an_archive_may_be_gbk() {
    let folder = Folder::new("csv");
    let (gbk, _, _) = encoding_rs::GB18030.encode("学生表");
    folder.write("t.zip", &replaced(&zip(&[("AAAAAA.csv", &csv("1"))]), b"AAAAAA", &gbk));
    assert_eq!(configured(&folder, "all").read(&table("t.zip/学生表.csv")).rows, cells("1"));
}

#[test]
fn archives_that_cannot_be_unpacked_are_refused_with_what_to_do() {
    let folder = Folder::new("csv");
    let whole = zip(&[("t.csv", &csv("1 2 3"))]);
    // The flag of encryption, in the file's own header and in the directory.
    let central = whole.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let mut locked = whole.clone();
    locked[6] |= 1;
    locked[central + 8] |= 1;
    folder.write("locked.zip", &locked);
    folder.write("bomb.zip", &zip(&[("t.csv", &vec![b'1'; 65 << 20])]));
    folder.write("cut.zip", &whole[..whole.len() - 30]);
    folder.write("old.zip", &whole[..whole.len() - 30]);
    age(&folder, "old.zip", 30);
    let configured = configured(&folder, "all");
    for (object, word, class) in [
        ("locked.zip/t.csv", "password", FaultClass::Data),
        ("bomb.zip/t.csv", "out of proportion", FaultClass::Data),
        ("cut.zip/t.csv", "still be on its way", FaultClass::Transient),
        ("old.zip/t.csv", "copy it here again", FaultClass::Data),
    ] {
        let error = failure(configured.open(&table(object), None));
        assert_eq!(error.fault_class(), class, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn files_that_others_are_editing_are_passed_over() {
    let folder = Folder::new("csv");
    folder.write("s1.csv", &csv("1"));
    folder.write("~$s1.csv", b"\x05lock");
    folder.write(".~lock.s1.csv#", b"lock");
    assert_eq!(configured(&folder, "all").read(&table("*s1.csv*")).rows, cells("1"));
}

#[test]
fn a_young_file_is_waited_for_and_one_being_written_left_for_later() {
    let folder = Folder::new("csv");
    folder.write("t.csv", &csv("1"));
    let mut settled = configured(&folder, "all");
    settled.settings["settle"] = json!(1);
    // Old enough: no wait. Its time lies ahead: two looks that find the same.
    age(&folder, "t.csv", 1);
    assert_eq!(settled.read(&table("t.csv")).rows, cells("1"));
    let file = File::options().write(true).open(folder.base().join("t.csv")).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    assert_eq!(settled.read(&table("t.csv")).rows, cells("1"));
    let writing = std::sync::atomic::AtomicBool::new(true);
    let error = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = File::options().append(true).open(folder.base().join("t.csv")).unwrap();
            while writing.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all(b"2\n").unwrap();
                std::thread::yield_now();
            }
        });
        let result = settled.open(&table("t.csv"), None);
        writing.store(false, std::sync::atomic::Ordering::Relaxed);
        failure(result)
    });
    assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
    assert!(error.to_string().contains("still being written"), "{error}");
}

#[test]
fn the_newest_file_replaces_those_before_it() {
    let folder = Folder::new("csv");
    for (name, rows, minutes) in [("s9.csv", "1", 30), ("s10.csv", "2 3", 20), ("s8.csv", "4", 40)] {
        folder.write(name, &csv(rows));
        age(&folder, name, minutes);
    }
    let configured = configured(&folder, "newest");
    let mut source = configured.open(&table("s*.csv"), None).unwrap();
    assert_eq!(drain(&mut *source, 10).rows, cells("2 3"));
    assert!(source.is_complete() && !source.has_more());
    age(&folder, "s8.csv", 10);
    assert_eq!(configured.read(&table("s*.csv")).rows, cells("4"));
}

#[test]
fn a_read_is_complete_only_if_the_folder_still_is_what_it_was() {
    let folder = Folder::new("csv");
    folder.write("s1.csv", &csv("1"));
    let configured = configured(&folder, "all");
    let mut source = configured.open(&table("s*.csv"), None).unwrap();
    assert_eq!(source.next_batch(10).unwrap().unwrap().len(), 1);
    folder.write("s2.csv", &csv("2"));
    assert!(source.next_batch(10).unwrap().is_none());
    assert!(!source.is_complete());
    let mut source = configured.open(&table("s*.csv"), None).unwrap();
    assert_eq!(source.next_batch(10).unwrap().unwrap().len(), 1);
    std::fs::remove_file(folder.base().join("s2.csv")).unwrap();
    let error = source.next_batch(10).unwrap_err();
    assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
}

/// One run as the pipeline makes them: rows, whether there is more, and the position of the last batch, if there is one.
fn run(configured: &Configured<'_>, after: Option<&Position>, max_rows: usize) -> (Vec<Vec<Cell>>, bool, Option<Position>) {
    let mut source = configured.open(&table("s*.csv"), after).unwrap();
    let (mut rows, mut position) = (Vec::new(), None);
    while let Some(batch) = source.next_batch(max_rows).unwrap() {
        rows.extend((0..batch.len()).map(|row| vec![batch.cell(row, 0).map(str::to_owned)]));
        position = Some(batch.position().clone());
    }
    assert!(!source.is_complete());
    (rows, source.has_more(), position)
}

#[test]
fn each_file_is_read_once_by_its_content_and_in_the_order_of_time() {
    let folder = Folder::new("csv");
    let configured = configured(&folder, "each");
    assert!(configured.with(|place| configured.connector().continues(place, &ReadSpec::default())));
    for (name, rows, minutes) in [("s1.csv", "1 2", 30), ("s2.csv", "3", 40), ("s3.csv", "", 35), ("s4.csv", "1 2", 20)] {
        folder.write(name, &csv(rows));
        age(&folder, name, minutes);
    }
    // The second before the first; the third has no rows, and the fourth is the first once more.
    let (rows, more, first) = run(&configured, None, 1);
    assert_eq!((rows, more), (cells("3"), true));
    let (rows, more, second) = run(&configured, first.as_ref(), 1);
    assert_eq!((rows, more), (cells("1 2"), false));
    assert_eq!(run(&configured, second.as_ref(), 10), (cells(""), false, None));
    // Changed, it comes again; one that has been read may be taken away.
    folder.write("s2.csv", &csv("3 5"));
    std::fs::remove_file(folder.base().join("s1.csv")).unwrap();
    let (rows, more, third) = run(&configured, second.as_ref(), 2);
    assert_eq!((rows, more), (cells("3 5"), false));
    for name in ["s2.csv", "s3.csv", "s4.csv"] {
        std::fs::remove_file(folder.base().join(name)).unwrap();
    }
    let source = configured.open(&table("s*.csv"), third.as_ref()).unwrap();
    assert_eq!(source.columns().iter().map(|column| &*column.name).collect::<Vec<_>>(), ["a"]);
    assert_eq!(run(&configured, third.as_ref(), 2), (cells(""), false, None));
    assert_eq!(failure(configured.open(&table("s*.csv"), None)).fault_class(), FaultClass::Configuration);
}

#[test]
fn a_file_begun_is_gone_on_with_before_the_next() {
    let folder = Folder::new("csv");
    folder.write("s1.csv", &csv("1 2 3 4"));
    folder.write("s2.csv", &csv("5"));
    age(&folder, "s1.csv", 5);
    let configured = configured(&folder, "each");
    let mut source = configured.open(&table("s*.csv"), None).unwrap();
    let half = source.next_batch(2).unwrap().unwrap().position().clone();
    drop(source);
    let (rows, more, end) = run(&configured, Some(&half), 2);
    assert_eq!((rows, more), (cells("3 4"), true));
    assert_eq!(run(&configured, end.as_ref(), 2).0, cells("5"));
}
