//! What sources showed, and what pauses because of it.

use xiaoshu::finding::Text;
use xiaoshu::store::{KnownShape, RunEnd, RunId, Seen, StoreError};

use super::desk::Desk;
use super::home::Home;
use super::table::Row;

fn seen(digest: u8, body: &str) -> Seen {
    Seen { digest: [digest; 16], body: body.into(), noted: None, pause: None }
}

fn pausing(digest: u8, why: &str) -> Seen {
    Seen { pause: Some(why.into()), ..seen(digest, "what is there now") }
}

fn ended(error: Option<&str>, at: i64) -> RunEnd {
    RunEnd { error: error.map(str::to_owned), ..RunEnd::new(false, at) }
}

/// One run of mapping `mapping` that sees something.
async fn run(desk: &Desk, mapping: u8, seen: &Seen, error: Option<&str>, at: i64) -> Result<RunId, StoreError> {
    let run = desk.begin("a", mapping, at).await?.run;
    desk.store.finish_run_seen(run, &ended(error, at), seen).await?;
    Ok(run)
}

async fn known(desk: &Desk, mapping: u8) -> KnownShape {
    desk.store.shape(desk.feed, "a", [mapping; 16]).await.unwrap()
}

pub async fn the_last_good_run_of_a_mapping_is_what_is_known(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    assert_eq!(known(&desk, 1).await, KnownShape::default());
    let first = run(&desk, 1, &seen(7, "first"), None, 1).await.unwrap();
    assert_eq!(known(&desk, 1).await.body.as_deref(), Some("first"));
    let broken = run(&desk, 1, &seen(8, "second"), Some("the line broke"), 2).await.unwrap();
    assert_eq!(known(&desk, 1).await.body.as_deref(), Some("first"), "a run that broke makes nothing known");
    let digests = [first, broken].map(|run| desk.store.shape_of_run(run));
    assert_eq!(futures_util::future::try_join_all(digests).await.unwrap(), [Some([7; 16]), Some([8; 16])]);
    assert_eq!(known(&desk, 2).await, KnownShape::default(), "another mapping knows nothing");
    let plain = desk.begin("a", 1, 3).await.unwrap().run;
    desk.finish(plain, false, 3).await.unwrap();
    assert_eq!(desk.store.shape_of_run(plain).await.unwrap(), None);
    run(&desk, 2, &seen(9, "third"), None, 4).await.unwrap();
    assert_eq!((known(&desk, 1).await.body, known(&desk, 2).await.body.as_deref()), (None, Some("third")));
    assert_eq!(desk.store.shape(desk.feed, "b", [2; 16]).await.unwrap(), KnownShape::default(), "another source knows nothing");
    drop(desk);
    let again = Desk::new(home.open().await).await;
    assert_eq!(known(&again, 2).await.body.as_deref(), Some("third"));
}

pub async fn a_pause_begins_once_and_ends_with_a_good_run(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let rows: Vec<Row> = (0..5).map(|key| Row::good(key, 1)).collect();
    desk.run("a", &[&rows], false, 1).await;
    desk.run("b", &[&[Row::good(9, 1)]], false, 1).await;
    run(&desk, 1, &seen(1, "first"), None, 2).await.unwrap();
    run(&desk, 1, &pausing(2, "renamed"), Some("pauses"), 3).await.unwrap();
    run(&desk, 1, &pausing(2, "renamed, and more"), Some("pauses"), 4).await.unwrap();
    let paused = desk.store.paused().await.unwrap();
    let line = paused.first().unwrap();
    assert_eq!((paused.len(), &*line.source, line.feed, line.mapping_digest), (1, "a", desk.feed, [1; 16]));
    assert_eq!((&*line.body, line.since, line.records, line.accepted), ("renamed, and more", 3, 5, false));
    let now = known(&desk, 1).await;
    assert_eq!((now.body.as_deref(), now.pause.as_deref(), now.accepted), (Some("first"), Some("renamed, and more"), None));
    assert_eq!(known(&desk, 2).await, KnownShape::default(), "another mapping is not paused");
    run(&desk, 1, &seen(1, "first"), None, 5).await.unwrap();
    assert_eq!(desk.store.paused().await.unwrap(), []);
    assert_eq!(known(&desk, 1).await.pause, None);
    desk.audited().await;
}

pub async fn what_is_accepted_is_what_was_seen(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    assert!(!desk.store.accept_shape(desk.feed, "a").await.unwrap(), "nothing pauses");
    run(&desk, 1, &pausing(2, "retyped"), Some("pauses"), 1).await.unwrap();
    assert!(!desk.store.accept_shape(desk.feed, "b").await.unwrap(), "nor for another source");
    assert!(desk.store.accept_shape(desk.feed, "a").await.unwrap());
    assert_eq!(known(&desk, 1).await.accepted, Some([2; 16]));
    assert!(desk.store.paused().await.unwrap()[0].accepted);
    run(&desk, 1, &pausing(3, "retyped again"), Some("pauses"), 2).await.unwrap();
    assert!(!desk.store.paused().await.unwrap()[0].accepted, "it shows something else again");
    run(&desk, 2, &pausing(2, "retyped"), Some("pauses"), 3).await.unwrap();
    assert_eq!(known(&desk, 2).await.accepted, None, "another mapping was never accepted");
}

pub async fn a_harmless_change_is_noted_until_the_next(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let noted = |word: &str| Seen { noted: Some(Text::new(word, word)), ..seen(1, "body") };
    run(&desk, 1, &seen(1, "body"), None, 1).await.unwrap();
    assert_eq!(desk.store.noted().await.unwrap(), []);
    run(&desk, 1, &noted("added"), None, 2).await.unwrap();
    run(&desk, 1, &seen(1, "body"), None, 3).await.unwrap();
    let all = desk.store.noted().await.unwrap();
    assert_eq!((all.len(), &*all[0].text.zh, all[0].at, &*all[0].source), (1, "added", 2, "a"));
    run(&desk, 1, &noted("dropped"), None, 4).await.unwrap();
    let all = desk.store.noted().await.unwrap();
    assert_eq!((all.len(), &*all[0].text.en, all[0].at), (1, "dropped", 4));
}

/// What a run saw becomes known with the run's end, or neither does.
pub async fn a_shape_is_known_only_with_the_end_of_its_run<H: Home>(_: H) {
    for after in [false, true] {
        let mut ends = 0;
        for at in 1.. {
            let home = H::new();
            let life = async {
                let desk = Desk::try_new(home.open_dying(at, after).await, xiaoshu::standard::Kind::State).await?;
                run(&desk, 1, &seen(1, "first"), None, 1).await?;
                run(&desk, 1, &pausing(2, "renamed"), Some("pauses"), 2).await
            };
            let done = life.await.is_ok();
            let desk = Desk::new(home.open().await).await;
            let runs = desk.store.runs(0).await.unwrap();
            let (good, bad): (Vec<_>, Vec<_>) =
                runs.iter().filter(|run| run.ended.is_some()).partition(|run| run.error.is_none());
            assert_eq!(known(&desk, 1).await.body.is_some(), !good.is_empty(), "commit {at}, after: {after}");
            assert_eq!(desk.store.paused().await.unwrap().len(), bad.len(), "commit {at}, after: {after}");
            ends += good.len();
            if done {
                break;
            }
        }
        assert!(ends > 1, "the scenario was never cut behind a good run");
    }
}
