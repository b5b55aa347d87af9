//! A lease that is ours, renewed behind the scenes until it is given back or lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::{Grant, Lease, LeaseTerms, Leased, Store, StoreError};

/// What came of wanting a lease.
pub enum Taken {
    /// It is ours.
    Ours(Held),
    /// Another hub has it: its name.
    By(String),
}

/// A lease of ours. Dropped without being given back, it runs out by itself.
pub struct Held {
    store: Arc<dyn Store>,
    on: Leased,
    terms: LeaseTerms,
    epoch: u64,
    state: Arc<State>,
    renewing: Option<JoinHandle<()>>,
}

struct State {
    /// From when it holds, by both of the machine's clocks, and for how long; `None`: without end.
    since: Mutex<Option<(Instant, SystemTime, Duration)>>,
    lost: watch::Sender<bool>,
    doubt: Notify,
}

impl State {
    fn renewed(&self, asked: (Instant, SystemTime), lease: &Lease) {
        let since = lease.left.map(|left| (asked.0, asked.1, left));
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Held {
    /// Takes a lease if it is free, and keeps it. To be called within the runtime.
    ///
    /// # Errors
    /// The store.
    pub async fn take(store: &Arc<dyn Store>, on: Leased, terms: LeaseTerms) -> Result<Taken, StoreError> {
        let asked = (Instant::now(), SystemTime::now());
        let lease = match store.acquire(&on, terms).await? {
            Grant::Held { holder } => return Ok(Taken::By(holder)),
            Grant::Ours(lease) => lease,
        };
        let state = Arc::new(State { since: Mutex::default(), lost: watch::Sender::new(false), doubt: Notify::new() });
        state.renewed(asked, &lease);
        let renewing = lease.left.map(|_| tokio::spawn(renew(Arc::clone(store), on.clone(), terms.ttl, Arc::clone(&state))));
        Ok(Taken::Ours(Self { store: Arc::clone(store), on, terms, epoch: lease.epoch, state, renewing }))
    }

    /// What it is on.
    pub fn on(&self) -> &Leased {
        &self.on
    }

    /// On which terms.
    pub fn terms(&self) -> LeaseTerms {
        self.terms
    }

    /// Its epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// For how long it holds if it is not renewed; `None`: as long as the store is open. A machine that slept has no time
    /// left, whichever of its clocks slept with it.
    pub fn left(&self) -> Option<Duration> {
        let since = *self.state.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map(|(instant, time, ttl)| {
            let gone = instant.elapsed().max(time.elapsed().unwrap_or_default());
            ttl.saturating_sub(gone)
        })
    }

    /// Whether nobody has taken it over, as far as is known.
    pub fn stands(&self) -> bool {
        !*self.state.lost.borrow()
    }

    /// Comes back when another hub has taken it over.
    pub async fn lost(&self) {
        // The sender lives as long as this does.
        let _ = self.state.lost.subscribe().wait_for(|lost| *lost).await;
    }

    /// Asks at once whether it is still ours.
    pub fn doubt(&self) {
        self.state.doubt.notify_one();
    }

    /// Whether it is ours at this moment, asked of the store. `false` also where the store does not answer.
    pub async fn confirm(&self) -> bool {
        let asked = (Instant::now(), SystemTime::now());
        match self.store.renew(&self.on).await {
            Ok(lease) => {
                self.state.renewed(asked, &lease);
                true
            }
            Err(StoreError::Fenced(_)) => {
                self.state.lost.send_replace(true);
                false
            }
            Err(error) => {
                tracing::warn!(on = %self.on, %error, "the lease could not be confirmed");
                false
            }
        }
    }

    /// Gives it back, so that another hub need not wait for its end.
    pub async fn give_back(&self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
        if let Err(error) = self.store.give_back(&self.on).await {
            tracing::warn!(on = %self.on, %error, "a lease could not be given back; it runs out by itself");
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
    }
}

async fn renew(store: Arc<dyn Store>, on: Leased, ttl: Duration, state: Arc<State>) {
    let mut pause = ttl / 3;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = state.doubt.notified() => {}
        }
        let asked = (Instant::now(), SystemTime::now());
        match store.renew(&on).await {
            Ok(lease) => {
                state.renewed(asked, &lease);
                pause = ttl / 3;
            }
            Err(StoreError::Fenced(_)) => {
                tracing::warn!(%on, "the lease was taken over by another hub; this one stops working on it");
                state.lost.send_replace(true);
                return;
            }
            Err(error) => {
                tracing::warn!(%on, %error, "the lease could not be renewed; trying again");
                pause = (ttl / 10).max(Duration::from_millis(100));
            }
        }
    }
}
