//! When the log cannot be followed, or no longer: everything is read, by itself, and the log again when it can be.

use super::super::mark::{Mark, Without};
use super::super::needs;
use super::cluster::{Cluster, told};
use super::hub::{Hub, Kept, Ran};
use crate::source::incremental::{ChangeLog, Watched};
use crate::source::{Need, SourcePlace};

const TABLE: &str = "CREATE TABLE t (id text PRIMARY KEY, v bigint NOT NULL); CREATE PUBLICATION xiaoshu FOR TABLE t;
    INSERT INTO t SELECT 'r' || n, 1 FROM generate_series(1, 5) AS n";
/// More than 16 MiB of log.
const MUCH: &str = "SELECT pg_logical_emit_message(false, 'much', repeat('x', 1000000)) FROM generate_series(1, 40)";

async fn start(hub: &mut Hub) {
    assert_eq!(hub.run(None).await, Ran::Whole(None));
    assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
}

async fn whole_for(hub: &mut Hub, why: &str) {
    match hub.run(None).await {
        Ran::Whole(Some(text)) => assert!(text.en.contains(why) && !text.zh.is_empty(), "{text:?}"),
        other => panic!("{other:?} where it should read everything for {why}"),
    }
    assert_eq!(hub.kept.rows, hub.table().await);
}

async fn slots(cluster: &Cluster) -> String {
    cluster.ask("SELECT count(*)::text FROM pg_replication_slots").await
}

#[test]
fn over_its_budget_the_slot_is_dropped_and_after_a_day_the_log_is_tried_again() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t");
        start(&mut hub).await;
        cluster.run("INSERT INTO t VALUES ('a', 2)").await;
        cluster.run(MUCH).await;
        whole_for(&mut hub, "max_retained").await;
        assert_eq!(slots(&cluster).await, "0");
        for n in 0..3 {
            cluster.run(&format!("INSERT INTO t VALUES ('b{n}', 3); DELETE FROM t WHERE id = 'r{}'", n + 1)).await;
            whole_for(&mut hub, "after a day").await;
        }
        assert_eq!(slots(&cluster).await, "0");
        let Some(Mark::Without(Without { why, until: Some(_) })) = Mark::read(hub.kept.mark.as_ref().unwrap()) else {
            panic!("no word of when it is tried again")
        };
        hub.kept.mark = Some(Mark::Without(Without { why, until: Some(0) }).write());
        whole_for(&mut hub, "max_retained").await;
        cluster.run("INSERT INTO t VALUES ('c', 4)").await;
        assert_eq!(hub.run(None).await, Ran::Since(1, false, false));
        assert_eq!(slots(&cluster).await, "1");
        // The periodic comparison, too, comes upon a slot that is too large: a new one begins where the log is now.
        cluster.run(MUCH).await;
        hub.kept.removed = true;
        start(&mut hub).await;
        assert_eq!(slots(&cluster).await, "1");
    });
}

#[test]
fn a_slot_that_is_gone_or_of_no_use_is_made_anew() {
    told(async {
        let cluster = Cluster::start(&["max_slot_wal_keep_size=8MB", "min_wal_size=32MB", "max_wal_size=32MB"]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t").with(|settings| settings["log"]["max_retained"] = 10_000.into());
        start(&mut hub).await;
        let slot = hub.slot();
        cluster.run(&format!("SELECT pg_drop_replication_slot('{slot}'); INSERT INTO t VALUES ('a', 2)")).await;
        whole_for(&mut hub, "was dropped").await;
        assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
        // The server throws the log away.
        cluster.run("INSERT INTO t VALUES ('b', 2)").await;
        for _ in 0..3 {
            cluster.run(MUCH).await;
            cluster.run("CHECKPOINT").await;
        }
        assert_eq!(cluster.ask("SELECT wal_status FROM pg_replication_slots").await, "lost");
        whole_for(&mut hub, "threw away").await;
        assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
        // A slot of the same name of other making.
        cluster
            .run(&format!(
                "SELECT pg_drop_replication_slot('{slot}'); SELECT pg_create_logical_replication_slot('{slot}', 'test_decoding');
                 INSERT INTO t VALUES ('c', 2)"
            ))
            .await;
        assert!(matches!(hub.run(None).await, Ran::Whole(Some(_))));
        assert_eq!(cluster.ask("SELECT plugin::text FROM pg_replication_slots").await, "pgoutput");
        assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
    });
}

#[test]
fn a_restored_store_and_another_server_are_found_out() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t");
        start(&mut hub).await;
        let backup = hub.kept.clone();
        cluster.run("INSERT INTO t VALUES ('a', 2)").await;
        assert_eq!(hub.run(None).await, Ran::Since(1, false, false));
        hub.kept = backup;
        assert!(!hub.kept.rows.contains_key("a"));
        whole_for(&mut hub, "ahead of the hub's store").await;
        cluster.run("INSERT INTO t VALUES ('b', 2)").await;
        assert_eq!(hub.run(None).await, Ran::Since(1, false, false));
        let Some(Mark::At(at)) = Mark::read(hub.kept.mark.as_ref().unwrap()) else { panic!("no place") };
        for (other, why) in [
            (super::At { system: "1".into(), ..at.clone() }, "another server"),
            (super::At { timeline: "000000FF".into(), ..at.clone() }, "failed over"),
            (super::At { lsn: super::Lsn(u64::MAX), ..at.clone() }, "restored"),
        ] {
            hub.kept.mark = Some(Mark::At(other).write());
            whole_for(&mut hub, why).await;
            assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
        }
        hub.kept = Kept { mark: Some(crate::source::incremental::LogMark(b"of another version".to_vec())), ..hub.kept };
        whole_for(&mut hub, "another version").await;
        // What another mark says of the same slot is not forgotten for it.
        let mut log = hub.log();
        let confirmed = "SELECT confirmed_flush_lsn::text FROM pg_replication_slots";
        let before = cluster.ask(confirmed).await;
        cluster.run("INSERT INTO t VALUES ('c', 2)").await;
        log.forget(&Mark::At(super::At { system: "1".into(), lsn: super::Lsn(u64::MAX), ..at }).write()).await.unwrap();
        assert_eq!(cluster.ask(confirmed).await, before);
    });
}

#[test]
fn without_its_publication_everything_is_read_until_there_is_one_again() {
    told(async {
        let cluster = Cluster::start(&[]);
        cluster.run(TABLE).await;
        let mut hub = Hub::new(&cluster, "t");
        start(&mut hub).await;
        cluster.run("DROP PUBLICATION xiaoshu; INSERT INTO t VALUES ('a', 2)").await;
        whole_for(&mut hub, "no publication xiaoshu").await;
        cluster.run("INSERT INTO t VALUES ('b', 2)").await;
        whole_for(&mut hub, "no publication xiaoshu").await;
        // The slot that is still there has been through times without it.
        cluster.run("CREATE PUBLICATION xiaoshu FOR TABLE t").await;
        whole_for(&mut hub, "no publication xiaoshu").await;
        cluster.run("INSERT INTO t VALUES ('c', 2)").await;
        assert_eq!(hub.run(None).await, Ran::Since(1, false, false));
        // Out of it and in again: what changed in between is not in the log.
        cluster.run("ALTER PUBLICATION xiaoshu DROP TABLE t").await;
        cluster.run("INSERT INTO t VALUES ('d', 2)").await;
        cluster.run("ALTER PUBLICATION xiaoshu ADD TABLE t").await;
        whole_for(&mut hub, "the publication changed").await;
        // A table made anew under its name.
        assert_eq!(hub.run(None).await, Ran::Since(0, false, false));
        cluster.run("DROP TABLE t; CREATE TABLE t (id text PRIMARY KEY, v bigint NOT NULL); INSERT INTO t VALUES ('e', 3)").await;
        whole_for(&mut hub, "not in the publication").await;
        cluster.run("ALTER PUBLICATION xiaoshu ADD TABLE t").await;
        hub.to_the_end().await;
        assert_eq!(hub.kept.rows, hub.table().await);
    });
}

async fn needed(cluster: &Cluster, user: &str, tables: &[(&str, &[&str])]) -> Vec<Need> {
    let settings = cluster.settings(user);
    let name = "jw".into();
    let session = super::super::super::session(&SourcePlace { name: &name, settings: &settings, base: "/".as_ref() }).unwrap();
    let watched = tables.iter().map(|(object, key)| Watched {
        source: "jw".into(),
        object: (*object).into(),
        key: key.iter().map(|column| (*column).into()).collect(),
        reader: "T".into(),
    });
    needs(&session, &watched.collect::<Vec<_>>()).await.unwrap()
}

#[test]
fn a_server_that_is_not_prepared_is_told_how_and_then_it_is() {
    told(async {
        let cluster = Cluster::start(&["wal_level=replica"]);
        cluster
            .run(
                "CREATE TABLE t (id text PRIMARY KEY, v bigint NOT NULL); CREATE TABLE bare (id int, v bigint);
                 CREATE VIEW seen AS SELECT * FROM t; CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
            )
            .await;
        let tables: [(&str, &[&str]); 2] = [("t", &[]), ("bare", &["id"])];
        let mut hub = Hub::new(&cluster, "t").with(|settings| settings["user"] = "reader".into());
        assert_eq!(hub.run(None).await, Ran::Whole(None));
        whole_for(&mut hub, "wal_level is replica").await;
        // First the level; then all that is left at once.
        for goes in 0..4 {
            let needs = needed(&cluster, "reader", &tables).await;
            let wrong: Vec<&Need> = needs.iter().filter(|need| need.ok == Some(false)).collect();
            if wrong.is_empty() {
                assert!(goes > 1 && needs.iter().all(|need| need.ok == Some(true)), "{needs:?}");
                break;
            }
            assert!(goes < 3, "{needs:?}");
            assert!(wrong.iter().all(|need| need.remedy.is_some()));
            let sql = &needs.iter().find(|need| need.what.en.starts_with("preparing")).unwrap().remedy.as_ref().unwrap().en;
            for statement in sql.lines() {
                cluster.run(statement).await;
            }
            cluster.restart(super::cluster::Stop::Fast);
        }
        // The application still may do all it could.
        cluster.run("INSERT INTO bare VALUES (1, 1); UPDATE bare SET v = 2; DELETE FROM bare").await;
        whole_for(&mut hub, "wal_level is replica").await;
        cluster.run("INSERT INTO t VALUES ('a', 2)").await;
        assert_eq!(hub.run(None).await, Ran::Since(1, false, false));
        let view = needed(&cluster, "reader", &[("seen", &["id"])]).await;
        assert!(view.iter().any(|need| need.ok == Some(false) && need.found.en.contains("views")), "{view:?}");
        // The mapping reads otherwise now: its slot is in the way.
        let left = needed(&cluster, "reader", &[]).await;
        let sql = left.iter().find_map(|need| need.remedy.as_ref().filter(|_| need.what.en == "replication slot")).unwrap();
        assert!(left.len() == 1 && left[0].found.en.contains(&hub.slot()), "{left:?}");
        assert!(needed(&cluster, "reader", &tables).await.iter().all(|need| need.ok == Some(true)));
        cluster.run(&sql.en).await;
        assert_eq!(needed(&cluster, "reader", &[]).await, []);
    });
}
