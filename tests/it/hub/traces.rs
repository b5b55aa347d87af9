//! Spans and metrics arrive at a real OTLP receiver: one a run, one a batch, and nothing of what the rows hold.

use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{MetricsService, MetricsServiceServer};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use tonic::{Request, Response, Status};
use xiaoshu::brain::{Brain, BrainConfig, BrainHandle};

use super::school::{self, CODE};

/// Keeps what it is sent.
#[derive(Debug, Clone, Default)]
struct Receiver {
    traces: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    metrics: Arc<Mutex<Vec<ExportMetricsServiceRequest>>>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.traces.lock().expect("the list").push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics.lock().expect("the list").push(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

struct World {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    /// Kept for as long as the hub reports to it.
    _brain: BrainHandle,
}

impl World {
    /// Six courses, one of them wrong, six projects; batches of four.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let mut config = BrainConfig::sandbox(CODE);
        config.login.rsa_bits = 1024;
        let brain = runtime.block_on(Brain::start(config)).expect("a platform");
        school::furnish(dir.path(), &brain.url(), 6);
        let courses = dir.path().join("files/courses.csv");
        let text = std::fs::read_to_string(&courses).expect("read");
        std::fs::write(&courses, text.replace("K0003,课程3,19", "K0003,课程3,unreadable-hours")).expect("written");
        Self { dir, runtime, _brain: brain }
    }

    fn run(&self, collector: &str, protocol: &str) -> Output {
        let settings = self.dir.path().join("xiaoshu.toml");
        let text = std::fs::read_to_string(&settings).expect("read");
        let text = text.replace("login.style", "rows.batch_rows = 4\nlogin.style");
        let text = format!("{text}verdict_delay = \"50ms\"\n\n[telemetry]\notlp = \"{collector}\"\nprotocol = \"{protocol}\"\n");
        std::fs::write(self.dir.path().join("traced.toml"), text).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
        command.args(["run", "--once", "--lang", "en", "--settings"]).arg(self.dir.path().join("traced.toml"));
        command.output().expect("run")
    }
}

fn text_of(span: &Span, name: &str) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let found = span.attributes.iter().find(|pair| pair.key == name)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

#[test]
fn a_span_a_run_and_a_batch_arrive_before_the_process_ends_and_hold_no_cell() {
    let (world, receiver) = (World::new(), Receiver::default());
    let listener = world.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let collector = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(receiver.clone()))
        .add_service(MetricsServiceServer::new(receiver.clone()));
    world.runtime.spawn(server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));
    what_arrives_is_whole(&world, &receiver, &collector, "grpc");
}

#[test]
fn the_same_arrives_over_http() {
    use axum::body::Bytes;
    use axum::routing::post;
    use prost::Message;

    let (world, receiver) = (World::new(), Receiver::default());
    let listener = world.runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let collector = format!("http://{}", listener.local_addr().expect("an address"));
    let (traces, metrics) = (receiver.clone(), receiver.clone());
    let app = axum::Router::new()
        .route(
            "/v1/traces",
            post(async move |body: Bytes| traces.traces.lock().expect("the list").push(Message::decode(body).expect("spans"))),
        )
        .route(
            "/v1/metrics",
            post(async move |body: Bytes| {
                metrics.metrics.lock().expect("the list").push(Message::decode(body).expect("metrics"))
            }),
        );
    world.runtime.spawn(axum::serve(listener, app).into_future());
    what_arrives_is_whole(&world, &receiver, &collector, "http/protobuf");
}

fn what_arrives_is_whole(world: &World, receiver: &Receiver, collector: &str, protocol: &str) {
    let done = world.run(collector, protocol);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let traces = receiver.traces.lock().expect("the list");
    let spans: Vec<Span> =
        traces.iter().flat_map(|t| &t.resource_spans).flat_map(|r| &r.scope_spans).flat_map(|s| s.spans.clone()).collect();
    let of = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let (runs, batches) = (of("collect"), of("submit"));
    assert_eq!((runs.len(), spans.len()), (2, runs.len() + batches.len()), "{spans:?}");
    let courses = runs.iter().find(|span| text_of(span, "table").as_deref() == Some("ODS_KCJBSJ")).expect("a run of courses");
    assert_eq!(text_of(courses, "read").as_deref(), Some("6"));
    assert_eq!(text_of(courses, "quarantined").as_deref(), Some("1"));
    let sent = |table: &str| batches.iter().filter(|span| text_of(span, "table").as_deref() == Some(table)).count();
    assert_eq!(sent("ODS_KCJBSJ"), 2, "five records in batches of four: {batches:?}");
    assert!(batches.iter().all(|span| text_of(span, "outcome").as_deref() == Some("accepted")), "{batches:?}");

    let metrics = receiver.metrics.lock().expect("the list");
    let printed = format!("{traces:?} {metrics:?}");
    for name in ["xiaoshu.collect.rows", "xiaoshu.report.records", "quarantined", "stored"] {
        assert!(printed.contains(name), "{name}: {printed}");
    }
    for cell in ["K0003", "课程3", "unreadable-hours", "T003", "sandbox-password"] {
        assert!(!printed.contains(cell), "{cell} is in what was exported");
    }
}

#[test]
fn a_collector_that_is_not_there_changes_nothing_but_a_line_of_the_log() {
    let world = World::new();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let done = world.run(&format!("http://{gone}"), "grpc");
    let log = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{log}");
    assert_eq!(log.lines().filter(|line| line.contains("takes no spans")).count(), 1, "{log}");
}
