//! What the table itself does not hold: joins by row ids, look-ups by name, lists of codes, groups, timetables.

use std::path::Path;

use tempfile::TempDir;
use xiaoshu::propose::{Outcome, Proposal, Through, propose};
use xiaoshu::source::load_script;

use super::{shapes, standard};

fn proposal(style: &str) -> Proposal {
    let (standard, terms) = standard();
    propose(standard, terms, &shapes(style))
}

/// The active line of a field: its column, and how it is reached.
fn line(proposal: &Proposal, table: &str, field: &str) -> Option<(String, Option<Through>)> {
    let table = proposal.tables.iter().find(|own| &*own.plan.name == table)?;
    let own = table.fields.iter().find(|own| &*table.plan.field(own.field).name == field)?;
    let active = own.outcome == Outcome::Active;
    active.then(|| (own.column.as_ref().expect("a column").column.clone(), own.through.clone()))
}

fn joined(table: &str, key: &str, column: &str) -> Option<Through> {
    Some(Through::Join { table: table.into(), key: key.into(), column: column.into() })
}

#[test]
fn row_ids_are_joined_to_the_numbers_that_are_wanted() {
    let cloud = proposal("cloud");
    // No foreign key is declared there: names and values tell.
    assert_eq!(line(&cloud, "CORE_XS", "SZBH"), Some(("class_id".into(), joined("edu_class", "class_id", "class_code"))));
    assert_eq!(
        line(&cloud, "CORE_BJ", "BZRGH"),
        Some(("head_teacher_id".into(), joined("edu_teacher", "teacher_id", "work_no")))
    );
    assert_eq!(line(&cloud, "CORE_KC", "KKDW"), Some(("dept_id".into(), joined("sys_dept", "dept_id", "dept_code"))));
    // Here it is declared.
    let affairs = proposal("affairs");
    assert_eq!(line(&affairs, "CORE_XS", "SZBH"), Some(("bj_id".into(), joined("xg_class", "id", "bjbh"))));
}

#[test]
fn names_of_things_are_looked_up_for_their_numbers() {
    let looked = line(&proposal("cloud"), "ODS_SXJCSJ", "ZYH");
    let (column, through) = looked.expect("a line");
    assert_eq!(column, "major_name");
    let Some(Through::Lookup { matching, give, .. }) = through else { panic!("no look-up: {through:?}") };
    assert_eq!((matching.as_str(), give.as_str()), ("ZYMC", "ZYH"));
}

fn codes(proposal: &Proposal, table: &str, column: &str) -> Vec<(String, Option<String>)> {
    let table = proposal.tables.iter().find(|own| &*own.plan.name == table).expect("the table");
    let field = table.fields.iter().find(|own| own.column.as_ref().is_some_and(|own| own.column == column));
    let codes = field.and_then(|own| own.codes.as_ref()).expect("codes");
    codes.values.iter().map(|own| (own.value.clone(), own.code.clone())).collect()
}

#[test]
fn lists_of_codes_in_the_source_say_what_own_codes_mean() {
    let of = |value: &str, code: &str| (value.to_owned(), Some(code.to_owned()));
    // sys_dict_data: 0 男, 1 女; the standard's codes are 1 男, 2 女.
    let sexes = codes(&proposal("cloud"), "CORE_XS", "sex");
    assert!(sexes.contains(&of("0", "1")) && sexes.contains(&of("1", "2")), "{sexes:?}");
    // A table a list: dm_zzmm has 01 共青团员, 02 群众, which the standard numbers otherwise.
    let parties = codes(&proposal("affairs"), "CORE_XS", "zzmmdm");
    assert!(parties.contains(&of("01", "03")) && parties.contains(&of("02", "13")), "{parties:?}");
}

fn xiaoshu(folder: &Path, args: &[&str]) -> (Option<i32>, serde_json::Value) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    let output = command.current_dir(folder).args(args).arg("--json").output().expect("the program");
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {shown}")))
}

/// A school with a source of this style and the mappings that were proposed for it.
fn initiated(style: &str) -> (TempDir, serde_json::Value) {
    let folder = TempDir::new().expect("a folder");
    let script = std::fs::read_to_string(super::data(&format!("{style}.sql"))).expect("the script");
    load_script(&folder.path().join("own.db"), &script).expect("a database");
    let (status, answer) = xiaoshu(folder.path(), &["init", "--source", "own", "--file", "own.db"]);
    assert_eq!(status, Some(0), "{answer:#}");
    let settings = folder.path().join("xiaoshu.toml");
    let text = std::fs::read_to_string(&settings).expect("settings");
    std::fs::write(settings, text.replace("0000000000", "4199099998")).expect("filled in");
    (folder, answer)
}

fn checked(folder: &Path) {
    let (status, found) = xiaoshu(folder, &["check", "--connect"]);
    assert_eq!((status, found["faults"].as_array().map(Vec::len)), (Some(0), Some(0)), "{found:#}");
}

#[test]
fn every_proposed_file_passes_the_check_and_reads_what_it_joins() {
    for style in ["cloud", "affairs", "oracle", "library"] {
        let (folder, answer) = initiated(style);
        let tables = answer["tables"].as_array().expect("tables");
        assert!(tables.len() >= 8 && tables.iter().all(|table| table["done"] != "faulty"), "{style}: {answer:#}");
        checked(folder.path());
        if style == "cloud" {
            let (_, tried) = xiaoshu(folder.path(), &["try", "CORE_KC", "--rows", "3"]);
            // The first course belongs to the department of row id 103, whose number is D04.
            assert!(tried.to_string().contains(r#"["KKDW","D04"]"#), "{tried:#}");
        }
    }
}

#[test]
fn single_rows_are_counted_by_a_draft_that_a_person_puts_to_use() {
    let (folder, answer) = initiated("affairs");
    let drafts = answer["drafts"].as_array().expect("drafts");
    assert_eq!(drafts.len(), 1, "{answer:#}");
    assert_eq!((&drafts[0]["table"], &drafts[0]["object"]), (&"ODS_XLZXJLSJ".into(), &"xg_psy_talk".into()));
    let draft = folder.path().join("mappings/ODS_XLZXJLSJ.toml.draft");
    let used = folder.path().join("mappings/ODS_XLZXJLSJ.toml");
    assert!(draft.is_file() && !used.exists());
    // As it lies there it changes nothing; in use it passes.
    checked(folder.path());
    std::fs::rename(&draft, &used).expect("renamed");
    checked(folder.path());
    assert!(std::fs::read_to_string(&used).expect("text").contains("[groups]"));
}

#[test]
fn the_proposed_timetable_passes_when_it_is_put_to_use() {
    let (folder, _) = initiated("cloud");
    let file = folder.path().join("mappings/ODS_PKSJ.toml");
    let text = std::fs::read_to_string(&file).expect("the mapping");
    let (before, section) = text.split_once("# [timetable]\n").expect("a section in a comment");
    let section: String = section.lines().take(5).map(|line| format!("{}\n", line.trim_start_matches("# "))).collect();
    assert!(section.contains("weeks = \"weeks\"") && section.contains("lesson = \"schedule_id\""), "{section}");
    let used = before.replace("SKRQ = { value = \"\" }", "SKRQ = \"date\"") + "[timetable]\n" + &section;
    std::fs::write(&file, used).expect("written");
    checked(folder.path());
}
