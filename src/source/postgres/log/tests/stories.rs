//! What each kind of change comes to, whenever hub or server go down.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::cluster::{Cluster, Stop, told};
use super::hub::{Hub, KILLS, Kill, Ran};
use crate::source::incremental::{ChangeLog, Changes};

const TABLE: &str = "CREATE TABLE t (id text PRIMARY KEY, v bigint NOT NULL, note text);
    CREATE PUBLICATION xiaoshu FOR TABLE t; INSERT INTO t SELECT 'r' || n, 1 FROM generate_series(1, 5) AS n";

async fn does(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

async fn equal(hub: &Hub) {
    assert_eq!(hub.kept.rows, hub.table().await);
}

#[test]
fn rows_that_came_or_changed_are_read_again_and_what_went_away_is_told() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t");
        assert_eq!(hub.run(None).await, Ran::Whole(None));
        assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
        for (sql, ran, then) in [
            ("INSERT INTO t VALUES ('a''\\\"学', 2), ('b', 2)", Ran::Since(2, false, false), None),
            (
                "UPDATE t SET v = 3, note = repeat('长', 90000) WHERE id = 'b'; UPDATE t SET v = 4 WHERE id = 'b'",
                Ran::Since(1, false, false),
                None,
            ),
            // A transaction that came to nothing.
            ("BEGIN; INSERT INTO t VALUES ('never', 5); DELETE FROM t; ROLLBACK", Ran::Since(0, false, false), None),
            (
                "BEGIN; SAVEPOINT s; INSERT INTO t VALUES ('no', 5); ROLLBACK TO s; INSERT INTO t VALUES ('yes', 5); COMMIT",
                Ran::Since(1, false, false),
                None,
            ),
            ("DELETE FROM t WHERE id = 'b'", Ran::Since(0, true, false), Some(Ran::Whole(None))),
            ("UPDATE t SET id = 'c', v = 6 WHERE id = 'r1'", Ran::Since(1, true, false), Some(Ran::Whole(None))),
            ("CREATE TABLE other (n int); INSERT INTO other VALUES (1)", Ran::Since(0, false, false), None),
        ] {
            cluster.run(sql).await;
            assert_eq!(hub.run(None).await, ran, "{sql}");
            if let Some(then) = then {
                assert_eq!(hub.run(None).await, then, "{sql}");
            }
            equal(&hub).await;
        }
        // Emptied: the whole table is another one.
        cluster.run("TRUNCATE t; INSERT INTO t VALUES ('z', 9)").await;
        assert!(matches!(hub.run(None).await, Ran::Whole(Some(why)) if why.en.contains("emptied")));
        equal(&hub).await;
        // A rewrite of all rows, of which the log says nothing.
        cluster.run("ALTER TABLE t ALTER COLUMN v TYPE numeric USING v * 10").await;
        assert!(matches!(hub.run(None).await, Ran::Whole(Some(_))));
        equal(&hub).await;
        assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
    });
}

#[test]
fn much_at_once_comes_in_several_goes_each_cut_where_a_transaction_ends() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t");
        hub.most = 10;
        hub.run(None).await;
        cluster.run("INSERT INTO t SELECT 'x' || n, 2 FROM generate_series(1, 25) AS n").await;
        cluster.run("INSERT INTO t VALUES ('y', 3)").await;
        assert_eq!(hub.run(None).await, Ran::Since(25, false, true));
        assert_eq!(hub.run(None).await, Ran::Since(1, false, false));
        equal(&hub).await;
        // Nothing landed in between: what was looked at is not looked at again.
        for n in 0..30 {
            cluster.run(&format!("INSERT INTO t VALUES ('w{n}', 4)")).await;
        }
        let mut log = hub.log();
        let (mut mark, mut found) = (hub.kept.mark.clone().unwrap(), 0);
        loop {
            let Changes::Found { keys, upto, more, .. } = log.changes(&mark, 10).await.unwrap() else { panic!("lost") };
            (mark, found) = (upto, found + keys.len());
            assert!(found <= 30, "the same again");
            if !more {
                break;
            }
        }
        assert_eq!(found, 30);
    });
}

#[test]
fn a_transaction_from_before_the_mark_counts_when_it_ends() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t");
        hub.run(None).await;
        let mut long = cluster.connect().await;
        does(&mut long, "BEGIN; INSERT INTO t VALUES ('long', 2); UPDATE t SET v = 2 WHERE id = 'r1'").await;
        assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
        // Even a mark anew, and a restart of the hub, do not pass it by.
        cluster.run("DELETE FROM t WHERE id = 'r5'").await;
        assert_eq!(hub.run(None).await, Ran::Since(0, true, false));
        assert_eq!(hub.run(None).await, Ran::Whole(None));
        does(&mut long, "INSERT INTO t VALUES ('later', 2); COMMIT").await;
        assert_eq!(hub.run(None).await, Ran::Since(3, false, false));
        equal(&hub).await;
        // Without a slot, one cannot be made while it lasts: everything is read each time, and then the log takes over.
        let mut late = Hub::new(&cluster, "t").with(|settings| settings["log"]["slots"] = "late".into());
        does(&mut long, "BEGIN; UPDATE t SET v = 3 WHERE id = 'r1'").await;
        assert_eq!(late.run(None).await, Ran::Whole(None));
        assert!(matches!(late.run(None).await, Ran::Whole(Some(why)) if why.en.contains("stay open")));
        does(&mut long, "COMMIT").await;
        assert!(matches!(late.run(None).await, Ran::Whole(Some(_))));
        assert_eq!(late.run(None).await, Ran::Since(0, false, false));
        equal(&late).await;
    });
}

#[test]
fn what_is_in_the_log_before_readers_can_see_it_is_waited_for() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t");
        hub.run(None).await;
        // A commit that waits for a standby that is not there: it is in the log, and nobody sees its rows.
        cluster.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
        cluster.run("SELECT pg_reload_conf()").await;
        cluster.until("SHOW synchronous_standby_names", "nobody").await;
        let mut writer = cluster.connect().await;
        let write = async {
            does(&mut writer, "UPDATE t SET v = 2 WHERE id = 'r1'").await;
            writer
        };
        let reads = async {
            cluster.until("SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'", "1").await;
            assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
            // Nor does a mark anew pass it by.
            hub.kept.removed = true;
            assert_eq!(hub.run(None).await, Ran::Whole(None));
            assert_eq!(hub.kept.rows["r1"], 1);
            // A slot made now would begin behind it: there is none yet.
            let mut late = Hub::new(&cluster, "t").with(|settings| settings["log"]["slots"] = "late".into());
            assert_eq!(late.run(None).await, Ran::Whole(None));
            assert!(matches!(late.run(None).await, Ran::Whole(Some(why)) if why.en.contains("stay open")));
            let mut quick = cluster.connect().await;
            does(&mut quick, "SET synchronous_commit = local").await;
            does(&mut quick, "ALTER SYSTEM SET synchronous_standby_names = ''").await;
            does(&mut quick, "SELECT pg_reload_conf()").await;
            late
        };
        let (_, mut late) = tokio::join!(write, reads);
        assert_eq!(hub.run(None).await, Ran::Since(1, false, false));
        assert_eq!(hub.kept.rows["r1"], 2);
        late.to_the_end().await;
        assert_eq!(late.kept.rows["r1"], 2);
    });
}

#[test]
fn parts_of_a_table_are_followed_with_it() {
    told(async {
        let cluster = Cluster::start(&[]);
        for (table, options) in [("p", ""), ("q", " WITH (publish_via_partition_root = true)")] {
            cluster
                .run(&format!(
                    "CREATE TABLE {table} (v bigint, id int PRIMARY KEY) PARTITION BY RANGE (id);
                     CREATE TABLE {table}1 PARTITION OF {table} FOR VALUES FROM (0) TO (100);
                     CREATE TABLE {table}2 (id int NOT NULL, note text, v bigint);
                     ALTER TABLE {table}2 DROP COLUMN note;
                     ALTER TABLE {table} ATTACH PARTITION {table}2 FOR VALUES FROM (100) TO (200);
                     CREATE PUBLICATION {table} FOR TABLE {table}{options}; INSERT INTO {table} VALUES (1, 1), (1, 101)"
                ))
                .await;
            let mut hub = Hub::new(&cluster, table).with(|settings| settings["log"]["publication"] = table.into());
            hub.run(None).await;
            cluster.run(&format!("INSERT INTO {table} VALUES (2, 2), (2, 102); UPDATE {table} SET v = 3 WHERE id = 101")).await;
            assert_eq!(hub.run(None).await, Ran::Since(3, false, false), "{table}");
            cluster.run(&format!("DELETE FROM {table} WHERE id = 102")).await;
            assert_eq!(hub.run(None).await, Ran::Since(0, true, false), "{table}");
            hub.run(None).await;
            equal(&hub).await;
            // A part that comes with rows of its own.
            cluster
                .run(&format!(
                    "CREATE TABLE {table}3 (v bigint, id int NOT NULL PRIMARY KEY); INSERT INTO {table}3 VALUES (5, 250);
                     ALTER TABLE {table} ATTACH PARTITION {table}3 FOR VALUES FROM (200) TO (300)"
                ))
                .await;
            hub.to_the_end().await;
            equal(&hub).await;
            assert!(hub.kept.rows.contains_key("250"));
        }
    });
}

#[test]
fn nothing_is_lost_wherever_hub_or_server_go_down() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut version = 1;
        for server in [None, Some(Stop::Fast), Some(Stop::Immediate)] {
            for first in [None, Some(Kill::Marked), Some(Kill::Read), Some(Kill::Landed)] {
                for then in KILLS {
                    let mut hub = Hub::new(&cluster, "t");
                    let mut change = |hub: &Hub| {
                        let _ = hub;
                        version += 1;
                        format!(
                            "INSERT INTO t VALUES ('n{version}', {version}); UPDATE t SET v = {version} WHERE id IN ('r1', 'r2');
                             DELETE FROM t WHERE id = 'n{}'",
                            version - 3
                        )
                    };
                    hub.run(first).await;
                    let sql = change(&hub);
                    cluster.run(&sql).await;
                    if let Some(how) = server {
                        cluster.restart(how);
                    }
                    hub.run(Some(then)).await;
                    let sql = change(&hub);
                    cluster.run(&sql).await;
                    if let Some(how) = server {
                        cluster.restart(how);
                    }
                    hub.to_the_end().await;
                    equal(&hub).await;
                }
            }
        }
    });
}

#[test]
fn a_quiet_table_lets_the_server_forget() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t");
        hub.run(None).await;
        let slot = hub.slot();
        let behind = format!(
            "SELECT (pg_current_wal_lsn() - confirmed_flush_lsn > 1000000)::text FROM pg_replication_slots WHERE slot_name = '{slot}'"
        );
        cluster.run("CREATE TABLE other AS SELECT n, repeat('x', 500) FROM generate_series(1, 4000) AS n").await;
        assert_eq!(cluster.ask(&behind).await, "true");
        assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
        assert_eq!(cluster.ask(&behind).await, "false");
        let mut connection = cluster.connect().await;
        does(&mut connection, "SELECT 1").await;
        connection.close().await.unwrap();
    });
}
