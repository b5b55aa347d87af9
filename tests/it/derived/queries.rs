//! Queries over the hub's own records: the example of the standard's README, the same on both stores.

use std::collections::BTreeMap;

use super::school::School;
use crate::hub::school::keep_in_postgres;

const LOGINS: &str = "table = \"ODS_TYYHRZDLSJ\"\nsource = \"ykt\"\nmode = \"file\"\n[read]\nobject = \"logins.csv\"\n[fields]\n\
    DLZH = \"账号\"\nJS = \"角色\"\nDLSJ = \"时间\"\nZHZTM = { value = \"1\" }\n[key]\nfields = [\"DLZH\", \"DLSJ\"]\n";

/// The mapping that the README shows.
fn example() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/README.md");
    let text = std::fs::read_to_string(path).expect("read");
    let blocks = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut shown = blocks.filter(|block| block.contains("source = \"hub\""));
    shown.next().expect("an example").to_owned()
}

fn sums(school: &School) -> Vec<BTreeMap<String, String>> {
    school.write("mappings/ODS_TYYHRZDLSJ.toml", LOGINS);
    school.write("mappings/ODS_XXHXTFWJLSJ.toml", &example());
    let row = |who: &str, role: &str, at: &str| format!("{who},{role},{at}\n");
    let rows: String = [
        row("t1", "教师", "2024-11-19 08:00:00"),
        row("s1", "学生", "2024-11-19 08:00:01"),
        row("s2", "学生", "2024-11-19 09:30:00"),
        row("s1", "学生", "2024-11-20 07:59:59"),
    ]
    .concat();
    school.write("ykt/logins.csv", &format!("账号,角色,时间\n{rows}"));
    let collected = school.collect();
    assert_eq!(collected.counts("ODS_XXHXTFWJLSJ"), (2, 2, 0));
    let mut landed = collected.landed("ODS_XXHXTFWJLSJ");
    landed.iter_mut().for_each(|row| drop(row.remove("SJCJSJ")));
    landed
}

#[test]
fn a_join_and_a_sum_run_as_the_readme_shows_them() {
    let rows = sums(&School::of(&["CORE_XTXX"]));
    let told: Vec<_> = rows.iter().map(|row| (&*row["XXHXTFWRQ"], &*row["XXHXTBH"], &*row["JSFWCS"], &*row["XSFWCS"])).collect();
    assert_eq!(told, [("20241119", "XT01", "1", "2"), ("20241120", "XT01", "0", "1")]);
}

#[test]
fn the_same_text_runs_over_postgres() {
    let school = School::of(&["CORE_XTXX"]);
    keep_in_postgres(&school.path(""));
    assert_eq!(sums(&school), sums(&School::of(&["CORE_XTXX"])));
}

#[test]
fn a_table_that_is_not_mapped_fails_the_run_unless_it_may_be_missing() {
    let school = School::of(&["CORE_XTXX"]);
    school.write("mappings/ODS_XXHXTFWJLSJ.toml", &example());
    let collected = school.collect();
    let error = collected.run("ODS_XXHXTFWJLSJ").and_then(|run| run.error.clone());
    assert!(error.is_some_and(|error| error.contains("ODS_TYYHRZDLSJ")), "the query names a table that is not there");
    drop(collected);
    school.edit("mappings/ODS_XXHXTFWJLSJ.toml", "[read]\n", "[read]\noptional = [\"ODS_TYYHRZDLSJ\"]\n");
    assert_eq!(school.collect().counts("ODS_XXHXTFWJLSJ"), (0, 0, 0));
}
