//! `takeover`: a source takes the records of a table over from another one.

use super::hub::Hub;
use super::{DifferingField, Failure, TakeoverAnswer, TakeoverRequest, named, unowned};
use crate::finding::Text;
use crate::store::{Sharing, StoreError, Takeover};

/// Shows what would go over, or does it.
pub(super) fn answer(hub: &Hub, request: &TakeoverRequest) -> Result<TakeoverAnswer, Failure> {
    named::table(&hub.plan, &request.table)?;
    let TakeoverRequest { table, from, to, .. } = request;
    let maps = |source: &str| hub.plan.active().any(|(document, plan)| *plan.name == **table && document.source() == source);
    if !maps(to) {
        let takers: Vec<&str> =
            hub.plan.active().filter(|(_, plan)| *plan.name == **table).map(|(document, _)| document.source()).collect();
        return Err(Failure::Unknown(Text::new(
            format!("来源 {to} 没有映射到 {table}；已映射的来源：{}", takers.join("、")),
            format!("the source {to} is not mapped onto {table}; these are: {}", takers.join(", ")),
        )));
    }
    if from == to {
        return Err(Failure::Unknown(Text::new("--from 与 --to 是同一个来源", "--from and --to are the same source")));
    }
    let feed = super::quarantine::feed_of(hub, Some(table))?;
    let Some(feed) = feed else {
        return Err(Failure::Unknown(Text::new(format!("{table} 还没有任何记录"), format!("{table} has no records yet"))));
    };
    let work = async {
        if !request.yes {
            let weighed = hub.store.weigh_takeover(feed, from, to).await?;
            return Ok(filled(hub, request, maps(from), weighed));
        }
        let now = (hub.clock)();
        let moved = Sharing::take_over(hub.store.as_ref(), feed, from, to, now).await?;
        let mut answer = filled(hub, request, maps(from), moved);
        answer.done = true;
        unowned::after_takeover(&hub.plan, hub.store.as_ref(), &mut answer, now).await?;
        Ok::<_, StoreError>(answer)
    };
    hub.runtime.block_on(work).map_err(|e| Failure::part(&e))
}

fn filled(hub: &Hub, request: &TakeoverRequest, mapped: bool, moved: Takeover) -> TakeoverAnswer {
    let plan = hub.plan.standard.find(&request.table);
    let label = |field: &str| {
        let found = plan.and_then(|plan| Some(plan.field(plan.find(field)?).label.to_string()));
        found.unwrap_or_default()
    };
    TakeoverAnswer {
        table: request.table.clone(),
        from: request.from.clone(),
        to: request.to.clone(),
        held: moved.held,
        given: moved.given,
        differing: moved.differing,
        fields: moved
            .fields
            .into_iter()
            .map(|(field, records)| DifferingField { label: label(&field), field, records })
            .collect(),
        left: moved.held.saturating_sub(moved.given),
        from_is_mapped: mapped,
        to_approve: 0,
        done: false,
    }
}
