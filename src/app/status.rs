//! `status`: where every table stands.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::hub::{self, Clock, Hub};
use super::opening::{nothing_yet, open_store_to_read};
use super::plan::Plan;
use super::{
    Context, Failure, GoneCount, MissedLine, NoticeLine, PausedLine, ReadingLine, StatusAnswer, StatusLine, drift, unowned, view,
};
use crate::finding::Text;
use crate::report;
use crate::source::{self, ChangesSpec, Position};
use crate::standard::Domain;
use crate::store::{ComparisonRow, FeedId, ReadModels, RunRow, StockRow, Store, StoreError, TableRow, UpstreamId};
use crate::wire::tls::Expiry;

/// Reads the store and puts it beside the standard's deadlines.
pub(super) fn answer(context: &Context<'_>) -> Result<StatusAnswer, Failure> {
    let plan = Plan::load(context)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
    let clock = hub::system_clock();
    let Some(store) = open_store_to_read(context, &plan, &runtime)? else {
        return Ok(heading(&plan, now(&clock), Some(nothing_yet(context, &plan))));
    };
    let hub = Hub::looked_at(plan, runtime, store, clock)?;
    let seen = Seen::of(&hub);
    hub.runtime.block_on(async { seen.read(true).await }).map_err(|e| Failure::part(&e))
}

/// The newest comparison by upstream and feed.
type Comparisons = HashMap<(UpstreamId, FeedId), ComparisonRow>;

/// What a status is read from; it may outlive the hub's commands.
pub(super) struct Seen {
    pub(super) plan: Arc<Plan>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    parked: Vec<(Arc<str>, String)>,
}

impl Seen {
    /// Of a hub.
    pub(super) fn of(hub: &Hub) -> Self {
        let (plan, store) = (Arc::clone(&hub.plan), Arc::clone(&hub.store));
        Self { plan, store, clock: Arc::clone(&hub.clock), parked: hub.parked.clone() }
    }

    /// What stands in place of a comparison where the upstream's interface has no read-back.
    fn no_read_back(&self, upstream: &str) -> Option<super::ComparedLine> {
        let settings = self.plan.loaded.settings.upstreams.get(upstream)?;
        report::kind(&settings.kind)?.no_read_back().map(view::not_comparable)
    }

    /// The status now; without `recount` the counters are believed.
    pub(super) async fn read(&self, recount: bool) -> Result<StatusAnswer, StoreError> {
        read(self, recount).await
    }
}

/// An answer without a table.
fn heading(plan: &Plan, now: i64, nothing_yet: Option<Text>) -> StatusAnswer {
    let settings = &plan.loaded.settings;
    StatusAnswer {
        school: settings.school.name.clone(),
        edition: settings.school.edition.clone(),
        at: view::second(now),
        nothing_yet,
        tables: Vec::new(),
        notices: Vec::new(),
        deletions: Vec::new(),
        gone: Vec::new(),
        differences: Vec::new(),
        unowned: Vec::new(),
        leases: Vec::new(),
        imbalances: Vec::new(),
    }
}

async fn read(hub: &Seen, recount: bool) -> Result<StatusAnswer, StoreError> {
    let store = hub.store.as_ref();
    let now = now(&hub.clock);
    let mut last: HashMap<FeedId, Vec<RunRow>> = HashMap::new();
    for run in store.runs(5).await? {
        last.entry(run.feed).or_default().push(run);
    }
    let mut stock: HashMap<FeedId, Vec<StockRow>> = HashMap::new();
    let mut gone = Vec::new();
    for row in store.stock().await? {
        if row.gone_upstream > 0 {
            gone.push(GoneCount { upstream: row.upstream_name.clone(), table: row.table.clone(), count: row.gone_upstream });
        }
        stock.entry(row.feed).or_default().push(row);
    }
    let compared: Comparisons = store.comparisons().await?.into_iter().map(|row| ((row.upstream, row.feed), row)).collect();
    let mut paused: HashMap<String, Vec<PausedLine>> = HashMap::new();
    for line in drift::paused(&hub.plan, store.paused().await?) {
        paused.entry(line.table.clone()).or_default().push(line);
    }
    let (mut tables, mut names, mut of_sources) = (Vec::new(), HashMap::new(), Vec::new());
    for feed in store.table_rows().await? {
        names.insert(feed.feed, feed.table.clone());
        let (runs, stock) = (last.remove(&feed.feed).unwrap_or_default(), stock.remove(&feed.feed).unwrap_or_default());
        let paused = paused.remove(&feed.table).unwrap_or_default();
        of_sources.extend(without_log(hub, &feed.table, &runs));
        if let Some(line) = line(hub, store, feed, (&runs, &stock, &compared, paused), now).await? {
            tables.push(line);
        }
    }
    // Domain by domain; core tables after the printed ones of their domain.
    tables.sort_by_key(|(id, line): &(u16, StatusLine)| (Domain::ALL.iter().position(|d| d.name() == line.domain.key), *id));
    let imbalances = if recount { view::imbalances(ReadModels::audit(store).await?) } else { Vec::new() };
    Ok(StatusAnswer {
        tables: tables.into_iter().map(|(_, line)| line).collect(),
        notices: notices(hub, &names, now).await?.into_iter().chain(of_sources).collect(),
        deletions: store.pending_deletions().await?.into_iter().map(|row| view::deletion(&hub.plan, row)).collect(),
        gone,
        differences: store.differences().await?.into_iter().map(|row| view::difference(&hub.plan.standard, row)).collect(),
        unowned: unowned::lines(&hub.plan, store).await?,
        leases: store.leases().await?.into_iter().map(view::lease).collect(),
        imbalances,
        ..heading(&hub.plan, now, None)
    })
}

fn now(clock: &Clock) -> i64 {
    clock()
}

/// What somebody should know of the upstreams in the settings, and of this hub's own certificate.
async fn notices(hub: &Seen, tables: &HashMap<FeedId, String>, now: i64) -> Result<Vec<NoticeLine>, StoreError> {
    let settings = &hub.plan.loaded.settings;
    let rows = hub.store.notices().await?.into_iter().filter(|(_, upstream, _)| settings.upstreams.contains_key(upstream));
    let mut lines: Vec<NoticeLine> = rows
        .map(|(_, upstream, notice)| view::notice(upstream, notice.feed.and_then(|feed| tables.get(&feed).cloned()), notice))
        .collect();
    let tls = settings.serve.grpc.as_ref().and_then(|grpc| grpc.tls.clone());
    let own = Expiry::new(tls.map(|tls| tls.below(&hub.plan.loaded.base).cert)).warnings(now);
    lines.extend(own.into_iter().map(|text| NoticeLine {
        kind: crate::store::NoticeKind::Warning.name(),
        upstream: None,
        source: None,
        table: None,
        text,
        since: None,
        until: None,
    }));
    Ok(lines)
}

/// Sources whose log cannot be followed, so that everything is read each time.
fn without_log(hub: &Seen, table: &str, runs: &[RunRow]) -> Vec<NoticeLine> {
    let mut seen = BTreeSet::new();
    let known = runs.iter().filter_map(|run| Some((run, run.reached.as_ref().or(run.after.as_ref())?)));
    let newest = known.filter(|(run, _)| seen.insert(&run.source));
    let one = |(run, position): (&RunRow, &Position)| {
        let kind = &hub.plan.loaded.settings.sources.get(&run.source)?.kind;
        let read = hub.plan.mapping(table, &run.source)?.read();
        let (text, since) = source::connector(kind)?.without_log(read, position)?;
        Some(NoticeLine {
            kind: crate::store::NoticeKind::Trouble.name(),
            upstream: None,
            source: Some(run.source.clone()),
            table: Some(table.to_owned()),
            text,
            since: Some(view::minute(since)),
            until: None,
        })
    };
    newest.filter_map(one).collect()
}

/// How a mapping reads what changed, where it does.
fn changes<'a>(hub: &'a Seen, table: &str, source: &str) -> Option<&'a ChangesSpec> {
    hub.plan.mapping(table, source)?.read().changes.as_ref()
}

/// Reads of everything that are under way, as far as their connectors tell how far they are.
fn reading(hub: &Seen, table: &str, runs: &[RunRow]) -> Vec<ReadingLine> {
    let one = |run: &RunRow| {
        let kind = &hub.plan.loaded.settings.sources.get(&run.source)?.kind;
        let read = hub.plan.mapping(table, &run.source)?.read();
        let progress = source::connector(kind)?.progress(read, run.reached.as_ref()?)?;
        let (source, percent) = (run.source.clone(), progress.percent());
        Some(ReadingLine { source, done: progress.done, total: progress.total, percent })
    };
    runs.iter().filter_map(one).collect()
}

/// What the newest read of everything of each source found to have been missed.
fn missed(hub: &Seen, table: &str, runs: &[RunRow]) -> Vec<MissedLine> {
    let mut seen = BTreeSet::new();
    let newest = runs.iter().filter(|run| run.whole && seen.insert(&run.source));
    let one = |run: &RunRow| {
        let columns = changes(hub, table, &run.source)?.columns.clone();
        let at = view::minute(run.ended?);
        (run.missed > 0).then(|| MissedLine { source: run.source.clone(), columns, missed: run.missed, at })
    };
    newest.filter_map(one).collect()
}

async fn line(
    hub: &Seen,
    store: &dyn Store,
    feed: TableRow,
    (runs, stock, compared, paused): (&[RunRow], &[StockRow], &Comparisons, Vec<PausedLine>),
    now: i64,
) -> Result<Option<(u16, StatusLine)>, StoreError> {
    let Some(plan) = hub.plan.standard.find(&feed.table).filter(|p| p.edition.as_str() == feed.edition) else { return Ok(None) };
    let by_parts = |run: &RunRow| {
        let windowed = hub.plan.mapping(&feed.table, &run.source).is_some_and(|mapping| mapping.read().is_window());
        windowed || changes(hub, &feed.table, &run.source).is_some()
    };
    let current = runs.iter().filter(|run| run.complete || run.error.is_none() && by_parts(run));
    let read = current.filter_map(|run| run.ended).max();
    let mut upstreams = Vec::new();
    for row in stock {
        let ramp = store.ramp(row.upstream, row.feed).await?;
        let compared = compared.get(&(row.upstream, row.feed)).map(view::compared);
        let compared = hub.no_read_back(&row.upstream_name).or(compared);
        upstreams.push(view::upstream_stock(row, ramp.step.name(), compared));
    }
    let due = hub.plan.due(plan, now);
    let stopped = runs.first().filter(|run| !paused.iter().any(|line| line.source == run.source));
    let parked = feed.parked.or_else(|| hub.parked.iter().find(|(name, _)| **name == *plan.name).map(|(_, why)| why.clone()));
    let table = feed.table;
    Ok(Some((
        plan.id.0,
        StatusLine {
            domain: plan.domain.into(),
            label: plan.label_zh.to_string(),
            live: feed.live,
            quarantined: feed.quarantined,
            collisions: feed.collisions,
            stale: feed.stale,
            last_read: read.map(view::minute),
            overdue: due.as_ref().is_some_and(|(_, began)| read.is_none_or(|at| at < *began)) && !stock.is_empty(),
            due: due.map(|(day, _)| day),
            parked,
            error: stopped.and_then(|run| run.error.clone()),
            paused,
            doubt: runs.iter().find(|run| run.complete || run.doubt.is_some()).and_then(|run| run.doubt.clone()),
            reading: reading(hub, &table, runs),
            missed: missed(hub, &table, runs),
            table,
            upstreams,
        },
    )))
}
