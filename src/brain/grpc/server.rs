//! The service and its listener.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};

use super::{access, digest, session};
use crate::brain::error::BrainError;
use crate::brain::platform::Platform;
use crate::wire::smartbrain::v1::report_service_server::{ReportService, ReportServiceServer};
use crate::wire::smartbrain::v1::{
    GetStandardRequest, GetStandardResponse, GetTableDigestRequest, GetTableDigestResponse, ReportRequest, ReportResponse,
};
use crate::wire::tls::{Acceptor, Alive};

/// The largest batch that is taken, in bytes.
const BATCH: usize = 32 << 20;
/// Flow control: so many bytes may be on their way unread, of one stream and of a connection.
const WINDOW: u32 = 4 << 20;

/// A running listener.
pub(in crate::brain) struct Running {
    pub(in crate::brain) address: SocketAddr,
    pub(in crate::brain) secure: bool,
    pub(in crate::brain) server: JoinHandle<Result<(), tonic::transport::Error>>,
}

/// Listens where the settings say so.
pub(in crate::brain) async fn start(
    platform: &Arc<Platform>,
    mut stopping: watch::Receiver<bool>,
) -> Result<Option<Running>, BrainError> {
    let config = &platform.config.grpc;
    let Some(address) = config.listen else { return Ok(None) };
    let listen = |source| BrainError::Listen { address, source };
    let acceptor = Acceptor::new(config.tls.as_ref(), Alive::default()).map_err(|e| BrainError::Settings(e.to_string()))?;
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let service = ReportServiceServer::new(Service(Arc::clone(platform)))
        .max_decoding_message_size(BATCH)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    let mut server = acceptor.server().initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW * 2);
    let router = server.add_service(service);
    let incoming = acceptor.incoming(listener);
    let ended = async move {
        // An error means that the handle is gone, which ends the platform just as well.
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let server = tokio::spawn(router.serve_with_incoming_shutdown(incoming, ended));
    Ok(Some(Running { address, secure: config.tls.is_some(), server }))
}

struct Service(Arc<Platform>);

#[tonic::async_trait]
impl ReportService for Service {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<ReportResponse, Status>> + Send>>;

    async fn report(&self, request: Request<Streaming<ReportRequest>>) -> Result<Response<Self::ReportStream>, Status> {
        let (account, peer) = access::account(&self.0, request.metadata(), request.extensions())?;
        let (out, answers) = tokio::sync::mpsc::channel(64);
        tokio::spawn(session::run(Arc::clone(&self.0), account, peer, request.into_inner(), out));
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }

    async fn get_standard(&self, request: Request<GetStandardRequest>) -> Result<Response<GetStandardResponse>, Status> {
        access::account(&self.0, request.metadata(), request.extensions())?;
        let standard = self.0.judge.standard();
        Ok(Response::new(GetStandardResponse {
            edition: self.0.config.edition.clone(),
            standard_digest: standard.as_ref().map(|s| s.digest().to_owned()).unwrap_or_default(),
            also_accepted_editions: Vec::new(),
            code_sets: standard.map(|s| digest::code_sets(&s)).unwrap_or_default(),
        }))
    }

    async fn get_table_digest(
        &self,
        request: Request<GetTableDigestRequest>,
    ) -> Result<Response<GetTableDigestResponse>, Status> {
        let (account, _) = access::account(&self.0, request.metadata(), request.extensions())?;
        let asked = request.into_inner();
        let school = access::school(self.0.accounts.get(account), &asked.school_code)?.to_owned();
        digest::answer(&self.0, &school, &asked).await.map(Response::new)
    }
}
