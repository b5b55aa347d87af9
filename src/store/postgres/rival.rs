//! Rows whose records other sources hold.

use super::fault::db;
use super::{Tx, signed};
use crate::finding::Violation;
use crate::record::RecordBatch;
use crate::store::StoreError;
use crate::store::open_run::{OpenRun, bitmap};
use crate::store::rival::{Standing, judge};
use crate::store::sort::{Fate, Found, Grants, Group, decide};

/// Decides what becomes of a landing's rows, with the violations of those whose records other sources hold. The database is asked only
/// where there are such rows.
pub(super) async fn decided(
    tx: &mut Tx,
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
    let standing = standing(tx, open, &fate).await?;
    let violations = judge(batch, &mut fate, open, &standing)?;
    Ok((fate, violations))
}

async fn grants(tx: &mut Tx, open: &OpenRun) -> Result<Grants, StoreError> {
    let what = db("reading who holds what");
    let yielding: Vec<(i32,)> = sqlx::query_as("SELECT source FROM yields WHERE feed = $1 AND taker = $2")
        .bind(open.feed.0 as i32)
        .bind(open.source as i32)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    let missed: Vec<(i32, Vec<u8>)> = sqlx::query_as("SELECT source, rids FROM missing WHERE feed = $1 AND source <> $2")
        .bind(open.feed.0 as i32)
        .bind(open.source as i32)
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    let missed = missed.into_iter().map(|(source, rids)| Ok((i64::from(source), bitmap(&rids)?)));
    Ok(Grants {
        yielding: yielding.into_iter().map(|(source,)| i64::from(source)).collect(),
        missed: missed.collect::<Result<_, StoreError>>()?,
    })
}

async fn standing(tx: &mut Tx, open: &OpenRun, fate: &Fate) -> Result<Standing, StoreError> {
    let what = db("reading records of other sources");
    let payloads: Vec<(i64, String)> = sqlx::query_as("SELECT seq, payload FROM feed WHERE feed = $1 AND seq = ANY($2)")
        .bind(open.feed.0 as i32)
        .bind(signed(fate.rivals.iter().map(|rival| rival.seq)))
        .fetch_all(&mut **tx)
        .await
        .map_err(what)?;
    let names: Vec<(i32, String)> = sqlx::query_as("SELECT id, name FROM source").fetch_all(&mut **tx).await.map_err(what)?;
    Ok(Standing {
        payloads: payloads.into_iter().map(|(seq, payload)| (seq as u64, payload)).collect(),
        names: names.into_iter().map(|(id, name)| (i64::from(id), name)).collect(),
    })
}
