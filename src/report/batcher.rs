//! From pending rows to one batch: who goes, who waits and why, where the cursor stands afterwards. Pure.

use std::collections::HashSet;

use jiff::civil::Date;

use super::render::{RenderFault, Rendered, Renderer, Scan, plain_text};
use super::window::{Calendar, Facts, Standing, standing};
use crate::standard::{FieldIdx, Scope, TablePlan};
use crate::store::{Cursor, FeedRow, Lane, Millis, NewException, Op, Reason};

/// What decides about the rows of one table.
pub(super) struct Terms<'a> {
    pub(super) plan: &'a TablePlan,
    pub(super) renderer: &'a Renderer,
    pub(super) scope: &'a Scope,
    pub(super) calendar: &'a Calendar,
    pub(super) day: Date,
    /// Rows a batch.
    pub(super) rows: u32,
    /// Bytes a batch.
    pub(super) bytes: u64,
    /// New rows that the ramp still lets through.
    pub(super) allowance: u64,
    /// The table is closed: not even rows that the upstream knows go.
    pub(super) shut: bool,
    /// When a row that waits for its parent is looked at again, should nothing release it.
    pub(super) parent_again: Millis,
    /// Deletions are told beside the row.
    pub(super) deletions: bool,
}

/// What came of the pending rows.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) members: Vec<FeedRow>,
    pub(super) wire: Vec<Vec<u8>>,
    pub(super) exceptions: Vec<NewException>,
    pub(super) cursor: Cursor,
    pub(super) unsealed_values: u64,
    /// Rows were left because the ramp lets no more through.
    pub(super) ramp_full: bool,
}

impl Planned {
    /// Whether there is anything to write.
    pub(super) fn changes(&self, before: Cursor) -> bool {
        !self.members.is_empty() || !self.exceptions.is_empty() || self.cursor != before
    }
}

/// Makes a batch out of rows in the order in which the store gave them.
pub(super) fn plan(
    rows: Vec<FeedRow>,
    lane: Lane,
    cursor: Cursor,
    terms: &Terms<'_>,
    in_flight: &HashSet<u64>,
    waits: &HashSet<u64>,
) -> Result<Planned, RenderFault> {
    let mut out = Planned { cursor, ..Planned::default() };
    if lane == Lane::Backfill && rows.is_empty() {
        out.cursor.backfill = None;
        return Ok(out);
    }
    let (mut bytes, mut bound, mut fresh) = (0u64, terms.rows.max(1), 0u64);
    let mut seen = HashSet::new();
    for row in rows {
        let ahead = lane == Lane::Backfill || row.seq > cursor.seq;
        let (rid, seq, op) = (row.rid, row.seq, row.op);
        // It changed while the rows were read: the newer version is ahead, and stays so until the older one is settled.
        if !seen.insert(rid) {
            break;
        }
        if !is_moot(&row, terms) {
            match verdict(&row, terms, in_flight, waits) {
                Some((reason, due)) => out.exceptions.push(NewException { rid, seq, reason, due, op }),
                None => {
                    let tight = if row.split == 0 { bound } else { bound.min(row.split) };
                    if out.members.len() as u32 >= tight {
                        break;
                    }
                    if terms.shut || ahead && fresh >= terms.allowance {
                        out.ramp_full = true;
                        break;
                    }
                    let mut wire = Vec::with_capacity(row.payload.len() + 16);
                    match terms.renderer.render(&row.payload, row.op == Op::Delete, &mut wire)? {
                        Rendered::Unsealed => {
                            out.exceptions.push(NewException { rid, seq, reason: Reason::Unsealed, due: None, op });
                        }
                        Rendered::Row { unsealed } => {
                            bytes += wire.len() as u64 + 1;
                            if bytes > terms.bytes && !out.members.is_empty() {
                                break;
                            }
                            bound = tight;
                            fresh += u64::from(ahead);
                            out.unsealed_values += u64::from(unsealed);
                            out.wire.push(wire);
                            out.members.push(row);
                        }
                    }
                }
            }
        }
        if ahead {
            pass(&mut out.cursor, lane, seq);
        }
    }
    Ok(out)
}

/// A deletion that the upstream has no word for: nothing can be sent, the row stands upstream and is counted there.
fn is_moot(row: &FeedRow, terms: &Terms<'_>) -> bool {
    row.op == Op::Delete && !terms.deletions && terms.plan.roles.data_state.is_none()
}

fn pass(cursor: &mut Cursor, lane: Lane, seq: u64) {
    match (lane, cursor.backfill) {
        (Lane::Live, _) => cursor.seq = cursor.seq.max(seq),
        (Lane::Backfill, Some((from, _))) => {
            let to = seq.saturating_sub(1);
            cursor.backfill = (to > from).then_some((from, to));
        }
        (Lane::Backfill, None) => {}
    }
}

/// Why a row waits, if it does.
fn verdict(row: &FeedRow, terms: &Terms<'_>, in_flight: &HashSet<u64>, waits: &HashSet<u64>) -> Option<(Reason, Option<Millis>)> {
    if in_flight.contains(&row.rid) {
        return Some((Reason::WaitsVerdict, None));
    }
    if row.op == Op::Upsert {
        let roles = terms.plan.roles;
        let wanted = [roles.term, roles.school_year, roles.event_date, roles.due_on];
        let values = texts(terms.plan, &row.payload, &wanted);
        let facts = Facts {
            term: values[0].as_deref(),
            school_year: values[1].as_deref(),
            event_date: values[2].as_deref(),
            due_on: values[3].as_deref(),
        };
        match standing(terms.scope, terms.plan.frequency, &facts, terms.calendar, terms.day) {
            Standing::Go => {}
            Standing::NotDue(at) => return Some((Reason::NotDue, Some(at))),
            Standing::OutOfScope(at) => return Some((Reason::OutOfScope, Some(at))),
        }
    }
    waits.contains(&row.rid).then_some((Reason::WaitsParent, Some(terms.parent_again)))
}

/// The texts of some fields of a canonical row.
pub(super) fn texts(plan: &TablePlan, payload: &[u8], wanted: &[Option<FieldIdx>]) -> Vec<Option<String>> {
    let fields: Vec<FieldIdx> = wanted.iter().flatten().copied().collect();
    if fields.is_empty() {
        return vec![None; wanted.len()];
    }
    let mut raws = Scan::pick(plan, payload, &fields).into_iter();
    wanted
        .iter()
        .map(|field| {
            let raw = field.and_then(|_| raws.next().flatten())?;
            if raw == b"null" {
                return None;
            }
            Some(match plain_text(raw) {
                Some(text) => text.into_owned(),
                None => String::from_utf8_lossy(raw).into_owned(),
            })
        })
        .collect()
}
