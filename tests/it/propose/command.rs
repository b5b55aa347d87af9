//! The command as a user types it.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use xiaoshu::source::load_script;

fn xiaoshu(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xiaoshu")).current_dir(folder).args(args).output().expect("the program")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn school(style: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let script = std::fs::read_to_string(super::data(&format!("{style}.sql"))).expect("the script");
    load_script(&folder.path().join("jw.db"), &script).expect("a database");
    folder
}

#[test]
fn from_nothing_to_mappings_that_the_check_takes() {
    let folder = school("english");
    let first = xiaoshu(folder.path(), &["init", "--source", "jw", "--file", "jw.db", "--json"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first));
    let answer: serde_json::Value = serde_json::from_slice(&first.stdout).expect("JSON");
    let tables = answer["tables"].as_array().expect("tables");
    assert!(tables.len() >= 10 && tables.iter().all(|table| table["done"] != "faulty"), "{answer:#}");
    let settings = std::fs::read_to_string(folder.path().join("xiaoshu.toml")).expect("settings");
    assert!(settings.contains("[sources.jw]"), "{settings}");
    // Keys are made of the school's code: nothing goes on before somebody has filled it in.
    for command in [&["check", "--json"][..], &["run", "--once", "--json"]] {
        let refused = xiaoshu(folder.path(), command);
        assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
        assert!(text(&refused).contains("the school's code has not been filled in"), "{}", text(&refused));
    }
    std::fs::write(folder.path().join("xiaoshu.toml"), settings.replace("0000000000", "4199099998")).expect("filled in");
    let check = xiaoshu(folder.path(), &["check", "--connect", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&check.stdout).expect("JSON");
    assert_eq!(found["faults"].as_array().map(Vec::len), Some(0), "{found:#}");
    assert_eq!(check.status.code(), Some(0), "{}", text(&check));
    let steps = found["steps"].as_array().expect("steps");
    let open = steps.iter().filter(|step| step["found"]["en"].as_str().is_some_and(|said| said.contains("have no source yet")));
    assert!(open.count() >= 5, "mandatory fields that nobody gives are named: {found:#}");
}

#[test]
fn files_that_are_there_are_kept_unless_told_otherwise() {
    let folder = school("initials");
    let first = xiaoshu(folder.path(), &["init", "--source", "jw", "--file", "jw.db", "--lang", "en"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first));
    let written: Vec<_> =
        std::fs::read_dir(folder.path().join("mappings")).expect("a folder").flatten().map(|e| e.path()).collect();
    let file = written.first().expect("a mapping");
    let own = format!("{}# mine\n", std::fs::read_to_string(file).expect("text"));
    std::fs::write(file, &own).expect("written");
    assert_eq!(xiaoshu(folder.path(), &["init"]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(file).expect("text"), own);
    assert_eq!(xiaoshu(folder.path(), &["init", "--force"]).status.code(), Some(0));
    assert_ne!(std::fs::read_to_string(file).expect("text"), own);
    // Where there are settings, flags that describe a source do not change them.
    assert_eq!(xiaoshu(folder.path(), &["init", "--file", "jw.db"]).status.code(), Some(2));
}

#[test]
fn files_are_known_by_their_names_and_columns() {
    let folder = TempDir::new().expect("a folder");
    let files = folder.path().join("files");
    std::fs::create_dir(&files).expect("a folder");
    let row = |i: usize, text: &str| text.replace('#', &i.to_string());
    for (name, header, line) in [
        ("2024级学生名单.csv", "学号,姓名,性别,出生日期,民族,年级", "20240#,测试#,男,2006/1/2,汉族,2024"),
        (
            "教师科研项目_20240901.csv",
            "项目编号,项目名称,负责人工号,项目级别,立项日期,结题日期",
            "KY#,项目#,T00#,省级,2023-03-01,2024-12-31",
        ),
        ("学生消费流水.csv", "学号,消费金额,消费时间,商户名称", "20240#,8.50,2024-10-0# 12:00:00,食堂"),
        ("教材台账.csv", "教材编号,教材名称,ISBN,主编,出版社,出版日期", "JC#,教材#,978700000000#,编者#,出版社#,2022-08-01"),
    ] {
        // Two days are all that a card's log of thirty rows is about.
        let rows: Vec<String> =
            (100..130).map(|i| row(i, &line.replace("0# 12", if i % 2 == 0 { "08 12" } else { "09 12" }))).collect();
        std::fs::write(files.join(name), format!("{header}\n{}\n", rows.join("\n"))).expect("written");
    }
    let init = xiaoshu(folder.path(), &["init", "--kind", "csv", "--file", "files", "--edition", "gaozhi-2024.09", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&init.stdout).expect("JSON");
    let tables = answer["tables"].as_array().expect("tables");
    let mut found: Vec<_> =
        tables.iter().filter_map(|table| Some((table["table"].as_str()?, table["object"].as_str()?))).collect();
    found.sort_unstable();
    let wanted =
        [("CORE_XS", "2024级学生名单.csv"), ("ODS_JCJBSJ", "教材台账.csv"), ("ODS_KYXMJBSJ", "教师科研项目_20240901.csv")];
    assert_eq!(found, wanted, "{answer:#}");
    // A row's amount must not be reported as the day's.
    let left = answer["left"].as_array().expect("what is left");
    let card = left.iter().find(|line| line["object"] == "学生消费流水.csv").expect("the card's log");
    assert!(card["why"]["en"].as_str().is_some_and(|why| why.contains("sums by the day")), "{card:#}");
}
