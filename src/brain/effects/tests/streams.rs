//! Streams, over each database.

use super::{Place, SCHOOL, TABLE, shown, take, version};
use crate::brain::effects::{Effects, Intake, Opened, Opening, Operation, StreamRow, Taken};
use crate::brain::judge::Judged;

/// One test a promise and database.
macro_rules! over_each_database {
    ($($promise:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $promise() { super::$promise(super::Place::sqlite()).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $promise() { super::$promise(super::Place::postgres()).await; })*
        }
    };
}

over_each_database!(
    the_higher_seq_stands_and_each_version_has_one_effect,
    verdicts_are_found_again_until_they_are_wanted_no_more,
    a_lower_epoch_writes_nothing,
    a_key_stays_with_its_school,
    what_cannot_be_kept_is_refused_and_the_rest_stands,
    a_submit_writes_over_a_stream_and_keeps_its_seq,
    schools_are_known_by_what_they_sent,
    everything_outlives_a_restart,
);

async fn opened(effects: &dyn Effects, epoch: u64, unsettled: &[(u64, Vec<u8>)], oldest: u64) -> Opened {
    let opening = Opening {
        school: SCHOOL,
        instance: "hub",
        epoch,
        edition: "e",
        software: "xiaoshu\u{0}1",
        holder: Some("one/a"),
        unsettled,
        oldest,
        at: 3_000,
    };
    effects.open_stream(&opening).await.unwrap()
}

async fn operations(effects: &dyn Effects) -> Vec<(String, Operation)> {
    effects.writes(Some(TABLE), false).await.unwrap().into_iter().map(|w| (w.key, w.operation)).collect()
}

fn expected(list: &[(&str, Operation)]) -> Vec<(String, Operation)> {
    list.iter().map(|(key, operation)| ((*key).to_owned(), *operation)).collect()
}

async fn the_higher_seq_stands_and_each_version_has_one_effect(place: Place) {
    use Operation::{Delete, Insert, Same, Update};
    let effects = place.open().await;
    take(&*effects, SCHOOL, 1, None, &[version("a", 3), version("b", 2), version("a", 1)]).await;
    take(&*effects, SCHOOL, 1, None, &[version("b", 2), version("a", 7), version("b", 5), version("c", 4)]).await;
    assert_eq!(
        operations(&*effects).await,
        expected(&[("a", Insert), ("b", Insert), ("a", Same), ("b", Same), ("a", Delete), ("b", Update), ("c", Insert)])
    );
    let (mut versions, position) = effects.versions(SCHOOL, TABLE).await.unwrap();
    versions.sort_by(|a, b| a.key.cmp(&b.key));
    let held: Vec<_> = versions.iter().map(|v| (v.key.as_str(), v.seq, v.comparable.as_slice())).collect();
    let digest = |seq: u128| seq.to_be_bytes();
    assert_eq!(held, [("b", 5, digest(5).as_slice()), ("c", 4, digest(4).as_slice())]);
    assert_eq!(position, 7, "the deletion's");
    let bodies = effects.held(TABLE).await.unwrap();
    assert_eq!(bodies.iter().map(|r| r.body.as_str()).collect::<Vec<_>>(), ["{\"seq\":5}", "{\"seq\":4}"]);
    let counts = &effects.counts().await.unwrap()[0];
    assert_eq!((counts.held, counts.writes, counts.effects), (2, 7, 5));
}

async fn verdicts_are_found_again_until_they_are_wanted_no_more(place: Place) {
    let effects = place.open().await;
    let asked: Vec<(u64, Vec<u8>)> = vec![(2, vec![2; 16]), (1, vec![1; 16]), (3, vec![3; 16]), (2, vec![9; 16])];
    let Opened::Ready { known, positions } = opened(&*effects, 1, &asked, 0).await else { panic!("superseded") };
    assert!(known.is_empty() && positions.is_empty());
    for id in [1, 2] {
        let bad = Judged { error: Some("字段错误".into()), ..version("x", 1).judged };
        take(&*effects, SCHOOL, 1, Some(id), &[version("a", id), StreamRow { seq: id, judged: bad }]).await;
    }
    let Opened::Ready { known, positions } = opened(&*effects, 1, &asked, 0).await else { panic!("superseded") };
    assert_eq!(known.iter().map(|k| k.id).collect::<Vec<_>>(), [2, 1], "those that arrived, of these very rows");
    assert_eq!((known[0].visible, known[0].said.rows), (2_000, 2));
    assert_eq!(known[0].said.refused, [(1, "字段错误".to_owned())]);
    assert_eq!(positions, [(TABLE.to_owned(), 2)]);
    effects.note_sign(SCHOOL, 5_000, 2, Some("{}")).await.unwrap();
    let Opened::Ready { known, .. } = opened(&*effects, 1, &asked, 0).await else { panic!("superseded") };
    assert_eq!(known.iter().map(|k| k.id).collect::<Vec<_>>(), [2]);
    let Opened::Ready { known, .. } = opened(&*effects, 1, &asked, 3).await else { panic!("superseded") };
    assert!(known.is_empty());
}

async fn a_lower_epoch_writes_nothing(place: Place) {
    let effects = place.open().await;
    assert!(matches!(opened(&*effects, 5, &[], 0).await, Opened::Ready { .. }));
    assert!(matches!(opened(&*effects, 4, &[], 0).await, Opened::Superseded { epoch: 5 }));
    assert!(matches!(take(&*effects, SCHOOL, 4, Some(1), &[version("a", 9)]).await, Taken::Superseded { epoch: 5 }));
    assert!(effects.batches().await.unwrap().is_empty() && effects.writes(None, false).await.unwrap().is_empty());
    assert!(matches!(take(&*effects, SCHOOL, 5, Some(1), &[version("a", 1)]).await, Taken::Written(_)));
    assert_eq!(effects.school_rows().await.unwrap()[0].epoch, 5);
}

async fn a_key_stays_with_its_school(place: Place) {
    let effects = place.open().await;
    take(&*effects, SCHOOL, 1, None, &[version("a", 7)]).await;
    let Taken::Written(said) = take(&*effects, "other", 1, None, &[version("a", 9), version("b", 1)]).await else {
        panic!("superseded")
    };
    assert_eq!(said.refused.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0], "though it is deleted there");
    let held = effects.held(TABLE).await.unwrap();
    assert_eq!(held.iter().map(|r| (r.key.as_str(), r.school.as_str())).collect::<Vec<_>>(), [("b", "other")]);
}

async fn what_cannot_be_kept_is_refused_and_the_rest_stands(place: Place) {
    let effects = place.open().await;
    let rows = [version("a\u{0}", 1), version("b", 1)];
    let Taken::Written(said) = take(&*effects, SCHOOL, 1, None, &rows).await else { panic!("superseded") };
    assert_eq!(said.refused.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0]);
    assert_eq!(effects.held(TABLE).await.unwrap().len(), 1);
}

async fn a_submit_writes_over_a_stream_and_keeps_its_seq(place: Place) {
    let effects = place.open().await;
    take(&*effects, SCHOOL, 1, None, &[version("a", 5)]).await;
    let rows = [Judged { digest: [8; 16], comparable: [9; 16], body: "{}".into(), ..version("a", 1).judged }];
    let intake = Intake { school: SCHOOL, table: TABLE, rows: &rows, lost: &[], revive: true };
    effects.take_in(intake, &|_| shown(SCHOOL)).await.unwrap();
    let (versions, _) = effects.versions(SCHOOL, TABLE).await.unwrap();
    assert_eq!((versions[0].seq, versions[0].comparable.as_slice()), (5, [9; 16].as_slice()));
    take(&*effects, SCHOOL, 1, None, &[version("a", 5)]).await;
    assert_eq!(effects.held(TABLE).await.unwrap()[0].body, "{}", "an older version does not come back");
    assert_eq!(effects.writes(None, true).await.unwrap().len(), 2);
}

async fn schools_are_known_by_what_they_sent(place: Place) {
    let effects = place.open().await;
    opened(&*effects, 1, &[], 0).await;
    let bad = Judged { error: Some("x".into()), ..version("b", 1).judged };
    take(&*effects, SCHOOL, 1, None, &[version("a", 1), StreamRow { seq: 1, judged: bad }]).await;
    take(&*effects, SCHOOL, 1, None, &[version("a", 1)]).await;
    effects.add_batch(&crate::brain::effects::NewBatch { collect_num: 10, storage_num: 4, ..shown("other") }).await.unwrap();
    let received = effects.received().await.unwrap();
    let numbers: Vec<_> = received.iter().map(|(s, t)| (s.as_str(), t.received, t.accepted, t.last)).collect();
    assert_eq!(numbers, [(SCHOOL, 3, 2, 1_000), ("other", 10, 4, 1_000)]);
    effects.note_sign(SCHOOL, 9_000, 0, Some("{\"live\":1}")).await.unwrap();
    effects.note_sign(SCHOOL, 9_500, 0, None).await.unwrap();
    let row = effects.school_rows().await.unwrap().remove(0);
    assert_eq!((row.seen, row.health.as_deref(), row.holder.as_deref()), (9_500, Some("{\"live\":1}"), Some("one/a")));
    effects.close_stream(SCHOOL, "one/b").await.unwrap();
    assert!(effects.school_rows().await.unwrap()[0].holder.is_some());
    effects.close_stream(SCHOOL, "one/a").await.unwrap();
    assert!(effects.school_rows().await.unwrap()[0].holder.is_none());
}

async fn everything_outlives_a_restart(place: Place) {
    let effects = place.open().await;
    opened(&*effects, 3, &[], 0).await;
    take(&*effects, SCHOOL, 3, Some(1), &[version("a", 1), version("b", 2)]).await;
    let digest = effects.digest().await.unwrap();
    effects.close().await.unwrap();
    assert!(effects.digest().await.is_err(), "closed");
    drop(effects);
    let effects = place.open().await;
    assert_eq!(effects.digest().await.unwrap(), digest);
    assert!(effects.school_rows().await.unwrap()[0].holder.is_none(), "the stream has ended");
    assert!(matches!(opened(&*effects, 2, &[], 0).await, Opened::Superseded { epoch: 3 }));
    let asked = [(1, vec![1; 16])];
    let Opened::Ready { known, positions } = opened(&*effects, 3, &asked, 0).await else { panic!("superseded") };
    assert_eq!((known.len(), positions), (1, vec![(TABLE.to_owned(), 2)]));
    take(&*effects, SCHOOL, 3, Some(1), &[version("a", 1), version("b", 2)]).await;
    assert_eq!(effects.writes(None, true).await.unwrap().len(), 2);
    assert_eq!(effects.digest().await.unwrap(), digest);
}

#[tokio::test]
async fn the_digest_is_the_same_in_each_database() {
    let (sqlite, postgres) = (Place::sqlite(), Place::postgres());
    let (one, other) = (sqlite.open().await, postgres.open().await);
    // Upper case sorts before lower case, and both before what is not ASCII: by bytes.
    for key in ["b", "A", "é", "a", "_", "10", "9"] {
        for effects in [&one, &other] {
            take(&**effects, SCHOOL, 1, None, &[version(key, 3)]).await;
        }
    }
    assert_eq!(one.digest().await.unwrap(), other.digest().await.unwrap());
    let keys = async |effects: &dyn Effects| -> Vec<String> {
        effects.held(TABLE).await.unwrap().into_iter().map(|row| row.key).collect()
    };
    assert_eq!(keys(&*one).await, keys(&*other).await);
    take(&*other, SCHOOL, 1, None, &[version("A", 4)]).await;
    assert_ne!(one.digest().await.unwrap(), other.digest().await.unwrap());
}
