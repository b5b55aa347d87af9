//! Asks a table where its marks stand.

use super::mark::{Form, Mark, parse};
use super::plan::Plan;
use super::spec::Overlap;
use super::sql::{Limit, marked, settled, unmarked};
use super::table::Table;
use super::window::{Observer, Watermark, hash};
use crate::source::{Column, ColumnKind, Product, SourceBatch, SourceError};

/// More rows without any mark than these are left to the read of everything.
const UNMARKED: u64 = 10_000;

/// The mark columns of a table, as they stand in one transaction.
pub(super) struct Marks {
    columns: Vec<MarkColumn>,
    /// The greatest mark that is not in the future; `None` where there is none.
    pub greatest: Option<Mark>,
    is_time: bool,
    given: Option<Overlap>,
}

struct MarkColumn {
    at: usize,
    name: String,
    kind: ColumnKind,
    /// How it writes marks; `None` where it holds none, or only such as lie in the future.
    form: Option<Form>,
}

/// Conditions that part a table: what is to be read again, and the rest.
pub(super) struct Parted {
    pub again: String,
    pub rest: String,
}

impl Marks {
    /// Asks for the greatest marks.
    ///
    /// # Errors
    /// When a column is missing, or holds what is no mark, or the marks are not alike.
    pub async fn ask<T: Table>(plan: &Plan, table: &mut T, columns: &[Column]) -> Result<Option<Self>, SourceError> {
        let Some((names, given)) = plan.watermark() else { return Ok(None) };
        let mut marks = Self { columns: Vec::new(), greatest: None, is_time: true, given };
        let mut now = None;
        let mut kinds: Vec<bool> = Vec::new();
        for name in names {
            let at = plan.column(columns, name, "changes.columns")?;
            let kind = columns[at].kind;
            if matches!(kind, ColumnKind::Bool | ColumnKind::Bytes) {
                return Err(plan.wrong(
                    format!("column {name} holds neither dates, times nor numbers"),
                    "name other `columns` in [read.changes]",
                ));
            }
            let name = columns[at].name.to_string();
            let found = greatest(plan, table, &name, kind, &mut now).await?;
            kinds.extend(found.map(|(form, _)| form.is_time()));
            marks.greatest = marks.greatest.max(found.map(|(_, mark)| mark));
            marks.columns.push(MarkColumn { at, name, kind, form: found.map(|(form, _)| form) });
        }
        marks.is_time = kinds.first().copied().unwrap_or(true);
        if kinds.iter().any(|kind| *kind != marks.is_time) {
            return Err(
                plan.wrong("some `columns` of [read.changes] hold times and some numbers".into(), "name columns of one kind")
            );
        }
        let fits = match given {
            None => true,
            Some(Overlap::Time(_)) => marks.is_time,
            Some(Overlap::Count(_)) => !marks.is_time,
        };
        if !fits && !kinds.is_empty() {
            let remedy = if marks.is_time { "write overlap = \"10m\", or drop it" } else { "write overlap = 1000, or drop it" };
            return Err(plan.wrong("`overlap` does not go with the marks that the columns hold".into(), remedy));
        }
        Ok(Some(marks))
    }

    /// Watches a read; nothing to be watched where there is no mark.
    pub fn observer(&self, before: Option<Watermark>) -> Option<Observer> {
        self.greatest.map(|greatest| Observer::new(before, greatest, self.is_time, self.given))
    }

    /// Parts the table at the bound that a watermark sets; nothing where that was of marks of another kind.
    pub fn part(&self, plan: &Plan, before: &Watermark) -> Option<Parted> {
        if !self.columns.iter().all(|column| column.form.is_none_or(|form| form.is_time() == before.is_time)) {
            return None;
        }
        let bound = before.bound(self.given);
        let limits: Vec<Limit<'_>> = self
            .columns
            .iter()
            .map(|column| (&*column.name, column.form.map(|form| literal(plan.product, form, bound, column.kind))))
            .collect();
        let empty = unmarked(plan.product, &self.names());
        Some(Parted { again: format!("{} OR {empty}", marked(plan.product, &limits)), rest: settled(plan.product, &limits) })
    }

    /// What a run reads that reads what changed: marks behind the bound, and rows without any while they are few.
    pub async fn changed<T: Table>(&self, plan: &Plan, table: &mut T, parted: Parted) -> Result<String, SourceError> {
        let empty = unmarked(plan.product, &self.names());
        let counted = table.texts(&plan.product.count_up_to(&plan.object, &empty, UNMARKED + 1)).await?;
        if number(&counted) <= UNMARKED {
            return Ok(parted.again);
        }
        tracing::warn!(
            source = %plan.source, object = plan.object, columns = self.names().join(", "),
            "more than {UNMARKED} rows have no mark at all; they are read only when everything is"
        );
        Ok(format!("({}) AND NOT {empty}", parted.again))
    }

    fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Shows the rows of a batch to an observer.
    pub fn watch(&self, observer: &mut Observer, batch: &SourceBatch) {
        for row in 0..batch.len() {
            let mark = |column: &MarkColumn| parse(batch.cell(row, column.at)?, column.kind).map(|(_, mark)| mark);
            let Some(mark) = self.columns.iter().filter_map(mark).max().filter(|mark| observer.wants(*mark)) else { continue };
            observer.see(mark, hash((0..batch.columns().len()).map(|column| batch.cell(row, column))));
        }
    }
}

/// The greatest mark of a column that is not in the future: somebody enters a date of the year 2099, and everything that
/// changes from then on would be below it.
async fn greatest<T: Table>(
    plan: &Plan,
    table: &mut T,
    column: &str,
    kind: ColumnKind,
    now: &mut Option<Mark>,
) -> Result<Option<(Form, Mark)>, SourceError> {
    let Some(text) = one(&table.texts(&plan.product.greatest(&plan.object, column, None)).await?) else { return Ok(None) };
    let found = parse(&text, kind);
    if found.is_some_and(|(form, _)| !form.is_time()) {
        return Ok(found);
    }
    let now = match *now {
        Some(now) => now,
        None => {
            let told = one(&table.texts(plan.product.now()).await?).and_then(|text| parse(&text, ColumnKind::Date));
            *now.insert(told.map_or(Mark(0), |(_, mark)| mark))
        }
    };
    if found.is_some_and(|(_, mark)| mark <= now) {
        return Ok(found);
    }
    let end = literal(plan.product, found.map_or(Form::PLAIN, |(form, _)| form), now, kind);
    let text = one(&table.texts(&plan.product.greatest(&plan.object, column, Some(&end))).await?);
    match text.as_deref().map(|text| parse(text, kind)) {
        Some(Some(found)) => Ok(Some(found)),
        // All of them lie in the future.
        None if found.is_some() => Ok(None),
        _ => Err(plan.wrong(
            format!("column {column} holds values that are neither dates, times nor numbers"),
            "name other `columns` in [read.changes], or drop the section",
        )),
    }
}

/// A mark as a literal that compares with a column which holds such marks.
fn literal(product: Product, form: Form, mark: Mark, kind: ColumnKind) -> String {
    let text = form.write(mark);
    if form.is_time() { product.literal(&text, kind) } else { text }
}

fn one(texts: &[Vec<Option<String>>]) -> Option<String> {
    texts.first()?.first()?.clone()
}

/// A count.
pub(super) fn number(texts: &[Vec<Option<String>>]) -> u64 {
    one(texts).and_then(|text| text.parse().ok()).unwrap_or_default()
}
