//! What a person decides: the ramp, deletions, changed keys.

use std::collections::HashMap;

use super::hub::Hub;
use super::quarantine::feed_of;
use super::{
    ApproveAnswer, ApproveRequest, DeletionLine, Failure, RampLine, RampTarget, RekeyAnswer, RekeyRequest, ReleaseAnswer,
    ReleaseRequest, named, view,
};
use crate::finding::Text;
use crate::store::{Approved, FeedId, RampState, RampStep, StockRow, StoreError};

/// Shows the ramps, or moves them on.
pub(super) fn release(hub: &Hub, request: &ReleaseRequest) -> Result<ReleaseAnswer, Failure> {
    if let Some(table) = &request.table {
        named::table(&hub.plan, table)?;
    }
    if let Some(upstream) = &request.upstream {
        named::upstream(&hub.plan, upstream)?;
    }
    hub.runtime.block_on(release_all(hub, request)).map_err(|e| Failure::part(&e))
}

async fn release_all(hub: &Hub, request: &ReleaseRequest) -> Result<ReleaseAnswer, StoreError> {
    let mut ramps = Vec::new();
    let collisions: HashMap<FeedId, u64> =
        hub.store.table_rows().await?.into_iter().map(|row| (row.feed, row.collisions)).collect();
    for row in hub.store.stock().await? {
        let wanted = request.table.as_ref().is_none_or(|t| *t == row.table)
            && request.upstream.as_ref().is_none_or(|u| *u == row.upstream_name);
        if !wanted {
            continue;
        }
        let state = hub.store.ramp(row.upstream, row.feed).await?;
        ramps.push(match request.to {
            None => ramp_line(&row, &state, false, None),
            Some(to) => step(hub, &row, &state, to, collisions.get(&row.feed).copied().unwrap_or(0)).await?,
        });
    }
    Ok(ReleaseAnswer { ramps })
}

async fn step(hub: &Hub, row: &StockRow, state: &RampState, to: RampTarget, collisions: u64) -> Result<RampLine, StoreError> {
    let next = match to {
        RampTarget::Next => state.step.next(),
        RampTarget::Closed => RampStep::Closed,
        RampTarget::Canary => RampStep::Canary,
        RampTarget::Limited => RampStep::Limited,
        RampTarget::Open => RampStep::Open,
    };
    if next > state.step
        && let Some(why) = colliding(collisions).or_else(|| not_yet(row).filter(|_| state.step != RampStep::Closed))
    {
        return Ok(ramp_line(row, state, false, Some(why)));
    }
    if next == state.step {
        return Ok(ramp_line(row, state, false, None));
    }
    hub.store.set_ramp(row.upstream, row.feed, next, None, (hub.clock)()).await?;
    let state = hub.store.ramp(row.upstream, row.feed).await?;
    Ok(ramp_line(row, &state, true, None))
}

/// No step is taken while record keys collide: a first insert under a wrong key cannot be taken back.
fn colliding(rows: u64) -> Option<Text> {
    (rows > 0).then(|| {
        Text::new(
            format!("有 {rows} 行的记录主键已属于其他记录；先在来源中更正（`xiaoshu quarantine list --rule key_collision`）"),
            format!(
                "the record keys of {rows} rows belong to other records; mend them at the source first \
                 (`xiaoshu quarantine list --rule key_collision`)"
            ),
        )
    })
}

/// A step is done only when every verdict of it is *stored*.
fn not_yet(row: &StockRow) -> Option<Text> {
    let (flight, refused, unknown) = (row.stock.in_flight, row.stock.refused, row.stock.unknown);
    (flight + refused + unknown > 0).then(|| {
        Text::new(
            format!("本步尚未全部入库：在途 {flight}、被拒 {refused}、未知 {unknown}；先处理这些行"),
            format!("not everything of this step is stored: {flight} in flight, {refused} refused, {unknown} unknown; settle those first"),
        )
    })
}

fn ramp_line(row: &StockRow, state: &RampState, moved: bool, refused: Option<Text>) -> RampLine {
    RampLine {
        upstream: row.upstream_name.clone(),
        table: row.table.clone(),
        step: state.step.name().to_owned(),
        used: state.used,
        why: state.why.clone(),
        moved,
        refused,
    }
}

/// Shows deletions that wait, or approves a table's, as they were shown.
pub(super) fn approve(hub: &Hub, request: &ApproveRequest) -> Result<ApproveAnswer, Failure> {
    let feed = feed_of(hub, request.table.as_deref())?;
    let pending = hub.runtime.block_on(hub.store.pending_deletions()).map_err(|e| Failure::part(&e))?;
    let asked = pending.into_iter().filter(|row| feed.is_none_or(|feed| feed == row.feed));
    let mut answer =
        ApproveAnswer { pending: asked.map(|row| view::deletion(&hub.plan, row)).collect(), ..ApproveAnswer::default() };
    let (Some(feed), Some(code)) = (feed, &request.list) else { return Ok(answer) };
    let approving = hub.store.approve_deletions(feed, code.trim(), (hub.clock)());
    match hub.runtime.block_on(approving).map_err(|e| Failure::part(&e))? {
        Some(Approved { deleted, spared }) => (answer.approved, answer.spared) = (Some(deleted), spared),
        None => answer.refused = Some(another_list(&answer.pending)),
    }
    Ok(answer)
}

/// Why an approval was not taken: what it was for is not what waits.
fn another_list(pending: &[DeletionLine]) -> Text {
    match pending.first() {
        None => Text::new("没有等待批准的删除，未删除任何记录", "no deletions wait for approval; nothing was deleted"),
        Some(_) => Text::new(
            "名单已与当时显示的不同，未删除任何记录；请核对现在的名单，再用它的代号批准",
            "the list is not the one that was shown; nothing was deleted: look at the list as it is now, and approve it by its code",
        ),
    }
}

/// Shows what a changed natural key orphans, or lets the table go on under the new one.
pub(super) fn rekey(hub: &Hub, request: &RekeyRequest) -> Result<RekeyAnswer, Failure> {
    named::table(&hub.plan, &request.table)?;
    let unknown = || {
        let table = &request.table;
        Failure::Unknown(Text::new(format!("没有表 {table} 的映射"), format!("no mapping is onto the table {table}")))
    };
    hub.plan.feed_spec(&request.table).ok_or_else(unknown)?;
    // What sources give to a merged table goes on with it.
    let is_meant = |name: &str| name == request.table || name.split_once('@').is_some_and(|(table, _)| table == request.table);
    let meant: Vec<_> = hub.parked.iter().filter(|(name, _)| is_meant(name)).collect();
    let parked = meant.first().map(|(_, why)| why.clone());
    let stock = hub.runtime.block_on(hub.store.stock()).map_err(|e| Failure::part(&e))?;
    let mut answer = RekeyAnswer {
        table: request.table.clone(),
        orphaned: stock.iter().filter(|row| row.table == request.table).map(|row| row.stock.stored + row.gone_upstream).sum(),
        samples: Vec::new(),
        done: false,
        parked,
    };
    if request.approve && answer.parked.is_some() {
        answer.orphaned = 0;
        for spec in meant.iter().filter_map(|(name, _)| hub.plan.feed_spec(name)) {
            let left = hub.runtime.block_on(hub.store.rekey(&spec, (hub.clock)())).map_err(|e| Failure::part(&e))?;
            answer.orphaned += left;
        }
        answer.done = true;
    }
    Ok(answer)
}
