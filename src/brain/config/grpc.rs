//! Settings of streams.

use std::net::SocketAddr;

use serde::Deserialize;

use crate::wire::tls::{Acceptance, ServerTls};

/// Streams: `proto/smartbrain/v1`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcConfig {
    /// The address to listen on, port 0 takes a free one; no streams when absent.
    pub listen: Option<SocketAddr>,
    /// Certificates, read again when their files change.
    pub tls: Option<ServerTls>,
    /// Needed to listen without TLS beyond this machine.
    pub plaintext: Option<Acceptance>,
    /// Milliseconds between signs of life; a side that hears nothing for three of them ends the stream.
    pub heartbeat_ms: u32,
    /// Most records that a hub may have unsettled at a time.
    pub max_unsettled: u32,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self { listen: None, tls: None, plaintext: None, heartbeat_ms: 10_000, max_unsettled: 100_000 }
    }
}

impl GrpcConfig {
    /// On this machine, on a free port.
    pub fn local() -> Self {
        Self { listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))), ..Self::default() }
    }

    /// What contradicts itself.
    pub(in crate::brain) fn fault(&self) -> Option<&'static str> {
        let listen = self.listen?;
        let accepted = self.plaintext.as_ref().is_some_and(Acceptance::is_whole);
        if self.tls.is_none() && !listen.ip().is_loopback() && !accepted {
            return Some(
                "grpc listens beyond this machine without tls: set grpc.tls, or record grpc.plaintext = { by, date, reason }",
            );
        }
        (self.max_unsettled == 0 || self.heartbeat_ms < 10)
            .then_some("grpc.max_unsettled must be at least 1, heartbeat_ms at least 10")
    }
}
