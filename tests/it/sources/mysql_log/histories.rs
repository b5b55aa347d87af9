//! Random histories of a table, the hub's runs cut off anywhere among them: in the end the hub holds the table.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::mariadb::{Client, Mariadb};
use super::hub::{Cut, Hub};

/// Rows that a long transaction of its own works on begin here.
const LONG: u64 = 1000;

/// A row between those of long transactions and the others, so that neither waits for the other's gaps.
fn fence(table: &str) -> String {
    format!("INSERT INTO {table} (id, v, name) VALUES ({}, 0, '')", LONG - 1)
}

/// A connection that locks the rows it changes and no others.
fn session(server: &Mariadb) -> Client {
    let mut client = server.client();
    client.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    client
}

/// One table's life.
struct History<'s> {
    server: &'s Mariadb,
    table: String,
    hub: Hub,
    client: Client,
    /// A transaction that stays open while others come and go.
    long: Option<Client>,
    random: ChaCha8Rng,
    /// Grows with every change of a row.
    version: u64,
}

impl<'s> History<'s> {
    fn new(server: &'s Mariadb, seed: u64) -> Self {
        let table = format!("h{seed}");
        let mut client = session(server);
        client.run(&format!(
            "CREATE TABLE {table} (id BIGINT UNSIGNED PRIMARY KEY, v BIGINT NOT NULL, name VARCHAR(40)) ENGINE=InnoDB; {}",
            fence(&table)
        ));
        let hub = Hub::new(server, &table, Some(1));
        Self { server, table, hub, client, long: None, random: ChaCha8Rng::seed_from_u64(seed), version: 0 }
    }

    /// A change of some row from `from` on.
    fn change(&mut self, from: u64) -> String {
        self.version += 1;
        let (table, version) = (&self.table, self.version);
        let id = from + self.random.random_range(0..40);
        match self.random.random_range(0..10) {
            0..4 => format!("INSERT IGNORE INTO {table} (id, v, name) VALUES ({id}, {version}, '新增{version}')"),
            4..8 => format!("UPDATE {table} SET v = {version}, name = 'x{version}' WHERE id BETWEEN {id} AND {}", id + 3),
            8 => format!("DELETE FROM {table} WHERE id = {id}"),
            _ => format!(
                "UPDATE IGNORE {table} SET id = {}, v = {version} WHERE id = {id}",
                from + self.random.random_range(0..40)
            ),
        }
    }

    fn changes(&mut self, from: u64) -> String {
        let count = self.random.random_range(1..6);
        (0..count).map(|_| self.change(from) + "; ").collect()
    }

    fn cut(&mut self) -> Cut {
        match self.random.random_range(0..8) {
            0 => Cut::Opened,
            1 => Cut::Read(self.random.random_range(0..3)),
            2 => Cut::Landed(self.random.random_range(1..3)),
            3 => Cut::Ended,
            _ => Cut::Never,
        }
    }

    fn step(&mut self) {
        let table = self.table.clone();
        match self.random.random_range(0..20) {
            0..5 => {
                let sql = self.changes(0);
                self.client.run(&sql);
            }
            5 | 6 => {
                let sql = self.changes(0);
                self.client.run(&format!("BEGIN; {sql} COMMIT"));
            }
            7 => {
                let sql = self.changes(0);
                self.client.run(&format!("BEGIN; {sql} ROLLBACK"));
            }
            8 => {
                let (kept, undone) = (self.changes(0), self.changes(0));
                self.client.run(&format!("BEGIN; {kept} SAVEPOINT s; {undone} ROLLBACK TO s; COMMIT"));
            }
            9 | 10 => match self.long.take() {
                None => {
                    let sql = self.changes(LONG);
                    let mut long = session(self.server);
                    long.run(&format!("BEGIN; {sql}"));
                    self.long = Some(long);
                }
                Some(mut long) => {
                    let sql = self.changes(LONG);
                    let end = if self.random.random_bool(0.7) { "COMMIT" } else { "ROLLBACK" };
                    long.run(&format!("{sql} {end}"));
                    long.close();
                }
            },
            // A change of definition waits for open transactions.
            11 if self.long.is_none() && self.random.random_bool(0.5) => {
                self.client.run(&format!("TRUNCATE TABLE {table}; {}", fence(&table)));
            }
            12 if self.long.is_none() => {
                let sql = match self.random.random_bool(0.5) {
                    true => format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS extra INT NOT NULL DEFAULT 5 AFTER id"),
                    false => format!("ALTER TABLE {table} DROP COLUMN IF EXISTS extra"),
                };
                self.client.run(&sql);
            }
            13 => self.client.run("FLUSH BINARY LOGS"),
            _ => {
                let cut = self.cut();
                self.watch();
                self.hub.run(cut).unwrap();
            }
        }
    }

    /// Where the version stands now.
    fn watch(&mut self) {
        let columns = self.client.rows(&format!("SHOW COLUMNS FROM {}", self.table));
        self.hub.version_at(columns.iter().position(|column| column[0] == "v").unwrap());
    }

    fn end(mut self, about: &str) {
        if let Some(mut long) = self.long.take() {
            long.run("COMMIT");
            long.close();
        }
        self.watch();
        self.hub.catch_up();
        self.hub.assert_equals(&mut self.client, about);
        self.client.run(&format!("DROP TABLE {}", self.table));
        self.client.close();
    }
}

#[test]
fn a_hundred_histories_in_one_session_end_as_the_table_does() {
    let server = Mariadb::logging(&[]);
    for seed in 0..100 {
        let mut history = History::new(&server, seed);
        for _ in 0..30 {
            history.step();
        }
        history.end(&format!("seed {seed}"));
    }
}

#[test]
fn histories_across_five_restarts_of_the_server_end_as_the_table_does() {
    let mut server = Mariadb::logging(&[]);
    let mut version = 0;
    let mut kept: Option<Hub> = None;
    server.run("CREATE TABLE h500 (id BIGINT UNSIGNED PRIMARY KEY, v BIGINT NOT NULL, name VARCHAR(40)) ENGINE=InnoDB");
    server.run(&fence("h500"));
    for restart in 0..6 {
        let hub = kept.take().unwrap_or_else(|| Hub::new(&server, "h500", Some(1)));
        let random = ChaCha8Rng::seed_from_u64(500 + restart);
        let mut history =
            History { server: &server, table: "h500".into(), hub, client: session(&server), long: None, random, version };
        for _ in 0..30 {
            history.step();
        }
        // A transaction that is open dies with the server.
        let History { hub, client, long, version: reached, .. } = history;
        version = reached;
        kept = Some(hub);
        drop((client, long));
        if restart < 5 {
            if restart % 2 == 0 {
                server.kill()
            } else {
                server.stop()
            }
            server.resume();
        }
    }
    let mut hub = kept.unwrap();
    let mut client = server.client();
    let columns = client.rows("SHOW COLUMNS FROM h500");
    hub.version_at(columns.iter().position(|column| column[0] == "v").unwrap());
    hub.catch_up();
    hub.assert_equals(&mut client, "after five restarts");
}
