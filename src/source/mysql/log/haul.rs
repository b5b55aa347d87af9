//! What the rows in the log mean for one table: keys of rows to read again, and whether something went away.

use std::collections::{HashMap, HashSet};

use super::row::{Deed, Part, Rows, TableMap, Unreadable, table_of};
use super::value;
use super::watch::{Parent, Watch};

/// A key: its cells in the order of its columns.
pub(super) type Key = Box<[Box<str>]>;

/// Within one transaction so many times more keys than asked for are kept; of a larger one the table is read whole.
const LARGEST: usize = 4;

/// What was taken out of the log so far.
pub(super) struct Haul<'w> {
    watch: &'w Watch,
    most: usize,
    /// The key's columns ascending, as images are read, and where each column of the key stands among them.
    wanted: Vec<usize>,
    order: Vec<usize>,
    maps: HashMap<u64, (Role, TableMap)>,
    pub keys: HashSet<Key>,
    /// Everything has to be read.
    pub removed: bool,
}

/// What a table is to the reading.
#[derive(Debug, Clone, Copy)]
enum Role {
    Watched,
    /// Its place among the parents.
    Parent(usize),
}

impl<'w> Haul<'w> {
    /// Nothing yet; about `most` keys are wanted.
    pub fn new(watch: &'w Watch, most: usize) -> Self {
        let mut wanted: Vec<usize> = watch.key.iter().map(|column| column.at).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let order = watch.key.iter().filter_map(|column| wanted.binary_search(&column.at).ok()).collect();
        Self { watch, most: most.max(1), wanted, order, maps: HashMap::new(), keys: HashSet::new(), removed: false }
    }

    /// Whether a run has enough.
    pub fn is_enough(&self) -> bool {
        self.removed || self.keys.len() >= self.most
    }

    /// The numbers of tables mean nothing any more: another file begins.
    pub fn begin_file(&mut self) {
        self.maps.clear();
    }

    /// A table is given a number.
    pub fn map(&mut self, body: &[u8]) {
        let Ok(map) = TableMap::read(body) else {
            // A name that is no UTF-8 cannot be told from ours.
            self.removed = true;
            return;
        };
        let is = |schema: &str, table: &str| map.schema == schema && map.table == table;
        let role = if is(&self.watch.schema, &self.watch.table) {
            Some(Role::Watched)
        } else {
            let parent = self.watch.parents.iter().position(|parent| is(&parent.schema, &parent.table));
            parent.map(Role::Parent)
        };
        match role {
            Some(role) => drop(self.maps.insert(map.id, (role, map))),
            None => drop(self.maps.remove(&map.id)),
        }
    }

    /// Rows of a table.
    pub fn rows(&mut self, kind: u8, deed: Deed, body: &[u8]) {
        let table = table_of(body).ok().and_then(|id| self.maps.remove_entry(&id));
        let Some((id, (role, map))) = table else { return };
        let watch = self.watch;
        // What follows a removal need not be known: everything is read.
        let done = match role {
            _ if self.removed => Ok(()),
            Role::Watched => self.watched_rows(kind, deed, body, &map).and_then(|()| {
                // A foreign key may refer to its own table.
                let own = watch.parents.iter().find(|parent| parent.schema == map.schema && parent.table == map.table);
                own.map_or(Ok(()), |own| self.parent_rows(kind, deed, body, &map, own))
            }),
            Role::Parent(at) => self.parent_rows(kind, deed, body, &map, &watch.parents[at]),
        };
        if done.is_err() || self.keys.len() > self.most.saturating_mul(LARGEST) {
            self.removed = true;
        }
        if self.removed {
            self.keys = HashSet::new();
        }
        self.maps.insert(id, (role, map));
    }

    fn watched_rows(&mut self, kind: u8, deed: Deed, body: &[u8], map: &TableMap) -> Result<(), Unreadable> {
        if deed == Deed::Delete {
            self.removed = true;
            return Ok(());
        }
        let (watch, order) = (self.watch, &self.order);
        let (keys, removed) = (&mut self.keys, &mut self.removed);
        Rows::read(kind, deed, body)?.each(map, &self.wanted, |before, after| {
            // An image of what changed alone leaves out a key that did not.
            let changed = before.iter().zip(after).any(|(before, after)| *after != Part::Absent && before != after);
            if changed {
                *removed = true;
                return Ok(());
            }
            let image = if deed == Deed::Update { before } else { after };
            let cells: Option<Key> = watch
                .key
                .iter()
                .zip(order)
                .map(|(column, at)| match image.get(*at) {
                    Some(Part::Value(logged)) => value::cell(column.form, *logged).map(Into::into),
                    _ => None,
                })
                .collect();
            keys.insert(cells.ok_or(Unreadable)?);
            Ok(())
        })
    }

    fn parent_rows(&mut self, kind: u8, deed: Deed, body: &[u8], map: &TableMap, parent: &Parent) -> Result<(), Unreadable> {
        match (deed, &parent.on_update) {
            (Deed::Delete, _) => self.removed |= parent.on_delete,
            (Deed::Update, Some(columns)) if columns.is_empty() => self.removed = true,
            (Deed::Update, Some(columns)) => {
                let removed = &mut self.removed;
                Rows::read(kind, deed, body)?.each(map, columns, |before, after| {
                    *removed |= before.iter().zip(after).any(|(before, after)| *after != Part::Absent && before != after);
                    Ok(())
                })?;
            }
            (Deed::Update, None) | (Deed::Write, _) => {}
        }
        Ok(())
    }
}
