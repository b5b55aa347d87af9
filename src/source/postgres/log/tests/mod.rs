//! The log against real servers: each story has a server of its own, which `tests/run.sh --servers=postgres` provides for.

mod cluster;
mod histories;
mod hub;
mod losses;
mod stories;

use super::message::Lsn;
use super::*;

#[test]
fn a_log_that_does_not_reach_back_is_found_out() {
    let from = At { system: "1".into(), timeline: "0001".into(), table: "t".into(), lsn: Lsn(50) };
    let table = Table { members: [7].into(), print: "t".into() };
    let standing = Standing { system: "1".into(), timeline: "0001".into(), flushed: Lsn(80), now: 0 };
    let slot = slot::State { confirmed: Lsn(50), retained: 10, lost: false };
    let judge = |table: &Table, standing: &Standing, slot: Option<slot::State>| broken(&from, table, standing, slot.as_ref());
    assert_eq!(judge(&table, &standing, Some(slot.clone())), None);
    let behind = slot::State { confirmed: Lsn(20), ..slot.clone() };
    assert_eq!(judge(&table, &standing, Some(behind)), None);
    let ahead = slot::State { confirmed: Lsn(51), ..slot.clone() };
    assert_eq!(judge(&table, &standing, Some(ahead)), Some(Why::SlotAhead));
    assert_eq!(judge(&table, &standing, Some(slot::State { lost: true, ..slot.clone() })), Some(Why::SlotLost));
    assert_eq!(judge(&table, &standing, None), Some(Why::SlotGone));
    let other = Table { print: "u".into(), ..table.clone() };
    assert_eq!(judge(&other, &standing, Some(slot.clone())), Some(Why::TableChanged));
    let other = Standing { system: "2".into(), ..standing.clone() };
    assert_eq!(judge(&table, &other, Some(slot.clone())), Some(Why::OtherServer));
    let other = Standing { timeline: "0002".into(), ..standing.clone() };
    assert_eq!(judge(&table, &other, None), Some(Why::OtherTimeline));
    let other = Standing { flushed: Lsn(49), ..standing };
    assert_eq!(judge(&table, &other, Some(slot)), Some(Why::ServerOlder));
}
