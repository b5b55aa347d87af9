//! `resend`: stored records go again.

use std::collections::HashSet;

use super::hub::Hub;
use super::{Failure, ResendAnswer, ResendLine, ResendRequest, named};
use crate::finding::Text;
use crate::store::{Again, FeedId, RampStep, StockRow, StoreError};

/// Puts what is stored upstream ahead again, where the ramp is open.
pub(super) fn resend(hub: &Hub, request: &ResendRequest) -> Result<ResendAnswer, Failure> {
    if let Some(table) = &request.table {
        named::table(&hub.plan, table)?;
    }
    if let Some(upstream) = &request.upstream {
        named::upstream(&hub.plan, upstream)?;
    }
    let mapped: HashSet<FeedId> = hub.pipeline.around().feeds.values().copied().collect();
    let stock = hub.runtime.block_on(hub.store.stock()).map_err(|e| Failure::part(&e))?;
    let wanted = |row: &StockRow| {
        mapped.contains(&row.feed)
            && request.table.as_ref().is_none_or(|table| *table == row.table)
            && request.upstream.as_ref().is_none_or(|upstream| *upstream == row.upstream_name)
    };
    let rows: Vec<StockRow> = stock.into_iter().filter(wanted).collect();
    if rows.is_empty() {
        return Err(nothing(request));
    }
    let lines = async {
        let mut lines = Vec::with_capacity(rows.len());
        for row in &rows {
            lines.push(line(hub, row).await?);
        }
        Ok::<_, StoreError>(lines)
    };
    let lines = hub.runtime.block_on(lines).map_err(|e| Failure::part(&e))?;
    Ok(ResendAnswer { lines })
}

async fn line(hub: &Hub, row: &StockRow) -> Result<ResendLine, StoreError> {
    let closed = hub.store.ramp(row.upstream, row.feed).await?.step == RampStep::Closed;
    let refused = (closed && row.stock.stored > 0).then(|| {
        Text::new("本表未开放；先用 `xiaoshu release` 开放", "the table is closed; open it first with `xiaoshu release`")
    });
    let rows = if closed { 0 } else { hub.store.resend(row.upstream, row.feed, Again::All, (hub.clock)()).await? };
    Ok(ResendLine { upstream: row.upstream_name.clone(), table: row.table.clone(), rows, refused })
}

fn nothing(request: &ResendRequest) -> Failure {
    let table = request.table.as_deref().unwrap_or("*");
    let upstream = request.upstream.as_deref().unwrap_or("*");
    Failure::Unknown(Text::new(
        format!("尚未接入上报：表 {table}，通道 {upstream}。解决办法：先运行 `xiaoshu run`；并检查通道的 delivery.tables"),
        format!(
            "not attached to reporting yet: table {table}, upstream {upstream}; fix: start `xiaoshu run` first, and look at the \
             upstream's delivery.tables"
        ),
    ))
}
