//! The settings of this part: `[serve]`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;

use super::Scope;
use super::auth::TokenHash;
use crate::wire::tls::{Acceptance, ServerTls};

/// `[serve]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The gRPC face; nothing listens without it.
    pub grpc: Option<GrpcConfig>,
}

/// `[serve.grpc]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// TLS; without it only the machine itself is listened to, unless `plaintext` accepts more.
    pub tls: Option<ServerTls>,
    /// Who accepted that tokens and records travel in the open.
    pub plaintext: Option<Acceptance>,
    /// Bounds.
    #[serde(default)]
    pub limits: LimitConfig,
    /// The clients by name.
    #[serde(default)]
    pub clients: BTreeMap<String, ClientConfig>,
}

impl GrpcConfig {
    /// Whether tokens would travel in the open without anybody having accepted that.
    pub fn is_exposed(&self) -> bool {
        self.tls.is_none() && !self.listen.ip().is_loopback() && !self.plaintext.as_ref().is_some_and(Acceptance::is_whole)
    }
}

/// `[serve.grpc.clients.<name>]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// Its token.
    pub token: TokenHash,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

/// `[serve.grpc.limits]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitConfig {
    /// Calls a second of one client; ten seconds' worth may come at once.
    pub calls_per_second: u32,
    /// Calls of one client under way at once, streams among them.
    pub calls_at_once: u32,
    /// A watcher that takes nothing for so long is told to resume.
    pub slow_seconds: u32,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self { calls_per_second: 50, calls_at_once: 32, slow_seconds: 60 }
    }
}
