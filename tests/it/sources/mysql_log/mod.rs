//! The binary log of a real server: what it leads to, what it cannot tell, and what comes when it is gone.

mod histories;
mod hub;
mod needs;

use std::time::{Duration, Instant};

use serde_json::json;
use xiaoshu::fault::{Classified, FaultClass};

use super::mariadb::Mariadb;
use hub::{Cut, Hub, Ran};

/// A table of rows `1..=rows`, each with a version.
fn numbered(server: &Mariadb, table: &str, rows: u32) {
    server.run(&format!(
        "CREATE TABLE {table} (id INT PRIMARY KEY, v INT NOT NULL, name VARCHAR(40)) ENGINE=InnoDB;
         INSERT INTO {table} SELECT seq, 1, CONCAT('第', seq) FROM seq_1_to_{rows}"
    ));
}

fn some(rows: usize) -> Ran {
    Ran { rows, complete: false, more: false }
}

fn whole(rows: usize) -> Ran {
    Ran { rows, complete: true, more: false }
}

fn removal(rows: usize) -> Ran {
    Ran { rows, complete: false, more: true }
}

#[test]
fn only_rows_that_changed_are_read_and_a_removal_leads_to_a_whole_read() {
    let server = Mariadb::logging(&[]);
    numbered(&server, "xs", 50);
    numbered(&server, "kc", 50);
    let mut client = server.client();
    let mut hub = Hub::new(&server, "xs", Some(1));
    assert_eq!(hub.catch_up(), [whole(50)]);
    assert_eq!(hub.catch_up(), [some(0)], "nothing happened");
    client.run("UPDATE kc SET v = 2; ALTER TABLE kc ADD z INT; TRUNCATE kc");
    assert_eq!(hub.catch_up(), [some(0)], "another table");
    client.run("UPDATE xs SET v = 2 WHERE id IN (7, 8); UPDATE xs SET v = 3 WHERE id = 7; INSERT INTO xs VALUES (60, 1, NULL)");
    assert_eq!(hub.catch_up(), [some(3)], "each once");
    hub.assert_equals(&mut client, "changes");
    for (rows, sql) in [
        (50, "DELETE FROM xs WHERE id = 3"),
        (50, "UPDATE xs SET id = 70 WHERE id = 4"),
        (50, "SET STATEMENT lock_wait_timeout = 9 FOR ALTER TABLE xs ADD z INT NOT NULL DEFAULT 9"),
        (2, "TRUNCATE TABLE xs; INSERT INTO xs VALUES (1, 9, 'a', 0), (2, 9, 'b', 0)"),
        (1, "CREATE TABLE neu LIKE xs; INSERT INTO neu VALUES (5, 9, 'c', 0); RENAME TABLE xs TO alt, neu TO xs"),
    ] {
        client.run(sql);
        let ran = hub.catch_up();
        assert_eq!(ran.last(), Some(&whole(rows)), "{sql}");
        assert_eq!((ran.len(), ran[0]), (2, removal(0)), "{sql}");
        hub.assert_equals(&mut client, sql);
    }
    assert_eq!(hub.catch_up(), [some(0)], "then the log again");
}

#[test]
fn transactions_are_seen_when_they_are_committed_and_not_before() {
    let server = Mariadb::logging(&[]);
    numbered(&server, "xs", 10);
    let (mut client, mut long, mut prepared) = (server.client(), server.client(), server.client());
    let mut hub = Hub::new(&server, "xs", Some(1));
    long.run("BEGIN; UPDATE xs SET v = 2 WHERE id = 1");
    assert_eq!(hub.catch_up(), [whole(10)]);
    assert_eq!(hub.held["1"].0, 1, "begun before the mark and not committed");
    long.run("UPDATE xs SET v = 3 WHERE id = 1");
    assert_eq!(hub.catch_up(), [some(0)]);
    long.run("COMMIT");
    assert_eq!(hub.catch_up(), [some(1)]);
    assert_eq!(hub.held["1"].0, 3);
    client.run("BEGIN; UPDATE xs SET v = 9; DELETE FROM xs; ROLLBACK");
    assert_eq!(hub.catch_up(), [some(0)], "rolled back");
    // A prepared transaction is logged before anybody can see what it did.
    prepared.run("XA START 'a'; UPDATE xs SET v = 5 WHERE id = 2; XA END 'a'; XA PREPARE 'a'");
    hub.catch_up();
    assert_eq!(hub.held["2"].0, 1);
    prepared.run("XA COMMIT 'a'");
    hub.catch_up();
    hub.assert_equals(&mut client, "prepared and committed");
    assert_eq!(hub.held["2"].0, 5);
}

#[test]
fn what_foreign_keys_do_by_themselves_leads_to_a_whole_read() {
    let server = Mariadb::logging(&[]);
    let mut client = server.client();
    client.run(
        "CREATE TABLE xy (id INT PRIMARY KEY, n INT);
         CREATE TABLE bj (id INT PRIMARY KEY, xy INT, dm VARCHAR(9) UNIQUE, n INT, FOREIGN KEY (xy) REFERENCES xy (id) ON DELETE CASCADE);
         CREATE TABLE xs (id INT PRIMARY KEY, bj INT, dm VARCHAR(9), FOREIGN KEY (bj) REFERENCES bj (id) ON DELETE CASCADE,
            FOREIGN KEY (dm) REFERENCES bj (dm) ON UPDATE CASCADE);
         INSERT INTO xy VALUES (1, 0), (2, 0); INSERT INTO bj VALUES (1, 1, 'a', 0), (2, 2, 'b', 0), (3, 2, 'c', 0);
         INSERT INTO xs VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')",
    );
    let mut hub = Hub::new(&server, "xs", None);
    hub.catch_up();
    client.run("UPDATE bj SET n = 1; UPDATE xy SET n = 1; INSERT INTO bj VALUES (9, 1, 'z', 0)");
    assert_eq!(hub.catch_up(), [some(0)], "nothing that a foreign key acts on");
    for (rows, sql) in
        [(3, "UPDATE bj SET dm = 'A' WHERE id = 1"), (2, "DELETE FROM bj WHERE id = 3"), (1, "DELETE FROM xy WHERE id = 2")]
    {
        client.run(sql);
        assert_eq!(hub.catch_up(), [removal(0), whole(rows)], "{sql}");
        hub.assert_equals(&mut client, sql);
    }
}

#[test]
fn keys_of_every_type_lead_to_their_rows() {
    let server = Mariadb::logging(&[]);
    let mut client = server.client();
    for (at, (declared, values)) in [
        ("TINYINT", "-3"),
        ("SMALLINT UNSIGNED", "65535"),
        ("MEDIUMINT", "-8388608"),
        ("INT UNSIGNED ZEROFILL", "4294967295"),
        ("BIGINT UNSIGNED", "18446744073709551615"),
        ("BIGINT", "-9223372036854775808"),
        ("DECIMAL(20,4)", "-1234567890.05"),
        ("DECIMAL(18,0)", "123456789012345678"),
        ("YEAR", "2023"),
        ("DATE", "'2023-09-01'"),
        ("DATETIME", "'2023-09-01 08:30:00'"),
        ("DATETIME(3)", "'2023-09-01 08:30:00.125'"),
        ("TIMESTAMP(6) NOT NULL DEFAULT '2000-01-01'", "'2023-09-01 08:30:00.000001'"),
        ("VARCHAR(40)", "'学生''\\\\`\"𫖯'"),
        ("CHAR(40)", "'a b'"),
        ("CHAR(255)", "REPEAT('学', 200)"),
        ("VARCHAR(40) CHARACTER SET gbk", "'学号'"),
        ("VARCHAR(40) CHARACTER SET latin1", "'Müller'"),
        ("VARCHAR(40) CHARACTER SET utf16", "'学号'"),
        ("VARCHAR(40) COLLATE utf8mb4_bin", "'Ab'"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("k{at}");
        client.run(&format!(
            "CREATE TABLE {table} (long_text TEXT, k {declared}, second INT, document JSON, bits BIT(9), e ENUM('a','b'), v INT,
                PRIMARY KEY (k, second));
             SET time_zone = '+08:00'; INSERT INTO {table} VALUES (REPEAT('x', 300), {values}, 1, '{{}}', 5, 'b', 1)"
        ));
        let mut hub = Hub::new(&server, &table, None);
        assert_eq!(hub.catch_up(), [whole(1)], "{declared}");
        client.run(&format!("UPDATE {table} SET v = 2"));
        assert_eq!(hub.catch_up(), [some(1)], "{declared}");
        hub.settings["time_zone"] = json!("+02:00");
        client.run(&format!("UPDATE {table} SET v = 3"));
        assert_eq!(hub.catch_up(), [some(1)], "{declared} in another zone");
        let last = hub.held.values().next().unwrap().1[6].clone();
        assert_eq!(last.as_deref(), Some("3"), "{declared}");
    }
}

#[test]
fn the_log_is_understood_in_all_ways_that_it_is_written() {
    for options in [
        &["--log-bin-compress=ON", "--log-bin-compress-min-len=10"][..],
        &["--binlog-row-image=MINIMAL"],
        &["--binlog-row-image=NOBLOB", "--binlog-checksum=NONE"],
        &["--binlog-row-metadata=FULL", "--binlog-annotate-row-events=ON", "--binlog-checksum=CRC32"],
    ] {
        let server = Mariadb::logging(options);
        numbered(&server, "xs", 30);
        let mut client = server.client();
        let mut hub = Hub::new(&server, "xs", Some(1));
        hub.catch_up();
        client.run("UPDATE xs SET v = 2, name = REPEAT('很长', 10) WHERE id < 5; INSERT INTO xs (id, v) VALUES (99, 1)");
        assert_eq!(hub.catch_up(), [some(5)], "{options:?}");
        client.run("UPDATE xs SET v = 3 WHERE id > 3 /* a statement that is long enough to be packed by the server */");
        assert_eq!(hub.catch_up(), [some(28)], "{options:?}");
        client.run("ALTER TABLE xs COMMENT 'a statement that is long enough to be packed by the server', ADD z INT");
        assert_eq!(hub.catch_up().len(), 2, "{options:?}");
        hub.assert_equals(&mut client, &format!("{options:?}"));
    }
}

#[test]
fn logged_statements_lead_to_whole_reads() {
    let server = Mariadb::start(&["--log-bin=binlog", "--binlog-format=STATEMENT"]);
    numbered(&server, "xs", 10);
    numbered(&server, "kc", 10);
    let mut client = server.client();
    client.run("CREATE TRIGGER t AFTER UPDATE ON kc FOR EACH ROW UPDATE xs SET v = v + 1 WHERE id = NEW.id");
    let mut hub = Hub::new(&server, "xs", Some(1));
    hub.catch_up();
    client.run("UPDATE kc SET v = 2 WHERE id = 5");
    assert_eq!(hub.catch_up(), [removal(0), whole(10)]);
    hub.assert_equals(&mut client, "by a trigger of another table");
}

#[test]
fn a_log_that_is_gone_is_replaced_by_a_whole_read_and_followed_again() {
    let mut server = Mariadb::logging(&[]);
    numbered(&server, "xs", 40);
    let mut client = server.client();
    let mut hub = Hub::new(&server, "xs", Some(1));
    hub.catch_up();
    client.run("DELETE FROM xs WHERE id = 1; FLUSH BINARY LOGS; FLUSH BINARY LOGS");
    let last = client.rows("SHOW BINARY LOGS").last().unwrap()[0].clone();
    let began = Instant::now();
    // A file stays until the engine has made safe what is in it.
    while client.rows("SHOW BINARY LOGS").len() > 1 {
        assert!(began.elapsed() < Duration::from_secs(60), "the server keeps its log");
        client.run(&format!("PURGE BINARY LOGS TO '{last}'"));
    }
    assert_eq!(hub.catch_up(), [whole(39)], "purged");
    hub.assert_equals(&mut client, "purged");
    client.run("UPDATE xs SET v = 2 WHERE id = 7");
    assert_eq!(hub.catch_up(), [some(1)], "the log again");
    client.run("DELETE FROM xs WHERE id = 2; RESET MASTER; UPDATE xs SET v = 3 WHERE id = 8");
    assert_eq!(hub.catch_up(), [whole(38)], "another log");
    hub.assert_equals(&mut client, "another log");
    client.close();
    // The same files under another server's name.
    server.stop();
    let place = server.folder().join("data");
    assert!(place.join("binlog.000001").exists());
    let other = Mariadb::logging(&["--server-id=8"]);
    numbered(&other, "xs", 3);
    hub.settings = other.settings();
    assert_eq!(hub.catch_up(), [whole(3)], "another server");
}

#[test]
fn more_log_than_the_budget_allows_is_not_read() {
    let server = Mariadb::logging(&[]);
    numbered(&server, "xs", 10);
    numbered(&server, "kc", 10);
    let mut client = server.client();
    let mut hub = Hub::new(&server, "xs", Some(1));
    hub.settings["log"] = json!({ "max_read": 1 });
    hub.catch_up();
    let much = "UPDATE kc SET name = v, v = v + 1; INSERT INTO kc SELECT seq, 1, REPEAT('x', 40) FROM seq_100_to_40000; DELETE FROM kc WHERE id >= 100";
    client.run(much);
    client.run("UPDATE xs SET v = 2 WHERE id = 1");
    assert_eq!(hub.catch_up(), [whole(10)], "over the budget");
    hub.assert_equals(&mut client, "over the budget");
    client.run("UPDATE xs SET v = 3 WHERE id = 1");
    assert_eq!(hub.catch_up(), [some(1)], "the log again");
    hub.settings["log"] = json!({ "max_read": 100 });
    client.run(much);
    assert_eq!(hub.catch_up(), [some(0)], "within the budget");
}

#[test]
fn many_changes_come_in_parts_that_end_with_a_transaction() {
    let server = Mariadb::logging(&[]);
    server.run("CREATE TABLE xs (id INT PRIMARY KEY, v INT NOT NULL)");
    let mut client = server.client();
    let mut hub = Hub::new(&server, "xs", Some(1));
    hub.catch_up();
    for part in 0..5 {
        let (from, to) = (part * 10_000 + 1, part * 10_000 + 10_000);
        client.run(&format!("INSERT INTO xs SELECT seq, 1 FROM seq_{from}_to_{to}"));
    }
    assert_eq!(hub.catch_up(), [removal(20_000), removal(20_000), some(10_000)]);
    hub.assert_equals(&mut client, "in parts");
    client.run("INSERT INTO xs SELECT seq, 1 FROM seq_100001_to_190000");
    assert_eq!(hub.catch_up(), [removal(0), whole(140_000)], "one transaction that is larger than what is worth it");
}

#[test]
fn a_restored_store_takes_the_log_up_where_it_was() {
    let server = Mariadb::logging(&[]);
    numbered(&server, "xs", 20);
    let mut client = server.client();
    let mut hub = Hub::new(&server, "xs", Some(1));
    hub.catch_up();
    let backup = hub.backup();
    client.run("UPDATE xs SET v = 2 WHERE id = 1; FLUSH BINARY LOGS; DELETE FROM xs WHERE id = 2");
    hub.catch_up();
    client.run("UPDATE xs SET v = 3 WHERE id IN (1, 4)");
    hub.catch_up();
    hub.restore(backup);
    hub.catch_up();
    hub.assert_equals(&mut client, "restored");
}

#[test]
fn the_same_log_of_another_server_is_not_gone_on_with() {
    let server = Mariadb::logging(&[]);
    numbered(&server, "xs", 20);
    let mut client = server.client();
    let mut hub = Hub::new(&server, "xs", Some(1));
    hub.catch_up();
    client.run("SET GLOBAL server_id = 4711");
    assert_eq!(hub.catch_up(), [whole(20)], "a copy, from wherever it was taken");
    assert_eq!(hub.catch_up(), [some(0)], "then its own log");
}

#[test]
fn nothing_is_lost_whatever_stops_at_whatever_boundary() {
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Server {
        Stays,
        Stops,
        Dies,
    }
    let mut server = Mariadb::logging(&[]);
    let mut version = 1;
    for (round, stop) in [Server::Stays, Server::Stops, Server::Dies].into_iter().enumerate() {
        for (at, cut) in [Cut::Opened, Cut::Read(0), Cut::Read(1), Cut::Landed(1), Cut::Ended, Cut::Never].into_iter().enumerate()
        {
            // First a whole read is cut off there, then one of what changed.
            let table = format!("b{round}{at}");
            numbered(&server, &table, 50);
            let mut hub = Hub::new(&server, &table, Some(1));
            for part in ["whole", "changes"] {
                let about = format!("{stop:?} {cut:?} {part}");
                hub.run(cut).unwrap();
                version += 1;
                server.run(&format!(
                    "UPDATE {table} SET v = {version} WHERE id BETWEEN 5 AND 45; INSERT INTO {table} VALUES ({version} + 1000, {version}, '')"
                ));
                match stop {
                    Server::Stays => {}
                    Server::Stops => server.stop(),
                    Server::Dies => server.kill(),
                }
                if stop != Server::Stays {
                    let error = hub.run(Cut::Never).expect_err("nobody there");
                    assert_eq!(error.fault_class(), FaultClass::Transient, "{error}");
                    server.resume();
                }
                hub.catch_up();
                hub.assert_equals(&mut server.client(), &about);
                version += 1;
                server.run(&format!("UPDATE {table} SET v = {version} WHERE id < 30"));
            }
            hub.catch_up();
            hub.assert_equals(&mut server.client(), &format!("{stop:?} {cut:?}"));
        }
    }
}

#[test]
fn what_is_committed_while_the_hub_looks_is_not_passed_over() {
    const ROWS: u32 = 1500;
    let server = Mariadb::logging(&[]);
    server.run("CREATE TABLE xs (id INT PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB");
    let mut hub = Hub::new(&server, "xs", Some(1));
    let runs = std::thread::scope(|scope| {
        let write = |from: u32| {
            let mut client = server.client();
            // Each row comes once: one that is passed over is missing in the end.
            (0..ROWS).for_each(|row| client.run(&format!("INSERT INTO xs VALUES ({}, 1)", from + row)));
        };
        let writers = [0, 10_000, 20_000].map(|from| scope.spawn(move || write(from)));
        let mut runs = 0;
        while !writers.iter().all(|writer| writer.is_finished()) {
            hub.run(Cut::Never).unwrap();
            runs += 1;
        }
        runs
    });
    let ran = hub.catch_up();
    assert!(runs > 3 && ran.iter().all(|ran| !ran.complete), "{runs} {ran:?}");
    hub.assert_equals(&mut server.client(), "three writers");
}

#[test]
fn what_is_logged_and_cannot_be_seen_yet_is_not_passed_over() {
    let server = Mariadb::logging(&[]);
    numbered(&server, "xs", 3);
    let mut client = server.client();
    let (mut polled, mut fresh) = (Hub::new(&server, "xs", Some(1)), Hub::new(&server, "xs", Some(1)));
    polled.catch_up();
    // The server logs a commit, then waits for a replica that never comes, and only then lets its rows be seen.
    client.run(
        "SET GLOBAL rpl_semi_sync_master_timeout = 5000, rpl_semi_sync_master_wait_point = AFTER_SYNC,
            rpl_semi_sync_master_wait_no_slave = ON, rpl_semi_sync_master_enabled = ON",
    );
    let end = |client: &mut super::mariadb::Client| client.rows("SHOW MASTER STATUS").remove(0);
    let before = end(&mut client);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| server.run("INSERT INTO xs VALUES (4, 1, 'late'), (5, 1, 'late')"));
        while end(&mut client) == before {
            std::thread::yield_now();
        }
        polled.run(Cut::Never).unwrap();
        fresh.run(Cut::Never).unwrap();
        let seen = client.rows("SELECT * FROM xs").len();
        assert!(!writer.is_finished() && (seen, polled.held.len(), fresh.held.len()) == (3, 3, 3), "the server waits");
    });
    for hub in [&mut polled, &mut fresh] {
        assert_eq!(hub.catch_up(), [some(2)]);
        hub.assert_equals(&mut client, "seen by now");
    }
}
