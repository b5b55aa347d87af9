//! Several hubs at one store: what only one of them may do, and what is left of the one that lost its lease.

use std::sync::Arc;
use std::time::Duration;

use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::standard::Kind;
use xiaoshu::store::postgres::PostgresStore;
use xiaoshu::store::{Again, DeliveryStore, Grant, Lease, LeaseTerms, Leased, Leases, Meta, Store, StoreError};

use super::desk::{Desk, TERMS, hold};
use super::home::{Home, PostgresHome};
use super::table::Row;

/// Over before anybody asks.
const SHORT: LeaseTerms = LeaseTerms { ttl: Duration::from_millis(1), grace: Duration::ZERO };

fn stream() -> Leased {
    Leased::Stream("a".into())
}

fn upstream() -> Leased {
    Leased::Upstream("platform".into())
}

/// Asks until it is ours, which by the database's clock is soon.
async fn take_over(store: &PostgresStore, on: &Leased) -> Lease {
    loop {
        if let Grant::Ours(lease) = store.acquire(on, TERMS).await.unwrap() {
            return lease;
        }
    }
}

async fn two() -> (PostgresHome, Arc<PostgresStore>, Arc<PostgresStore>) {
    let home = PostgresHome::new();
    let (one, other) = (home.open_as("one").await, home.open_as("other").await);
    (home, one, other)
}

fn fenced<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
    assert_eq!(error.fault_class(), FaultClass::Transient);
}

#[tokio::test]
async fn a_lease_is_one_hubs_until_it_is_given_back() {
    let (_home, one, other) = two().await;
    let Grant::Ours(first) = one.acquire(&stream(), TERMS).await.unwrap() else { panic!("a free lease") };
    assert_eq!(other.acquire(&stream(), TERMS).await.unwrap(), Grant::Held { holder: "one".into() });
    let Grant::Ours(_) = other.acquire(&upstream(), TERMS).await.unwrap() else { panic!("another lease") };
    assert_eq!(one.renew(&stream()).await.unwrap().epoch, first.epoch);
    let rows = other.leases().await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.on.clone(), row.holder.as_str(), row.ours, row.expired)).collect();
    assert_eq!(seen, [(upstream(), "other", true, false), (stream(), "one", false, false)]);
    one.give_back(&stream()).await.unwrap();
    let Grant::Ours(second) = other.acquire(&stream(), TERMS).await.unwrap() else { panic!("given back") };
    assert!(second.epoch > first.epoch);
    fenced(one.renew(&stream()).await);
    // A late giving back of what is another's by now takes nothing away.
    one.give_back(&stream()).await.unwrap();
    other.renew(&stream()).await.unwrap();
    // After a restore the epochs that platforms saw must not come again.
    one.raise_generation().await.unwrap();
    assert!(other.renew(&stream()).await.unwrap().epoch > second.epoch);
}

#[tokio::test]
async fn grace_keeps_others_away_from_a_lease_that_has_run_out() {
    let (_home, one, other) = two().await;
    let terms = LeaseTerms { ttl: Duration::from_millis(1), grace: Duration::from_secs(600) };
    assert!(matches!(one.acquire(&upstream(), terms).await.unwrap(), Grant::Ours(_)));
    loop {
        assert_eq!(other.acquire(&upstream(), TERMS).await.unwrap(), Grant::Held { holder: "one".into() });
        if other.leases().await.unwrap()[0].expired {
            break;
        }
    }
    assert_eq!(other.acquire(&upstream(), TERMS).await.unwrap(), Grant::Held { holder: "one".into() });
    // Nobody has it but the one that had it.
    one.renew(&upstream()).await.unwrap();
}

#[tokio::test]
async fn nothing_lands_or_leaves_without_a_lease() {
    let home = PostgresHome::new();
    let desk = Desk::new(home.open().await).await;
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 1)]], true, 1).await;
    let other = home.open_as("other").await;
    let theirs =
        Desk { store: other.clone() as Arc<dyn Store>, plan: desk.plan.clone(), feed: desk.feed, upstream: desk.upstream };
    let rows = desk.pending(xiaoshu::store::Lane::Live, 10, 2).await;
    fenced(theirs.stage(&rows, |_| None, 2).await);
    let batch = desk.stage_all(2).await;
    fenced(other.mark_sent(batch, 3).await);
    fenced(theirs.store.give_up(batch, 3).await);
    desk.audited().await;
    assert_eq!(desk.stock().await.in_flight, 2);
}

#[tokio::test]
async fn who_lost_its_leases_changes_nothing_any_more() {
    let home = PostgresHome::new();
    let one = home.open_as("one").await;
    let desk = Desk::try_new(one.clone(), Kind::State).await.unwrap();
    let run = desk.begin("a", 1, 1).await.unwrap().run;
    desk.land(run, &[Row::good(1, 1), Row::good(2, 1)], 2, 1).await.unwrap();
    let batch = desk.stage_all(1).await;
    for on in [stream(), upstream()] {
        one.give_back(&on).await.unwrap();
        assert!(matches!(one.acquire(&on, SHORT).await.unwrap(), Grant::Ours(_)));
    }

    let other = home.open_as("other").await;
    for on in [stream(), upstream()] {
        take_over(&other, &on).await;
    }
    fenced(desk.land(run, &[Row::good(3, 1)], 3, 2).await);
    fenced(desk.finish(run, true, 2).await);
    let verdict = xiaoshu::store::MemberVerdict { ordinal: 0, outcome: xiaoshu::store::Outcome::Stored };
    fenced(desk.store.settle(batch, &[verdict], None, 2).await);
    fenced(desk.store.resend(desk.upstream, desk.feed, Again::All, 2).await);
    fenced(desk.store.set_ramp(desk.upstream, desk.feed, xiaoshu::store::RampStep::Closed, None, 2).await);

    // The other hub goes on where it stopped.
    let theirs = Desk::try_new(other.clone(), Kind::State).await.unwrap();
    theirs.audited().await;
    let start = theirs.begin("a", 1, 3).await.unwrap();
    assert_eq!((start.run, start.resume.is_some()), (run, true));
    theirs.land(run, &[Row::good(3, 1)], 3, 3).await.unwrap();
    let end = theirs.finish(run, true, 3).await.unwrap();
    assert_eq!((end.landed.changed, end.missing), (3, 0));
    theirs.store.give_up(batch, 3).await.unwrap();
    assert_eq!(theirs.stock().await.unknown, 2);
    theirs.audited().await;

    // And the first one, once it has its lease again, does not trust what it remembers.
    for on in [stream(), upstream()] {
        other.give_back(&on).await.unwrap();
    }
    hold(&*desk.store, upstream()).await.unwrap();
    desk.run("a", &[&[Row::good(1, 1), Row::good(2, 2), Row::good(3, 1)]], true, 4).await;
    assert_eq!(desk.stock().await.live, 3);
    desk.audited().await;
}

#[tokio::test]
async fn a_taking_over_waits_for_the_transaction_behind_the_fence() {
    use sqlx::Connection;
    let (home, one, other) = two().await;
    assert!(matches!(one.acquire(&stream(), SHORT).await.unwrap(), Grant::Ours(_)));
    // What a landing holds from its first statement to its commit.
    let mut landing = home.connect().await;
    let mut landing = landing.begin().await.unwrap();
    sqlx::query("SELECT id FROM source WHERE name = 'a' FOR KEY SHARE").execute(&mut *landing).await.unwrap();
    let taking = tokio::spawn(async move { take_over(&other, &stream()).await });
    let mut watching = home.connect().await;
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE NOT l.granted \
                 AND a.query LIKE 'SELECT id FROM source WHERE id = $1 FOR UPDATE%'";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut watching).await.unwrap() == 0 {
        assert!(!taking.is_finished(), "taken over in the midst of a landing");
    }
    // A renewal does not wait: else a long landing would lose the lease.
    one.renew(&stream()).await.unwrap();
    landing.commit().await.unwrap();
    taking.await.unwrap();
}

#[tokio::test]
async fn an_older_hub_works_on_until_something_is_taken_away() {
    let home = PostgresHome::new();
    drop(home.open().await);
    let mut conn = home.connect().await;
    let newest: i64 = sqlx::query_scalar("SELECT max(format) FROM migration").fetch_one(&mut conn).await.unwrap();
    let step = "INSERT INTO migration (format, oldest) VALUES ($1, $2)";
    sqlx::query(step).bind(newest + 1).bind(newest).execute(&mut conn).await.unwrap();
    drop(home.open().await);
    home.open_read_only().await.unwrap();
    sqlx::query(step).bind(newest + 2).bind(newest + 1).execute(&mut conn).await.unwrap();
    for refused in [PostgresStore::open(home.options.clone()).await, PostgresStore::open_read_only(home.options.clone()).await] {
        let refused = refused.err().unwrap();
        assert!(matches!(refused, StoreError::Newer { .. }), "{refused}");
        assert_eq!(refused.fault_class(), FaultClass::Configuration);
    }
}
