//! How upstreams stand: comparisons and notices.

use xiaoshu::finding::Text;
use xiaoshu::store::{Compared, Comparison, Lane, Leased, Notice, NoticeKind, Outcome, Stock};

use super::desk::{Desk, hold};
use super::home::Home;
use super::table::Row;

fn compared(at: i64, outcome: Compared) -> Comparison {
    Comparison { at, position: (1 << 48) + 7, records: 3, foreign: 2, outcome }
}

pub async fn a_comparison_is_kept_with_what_it_sends_again(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let rows: Vec<Row> = (0..3).map(|key| Row::good(key, 1)).collect();
    desk.run("a", &[&rows], false, 1).await;
    let batch = desk.stage_all(10).await;
    let keys: Vec<_> = desk.store.members(batch).await.unwrap().iter().map(|m| m.record_key).collect();
    desk.settle_all(batch, Outcome::Stored, 11).await;
    assert_eq!(desk.store.comparisons().await.unwrap(), []);
    let keep = async |comparison: &Comparison, again: &[_]| {
        let rows = desk.store.compared(desk.upstream, desk.feed, comparison, again).await.unwrap();
        let mut all = desk.store.comparisons().await.unwrap();
        let row = all.pop().unwrap();
        assert!(all.is_empty(), "one row a table");
        assert_eq!((row.upstream, row.feed, &row.last), (desk.upstream, desk.feed, comparison));
        (rows, row.equal_at, row.differed)
    };
    assert_eq!(keep(&compared(20, Compared::Equal), &[]).await, (0, Some(20), None));
    assert_eq!(desk.stock().await, Stock { live: 3, stored: 3, ..Stock::default() });
    let differing = compared(30, Compared::Differing(2));
    assert_eq!(keep(&differing, &keys[..2]).await, (2, Some(20), Some((30, 2))));
    assert_eq!(desk.stock().await, Stock { live: 3, stored: 1, waiting: 2, ..Stock::default() });
    assert_eq!(desk.pending(Lane::Live, 10, 30).await.len(), 2);
    let impossible = compared(40, Compared::Impossible(Text::new("连不上", "cannot be reached")));
    assert_eq!(keep(&impossible, &[]).await, (0, Some(20), Some((30, 2))), "what came before is kept");
    desk.audited().await;
}

pub async fn notices_replace_each_other_and_outlive_a_restart(home: impl Home) {
    let desk = Desk::new(home.open().await).await;
    let other = desk.store.open_upstream("another").await.unwrap();
    hold(&*desk.store, Leased::Upstream("another".into())).await.unwrap();
    let trouble = Notice {
        kind: NoticeKind::Trouble,
        feed: None,
        text: Text::new("连不上", "cannot be reached"),
        since: 5,
        until: Some(9),
    };
    let stopped = Notice { kind: NoticeKind::Stopped, feed: Some(desk.feed), until: None, ..trouble.clone() };
    let warning = Notice { kind: NoticeKind::Warning, until: None, ..trouble.clone() };
    desk.store.note(desk.upstream, &[trouble.clone(), stopped.clone()]).await.unwrap();
    desk.store.note(other, std::slice::from_ref(&warning)).await.unwrap();
    let platform = |notice: &Notice| (desk.upstream, "platform".to_owned(), notice.clone());
    let another = (other, "another".to_owned(), warning);
    assert_eq!(desk.store.notices().await.unwrap(), [another.clone(), platform(&trouble), platform(&stopped)]);
    desk.store.note(desk.upstream, std::slice::from_ref(&stopped)).await.unwrap();
    let expected = [another.clone(), platform(&stopped)];
    drop(desk);
    let again = Desk::new(home.open().await).await;
    assert_eq!(again.store.notices().await.unwrap(), expected);
    again.store.note(again.upstream, &[]).await.unwrap();
    assert_eq!(again.store.notices().await.unwrap(), [another]);
}
