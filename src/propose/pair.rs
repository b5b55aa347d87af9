//! One table of the source against one table of the standard: which columns are which fields, all together.

use std::collections::{HashMap, HashSet};

use super::field::Field;
use super::score::{Scored, View, around, score};
use super::terms::{Term, Terms};
use super::title::{Subject, Table};
use crate::standard::{KeyPart, Required, TablePlan};

/// A table of the standard, prepared.
pub(super) struct Target<'a> {
    pub plan: &'a TablePlan,
    pub subject: Subject,
    pub fields: Vec<Field>,
}

/// A table of the source, prepared.
pub(super) struct Origin {
    pub table: Table,
    pub views: Vec<View>,
    /// Rows that stand in the samples.
    pub sampled: usize,
}

/// What became of a pair of tables.
pub(super) struct Pair {
    pub title: f32,
    /// By field: the best column, if any.
    pub chosen: Vec<Option<Chosen>>,
    /// How surely the tables mean the same, 0 to 1.
    pub chance: f32,
    /// How many columns it explains, weighted.
    pub explained: f32,
    /// Whether the rows are single events and the table wants them summed up by the day.
    pub single: bool,
}

/// What remains of a pair's chance whose rows are rows of another kind.
pub(super) const OTHER_KIND: f32 = 0.35;

/// A column for a field, with what came close.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub scored: Scored,
    /// By how much it is ahead of the next column for the field and of the next field for the column.
    pub margin: f32,
    /// Other columns that could be meant.
    pub others: Vec<(usize, f32)>,
}

/// From this chance on a line counts for its table.
pub(super) const COUNTS: f32 = 0.6;

impl Pair {
    /// Compares two tables; `None` when nothing speaks for the pair.
    pub fn of(terms: &Terms, origin: &Origin, target: &Target<'_>) -> Option<Self> {
        let title = origin.table.likeness(terms, &target.subject);
        let said: Vec<Term> = target.subject.core.iter().chain(&target.subject.implied).copied().collect();
        let around = around(&said, &origin.table.core);
        let mut all: Vec<Scored> = Vec::new();
        for (at, field) in target.fields.iter().enumerate() {
            for view in &origin.views {
                let found = score(terms, target.plan, &target.subject, field, view, &around);
                all.extend(found.filter(|own| own.chance >= 0.25).map(|own| Scored { field: at, ..own }));
            }
        }
        let chosen = assign(&all, target.fields.len());
        if title < 0.3 && chosen.iter().flatten().filter(|own| own.scored.chance >= COUNTS).count() < 3 {
            return None;
        }
        let explained = chosen.iter().flatten().map(|own| own.scored.chance).filter(|chance| *chance >= COUNTS).sum();
        let mut pair = Self { title, chosen, chance: 0.0, explained, single: false };
        pair.single = pair.is_single(origin, target);
        pair.chance = pair.judge(origin, target) * if pair.single { OTHER_KIND } else { 1.0 };
        Some(pair)
    }

    /// The field's column, if it is sure enough to count.
    fn counted(&self, at: usize) -> Option<&Chosen> {
        self.chosen.get(at)?.as_ref().filter(|own| own.scored.chance >= COUNTS)
    }

    fn judge(&self, origin: &Origin, target: &Target<'_>) -> f32 {
        let counted: Vec<usize> = (0..target.fields.len()).filter(|at| self.counted(*at).is_some()).collect();
        let support: f32 = counted.iter().map(|at| target.fields[*at].rarity).sum();
        let mandatory = |at: &usize| target.plan.field(target.fields[*at].idx).required == Required::Mandatory;
        let wanted = (0..target.fields.len()).filter(mandatory).count().max(1);
        let covered = counted.iter().filter(|at| mandatory(at)).count() as f32 / wanted as f32;
        let (keyed, distinct) = self.key(origin, target);
        let columns = origin.views.iter().filter(|view| !view.is_machinery && !view.is_surrogate).count().max(1);
        let used: HashSet<usize> = counted.iter().filter_map(|at| Some(self.counted(*at)?.scored.column)).collect();
        let share = used.len() as f32 / columns as f32;
        let evidence = self.title * 2.4 + (support / 2.5).min(1.2) + covered * 1.0 + keyed * 0.6 + share * 0.8;
        let mut chance = 1.0 / (1.0 + (-(evidence - 2.75) * 2.2).exp());
        if counted.len() < 2 {
            chance *= if columns == 1 && self.title > 0.9 { 0.9 } else { 0.5 };
        }
        if origin.table.is_machinery {
            chance *= if self.title > 0.8 { 0.7 } else { 0.25 };
        }
        // A table of another name that holds next to nothing else is the table all the same.
        let alone = share >= 0.7 && counted.len() >= 6;
        if self.title < 0.45 && (keyed < 0.99 || (covered < 0.5 && !alone)) {
            chance *= 0.5;
        }
        // Rows that share a key are rows of another kind.
        chance * if distinct < 0.85 { OTHER_KIND } else { 1.0 }
    }

    /// Whether the table counts events by the day (it must have a 人次 or 次数, and no column gives it), and days repeat in the
    /// source: each row is one event, and its amount would be reported as the day's. Tables without names have groups for that.
    fn is_single(&self, origin: &Origin, target: &Target<'_>) -> bool {
        let plan = target.plan;
        let counts = |at: &usize| {
            let field = plan.field(target.fields[*at].idx);
            field.required == Required::Mandatory && field.label.trim_end_matches('数').ends_with('次')
        };
        let mut counting = (0..target.fields.len()).filter(counts).peekable();
        if plan.anonymous || counting.peek().is_none() || counting.any(|at| self.counted(at).is_some()) {
            return false;
        }
        let event = plan.roles.event_date.and_then(|date| target.fields.iter().position(|own| own.idx == date));
        let Some(own) = event.and_then(|at| self.counted(at)) else { return false };
        let days: Vec<&str> =
            origin.views[own.scored.column].profile.values().map(|value| value.get(..10).unwrap_or(value)).collect();
        let different: HashSet<&str> = days.iter().copied().collect();
        days.len() >= 12 && different.len() * 2 <= days.len()
    }

    /// The share of the natural key that is found, and how many of the sampled rows differ in it.
    fn key(&self, origin: &Origin, target: &Target<'_>) -> (f32, f32) {
        let parts = &target.plan.key.parts;
        let field_of = |part: &KeyPart| match part {
            KeyPart::Field(f) | KeyPart::Date(f) | KeyPart::SchoolYear(f) => target.fields.iter().position(|own| own.idx == *f),
            KeyPart::SourceId => None,
        };
        let found: Vec<&Chosen> = parts.iter().filter_map(field_of).filter_map(|at| self.counted(at)).collect();
        let keyed = if parts.is_empty() { 0.0 } else { found.len() as f32 / parts.len() as f32 };
        let whole = found.len() == parts.len() && !found.is_empty() && origin.sampled >= 12;
        let by_date = parts.iter().any(|part| !matches!(part, KeyPart::Field(_)));
        if !whole || by_date || !target.plan.key.preferred.is_empty() {
            return (keyed, 1.0);
        }
        let columns: Vec<Vec<&str>> =
            found.iter().map(|own| origin.views[own.scored.column].profile.values().collect()).collect();
        let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
        if rows == 0 || columns.iter().any(|column| column.len() != rows) {
            return (keyed, 1.0);
        }
        let different: HashSet<Vec<&str>> = (0..rows).map(|row| columns.iter().map(|column| column[row]).collect()).collect();
        (keyed, different.len() as f32 / rows as f32)
    }
}

/// One column a field and one field a column, the surest first. School year and term may come from one column.
fn assign(all: &[Scored], fields: usize) -> Vec<Option<Chosen>> {
    let mut order: Vec<&Scored> = all.iter().collect();
    order.sort_by(|a, b| b.chance.total_cmp(&a.chance).then(a.field.cmp(&b.field)).then(a.column.cmp(&b.column)));
    let shares = |scored: &Scored| matches!(scored.take, Some("school_year" | "term"));
    let mut taken: HashSet<usize> = HashSet::new();
    let mut chosen: Vec<Option<Chosen>> = vec![None; fields];
    for scored in order {
        if chosen[scored.field].is_some() || (taken.contains(&scored.column) && !shares(scored)) {
            continue;
        }
        taken.insert(scored.column);
        chosen[scored.field] = Some(Chosen { scored: scored.clone(), margin: 1.0, others: Vec::new() });
    }
    let sure: HashMap<(usize, usize), f32> = all.iter().map(|own| ((own.column, own.field), own.chance)).collect();
    let of = |column: usize, field: usize| sure.get(&(column, field)).copied().unwrap_or(0.0);
    let held: Vec<(usize, usize)> = chosen.iter().flatten().map(|own| (own.scored.column, own.scored.field)).collect();
    for own in chosen.iter_mut().flatten() {
        let me = own.scored.clone();
        for rival in all {
            let (for_field, for_column) = (rival.field == me.field, rival.column == me.column);
            if for_field == for_column || (for_column && (shares(rival) || shares(&me))) {
                continue;
            }
            // What is called exactly so goes before what is only called alike.
            if me.exact && !rival.exact && me.chance > rival.chance {
                continue;
            }
            // What would be lost if the two changed places: whatever the rival holds now would go to this one.
            let other =
                held.iter().find(|(column, field)| if for_field { *column == rival.column } else { *field == rival.field });
            let loss = match other {
                Some((column, field)) => {
                    me.chance + of(*column, *field)
                        - rival.chance
                        - if for_field { of(me.column, *field) } else { of(*column, me.field) }
                }
                None => me.chance - rival.chance,
            };
            own.margin = own.margin.min(loss);
            if for_field && loss < 0.3 {
                own.others.push((rival.column, rival.chance));
            }
        }
        own.others.sort_by(|a, b| b.1.total_cmp(&a.1));
        own.others.truncate(3);
    }
    chosen
}
