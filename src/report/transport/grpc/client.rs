//! The transport: brings the stream up, puts batches into it, hands out what comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use prost::Message;
use prost::bytes::Bytes;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::AbortHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use super::encode::{self, Encoded};
use super::faults;
use super::session::{self, QUEUE, Shared};
use super::settings::{Compression, Settings};
use super::standard::warnings;
use crate::finding::Text;
use crate::record::{ContentHash, RecordKey};
use crate::report::clock::Clock;
use crate::report::delivery::ResultItem;
use crate::report::render::Style;
use crate::report::transport::{
    Health, Identity, Limits, OpenBatch, RangeDigest, Reply, Request, Settled, TableDigest, Transport, TransportContext,
    TransportError, VerdictQuery, WireBatch,
};
use crate::store::{BatchId, Millis};
use crate::wire::smartbrain::v1::report_service_client::ReportServiceClient;
use crate::wire::smartbrain::v1::{
    self as wire, GetStandardRequest, GetTableDigestRequest, Hello, ReportRequest, report_request,
};
use crate::wire::tls::{Dialer, Expiry};

/// The longest answer that is taken.
const ANSWER: usize = 16 << 20;
const REPORT: &str = "/smartbrain.v1.ReportService/Report";

/// One upstream of kind `grpc`.
pub(super) struct Client {
    settings: Settings,
    style: Style,
    identity: Arc<Identity>,
    dialer: Dialer,
    token: MetadataValue<Ascii>,
    expiry: Expiry,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    live: Mutex<Option<Live>>,
}

/// A stream that stands.
struct Live {
    channel: Channel,
    outbox: mpsc::Sender<Bytes>,
    task: AbortHandle,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Calls = ReportServiceClient<Channel>;

impl Client {
    pub(super) fn new(settings: Settings, context: &TransportContext) -> Result<Self, Text> {
        let wrong = |en: String| Text::new(format!("设置有误：{en}"), format!("bad settings: {en}"));
        let tls = settings.tls.clone().below(&context.base);
        let dialer =
            Dialer::new(&settings.url, &tls, settings.connect_timeout.0, settings.alive()).map_err(|error| error.text())?;
        let mut token: MetadataValue<Ascii> = format!("Bearer {}", settings.token.reveal().trim())
            .parse()
            .map_err(|_| wrong("the token may hold visible ASCII characters only".to_owned()))?;
        token.set_sensitive(true);
        Ok(Self {
            style: settings.rows.style(true)?,
            expiry: Expiry::new(tls.cert),
            clock: Arc::clone(&context.clock),
            settings,
            identity: Arc::clone(&context.identity),
            dialer,
            token,
            shared: Arc::new(Shared::new(Arc::clone(&context.clock))),
            live: Mutex::default(),
        })
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", self.token.clone());
        request
    }

    async fn dial(&self) -> Result<Channel, TransportError> {
        self.dialer.connect().await.map_err(|error| faults::of_dial(&error))
    }

    /// Calls beside the stream.
    async fn calls(&self) -> Result<Calls, TransportError> {
        let live = self.live.lock().await.as_ref().filter(|_| !self.is_down()).map(|live| live.channel.clone());
        let channel = match live {
            Some(channel) => channel,
            None => self.dial().await?,
        };
        Ok(ReportServiceClient::new(channel).max_decoding_message_size(ANSWER))
    }

    fn hello(&self) -> Bytes {
        let state = self.shared.state();
        let hello = Hello {
            school_code: self.identity.school.to_string(),
            instance: self.identity.instance.to_string(),
            epoch: self.identity.epoch,
            edition: self.identity.edition.to_string(),
            standard_digest: self.identity.standard_digest.to_string(),
            max_unsettled_records: self.settings.max_unsettled_records,
            unsettled_batches: state.unsettled.refs(),
            oldest_unsettled_batch: state.unsettled.oldest(),
            software: concat!("xiaoshu/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        Bytes::from(ReportRequest { message: Some(report_request::Message::Hello(hello)) }.encode_to_vec())
    }

    async fn connect(&self) -> Result<Live, TransportError> {
        let channel = self.dial().await?;
        let mut client = tonic::client::Grpc::new(channel.clone())
            .max_decoding_message_size(ANSWER)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd);
        client = match self.settings.compression {
            Compression::None => client,
            Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
            Compression::Zstd => client.send_compressed(CompressionEncoding::Zstd),
        };
        let (outbox, queue) = mpsc::channel(QUEUE);
        // The queue is empty, so the Hello fits.
        drop(outbox.try_send(self.hello()));
        client.ready().await.map_err(|error| faults::of_status(&tonic::Status::unavailable(error.to_string())))?;
        let request = self.request(ReceiverStream::new(queue));
        let answer = client.streaming(request, PathAndQuery::from_static(REPORT), Encoded).await;
        let mut inbound = answer.map_err(|status| faults::of_status(&status))?.into_inner();
        let welcome = session::welcomed(&mut inbound).await?;
        let mut calls = ReportServiceClient::new(channel.clone()).max_decoding_message_size(ANSWER);
        // An old platform may not know the call; the stream is good without it.
        match calls.get_standard(self.request(GetStandardRequest {})).await {
            Ok(theirs) => self.shared.state().warnings = warnings(&self.identity, theirs.get_ref()),
            Err(status) => tracing::debug!("the platform's edition is not known: {:?}", status.code()),
        }
        self.shared.welcome(&welcome, self.settings.max_unsettled_records);
        self.shared.up.store(true, Ordering::Release);
        let task = tokio::spawn(session::run(Arc::clone(&self.shared), inbound, outbox.clone(), welcome.heartbeat_millis));
        Ok(Live { channel, outbox, task: task.abort_handle() })
    }
}

#[async_trait::async_trait]
impl Transport for Client {
    fn limits(&self) -> Limits {
        let agreed = match self.shared.agreed.load(Ordering::Acquire) {
            0 => self.settings.max_unsettled_records,
            agreed => agreed,
        };
        Limits {
            rows: self.settings.batch_rows().min(agreed),
            bytes: self.settings.batch_bytes(),
            dedupes: true,
            spacing: None,
            margin: std::time::Duration::ZERO,
            unsettled: Some(agreed),
        }
    }

    fn style(&self) -> &Style {
        &self.style
    }

    async fn submit(&self, batch: &WireBatch<'_>) -> Result<Reply, TransportError> {
        let outbox = self.live.lock().await.as_ref().filter(|_| !self.is_down()).map(|live| live.outbox.clone());
        let outbox = outbox.ok_or_else(faults::down)?;
        let message = encode::batch(batch, &self.identity.edition);
        let digest = encode::digest(batch.heads.iter().map(|h| (&h.key, h.seq)));
        self.shared.state().unsettled.add(batch.id, batch.rows.len(), digest);
        // Waits while the platform takes nothing; the stream's end ends the wait.
        if outbox.send(message).await.is_err() {
            self.shared.state().unsettled.remove(batch.id);
            return Err(faults::down());
        }
        Ok(Reply::Queued)
    }

    async fn resume(&self, open: &[OpenBatch]) -> Result<(), TransportError> {
        let mut live = self.live.lock().await;
        if let Some(error) = self.shared.state().ended.take() {
            *live = None;
            return Err(error);
        }
        if !self.is_down() && open.is_empty() {
            return Ok(());
        }
        // Only a Hello can ask for batches. The old stream goes first, so that nothing of it is heard any more.
        *live = None;
        self.shared.up.store(false, Ordering::Release);
        {
            let mut state = self.shared.state();
            state.ended = None;
            for batch in open {
                state.forget(batch.id);
                let digest = encode::digest(batch.rows.iter().map(|(key, seq)| (key, *seq)));
                state.unsettled.add(batch.id, batch.rows.len(), digest);
            }
        }
        let connected = tokio::time::timeout(self.settings.connect_timeout.0, self.connect()).await;
        match connected.unwrap_or_else(|_| Err(faults::late())) {
            Ok(stands) => {
                *live = Some(stands);
                Ok(())
            }
            Err(error) => {
                let mut state = self.shared.state();
                open.iter().for_each(|batch| state.forget(batch.id));
                Err(error)
            }
        }
    }

    fn is_down(&self) -> bool {
        !self.shared.up.load(Ordering::Acquire)
    }

    fn forget(&self, batch: BatchId) {
        self.shared.state().forget(batch);
    }

    fn settled(&self) -> Vec<Settled> {
        std::mem::take(&mut self.shared.state().news)
    }

    fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.state().requests)
    }

    fn wakes(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.shared.wakes))
    }

    fn health(&self, health: &Health) {
        self.shared.state().health = Some(*health);
    }

    fn warnings(&self) -> Vec<Text> {
        let mut all = self.shared.state().warnings.clone();
        all.extend(self.expiry.warnings(self.clock.now()));
        all
    }

    async fn digest(&self, table: &str, prefix: &str, records: bool) -> Result<Option<TableDigest>, TransportError> {
        let request = GetTableDigestRequest {
            school_code: self.identity.school.to_string(),
            table: table.to_owned(),
            prefix: prefix.to_owned(),
            with_records: records,
        };
        let mut calls = self.calls().await?;
        let answer =
            tokio::time::timeout(self.settings.connect_timeout.0 * 3, calls.get_table_digest(self.request(request))).await;
        let answer = match answer.map_err(|_| faults::late())? {
            // The stream may be all that a platform has.
            Err(status) if status.code() == tonic::Code::Unimplemented => return Ok(None),
            Err(status) => return Err(faults::of_status(&status)),
            Ok(answer) => answer.into_inner(),
        };
        let range = |r: &wire::RangeDigest| RangeDigest {
            prefix: r.prefix.clone(),
            count: r.count,
            digest: r.digest.as_ref().try_into().unwrap_or_default(),
        };
        let record = |r: &wire::RecordDigest| {
            Some((RecordKey::parse(&r.key)?, r.seq, ContentHash(r.hash.as_ref().try_into().unwrap_or_default())))
        };
        Ok(Some(TableDigest {
            whole: answer.whole.as_ref().map(range).unwrap_or_default(),
            parts: answer.parts.iter().map(range).collect(),
            records: answer.records.iter().filter_map(record).collect(),
            position: answer.position,
        }))
    }

    async fn verdicts(&self, _: &VerdictQuery<'_>) -> Result<Vec<ResultItem>, TransportError> {
        Ok(Vec::new())
    }

    fn clock_offset(&self) -> Option<Millis> {
        None
    }

    async fn check(&self) -> Result<Vec<Text>, TransportError> {
        let asked = async {
            let mut calls = self.calls().await?;
            calls.get_standard(self.request(GetStandardRequest {})).await.map_err(|status| faults::of_status(&status))
        };
        let answer = tokio::time::timeout(self.settings.connect_timeout.0, asked).await;
        let theirs = answer.unwrap_or_else(|_| Err(faults::late()))?.into_inner();
        self.shared.state().warnings = warnings(&self.identity, &theirs);
        Ok(vec![
            Text::new("连接成功，令牌被接受", "connected, token accepted"),
            Text::new(format!("平台的数据标准：{}", theirs.edition), format!("the platform's edition: {}", theirs.edition)),
        ])
    }
}
