//! One table in every encoding and format that a school keeps it in: the records are the same, byte for byte.

use std::sync::Arc;

use encoding_rs::GB18030;
use rust_xlsxwriter::Workbook;
use serde_json::json;
use xiaoshu::normalize::{LookupAnswers, MappingContext, MappingDocument, MappingPlan};
use xiaoshu::record::{Namespace, canonical_json};
use xiaoshu::source::{ReadSpec, SourceBatch};
use xiaoshu::standard::{EditionId, Standard};

use super::fixtures::{Fixture, Folder, MysqlDatabase};
use super::{Configured, table};

const ROWS: [[&str; 4]; 4] = [
    ["课程号", "课程名称", "总学时", "备注"],
    ["K001", "买买提·艾力的课", "64", "第一行\n第二行"],
    ["K002", "職業教育（上）䶮", "32", ""],
    ["0003", "Müller 入门", "16", "\u{3000}全角空格\u{3000}"],
];

const MAPPING: &str = r#"table = "ODS_KCJBSJ"
source = "jw"
mode = "file"
read.object = "t"
[fields]
KCH = "课程号"
KCMC = "课程名称"
KCLXM = { value = "1" }
KCSXM = { value = "1" }
KCXZM = { value = "1" }
JXJHGDKSS = "总学时"
SJJXKSS = { value = "8" }
XNFZSXKSS = { value = "0" }
SFKZRTKC = { value = "0" }
SFXQHZKFKC = { value = "0" }
SFYXSKC = { value = "0" }
SFKCSZSFKC = { value = "0" }
"#;

/// The records that a reading gives, as they are kept.
fn records(configured: &Configured<'_>, read: &ReadSpec) -> Vec<Vec<u8>> {
    let standard = Standard::load(&EditionId::new("gaozhi-2024.09"), None).unwrap();
    let context = MappingContext {
        school_code: "4111010001".into(),
        namespace: Namespace { name: "4111010001".into(), secret: Arc::from([7u8; 32]) },
        system: "XT01".into(),
        missing: MappingContext::default_missing(),
        adopted: None,
    };
    let document = MappingDocument::parse("m.toml", MAPPING).unwrap();
    let mut source = configured.open(read, None).unwrap();
    let plan = MappingPlan::compile(&document, &standard, source.columns(), context).unwrap();
    let mut found = Vec::new();
    while let Some(batch) = source.next_batch(10).unwrap() {
        assert_eq!(cells(&batch), ROWS[1..].iter().map(|row| row.map(str::to_owned)).collect::<Vec<_>>());
        let done = plan.apply(&batch, "20251231 080000", &LookupAnswers::new());
        for record in done.batch.iter() {
            assert!(done.findings.of(record.index()).is_empty(), "{:?}", done.findings.of(record.index()));
            let mut bytes = Vec::new();
            canonical_json(&record, &mut bytes);
            found.push(bytes);
        }
    }
    assert_eq!(found.len(), 3);
    found
}

fn cells(batch: &SourceBatch) -> Vec<[String; 4]> {
    assert!(batch.faults().is_empty(), "{:?}", batch.faults());
    let at = |row, name: &str| {
        let column = batch.columns().iter().position(|column| &*column.name == name).unwrap();
        batch.cell(row, column).unwrap_or_default().to_owned()
    };
    (0..batch.len()).map(|row| ROWS[0].map(|name| at(row, name))).collect()
}

fn text() -> String {
    ROWS.iter().map(|row| row.map(|cell| format!("\"{cell}\"")).join(",") + "\r\n").collect()
}

fn of_text(bytes: &[u8]) -> Vec<Vec<u8>> {
    let folder = Folder::new("csv");
    folder.write("t.csv", bytes);
    records(&Configured { kind: "csv", settings: folder.settings(), base: folder.base() }, &table("t.csv"))
}

fn of_workbook(name: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    let folder = Folder::new("excel");
    folder.write(name, bytes);
    records(&Configured { kind: "excel", settings: folder.settings(), base: folder.base() }, &table(name))
}

#[test]
fn files_in_every_encoding_and_format_give_the_same_records() {
    let expected = of_text(text().as_bytes());
    let text = text();
    let (gb, _, lost) = GB18030.encode(&text);
    assert!(!lost);
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [
        [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        gb.to_vec(),
        [b"\x84\x31\x95\x33", &*gb].concat(),
        little.clone(),
        [b"\xFF\xFE", &*little].concat(),
        big.clone(),
        [b"\xFE\xFF", &*big].concat(),
    ] {
        assert_eq!(of_text(&bytes), expected);
        // The same under a workbook's name.
        assert_eq!(of_workbook("t.xls", &bytes), expected);
    }
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, cells) in ROWS.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            match cell.parse::<f64>() {
                Ok(number) if column == 2 => sheet.write_number(row as u32, column as u16, number).map(drop),
                _ => sheet.write_string(row as u32, column as u16, *cell).map(drop),
            }
            .unwrap();
        }
    }
    assert_eq!(of_workbook("t.xlsx", &workbook.save_to_buffer().unwrap()), expected);
    assert_eq!(of_workbook("t.xls", include_bytes!("../../data/xls/encodings.xls")), expected);
}

#[test]
fn a_database_with_gbk_in_latin1_columns_gives_the_records_of_the_file() {
    let database = MysqlDatabase::new();
    let hex = |text: &str| GB18030.encode(text).0.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let mut sql = "CREATE TABLE t (no INT AUTO_INCREMENT PRIMARY KEY, 课程号 VARCHAR(20), \
        课程名称 VARCHAR(60) CHARACTER SET latin1, 总学时 INT, 备注 VARCHAR(60) CHARACTER SET latin1);"
        .to_owned();
    for [number, name, hours, remark] in &ROWS[1..] {
        let (name, remark) = (hex(name), hex(remark));
        sql.push_str(&format!(
            "INSERT INTO t (课程号, 课程名称, 总学时, 备注) VALUES ('{number}', x'{name}', {hours}, x'{remark}');"
        ));
    }
    database.run(&sql);
    let mut settings = database.settings();
    settings["reinterpret"] = json!("gb18030");
    let read = ReadSpec { order_by: vec!["no".into()], ..table("t") };
    let found = records(&Configured { kind: "mysql", settings, base: database.base() }, &read);
    assert_eq!(found, of_text(text().as_bytes()));
}
