//! What every way to the platform must do, whatever the platform does: every row stored or refused with a reason, each
//! with one effect. A transport joins by an implementation of [`UpstreamUnderTest`] and `conformance!`.

use serde_json::{Value, json};
use xiaoshu::brain::{Action, BrainConfig, BrainHandle, Call, Fault};
use xiaoshu::store::{Again, DeliveryStore, ExceptionFilter};

use crate::report::harness::{World, platform};

pub const TABLE: &str = "ODS_KCJBSJ";

/// One way to the platform.
pub trait UpstreamUnderTest {
    /// The call that carries rows, for scripted faults.
    const ROWS: Call;
    /// Whether verdicts come by themselves, so that the machine's own clock is gone by.
    const LIVE: bool;

    /// What a platform needs to be reached so.
    fn brain(config: BrainConfig) -> BrainConfig;

    /// Settings of an upstream to this platform: four rows a batch; impatient.
    fn settings(world: &World, brain: &BrainHandle) -> Value;

    /// Holds that so many rows went in so many batches, none of them twice.
    async fn went_once(world: &World, rows: usize, batches: u64) {
        assert!(rows as u64 >= batches);
        assert_eq!(world.brain.calls(Self::ROWS).count, batches, "each batch once");
    }

    /// The platform takes longer than the hub waits.
    async fn stand_still()
    where
        Self: Sized,
    {
        let world = ten::<Self>(vec![Fault::new(Action::Slow { ms: 400 }).nth(2)]).await;
        settle(&world).await;
        all_stored(&world, 10).await;
    }

    /// What is said comes in another order.
    async fn come_in_another_order()
    where
        Self: Sized,
    {
        let world = ten::<Self>(vec![Fault::new(Action::ReorderAnswer)]).await;
        settle(&world).await;
        all_stored(&world, 10).await;
    }

    /// What the hub proves itself with is not accepted any more.
    async fn lose_the_account()
    where
        Self: Sized,
    {
        let world = ten::<Self>(vec![Fault::new(Action::ExpireTokens).nth(2)]).await;
        settle(&world).await;
        all_stored(&world, 10).await;
    }
}

pub async fn world_of<U: UpstreamUnderTest>(tables: &[&str], config: BrainConfig) -> World {
    let config = U::brain(config);
    let mut world = if U::LIVE { World::live(tables, config).await } else { World::new(tables, config).await };
    world.settings = U::settings(&world, &world.brain);
    world
}

/// Ten rows, and a platform that does `faults`.
pub async fn ten<U: UpstreamUnderTest>(faults: Vec<Fault>) -> World {
    let world = world_of::<U>(&[TABLE], platform()).await;
    world.land(TABLE, 0..10, &[]).await;
    for fault in faults {
        world.brain.script(fault.on(U::ROWS));
    }
    world
}

/// Reports until nothing is left to do, as often as an upstream is left for a trouble and looked at again.
pub async fn settle(world: &World) {
    let mut last = None;
    for _ in 0..20 {
        let report = world.reporter().await.drain().await.unwrap();
        world.balanced().await;
        if report.is_settled() {
            return;
        }
        last = Some(report);
        world.time.sleep_until(world.time.now() + 60).await;
    }
    panic!("delivery does not come to an end: {last:?}");
}

pub async fn all_stored(world: &World, rows: u64) {
    let stock = world.stock(TABLE).await;
    assert_eq!((stock.stored, stock.live), (rows, rows), "{stock:?}");
    assert_eq!(world.brain.held(TABLE).await.unwrap().len() as u64, rows);
    assert_eq!(world.brain.effects(Some(TABLE)).await.unwrap().len() as u64, rows, "one effect a row");
}

pub async fn plain<U: UpstreamUnderTest>() {
    let world = ten::<U>(vec![]).await;
    settle(&world).await;
    all_stored(&world, 10).await;
    U::went_once(&world, 10, 3).await;
    settle(&world).await;
    // A second run has nothing to say.
    U::went_once(&world, 10, 3).await;
}

pub async fn refuse<U: UpstreamUnderTest>() {
    let error = "字段KCMC不能为空".to_owned();
    let refused = Fault::new(Action::RefuseRows { rows: vec![0], error: error.clone() });
    let world = ten::<U>(vec![refused.nth(2).times(2)]).await;
    settle(&world).await;
    let stock = world.stock(TABLE).await;
    assert_eq!((stock.stored, stock.refused), (8, 2));
    let refused = world.store.exceptions(&ExceptionFilter::default()).await.unwrap();
    assert!(refused.iter().all(|r| r.text.as_deref() == Some(error.as_str())));
    assert_eq!(world.brain.held(TABLE).await.unwrap().len(), 8);
}

pub async fn accept_late<U: UpstreamUnderTest>() {
    let world = ten::<U>(vec![Fault::new(Action::AnswerLate { queries: 1, seconds: 1 }).nth(2)]).await;
    settle(&world).await;
    all_stored(&world, 10).await;
    // Waiting is not sending again.
    U::went_once(&world, 10, 3).await;
}

pub async fn store_partly<U: UpstreamUnderTest>() {
    let world = ten::<U>(vec![Fault::new(Action::DropRows { rows: vec![0, 3] }).nth(2)]).await;
    settle(&world).await;
    all_stored(&world, 10).await;
}

pub async fn lose_the_answer<U: UpstreamUnderTest>() {
    let world = ten::<U>(vec![Fault::new(Action::LoseAnswer).nth(2)]).await;
    settle(&world).await;
    all_stored(&world, 10).await;
    // What was settled is found, not sent again.
    U::went_once(&world, 10, 3).await;
}

pub async fn time_out<U: UpstreamUnderTest>() {
    U::stand_still().await;
}

pub async fn duplicate<U: UpstreamUnderTest>() {
    let world = ten::<U>(vec![Fault::new(Action::RepeatAnswer).times(0)]).await;
    settle(&world).await;
    let upstream = world.store.open_upstream("moe").await.unwrap();
    let again = world.store.resend(upstream, world.feed(TABLE), Again::All, world.time.now()).await.unwrap();
    assert_eq!(again, 10);
    settle(&world).await;
    all_stored(&world, 10).await;
    assert_eq!(world.brain.writes(Some(TABLE)).await.unwrap().len(), 20, "all came twice");
}

pub async fn reorder<U: UpstreamUnderTest>() {
    U::come_in_another_order().await;
}

pub async fn cut_in_mid_batch<U: UpstreamUnderTest>() {
    let faults = vec![Fault::new(Action::Cut).nth(2), Fault::new(Action::TakePart { rows: 2 }).nth(3)];
    let world = ten::<U>(faults).await;
    settle(&world).await;
    all_stored(&world, 10).await;
}

pub async fn credentials_expire<U: UpstreamUnderTest>() {
    U::lose_the_account().await;
}

pub async fn a_newer_version_waits_for_the_verdict_on_the_older<U: UpstreamUnderTest>() {
    let world = world_of::<U>(&[TABLE], platform()).await;
    world.brain.script(Fault::new(Action::AnswerLate { queries: 1, seconds: 1 }).on(U::ROWS).times(0));
    for name in ["甲", "乙"] {
        world.land(TABLE, 0..4, &[("KCMC", &|_| name.to_owned())]).await;
        // Staged and sent, and not waited for.
        world.reporter().await.drain_until(Some(world.time.now())).await.unwrap();
    }
    settle(&world).await;
    let held = world.brain.held(TABLE).await.unwrap();
    assert!(held.len() == 4 && held.iter().all(|h| h.body.contains("乙")), "the newest version stands");
}

/// Settings of delivery that wait for nothing long.
pub fn impatient() -> Value {
    json!({
        "ramp": "open", "scope": "all", "verdict_delay": "1s", "retry_first": "20ms", "retry_cap": "50ms",
        "retry_mend": "50ms", "missing_after": "3s"
    })
}

/// A test for each promise.
macro_rules! conformance {
    ($under_test:ident) => {
        crate::streams::suite::conformance!($under_test: plain, refuse, accept_late, store_partly, lose_the_answer, time_out,
            duplicate, reorder, cut_in_mid_batch, credentials_expire, a_newer_version_waits_for_the_verdict_on_the_older);
    };
    ($under_test:ident: $($promise:ident),+) => {
        mod conformance {
            $(#[tokio::test]
            async fn $promise() {
                crate::streams::suite::$promise::<super::$under_test>().await;
            })+
        }
    };
}
pub(crate) use conformance;
