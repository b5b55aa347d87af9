//! What a check says of following the log.

use serde_json::json;
use xiaoshu::source::{Need, ReadSpec, SourcePlace, connector};

use super::super::mariadb::Mariadb;
use super::hub::{Cut, Hub};

fn needs(hub: &Hub) -> Vec<Need> {
    let name = "log".into();
    let place = SourcePlace { name: &name, settings: &hub.settings, base: std::path::Path::new("/") };
    let reads: [&ReadSpec; 1] = [&hub.read];
    connector("mysql").unwrap().needs(&place, &reads).unwrap()
}

/// Whether each need is met, in the order of the check.
fn met(hub: &Hub) -> Vec<Option<bool>> {
    needs(hub).iter().map(|need| need.ok).collect()
}

/// Says that the check tells of it, and that each run reads everything.
fn is_polled(hub: &mut Hub, word: &str) {
    let needs = needs(hub);
    let need = needs.iter().find(|need| need.ok == Some(false)).unwrap_or_else(|| panic!("{word}: {needs:?}"));
    assert!(need.found.en.contains(word) && need.remedy.is_some(), "{need:?}");
    assert!(!need.found.zh.is_ascii() && !need.remedy.as_ref().unwrap().zh.is_ascii(), "{need:?}");
    let (first, second) = (hub.catch_up(), hub.catch_up());
    assert!(first == second && first.len() == 1 && first[0].complete, "{first:?} {second:?}");
}

#[test]
fn a_table_that_can_be_followed_is_said_to_be() {
    let server = Mariadb::logging(&[]);
    super::numbered(&server, "xs", 3);
    assert_eq!(met(&Hub::new(&server, "xs", None)), [Some(true)]);
    assert_eq!(met(&Hub::new(&server, "jw.xs", None)), [Some(true)]);
    server.run("CREATE TABLE kc (id INT PRIMARY KEY, xs INT, FOREIGN KEY (xs) REFERENCES xs (id) ON DELETE SET NULL)");
    assert_eq!(met(&Hub::new(&server, "kc", None)), [Some(true), None], "foreign keys that act are told of");
    let mut quiet = Hub::new(&server, "xs", None);
    quiet.read.changes = None;
    assert_eq!(met(&quiet), [], "who does not follow the log needs nothing");
}

#[test]
fn tables_that_the_log_cannot_tell_of_are_read_whole_each_time() {
    let server = Mariadb::logging(&[]);
    server.run(
        "CREATE TABLE nokey (id INT, b INT NOT NULL UNIQUE); CREATE VIEW seen AS SELECT * FROM nokey;
         CREATE TABLE odd (id DOUBLE PRIMARY KEY); CREATE TABLE choice (id ENUM('a') PRIMARY KEY);
         CREATE TABLE versions (id INT PRIMARY KEY) WITH SYSTEM VERSIONING",
    );
    for (table, word) in [("odd", "id"), ("choice", "id"), ("versions", "no ordinary table")] {
        is_polled(&mut Hub::new(&server, table, None), word);
    }
    assert_eq!(met(&Hub::new(&server, "seen", None)), [Some(false)]);
    assert_eq!(met(&Hub::new(&server, "none", None)), [Some(false)]);
    let mut keyed = Hub::new(&server, "nokey", None);
    assert_eq!(met(&keyed), [Some(false)]);
    keyed.read.changes.as_mut().unwrap().key = vec!["B".into()];
    assert_eq!(met(&keyed), [Some(true)], "columns named by the mapping");
    server.run("SET GLOBAL binlog_row_image = MINIMAL");
    assert_eq!(met(&keyed), [Some(true), None], "whose columns may be left out");
}

#[test]
fn tables_of_servers_whose_log_cannot_be_followed_are_read_whole_each_time() {
    let silent = Mariadb::start(&["--skip-log-bin"]);
    super::numbered(&silent, "xs", 3);
    is_polled(&mut Hub::new(&silent, "xs", None), "no binary log");
    let statements = Mariadb::start(&["--log-bin=binlog", "--binlog-format=MIXED"]);
    super::numbered(&statements, "xs", 3);
    assert_eq!(met(&Hub::new(&statements, "xs", None)), [Some(true), None]);
    let filtered = Mariadb::logging(&["--binlog-ignore-db=jw"]);
    super::numbered(&filtered, "xs", 3);
    is_polled(&mut Hub::new(&filtered, "xs", None), "leaves the database jw out");
    let mut replica = Mariadb::logging(&[]);
    super::numbered(&replica, "xs", 3);
    replica.run("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'x', MASTER_PASSWORD = 'x'");
    is_polled(&mut Hub::new(&replica, "xs", None), "replica");
    replica.run("RESET SLAVE ALL");
    assert_eq!(met(&Hub::new(&replica, "xs", None)), [Some(true)]);
    replica.stop();
}

#[test]
fn rights_that_are_missing_are_asked_for() {
    let server = Mariadb::logging(&[]);
    super::numbered(&server, "xs", 3);
    server.run("CREATE USER 'r'@'127.0.0.1' IDENTIFIED BY 'reading'; GRANT SELECT ON jw.xs TO 'r'@'127.0.0.1'");
    let mut hub = Hub::new(&server, "xs", Some(1));
    (hub.settings["user"], hub.settings["password"]) = (json!("r"), json!("reading"));
    is_polled(&mut hub, "may not read the binary log");
    let sql = needs(&hub).last().unwrap().remedy.as_ref().unwrap().en.clone();
    assert!(sql.starts_with("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'r'@"), "{sql}");
    server.run(&sql.replace("<address of the hub>", "127.0.0.1"));
    assert_eq!(met(&hub), [Some(true)]);
    assert_eq!(hub.catch_up(), [super::whole(3)], "once more");
    server.run("UPDATE xs SET v = 2 WHERE id = 1");
    assert_eq!(hub.catch_up(), [super::some(1)], "followed from then on");
}

#[test]
fn the_line_of_the_log_is_encrypted_as_the_line_of_the_rows() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let encrypted = Mariadb::logging(&[
        &format!("--ssl-cert={}", file("cert.pem")),
        &format!("--ssl-key={}", file("key.pem")),
        &format!("--ssl-ca={}", file("cert.pem")),
        "--require-secure-transport=ON",
    ]);
    super::numbered(&encrypted, "xs", 3);
    for (tls, ca, expected) in [
        ("prefer", None, true),
        ("require", None, true),
        ("verify", Some("cert.pem"), true),
        ("verify", None, false),
        ("disable", None, false),
    ] {
        let mut hub = Hub::new(&encrypted, "xs", None);
        hub.settings["tls"] = json!(tls);
        if let Some(ca) = ca {
            hub.settings["tls_ca"] = json!(file(ca));
        }
        assert_eq!(hub.run(Cut::Never).is_ok(), expected, "{tls} {ca:?}");
        if expected {
            assert_eq!(hub.catch_up(), [super::some(0)], "{tls} {ca:?}");
        }
    }
    let plain = Mariadb::logging(&["--skip-ssl"]);
    super::numbered(&plain, "xs", 3);
    for (tls, expected) in [("prefer", true), ("disable", true), ("require", false)] {
        let mut hub = Hub::new(&plain, "xs", None);
        hub.settings["tls"] = json!(tls);
        assert_eq!(hub.run(Cut::Never).is_ok(), expected, "{tls}");
    }
}
