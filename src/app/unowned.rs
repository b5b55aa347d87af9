//! Records whose source no mapping reads any more: nobody's, unless another source has taken their table over.

use std::collections::BTreeSet;

use super::plan::Plan;
use super::{TakeoverAnswer, UnownedLine};
use crate::finding::Text;
use crate::store::{Millis, Orphaned, Sharing, Store, StoreError};

async fn orphaned(plan: &Plan, store: &dyn Store) -> Result<Vec<Orphaned>, StoreError> {
    let editions: BTreeSet<&str> = plan.standard.tables().iter().map(|table| table.edition.as_str()).collect();
    let editions: Vec<&str> = editions.into_iter().collect();
    let mapped: Vec<(&str, &str)> = plan.active().map(|(document, table)| (&*table.name, document.source())).collect();
    Sharing::orphaned(store, &editions, &mapped).await
}

/// Records that are nobody's, with what to do.
pub(super) async fn lines(plan: &Plan, store: &dyn Store) -> Result<Vec<UnownedLine>, StoreError> {
    let unowned = orphaned(plan, store).await?.into_iter().filter(|left| left.live > 0 && left.taken_by.is_none());
    Ok(unowned.map(|left| line(plan, left)).collect())
}

fn line(plan: &Plan, left: Orphaned) -> UnownedLine {
    let (table, source) = (&left.table, &left.source);
    let heir = plan.active().find(|(_, plan)| *plan.name == **table).map_or("SOURCE", |(document, _)| document.source());
    let remedy = Text::new(
        format!(
            "恢复 {source} 对 {table} 的映射；或由另一来源接管：`xiaoshu takeover {table} --from {source} --to {heir}`，\
             它不提供的记录随后等待批准删除"
        ),
        format!(
            "put the mapping of {source} onto {table} back; or have another source take over: `xiaoshu takeover {table} --from \
             {source} --to {heir}`, and the records that it does not give wait for approval of their deletion"
        ),
    );
    UnownedLine { table: left.table, source: left.source, records: left.live, remedy }
}

/// Holds for approval what is left of sources that no mapping reads and from which another one took the table over; returns how many
/// records, by table and source. Rows of sources without a mapping wait for no other source any more.
pub(super) async fn hold(plan: &Plan, store: &dyn Store, now: Millis) -> Result<Vec<(String, String, u64)>, StoreError> {
    let mut held = Vec::new();
    for left in orphaned(plan, store).await? {
        let why = left.taken_by.as_ref().filter(|_| left.live > 0).map(|taker| why(&left.source, taker));
        if why.is_none() && left.waiting == 0 {
            continue;
        }
        let records = store.settle_orphaned(left.feed, &left.source, why.as_ref(), now).await?;
        held.push((left.table, left.source, records));
    }
    Ok(held)
}

fn why(source: &str, taker: &str) -> Text {
    Text::new(
        format!("来源 {source} 已不再映射，接管的 {taker} 不提供这些记录"),
        format!("no mapping reads {source} any more, and {taker}, which took over, does not give these records"),
    )
}

/// Notes in the answer of a takeover what came to wait for approval by it.
pub(super) async fn after_takeover(
    plan: &Plan,
    store: &dyn Store,
    answer: &mut TakeoverAnswer,
    now: Millis,
) -> Result<(), StoreError> {
    let held = hold(plan, store, now).await?;
    let own = held.into_iter().filter(|(table, source, _)| *table == answer.table && *source == answer.from);
    answer.to_approve = own.map(|(_, _, records)| records).sum();
    Ok(())
}
