//! A store that was restored from a backup: what was reported after the backup is not in it, so nothing that it says of
//! an upstream is taken for granted. Everything goes again under a higher generation, so that nothing counts as old, and
//! is then compared where the receiver can be read back.

use super::Upstream;
use crate::report::ReportError;
use crate::store::{BatchId, Millis, Store, StoreError};

/// Where the store keeps the generation that began with its last restoring; below it, by upstream, the one that the
/// upstream has faced.
const RESTORED: &str = "report/restored";
/// How often a running upstream looks whether the store was found out to be restored.
const LOOK: Millis = 10_000;

/// Notes that the store was restored from a backup: its generation rises, and every upstream goes through all its tables
/// again, at its next start or within ten seconds. Returns the new generation.
///
/// # Errors
/// The store.
pub async fn note_restored(store: &dyn Store) -> Result<u16, StoreError> {
    let generation = store.raise_generation().await?;
    store.set_meta(RESTORED, &generation.to_be_bytes()).await?;
    Ok(generation)
}

impl Upstream {
    /// Looks every so often whether the store was found out to be restored: by another upstream, perhaps of another hub.
    pub(super) async fn look_for_restored(&mut self) -> Result<bool, ReportError> {
        let now = self.now();
        if now < self.restored_at {
            return Ok(false);
        }
        self.restored_at = now + LOOK;
        self.face_restored().await
    }

    /// Where the store was restored since this upstream last looked: every table goes again, then is compared.
    pub(super) async fn face_restored(&mut self) -> Result<bool, ReportError> {
        let Some(noted) = self.around.store.get_meta(RESTORED).await? else { return Ok(false) };
        let own = format!("{RESTORED}/{}", self.name);
        if self.around.store.get_meta(&own).await?.as_ref() == Some(&noted) {
            return Ok(false);
        }
        self.generation = self.around.store.generation().await?;
        let mut rows = 0;
        for at in 0..self.tables.len() {
            self.let_go(at).await?;
            rows += self.send_table_again(at).await?;
        }
        self.want_comparison(None);
        self.around.store.set_meta(&own, &noted).await?;
        tracing::warn!(
            upstream = %self.name, generation = self.generation, rows, "the store was restored from a backup: all tables go once more"
        );
        Ok(true)
    }

    /// What the backup had on its way to a receiver that recognises what comes twice: its rows wait again.
    async fn let_go(&mut self, at: usize) -> Result<(), ReportError> {
        if !self.transport.limits().dedupes {
            return Ok(());
        }
        let open: Vec<BatchId> = self.tables[at].open.keys().copied().collect();
        for id in open {
            self.to_resume.retain(|batch| batch.id != id);
            self.transport.forget(id);
            self.give_up(at, id).await?;
        }
        Ok(())
    }
}
