//! Fields that went out empty and get a way to go: the rows stored without them go again.

use serde_json::{Value, json};
use xiaoshu::brain::{Action, Call, Fault};
use xiaoshu::store::RampStep;

use super::harness::{World, platform};

const TABLE: &str = "ODS_BYQXJYSJ";

async fn world() -> World {
    let mut world = World::of("gaozhi-2023.06", &[TABLE], platform()).await;
    world.set("/rows/seal", json!({}));
    let number = |i: u32| format!("11010121000101{i:04}");
    world.land(TABLE, 0..3, &[("SFZJH", &number)]).await;
    world.land(TABLE, 3..5, &[]).await;
    world
}

/// The numbers that the platform holds: none, plain or sealed.
async fn numbers(world: &World) -> (usize, usize, usize) {
    let (mut none, mut plain, mut sealed) = (0, 0, 0);
    for row in world.brain.held(TABLE).await.unwrap() {
        let row: Value = serde_json::from_str(&row.body).unwrap();
        match row["SFZJH"].as_str() {
            None => none += 1,
            Some(text) if text.starts_with("1101") => plain += 1,
            Some(_) => sealed += 1,
        }
    }
    (none, plain, sealed)
}

async fn writes(world: &World) -> usize {
    world.brain.writes(Some(TABLE)).await.unwrap().len()
}

#[tokio::test]
async fn a_sealing_method_set_later_sends_the_rows_that_went_without_it() {
    let mut world = world().await;
    world.reporter().await.drain().await.unwrap();
    assert_eq!((numbers(&world).await, writes(&world).await), ((5, 0, 0), 5));
    world.reporter().await.drain().await.unwrap();
    assert_eq!(writes(&world).await, 5, "nothing was set, nothing goes");

    world.set("/rows/seal", json!({ "SFZJH": { "method": "sm3" } }));
    world.reporter().await.drain().await.unwrap();
    assert_eq!((numbers(&world).await, writes(&world).await), ((2, 0, 3), 8), "only rows with a value go again");
    assert_eq!(world.stock(TABLE).await.stored, 5);
    world.balanced().await;
    world.reporter().await.drain().await.unwrap();
    assert_eq!(writes(&world).await, 8, "once");
}

#[tokio::test]
async fn an_unmasked_field_sends_its_rows_again() {
    let mut world = world().await;
    world.set("/rows/seal", json!({ "*": { "method": "sm3" } }));
    world.set("/rows/mask", json!(["SFZJH"]));
    world.reporter().await.drain().await.unwrap();
    assert_eq!(numbers(&world).await, (5, 0, 0));
    world.set("/rows/mask", json!([]));
    world.reporter().await.drain().await.unwrap();
    assert_eq!((numbers(&world).await, writes(&world).await), ((2, 0, 3), 8));
    world.balanced().await;
}

#[tokio::test]
async fn rows_under_way_without_the_value_are_awaited_first() {
    let mut world = world().await;
    let late = Fault::new(Action::AnswerLate { queries: 0, seconds: 600 }).on(Call::Submit).table(TABLE);
    world.brain.script(late);
    let mut first = world.reporter().await;
    first.drain_until(Some(xiaoshu::report::Clock::now(world.clock.as_ref()) + 60_000)).await.unwrap();
    drop(first);
    assert!(world.stock(TABLE).await.in_flight > 0);
    world.set("/rows/seal", json!({ "SFZJH": { "method": "sm3" } }));
    world.reporter().await.drain().await.unwrap();
    assert_eq!(numbers(&world).await, (2, 0, 3));
    assert_eq!(world.stock(TABLE).await.stored, 5);
    world.balanced().await;
}

#[tokio::test]
async fn a_closed_table_sends_nothing_again() {
    let mut world = world().await;
    world.reporter().await.drain().await.unwrap();
    let upstream = xiaoshu::store::DeliveryStore::open_upstream(world.store.as_ref(), "moe").await.unwrap();
    let ramp = async |step| {
        let store = world.store.as_ref();
        xiaoshu::store::DeliveryStore::set_ramp(store, upstream, world.feed(TABLE), step, None, 0).await.unwrap();
    };
    ramp(RampStep::Closed).await;
    world.set("/rows/seal", json!({ "SFZJH": { "method": "sm3" } }));
    world.reporter().await.drain().await.unwrap();
    assert_eq!((writes(&world).await, world.stock(TABLE).await.waiting), (5, 3));
    let ramp = async |step| {
        let store = world.store.as_ref();
        xiaoshu::store::DeliveryStore::set_ramp(store, upstream, world.feed(TABLE), step, None, 0).await.unwrap();
    };
    ramp(RampStep::Open).await;
    world.reporter().await.drain().await.unwrap();
    assert_eq!((numbers(&world).await, writes(&world).await), ((2, 0, 3), 8));
    world.balanced().await;
}
