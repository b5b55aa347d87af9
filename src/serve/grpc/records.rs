//! `RecordsService`: landed records by key, page by page, and as they change.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use tokio::sync::watch::Receiver;
use tonic::{Code, Request, Response, Status};

use super::door::{Caller, Door, failed, lacks, refusal, within};
use super::pagetoken::Seal;
use super::projection::Projection;
use super::watch::{Watch, watch};
use super::{DEADLINE, ServedTable};
use crate::finding::Text;
use crate::record::RecordKey;
use crate::store::{Millis, RecordRow, Store};
use crate::wire::schoolhub::v1::records_service_server::RecordsService;
use crate::wire::schoolhub::v1::{
    GetRecordRequest, GetRecordResponse, ListRecordsRequest, ListRecordsResponse, Record, WatchRecordsRequest,
    WatchRecordsResponse,
};

/// Records of a page when the caller does not say.
const PAGE: u32 = 100;
/// Most records of a page.
const PAGE_MOST: u32 = 1_000;
/// A page ends early beyond this many bytes of content.
const PAGE_BYTES: usize = 2 << 20;

/// The service.
pub(super) struct RecordsFace {
    pub(super) door: Arc<Door>,
    pub(super) store: Arc<dyn Store>,
    pub(super) tables: Arc<Vec<ServedTable>>,
    pub(super) clock: Arc<dyn Fn() -> Millis + Send + Sync>,
    pub(super) news: Receiver<u64>,
    pub(super) seal: Arc<Seal>,
    pub(super) slow: Duration,
}

impl RecordsFace {
    /// The table, if the caller may read it. Whether it exists is told only to those who may.
    fn table(&self, caller: &Caller, name: &str) -> Result<&ServedTable, Status> {
        if !caller.client.may_read(name) {
            return Err(lacks(&format!("read:{name}")));
        }
        self.tables.iter().find(|table| *table.plan.name == *name).ok_or_else(|| {
            refusal(Code::NotFound, &Text::new(format!("本枢纽没有表 {name}"), format!("this hub has no table {name}")))
        })
    }

    async fn page(&self, caller: &Caller, asked: &ListRecordsRequest) -> Result<ListRecordsResponse, Status> {
        let table = self.table(caller, &asked.table)?;
        let projection = Projection::new(&table.plan, &caller.client, &asked.fields)?;
        let after = match asked.page_token.as_str() {
            "" => None,
            token => Some(self.seal.open(&table.plan.name, token).ok_or_else(|| {
                refusal(Code::InvalidArgument, &Text::new("page_token 无效", "this is no page_token of this table"))
            })?),
        };
        let size = if asked.page_size == 0 { PAGE } else { asked.page_size.min(PAGE_MOST) };
        let mut rows = self.store.page(table.feed, after.as_deref(), size + 1).await.map_err(|e| failed(&e))?;
        // One more than the page holds was asked for, so what is left over says whether another page follows.
        let found = rows.len();
        rows.truncate(fitting(&rows, size as usize));
        let more = rows.len() < found;
        let last = rows.last().map(|row| self.seal.seal(&table.plan.name, &row.natural_key));
        Ok(ListRecordsResponse {
            records: rows.iter().map(|row| sent(&projection, row)).collect::<Result<_, _>>()?,
            next_page_token: last.filter(|_| more).unwrap_or_default(),
            withheld_fields: projection.withheld,
        })
    }
}

/// How many of the rows go into one page: at least one.
fn fitting(rows: &[RecordRow], most: usize) -> usize {
    let mut bytes = 0;
    let fits = rows.iter().take(most).take_while(|row| {
        bytes += row.payload.len();
        bytes <= PAGE_BYTES
    });
    fits.count().max(1).min(most)
}

/// A record as it goes out.
pub(super) fn sent(projection: &Projection, row: &RecordRow) -> Result<Record, Status> {
    projection.record(row).ok_or_else(|| {
        tracing::error!(seq = row.seq, "what the store holds is no record");
        refusal(Code::DataLoss, &Text::new("存储中的记录不可读", "a record in the store cannot be read"))
    })
}

#[tonic::async_trait]
impl RecordsService for RecordsFace {
    async fn get_record(&self, request: Request<GetRecordRequest>) -> Result<Response<GetRecordResponse>, Status> {
        let caller = self.door.enter(request.metadata())?;
        let asked = request.into_inner();
        let table = self.table(&caller, &asked.table)?;
        let projection = Projection::new(&table.plan, &caller.client, &asked.fields)?;
        let key = RecordKey::parse(&asked.key).ok_or_else(|| {
            refusal(
                Code::InvalidArgument,
                &Text::new("key 应为 32 位大写字母和数字", "key has to be 32 upper-case letters and digits"),
            )
        })?;
        let found = async { self.store.record(table.feed, &key).await.map_err(|e| failed(&e)) };
        let Some(row) = within(DEADLINE, found).await? else {
            return Err(refusal(Code::NotFound, &Text::new("没有这条记录", "there is no such record")));
        };
        let mut record = sent(&projection, &row)?;
        record.withheld_fields = projection.withheld;
        Ok(Response::new(GetRecordResponse { record: Some(record) }))
    }

    async fn list_records(&self, request: Request<ListRecordsRequest>) -> Result<Response<ListRecordsResponse>, Status> {
        let caller = self.door.enter(request.metadata())?;
        let asked = request.into_inner();
        within(DEADLINE, self.page(&caller, &asked)).await.map(Response::new)
    }

    type WatchRecordsStream = Pin<Box<dyn Stream<Item = Result<WatchRecordsResponse, Status>> + Send>>;

    async fn watch_records(&self, request: Request<WatchRecordsRequest>) -> Result<Response<Self::WatchRecordsStream>, Status> {
        let caller = self.door.enter(request.metadata())?;
        let asked = request.into_inner();
        let table = self.table(&caller, &asked.table)?;
        let projection = Projection::new(&table.plan, &caller.client, &asked.fields)?;
        let watched = Watch {
            caller,
            store: Arc::clone(&self.store),
            feed: table.feed,
            projection,
            clock: Arc::clone(&self.clock),
            news: self.news.clone(),
            stop: self.door.stop(),
            slow: self.slow,
        };
        Ok(Response::new(Box::pin(watch(watched, &asked.after_position).await?)))
    }
}
