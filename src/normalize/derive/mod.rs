//! Rows made of rows before a mapping sees them, where a query is not enough: portraits, which fold many rows into one
//! text and unfold it again, and tables about persons that may only show groups.

mod check;
mod fold;
mod groups;
mod section;
mod timetable;
mod unfold;

use std::collections::VecDeque;
use std::sync::Arc;

use super::document::MappingDocument;
use super::fault::{Faults, MappingFault, meant, nearest};
use crate::finding::{RuleId, Text};
use crate::source::{Column, SourceBatch};
use crate::standard::Standard;

pub(super) use section::{GroupsSection, PortraitSection, TimetableSection};
pub use timetable::{CalendarRow, LandedLesson, TeachingCalendar};

/// A row that was made: a cell a column.
pub type DerivedRow = Vec<Option<String>>;

/// What a derivation needs to know beside the rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeriveContext {
    /// The day, `YYYYMMDD` at +08:00.
    pub today: String,
    /// The classes of sensitive items that portraits may say.
    pub shown: Vec<String>,
    /// The fewest cases that a row of an anonymous table may stand for.
    pub smallest_group: u32,
    /// The days on which lessons are taught, for timetables.
    pub calendar: Option<Arc<TeachingCalendar>>,
    /// The lessons that have landed, for timetables.
    pub landed: Vec<LandedLesson>,
}

/// A row that nothing can be made of, or that landed once and is made no more; it waits in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Its cells.
    pub cells: DerivedRow,
    /// The rule that it breaks.
    pub rule: RuleId,
    /// What is to be said of it.
    pub what: Text,
}

/// Why the rows of a source are not taken. No value of theirs is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub Text);

/// Makes rows of a source's rows.
pub struct Derivation {
    columns: Arc<[Column]>,
    how: How,
    aside: Vec<Aside>,
}

enum How {
    Fold(fold::Fold),
    Unfold(unfold::Unfold),
    Groups(groups::Groups),
    Timetable(Box<timetable::Timetable>),
}

impl Derivation {
    /// Compiles what a mapping says of derivation against the columns of its source; `None` where it says nothing.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn compile(
        doc: &MappingDocument,
        standard: &Standard,
        columns: &Arc<[Column]>,
        ctx: &DeriveContext,
    ) -> Result<Option<Self>, Vec<MappingFault>> {
        let mut faults = Faults::new(&doc.file, &doc.spans);
        let mut place = |name: &str, pointer: &str| column(columns, name, pointer, &mut faults);
        let body = &doc.body;
        let made = if let Some(section) = body.portrait.as_ref().filter(|section| section.folds()) {
            let fold = fold::Fold::compile(section, doc, standard, ctx, &mut place);
            fold.map(|fold| (fold.columns(), How::Fold(fold)))
        } else if let Some(section) = &body.portrait {
            let unfold = unfold::Unfold::compile(section, standard, columns, &mut place);
            unfold.map(|unfold| (unfold.columns(columns), How::Unfold(unfold)))
        } else if let Some(section) = &body.groups {
            let groups = groups::Groups::compile(section, columns, ctx, &mut place);
            groups.map(|groups| (Arc::clone(columns), How::Groups(groups)))
        } else if let Some(section) = &body.timetable {
            let timetable = timetable::Timetable::compile(section, columns, ctx, &mut place);
            timetable.map(|timetable| (timetable.columns(), How::Timetable(Box::new(timetable))))
        } else {
            None
        };
        let faults = faults.finish();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(made.map(|(columns, how)| Self { columns, how, aside: Vec::new() }))
    }

    /// The columns of the rows made.
    pub fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    /// Takes rows; what can be made of them goes into `made`.
    ///
    /// # Errors
    /// When rows of this kind may not be taken.
    pub fn take(&mut self, batch: &SourceBatch, made: &mut VecDeque<DerivedRow>) -> Result<(), Refused> {
        match &mut self.how {
            How::Fold(fold) => fold.take(batch, made),
            How::Unfold(unfold) => {
                unfold.take(batch, made);
                Ok(())
            }
            How::Groups(groups) => groups.take(batch),
            How::Timetable(timetable) => {
                timetable.take(batch);
                Ok(())
            }
        }
    }

    /// The source has no more rows: what is left is made.
    ///
    /// # Errors
    /// When the rows taken are none that may be reported.
    pub fn end(&mut self, made: &mut VecDeque<DerivedRow>) -> Result<(), Refused> {
        match &mut self.how {
            How::Fold(fold) => fold.end(made),
            How::Unfold(_) => {}
            How::Groups(groups) => return groups.end(made),
            How::Timetable(timetable) => self.aside = timetable.end(made),
        }
        Ok(())
    }

    /// Cases that are not reported, because they are too few to be told of as a group.
    pub fn withheld(&self) -> u64 {
        match &self.how {
            How::Groups(groups) => groups.withheld,
            _ => 0,
        }
    }

    /// After the end: rows that were set aside.
    pub fn aside(&mut self) -> Vec<Aside> {
        std::mem::take(&mut self.aside)
    }
}

/// The place of a column; a fault when the source has none of that name.
fn column(columns: &[Column], name: &str, pointer: &str, faults: &mut Faults<'_>) -> Option<usize> {
    let found = columns.iter().position(|c| *c.name == *name);
    if found.is_none() {
        let list: Vec<&str> = columns.iter().map(|c| &*c.name).take(40).collect();
        faults.add(
            pointer,
            Text::new(format!("来源没有列 {name}"), format!("the source has no column {name}")),
            meant(
                nearest(name, columns.iter().map(|c| &*c.name)),
                Text::new(format!("来源的列：{}", list.join("、")), format!("its columns: {}", list.join(", "))),
            ),
        );
    }
    found
}

/// Columns of these names; what they hold is not said.
fn named(names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Arc<[Column]> {
    names.into_iter().map(|name| Column { name: name.into(), kind: crate::source::ColumnKind::Unknown }).collect()
}
