//! What changes come to: keys of rows to read again, each once, and whether anything went away. Pure.

use std::collections::{BTreeSet, HashMap};

use super::message::{Datum, Lsn, Malformed, Message, Relation, Tuple, decode};

/// A key's cells, in the order of the key's columns, as the server writes them.
pub(super) type Key = Box<[Box<str>]>;

/// With more keys than this, reading everything costs less than reading them one by one.
const MOST_KEYS: usize = 500_000;

/// What is gathered for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The columns of the key.
    pub key: Vec<String>,
    /// The table's number, and those of its parts.
    pub tables: BTreeSet<u32>,
    /// Transactions up to here are known.
    pub from: Lsn,
    /// As many keys are enough, once a transaction is at its end.
    pub most: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Gathered {
    /// Keys of rows that came or changed.
    pub keys: BTreeSet<Key>,
    /// Rows went, keys changed, or something changed that keys cannot tell: all has to be read.
    pub removed: bool,
    /// Behind the last transaction looked at.
    pub upto: Lsn,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// With the next message.
    On,
    /// There are keys enough; the log may hold more.
    Enough,
    /// A transaction stands in the log, but readers cannot see its rows yet.
    Unseen,
}

/// Takes messages in the order of the log.
pub(super) struct Gather {
    wanted: Wanted,
    /// For each table of ours, where the key's cells are; `None` when some are not in the log.
    places: HashMap<u32, Option<Vec<usize>>>,
    found: Gathered,
    /// The transaction under way.
    xid: u32,
    own: Gathered,
}

impl Gather {
    /// Nothing found yet.
    pub fn new(wanted: Wanted) -> Self {
        let found = Gathered { upto: wanted.from, ..Gathered::default() };
        Self { wanted, places: HashMap::new(), found, xid: 0, own: Gathered::default() }
    }

    /// What was found in the transactions that are at their end.
    pub fn finish(self) -> Gathered {
        self.found
    }

    /// The next message. `is_seen` says whether rows of a transaction can be seen by whoever reads from now on.
    pub fn take(&mut self, bytes: &[u8], is_seen: impl Fn(u32) -> bool) -> Result<Step, Malformed> {
        match decode(bytes)? {
            Message::Begin { xid } => {
                self.xid = xid;
                self.own = Gathered::default();
            }
            Message::Commit { end } => return Ok(self.commit(end, is_seen)),
            Message::Relation(relation) => self.relation(&relation),
            Message::Insert { relation, new } => self.change(relation, None, &new),
            Message::Update { relation, old, new } => self.change(relation, old.as_ref(), &new),
            Message::Delete { relation } => self.own.removed |= self.is_ours(relation),
            Message::Truncate { relations } => self.own.removed |= relations.into_iter().any(|table| self.is_ours(table)),
            Message::Other => {}
        }
        Ok(Step::On)
    }

    fn is_ours(&self, relation: u32) -> bool {
        self.wanted.tables.contains(&relation)
    }

    fn relation(&mut self, relation: &Relation<'_>) {
        if self.is_ours(relation.id) {
            let place = |name: &String| relation.columns.iter().position(|column| *column == name.as_bytes());
            self.places.insert(relation.id, self.wanted.key.iter().map(place).collect());
        }
    }

    fn change(&mut self, relation: u32, old: Option<&Tuple<'_>>, new: &Tuple<'_>) {
        if !self.is_ours(relation) || self.own.keys.len() > MOST_KEYS {
            return;
        }
        let Some(Some(places)) = self.places.get(&relation) else {
            self.own.removed = true;
            return;
        };
        let was = |place: usize| old.and_then(|tuple| tuple.0.get(place)).copied();
        let mut key = Vec::with_capacity(places.len());
        for place in places {
            let is = match new.0.get(*place).copied() {
                Some(Datum::Kept) => was(*place),
                now => {
                    // An old row that is told by its identity alone has nothing in the other columns: checked before.
                    self.own.removed |= was(*place).is_some_and(|was| was != Datum::Kept && Some(was) != now);
                    now
                }
            };
            let text = is.and_then(|cell| match cell {
                Datum::Text(bytes) => std::str::from_utf8(bytes).ok(),
                Datum::Null | Datum::Kept => None,
            });
            let Some(text) = text else {
                self.own.removed = true;
                return;
            };
            key.push(text.into());
        }
        self.own.keys.insert(key.into());
    }

    fn commit(&mut self, end: Lsn, is_seen: impl Fn(u32) -> bool) -> Step {
        let own = std::mem::take(&mut self.own);
        if end <= self.wanted.from {
            return Step::On;
        }
        let concerns = own.removed || !own.keys.is_empty();
        if concerns && !is_seen(self.xid) {
            return Step::Unseen;
        }
        self.found.upto = self.found.upto.max(end);
        self.found.removed |= own.removed;
        if self.found.keys.is_empty() {
            self.found.keys = own.keys;
        } else {
            self.found.keys.extend(own.keys);
        }
        if self.found.keys.len() > MOST_KEYS {
            self.found.keys.clear();
            self.found.removed = true;
        }
        if concerns && self.found.keys.len() >= self.wanted.most { Step::Enough } else { Step::On }
    }
}

/// A snapshot as `txid_current_snapshot()` writes it: transactions that were under way when it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The first transaction that had not begun.
    next: u32,
    running: BTreeSet<u32>,
}

impl Snapshot {
    /// From the server's text, `xmin:xmax:xip,…`, whose numbers have an epoch in front.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':').skip(1);
        let number = |text: &str| Some(text.parse::<u64>().ok()? as u32);
        let next = number(parts.next()?)?;
        let running = parts.next()?.split(',').filter(|part| !part.is_empty()).map(number).collect::<Option<_>>()?;
        Some(Self { next, running })
    }

    /// Whether rows of a committed transaction are seen by this snapshot, and so by each one taken later. Numbers go round.
    pub fn sees(&self, xid: u32) -> bool {
        (self.next.wrapping_sub(xid) as i32) > 0 && !self.running.contains(&xid)
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::written as w;
    use super::*;

    const TABLE: u32 = 100;
    const PART: u32 = 101;

    fn wanted(from: u64, most: usize) -> Wanted {
        Wanted { key: vec!["ID".into(), "XQ".into()], tables: [TABLE, PART].into(), from: Lsn(from), most }
    }

    fn feed(gather: &mut Gather, messages: &[Vec<u8>], seen: impl Fn(u32) -> bool + Copy) -> Step {
        for message in messages {
            let step = gather.take(message, seen).unwrap();
            if step != Step::On {
                return step;
            }
        }
        Step::On
    }

    /// One transaction, changes of a table whose key is its second and first column.
    fn gathered(changes: &[Vec<u8>]) -> Gathered {
        let mut gather = Gather::new(wanted(10, 100));
        let messages =
            [vec![w::begin(7), w::relation(TABLE, &["XQ", "ID", "XM"])], changes.to_vec(), vec![w::commit(50)]].concat();
        assert_eq!(feed(&mut gather, &messages, |_| true), Step::On);
        gather.finish()
    }

    fn keys(found: &Gathered) -> Vec<String> {
        found.keys.iter().map(|key| key.join("/")).collect()
    }

    #[test]
    fn rows_that_came_or_changed_are_told_by_their_keys_each_once() {
        let found = gathered(&[
            w::insert(TABLE, &["1", "a", "x"]),
            w::update(TABLE, None, &["1", "a", "y"]),
            w::update(TABLE, Some((b'O', &["1", "b", "x"])), &["1", "b", "y"]),
            w::insert(999, &["1", "z", "x"]),
            w::delete(999, &["1", "z", "!"]),
            w::truncate(&[999]),
        ]);
        assert_eq!((keys(&found), found.removed, found.upto), (vec!["a/1".into(), "b/1".into()], false, Lsn(50)));
    }

    #[test]
    fn what_goes_away_is_told() {
        for (changes, rest) in [
            (vec![w::delete(TABLE, &["1", "a", "!"])], vec![]),
            (vec![w::truncate(&[999, TABLE])], vec![]),
            (vec![w::update(TABLE, Some((b'K', &["1", "a", "!"])), &["1", "b", "x"])], vec!["b/1"]),
            (vec![w::update(TABLE, Some((b'O', &["1", "a", "x"])), &["2", "a", "x"])], vec!["a/2"]),
        ] {
            let found = gathered(&changes);
            assert!(found.removed, "{changes:?}");
            assert_eq!(keys(&found), rest);
        }
    }

    #[test]
    fn what_the_log_does_not_tell_is_read_with_everything() {
        for change in [
            w::insert(TABLE, &["1", "!", "x"]),
            w::update(TABLE, None, &["1", "~", "x"]),
            w::insert(TABLE, &["1"]),
            // Its columns were never told.
            w::insert(PART, &["1", "a", "x"]),
        ] {
            let found = gathered(std::slice::from_ref(&change));
            assert_eq!((found.removed, found.keys.len()), (true, 0), "{change:?}");
        }
        let found = gathered(&[w::relation(PART, &["ID", "XM"]), w::insert(PART, &["a", "x"])]);
        assert!(found.removed);
        let kept = gathered(&[w::update(TABLE, Some((b'K', &["1", "a", "!"])), &["1", "~", "x"])]);
        assert_eq!((keys(&kept), kept.removed), (vec!["a/1".into()], false));
    }

    #[test]
    fn parts_of_a_table_have_columns_in_their_own_order() {
        let found = gathered(&[
            w::relation(PART, &["ID", "XM", "XQ"]),
            w::insert(PART, &["p", "x", "2"]),
            w::insert(TABLE, &["1", "t", "x"]),
        ]);
        assert_eq!(keys(&found), ["p/2", "t/1"]);
    }

    #[test]
    fn transactions_known_already_and_unfinished_ones_give_nothing() {
        let mut gather = Gather::new(wanted(50, 100));
        let table = w::relation(TABLE, &["ID", "XQ"]);
        let old = [w::begin(6), table, w::insert(TABLE, &["old", "1"]), w::delete(TABLE, &["x", "1"]), w::commit(50)];
        assert_eq!(feed(&mut gather, &old, |_| true), Step::On);
        let new = [w::begin(7), w::insert(TABLE, &["new", "1"]), w::commit(51), w::begin(8), w::insert(TABLE, &["cut", "1"])];
        assert_eq!(feed(&mut gather, &new, |_| true), Step::On);
        let found = gather.finish();
        assert_eq!((keys(&found), found.removed, found.upto), (vec!["new/1".into()], false, Lsn(51)));
    }

    #[test]
    fn it_ends_with_the_transaction_that_has_enough() {
        let mut gather = Gather::new(wanted(0, 2));
        let row = |id: &str| w::insert(TABLE, &[id, "1"]);
        let table = w::relation(TABLE, &["ID", "XQ"]);
        let messages = [
            vec![w::begin(6), table, row("a"), w::commit(20)],
            vec![w::begin(7), row("a"), w::commit(30)],
            vec![w::begin(8), row("b"), row("c"), row("d"), w::commit(40)],
            vec![w::begin(9), row("e"), w::commit(50)],
        ];
        assert_eq!(feed(&mut gather, &messages.concat(), |_| true), Step::Enough);
        let found = gather.finish();
        assert_eq!((keys(&found).len(), found.upto), (4, Lsn(40)));
    }

    #[test]
    fn a_transaction_that_readers_cannot_see_yet_is_left_for_later() {
        let mut gather = Gather::new(wanted(0, 100));
        let row = |id: &str| w::insert(TABLE, &[id, "1"]);
        let table = w::relation(TABLE, &["ID", "XQ"]);
        let messages = [
            vec![w::begin(6), table, row("a"), w::commit(20)],
            // Nothing of ours: it need not be seen.
            vec![w::begin(8), w::commit(25)],
            vec![w::begin(7), row("b"), w::commit(30)],
            vec![w::begin(5), row("c"), w::commit(40)],
        ];
        assert_eq!(feed(&mut gather, &messages.concat(), |xid| xid < 7), Step::Unseen);
        let found = gather.finish();
        assert_eq!((keys(&found), found.upto), (vec!["a/1".into()], Lsn(25)));
    }

    #[test]
    fn so_many_changes_that_everything_is_read() {
        let mut gather = Gather::new(wanted(0, usize::MAX));
        feed(&mut gather, &[w::begin(6), w::relation(TABLE, &["ID", "XQ"])], |_| true);
        for id in 0..=MOST_KEYS + 10 {
            gather.take(&w::insert(TABLE, &[&id.to_string(), "1"]), |_| true).unwrap();
        }
        assert_eq!(gather.own.keys.len(), MOST_KEYS + 1);
        gather.take(&w::commit(20), |_| true).unwrap();
        let found = gather.finish();
        assert_eq!((found.keys.len(), found.removed, found.upto), (0, true, Lsn(20)));
    }

    #[test]
    fn snapshots_tell_who_is_seen() {
        let snapshot = Snapshot::parse("10:20:12,15").unwrap();
        for (xid, seen) in [(9, true), (10, true), (12, false), (15, false), (19, true), (20, false), (21, false)] {
            assert_eq!(snapshot.sees(xid), seen, "{xid}");
        }
        let quiet = Snapshot::parse("20:20:").unwrap();
        assert!(quiet.sees(19) && !quiet.sees(20));
        // Numbers have gone round: 2^32 + 5 is younger than 2^32 - 5.
        let round = Snapshot::parse("4294967301:4294967301:").unwrap();
        assert!(round.sees(u32::MAX - 4) && round.sees(4) && !round.sees(5));
        for wrong in ["", "1", "1:x:", "1:2:x", "a"] {
            assert_eq!(Snapshot::parse(wrong).is_some(), false, "{wrong}");
        }
    }
}
