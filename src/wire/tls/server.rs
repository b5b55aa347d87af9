//! The server's side: from a listener to connections whose handshake is done.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;
use tonic::transport::Server;

use super::TlsError;
use super::channel::{Channel, tune};
use super::files::{Reloading, chain, key, provider, roots, unusable};
use super::settings::{Alive, ServerTls};

/// A client that does not end its handshake within this time is left.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at a time.
const AT_ONCE: usize = 256;

/// Takes connections, over TLS where it is set.
#[derive(Debug, Clone)]
pub struct Acceptor {
    tls: Option<Arc<Reloading<ServerConfig>>>,
    alive: Alive,
}

impl Acceptor {
    /// With these certificates, or in plaintext. Whether plaintext was accepted is for the caller to know.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub fn new(tls: Option<&ServerTls>, alive: Alive) -> Result<Self, TlsError> {
        let tls = tls.map(reloading).transpose()?.map(Arc::new);
        Ok(Self { tls, alive })
    }

    /// A server whose HTTP/2 connections ask silent clients for a sign of life.
    pub fn server(&self) -> Server {
        Server::builder().http2_keepalive_interval(Some(self.alive.every)).http2_keepalive_timeout(Some(self.alive.within))
    }

    /// The connections of a listener, for `serve_with_incoming`. Dropping it closes the listener.
    pub fn incoming(&self, listener: TcpListener) -> Incoming {
        let (found, channels) = mpsc::channel(16);
        let task = tokio::spawn(accept(self.clone(), listener, found));
        Incoming { channels, task: task.abort_handle() }
    }

    async fn open(&self, stream: TcpStream) -> io::Result<Channel> {
        tune(&stream, self.alive)?;
        match &self.tls {
            None => Channel::plain(stream),
            Some(tls) => {
                let handshake = TlsAcceptor::from(tls.current()).accept(stream);
                Channel::tls(tokio::time::timeout(HANDSHAKE, handshake).await??)
            }
        }
    }
}

fn reloading(tls: &ServerTls) -> Result<Reloading<ServerConfig>, TlsError> {
    let tls = tls.clone();
    let paths = [Some(tls.cert.clone()), Some(tls.key.clone()), tls.client_ca.clone()].into_iter().flatten().collect();
    let build = move |files: &[Vec<u8>]| {
        let file = |at: usize| files.get(at).map(Vec::as_slice).unwrap_or_default();
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(unusable)?;
        let builder = match &tls.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let authorities = Arc::new(roots(path, file(2))?);
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider()).build().map_err(unusable)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let (chain, key) = (chain(&tls.cert, file(0))?, key(&tls.key, file(1))?);
        let mut config = builder.with_single_cert(chain, key).map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    };
    Reloading::new(paths, Box::new(build))
}

async fn accept(acceptor: Acceptor, listener: TcpListener, found: mpsc::Sender<io::Result<Channel>>) {
    let (mut handshakes, room) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    // The semaphore is never closed, so the loop ends with its task.
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Mostly no file handles left: those under way must end first.
                tracing::warn!("a connection could not be taken: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, found) = (acceptor.clone(), found.clone());
        handshakes.spawn(async move {
            let _place = place;
            match acceptor.open(stream).await {
                // The server is ending when nobody takes it.
                Ok(channel) => drop(found.send(Ok(channel)).await),
                Err(error) => tracing::debug!("a handshake failed: {error}"),
            }
        });
        while handshakes.try_join_next().is_some() {}
    }
}

/// Connections whose handshake is done.
#[derive(Debug)]
pub struct Incoming {
    channels: mpsc::Receiver<io::Result<Channel>>,
    task: AbortHandle,
}

impl Stream for Incoming {
    type Item = io::Result<Channel>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.channels.poll_recv(cx)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.task.abort();
    }
}
