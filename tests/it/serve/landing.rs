//! What is answered has landed, in a store in PostgreSQL that refuses, dawdles, or outlives the service.

use std::time::Instant;

use sqlx::{Connection, Executor, PgConnection};
use tonic::Code;
use xiaoshu::store::postgres::PostgresOptions;
use xiaoshu::wire::schoolhub::v1::ListRecordsRequest;

use super::service::{COURSES, READER, Service, courses, furnish, with};
use crate::hub::school::keep_in_postgres;

/// A service that is only pushed to, with its store in a schema of its own, and a way to that store behind its back.
async fn service() -> (Service, PgConnection) {
    let dir = tempfile::tempdir().unwrap();
    furnish(dir.path(), |settings| settings);
    let options = keep_in_postgres(dir.path());
    let service = Service::over(dir);
    (service, connect(&options).await)
}

async fn connect(options: &PostgresOptions) -> PgConnection {
    let mut connection = PgConnection::connect(&options.url).await.unwrap();
    let path = format!("SET search_path = \"{}\"", options.schema);
    connection.execute(sqlx::AssertSqlSafe(path)).await.unwrap();
    connection
}

async fn listed(service: &Service) -> usize {
    let asked = ListRecordsRequest { table: COURSES.into(), page_size: 1000, ..Default::default() };
    service.records().await.list_records(with(READER, asked)).await.unwrap().into_inner().records.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_only_pushed_to_holds_its_leases_and_takes_them_back_when_it_was_killed() {
    let (service, mut store) = service().await;
    let answer = service.push(vec![courses(1, 0..20, "16")]).await.unwrap();
    assert_eq!((answer.tables[0].read, answer.tables[0].changed), (20, 20));
    assert_eq!(listed(&service).await, 20);
    // Longer than any test waits: what is held on was not given back.
    let kept =
        sqlx::query("UPDATE source SET expires = expires + interval '1 hour', ttl = interval '1 hour' WHERE holder IS NOT NULL");
    assert_eq!(kept.execute(&mut store).await.unwrap().rows_affected(), 1);
    let began = Instant::now();
    let service = service.kill_and_restart();
    assert_eq!(service.position().await.position, 1);
    let answer = service.push(vec![courses(1, 0..20, "99"), courses(2, 20..25, "16")]).await.unwrap();
    assert_eq!((answer.repeated_messages, answer.tables[0].changed), (1, 5));
    assert!(began.elapsed().as_secs() < 600);
    assert_eq!(listed(&service).await, 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_refuses_is_not_acknowledged_and_lands_when_it_is_sent_again() {
    let (service, mut store) = service().await;
    service.push(vec![courses(1, 0..3, "16")]).await.unwrap();
    let refusing = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is full'; END $$; \
                    CREATE TRIGGER refuse BEFORE INSERT ON feed FOR EACH STATEMENT EXECUTE FUNCTION refuse();";
    sqlx::raw_sql(refusing).execute(&mut store).await.unwrap();
    let refused = service.push(vec![courses(2, 3..10, "16")]).await.unwrap_err();
    assert!(matches!(refused.code(), Code::Internal | Code::Unavailable), "{refused:?}");
    assert_eq!((service.position().await.position, listed(&service).await), (1, 3), "nothing of it is there");
    sqlx::raw_sql("DROP TRIGGER refuse ON feed").execute(&mut store).await.unwrap();
    let answer = service.push(vec![courses(2, 3..10, "16")]).await.unwrap();
    assert_eq!((answer.repeated_messages, answer.tables[0].changed), (0, 7));
    assert_eq!((service.position().await.position, listed(&service).await), (2, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_killed_in_mid_landing_has_answered_nothing_and_landed_nothing() {
    let (service, mut store) = service().await;
    service.push(vec![courses(1, 0..3, "16")]).await.unwrap();
    let mut held = store.begin().await.unwrap();
    sqlx::query("SELECT id FROM feeds FOR UPDATE").execute(&mut *held).await.unwrap();
    let (mut ingest, before) = (service.ingest().await, service.address.clone());
    let items = super::service::introduced("one", vec![courses(2, 3..10, "16")]);
    let items = items.into_iter().map(|item| xiaoshu::wire::schoolhub::v1::PushRequest { item: Some(item) });
    let stream = futures_util::stream::iter(items.collect::<Vec<_>>());
    let pushing = tokio::spawn(async move { ingest.push(with(super::service::VENDOR, stream)).await });
    // It stands before the landing's lock.
    let mut other = PgConnection::connect(&crate::store::home::postgres_url()).await.unwrap();
    let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *held).await.unwrap();
    let blocked = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid))";
    while sqlx::query_scalar::<_, i64>(blocked).bind(own).fetch_one(&mut other).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    let restarting = tokio::task::spawn_blocking(move || service.kill_and_restart());
    assert!(pushing.await.unwrap().is_err(), "no answer came");
    // Only now can what was under way in the database come to its end.
    held.rollback().await.unwrap();
    let service = restarting.await.unwrap();
    assert_ne!(service.address, before);
    assert_eq!((service.position().await.position, listed(&service).await), (1, 3));
    let answer = service.push(vec![courses(2, 3..10, "16")]).await.unwrap();
    assert_eq!((answer.repeated_messages, answer.tables[0].changed), (0, 7));
}
