//! A read of everything by ranges of a key, each gone on with behind the last row given.

use std::sync::Arc;

use super::plan::Plan;
use super::position::{Reached, UnderWay};
use super::sql::Compared;
use super::table::Table;
use super::watermark::Marks;
use super::window::Observer;
use crate::source::reader::{Courier, Handout};
use crate::source::{Column, SourceBatch, SourceError};

/// How the ranges are cut.
pub(super) struct Ranges {
    at: Vec<usize>,
    key: Vec<Compared>,
    rows: u64,
}

impl Ranges {
    /// As the mapping says; nothing when it wants no ranges.
    ///
    /// # Errors
    /// When there is no key, or rows cannot be ordered by it.
    pub async fn of<T: Table>(plan: &Plan, table: &mut T, columns: &[Column]) -> Result<Option<Self>, SourceError> {
        let Some(chunks) = &plan.spec.chunks else { return Ok(None) };
        let at = plan.key(table, columns, &chunks.key, "chunks").await?;
        if let Some(odd) = at.iter().find(|at| !table.orders_by(**at)) {
            return Err(plan.wrong(
                format!("rows cannot be read by ranges of {}", columns[*odd].name),
                "name whole numbers, texts or dates by `key` in [read.chunks], or drop the section",
            ));
        }
        let key = Plan::compared(columns, &at);
        Ok(Some(Self { at, key, rows: chunks.rows }))
    }

    /// Hands out what lies behind the last key, range by range; false when nobody takes it any more. Each batch carries
    /// `reached` with how far it has come.
    pub async fn give<T: Table>(
        &self,
        plan: &Plan,
        table: &mut T,
        courier: &Arc<Courier>,
        way: &mut UnderWay,
        reached: &Reached,
        mut seen: Option<(&Marks, &mut Observer)>,
    ) -> Result<bool, SourceError> {
        loop {
            let after = (!way.key.is_empty()).then_some(way.key.as_slice());
            let sql = plan.product.range(&plan.object, &self.key, after, way.rest.as_deref(), self.rows);
            let (mut rows, mut empty) = (0, false);
            let mut seal = |batch: SourceBatch| {
                if let Some((marks, observer)) = &mut seen {
                    marks.watch(observer, &batch);
                }
                rows += batch.len() as u64;
                way.done += batch.len() as u64;
                let last = batch.len().saturating_sub(1);
                let key: Option<Vec<String>> = self.at.iter().map(|at| batch.cell(last, *at).map(str::to_owned)).collect();
                match key {
                    Some(key) => way.key = key,
                    None => empty = true,
                }
                let batch = if way.rest.is_some() { batch.settled() } else { batch };
                let here = Reached { under_way: Some(way.clone()), ..reached.clone() };
                batch.with_position(here.position())
            };
            let handout = table.hand_out(courier, &sql, &mut seal).await?;
            if empty {
                return Err(plan.wrong(
                    "a row has nothing in its key".into(),
                    "name columns that are never empty by `key` in [read.chunks]",
                ));
            }
            // A bound that says something else to the server than to us gives the same rows over and over.
            if way.done / 2 > way.total.max(self.rows) {
                way.agrees(plan)?;
            }
            if handout != Handout::Finished || rows < self.rows {
                return Ok(handout == Handout::Finished);
            }
        }
    }
}

impl UnderWay {
    /// In one view as many rows come as there are, or the key does not tell them apart.
    pub(super) fn agrees(&self, plan: &Plan) -> Result<(), SourceError> {
        if self.done == self.total {
            return Ok(());
        }
        Err(plan.wrong(
            format!("{} rows were read by ranges where there are {}: its key does not tell them apart", self.done, self.total),
            "name columns by `key` in [read.chunks] that are different in each row and never empty",
        ))
    }
}
