//! The gRPC face: `proto/schoolhub/v1`, health, reflection.

mod door;
mod ingest;
mod pagetoken;
mod projection;
mod records;
mod status;
mod taken;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;

use super::GrpcConfig;
use crate::fault::{Classified, FaultClass};
use crate::pipeline;
use crate::report;
use crate::standard::TablePlan;
use crate::store::{FeedId, Millis, Store};
use crate::wire;
use crate::wire::schoolhub::v1::ingest_service_server::IngestServiceServer;
use crate::wire::schoolhub::v1::records_service_server::RecordsServiceServer;
use crate::wire::schoolhub::v1::status_service_server::StatusServiceServer;
use crate::wire::tls::{Acceptor, Alive, TlsError};

pub use status::StatusSource;

/// Silent connections are found out within 30 s.
const ALIVE: Alive = Alive { every: Duration::from_secs(18), within: Duration::from_secs(8) };
/// Largest message taken, in bytes.
const MESSAGE_BYTES: usize = 4 << 20;
/// Streams of one connection at once.
const STREAMS: u32 = 128;
/// Longest time for a single answer; streams have no end.
const DEADLINE: Duration = Duration::from_secs(30);
/// What the health service speaks of: the whole, and each service.
const HEALTHS: [&str; 4] = ["", "schoolhub.v1.IngestService", "schoolhub.v1.RecordsService", "schoolhub.v1.StatusService"];
/// After so long an ending service waits for nobody any more.
const FAREWELL: Duration = Duration::from_secs(10);

/// A table that is served.
#[derive(Debug, Clone)]
pub struct ServedTable {
    /// Its feed.
    pub feed: FeedId,
    /// The table.
    pub plan: Arc<TablePlan>,
}

/// What the service stands on.
pub struct Parts {
    /// Read, never written.
    pub store: Arc<dyn Store>,
    /// The tables with a feed.
    pub tables: Vec<ServedTable>,
    /// Takes pushed rows.
    pub pipeline: pipeline::Handle,
    /// Woken when pushed rows have landed.
    pub report: Option<report::Handle>,
    /// Says where the hub stands.
    pub status: Arc<dyn StatusSource>,
    /// Time.
    pub clock: Arc<dyn Fn() -> Millis + Send + Sync>,
    /// Changes whenever something may have landed.
    pub news: Receiver<u64>,
    /// Seals page tokens: 32 bytes that outlive a restart.
    pub page_secret: Vec<u8>,
}

/// What keeps the service from starting.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Tokens would travel in the open.
    #[error("[serve.grpc] listens on {0} without TLS: set `tls`, listen on 127.0.0.1, or record who accepts it in `plaintext`")]
    Exposed(SocketAddr),
    /// The address cannot be listened on.
    #[error("[serve.grpc] cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The descriptors cannot be read.
    #[error("reflection: {0}")]
    Reflection(String),
}

impl Classified for ServeError {
    fn fault_class(&self) -> FaultClass {
        match self {
            Self::Exposed(_) | Self::Listen { .. } => FaultClass::Configuration,
            Self::Tls(error) => error.fault_class(),
            Self::Reflection(_) => FaultClass::Bug,
        }
    }
}

/// The service, under way.
pub struct Running {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it has ended: some time after `stop` told it to.
    pub async fn ended(self) {
        if self.task.await.is_err() {
            tracing::error!("the gRPC service broke down");
        }
    }
}

/// Starts the service; it ends when `stop` becomes true. What lands then still lands, streams are told to resume.
///
/// # Errors
/// What keeps it from starting.
pub async fn start(config: &GrpcConfig, parts: Parts, stop: Receiver<bool>) -> Result<Running, ServeError> {
    if config.is_exposed() {
        return Err(ServeError::Exposed(config.listen));
    }
    let acceptor = Acceptor::new(config.tls.as_ref(), ALIVE)?;
    let failed = |source| ServeError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let door = Arc::new(door::Door::new(config, stop.clone()));
    let tables = Arc::new(parts.tables);
    let ingest = ingest::Ingest { door: Arc::clone(&door), pipeline: parts.pipeline, report: parts.report };
    let records = records::RecordsFace {
        door: Arc::clone(&door),
        store: parts.store,
        tables,
        clock: parts.clock,
        news: parts.news,
        seal: Arc::new(pagetoken::Seal::new(&parts.page_secret)),
        slow: Duration::from_secs(u64::from(config.limits.slow_seconds.max(1))),
    };
    let status = status::StatusFace::new(door, parts.status);
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<IngestServiceServer<ingest::Ingest>>().await;
    health.set_serving::<RecordsServiceServer<records::RecordsFace>>().await;
    health.set_serving::<StatusServiceServer<status::StatusFace>>().await;
    let described = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("schoolhub.v1.IngestService")
            .with_service_name("schoolhub.v1.RecordsService")
            .with_service_name("schoolhub.v1.StatusService")
            .with_service_name("grpc.health.v1.Health")
    };
    let failed = |error: tonic_reflection::server::Error| ServeError::Reflection(error.to_string());
    let reflection = described().build_v1().map_err(failed)?;
    // Older clients, Python's and grpcurl's among them, know no other.
    let reflection_alpha = described().build_v1alpha().map_err(failed)?;
    let server = acceptor
        .server()
        .max_concurrent_streams(Some(STREAMS))
        .add_service(health_service)
        .add_service(reflection)
        .add_service(reflection_alpha)
        .add_service(IngestServiceServer::new(ingest).max_decoding_message_size(MESSAGE_BYTES))
        .add_service(RecordsServiceServer::new(records).max_decoding_message_size(MESSAGE_BYTES))
        .add_service(StatusServiceServer::new(status).max_decoding_message_size(MESSAGE_BYTES));
    let (mut told, mut late) = (stop.clone(), stop);
    let serving = server.serve_with_incoming_shutdown(acceptor.incoming(listener), async move {
        let _ = told.wait_for(|stop| *stop).await;
        // Whoever watches the health goes elsewhere before the connection ends.
        for name in HEALTHS {
            health.set_service_status(name, tonic_health::ServingStatus::NotServing).await;
        }
    });
    let task = tokio::spawn(async move {
        let overdue = async {
            let _ = late.wait_for(|stop| *stop).await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            served = serving => if let Err(error) = served {
                tracing::error!(%error, "the gRPC service ended");
            },
            () = overdue => tracing::warn!("some gRPC calls did not end in time and are cut off"),
        }
    });
    tracing::info!(%address, tls = config.tls.is_some(), clients = config.clients.len(), "gRPC listens");
    Ok(Running { address, task })
}
