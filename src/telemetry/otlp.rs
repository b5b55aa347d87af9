//! Spans and metrics to a collector, by OTLP over gRPC or HTTP; off unless the settings name one.
//!
//! One span a run and one a batch sent, never one a record; their fields are those of the log. The queue to the collector
//! is bounded and what does not fit is dropped, so a collector that is dead or slow costs the hub nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData};
use serde::Deserialize;
use tokio::runtime::{Handle, Runtime};

/// The target of spans that are exported: `tracing::info_span!(target: telemetry::SPANS, …)`. The log does not show them.
pub const SPANS: &str = "xiaoshu::span";

/// The longest that one call to the collector takes, and that the end of the process waits for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// `[telemetry]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExportConfig {
    /// The collector, such as `http://127.0.0.1:4317`; nothing is exported without one.
    pub otlp: Option<String>,
    /// What it speaks.
    pub protocol: ExportProtocol,
}

/// How spans and metrics are put on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum ExportProtocol {
    /// OTLP over gRPC.
    #[default]
    #[serde(rename = "grpc")]
    Grpc,
    /// OTLP in protobuf over HTTP, to `/v1/traces` and `/v1/metrics` below the collector's address.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The address cannot be used.
    #[error("otlp of [telemetry]: {0}")]
    Address(String),
    /// The client cannot be made.
    #[error("the client of the collector cannot be made: {0}")]
    Client(String),
    /// The machine gives no thread.
    #[error("the exporter's thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Exports until it is dropped, which sends what is left and waits a few seconds at most.
#[derive(Debug)]
pub struct Exporter {
    spans: SdkTracerProvider,
    metrics: SdkMeterProvider,
    /// Its own, so that the hub's runtime never waits for the collector.
    runtime: Option<Runtime>,
}

impl Exporter {
    /// Exports to the collector of the settings, if they name one; connects with the first spans.
    ///
    /// # Errors
    /// When the address is none, or the machine gives no thread.
    pub fn open(config: &ExportConfig) -> Result<Option<Self>, ExportError> {
        config.otlp.as_deref().map(|collector| Self::to(collector, config.protocol)).transpose()
    }

    fn to(collector: &str, protocol: ExportProtocol) -> Result<Self, ExportError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("otlp")
            .enable_all()
            .build()
            .map_err(ExportError::Thread)?;
        let within = runtime.enter();
        let (spans, metrics) = match protocol {
            ExportProtocol::Grpc => by_grpc(collector)?,
            ExportProtocol::HttpProtobuf => by_http(collector, runtime.handle())?,
        };
        drop(within);
        let resource = Resource::builder_empty()
            .with_service_name("xiaoshu")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let told = Told { inner: spans, collector: collector.to_owned(), silent: AtomicBool::new(false) };
        let spans = SdkTracerProvider::builder().with_batch_exporter(told).with_resource(resource.clone()).build();
        let metrics = SdkMeterProvider::builder().with_periodic_exporter(metrics).with_resource(resource).build();
        opentelemetry::global::set_meter_provider(metrics.clone());
        Ok(Self { spans, metrics, runtime: Some(runtime) })
    }

    pub(super) fn tracer(&self) -> SdkTracer {
        self.spans.tracer("xiaoshu")
    }
}

fn address(error: ExporterBuildError) -> ExportError {
    ExportError::Address(error.to_string())
}

fn by_grpc(collector: &str) -> Result<(SpanExporter, MetricExporter), ExportError> {
    let spans = SpanExporter::builder().with_tonic().with_endpoint(collector).with_timeout(PATIENCE).build();
    let metrics = MetricExporter::builder().with_tonic().with_endpoint(collector).with_timeout(PATIENCE).build();
    Ok((spans.map_err(address)?, metrics.map_err(address)?))
}

fn by_http(collector: &str, within: &Handle) -> Result<(SpanExporter, MetricExporter), ExportError> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|e| ExportError::Client(e.to_string()))?;
    let post = Post { client, within: within.clone() };
    let below = |path: &str| format!("{}/v1/{path}", collector.trim_end_matches('/'));
    let spans = SpanExporter::builder()
        .with_http()
        .with_http_client(post.clone())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(below("traces"))
        .with_timeout(PATIENCE)
        .build();
    let metrics = MetricExporter::builder()
        .with_http()
        .with_http_client(post)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(below("metrics"))
        .with_timeout(PATIENCE)
        .build();
    Ok((spans.map_err(address)?, metrics.map_err(address)?))
}

/// Posts by the HTTP client that the hub has already, on the exporter's own runtime: who exports is on a thread without one.
#[derive(Debug, Clone)]
struct Post {
    client: reqwest::Client,
    within: Handle,
}

#[async_trait::async_trait]
impl HttpClient for Post {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.within.spawn(async move {
            let mut answer = client.execute(request.try_into()?).await?;
            let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
            let mut response = Response::new(answer.bytes().await?);
            (*response.status_mut(), *response.headers_mut()) = (status, headers);
            Ok::<_, HttpError>(response)
        });
        sent.await?
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let (spans, metrics) = (self.spans.clone(), self.metrics.clone());
        let (done, over) = channel::<()>();
        let last = std::thread::Builder::new().name("otlp-last".to_owned()).spawn(move || {
            // What the collector does not take now is lost: it is a view of the work, not the work.
            let _ = spans.shutdown_with_timeout(PATIENCE);
            let _ = metrics.shutdown_with_timeout(PATIENCE);
            drop(done);
        });
        if last.is_ok() {
            // Ends when the thread is through, or its time is over.
            let _ = over.recv_timeout(PATIENCE);
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Says once that the collector does not take spans, and again only after it took some.
#[derive(Debug)]
struct Told<E> {
    inner: E,
    collector: String,
    silent: AtomicBool,
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.inner.export(batch).await;
        let failed = result.is_err();
        if failed && !self.silent.swap(true, Ordering::Relaxed) {
            tracing::warn!(collector = %self.collector, "the collector takes no spans; they are dropped, the hub goes on");
        } else if !failed {
            self.silent.store(false, Ordering::Relaxed);
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use opentelemetry::trace::Tracer;

    use super::*;

    fn holds_up_nothing(protocol: ExportProtocol) {
        // Takes connections and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let exporter = Exporter::to(&format!("http://{}", silent.local_addr().unwrap()), protocol).unwrap();
        let tracer = exporter.tracer();
        let began = Instant::now();
        // Far more than the queue holds.
        for _ in 0..20_000 {
            drop(tracer.start("batch"));
        }
        assert!(began.elapsed() < PATIENCE, "the work waited for the collector: {:?}", began.elapsed());
        drop(exporter);
        assert!(began.elapsed() < 3 * PATIENCE, "the end waited for the collector: {:?}", began.elapsed());
    }

    #[test]
    fn a_collector_that_never_answers_holds_up_neither_the_work_nor_the_end() {
        holds_up_nothing(ExportProtocol::Grpc);
    }

    #[test]
    fn nor_does_one_that_never_answers_over_http() {
        holds_up_nothing(ExportProtocol::HttpProtobuf);
    }

    #[test]
    fn an_address_that_is_none_is_said_to_be_none() {
        assert!(matches!(Exporter::to("not an address", ExportProtocol::Grpc), Err(ExportError::Address(_))));
        assert!(Exporter::open(&ExportConfig::default()).unwrap().is_none());
    }
}
