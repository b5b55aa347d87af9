//! Reading the log for one table: event by event, without any input or output.

use super::haul::{Haul, Key};
use super::mark::{Mark, Point};
use super::row::{Unreadable, deed, unpacked};
use super::watch::Watch;
use super::words::{Meaning, meaning};
use crate::finding::Text;

/// An event of the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event<'a> {
    pub kind: u8,
    /// Seconds of the server's clock.
    pub at: u32,
    /// Where the next event begins in the file; 0 in events that the server makes up while it sends.
    pub next: u32,
    pub flags: u16,
    /// Without header and checksum.
    pub body: &'a [u8],
}

/// What comes after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The next event.
    On,
    /// Nothing: what was asked for has been read.
    Done,
    /// Nothing: this is not the log that the mark is in.
    Lost(Text),
}

/// A reading of the log from a mark up to a point.
pub(super) struct Scan<'w> {
    watch: &'w Watch,
    from: &'w Mark,
    until: &'w Point,
    haul: Haul<'w>,
    file: String,
    /// The file that the log said it would go on in.
    following: Option<String>,
    /// Whether the first file's first event has come.
    begun: bool,
    /// When the file was begun; nothing before that was said.
    born: Option<u32>,
    /// Behind the last transaction.
    at: Point,
    /// Whether the file was ended in good order.
    ended: bool,
    in_transaction: bool,
    /// The end of a transaction that came packed, while its events come.
    payload: Option<u64>,
    /// Where the last event ended.
    last: u32,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub keys: Vec<Key>,
    pub removed: bool,
    pub upto: Mark,
    /// Whether the point asked for was reached.
    pub reached: bool,
}

impl<'w> Scan<'w> {
    /// Begins a reading of about `most` keys.
    pub fn new(watch: &'w Watch, from: &'w Mark, until: &'w Point, most: usize) -> Self {
        Self {
            watch,
            from,
            until,
            haul: Haul::new(watch, most),
            file: from.at.file.clone(),
            following: None,
            begun: false,
            born: None,
            at: from.at.clone(),
            ended: false,
            in_transaction: false,
            payload: None,
            last: 0,
        }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: Event<'_>) -> Step {
        if self.payload.is_none() && event.next > 0 {
            if event.next < self.last {
                return Step::Lost(Text::new(
                    format!("日志文件 {} 超过 4 GiB，其后的位置无法再指定", self.file),
                    format!("the log file {} is longer than 4 GiB, behind which no position can be named", self.file),
                ));
            }
            self.last = event.next;
        }
        if self.payload.is_some() && matches!(event.kind, 3 | 4 | 15 | 33 | 34 | 42) {
            // The packed transaction came without its end: it could not be unpacked.
            self.haul.removed = true;
            self.close(event);
        }
        match event.kind {
            2 => self.statement(event, event.body, false),
            165 => self.statement(event, event.body, true),
            3 => self.ended = true,
            4 => self.rotate(event),
            15 => return self.described(event),
            16 | 38 => self.close(event),
            19 => self.haul.map(event.body),
            // GTID of MariaDB: only what stands alone has no end of its own.
            162 => self.in_transaction = event.body.get(12).is_some_and(|flags| flags & 1 == 0),
            40 => self.payload = Some(u64::from(event.next)),
            // Rows of versions before 5.1, an incident, statements that load files.
            18 | 20..=22 | 26 => self.haul.removed = true,
            // Nothing of rows: variables of statements, texts of statements, file blocks, heartbeats, identities.
            0 | 1 | 5..=14 | 17 | 27..=29 | 33..=37 | 41 | 42 | 160..=164 => {}
            kind => match deed(kind) {
                Some(deed) => self.haul.rows(kind, deed, event.body),
                // Not known, and not said to be of no account.
                None if event.flags & 0x80 == 0 => self.haul.removed = true,
                None => {}
            },
        }
        self.step(event)
    }

    /// What was found so far.
    pub fn found(self) -> Option<Found> {
        let reached = self.is_there();
        let upto = Mark { server: self.from.server.clone(), born: self.born?, at: self.at };
        // Everything is read after a removal, those rows too.
        let mut keys: Vec<Key> = if self.haul.removed { Vec::new() } else { self.haul.keys.into_iter().collect() };
        keys.sort_unstable();
        Some(Found { keys, removed: self.haul.removed, upto, reached })
    }

    fn is_there(&self) -> bool {
        self.at.file == self.until.file && self.at.offset >= self.until.offset
    }

    fn step(&mut self, event: Event<'_>) -> Step {
        if self.born.is_none() {
            return Step::On;
        }
        let next = u64::from(event.next);
        if self.payload.is_none() && next > 0 && self.file == self.until.file && next >= self.until.offset {
            // A point that the server named is the end of a transaction.
            self.at = Point { file: self.file.clone(), offset: next };
        }
        if self.is_there() {
            return Step::Done;
        }
        let at_rest = !self.in_transaction && self.payload.is_none();
        if at_rest && self.haul.is_enough() && self.at != self.from.at {
            return Step::Done;
        }
        Step::On
    }

    /// A transaction ends with this event.
    fn close(&mut self, event: Event<'_>) {
        self.in_transaction = false;
        let next = self.payload.take().unwrap_or(u64::from(event.next));
        if next > 0 {
            self.at = Point { file: self.file.clone(), offset: next };
        }
    }

    /// The log goes on in another file, or the server says which file it is sending.
    fn rotate(&mut self, event: Event<'_>) {
        let said = || String::from_utf8_lossy(event.body.get(8..).unwrap_or_default()).into_owned();
        if event.next > 0 && event.flags & 0x20 == 0 {
            self.ended = true;
            self.following = Some(said());
            return;
        }
        if !self.begun {
            // The file that was asked for. Here the reader does not know yet whether a checksum follows the name.
            return;
        }
        let name = self.following.take().unwrap_or_else(said);
        if name == self.file {
            return;
        }
        if !self.ended {
            // The server died. It may have lost what it had said to be safe, without a word in the log.
            self.haul.removed = true;
        }
        self.file = name;
        self.ended = false;
        self.in_transaction = false;
        self.born = None;
        self.last = 0;
        self.haul.begin_file();
    }

    /// The first event of each file.
    fn described(&mut self, event: Event<'_>) -> Step {
        self.haul.begin_file();
        self.begun = true;
        self.born = Some(event.at);
        if self.file == self.from.at.file {
            if event.at != self.from.born {
                return Step::Lost(Text::new(
                    format!("日志文件 {} 已不是原来的文件（执行过 RESET MASTER，或换了服务器）", self.file),
                    format!("the log file {} is another one than before (RESET MASTER, or another server)", self.file),
                ));
            }
        } else {
            self.at = Point { file: self.file.clone(), offset: u64::from(event.next).max(4) };
        }
        self.step(event)
    }

    fn statement(&mut self, event: Event<'_>, body: &[u8], packed: bool) {
        let Ok((current, statement)) = parts_of_statement(body, packed) else {
            self.haul.removed = true;
            return self.end_alone(event);
        };
        match meaning(&statement, &current, &self.watch.schema, &self.watch.table) {
            Meaning::Begin => self.in_transaction = true,
            Meaning::End => self.close(event),
            Meaning::Aside => self.end_alone(event),
            Meaning::Concerns => {
                self.haul.removed = true;
                self.end_alone(event);
            }
        }
    }

    /// A statement outside a transaction ends with itself.
    fn end_alone(&mut self, event: Event<'_>) {
        if !self.in_transaction {
            self.close(event);
        }
    }
}

/// The schema that a statement was run in, and its text.
fn parts_of_statement(body: &[u8], packed: bool) -> Result<(String, Vec<u8>), Unreadable> {
    let head = body.get(..13).ok_or(Unreadable)?;
    let schema = 13 + usize::from(u16::from_le_bytes([head[11], head[12]]));
    let text = schema + usize::from(head[8]);
    let current = body.get(schema..text).ok_or(Unreadable)?;
    // A zero stands between.
    let text = body.get(text + 1..).ok_or(Unreadable)?;
    let statement = if packed { unpacked(text)? } else { text.to_vec() };
    Ok((String::from_utf8_lossy(current).into_owned(), statement))
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

    use super::super::row::tests::{rows, table_map};
    use super::super::value::KeyForm;
    use super::super::watch::KeyColumn;
    use super::*;

    const BORN: u32 = 1_700_000_000;

    fn watch() -> Watch {
        let text = KeyForm::Text { encoding: UTF_8, ascii_only: false };
        Watch {
            schema: "jw".into(),
            table: "xs".into(),
            key: vec![KeyColumn { at: 1, form: text }, KeyColumn { at: 0, form: KeyForm::Integer { unsigned: false } }],
            parents: vec![Parent { schema: "jw".into(), table: "bj".into(), on_delete: true, on_update: Some(vec![0]) }],
        }
    }

    fn point(file: &str, offset: u64) -> Point {
        Point { file: file.into(), offset }
    }

    /// Gives a scan what a server would send, each event ten bytes long.
    struct Server<'w> {
        scan: Scan<'w>,
        next: u32,
    }

    impl<'w> Server<'w> {
        /// Begins to send `log.1` from byte 100, begun at `born`.
        fn new(scan: Scan<'w>, born: u32) -> (Self, Step) {
            let mut server = Self { scan, next: 100 };
            assert_eq!(server.file("log.1\u{1}\u{2}\u{3}\u{4}"), Step::On, "with a checksum");
            let step = server.scan.take(Event { kind: 15, at: born, next: 0, flags: 0, body: &[] });
            (server, step)
        }

        fn file(&mut self, name: &str) -> Step {
            let body = [&[4, 0, 0, 0, 0, 0, 0, 0], name.as_bytes()].concat();
            self.scan.take(Event { kind: 4, at: 0, next: 0, flags: 0x20, body: &body })
        }

        fn event(&mut self, kind: u8, body: &[u8]) -> Step {
            self.next += 10;
            self.scan.take(Event { kind, at: BORN + 9, next: self.next, flags: 0, body })
        }

        fn says(&mut self, statement: &str) -> Step {
            let mut body = vec![0; 13];
            body[8] = 2;
            body.extend(b"jw\0");
            body.extend(statement.as_bytes());
            self.event(2, &body)
        }

        /// A table of (INT, VARCHAR(10), TINYINT).
        fn maps(&mut self, id: u8, table: &str) -> Step {
            self.event(19, &table_map(id, "jw", table, &[(3, &[]), (15, &[10, 0]), (1, &[])]))
        }

        fn writes(&mut self, id: u8, images: &[Vec<u8>]) -> Step {
            self.event(23, &rows(id, Deed::Write, 3, &images.concat()))
        }

        fn updates(&mut self, id: u8, before: Vec<u8>, after: Vec<u8>) -> Step {
            self.event(24, &rows(id, Deed::Update, 3, &[before, after].concat()))
        }

        fn deletes(&mut self, id: u8, image: Vec<u8>) -> Step {
            self.event(25, &rows(id, Deed::Delete, 3, &image))
        }

        /// A transaction that does something.
        fn transaction(&mut self, work: impl FnOnce(&mut Self)) -> Step {
            self.says("BEGIN");
            self.maps(1, "xs");
            self.maps(2, "bj");
            self.maps(3, "kc");
            work(self);
            self.event(16, &[0; 8])
        }
    }

    fn image(number: u8, text: &str, other: u8) -> Vec<u8> {
        [&[0, number, 0, 0, 0, text.len() as u8], text.as_bytes(), &[other]].concat()
    }

    fn key(number: u8, text: &str) -> Key {
        [text.into(), number.to_string().into()].into()
    }

    /// What a scan from byte 100 of `log.1` finds, the last step being `last`.
    fn scan(until: Point, most: usize, work: impl FnOnce(&mut Server<'_>) -> Step) -> (Step, Found) {
        let (watch, from) = (watch(), Mark { server: "s".into(), born: BORN, at: point("log.1", 100) });
        let (mut server, _) = Server::new(Scan::new(&watch, &from, &until, most), BORN);
        let last = work(&mut server);
        (last, server.scan.found().unwrap())
    }

    #[test]
    fn keys_of_written_and_changed_rows_are_found_once() {
        let (last, found) = scan(point("log.1", 180), 100, |server| {
            server.transaction(|server| {
                server.writes(1, &[image(7, "乙", 1), image(5, "甲", 1)]);
                server.updates(1, image(7, "乙", 1), image(7, "乙", 2));
                server.writes(3, &[image(9, "other", 1)]);
            })
        });
        assert_eq!(last, Step::Done);
        assert_eq!((found.keys, found.removed, found.reached), (vec![key(7, "乙"), key(5, "甲")], false, true));
        assert_eq!(found.upto, Mark { server: "s".into(), born: BORN, at: point("log.1", 180) });
    }

    #[test]
    fn what_lies_behind_the_point_asked_for_is_not_taken() {
        let (last, found) =
            scan(point("log.1", 160), 100, |server| server.transaction(|server| drop(server.writes(1, &[image(7, "乙", 1)]))));
        assert_eq!((last, found.reached), (Step::Done, true));
        assert_eq!(found.upto.at, point("log.1", 160));
    }

    #[test]
    fn deleted_rows_changed_keys_and_definitions_are_removals() {
        type Work = fn(&mut Server<'_>) -> Step;
        let works: [(&str, Work); 9] = [
            ("delete", |server| server.transaction(|server| drop(server.deletes(1, image(7, "乙", 1))))),
            ("key", |server| server.transaction(|server| drop(server.updates(1, image(7, "乙", 1), image(8, "乙", 1))))),
            ("truncate", |server| server.says("TRUNCATE TABLE xs")),
            ("alter", |server| server.says("ALTER TABLE jw.xs ADD z INT")),
            ("statement", |server| server.says("UPDATE kc SET a = 1")),
            ("parent deleted", |server| server.transaction(|server| drop(server.deletes(2, image(7, "乙", 1))))),
            ("parent's key", |server| server.transaction(|server| drop(server.updates(2, image(7, "乙", 1), image(8, "乙", 1))))),
            ("incident", |server| server.event(26, &[])),
            ("unknown", |server| server.event(120, &[])),
        ];
        for (name, work) in works {
            let (_, found) = scan(point("log.1", 900), 100, |server| {
                server.transaction(|server| drop(server.writes(1, &[image(1, "a", 1)])));
                work(server)
            });
            assert_eq!((found.keys, found.removed), (vec![], true), "{name}");
        }
        let (_, found) = scan(point("log.1", 900), 100, |server| {
            server.transaction(|server| {
                server.deletes(3, image(1, "a", 1));
                server.updates(2, image(7, "乙", 1), image(7, "丙", 2));
            });
            server.says("ALTER TABLE kc ADD z INT")
        });
        assert!(!found.removed && found.keys.is_empty(), "other tables' rows, a parent's other columns");
    }

    #[test]
    fn a_large_haul_is_cut_where_a_transaction_ends() {
        let write =
            |server: &mut Server<'_>, number: u8| server.transaction(|server| drop(server.writes(1, &[image(number, "a", 1)])));
        let (last, found) = scan(point("log.1", 900), 2, |server| {
            assert_eq!(write(server, 1), Step::On);
            write(server, 2)
        });
        assert_eq!((last, found.reached, found.keys.len()), (Step::Done, false, 2));
        assert_eq!(found.upto.at, point("log.1", 220), "behind the second transaction");
        let (_, found) = scan(point("log.1", 900), 1, |server| {
            server.transaction(|server| drop(server.writes(1, &(0..9).map(|number| image(number, "a", 1)).collect::<Vec<_>>())))
        });
        assert_eq!((found.keys.len(), found.removed), (0, true), "a transaction that is too large is read whole");
    }

    #[test]
    fn the_log_goes_on_in_the_next_file() {
        let next_file = |server: &mut Server<'_>, last: u8| {
            server.event(last, b"\x04\0\0\0\0\0\0\0log.2");
            server.file("log.2");
            server.next = 104;
            server.scan.take(Event { kind: 15, at: BORN + 50, next: 104, flags: 0, body: &[] })
        };
        for (end, removed) in [(3, false), (4, false), (27, true)] {
            let (last, found) = scan(point("log.2", 164), 100, |server| {
                server.transaction(|server| drop(server.writes(1, &[image(1, "a", 1)])));
                next_file(server, end);
                server.transaction(|server| drop(server.writes(1, &[image(2, "b", 1)])))
            });
            assert_eq!((last, found.removed), (Step::Done, removed), "{end}");
            assert_eq!(found.keys.len(), if removed { 0 } else { 2 });
            if !removed {
                assert_eq!(found.upto, Mark { server: "s".into(), born: BORN + 50, at: point("log.2", 164) });
            }
        }
    }

    #[test]
    fn another_log_under_the_same_name_is_not_read() {
        let (watch, from) = (watch(), Mark { server: "s".into(), born: BORN, at: point("log.1", 100) });
        let until = point("log.1", 100);
        let (_, step) = Server::new(Scan::new(&watch, &from, &until, 10), BORN + 1);
        assert!(matches!(step, Step::Lost(_)), "{step:?}");
        let (server, step) = Server::new(Scan::new(&watch, &from, &until, 10), BORN);
        assert_eq!(step, Step::Done, "nothing new");
        assert_eq!(server.scan.found().unwrap().upto, from);
    }

    #[test]
    fn packed_transactions_end_where_the_pack_ends() {
        let (last, found) = scan(point("log.1", 110), 100, |server| {
            assert_eq!(server.event(40, &[]), Step::On);
            // Positions of what is in the pack are not those of the file.
            server.next = 3;
            server.transaction(|server| drop(server.writes(1, &[image(7, "乙", 1)])))
        });
        assert_eq!((last, found.keys.len(), found.removed), (Step::Done, 1, false));
        assert_eq!(found.upto.at, point("log.1", 110));
        let (_, found) = scan(point("log.1", 900), 100, |server| {
            server.event(40, &[]);
            server.event(33, &[])
        });
        assert!(found.removed, "a pack that could not be opened");
    }
}
