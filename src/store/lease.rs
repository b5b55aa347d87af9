//! Leases: which of several hubs on one database reads a source or reports to an upstream.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::StoreError;

/// What a lease is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leased {
    /// A source, with all tables that it feeds.
    Stream(Arc<str>),
    /// An upstream.
    Upstream(Arc<str>),
}

impl Leased {
    /// Its name in the settings.
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::Stream(name) | Self::Upstream(name) => name,
        }
    }
}

impl fmt::Display for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(name) => write!(f, "source {name}"),
            Self::Upstream(name) => write!(f, "upstream {name}"),
        }
    }
}

/// How long a lease holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// From when it was given or renewed.
    pub ttl: Duration,
    /// How long another hub waits past its end before taking it over.
    pub grace: Duration,
}

/// A lease that is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Rises with every taking over, and with the store's generation.
    pub epoch: u64,
    /// How long it holds, from before it was asked for; `None`: for as long as the store is open.
    pub left: Option<Duration>,
}

/// The answer to one who wants a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// It is ours.
    Ours(Lease),
    /// Another hub has it.
    Held {
        /// That hub.
        holder: String,
    },
}

/// A lease, as everybody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// What it is on.
    pub on: Leased,
    /// Who has it.
    pub holder: String,
    /// Whether the holder is the one who asks.
    pub ours: bool,
    /// Its epoch.
    pub epoch: u64,
    /// Whether it has run out, so that another hub takes it over soon.
    pub expired: bool,
}

/// Leases by the database's clock. Where several hubs may share a store, every landing needs the lease on its stream and
/// every staging or settlement the one on its upstream: a hub whose lease was taken over gets
/// [`StoreError::Fenced`] and changes nothing.
#[async_trait::async_trait]
pub trait Leases: Send + Sync {
    /// Takes a lease that is free, or whose end and grace are over; the epoch rises.
    async fn acquire(&self, on: &Leased, terms: LeaseTerms) -> Result<Grant, StoreError>;

    /// Renews a lease of ours.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another hub has taken it over.
    async fn renew(&self, on: &Leased) -> Result<Lease, StoreError>;

    /// Gives a lease of ours back; harmless when it is not ours any more.
    async fn give_back(&self, on: &Leased) -> Result<(), StoreError>;

    /// All leases that somebody has.
    async fn leases(&self) -> Result<Vec<LeaseRow>, StoreError>;
}
