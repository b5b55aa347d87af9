//! Leases where nobody else is: the lock file keeps other processes out, so every lease is ours.

use super::SqliteStore;
use crate::store::{Grant, Lease, LeaseRow, LeaseTerms, Leased, Leases, Meta, StoreError};

#[async_trait::async_trait]
impl Leases for SqliteStore {
    async fn acquire(&self, on: &Leased, _terms: LeaseTerms) -> Result<Grant, StoreError> {
        self.renew(on).await.map(Grant::Ours)
    }

    async fn renew(&self, _on: &Leased) -> Result<Lease, StoreError> {
        Ok(Lease { epoch: u64::from(self.generation().await?), left: None })
    }

    async fn give_back(&self, _on: &Leased) -> Result<(), StoreError> {
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        Ok(Vec::new())
    }
}
