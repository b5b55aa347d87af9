//! One connection, plain or over TLS.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::settings::Alive;

/// The other end of a connection, as handlers find it among a request's extensions.
#[derive(Clone)]
pub struct Peer {
    address: SocketAddr,
    secure: bool,
    certificates: Arc<[CertificateDer<'static>]>,
}

impl Peer {
    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Its certificate, in DER, where it showed one and an authority of ours vouches for it.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.certificates.first().map(|c| c.as_ref())
    }

    /// Whether its certificate bears this DNS name (subject alternative name).
    pub fn is_named(&self, name: &str) -> bool {
        let Some(certificate) = self.certificates.first() else { return false };
        let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(certificate), ServerName::try_from(name)) else { return false };
        rustls::client::verify_server_name(&parsed, &name).is_ok()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("address", &self.address).field("secure", &self.secure).finish_non_exhaustive()
    }
}

enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// One connection.
pub struct Channel {
    inner: Inner,
    peer: Peer,
}

impl Channel {
    pub(super) fn plain(stream: TcpStream) -> io::Result<Self> {
        let peer = Peer { address: stream.peer_addr()?, secure: false, certificates: Arc::new([]) };
        Ok(Self { inner: Inner::Plain(stream), peer })
    }

    pub(super) fn tls(stream: impl Into<TlsStream<TcpStream>>) -> io::Result<Self> {
        let stream = stream.into();
        let (tcp, session) = stream.get_ref();
        let certificates = session.peer_certificates().unwrap_or_default().iter().cloned().collect();
        let peer = Peer { address: tcp.peer_addr()?, secure: true, certificates };
        Ok(Self { inner: Inner::Tls(Box::new(stream)), peer })
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl tonic::transport::server::Connected for Channel {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

/// Small messages go at once; a peer that is gone is noticed by the kernel, with data under way (user time-out) and
/// without (keep-alive).
pub(super) fn tune(stream: &TcpStream, alive: Alive) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // The kernel counts in whole seconds.
    let second = std::time::Duration::from_secs(1);
    let keep =
        TcpKeepalive::new().with_time(alive.every.max(second)).with_interval((alive.within / 3).max(second)).with_retries(3);
    socket.set_tcp_keepalive(&keep)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(alive.every.saturating_add(alive.within)))?;
    Ok(())
}

impl AsyncRead for Channel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Channel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.inner {
            Inner::Plain(stream) => stream.is_write_vectored(),
            Inner::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Inner::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}
