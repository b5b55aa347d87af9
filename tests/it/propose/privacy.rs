//! No value of a person leaves the proposals, whatever columns are called and however few values there are.

use proptest::prelude::*;
use xiaoshu::propose::{mapping_file, propose};
use xiaoshu::source::{ColumnKind, ColumnShape, Samples, TableShape};

use super::{PLACE, standard};

/// Values that are persons': names, identity numbers (born when nobody was yet), telephones, mail, addresses, numbers.
fn personal() -> impl Strategy<Value = String> {
    let family = prop::sample::select(vec!["赵", "钱", "孙", "李", "周", "吴", "郑", "王", "高", "党"]);
    let given = prop::sample::select(vec!["伟", "子涵", "建国", "欣怡", "晓燕", "志强"]);
    prop_oneof![
        (family, given).prop_map(|(family, given)| format!("{family}{given}")),
        (0u32..28, 0u32..999).prop_map(|(day, serial)| identity(day + 1, serial)),
        (30_000_000u64..99_999_999).prop_map(|tail| format!("138{tail}")),
        (0u32..9999).prop_map(|n| format!("zhang{n}@school.example.cn")),
        (1u32..400).prop_map(|n| format!("河南省郑州市文化路{n}号")),
        (0u32..9999).prop_map(|n| format!("2091{n:06}")),
    ]
}

fn identity(day: u32, serial: u32) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let body = format!("410102209101{day:02}{serial:03}");
    let sum: u32 = body.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    format!("{body}{}", char::from(b"10X98765432"[(sum % 11) as usize]))
}

const NAMES: [(&str, Option<&str>); 12] = [
    ("xh", None),
    ("xm", Some("姓名")),
    ("status", Some("状态（0正常 1停用）")),
    ("sex", Some("性别")),
    ("xz", Some("学制")),
    ("type", Some("类别")),
    ("nation", Some("民族")),
    ("学生类别", None),
    ("xsdqzt", Some("学生当前状态")),
    ("jdfs", None),
    ("rxfs", Some("入学方式")),
    ("sfzjlx", Some("身份证件类型")),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_personal_value_is_written(pool in prop::collection::vec(personal(), 1..6), rows in 4usize..40, turn in 0usize..12) {
        let (standard, terms) = standard();
        let columns: Vec<ColumnShape> = NAMES
            .iter()
            .map(|(name, comment)| ColumnShape {
                name: (*name).into(),
                declared: "varchar(64)".into(),
                kind: ColumnKind::Text,
                nullable: None,
                comment: comment.map(str::to_owned),
            })
            .collect();
        let mut samples = Samples::new(columns.len());
        for row in 0..rows {
            // One column is what its name says, the others hold a few persons' values again and again.
            let cells: Vec<String> = (0..columns.len())
                .map(|at| if at == turn { "男".to_owned() } else { pool[(row + at) % pool.len()].clone() })
                .collect();
            samples.push(cells.iter().map(|cell| Some(cell.as_str())));
        }
        let shape = TableShape {
            name: "xs_xsxxb".into(),
            comment: Some("学生信息表".into()),
            rows: Some(rows as u64),
            columns,
            samples,
            ..TableShape::default()
        };
        let proposal = propose(standard, terms, &[shape]);
        let mut written = format!("{proposal:?}");
        for table in &proposal.tables {
            written.push_str(&mapping_file(table, &PLACE).unwrap_or_default());
        }
        for value in &pool {
            prop_assert!(!written.contains(value.as_str()), "a personal value of {} characters was written", value.chars().count());
        }
    }
}
