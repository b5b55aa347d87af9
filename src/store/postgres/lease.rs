//! Leases, by the database's clock, and the fence that they are.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;

use super::fault::{db, sqlstate};
use super::{PostgresStore, Tx, process};
use crate::store::{Grant, Lease, LeaseRow, LeaseTerms, Leased, Leases, StoreError, UpstreamId};

/// The row that a lease is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Row {
    Source(i32),
    Upstream(i32),
}

/// The statements of one of the two tables.
struct Sql {
    name: &'static str,
    look: &'static str,
    take: &'static str,
    renew: &'static str,
    give_back: &'static str,
    fence: &'static str,
}

macro_rules! statements {
    ($table:literal) => {
        Sql {
            name: concat!(
                "INSERT INTO ",
                $table,
                " (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id"
            ),
            look: concat!(
                "SELECT id, holder, (holder IS NULL OR holder = $2 OR clock_timestamp() >= expires + grace) FROM ",
                $table,
                " WHERE name = $1"
            ),
            take: concat!(
                "UPDATE ",
                $table,
                " SET epoch = epoch + 1, holder = $2, expires = clock_timestamp() + $3, ttl = $3, grace = $4 \
                 WHERE id = $1 AND (holder IS NULL OR holder IN ($2, $5) OR clock_timestamp() >= expires + grace) \
                 RETURNING epoch, (SELECT generation FROM clock)"
            ),
            renew: concat!(
                "UPDATE ",
                $table,
                " SET expires = clock_timestamp() + ttl WHERE name = $1 AND holder = $2 AND epoch = $3 \
                 RETURNING (extract(epoch FROM ttl) * 1000)::bigint, (SELECT generation FROM clock)"
            ),
            give_back: concat!(
                "UPDATE ",
                $table,
                " SET holder = NULL, expires = NULL WHERE id = $1 AND holder = $2 AND epoch = $3"
            ),
            fence: concat!("SELECT name FROM ", $table, " WHERE id = $1 AND epoch = $2 AND holder = $3 FOR KEY SHARE"),
        }
    };
}

const SOURCE: Sql = statements!("source");
const UPSTREAM: Sql = statements!("upstream");

fn sql(on: &Leased) -> &'static Sql {
    match on {
        Leased::Stream(_) => &SOURCE,
        Leased::Upstream(_) => &UPSTREAM,
    }
}

fn row(on: &Leased, id: i32) -> Row {
    match on {
        Leased::Stream(_) => Row::Source(id),
        Leased::Upstream(_) => Row::Upstream(id),
    }
}

fn interval(time: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(time.as_micros()).unwrap_or(i64::MAX) }
}

/// An epoch as others see it: a store restored from a backup has a higher generation, so that its epochs never fall.
fn epoch(generation: i64, epoch: i64) -> u64 {
    ((generation as u64) << 32) | epoch as u64
}

impl PostgresStore {
    fn held(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<Row, i64>> {
        self.leases.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes sure that the lease is still ours, and keeps it so to the end of the transaction: taking it over needs a
    /// lock that waits for this one. A lease that has run out and that nobody has taken is still ours.
    pub(super) async fn fence(&self, tx: &mut Tx, row: Row) -> Result<(), StoreError> {
        let held = self.held().get(&row).copied();
        let (Row::Source(id) | Row::Upstream(id), text) = match row {
            Row::Source(_) => (row, SOURCE.fence),
            Row::Upstream(_) => (row, UPSTREAM.fence),
        };
        let stands: Option<String> = match held {
            None => None,
            Some(epoch) => sqlx::query_scalar(text)
                .bind(id)
                .bind(epoch)
                .bind(&self.holder)
                .fetch_optional(&mut **tx)
                .await
                .map_err(db("looking at a lease"))?,
        };
        match (stands, row) {
            (Some(_), _) => Ok(()),
            (None, Row::Source(_)) => {
                Err(StoreError::Fenced(self.name_of(tx, "SELECT name FROM source WHERE id = $1", id).await))
            }
            (None, Row::Upstream(_)) => {
                Err(StoreError::Fenced(self.name_of(tx, "SELECT name FROM upstream WHERE id = $1", id).await))
            }
        }
    }

    /// The same where an operator may act too, who never had a lease: only one who had it can have lost it.
    pub(super) async fn fence_if_held(&self, tx: &mut Tx, upstream: UpstreamId) -> Result<(), StoreError> {
        let row = Row::Upstream(upstream.0 as i32);
        let known = self.held().contains_key(&row);
        if known { self.fence(tx, row).await } else { Ok(()) }
    }

    async fn name_of(&self, tx: &mut Tx, sql: &'static str, id: i32) -> String {
        let name: Result<Option<String>, _> = sqlx::query_scalar(sql).bind(id).fetch_optional(&mut **tx).await;
        name.ok().flatten().unwrap_or_else(|| id.to_string())
    }
}

#[async_trait::async_trait]
impl Leases for PostgresStore {
    async fn acquire(&self, on: &Leased, terms: LeaseTerms) -> Result<Grant, StoreError> {
        let what = db("taking a lease");
        let sql = sql(on);
        let mut tx = self.begin("taking a lease").await?;
        let known: Option<(i32, Option<String>, bool)> =
            sqlx::query_as(sql.look).bind(&**on.name()).bind(&self.holder).fetch_optional(&mut *tx).await.map_err(what)?;
        // Whoever died holding it can neither write nor sign any more: nobody need wait for its end.
        let gone = known.as_ref().and_then(|(_, holder, _)| holder.clone()).filter(|holder| process::is_gone(holder));
        let id = match known {
            Some((_, holder, false)) if gone.is_none() => return Ok(Grant::Held { holder: holder.unwrap_or_default() }),
            Some((id, ..)) => id,
            None => sqlx::query_scalar(sql.name).bind(&**on.name()).fetch_one(&mut *tx).await.map_err(what)?,
        };
        // Not the weaker lock that the update takes by itself: this one waits for whoever stands behind the fence.
        let lock = match on {
            Leased::Stream(_) => "SELECT id FROM source WHERE id = $1 FOR UPDATE",
            Leased::Upstream(_) => "SELECT id FROM upstream WHERE id = $1 FOR UPDATE",
        };
        match sqlx::query(lock).bind(id).execute(&mut *tx).await {
            Ok(_) => {}
            // A frozen hub is in the midst of a transaction, which the server ends before long.
            Err(error) if sqlstate(&error).as_deref() == Some("55P03") => {
                return Ok(Grant::Held { holder: known.and_then(|(_, holder, _)| holder).unwrap_or_default() });
            }
            Err(error) => return Err(what(error)),
        }
        let taken: Option<(i64, i64)> = sqlx::query_as(sql.take)
            .bind(id)
            .bind(&self.holder)
            .bind(interval(terms.ttl))
            .bind(interval(terms.grace))
            .bind(gone)
            .fetch_optional(&mut *tx)
            .await
            .map_err(what)?;
        let Some((number, generation)) = taken else {
            return Ok(Grant::Held { holder: String::new() });
        };
        self.commit(tx, "taking a lease").await?;
        self.held().insert(row(on, id), number);
        Ok(Grant::Ours(Lease { epoch: epoch(generation, number), left: Some(terms.ttl) }))
    }

    async fn renew(&self, on: &Leased) -> Result<Lease, StoreError> {
        let what = db("renewing a lease");
        let mut tx = self.begin("renewing a lease").await?;
        let known: Option<(i32, Option<String>, bool)> =
            sqlx::query_as(sql(on).look).bind(&**on.name()).bind(&self.holder).fetch_optional(&mut *tx).await.map_err(what)?;
        let held = known.and_then(|(id, ..)| self.held().get(&row(on, id)).copied());
        let fenced = || StoreError::Fenced(on.name().to_string());
        let number = held.ok_or_else(fenced)?;
        let renewed: Option<(i64, i64)> = sqlx::query_as(sql(on).renew)
            .bind(&**on.name())
            .bind(&self.holder)
            .bind(number)
            .fetch_optional(&mut *tx)
            .await
            .map_err(what)?;
        let (ttl, generation) = renewed.ok_or_else(fenced)?;
        self.commit(tx, "renewing a lease").await?;
        Ok(Lease { epoch: epoch(generation, number), left: Some(Duration::from_millis(ttl.unsigned_abs())) })
    }

    async fn give_back(&self, on: &Leased) -> Result<(), StoreError> {
        let what = db("giving a lease back");
        let mut tx = self.begin("giving a lease back").await?;
        let known: Option<(i32, Option<String>, bool)> =
            sqlx::query_as(sql(on).look).bind(&**on.name()).bind(&self.holder).fetch_optional(&mut *tx).await.map_err(what)?;
        let Some((id, ..)) = known else { return Ok(()) };
        let Some(number) = self.held().get(&row(on, id)).copied() else { return Ok(()) };
        sqlx::query(sql(on).give_back).bind(id).bind(&self.holder).bind(number).execute(&mut *tx).await.map_err(what)?;
        self.commit(tx, "giving a lease back").await?;
        // The epoch stays in memory: what is still under way under this lease must not pass for an operator's doing.
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        let rows: Vec<(bool, String, String, i64, bool, i64)> = sqlx::query_as(
            "SELECT l.stream, l.name, l.holder, l.epoch, clock_timestamp() >= l.expires, (SELECT generation FROM clock) FROM \
             (SELECT true AS stream, name, holder, epoch, expires FROM source UNION ALL \
              SELECT false, name, holder, epoch, expires FROM upstream) l WHERE l.holder IS NOT NULL ORDER BY 1, 2",
        )
        .fetch_all(self.readers()?)
        .await
        .map_err(db("reading leases"))?;
        Ok(rows
            .into_iter()
            .map(|(stream, name, holder, number, expired, generation)| LeaseRow {
                on: if stream { Leased::Stream(name.into()) } else { Leased::Upstream(name.into()) },
                ours: holder == self.holder,
                holder,
                epoch: epoch(generation, number),
                expired,
            })
            .collect())
    }
}
