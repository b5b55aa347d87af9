//! Twenty schools and one platform that ends half-way.

use std::collections::HashMap;
use std::path::Path;

use xiaoshu::brain::{Action, Brain, BrainConfig, BrainHandle, Call, Fault, GrpcConfig};
use xiaoshu::report::{Clock, SystemClock};
use xiaoshu::store::sqlite::SqliteOptions;

use super::line::Line;
use super::school::{School, TABLES, account, over_grpc, standard};
use super::{no_effect_twice, until};

pub const SCHOOLS: u32 = 20;
const BATCH: u32 = 50;
/// From this batch on the first platform cuts every line.
const HALF_WAY: u64 = 60;
/// The table of which a row of one school is refused.
const ROOMS: &str = TABLES[2];
const REFUSED: usize = 2;

pub fn code(school: u32) -> String {
    format!("41990002{school:02}")
}

/// No two schools are of one size: 60 to 345 rows a table.
pub fn rows(school: u32) -> u32 {
    60 + 15 * school
}

/// The schools, and how many rows they have in all.
pub async fn furnished() -> (Vec<School>, usize) {
    let standard = standard();
    let mut schools = Vec::new();
    for i in 0..SCHOOLS {
        let school = School::open(&code(i), &standard, SqliteOptions { cache_mib: 8, ..SqliteOptions::default() }).await;
        school.land(0..rows(i), 0).await;
        schools.push(school);
    }
    (schools, (0..SCHOOLS).map(|i| rows(i) as usize * TABLES.len()).sum())
}

fn config(directory: &Path) -> BrainConfig {
    BrainConfig {
        accounts: (0..SCHOOLS).map(|i| account(&code(i))).collect(),
        directory: Some(directory.to_owned()),
        grpc: GrpcConfig { heartbeat_ms: 2_000, ..GrpcConfig::local() },
        ..BrainConfig::default()
    }
}

fn username(school: u32) -> String {
    format!("school-{}", code(school))
}

/// A platform that refuses rows of one school, loses answers to two others, and cuts all lines half-way.
async fn failing(directory: &Path) -> BrainHandle {
    let brain = Brain::start(config(directory)).await.unwrap();
    let refuse = Action::RefuseRows { rows: (0..REFUSED).collect(), error: "教室号重复".to_owned() };
    brain.script(Fault::new(refuse).on(Call::Batch).table(ROOMS).username(username(3)));
    for school in [5, 11] {
        brain.script(Fault::new(Action::LoseAnswer).on(Call::Batch).username(username(school)));
    }
    brain.script(Fault::new(Action::Cut).on(Call::Batch).nth(HALF_WAY).always());
    brain
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_schools_lose_nothing_when_the_platform_ends_half_way() {
    let (began, directory) = (SystemClock.now(), tempfile::tempdir().unwrap());
    let (schools, all) = furnished().await;
    let first = failing(directory.path()).await;
    let line = Line::start().await;
    line.lead_to(first.grpc_url().as_deref());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut running = tokio::task::JoinSet::new();
    for school in &schools {
        let reporter = school.reporter(&[("platform", over_grpc(&line.url(), &school.code, BATCH, 2_000))]).await;
        let mut stopped = stopped.clone();
        running.spawn(reporter.run(async move { drop(stopped.wait_for(|stop| *stop).await) }));
    }

    until("half of it is there", async || first.calls(Call::Batch).refused > 0).await;
    line.lead_to(None);
    let (_, arrived) = no_effect_twice(&first).await;
    assert!(0 < arrived && arrived < all, "{arrived} of {all}: the platform ends in the middle");
    first.stop().await.unwrap();
    let second = Brain::start(config(directory.path())).await.unwrap();
    line.lead_to(second.grpc_url().as_deref());

    for (i, school) in (0..).zip(&schools) {
        let (live, refused) = (u64::from(rows(i)) * TABLES.len() as u64, if i == 3 { REFUSED as u64 } else { 0 });
        let settled = async || {
            let stock = school.stock("platform").await;
            (stock.live, stock.stored, stock.refused) == (live, live - refused, refused)
        };
        until("every row has its verdict", settled).await;
        school.balances().await;
    }
    let arrived = no_effect_twice(&second).await;
    assert_eq!(arrived, (all - REFUSED, all - REFUSED), "what had a verdict was not written again");
    everything_is_held(&second, REFUSED).await;
    every_school_is_seen(&second, began).await;

    stop.send_replace(true);
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    until("nobody is connected", async || second.schools().await.unwrap().iter().all(|s| !s.connected)).await;
}

/// Of every school every row, but for rooms of one that were refused.
pub async fn everything_is_held(brain: &BrainHandle, refused: usize) {
    for table in TABLES {
        let mut held: HashMap<String, u32> = HashMap::new();
        for row in brain.held(table).await.unwrap() {
            *held.entry(row.school).or_default() += 1;
        }
        for i in 0..SCHOOLS {
            let refused = if i == 3 && table == ROOMS { refused as u32 } else { 0 };
            assert_eq!(held.get(&code(i)), Some(&(rows(i) - refused)), "school {i}, {table}");
        }
    }
}

async fn every_school_is_seen(brain: &BrainHandle, began: i64) {
    let now = SystemClock.now();
    let views = brain.schools().await.unwrap();
    assert_eq!(views.len(), SCHOOLS as usize);
    for (i, view) in (0..).zip(&views) {
        let refused = if i == 3 { REFUSED as i64 } else { 0 };
        assert_eq!((view.school.as_str(), view.connected, view.epoch), (code(i).as_str(), true, Some(1)));
        assert!(view.last_seen.is_some_and(|at| (began..=now).contains(&at)), "{view:?}");
        let of = i64::from(rows(i));
        let mut expected: Vec<_> = TABLES.map(|t| (t, of, of - if t == ROOMS { refused } else { 0 })).into();
        expected.sort();
        let tables: Vec<_> = view.tables.iter().map(|t| (t.table.as_str(), t.received, t.accepted)).collect();
        assert_eq!(tables, expected, "school {i}");
        assert!(view.tables.iter().all(|t| (began - 1_000..=now).contains(&t.last)), "{view:?}");
        let share = (of * 3 - refused) as f64 / (of * 3) as f64;
        assert!((view.accepted_share - share).abs() < 1e-9, "{view:?}");
    }
}
