//! Random histories: writers with transactions side by side, a hub that is killed anywhere, a server that is restarted.

use rand::rngs::StdRng;
use rand::seq::{IndexedMutRandom, IndexedRandom};
use rand::{Rng, SeedableRng};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::cluster::{Cluster, Stop, told};
use super::hub::{Hub, KILLS, Ran};

/// Someone who writes, perhaps in a transaction under way.
struct Writer {
    connection: PgConnection,
    open: bool,
}

impl Writer {
    async fn new(cluster: &Cluster) -> Self {
        let mut connection = cluster.connect().await;
        // All writers are one thread: who waits for another would wait for ever.
        sqlx::raw_sql("SET lock_timeout = '5ms'").execute(&mut connection).await.unwrap();
        Self { connection, open: false }
    }

    async fn act(&mut self, table: &str, random: &mut StdRng) {
        let (one, two) = (random.random_range(1..30), random.random_range(1..30));
        let next = "nextval('versions')";
        let sql = match random.random_range(0..100) {
            0..=24 => format!("INSERT INTO {table} VALUES ({one}, {next}) ON CONFLICT (id) DO UPDATE SET v = {next}"),
            25..=49 => format!("UPDATE {table} SET v = {next} WHERE id BETWEEN {one} AND {two}"),
            50..=54 => format!("UPDATE {table} SET v = {next}, note = repeat(md5(random()::text), 200) WHERE id = {one}"),
            55..=60 => format!("DELETE FROM {table} WHERE id = {one}"),
            61..=63 => format!("UPDATE {table} SET id = {two}, v = {next} WHERE id = {one}"),
            64 if !self.open => format!("TRUNCATE {table}"),
            65..=79 if !self.open => "BEGIN".into(),
            65..=71 if self.open => "ROLLBACK".into(),
            72..=84 if self.open => "COMMIT".into(),
            85..=87 if self.open => "SAVEPOINT s".into(),
            88..=90 if self.open => "ROLLBACK TO SAVEPOINT s".into(),
            _ => format!("INSERT INTO {table} SELECT n, {next} FROM generate_series({one}, {two}) AS n ON CONFLICT DO NOTHING"),
        };
        let done = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut self.connection).await;
        match &sql[..] {
            "BEGIN" => self.open = true,
            "COMMIT" | "ROLLBACK" => self.open = false,
            // Somebody else holds the row, or the key is taken.
            _ if done.is_err() && self.open => self.end("ROLLBACK").await,
            _ => {}
        }
    }

    async fn end(&mut self, how: &'static str) {
        sqlx::raw_sql(how).execute(&mut self.connection).await.unwrap();
        self.open = false;
    }
}

/// One history; how often everything was read, and how often what changed.
async fn history(cluster: &Cluster, seed: u64, restarts: &[Stop]) -> (usize, usize) {
    let mut random = StdRng::seed_from_u64(seed);
    let table = format!("t{seed}");
    cluster
        .run(&format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, v bigint NOT NULL, note text); ALTER PUBLICATION xiaoshu ADD TABLE {table};
             INSERT INTO {table} SELECT n, nextval('versions') FROM generate_series(1, 10) AS n"
        ))
        .await;
    let mut hub = Hub::new(cluster, &table);
    hub.most = random.random_range(1..20);
    let mut writers = Vec::new();
    for _ in 0..3 {
        writers.push(Writer::new(cluster).await);
    }
    let mut ran = (0, 0);
    let steps = 40;
    let mut down: Vec<(usize, Stop)> = restarts.iter().map(|how| (random.random_range(0..steps), *how)).collect();
    if random.random_bool(0.95) {
        hub.run(None).await;
    }
    for step in 0..steps {
        if random.random_bool(0.15) {
            let kill = random.random_bool(0.4).then(|| *KILLS.choose(&mut random).unwrap());
            match hub.run(kill).await {
                Ran::Whole(_) => ran.0 += 1,
                Ran::Since(..) => ran.1 += 1,
                Ran::Killed => {}
            }
        } else {
            writers.choose_mut(&mut random).unwrap().act(&table, &mut random).await;
        }
        while let Some(at) = down.iter().position(|(when, _)| *when == step) {
            cluster.restart(down.remove(at).1);
            for writer in &mut writers {
                *writer = Writer::new(cluster).await;
            }
        }
    }
    for writer in &mut writers {
        if writer.open {
            writer.end(if random.random_bool(0.7) { "COMMIT" } else { "ROLLBACK" }).await;
        }
    }
    hub.to_the_end().await;
    assert_eq!(hub.kept.rows, hub.table().await, "history {seed}");
    for writer in writers {
        writer.connection.close().await.unwrap();
    }
    let slot = hub.slot();
    cluster.run(&format!("SELECT pg_drop_replication_slot('{slot}'); DROP TABLE {table}")).await;
    ran
}

async fn prepared() -> Cluster {
    let cluster = Cluster::start(&[]);
    cluster
        .run("CREATE SEQUENCE versions; CREATE TABLE none (id int PRIMARY KEY); CREATE PUBLICATION xiaoshu FOR TABLE none")
        .await;
    cluster
}

#[test]
fn snapshot_and_log_together_are_the_table_in_a_hundred_histories() {
    told(async {
        let cluster = prepared().await;
        let mut ran = (0, 0);
        for seed in 0..100 {
            let (whole, since) = history(&cluster, seed, &[]).await;
            ran = (ran.0 + whole, ran.1 + since);
        }
        // Both ways were gone often.
        assert!(ran.0 > 20 && ran.1 > 200, "{ran:?}");
    });
}

#[test]
fn snapshot_and_log_together_are_the_table_over_five_restarts_of_the_server() {
    told(async {
        let cluster = prepared().await;
        for (seed, restarts) in
            [(1000, &[Stop::Immediate][..]), (1001, &[Stop::Fast, Stop::Immediate]), (1002, &[Stop::Immediate, Stop::Fast])]
        {
            history(&cluster, seed, restarts).await;
        }
    });
}
