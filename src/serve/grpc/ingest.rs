//! `IngestService`: rows pushed by vendors' systems.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, stream};
use tokio::sync::watch::Receiver;
use tonic::{Code, Request, Response, Status, Streaming};

use super::DEADLINE;
use super::door::{Caller, Door, failed, lacks, refusal, stopping, within};
use super::taken::{Sum, counts, refusal_of};
use crate::finding::Text;
use crate::pipeline::{Handle, Push, PushAct, PushError, Pushed};
use crate::report;
use crate::wire::schoolhub::v1::ingest_service_server::IngestService;
use crate::wire::schoolhub::v1::{
    GetPositionRequest, GetPositionResponse, Item, ObjectPosition, Producer, PushRequest, PushResponse, PushStreamRequest,
    PushStreamResponse, item,
};

/// The service.
pub(super) struct Ingest {
    pub(super) door: Arc<Door>,
    pub(super) pipeline: Handle,
    pub(super) report: Option<report::Handle>,
}

/// One push under way.
struct Session {
    caller: Caller,
    pipeline: Handle,
    report: Option<report::Handle>,
    producer: Option<Producer>,
    stop: Receiver<bool>,
}

/// A message that landed.
struct Taken {
    object: String,
    position: u64,
    pushed: Pushed,
}

type Answers = Pin<Box<dyn Stream<Item = Result<PushStreamResponse, Status>> + Send>>;

#[tonic::async_trait]
impl IngestService for Ingest {
    async fn push(&self, request: Request<Streaming<PushRequest>>) -> Result<Response<PushResponse>, Status> {
        let mut session = self.session(&request)?;
        let mut items = request.into_inner();
        let mut sum = Sum::default();
        while let Some(request) = next(&mut items, &mut session.stop).await? {
            if let Some(taken) = session.take(request.item).await? {
                sum.add(taken.position, &taken.pushed);
            }
        }
        Ok(Response::new(sum.answer()))
    }

    type PushStreamStream = Answers;

    async fn push_stream(&self, request: Request<Streaming<PushStreamRequest>>) -> Result<Response<Answers>, Status> {
        let session = self.session(&request)?;
        let items = request.into_inner();
        // Pulled: the next message is read when the answer to the one before was taken, so nothing piles up here.
        let answers = stream::try_unfold((session, items), |(mut session, mut items)| async move {
            loop {
                let Some(request) = next(&mut items, &mut session.stop).await? else { return Ok(None) };
                if let Some(taken) = session.take(request.item).await? {
                    return Ok(Some((answer(&taken), (session, items))));
                }
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_position(&self, request: Request<GetPositionRequest>) -> Result<Response<GetPositionResponse>, Status> {
        let caller = self.door.enter(request.metadata())?;
        let asked = request.into_inner();
        if !caller.client.may_push_some(&asked.source) {
            return Err(lacks(&format!("push:{}", asked.source)));
        }
        let positions = self.pipeline.positions(&asked.source, &asked.producer);
        let positions = within(DEADLINE, async { positions.await.map_err(refused) }).await?;
        let own = positions.into_iter().filter(|p| caller.client.may_push(&asked.source, &p.object));
        let objects = own.map(|p| ObjectPosition {
            object: p.object.to_string(),
            position: p.position,
            snapshot_under_way: p.snapshot,
            columns: p.columns.iter().map(ToString::to_string).collect(),
        });
        Ok(Response::new(GetPositionResponse { objects: objects.collect() }))
    }
}

impl Ingest {
    fn session<T>(&self, request: &Request<T>) -> Result<Session, Status> {
        Ok(Session {
            caller: self.door.enter(request.metadata())?,
            pipeline: self.pipeline.clone(),
            report: self.report.clone(),
            producer: None,
            stop: self.door.stop(),
        })
    }
}

/// The next message; an end of the service ends the push between two messages.
async fn next<T>(items: &mut Streaming<T>, stop: &mut Receiver<bool>) -> Result<Option<T>, Status> {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => Err(stopping()),
        item = items.message() => item,
    }
}

fn invalid(zh: &str, en: &str) -> Status {
    refusal(Code::InvalidArgument, &Text::new(zh, en))
}

impl Session {
    /// Lands a message; `None` for the first, which only says who pushes.
    async fn take(&mut self, item: Option<Item>) -> Result<Option<Taken>, Status> {
        let Some(item) = item.and_then(|item| item.item) else { return Err(invalid("空消息", "an empty message")) };
        let (object, position, act) = match item {
            item::Item::Producer(producer) => {
                self.introduce(producer)?;
                return Ok(None);
            }
            item::Item::Rows(rows) => {
                let cells = rows.rows.into_iter().map(|row| row.cells).collect();
                (rows.object, rows.position, PushAct::Rows(cells))
            }
            item::Item::BeginSnapshot(begin) => (begin.object, begin.position, PushAct::Begin),
            item::Item::EndSnapshot(end) => (end.object, end.position, PushAct::End),
            item::Item::AbandonSnapshot(abandon) => (abandon.object, abandon.position, PushAct::Abandon),
        };
        let Some(Producer { source, producer }) = self.producer.clone() else {
            return Err(invalid("第一条消息应为 producer", "the first message has to be producer"));
        };
        if !self.caller.client.may_push(&source, &object) {
            return Err(lacks(&format!("push:{source}/{object}")));
        }
        let push = Push { source, producer, object: object.clone(), position, act };
        let pushed = self.pipeline.push(push).await.map_err(refused)?;
        if let Some(report) = self.report.as_ref().filter(|_| !pushed.already_landed) {
            report.wake();
        }
        Ok(Some(Taken { object, position, pushed }))
    }

    fn introduce(&mut self, producer: Producer) -> Result<(), Status> {
        if self.producer.is_some() {
            return Err(invalid("producer 只能在第一条消息中", "producer comes first, and only once"));
        }
        if !self.caller.client.may_push_some(&producer.source) {
            return Err(lacks(&format!("push:{}", producer.source)));
        }
        self.producer = Some(producer);
        Ok(())
    }
}

fn answer(taken: &Taken) -> PushStreamResponse {
    let tables = &taken.pushed.tables;
    PushStreamResponse {
        object: taken.object.clone(),
        position: taken.position,
        already_landed: taken.pushed.already_landed,
        tables: tables.iter().map(counts).collect(),
        refusals: tables.iter().flat_map(|t| t.refused.iter().map(|row| refusal_of(taken.position, &t.table, row))).collect(),
    }
}

fn refused(error: PushError) -> Status {
    match error {
        PushError::Unknown(text) => refusal(Code::NotFound, &text),
        PushError::Invalid(text) => refusal(Code::InvalidArgument, &text),
        PushError::Unfit(text) => refusal(Code::FailedPrecondition, &text),
        PushError::Failed(error @ crate::pipeline::PipelineError::Mapping { .. }) => {
            tracing::error!(%error, "pushed rows cannot be mapped");
            refusal(
                Code::FailedPrecondition,
                &Text::new(
                    "映射与声明的列不符，请学校更正",
                    "the mapping does not fit the declared columns; the school has to mend it",
                ),
            )
        }
        PushError::Failed(error) => failed(&error),
        PushError::Broken => {
            tracing::error!("a landing broke down");
            refusal(Code::Internal, &Text::new("枢纽内部错误，见其日志", "the hub failed; its log says more"))
        }
    }
}
