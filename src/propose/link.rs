//! Columns one step away: a row id leads by a join to the number or name that is wanted, a name by a look-up to its number.

use std::collections::{BTreeSet, HashSet};

use super::decide::{Candidate, FieldProposal, Outcome, TableProposal};
use super::pair::{Origin, Target};
use super::score::{around, likeness_by_name};
use super::terms::{Terms, is_han};
use super::{reading, terms::Term};
use crate::finding::Text;
use crate::source::TableShape;
use crate::standard::{FieldIdx, RefTarget};

/// How surely a join or a look-up makes a line.
const SURE: f32 = 0.82;
/// How surely one makes a line for a person to decide.
const PERHAPS: f32 = 0.5;

/// How a value is reached that the table itself does not hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// The column is a row id of another table of the source, whose column has the value.
    Join {
        /// The other table.
        table: String,
        /// Its column with the row id.
        key: String,
        /// Its column with the value.
        column: String,
    },
    /// The column has the name of a thing whose number is looked up among landed rows.
    Lookup {
        /// The table of the standard.
        table: String,
        /// Its field with the name.
        matching: String,
        /// Its field with the number.
        give: String,
    },
}

impl Through {
    /// What a joined column is called in the mapping's query; the column itself, where nothing is joined.
    pub fn named(&self, column: &str) -> String {
        match self {
            Self::Join { column: value, .. } => format!("{column}__{value}"),
            Self::Lookup { .. } => column.to_owned(),
        }
    }
}

/// What the step is made with.
pub(super) struct Links<'a> {
    pub terms: &'a Terms,
    pub targets: &'a [Target<'a>],
    pub shapes: &'a [TableShape],
    pub origins: &'a [Origin],
}

/// A column with row ids, and the recognised table that they are of.
struct Step<'a> {
    column: usize,
    key: String,
    roster: &'a TableProposal,
    declared: bool,
}

impl Links<'_> {
    /// Lets row ids and names speak for fields that are still open.
    pub fn follow(&self, tables: &mut [TableProposal]) {
        let before: Vec<TableProposal> = tables.to_vec();
        for table in tables {
            let Some(at) = self.shapes.iter().position(|shape| shape.name == table.object) else { continue };
            let Some(target) = self.targets.iter().find(|target| target.plan.id == table.plan.id) else { continue };
            let steps = self.steps(at, &before);
            for step in &steps {
                self.join(table, target, at, step, &steps);
            }
            let own = table.plan.id;
            for roster in before.iter().filter(|roster| roster.plan.id != own) {
                self.look_up(table, at, roster);
            }
        }
    }

    /// The row ids among the columns of a table.
    fn steps<'t>(&self, at: usize, tables: &'t [TableProposal]) -> Vec<Step<'t>> {
        let shape = &self.shapes[at];
        let mut out = Vec::new();
        for (column, own) in shape.columns.iter().enumerate() {
            let declared = shape.references.iter().find(|to| to.columns.len() == 1 && *to.columns[0] == *own.name);
            for roster in tables.iter().filter(|roster| roster.object != shape.name) {
                let Some(other) = self.shapes.iter().find(|other| other.name == roster.object) else { continue };
                let [primary] = &other.primary[..] else { continue };
                let key = match declared {
                    Some(to) if to.table == roster.object => to.targets.first().unwrap_or(primary).clone(),
                    Some(_) => continue,
                    None if called_like(&own.name, primary, &other.name) && holds(shape, column, other, primary) => {
                        primary.clone()
                    }
                    None => continue,
                };
                let plain = |field: &FieldProposal| field.outcome == Outcome::Active && is_column(field, &key);
                // What numbers the rows upstream, too, needs no join.
                if !roster.fields.iter().any(plain) {
                    out.push(Step { column, key, roster, declared: declared.is_some() });
                }
            }
        }
        out
    }

    fn join(&self, table: &mut TableProposal, target: &Target<'_>, at: usize, step: &Step<'_>, steps: &[Step<'_>]) {
        let origin = &self.origins[at];
        let said: Vec<Term> = target.subject.core.iter().chain(&target.subject.implied).copied().collect();
        let around = around(&said, &origin.table.core);
        let open = |own: &FieldProposal| own.outcome != Outcome::Active;
        let mut found: Vec<(usize, f32, String)> = Vec::new();
        for (place, own) in table.fields.iter().enumerate().filter(|(_, own)| open(own)) {
            let Some(column) = referred(table, own.field, step.roster) else { continue };
            let Some(field) = target.fields.iter().find(|field| field.idx == own.field) else { continue };
            let view = &origin.views[step.column];
            found.push((place, likeness_by_name(self.terms, target.plan, &target.subject, field, view, &around), column));
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        if let Some((place, likeness, column)) = found.first() {
            let ahead = found.get(1).is_none_or(|second| likeness - second.1 >= 0.08);
            let sure = ahead && *likeness >= if step.declared { 0.3 } else { 0.45 };
            if sure || *likeness >= 0.3 {
                self.set(&mut table.fields[*place], at, step, column, sure);
            }
        }
        // 课程名称 is there what it is here, where only one column leads there.
        if steps.iter().filter(|other| std::ptr::eq(other.roster, step.roster)).count() > 1 {
            return;
        }
        for own in table.fields.iter_mut().filter(|own| open(own) && own.column.is_none()) {
            let label = &table.plan.field(own.field).label;
            if !label.ends_with("名称") {
                continue;
            }
            let same = |other: &&FieldProposal| {
                other.outcome == Outcome::Active && other.through.is_none() && step.roster.plan.field(other.field).label == *label
            };
            let column = step.roster.fields.iter().find(same).and_then(|other| other.column.clone());
            if let Some(column) = column {
                self.set(own, at, step, &column.column, true);
            }
        }
    }

    fn set(&self, own: &mut FieldProposal, at: usize, step: &Step<'_>, column: &str, sure: bool) {
        let name = self.shapes[at].columns[step.column].name.to_string();
        let (roster, key) = (&step.roster.object, &step.key);
        let how = if step.declared { ("外键", "a foreign key") } else { ("列名与取值", "its name and values") };
        own.reasons = vec![Text::new(
            format!("{}表明 {name} 是 {roster} 的行号 {key}，连接后取其 {column}", how.0),
            format!("by {} {name} is the row id {key} of {roster}: joined, whose {column} is taken", how.1),
        )];
        own.column = Some(Candidate { column: name, chance: if sure { SURE } else { PERHAPS } });
        own.outcome = if sure { Outcome::Active } else { Outcome::Decide };
        own.through = Some(Through::Join { table: roster.clone(), key: key.clone(), column: column.to_owned() });
        (own.take, own.codes) = (None, None);
        own.others.clear();
    }

    /// A column that holds the names of a recognised roster stands, by look-up, for the numbers of that roster.
    fn look_up(&self, table: &mut TableProposal, at: usize, roster: &TableProposal) {
        let Some(other) = self.shapes.iter().find(|shape| shape.name == roster.object) else { return };
        let open: Vec<usize> =
            (0..table.fields.len()).filter(|place| referred(table, table.fields[*place].field, roster).is_some()).collect();
        // Where several fields refer there, names do not tell which is meant.
        let [place] = open[..] else { return };
        if table.fields[place].outcome == Outcome::Active {
            return;
        }
        let Some((name_field, names)) = names(roster, other) else { return };
        let shape = &self.shapes[at];
        let held: Vec<usize> = (0..shape.columns.len()).filter(|column| all_among(shape, *column, &names)).collect();
        let [column] = held[..] else { return };
        let Some(give) = given(table, table.fields[place].field, roster) else { return };
        let own = &mut table.fields[place];
        let name = shape.columns[column].name.to_string();
        let matching = roster.plan.field(name_field);
        own.reasons = vec![Text::new(
            format!("取值均为 {} 的“{}”：按名称查其编号", roster.object, matching.label),
            format!("all values are names of {} ({}): its number is looked up", roster.object, roster.plan.label_en),
        )];
        own.column = Some(Candidate { column: name, chance: SURE });
        own.outcome = Outcome::Active;
        own.through = Some(Through::Lookup {
            table: roster.plan.name.to_string(),
            matching: matching.name.to_string(),
            give: roster.plan.field(give).name.to_string(),
        });
        (own.take, own.codes) = (None, None);
        own.others.clear();
    }
}

fn is_column(field: &FieldProposal, column: &str) -> bool {
    field.through.is_none() && field.column.as_ref().is_some_and(|own| own.column == column)
}

/// The field of a roster that a field refers to.
fn given(table: &TableProposal, field: FieldIdx, roster: &TableProposal) -> Option<FieldIdx> {
    let targets = table.plan.field(field).reference.iter().flat_map(|reference| reference.targets.iter());
    let meant = |to: &&RefTarget| to.table == roster.plan.id;
    targets.into_iter().find(meant).map(|to| to.field)
}

/// The roster's column with what a field refers to, where the roster has it.
fn referred(table: &TableProposal, field: FieldIdx, roster: &TableProposal) -> Option<String> {
    let to = given(table, field, roster)?;
    let own = roster.fields.iter().find(|own| own.field == to && own.outcome == Outcome::Active && own.through.is_none())?;
    own.column.as_ref().map(|column| column.column.clone())
}

/// Whether a column is called like another table's row id: as it is, or by the table's last words.
fn called_like(column: &str, primary: &str, table: &str) -> bool {
    let lower = column.to_ascii_lowercase();
    let generic = matches!(primary.to_ascii_lowercase().as_str(), "id" | "guid" | "uuid" | "pk" | "wid");
    if !generic && lower == primary.to_ascii_lowercase() {
        return true;
    }
    let words = reading::split(column);
    let Some((last, stem)) = words.split_last() else { return false };
    let table = reading::split(table.rsplit('.').next().unwrap_or(table));
    let singular = |word: &String| word.strip_suffix('s').map_or_else(|| word.clone(), str::to_owned);
    let of = table.last().map(singular);
    last == "id" && stem.last().map(singular).is_some_and(|word| word.len() >= 3 && Some(word) == of)
}

/// Whether the values of a column are among another table's row ids, as far as the samples tell.
fn holds(shape: &TableShape, column: usize, other: &TableShape, primary: &str) -> bool {
    let Some(key) = other.columns.iter().position(|own| *own.name == *primary) else { return false };
    let ids: HashSet<&str> = other.samples.column(key).flatten().map(str::trim).collect();
    let values: HashSet<&str> =
        shape.samples.column(column).flatten().map(str::trim).filter(|value| !matches!(*value, "" | "0")).collect();
    let whole = other.rows.is_none_or(|rows| rows <= other.samples.rows() as u64);
    values.len() >= 2 && (!whole || values.is_subset(&ids))
}

/// The field and the values by which a roster names its things, where no two have one name.
fn names<'s>(roster: &TableProposal, shape: &'s TableShape) -> Option<(FieldIdx, BTreeSet<&'s str>)> {
    let named = |own: &&FieldProposal| {
        let label = &roster.plan.field(own.field).label;
        own.outcome == Outcome::Active
            && own.through.is_none()
            && label.ends_with("名称")
            && !["英文", "方向"].iter().any(|word| label.contains(word))
            && !roster.plan.field(own.field).sensitivity.is_sensitive()
    };
    let own = roster.fields.iter().find(named)?;
    let column = own.column.as_ref()?;
    let at = shape.columns.iter().position(|other| *other.name == *column.column)?;
    let all: Vec<&str> = shape.samples.column(at).flatten().map(str::trim).filter(|value| !value.is_empty()).collect();
    let set: BTreeSet<&str> = all.iter().copied().collect();
    (set.len() == all.len() && set.len() >= 2).then_some((own.field, set))
}

/// Whether the values of a column are Chinese names, all among these.
fn all_among(shape: &TableShape, column: usize, names: &BTreeSet<&str>) -> bool {
    let values: BTreeSet<&str> =
        shape.samples.column(column).flatten().map(str::trim).filter(|value| !value.is_empty()).collect();
    values.len() >= 2 && values.iter().all(|value| value.chars().any(is_han) && names.contains(value))
}
