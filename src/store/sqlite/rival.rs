//! Rows whose records other sources hold.

use std::collections::HashMap;

use sqlx::{Sqlite, Transaction};

use super::fault::db;
use super::number_list;
use super::runs::{OpenRun, bitmap};
use crate::finding::Violation;
use crate::record::RecordBatch;
use crate::store::StoreError;
use crate::store::rival::{Standing, judge};
use crate::store::sort::{Fate, Found, Grants, Group, decide};

/// Decides what becomes of a landing's rows, with the violations of those whose records other sources hold. The database is asked only
/// where there are such rows.
pub(super) async fn decided(
    tx: &mut Transaction<'_, Sqlite>,
    open: &OpenRun,
    batch: &RecordBatch,
    groups: &[Group],
    found: &[Option<Found>],
) -> Result<(Fate, Vec<Vec<Violation>>), StoreError> {
    let mut fate = decide(batch, groups, found, open, &Grants::default());
    if fate.foreign {
        let grants = grants(tx, open).await?;
        if !grants.is_empty() {
            fate = decide(batch, groups, found, open, &grants);
        }
    }
    if fate.rivals.is_empty() {
        return Ok((fate, Vec::new()));
    }
    let standing = standing(tx, &fate).await?;
    let violations = judge(batch, &mut fate, open, &standing)?;
    Ok((fate, violations))
}

async fn grants(tx: &mut Transaction<'_, Sqlite>, open: &OpenRun) -> Result<Grants, StoreError> {
    let what = db("reading who holds what");
    let yielding: Vec<(i64,)> = sqlx::query_as("SELECT source FROM yields WHERE feed = ? AND taker = ?")
        .bind(open.feed.0)
        .bind(open.source)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    let missed: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT source, rids FROM missing WHERE feed = ? AND source <> ?")
        .bind(open.feed.0)
        .bind(open.source)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    let missed = missed.into_iter().map(|(source, rids)| Ok((source, bitmap(&rids)?)));
    Ok(Grants {
        yielding: yielding.into_iter().map(|(source,)| source).collect(),
        missed: missed.collect::<Result<_, StoreError>>()?,
    })
}

async fn standing(tx: &mut Transaction<'_, Sqlite>, fate: &Fate) -> Result<Standing, StoreError> {
    let what = db("reading records of other sources");
    let payloads: Vec<(i64, String)> =
        sqlx::query_as("SELECT seq, payload FROM feed WHERE seq IN (SELECT value FROM json_each(?))")
            .bind(number_list(fate.rivals.iter().map(|rival| rival.seq as i64)))
            .fetch_all(&mut **tx)
            .await
            .map_err(what)?;
    let names: Vec<(i64, String)> = sqlx::query_as("SELECT id, name FROM source").fetch_all(&mut **tx).await.map_err(what)?;
    let payloads: HashMap<u64, String> = payloads.into_iter().map(|(seq, payload)| (seq as u64, payload)).collect();
    Ok(Standing { payloads, names: names.into_iter().collect() })
}
