//! Several processes on one database, and none on one directory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::{Place, SCHOOL, TABLE, shown, take, version};
use crate::brain::config::Secret;
use crate::brain::effects::{Effects, Intake, Opened, Opening, Operation, Taken};
use crate::brain::error::BrainError;
use crate::brain::judge::Judged;
use crate::fault::{Classified, FaultClass};

const KEYS: u64 = 40;
const VERSIONS: u64 = 12;
const WRITERS: u64 = 8;

/// Every version of every key, in an order of its own.
fn shuffled(seed: u64) -> Vec<(String, u64)> {
    let mut all: Vec<_> = (0..KEYS).flat_map(|k| (1..=VERSIONS).map(move |v| (format!("k{k}"), v * 10 + k % 3))).collect();
    all.shuffle(&mut rand::rngs::StdRng::seed_from_u64(seed));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_the_same_versions_have_each_effect_once() {
    let place = Place::postgres();
    let processes = [place.open_as("one").await.unwrap(), place.open_as("two").await.unwrap()];
    let mut writers = tokio::task::JoinSet::new();
    for seed in 0..WRITERS {
        let effects = Arc::clone(&processes[seed as usize % 2]);
        writers.spawn(async move {
            for some in shuffled(seed).chunks(37) {
                let rows: Vec<_> = some.iter().map(|(key, seq)| version(key, *seq)).collect();
                take(&*effects, SCHOOL, 1, None, &rows).await;
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    let effects = &processes[0];
    let all = effects.writes(None, false).await.unwrap();
    assert_eq!(all.len() as u64, WRITERS * KEYS * VERSIONS, "every accepted row is counted");
    let mut seen = HashSet::new();
    let mut standing: HashMap<&str, &str> = HashMap::new();
    for write in all.iter().filter(|w| w.operation != Operation::Same) {
        assert!(seen.insert((&write.key, &write.digest)), "{} twice", write.key);
        let before = standing.insert(&write.key, &write.digest);
        assert!(before.is_none_or(|before| before < write.digest.as_str()), "an older version over a newer one");
    }
    let (versions, position) = effects.versions(SCHOOL, TABLE).await.unwrap();
    for row in &versions {
        let place: u64 = row.key[1..].parse().unwrap();
        assert_eq!(row.seq, VERSIONS * 10 + place % 3, "the highest of {}", row.key);
    }
    assert_eq!((versions.len() as u64, position), (KEYS, VERSIONS * 10 + 2));
    let received = effects.received().await.unwrap();
    assert_eq!(received[0].1.accepted as u64, WRITERS * KEYS * VERSIONS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn submits_of_the_same_rows_at_once_have_each_effect_once() {
    let place = Place::postgres();
    let processes = [place.open_as("one").await.unwrap(), place.open_as("two").await.unwrap()];
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let effects = Arc::clone(&processes[writer as usize % 2]);
        writers.spawn(async move {
            for from in 0..20 {
                let rows: Vec<Judged> = (from * 3..from * 3 + 10).map(|k| version(&format!("k{k}"), 1).judged).collect();
                let intake = Intake { school: SCHOOL, table: TABLE, rows: &rows, lost: &[], revive: true };
                effects.take_in(intake, &|_| shown(SCHOOL)).await.unwrap();
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    let counts = processes[0].counts().await.unwrap().remove(0);
    assert_eq!((counts.held, counts.effects, counts.writes as u64), (67, 67, WRITERS * 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_schools_that_bring_one_key_at_once_one_has_it() {
    let place = Place::postgres();
    let processes = [place.open_as("one").await.unwrap(), place.open_as("two").await.unwrap()];
    let mut writers = tokio::task::JoinSet::new();
    for school in 0..6usize {
        let effects = Arc::clone(&processes[school % 2]);
        writers.spawn(async move {
            let mut stored = 0;
            for from in 0..20 {
                // Overlapping, and against the order of the others.
                let mut rows: Vec<_> = (from * 5..from * 5 + 10).map(|k| version(&format!("k{k}"), 1)).collect();
                if school % 2 == 0 {
                    rows.reverse();
                }
                let Taken::Written(said) = take(&*effects, &format!("school {school}"), 1, None, &rows).await else {
                    panic!("superseded")
                };
                stored += rows.len() - said.refused.len();
            }
            stored
        });
    }
    let mut stored = 0;
    while let Some(ended) = writers.join_next().await {
        stored += ended.unwrap();
    }
    let writes = processes[0].writes(None, false).await.unwrap();
    let inserted: HashSet<&str> = writes.iter().filter(|w| w.operation == Operation::Insert).map(|w| w.key.as_str()).collect();
    let effects = writes.iter().filter(|w| w.operation != Operation::Same).count();
    assert_eq!((inserted.len(), effects, writes.len()), (105, 105, stored), "what was said is what was done");
}

async fn open_stream(effects: &dyn Effects, epoch: u64) -> Opened {
    let opening = Opening {
        school: SCHOOL,
        instance: "hub",
        epoch,
        edition: "e",
        software: "s",
        holder: Some("two/a"),
        unsettled: &[],
        oldest: 0,
        at: 0,
    };
    effects.open_stream(&opening).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hub_that_is_taken_over_at_another_process_is_done_at_that_moment() {
    let place = Place::postgres();
    let (one, two) = (place.open_as("one").await.unwrap(), place.open_as("two").await.unwrap());
    open_stream(&*one, 1).await;
    let (began, mut beginnings) = tokio::sync::mpsc::unbounded_channel();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4u64 {
        let (effects, began) = (Arc::clone(&one), began.clone());
        writers.spawn(async move {
            for seq in 1.. {
                let rows: Vec<_> = (0..20).map(|k| version(&format!("w{writer}k{k}"), seq)).collect();
                if matches!(take(&*effects, SCHOOL, 1, None, &rows).await, Taken::Superseded { epoch: 2 }) {
                    return;
                }
                began.send(()).unwrap();
            }
        });
    }
    for _ in 0..12 {
        beginnings.recv().await.unwrap();
    }
    assert!(matches!(open_stream(&*two, 2).await, Opened::Ready { .. }));
    let (batches, digest) = (two.batches().await.unwrap().len(), two.digest().await.unwrap());
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    assert_eq!(two.batches().await.unwrap().len(), batches, "nothing was written after the hub was taken over");
    assert_eq!(two.digest().await.unwrap(), digest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_at_once_all_come_up() {
    let place = Arc::new(Place::postgres());
    let mut starting = tokio::task::JoinSet::new();
    for n in 0..6 {
        let place = Arc::clone(&place);
        starting.spawn(async move { place.open_as(&format!("p{n}")).await.map(|_| ()) });
    }
    while let Some(started) = starting.join_next().await {
        started.unwrap().unwrap();
    }
}

#[tokio::test]
async fn processes_of_one_database_judge_by_one_edition() {
    let mut place = Place::postgres();
    let one = place.open_as("one").await.unwrap();
    place.config.edition = "zhongzhi-2025.03".to_owned();
    let refused = place.open_as("two").await.err().expect("two editions at once");
    assert!(matches!(&refused, BrainError::Settings(why) if why.contains("gaozhi-2024.09") && why.contains("zhongzhi-2025.03")));
    one.close().await.unwrap();
    place.open_as("two").await.unwrap();
}

#[tokio::test]
async fn a_schema_of_something_else_is_left_alone() {
    let place = Place::postgres();
    let (url, schema) = (place.config.effects.postgres.as_ref().unwrap().expose(), &place.config.effects.schema);
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.unwrap();
    let others = format!("CREATE SCHEMA {schema}; CREATE TABLE {schema}.held (anything integer)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(others)).execute(&mut connection).await.unwrap();
    let refused = place.open_as("one").await.err().expect("not ours");
    assert!(matches!(&refused, BrainError::Settings(why) if why.contains("effects.schema")), "{refused:?}");
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_said_without_its_password() {
    let mut place = Place::postgres();
    let url = place.config.effects.postgres.as_ref().unwrap().expose().to_owned();
    let (account, server) = url.rsplit_once('@').unwrap();
    let (user, _) = account.rsplit_once(':').unwrap();
    for url in [format!("{user}:open-sesame@[bad/x"), format!("{user}:open-sesame@{server}")] {
        place.config.effects.postgres = Some(Secret::new(url));
        let refused = place.open_as("one").await.err().expect("no such account");
        assert_eq!(refused.fault_class(), FaultClass::Configuration, "{refused}");
        assert!(!format!("{refused:?} {refused}").contains("sesame"));
    }
}
