//! Random histories of both sources against a plain model: what stands is what the authority says of what each source gave last.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IteratorRandom;
use rand::{Rng, SeedableRng};

use super::school::{MERGE, Room, Rooms, room, row};

/// A week and a day, so that deletions of one step do not count with those of the next.
const LONG: Duration = Duration::from_secs(8 * 86_400);

/// Whose seats are taken first; a note is only the teaching office's under the second.
const AUTHORITIES: [&str; 2] = ["ZWS = [\"zc\", \"jw\"]\n", "ZWS = [\"jw\", \"zc\"]\nJSMS = \"jw\"\n"];

type System = BTreeMap<usize, Room>;

fn text(random: &mut StdRng, some: &[&str]) -> String {
    some.iter().choose(random).map(|text| (*text).to_owned()).unwrap_or_default()
}

/// Changes a system a little: some rows are other ones or new, and one may go.
fn change(random: &mut StdRng, system: &mut System, may_go: bool) {
    for _ in 0..random.random_range(0..4) {
        let no = random.random_range(1..12);
        let seats = text(random, &["", "30", "40", "50"]);
        system.insert(no, room(no, &text(random, &["甲", "乙", "丙"]), &seats, &text(random, &["", "旧", "新"])));
    }
    if may_go && system.len() > 5 && random.random_bool(0.5) {
        let gone = system.keys().copied().choose(random).unwrap_or_default();
        system.remove(&gone);
    }
}

fn expected(teaching: &System, estate: &System, authority: usize) -> BTreeMap<usize, (String, String, String)> {
    let one = |(no, own): (&usize, &Room)| {
        let other = estate.get(no).cloned().unwrap_or_default();
        let first = |a: &String, b: &String| if a.is_empty() { b.clone() } else { a.clone() };
        let seats = if authority == 0 { first(&other.seats, &own.seats) } else { first(&own.seats, &other.seats) };
        let note = if authority == 0 { first(&own.note, &other.note) } else { own.note.clone() };
        (*no, row(&first(&own.name, &other.name), &seats, &note))
    };
    teaching.iter().map(one).collect()
}

fn a_history(rooms: &Rooms, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut teaching, mut estate, mut authority) = (System::new(), System::new(), 0);
    for no in 1..8 {
        teaching.insert(no, room(no, "甲", "20", ""));
        estate.insert(no, room(no, "乙", "30", "旧"));
    }
    // What each gave when it was read last, and what stood: a row without seats is bad, and its record stands as it was.
    let (mut given, mut stands) = ((System::new(), System::new()), BTreeMap::new());
    for step in 0..8 {
        let switch = step > 0 && random.random_bool(0.2);
        if switch {
            authority = 1 - authority;
            rooms.merge(&format!("{}{}", MERGE.split("ZWS").next().unwrap_or_default(), AUTHORITIES[authority]));
        }
        // What a run under another authority misses waits for somebody: nothing goes then.
        change(&mut random, &mut teaching, !switch);
        change(&mut random, &mut estate, !switch);
        let up = (step == 0 || random.random_bool(0.8), step == 0 || random.random_bool(0.8));
        for (up, file, system, given) in
            [(up.0, "files/rooms.csv", &teaching, &mut given.0), (up.1, "estate/rooms.csv", &estate, &mut given.1)]
        {
            if up {
                let list: Vec<Room> = system.values().cloned().collect();
                if file.starts_with("files") {
                    rooms.teaching(&list)
                } else {
                    rooms.estate(&list)
                }
                given.clone_from(system);
            } else {
                // Gone as it were: another file may be there from before.
                drop(std::fs::remove_file(rooms.0.path(file)));
            }
        }
        rooms.0.clock.advance(LONG);
        rooms.round();
        let now = expected(&given.0, &given.1, authority);
        stands.retain(|no, _| now.contains_key(no));
        stands.extend(now.into_iter().filter(|(_, (_, seats, _))| !seats.is_empty()));
        let mut held = rooms.held();
        assert_eq!(rooms.line().live, stands.len() as u64, "seed {seed}, step {step}");
        held.retain(|no, _| stands.contains_key(no));
        assert_eq!(held, stands, "seed {seed}, step {step}");
        let effects = rooms.0.effects();
        rooms.round();
        assert_eq!(rooms.0.effects(), effects, "seed {seed}, step {step}: written again");
    }
}

#[test]
fn what_stands_is_what_the_authority_says_of_what_each_source_gave_last() {
    for seed in 0..2 {
        a_history(&Rooms::new(), seed);
    }
}

#[test]
fn what_stands_is_what_the_authority_says_of_what_each_source_gave_last_on_postgres() {
    a_history(&Rooms::on_postgres(), 100);
}
