//! The client's side: an address, and how it is reached.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{self, Endpoint, Uri};
use tower_service::Service;

use super::TlsError;
use super::channel::{Channel, tune};
use super::files::{Reloading, bundle, chain, key, provider, roots, unusable};
use super::settings::{Alive, ClientTls};
use crate::finding::Text;

/// Reaches one address.
#[derive(Debug, Clone)]
pub struct Dialer {
    endpoint: Endpoint,
    connector: Connector,
}

impl Dialer {
    /// For `https://host:port`, or `http://host:port` in plaintext; whether that was accepted is for the caller to know.
    ///
    /// # Errors
    /// When address or files cannot be used.
    pub fn new(url: &str, tls: &ClientTls, connect: Duration, alive: Alive) -> Result<Self, TlsError> {
        let settings = |zh: &str, en: &str| TlsError::Settings(Text::new(format!("{url} {zh}"), format!("{url} {en}")));
        let uri: Uri = url.parse().map_err(|_| settings("不是地址", "is no address"))?;
        let host = uri.host().ok_or_else(|| settings("没有主机名", "names no host"))?.to_owned();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (secure, port) = match uri.scheme_str() {
            Some("https") => (true, uri.port_u16().unwrap_or(443)),
            Some("http") => (false, uri.port_u16().unwrap_or(80)),
            _ => return Err(settings("应以 https:// 或 http:// 开头", "must begin with https:// or http://")),
        };
        let tls = if secure {
            let name = tls.domain.clone().unwrap_or_else(|| host.clone());
            let name = ServerName::try_from(name)
                .map_err(|_| settings("的主机名不能用于证书", "has no host that a certificate can bear"))?;
            Some((Arc::new(reloading(tls)?), name))
        } else {
            None
        };
        // TLS is the connector's business, so the endpoint itself is told of plain HTTP/2; requests bear the true origin.
        let authority = uri.authority().map(|a| a.as_str().to_owned()).unwrap_or_default();
        let endpoint = Endpoint::from_shared(format!("http://{authority}"))
            .map_err(|_| settings("不是地址", "is no address"))?
            .origin(uri)
            .connect_timeout(connect)
            .http2_keep_alive_interval(alive.every)
            .keep_alive_timeout(alive.within)
            .keep_alive_while_idle(true);
        Ok(Self { endpoint, connector: Connector { host: host.into(), port, tls, alive } })
    }

    /// With so large windows of flow control, in bytes: of one stream, of the connection.
    pub fn windows(mut self, stream: u32, connection: u32) -> Self {
        self.endpoint = self.endpoint.initial_stream_window_size(stream).initial_connection_window_size(connection);
        self
    }

    /// Connects. The channel is good for one connection; it is made anew rather than mended, so that whoever holds it
    /// knows of every cut.
    ///
    /// # Errors
    /// When the other side cannot be reached, or is not who it should be.
    pub async fn connect(&self) -> Result<transport::Channel, TlsError> {
        let connected = self.endpoint.connect_with_connector(self.connector.clone()).await;
        connected.map_err(|error| TlsError::Unreachable(chained(&error)))
    }
}

/// An error with its causes, in one line.
fn chained(error: &dyn std::error::Error) -> String {
    let mut out = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        next = cause.source();
    }
    out
}

fn reloading(tls: &ClientTls) -> Result<Reloading<ClientConfig>, TlsError> {
    let ca = tls.ca.clone().map_or_else(bundle, Ok)?;
    let own = match (tls.cert.clone(), tls.key.clone()) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => {
            return Err(TlsError::Settings(Text::new(
                "tls.cert 与 tls.key 须同时设置",
                "tls.cert and tls.key must be set together",
            )));
        }
    };
    let mut paths = vec![ca.clone()];
    paths.extend(own.iter().flat_map(|(cert, key)| [cert.clone(), key.clone()]));
    let build = move |files: &[Vec<u8>]| {
        let file = |at: usize| files.get(at).map(Vec::as_slice).unwrap_or_default();
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().map_err(unusable)?;
        let builder = builder.with_root_certificates(roots(&ca, file(0))?);
        let mut config = match &own {
            None => builder.with_no_client_auth(),
            Some((cert, own_key)) => {
                builder.with_client_auth_cert(chain(cert, file(1))?, key(own_key, file(2))?).map_err(unusable)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    };
    Reloading::new(paths, Box::new(build))
}

/// Makes connections for [`Endpoint::connect_with_connector`].
#[derive(Debug, Clone)]
pub struct Connector {
    host: Arc<str>,
    port: u16,
    tls: Option<(Arc<Reloading<ClientConfig>>, ServerName<'static>)>,
    alive: Alive,
}

impl Connector {
    async fn open(self) -> io::Result<TokioIo<Channel>> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        tune(&stream, self.alive)?;
        let channel = match self.tls {
            None => Channel::plain(stream)?,
            Some((tls, name)) => Channel::tls(TlsConnector::from(tls.current()).connect(name, stream).await?)?,
        };
        Ok(TokioIo::new(channel))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Channel>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Channel>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().open())
    }
}
