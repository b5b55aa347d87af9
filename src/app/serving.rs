//! The gRPC face put together: store, pipeline, status, news of landings.

use std::sync::Arc;

use rand::RngCore as _;
use tokio::sync::watch;

use super::hub::Hub;
use super::status::Seen;
use super::{Failure, PausedLine, StatusAnswer, StatusLine, UpstreamStock};
use crate::pipeline::{self, Job, Observer, PipelineError, RunOutcome};
use crate::report;
use crate::serve::{self, Parts, Running, ServedTable, StatusSource};
use crate::source::Progress;
use crate::store::{Cause, Landed, StoreError};
use crate::wire::schoolhub::v1;

/// Changes whenever something has landed or a run has ended.
pub(super) type News = watch::Receiver<u64>;

/// Tells of landings, and passes them on.
struct Heralding {
    inner: Arc<dyn Observer>,
    news: watch::Sender<u64>,
}

impl Observer for Heralding {
    fn landed(&self, job: &Job, landed: &Landed) {
        self.inner.landed(job, landed);
        self.news.send_modify(|count| *count += 1);
    }

    fn reached(&self, job: &Job, progress: Progress) {
        self.inner.reached(job, progress);
    }

    fn ended(&self, job: &Job, outcome: &Result<RunOutcome, PipelineError>) {
        self.inner.ended(job, outcome);
        self.news.send_modify(|count| *count += 1);
    }
}

/// An observer that tells of news, too.
pub(super) fn observed(inner: Arc<dyn Observer>) -> (Arc<dyn Observer>, News) {
    let (news, told) = watch::channel(0);
    (Arc::new(Heralding { inner, news }), told)
}

/// Starts the gRPC face where the settings have one; it ends when `stop` becomes true.
pub(super) fn start(
    hub: &Hub,
    report: Option<report::Handle>,
    news: News,
    stop: watch::Receiver<bool>,
) -> Result<Option<Running>, Failure> {
    let Some(mut config) = hub.plan.loaded.settings.serve.grpc.clone() else { return Ok(None) };
    config.tls = config.tls.map(|tls| tls.below(&hub.plan.loaded.base));
    let standard = &hub.plan.standard;
    let feeds = hub.pipeline.around().feeds.iter();
    let tables = feeds.map(|(table, feed)| ServedTable { feed: *feed, plan: Arc::clone(standard.table(*table)) });
    let mut fresh = [0u8; 32];
    rand::rng().fill_bytes(&mut fresh);
    let page_secret = hub.runtime.block_on(hub.store.init_meta("page_secret", &fresh)).map_err(|e| Failure::part(&e))?;
    let parts = Parts {
        store: Arc::clone(&hub.store),
        tables: tables.collect(),
        pipeline: pipeline::Handle::new(Arc::clone(&hub.pipeline)),
        report,
        status: Arc::new(Seen::of(hub)),
        clock: Arc::clone(&hub.clock),
        news,
        page_secret,
    };
    hub.runtime.block_on(serve::start(&config, parts, stop)).map(Some).map_err(|e| Failure::part(&e))
}

#[async_trait::async_trait]
impl StatusSource for Seen {
    async fn status(&self, recount: bool) -> Result<v1::GetStatusResponse, StoreError> {
        let answer = self.read(recount).await?;
        let trouble = |cause: Cause| v1::Trouble {
            owner: self.plan.owner(&cause.table, &cause.source).unwrap_or_default().to_owned(),
            table: cause.table,
            source: cause.source,
            rule: cause.rule,
            field: cause.field,
            rows: cause.rows,
        };
        let troubles = self.store.causes().await?.into_iter().map(trouble).collect();
        Ok(typed(answer, (self.clock)(), recount, troubles))
    }
}

fn typed(answer: StatusAnswer, at: i64, recounted: bool, troubles: Vec<v1::Trouble>) -> v1::GetStatusResponse {
    let deletion = |line: super::DeletionLine| v1::PendingDeletion {
        table: line.table,
        source: line.source,
        count: line.count,
        why: line.why.en,
        since: line.since,
    };
    let imbalance = |line: super::ImbalanceLine| v1::Imbalance { what: line.what, counted: line.counted, found: line.found };
    v1::GetStatusResponse {
        school: answer.school,
        edition: answer.edition,
        at_unix_millis: at,
        tables: answer.tables.into_iter().map(table).collect(),
        deletions: answer.deletions.into_iter().map(deletion).collect(),
        recounted,
        imbalances: answer.imbalances.into_iter().map(imbalance).collect(),
        troubles,
        notices: answer.notices.into_iter().map(notice).collect(),
    }
}

fn notice(line: super::NoticeLine) -> v1::Notice {
    let kind = match line.kind {
        "trouble" => v1::NoticeKind::Trouble,
        "stopped" => v1::NoticeKind::Stopped,
        _ => v1::NoticeKind::Warning,
    };
    v1::Notice {
        kind: kind.into(),
        upstream: line.upstream.unwrap_or_default(),
        source: line.source.unwrap_or_default(),
        table: line.table.unwrap_or_default(),
        text_zh: line.text.zh,
        text_en: line.text.en,
        since: line.since.unwrap_or_default(),
        next_try: line.until.unwrap_or_default(),
    }
}

fn comparison(line: super::ComparedLine) -> v1::Comparison {
    let outcome = match line.outcome {
        "equal" => v1::ComparisonOutcome::Equal,
        "differing" => v1::ComparisonOutcome::Differing,
        _ => v1::ComparisonOutcome::NotComparable,
    };
    let (why_zh, why_en) = line.why.map(|why| (why.zh, why.en)).unwrap_or_default();
    let (last_differing_at, last_differing) = line.last_differing.unwrap_or_default();
    v1::Comparison {
        outcome: outcome.into(),
        compared_at: line.at.unwrap_or_default(),
        position: line.position,
        records: line.records,
        differing: line.differing,
        foreign: line.foreign,
        why_zh,
        why_en,
        last_equal_at: line.last_equal.unwrap_or_default(),
        last_differing_at,
        last_differing,
    }
}

fn table(line: StatusLine) -> v1::TableStatus {
    v1::TableStatus {
        domain: line.domain.key.to_string(),
        table: line.table,
        label: line.label,
        live: line.live,
        quarantined: line.quarantined,
        stale: line.stale,
        last_read: line.last_read.unwrap_or_default(),
        due: line.due.unwrap_or_default(),
        overdue: line.overdue,
        parked: line.parked.unwrap_or_default(),
        error: line.error.unwrap_or_default(),
        upstreams: line.upstreams.into_iter().map(stock).collect(),
        paused_sources: line.paused.into_iter().map(paused).collect(),
    }
}

fn paused(line: PausedLine) -> v1::PausedSource {
    let class = match line.class {
        "reporting_affected" => v1::PauseClass::ReportingAffected,
        _ => v1::PauseClass::MappingAffected,
    };
    v1::PausedSource {
        source: line.source,
        class: class.into(),
        since: line.since,
        records: line.records,
        owner: line.owner.unwrap_or_default(),
        text_zh: line.text.zh,
        text_en: line.text.en,
        todo_zh: line.todo.zh,
        todo_en: line.todo.en,
        acceptable: line.acceptable,
        accepted: line.accepted,
    }
}

fn stock(line: UpstreamStock) -> v1::UpstreamStock {
    v1::UpstreamStock {
        upstream: line.upstream,
        live: line.live,
        stored: line.stored,
        in_flight: line.in_flight,
        waiting: line.waiting,
        refused: line.refused,
        unknown: line.unknown,
        held: line.held.into_iter().collect(),
        ramp: line.ramp,
        last_stored: line.last_stored.unwrap_or_default(),
        comparison: line.compared.map(comparison),
    }
}
