//! What the hub does with a source that follows a log, in memory: rows and position land together, an interrupted run is
//! gone on with, only a complete run takes rows away.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use xiaoshu::source::{Begin, Position, ReadSpec, SourceError, SourcePlace, connector};

use super::super::mariadb::{Client, Mariadb};
use crate::sources::Cell;

/// Where a run is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Nowhere.
    Never,
    /// When the source is open: a whole read has marked the log.
    Opened,
    /// With so many batches landed, the next one read and lost.
    Read(usize),
    /// With so many batches landed and the source told of it.
    Landed(usize),
    /// Everything landed, the end not noted.
    Ended,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ran {
    /// Rows that came.
    pub rows: usize,
    /// Whether everything was read in one view.
    pub complete: bool,
    /// Whether the next run follows at once.
    pub more: bool,
}

/// A row that has landed: its version and all its cells.
type Held = (u64, Vec<Cell>);

/// The state that outlives a process.
pub(super) struct Hub {
    pub settings: Value,
    pub read: ReadSpec,
    /// By its first cell.
    pub held: BTreeMap<String, Held>,
    /// Which cell holds a row's version, if any.
    version: Option<usize>,
    after: Option<Position>,
    resume: Option<Position>,
}

impl Hub {
    /// A hub that reads a table by the log, and watches that the versions in a column never fall.
    pub fn new(server: &Mariadb, table: &str, version: Option<usize>) -> Self {
        let changes = serde_json::from_value(serde_json::json!({ "by": "log" })).unwrap();
        let read = ReadSpec { object: Some(table.into()), changes: Some(changes), reader: "T".into(), ..ReadSpec::default() };
        Self { settings: server.settings(), read, held: BTreeMap::new(), version, after: None, resume: None }
    }

    /// Says which cell holds a row's version.
    pub fn version_at(&mut self, at: usize) {
        self.version = Some(at);
    }

    /// One run, cut off where it is said to be.
    pub fn run(&mut self, cut: Cut) -> Result<Ran, SourceError> {
        let name = "log".into();
        let place = SourcePlace { name: &name, settings: &self.settings, base: std::path::Path::new("/") };
        let begin = match (&self.resume, &self.after) {
            (Some(position), _) => Begin::Resume(position),
            (None, Some(position)) => Begin::Since(position),
            (None, None) => Begin::AFRESH,
        };
        let mut source = connector("mysql").unwrap().open(&place, &self.read, begin)?;
        let (mut seen, mut landed) = (BTreeSet::new(), 0);
        let mut ran = Ran { rows: 0, complete: false, more: false };
        if cut == Cut::Opened {
            return Ok(ran);
        }
        while let Some(batch) = source.next_batch(20)? {
            if cut == Cut::Read(landed) {
                return Ok(ran);
            }
            for row in 0..batch.len() {
                let cells: Vec<Cell> = (0..batch.columns().len()).map(|at| batch.cell(row, at).map(str::to_owned)).collect();
                let key = cells[0].clone().unwrap();
                let version = self.version.map_or(0, |at| cells[at].as_ref().unwrap().parse().unwrap());
                if let Some((held, _)) = self.held.get(&key) {
                    assert!(version >= *held, "{key}: version {version} came after {held}");
                }
                assert!(seen.insert(key.clone()), "{key} came twice in one run");
                self.held.insert(key, (version, cells));
            }
            ran.rows += batch.len();
            self.resume = Some(batch.position().clone());
            landed += 1;
            source.committed(batch.position())?;
            if cut == Cut::Landed(landed) {
                return Ok(ran);
            }
        }
        if cut == Cut::Ended {
            return Ok(ran);
        }
        (ran.complete, ran.more) = (source.is_complete(), source.has_more());
        if ran.complete {
            self.held.retain(|key, _| seen.contains(key));
        }
        self.after = self.resume.take();
        Ok(ran)
    }

    /// Runs until there is no more, and says how the runs ended.
    pub fn catch_up(&mut self) -> Vec<Ran> {
        let mut all = Vec::new();
        loop {
            let interrupted = self.resume.is_some();
            let ran = self.run(Cut::Never).unwrap();
            all.push(ran);
            assert!(all.len() < 20, "{all:?}");
            if !ran.more && !interrupted {
                return all;
            }
        }
    }

    /// Compares what has landed with the table.
    pub fn assert_equals(&self, client: &mut Client, about: &str) {
        let table = self.read.object.as_ref().unwrap();
        let expected: BTreeMap<String, Vec<String>> =
            client.rows(&format!("SELECT * FROM `{table}`")).into_iter().map(|row| (row[0].clone(), row)).collect();
        let held: BTreeMap<String, Vec<String>> = self
            .held
            .iter()
            .map(|(key, (_, cells))| (key.clone(), cells.iter().map(|cell| cell.clone().unwrap_or_default()).collect()))
            .collect();
        assert_eq!(held, expected, "{about}");
    }

    /// Where the hub has come to, to be gone back to.
    pub fn backup(&self) -> (BTreeMap<String, Held>, Option<Position>) {
        (self.held.clone(), self.after.clone())
    }

    /// Goes back.
    pub fn restore(&mut self, (held, after): (BTreeMap<String, Held>, Option<Position>)) {
        (self.held, self.after, self.resume) = (held, after, None);
    }
}
