//! What only text tables promise: encodings, layouts, damage, resuming.

use encoding_rs::{Encoding, GB18030, UTF_8};
use proptest::prelude::*;
use serde_json::{Value, json};
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::finding::Place;
use xiaoshu::source::{Position, ReadSpec};

use super::fixtures::{Fixture, Folder, csv_cell};
use super::{Cell, Configured, Reading, drain, some, table};

fn configured<'a>(folder: &'a Folder, extra: &[(&str, Value)]) -> Configured<'a> {
    let mut settings = folder.settings();
    for (key, value) in extra {
        settings[*key] = value.clone();
    }
    Configured { kind: "csv", settings, base: folder.base() }
}

fn read_with(bytes: &[u8], extra: &[(&str, Value)]) -> Reading {
    let folder = Folder::new("csv");
    folder.write("t.csv", bytes);
    configured(&folder, extra).read(&table("t.csv"))
}

fn read(bytes: &[u8]) -> Reading {
    read_with(bytes, &[])
}

fn lines(reading: &Reading) -> Vec<u64> {
    let line = |place: &Place| if let Place::Line(line) = place { *line } else { panic!("a file's place is a line") };
    reading.places.iter().map(line).collect()
}

fn cells<const N: usize>(texts: [&str; N]) -> Vec<Cell> {
    texts.map(some).to_vec()
}

#[derive(Debug, Clone, Copy)]
enum Wire {
    Utf8,
    Utf8Marked,
    Utf16Le { mark: bool },
    Utf16Be { mark: bool },
    Gb18030,
}

const WIRES: [Wire; 7] = [
    Wire::Utf8,
    Wire::Utf8Marked,
    Wire::Utf16Le { mark: true },
    Wire::Utf16Le { mark: false },
    Wire::Utf16Be { mark: true },
    Wire::Utf16Be { mark: false },
    Wire::Gb18030,
];

fn encode(text: &str, wire: Wire) -> Vec<u8> {
    match wire {
        Wire::Utf8 => text.as_bytes().to_vec(),
        Wire::Utf8Marked => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        Wire::Utf16Le { mark } => {
            let mark: &[u8] = if mark { b"\xFF\xFE" } else { b"" };
            mark.iter().copied().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        }
        Wire::Utf16Be { mark } => {
            let mark: &[u8] = if mark { b"\xFE\xFF" } else { b"" };
            mark.iter().copied().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
        }
        Wire::Gb18030 => gb(text),
    }
}

fn gb(text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = GB18030.encode(text);
    assert!(!unmappable, "{text}");
    bytes.into_owned()
}

#[test]
fn every_encoding_gives_the_same_cells() {
    let text = "学号,姓名,备注\r\n001,买买提·艾力,\"第一行\n第二行\"\r\n002,𫖯𬭎㛃䶮,上下\r\n003,职业教育,\r\n";
    for wire in WIRES {
        let reading = read(&encode(text, wire));
        assert_eq!(reading.columns, ["学号", "姓名", "备注"], "{wire:?}");
        let expected = [
            cells(["001", "买买提·艾力", "第一行\n第二行"]),
            cells(["002", "𫖯𬭎㛃䶮", "上下"]),
            vec![some("003"), some("职业教育"), None],
        ];
        assert_eq!(reading.rows, expected, "{wire:?}");
        assert_eq!(lines(&reading), [2, 4, 5], "{wire:?}");
        assert_eq!(reading.faults, [], "{wire:?}");
    }
}

#[test]
fn the_bytes_named_by_the_standard_decode_as_it_says() {
    for (bytes, expected) in [
        (&b"\xD6\xB0\xD2\xB5\xBD\xCC\xD3\xFD"[..], "职业教育"),
        (b"\xFE\x9F", "䶮"),
        (b"\x82\x30\xB7\x31", "㛃"),
        (b"\x99\x33\xA9\x32", "𬭎"),
        (b"\xA1\xA4", "·"),
    ] {
        // The header makes the file GB18030 beyond doubt.
        let reading = read(&[&gb("姓名,备注\n一,"), bytes, b"\n"].concat());
        assert_eq!(reading.rows, [cells(["一", expected])]);
    }
}

#[test]
fn an_encoding_is_known_by_the_whole_file() {
    // A megabyte of ASCII before the first Chinese character, over many read buffers.
    let ascii = "1,abcdefgh\n".repeat(100_000);
    for wire in [Wire::Utf8, Wire::Gb18030] {
        let reading = read(&encode(&format!("no,name\n{ascii}2,职业教育\n"), wire));
        assert_eq!(reading.rows.len(), 100_001);
        assert_eq!(reading.rows[100_000], cells(["2", "职业教育"]), "{wire:?}");
        assert_eq!(reading.faults, []);
    }
}

#[test]
fn undecodable_bytes_cost_their_row_and_are_shown() {
    let good = "学号,姓名\n001,张三\n002,";
    let rest = "\n003,王五\n004,赵六\n";
    for (wire, encoding) in [(Wire::Utf8, UTF_8), (Wire::Gb18030, GB18030)] {
        for (bad, shown) in [(&b"\xFF"[..], "\\xFF"), (b"\xFF\xFF", "\\xFF\\xFF")] {
            let bytes = [&encode(good, wire), bad, &encode(rest, wire)].concat();
            let reading = read(&bytes);
            assert_eq!(reading.rows[0], cells(["001", "张三"]), "{wire:?}");
            assert_eq!(reading.rows[1], cells(["002", shown]), "{wire:?}");
            assert_eq!(reading.rows[2..], [cells(["003", "王五"]), cells(["004", "赵六"])], "{wire:?}");
            assert!(reading.faults.iter().all(|(row, column, _)| (*row, *column) == (1, Some(1))), "{:?}", reading.faults);
            assert!(!reading.faults.is_empty() && reading.faults[0].2.contains(name(encoding)), "{:?}", reading.faults);
        }
    }
}

fn name(encoding: &'static Encoding) -> &'static str {
    if encoding == GB18030 { "GB18030" } else { encoding.name() }
}

#[test]
fn half_a_character_at_a_cells_end_takes_no_neighbour_with_it() {
    // Cut after the first byte of a character: the delimiter behind it must stand.
    let reading = read(&[&gb("学号,姓名,备注\n001,张"), &b"\xC8"[..], &gb(",好\n002,李四,好\n003,王五,好\n")].concat());
    assert_eq!(reading.rows[0], cells(["001", "张\\xC8", "好"]));
    assert_eq!(reading.rows[1], cells(["002", "李四", "好"]));
    assert_eq!(reading.faults.len(), 1);
}

#[test]
fn lost_characters_and_nuls_are_faults_of_their_rows() {
    let reading = read("学号,姓名\n001,张\u{FFFD}\n002,李\0四\n003,王五\n".as_bytes());
    assert_eq!(reading.rows, [cells(["001", "张\\u{FFFD}"]), cells(["002", "李\\x00四"]), cells(["003", "王五"])]);
    let found: Vec<_> = reading.faults.iter().map(|(row, column, _)| (*row, *column)).collect();
    assert_eq!(found, [(0, Some(1)), (1, Some(1))]);
}

#[test]
fn a_few_nuls_do_not_make_a_file_utf_16() {
    let body: String = (0..200).map(|n| format!("{n},name{n}\n")).collect();
    for nul in ["\0", "\0\0\0"] {
        let reading = read(format!("no,name\n{body}x,{nul}\n").as_bytes());
        assert_eq!(reading.rows.len(), 201);
        assert_eq!(reading.rows[0], cells(["0", "name0"]));
    }
}

#[test]
fn delimiters_are_found() {
    for delimiter in [',', '\t', ';', '|'] {
        let name = "张,三;李|四\t五".replace(delimiter, "");
        let text =
            format!("学号{delimiter}姓名{delimiter}绩点\n1{delimiter}{name}{delimiter}3.5\n2{delimiter}王五{delimiter}4.0\n");
        let reading = read(text.as_bytes());
        assert_eq!(reading.columns, ["学号", "姓名", "绩点"], "{delimiter:?}");
        assert_eq!(reading.rows, [cells(["1", &name, "3.5"]), cells(["2", "王五", "4.0"])], "{delimiter:?}");
        assert_eq!(reading.faults, [], "{delimiter:?}");
    }
}

#[test]
fn the_header_is_found_under_titles() {
    let header = "学号,姓名,班级";
    let rows = "1,张三,一班\n2,李四,\n";
    for (above, line) in [
        ("", 1),
        ("\n\n", 3),
        ("XX 学院学生名单\n", 2),
        ("XX 学院学生名单,,\n", 2),
        (",,\n名单,,\n制表人：张,,\n", 4),
        ("\"2024 年\n学生名单\",,\n", 3),
        ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", 10),
    ] {
        let reading = read(format!("{above}{header}\n{rows}").as_bytes());
        assert_eq!(reading.columns, ["学号", "姓名", "班级"], "{above:?}");
        assert_eq!(reading.rows, [cells(["1", "张三", "一班"]), vec![some("2"), some("李四"), None]], "{above:?}");
        assert_eq!(lines(&reading), [line + 1, line + 2], "{above:?}");
    }
}

#[test]
fn column_names_are_trimmed_and_each_is_there_once() {
    let reading = read("\u{FEFF} 学号 ,成绩\u{3000},成绩,,\"备\n注\",成绩_2\n1,2,3,4,5,6\n".as_bytes());
    assert_eq!(reading.columns, ["学号", "成绩", "成绩_3", "column_4", "备注", "成绩_2"]);
    assert_eq!(reading.rows, [cells(["1", "2", "3", "4", "5", "6"])]);
    let folder = Folder::new("csv");
    folder.write("t.csv", "成绩,成绩,\n1,2,3\n".as_bytes());
    let configured = configured(&folder, &[]);
    let notes = configured.with(|place| configured.connector().check(place)).unwrap().notes;
    let named: Vec<&str> = notes.iter().map(|note| note.en.as_str()).collect();
    assert!(named.iter().any(|note| note.contains("成绩_2")) && named.iter().any(|note| note.contains("column_3")), "{named:?}");
}

#[test]
fn empty_columns_at_the_end_are_none() {
    let reading = read(b"no,name,,\n1,a,,\n2,b\n3,c,,,,\n,,,\n\n");
    assert_eq!(reading.columns, ["no", "name"]);
    assert_eq!(reading.rows, [cells(["1", "a"]), cells(["2", "b"]), cells(["3", "c"])]);
    assert_eq!(reading.faults, []);
}

#[test]
fn rows_of_another_width_are_faults_and_keep_their_text() {
    let reading = read(b"a,b,c\n1,2,3\n4,5\n6,7,8,9,10\n11,12,13\n");
    let expected =
        [cells(["1", "2", "3"]), vec![some("4"), some("5"), None], cells(["6", "7", "8,9,10"]), cells(["11", "12", "13"])];
    assert_eq!(reading.rows, expected);
    let found: Vec<_> = reading.faults.iter().map(|(row, column, _)| (*row, *column)).collect();
    assert_eq!(found, [(1, None), (2, None)]);
    assert!(reading.faults[0].2.contains("2 cells") && reading.faults[1].2.contains("5 cells"), "{:?}", reading.faults);
}

#[test]
fn quotes_are_read_as_they_were_meant() {
    for (line, expected) in [
        ("\"a\",\"b\"", ["a", "b"]),
        ("\"a\"\"b\",c", ["a\"b", "c"]),
        ("5\" disk,\"c\"", ["5\" disk", "c"]),
        ("\"a\" , \"b\" ", ["a", "b"]),
        ("\"say \"hi\" there\",b", ["say \"hi\" there", "b"]),
        ("=\"007\",=\"\"\"x\"", ["007", "\"x"]),
        ("\"a,b\",\"c\r\nd\"", ["a,b", "c\r\nd"]),
        ("\"\",\"\"", ["", ""]),
        ("'a','b'", ["'a'", "'b'"]),
    ] {
        let reading = read(format!("x,y\n{line}\n1,2\n3,4\n").as_bytes());
        assert_eq!(reading.rows[0], cells(expected), "{line}");
        assert_eq!(reading.rows[1..], [cells(["1", "2"]), cells(["3", "4"])], "{line}");
        assert_eq!(reading.faults, [], "{line}");
    }
}

#[test]
fn a_quote_left_open_costs_its_own_line_only() {
    for text in [
        "x,y\n1,\"open\n2,b\n3,c\n",
        "x,y\n1,\"open\n2,b\n3,\"c\"\n",
        "x,y\n1,\"open\n2,\"b\"\n3,\"c\"\n",
        "x,y\n1,\"open\n\"2\",b\n3,c\n",
    ] {
        let reading = read(text.as_bytes());
        assert_eq!(reading.rows, [cells(["1", "\"open"]), cells(["2", "b"]), cells(["3", "c"])], "{text}");
        let found: Vec<_> = reading.faults.iter().map(|(row, column, _)| (*row, *column)).collect();
        assert_eq!(found, [(0, None)], "{text}");
        assert_eq!(lines(&reading), [2, 3, 4], "{text}");
    }
}

#[test]
fn line_ends_may_be_mixed_and_the_last_may_be_missing() {
    let reading = read(b"a,b\r\n1,2\n3,4\r5,6\r\n\r\n7,8");
    assert_eq!(reading.rows, [cells(["1", "2"]), cells(["3", "4"]), cells(["5", "6"]), cells(["7", "8"])]);
    assert_eq!(lines(&reading), [2, 3, 4, 6]);
}

#[test]
fn settings_override_what_is_found() {
    let reading = read_with(b"a;b,c\n1;2,3\n", &[("delimiter", json!(","))]);
    assert_eq!((reading.columns, reading.rows), (vec!["a;b".into(), "c".into()], vec![cells(["1;2", "3"])]));
    let reading = read_with(b"x,y,z\na,b,c\n1,2,3\n", &[("header_row", json!(2))]);
    assert_eq!((reading.columns, reading.rows), (vec!["a".into(), "b".into(), "c".into()], vec![cells(["1", "2", "3"])]));
    let reading = read_with(b"1,2\n3,4\n", &[("header_row", json!(0))]);
    assert_eq!(
        (reading.columns, reading.rows),
        (vec!["column_1".into(), "column_2".into()], vec![cells(["1", "2"]), cells(["3", "4"])])
    );
    let reading = read_with(b"a,b\n'1,2',3\n", &[("quote", json!("'"))]);
    assert_eq!(reading.rows, [cells(["1,2", "3"])]);
    let reading = read_with(b"a,b\n\"1,2\"\n", &[("quote", json!("none"))]);
    assert_eq!(reading.rows, [cells(["\"1", "2\""])]);
    // 联通, saved as GBK by an old editor, is the famous text that is valid UTF-8 too.
    let bytes = b"a,b\n1,\xC1\xAA\xCD\xA8\n";
    assert_eq!(read_with(bytes, &[("encoding", json!("gb18030"))]).rows, [cells(["1", "联通"])]);
}

#[test]
fn what_is_no_table_is_refused_with_the_reason() {
    for (bytes, word) in [
        (&b"PK\x03\x04rest"[..], "xlsx"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1", "xls"),
        (b"", "column names"),
        (b"\n\n\n", "column names"),
        (b"\xFF\xFE\0\0a\0\0\0", "UTF-32"),
    ] {
        let folder = Folder::new("csv");
        folder.write("t.csv", bytes);
        let error = configured(&folder, &[]).open(&table("t.csv"), None).err().expect("refused");
        assert_eq!(error.fault_class(), FaultClass::Data, "{error}");
        assert!(error.to_string().contains(word) && error.to_string().contains("t.csv"), "{error}");
    }
}

#[test]
fn several_files_are_read_as_one_table() {
    let folder = Folder::new("csv");
    folder.write("成绩-1.csv", "学号,成绩\n1,90\n".as_bytes());
    folder.write("成绩-2.csv", &gb("成绩;学号\n80;2\n"));
    folder.write("other.csv", b"x,y\n1,2\n");
    let configured = configured(&folder, &[]);
    let mut source = configured.open(&table("成绩-*.csv"), None).unwrap();
    let mut seen = Vec::new();
    while let Some(batch) = source.next_batch(10).unwrap() {
        seen.push((source.object().to_string(), batch.cell(0, 0).unwrap().to_owned(), batch.cell(0, 1).unwrap().to_owned()));
    }
    let expected = [("成绩-1.csv", "1", "90"), ("成绩-2.csv", "2", "80")];
    assert_eq!(seen, expected.map(|(file, no, mark)| (file.to_owned(), no.to_owned(), mark.to_owned())));
    assert!(source.is_complete());
    let error = {
        let mut source = configured.open(&table("*.csv"), None).unwrap_or_else(|error| panic!("{error}"));
        loop {
            match source.next_batch(10) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("files of other columns were read as one table"),
                Err(error) => break error,
            }
        }
    };
    assert_eq!(error.fault_class(), FaultClass::Configuration);
}

fn positions(configured: &Configured<'_>, read: &ReadSpec) -> Vec<Position> {
    let mut source = configured.open(read, None).unwrap();
    let mut positions = Vec::new();
    while let Some(batch) = source.next_batch(1).unwrap() {
        positions.push(batch.position().clone());
    }
    positions
}

#[test]
fn a_changed_file_is_read_again_from_its_start() {
    let folder = Folder::new("csv");
    folder.write("t.csv", b"a\n1\n2\n3\n");
    let configured = configured(&folder, &[]);
    let positions = positions(&configured, &table("t.csv"));
    let rest = |resume: &Position| {
        let mut source = configured.open(&table("t.csv"), Some(resume)).unwrap();
        let rows = drain(&mut *source, 10);
        (rows.rows.len(), lines(&rows).first().copied(), source.is_complete())
    };
    assert_eq!(rest(&positions[0]), (2, Some(3), false));
    assert_eq!(rest(&positions[2]), (0, None, false));
    folder.write("t.csv", b"a\n1\n2\n4\n");
    assert_eq!(rest(&positions[0]), (3, Some(2), true));
    assert_eq!(rest(&Position(b"not ours".to_vec())), (3, Some(2), true));
}

#[test]
fn files_that_arrive_later_are_read_without_the_earlier_ones() {
    let folder = Folder::new("csv");
    folder.write("d1.csv", b"a\n1\n2\n");
    let configured = configured(&folder, &[]);
    let end = positions(&configured, &table("d*.csv")).pop().unwrap();
    folder.write("d2.csv", b"a\n3\n");
    let mut source = configured.open(&table("d*.csv"), Some(&end)).unwrap();
    assert_eq!(drain(&mut *source, 10).rows, [cells(["3"])]);
    folder.write("d1.csv", b"a\n1\n9\n");
    let mut source = configured.open(&table("d*.csv"), Some(&end)).unwrap();
    assert_eq!(drain(&mut *source, 10).rows, [cells(["1"]), cells(["9"]), cells(["3"])]);
}

#[test]
fn a_file_that_changes_under_the_reader_is_a_passing_trouble() {
    let folder = Folder::new("csv");
    let body: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    folder.write("t.csv", format!("a\n{body}").as_bytes());
    let mut source = configured(&folder, &[]).open(&table("t.csv"), None).unwrap();
    source.next_batch(10).unwrap();
    folder.write("t.csv", format!("a\n{}", body.replace('9', "8")).as_bytes());
    let error = loop {
        match source.next_batch(10_000) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the change went unnoticed"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.fault_class(), FaultClass::Transient);
    assert!(!source.is_complete());
}

/// Any character that an encoding can carry and that is not damage by itself.
fn character() -> impl Strategy<Value = char> {
    let sound = |c: &char| !matches!(c, '\0' | '\u{FFFD}' | '\u{FEFF}' | '\u{E000}'..='\u{F8FF}');
    prop_oneof![
        4 => proptest::sample::select(vec!['a', '0', ' ', ',', ';', '\t', '|', '"', '\'', '\n', '\r', '=', '\\']),
        4 => proptest::char::range('\u{4E00}', '\u{9FFF}'),
        1 => proptest::char::range('\u{20000}', '\u{2FFFF}'),
        2 => any::<char>().prop_filter("carried by every encoding", sound),
    ]
}

fn cell() -> impl Strategy<Value = Cell> {
    proptest::option::weighted(0.8, proptest::collection::vec(character(), 0..20).prop_map(String::from_iter))
}

fn rows() -> impl Strategy<Value = Vec<Vec<Cell>>> {
    let row = ("[1-9][0-9]{0,8}", cell(), cell()).prop_map(|(no, name, remark)| vec![Some(no), name, remark]);
    proptest::collection::vec(row, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_table_written_in_any_way_comes_back(
        rows in rows(),
        wire in proptest::sample::select(WIRES.to_vec()),
        delimiter in proptest::sample::select(vec![',', '\t', ';', '|']),
        line_end in proptest::sample::select(vec!["\n", "\r\n", "\r"]),
        max_rows in 1usize..40,
    ) {
        let mut text = ["学号", "姓名", "备注"].join(&delimiter.to_string()) + line_end;
        for row in &rows {
            let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell, delimiter)).collect();
            text.push_str(&(cells.join(&delimiter.to_string()) + line_end));
        }
        let folder = Folder::new("csv");
        folder.write("t.csv", &encode(&text, wire));
        let configured = configured(&folder, &[]);
        let mut source = configured.open(&table("t.csv"), None).unwrap();
        let reading = drain(&mut *source, max_rows);
        prop_assert_eq!(&reading.columns, &["学号", "姓名", "备注"]);
        prop_assert_eq!(&reading.rows, &rows);
        prop_assert_eq!(&reading.faults, &[]);
    }

    #[test]
    fn no_bytes_whatever_stop_the_reader_or_yield_replacement_characters(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        head in proptest::sample::select(vec![&b"a,b\n"[..], b"", b"\xEF\xBB\xBFa;b\r\n", b"\xFF\xFEa\0,\0b\0\n\0"]),
    ) {
        let folder = Folder::new("csv");
        folder.write("t.csv", &[head, &bytes].concat());
        let configured = configured(&folder, &[]);
        if let Ok(mut source) = configured.open(&table("t.csv"), None) {
            let reading = drain(&mut *source, 7);
            for cell in reading.rows.iter().flatten().flatten() {
                let sound = !cell.contains(['\u{FFFD}', '\0']);
                prop_assert!(sound);
            }
        }
    }
}
