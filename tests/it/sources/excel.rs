//! What only workbooks promise: what a cell means, where the header is, which sheet is read, what is refused.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};
use serde_json::{Value, json};
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::finding::Place;
use xiaoshu::source::SourceError;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::fixtures::{Fixture, Folder};
use super::{Cell, Configured, Reading, drain, some, table};

fn configured<'a>(folder: &'a Folder, extra: &[(&str, Value)]) -> Configured<'a> {
    let mut settings = folder.settings();
    for (key, value) in extra {
        settings[*key] = value.clone();
    }
    Configured { kind: "excel", settings, base: folder.base() }
}

fn read_with(name: &str, bytes: &[u8], object: &str, extra: &[(&str, Value)]) -> Reading {
    let folder = Folder::new("excel");
    folder.write(name, bytes);
    configured(&folder, extra).read(&table(object))
}

fn read(bytes: &[u8]) -> Reading {
    read_with("t.xlsx", bytes, "t.xlsx", &[])
}

fn refusal(name: &str, bytes: &[u8], object: &str) -> SourceError {
    let folder = Folder::new("excel");
    folder.write(name, bytes);
    match configured(&folder, &[]).open(&table(object), None) {
        Ok(_) => panic!("opened what it should have refused"),
        Err(error) => error,
    }
}

fn lines(reading: &Reading) -> Vec<u64> {
    let line = |place: &Place| if let Place::Line(line) = place { *line } else { panic!("a sheet's place is a row") };
    reading.places.iter().map(line).collect()
}

fn cells<const N: usize>(texts: [&str; N]) -> Vec<Cell> {
    texts.map(|text| (!text.is_empty()).then(|| text.to_owned())).to_vec()
}

/// A workbook of one sheet.
fn book(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    fill(workbook.add_worksheet());
    workbook.save_to_buffer().unwrap()
}

fn grid(sheet: &mut Worksheet, rows: &[&[&str]]) {
    for (row, cells) in rows.iter().enumerate() {
        for (column, text) in cells.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            sheet.write_string(row as u32, column as u16, *text).unwrap();
        }
    }
}

/// A workbook whose sheet is written as XML by hand: what no careful program writes.
fn raw(properties: &str, rows: &str) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const RELS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("[Content_Types].xml", "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"></Types>".into()),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{RELS}/officeDocument\" Target=\"xl/workbook.xml\"></Relationship></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELS}\">{properties}<sheets><sheet name=\"s\" sheetId=\"1\" r:id=\"r1\"></sheet></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{RELS}/worksheet\" Target=\"worksheets/sheet1.xml\"></Relationship></Relationships>"
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"></xf><xf numFmtId=\"31\"></xf></cellXfs></styleSheet>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(
                "<worksheet xmlns=\"{MAIN}\"><dimension ref=\"A1:XFD1048576\"></dimension><sheetData>{rows}</sheetData></worksheet>"
            ),
        ),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn cells_mean_what_the_sheet_shows() {
    let format = |code: &str| Format::new().set_num_format(code);
    let bytes = book(|sheet| {
        grid(sheet, &[&["学号", "文本学号", "出生", "到校", "课时", "在籍", "比率", "公式", "备注"]]);
        sheet.write_number(1, 0, 20_230_101.0).unwrap();
        sheet.write_string(1, 1, "0020230101").unwrap();
        sheet.write_number_with_format(1, 2, 38_596.0, &format("yyyy\"年\"m\"月\"d\"日\"")).unwrap();
        sheet.write_number_with_format(1, 3, 45_536.354_166_666_664, &format("yyyy-mm-dd hh:mm")).unwrap();
        sheet.write_number_with_format(1, 4, 0.333_333_333_333_333_3, &format("h:mm")).unwrap();
        sheet.write_boolean(1, 5, true).unwrap();
        sheet.write_number_with_format(1, 6, 0.855, &format("0.0%")).unwrap();
        sheet.write_formula(1, 7, Formula::new("=A2*2").set_result("40460202")).unwrap();
        sheet.write_string(1, 8, "第一行\n第二行\u{3000}").unwrap();
        sheet.write_number_with_format(2, 0, 42.0, &format("00000000")).unwrap();
        let bold = Format::new().set_bold();
        sheet.write_rich_string(2, 1, &[(&Format::default(), "买买提"), (&bold, "·艾力")]).unwrap();
        sheet.write_number_with_format(2, 2, 38_596.0, &format("[$-804]yyyy\"年\"m\"月\"")).unwrap();
        sheet.write_formula(2, 7, Formula::new("=\"K\"&A3").set_result("K42")).unwrap();
        sheet.write_number(2, 8, 0.1 + 0.2).unwrap();
    });
    let reading = read(&bytes);
    let expected = [
        cells([
            "20230101",
            "0020230101",
            "2005-09-01",
            "2024-09-01 08:30:00",
            "08:00:00",
            "TRUE",
            "85.5%",
            "40460202",
            "第一行\n第二行\u{3000}",
        ]),
        cells(["00000042", "买买提·艾力", "2005-09-01", "", "", "", "", "K42", "0.3"]),
    ];
    assert_eq!(reading.rows, expected);
    assert_eq!((reading.faults, reading.places.len()), (vec![], 2));
}

#[test]
fn what_excel_has_lost_is_a_fault_and_never_a_wrong_value() {
    let bytes = book(|sheet| {
        grid(sheet, &[&["身份证号", "班级", "学分"], &["", "一班", ""], &["", "二班", ""], &["", "三班", ""]]);
        sheet.write_number(1, 0, 110_101_199_001_011_000.0).unwrap();
        sheet.write_formula(2, 0, Formula::new("=VLOOKUP(B3,X:Y,2,0)").set_result("#N/A")).unwrap();
        sheet.write_formula(3, 2, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
    });
    let reading = read(&bytes);
    assert_eq!(reading.rows, [cells(["", "一班", ""]), cells(["", "二班", ""]), cells(["", "三班", ""])]);
    let found: Vec<_> = reading.faults.iter().map(|(row, column, _)| (*row, *column)).collect();
    assert_eq!(found, [(0, Some(0)), (1, Some(0)), (2, Some(2))]);
    for ((_, _, text), word) in reading.faults.iter().zip(["15 digits", "#N/A", "#DIV/0!"]) {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn a_formula_without_result_is_a_fault_and_an_empty_cell_is_none() {
    let rows = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>a</t></is></c><c r=\"B1\" t=\"inlineStr\"><is><t>b</t></is></c></row>\
        <row r=\"2\"><c r=\"A2\"><v>1</v></c><c r=\"B2\"><f>A2+1</f></c></row>\
        <row r=\"3\" hidden=\"1\"><c r=\"A3\"><v>2</v></c><c r=\"B3\" s=\"0\"></c></row>\
        <row r=\"4\"><c r=\"A4\"><v>3</v></c><c r=\"B4\"><f>A4+1</f><v>4</v></c></row>";
    let reading = read(&raw("", rows));
    assert_eq!(reading.rows, [cells(["1", ""]), cells(["2", ""]), cells(["3", "4"])]);
    let found: Vec<_> = reading.faults.iter().map(|(row, column, _)| (*row, *column)).collect();
    assert_eq!(found, [(0, Some(1))]);
    assert!(reading.faults[0].2.contains("without a stored result"));
}

#[test]
fn dates_count_from_the_year_that_the_workbook_says() {
    let rows = "<row><c t=\"inlineStr\"><is><t>日期</t></is></c></row><row><c s=\"1\"><v>44074</v></c></row>";
    assert_eq!(read(&raw("<workbookPr date1904=\"1\"></workbookPr>", rows)).rows, [cells(["2024-09-01"])]);
    assert_eq!(read(&raw("", &rows.replace("44074", "45536"))).rows, [cells(["2024-09-01"])]);
}

#[test]
fn the_header_is_found_under_titles_and_over_two_rows() {
    let plain = Format::new();
    let bytes = book(|sheet| {
        sheet.merge_range(0, 0, 0, 4, "XX 学院 2024 级学生名单", &plain).unwrap();
        sheet.write_string(1, 0, "制表人：教务处").unwrap();
        sheet.merge_range(2, 0, 3, 0, "学号", &plain).unwrap();
        sheet.merge_range(2, 1, 3, 1, "姓\n名", &plain).unwrap();
        sheet.merge_range(2, 2, 2, 3, "监护人", &plain).unwrap();
        sheet.write_string(3, 2, "姓名").unwrap();
        sheet.write_string(3, 3, " 电话\u{3000}").unwrap();
        sheet.merge_range(2, 4, 3, 4, "备注", &plain).unwrap();
        for (column, text) in ["001", "张三", "张四", "1", "好"].iter().enumerate() {
            sheet.write_string(4, column as u16, *text).unwrap();
        }
    });
    let reading = read(&bytes);
    assert_eq!(reading.columns, ["学号", "姓名", "监护人/姓名", "监护人/电话", "备注"]);
    assert_eq!((lines(&reading), &reading.rows), (vec![5], &vec![cells(["001", "张三", "张四", "1", "好"])]));
    let given = read_with("t.xlsx", &bytes, "t.xlsx", &[("header_row", json!(4)), ("header_rows", json!(1))]);
    assert_eq!(given.columns, ["column_1", "column_2", "姓名", "电话", "column_5"]);
    let none = read_with("t.xlsx", &bytes, "t.xlsx", &[("header_row", json!(0))]);
    assert_eq!((none.columns.len(), none.rows.len(), &*none.columns[0]), (5, 5, "column_1"));
}

#[test]
fn a_used_range_far_beyond_the_data_costs_nothing_and_what_stands_there_is_told() {
    let bytes = book(|sheet| {
        grid(sheet, &[&["a", "b"], &["1", "2"], &["3", "4"], &["5", "6"]]);
        sheet.set_formula_result_default("");
        let bordered = Format::new().set_bold();
        for row in 4..2000 {
            sheet.write_blank(row, 0, &bordered).unwrap();
            sheet.write_formula(row, 1, Formula::new("=IF(A5=\"\",\"\",1)").set_result("")).unwrap();
        }
        sheet.write_blank(3, 16_000, &bordered).unwrap();
        sheet.write_string(2, 27, "旁注").unwrap();
    });
    let reading = read(&bytes);
    assert_eq!(reading.columns, ["a", "b"]);
    assert_eq!(reading.rows, [cells(["1", "2"]), cells(["3", "4"]), cells(["5", "6"])]);
    assert_eq!(reading.faults.len(), 1);
    assert!(reading.faults[0].0 == 1 && reading.faults[0].2.contains("column AB"), "{:?}", reading.faults);
}

fn classes() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheets: [(&str, bool, &[&[&str]]); 4] = [
        ("草稿", true, &[&["学号", "姓名"], &["x", "不读"]]),
        ("一班", false, &[&["学号", "姓名"], &["1", "张三"]]),
        ("二班", false, &[&["姓名", "学号"], &["李四", "2"], &["王五", "3"]]),
        ("教师", false, &[&["工号"], &["9"]]),
    ];
    for (name, hidden, rows) in sheets {
        let sheet = workbook.add_worksheet();
        sheet.set_name(name).unwrap().set_hidden(hidden).set_active(name == "一班");
        grid(sheet, rows);
    }
    workbook.save_to_buffer().unwrap()
}

#[test]
fn sheets_are_named_behind_their_workbook() {
    let folder = Folder::new("excel");
    folder.write("t.xlsx", &classes());
    let configured = configured(&folder, &[]);
    let rows = |object: &str| configured.read(&table(object)).rows;
    assert_eq!(rows("t.xlsx"), [cells(["1", "张三"])]);
    assert_eq!(rows("t.xlsx/教师"), [cells(["9"])]);
    assert_eq!(rows("t.xlsx/草稿"), [cells(["x", "不读"])]);
    // Columns are matched by name, and the locator says which sheet it was.
    let mut source = configured.open(&table("t.xlsx/*班"), None).unwrap();
    let first = source.next_batch(10).unwrap().unwrap();
    assert_eq!(first.object().map(|object| &**object), Some("t.xlsx/一班"));
    let second = source.next_batch(10).unwrap().unwrap();
    assert_eq!((second.object().map(|object| &**object), second.cell(0, 0)), (Some("t.xlsx/二班"), Some("2")));
    let mut again = configured.open(&table("t.xlsx/*班"), Some(first.position())).unwrap();
    assert_eq!(drain(&mut *again, 1).rows, [cells(["2", "李四"]), cells(["3", "王五"])]);
    for object in ["t.xlsx/*", "t.xlsx/没有", "t.xlsx/没有*"] {
        let Err(error) = configured.open(&table(object), None).and_then(|mut source| {
            while source.next_batch(10)?.is_some() {}
            Ok(())
        }) else {
            panic!("{object} was read")
        };
        assert_eq!(error.fault_class(), FaultClass::Configuration, "{error}");
    }
    let objects = configured.with(|place| configured.connector().objects(place)).unwrap();
    assert_eq!(objects, ["t.xlsx/一班", "t.xlsx/二班", "t.xlsx/教师"]);
    let about = configured.with(|place| configured.connector().check(place)).unwrap().about;
    assert!(about.contains("t.xlsx/二班: xlsx, header on row 1, 2 columns"), "{about}");
}

#[test]
fn what_a_file_is_is_told_by_its_content() {
    let expected = [cells(["001", "张三", "好"]), cells(["002", "李四", ""])];
    let page = "<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\"><head><style>td{}</style></head><body>\
        <table border=1><tr><td colspan=3>名单</td></tr><tr><th>学号<th>姓&nbsp;名</th><th>备注</th></tr>\
        <tr><td style='mso-number-format:\"\\@\"'>001</td><td> 张三\n</td><td>好</td></tr>\
        <tr><td>002<td>李四</td><td></td></tr></table></body></html>";
    let (gbk, _, _) = encoding_rs::GB18030.encode(page);
    let (text, _, _) = encoding_rs::GB18030.encode("学号\t姓名\t备注\r\n001\t张三\t好\r\n002\t李四\t\r\n");
    let xlsx = book(|sheet| grid(sheet, &[&["学号", "姓名", "备注"], &["001", "张三", "好"], &["002", "李四", ""]]));
    for (bytes, second) in [(&xlsx[..], "姓名"), (page.as_bytes(), "姓 名"), (&gbk, "姓 名"), (&text, "姓名")] {
        let reading = read_with("导出.xls", bytes, "导出.xls", &[]);
        assert_eq!(reading.columns, ["学号", second, "备注"]);
        assert_eq!(reading.rows, expected);
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_what_to_do() {
    let locked: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let locked = [&b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"[..], &[0; 600], &locked, &[0; 600]].concat();
    let archive = |name: &str, content: &[u8]| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
        zip.finish().unwrap().into_inner()
    };
    for (bytes, word) in [
        (locked, "password"),
        (b"%PDF-1.7".to_vec(), "PDF"),
        (archive("a.txt", b"x"), "zip archive"),
        (archive("mimetype", b"application/vnd.oasis.opendocument.spreadsheet"), "OpenDocument"),
        (archive("xl/workbook.bin", b"x"), ".xlsb"),
        (b"<?xml version=\"1.0\"?><Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">".to_vec(), "2003"),
        (b"MIME-Version: 1.0\n".to_vec(), "MHTML"),
        (book(|_| {}), "column names"),
    ] {
        let error = refusal("t.xlsx", &bytes, "t.xlsx");
        assert_eq!(error.fault_class(), FaultClass::Data, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn old_workbooks_are_read_with_their_kinds_of_cells() {
    let kinds = include_bytes!("../../data/xls/kinds.xls");
    let reading = read_with("t.xls", kinds, "t.xls", &[]);
    assert_eq!(reading.columns, ["学号", "姓名", "出生日期", "到校时间", "在籍", "成绩"]);
    assert_eq!(reading.rows[0], cells(["20230101", "张三", "2005-09-01", "2024-09-01 08:30:00", "TRUE", "89.5"]));
    assert_eq!((reading.rows[1][0].clone(), reading.rows[1][1].clone()), (None, some("李四")));
    assert_eq!(lines(&reading), [3, 4]);
    assert!(reading.faults.iter().any(|(row, column, text)| (*row, *column) == (1, Some(0)) && text.contains("15 digits")));
    assert_eq!(read_with("t.xls", kinds, "t.xls/草稿", &[]).columns, ["不读"]);
}

#[test]
fn cut_files_are_refused() {
    let xlsx = book(|sheet| grid(sheet, &[&["学号", "姓名"], &["1", "张三"], &["2", "李四"]]));
    let xls = include_bytes!("../../data/xls/kinds.xls");
    for at in (8..xlsx.len()).step_by(97) {
        let error = refusal("t.xlsx", &xlsx[..at], "t.xlsx");
        // The file is fresh: the rest may still come.
        assert_eq!(error.fault_class(), FaultClass::Transient, "{at}: {error}");
    }
    for at in (8..xls.len()).step_by(211) {
        let folder = Folder::new("excel");
        folder.write("t.xls", &xls[..at]);
        if let Ok(mut source) = configured(&folder, &[]).open(&table("t.xls"), None) {
            while let Ok(Some(_)) = source.next_batch(10) {}
        }
    }
}

/// A text as a cell can hold it.
fn text() -> impl Strategy<Value = String> {
    let sound = |c: &char| !matches!(c, '\0' | '\u{FFFD}' | '\u{FFFE}' | '\u{FFFF}') && !c.is_control();
    let character = prop_oneof![
        4 => proptest::sample::select(vec!['a', '0', ' ', '"', '<', '&', '\n', '\r', '_', 'x', '=', '\u{3000}']),
        4 => proptest::char::range('\u{4E00}', '\u{9FFF}'),
        1 => any::<char>().prop_filter("a character of XML", sound),
    ];
    proptest::collection::vec(character, 1..12).prop_map(String::from_iter)
}

#[derive(Debug, Clone)]
enum Written {
    Nothing,
    Text(String),
    Whole(i64),
    Share(i64),
    Day(u32),
    Truth(bool),
}

fn written() -> impl Strategy<Value = Written> {
    prop_oneof![
        1 => Just(Written::Nothing),
        4 => text().prop_map(Written::Text),
        2 => (-999_999_999_999_999i64..1_000_000_000_000_000).prop_map(Written::Whole),
        1 => (-1_000_000i64..1_000_000).prop_map(Written::Share),
        1 => (1u32..60_000).prop_map(Written::Day),
        1 => any::<bool>().prop_map(Written::Truth),
    ]
}

impl Written {
    fn write(&self, sheet: &mut Worksheet, row: u32, column: u16, date: &Format) {
        match self {
            Self::Nothing => return,
            Self::Text(text) => sheet.write_string(row, column, text).map(drop),
            Self::Whole(number) => sheet.write_number(row, column, *number as f64).map(drop),
            Self::Share(number) => sheet.write_number(row, column, *number as f64 / 100.0).map(drop),
            Self::Day(day) => sheet.write_number_with_format(row, column, *day, date).map(drop),
            Self::Truth(truth) => sheet.write_boolean(row, column, *truth).map(drop),
        }
        .unwrap();
    }

    fn shown(&self) -> Cell {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(text.clone()),
            Self::Whole(number) => Some(number.to_string()),
            Self::Share(number) => {
                Some((*number as f64 / 100.0).to_string()).map(|text| if text == "-0" { "0".into() } else { text })
            }
            Self::Day(60) => some("1900-02-29"),
            Self::Day(day) => {
                let first = if *day < 60 { jiff::civil::date(1899, 12, 31) } else { jiff::civil::date(1899, 12, 30) };
                Some((first + jiff::Span::new().days(i64::from(*day))).to_string())
            }
            Self::Truth(truth) => Some(if *truth { "TRUE" } else { "FALSE" }.to_owned()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_matrix_written_comes_back(
        rows in proptest::collection::vec(proptest::collection::vec(written(), 3), 0..20),
        max_rows in 1usize..8,
    ) {
        let date = Format::new().set_num_format("yyyy-mm-dd");
        let bytes = book(|sheet| {
            grid(sheet, &[&["序", "甲", "乙", "丙"]]);
            for (row, cells) in rows.iter().enumerate() {
                sheet.write_string(row as u32 + 1, 0, format!("n{row}")).unwrap();
                for (column, cell) in cells.iter().enumerate() {
                    cell.write(sheet, row as u32 + 1, column as u16 + 1, &date);
                }
            }
        });
        let folder = Folder::new("excel");
        folder.write("t.xlsx", &bytes);
        let configured = configured(&folder, &[]);
        let mut source = configured.open(&table("t.xlsx"), None).unwrap();
        let reading = drain(&mut *source, max_rows);
        let expected: Vec<Vec<Cell>> = rows
            .iter()
            .enumerate()
            .map(|(row, cells)| std::iter::once(Some(format!("n{row}"))).chain(cells.iter().map(Written::shown)).collect())
            .collect();
        prop_assert_eq!(reading.columns, ["序", "甲", "乙", "丙"]);
        prop_assert_eq!(reading.rows, expected);
        prop_assert_eq!(reading.faults, []);
        prop_assert!(source.is_complete());
    }

    #[test]
    fn no_damage_whatever_stops_the_reader(
        old in any::<bool>(),
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = if old {
            include_bytes!("../../data/xls/kinds.xls").to_vec()
        } else {
            raw("", "<row><c t=\"inlineStr\"><is><t>a</t></is></c></row><row><c><v>1</v></c></row>")
        };
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = Folder::new("excel");
        folder.write("t.xlsx", &bytes);
        if let Ok(mut source) = configured(&folder, &[]).open(&table("t.xlsx"), None) {
            while let Ok(Some(_)) = source.next_batch(10) {}
        }
    }
}
