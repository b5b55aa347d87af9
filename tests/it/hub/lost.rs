//! Logs of changes that are lost: everything is read instead, and `status` says why until the log is read again.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use xiaoshu::app::{self, NoticeLine};

use super::binlog;
use super::school::School;
use crate::sources::mariadb::Mariadb;
use crate::sources::postgres_log::Cluster;

/// What is said of sources.
fn notices(school: &School) -> Vec<NoticeLine> {
    let answer = app::status(&school.context()).expect("a status");
    answer.notices.into_iter().filter(|notice| notice.source.is_some()).collect()
}

/// The only thing said, which is about the source `jw`.
fn trouble(school: &School) -> NoticeLine {
    let mut all = notices(school);
    let one = all.pop().expect("something is said");
    assert!(all.is_empty(), "{all:?}");
    assert_eq!((one.kind, one.source.as_deref(), one.upstream.as_deref()), ("trouble", Some("jw"), None));
    assert_eq!(one.table.as_deref(), Some("ODS_KCJBSJ"));
    assert!(one.since.is_some() && !one.text.zh.is_empty());
    one
}

/// What the program prints.
fn printed(school: &School, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    let done = command.arg("status").args(args).arg("--settings").arg(school.path("xiaoshu.toml")).output().expect("run");
    String::from_utf8(done.stdout).expect("UTF-8")
}

fn round(school: &School) {
    school.clock.advance(Duration::from_secs(60));
    let answer = school.round();
    assert!(answer.runs.iter().all(|run| run.error.is_none()), "{:?}", answer.runs);
}

#[test]
fn a_purged_binary_log_is_told_of_until_the_log_is_read_again() {
    let server = Mariadb::logging(&[]);
    let school = binlog::school(&server, 30);
    round(&school);
    round(&school);
    assert_eq!(notices(&school), []);
    server.run("UPDATE course SET 总学时 = 32; RESET MASTER");
    round(&school);
    let first = trouble(&school);
    let (zh, en) = (printed(&school, &["--lang", "zh"]), printed(&school, &["--lang", "en"]));
    assert!(zh.contains("数据源：需要留意") && zh.contains(&first.text.zh), "{zh}");
    assert!(en.contains("Sources: to be looked at") && en.contains("jw ODS_KCJBSJ  trouble"), "{en}");
    let json: Value = serde_json::from_str(&printed(&school, &["--json"])).expect("JSON");
    let said = json["notices"].as_array().expect("a list").iter().find(|notice| notice["source"] == "jw").expect("said");
    assert_eq!(said["text"]["en"], *first.text.en);
    // The log has been marked anew, and is read by the next run.
    round(&school);
    assert_eq!(notices(&school), []);
}

#[test]
fn a_right_that_was_taken_away_is_told_of_as_long_as_it_is_missing() {
    let server = Mariadb::logging(&[]);
    let mut school = binlog::school(&server, 30);
    server.run("CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reader-1'; GRANT SELECT ON jw.* TO reader@'127.0.0.1'");
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    school.write("xiaoshu.toml", &settings.replace("user = \"xiaoshu\"", "user = \"reader\""));
    school.write("jw_password", "reader-1");
    let school = &mut school;
    round(school);
    let first = trouble(school);
    assert!(first.text.en.contains("grant REPLICATION"), "{first:?}");
    round(school);
    assert_eq!(trouble(school), first, "said from the first run on, since when it began");
    server.run("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO reader@'127.0.0.1'");
    round(school);
    round(school);
    assert_eq!(notices(school), []);
}

#[test]
fn a_slot_that_is_gone_is_told_of_until_the_log_is_read_again() {
    let cluster = Cluster::start("lost");
    cluster.run(
        "CREATE TABLE course (课程号 text PRIMARY KEY, 课程名称 text, 总学时 int);
         INSERT INTO course SELECT 'K' || lpad(n::text, 4, '0'), '课程' || n, 16 FROM generate_series(1, 30) AS n;
         CREATE ROLE reader LOGIN REPLICATION; GRANT SELECT ON course TO reader; CREATE PUBLICATION xiaoshu FOR TABLE course",
    );
    let own = cluster.settings();
    let source = format!(
        "kind = \"postgres\"\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"postgres\"\nuser = \"reader\"\ntls = \"disable\"\n\
         log.max_retained = 16",
        own["port"]
    );
    let school = binlog::school_of(&source);
    round(&school);
    round(&school);
    assert_eq!(notices(&school), []);
    cluster.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    round(&school);
    assert!(trouble(&school).text.en.contains("was dropped"));
    round(&school);
    assert_eq!(notices(&school), []);
    // Over its budget the hub drops the slot itself, and leaves the log alone for a day.
    cluster.run("SELECT pg_logical_emit_message(false, 'much', repeat('x', 1000000)) FROM generate_series(1, 40)");
    for _ in 0..3 {
        round(&school);
        assert!(trouble(&school).text.en.contains("after a day"));
    }
}
