//! What the platform knows of each school.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::brain::effects::SchoolRow;
use crate::brain::error::BrainError;
use crate::brain::platform::Platform;

/// A school.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SchoolView {
    /// Its code, or its account's name where it has none.
    pub school: String,
    /// Whether it has a stream now, with whichever platform process of a shared database.
    pub connected: bool,
    /// When it was last heard of, as UTC milliseconds; by streams or by batches.
    pub last_seen: Option<i64>,
    /// Epoch of its hub; of streams alone.
    pub epoch: Option<u64>,
    /// The edition that its hub reports by; of streams alone.
    pub edition: Option<String>,
    /// Its hub's software; of streams alone.
    pub software: Option<String>,
    /// Its hub's last counts, as the heartbeat has them.
    pub health: Option<serde_json::Value>,
    /// Its tables.
    pub tables: Vec<SchoolTable>,
    /// Of all rows received the share that was accepted, 0 to 1; 1 where none was received.
    pub accepted_share: f64,
}

/// A table of a school.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchoolTable {
    /// The table.
    pub table: String,
    /// Rows received.
    pub received: i64,
    /// Rows accepted.
    pub accepted: i64,
    /// When rows last came, as UTC milliseconds: its freshness.
    pub last: i64,
}

/// Every school with an account.
pub(in crate::brain) async fn schools(platform: &Platform) -> Result<Vec<SchoolView>, BrainError> {
    let mut tables: BTreeMap<String, Vec<SchoolTable>> = BTreeMap::new();
    for (school, table) in platform.effects.received().await? {
        tables.entry(school).or_default().push(table);
    }
    let mut rows: BTreeMap<String, _> =
        platform.effects.school_rows().await?.into_iter().map(|row| (row.school.clone(), row)).collect();
    let mut names: Vec<&str> = platform.accounts.list().iter().map(|a| a.school()).collect();
    names.sort_unstable();
    names.dedup();
    // A process that was killed takes back nothing that it noted: its hubs are not heard of any more.
    let patience = i64::from(platform.config.grpc.heartbeat_ms) * 3;
    let now = platform.now();
    let elsewhere = |row: &SchoolRow| {
        row.holder.as_ref().is_some_and(|holder| !holder.starts_with(&platform.holder))
            && now.saturating_sub(row.seen) <= patience
    };
    let view = |school: &str| {
        let (row, tables) = (rows.remove(school), tables.remove(school).unwrap_or_default());
        let (received, accepted) = tables.iter().fold((0, 0), |(r, a), t| (r + t.received, a + t.accepted));
        SchoolView {
            school: school.to_owned(),
            connected: platform.streams.peer(school).is_some() || row.as_ref().is_some_and(elsewhere),
            last_seen: row.as_ref().map(|r| r.seen).into_iter().chain(tables.iter().map(|t| t.last)).max(),
            epoch: row.as_ref().map(|r| r.epoch),
            edition: row.as_ref().map(|r| r.edition.clone()),
            software: row.as_ref().map(|r| r.software.clone()),
            health: row.and_then(|r| serde_json::from_str(&r.health?).ok()),
            tables,
            accepted_share: if received > 0 { accepted as f64 / received as f64 } else { 1.0 },
        }
    };
    Ok(names.into_iter().map(view).collect())
}
