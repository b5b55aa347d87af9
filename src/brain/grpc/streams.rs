//! Which schools have a stream now.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

/// Why a stream is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::brain) enum End {
    /// The same hub, or one with a higher epoch, has opened another.
    Replaced,
    /// Tokens were ended.
    Expired,
}

/// What is asked of a hub.
#[derive(Debug, Clone)]
pub(in crate::brain) enum Demanded {
    /// A table once more.
    Resend(String),
    /// A comparison; empty for all tables.
    Reconcile(String),
}

struct Stream {
    number: u64,
    peer: SocketAddr,
    end: watch::Sender<Option<End>>,
    demands: mpsc::Sender<Demanded>,
    over: watch::Receiver<()>,
}

/// What a stream holds of its entry.
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) ended: watch::Receiver<Option<End>>,
    pub(super) demands: mpsc::Receiver<Demanded>,
    /// The stream that the school had before, which may still be at work on a batch: it is over when its sender is gone.
    pub(super) before: Option<watch::Receiver<()>>,
    /// To be kept as long as anything may be written.
    pub(super) over: watch::Sender<()>,
}

/// The streams that stand, by school.
#[derive(Default)]
pub(in crate::brain) struct Streams(Mutex<(u64, BTreeMap<String, Stream>)>);

impl Streams {
    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<String, Stream>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream begins; an older one of the school ends.
    pub(super) fn enter(&self, school: &str, peer: SocketAddr) -> Entry {
        let (end, ended) = watch::channel(None);
        let (demand, demands) = mpsc::channel(16);
        let (over, until_over) = watch::channel(());
        let mut all = self.lock();
        all.0 += 1;
        let number = all.0;
        let before = all.1.insert(school.to_owned(), Stream { number, peer, end, demands: demand, over: until_over });
        let before = before.map(|before| {
            before.end.send_replace(Some(End::Replaced));
            before.over
        });
        Entry { number, ended, demands, before, over }
    }

    /// A stream is over; `false` when the school has another one by now.
    pub(super) fn leave(&self, school: &str, number: u64) -> bool {
        let mut all = self.lock();
        let own = all.1.get(school).is_some_and(|s| s.number == number);
        own && all.1.remove(school).is_some()
    }

    /// Ends streams; of one school or of all.
    pub(in crate::brain) fn end(&self, school: Option<&str>, why: End) {
        for (_, stream) in self.lock().1.iter().filter(|(name, _)| school.is_none_or(|s| s == *name)) {
            stream.end.send_replace(Some(why));
        }
    }

    /// Asks something of a school's hub; `false` when it has no stream, or is too busy to be asked.
    pub(in crate::brain) fn demand(&self, school: &str, what: Demanded) -> bool {
        self.lock().1.get(school).is_some_and(|s| s.demands.try_send(what).is_ok())
    }

    /// The address of a school's hub, when it has a stream.
    pub(super) fn peer(&self, school: &str) -> Option<SocketAddr> {
        self.lock().1.get(school).map(|s| s.peer)
    }
}
