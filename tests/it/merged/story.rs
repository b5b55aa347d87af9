//! Records put together, end to end against the reference platform, over both stores.

use xiaoshu::app::{self, ApproveRequest, RekeyRequest, TakeoverRequest, TryRequest};

use super::school::{MERGE, Room, Rooms, TABLE, room, row};

/// A test over each store.
macro_rules! over_both {
    ($($name:ident, $on_postgres:ident;)*) => {$(
        #[test]
        fn $on_postgres() {
            $name::of(&Rooms::on_postgres());
        }
    )*};
}

mod a_record_of_two_sources {
    use super::*;

    pub fn of(rooms: &Rooms) {
        rooms.teaching(&[room(1, "一号室", "30", ""), room(2, "二号室", "31", "投影"), room(3, "三号室", "32", "")]);
        rooms.estate(&[room(1, "甲", "40", "旧"), room(2, "乙", "", "新"), room(9, "别处", "9", "")]);
        let answer = rooms.round();
        let errors: Vec<_> = answer.runs.iter().filter_map(|run| run.error.clone()).collect();
        assert_eq!(errors, Vec::<String>::new());
        let held = rooms.held();
        assert_eq!(held.len(), 3, "what the roster does not have is no record: {held:?}");
        assert_eq!(
            held[&1],
            row("一号室", "40", "旧"),
            "name by the teaching office, seats by the estate, a note by who has one"
        );
        assert_eq!(held[&2], row("二号室", "31", "投影"), "seats of the other where the one with the say has none");
        assert_eq!(held[&3], row("三号室", "32", ""), "nothing of the other");
        let effects = rooms.0.effects();
        for _ in 0..3 {
            rooms.round();
            assert_eq!((rooms.0.effects(), rooms.held()), (effects, held.clone()), "a record was written again");
        }
        let line = rooms.line();
        assert_eq!((line.live, line.upstreams.len()), (3, 1));
        let parts: Vec<_> = line.parts.iter().map(|part| (&*part.source, part.live, part.error.is_none())).collect();
        assert_eq!(parts, [("jw", 3, true), ("zc", 3, true)]);
        let ramps = app::release(&rooms.0.context(), &app::ReleaseRequest { table: None, upstream: None, to: None });
        let ramps: Vec<String> = ramps.expect("ramps").ramps.into_iter().map(|ramp| ramp.table).collect();
        assert_eq!(ramps, [TABLE], "parts have no ramp");
    }

    #[test]
    fn each_field_is_taken_by_authority_and_nothing_flips() {
        of(&Rooms::new());
    }
}

mod a_source_that_is_down {
    use super::*;

    pub fn of(rooms: &Rooms) {
        std::fs::remove_file(rooms.0.path("estate/rooms.csv")).expect("removed");
        rooms.teaching(&[room(1, "一号室", "30", ""), room(2, "二号室", "31", "")]);
        rooms.round();
        assert_eq!(rooms.held().len(), 0, "before a source was read once, its fields would only look empty");
        let line = rooms.line();
        assert!(line.error.is_some_and(|error| error.contains("zc")) && line.last_read.is_none());

        rooms.estate(&[room(1, "甲", "40", "旧"), room(2, "乙", "41", "新")]);
        rooms.round();
        assert_eq!(rooms.held()[&1], row("一号室", "40", "旧"));
        let read = rooms.line().last_read;

        std::fs::remove_file(rooms.0.path("estate/rooms.csv")).expect("removed");
        rooms.teaching(&[room(1, "一号大厅", "30", ""), room(2, "二号室", "31", "")]);
        rooms.0.clock.advance(std::time::Duration::from_secs(3600));
        rooms.round();
        assert_eq!(rooms.held()[&1], row("一号大厅", "40", "旧"), "what it gave stands");
        let line = rooms.line();
        assert!(line.parts[1].error.is_some() && line.parts[0].error.is_none());
        assert_eq!((line.last_read, line.parts[1].live), (read, 2), "no newer than what it is put together of");

        // Another shape pauses the part alone.
        rooms.0.write("estate/rooms.csv", "号,名称,位数,说明\nR001,甲,50,旧\nR002,乙,51,新\n");
        rooms.teaching(&[room(1, "一号报告厅", "30", ""), room(2, "二号室", "31", "")]);
        rooms.round();
        assert_eq!(rooms.held()[&1], row("一号报告厅", "40", "旧"));
        let line = rooms.line();
        assert_eq!(line.paused.iter().map(|p| (&*p.table, &*p.source)).collect::<Vec<_>>(), [("ODS_JSJBSJ@zc", "zc")]);
        rooms.estate(&[room(1, "甲", "50", "旧"), room(2, "乙", "51", "新")]);
        rooms.round();
        assert_eq!(rooms.held()[&1], row("一号报告厅", "50", "旧"));
        assert!(rooms.line().paused.is_empty());
    }

    #[test]
    fn what_it_gave_stands_while_it_is_down_or_paused() {
        of(&Rooms::new());
    }
}

mod a_disagreement {
    use super::*;

    pub fn of(rooms: &Rooms) {
        rooms.teaching(&[room(1, "一号室", "30", ""), room(2, "二号室", "31", "投影"), room(3, "三号室", "32", "")]);
        rooms.estate(&[room(1, "一号室", "40", "旧"), room(2, "二号", "31", "新"), room(3, "三号室", "", "")]);
        rooms.round();
        let of = |field: &str, used: &str, other: &str, keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| format!("JSH={key}")).collect();
            (field.to_owned(), used.to_owned(), other.to_owned(), keys.len() as u64, keys)
        };
        let mut found = rooms.conflicts();
        found.sort();
        assert_eq!(
            found,
            [of("JSMC", "jw", "zc", &["R002"]), of("JSMS", "jw", "zc", &["R002"]), of("ZWS", "zc", "jw", &["R001"])],
            "nothing there says nothing"
        );
        let answer = app::conflicts(&rooms.0.context(), None).expect("conflicts");
        assert_eq!(answer.tables[0].records, 2);
        let keys = rooms.keys();
        let samples = || answer.tables[0].fields.iter().flat_map(|field| &field.samples);
        assert!(samples().count() == 3 && samples().all(|sample| keys.contains(&sample.key)), "as the platform has them");
        for field in &answer.tables[0].fields {
            for owner in ["教务处", "资产处"] {
                assert!(field.text.zh.contains(owner) && field.text.en.contains(owner), "{:?}", field.text);
            }
        }
        let effects = rooms.0.effects();
        rooms.round();
        assert_eq!(rooms.0.effects(), effects, "a disagreement flips nothing");

        rooms.teaching(&[room(1, "一号室", "40", ""), room(2, "二号", "31", "新"), room(3, "三号室", "32", "")]);
        rooms.round();
        assert_eq!(rooms.conflicts(), [], "it closes by itself");
    }

    #[test]
    fn it_is_shown_with_both_departments_until_the_sources_agree() {
        of(&Rooms::new());
    }
}

/// Rooms 1 to `n` of one system.
fn rooms_of(numbers: impl Iterator<Item = usize>, name: &str, seats: usize, note: &str) -> Vec<Room> {
    numbers.map(|no| room(no, &format!("{name}{no}"), &(seats + no).to_string(), note)).collect()
}

mod what_goes {
    use super::*;

    fn approve(rooms: &Rooms, table: &str) {
        let pending = rooms.status().deletions;
        assert_eq!(pending.iter().map(|p| &*p.table).collect::<Vec<_>>(), [table]);
        let request = ApproveRequest { table: Some(table.to_owned()), list: Some(pending[0].code.clone()) };
        assert!(app::approve(&rooms.0.context(), &request).expect("approved").approved.is_some());
    }

    pub fn of(rooms: &Rooms) {
        rooms.teaching(&rooms_of(1..=20, "室", 100, ""));
        rooms.estate(&rooms_of(1..=20, "房", 200, "备"));
        rooms.round();
        let effects = rooms.0.effects();
        assert_eq!((effects, rooms.held()[&4].clone()), (20, row("室4", "204", "备")));

        // A row that goes at a source takes its fields away, in the same collection.
        rooms.estate(&rooms_of((1..=20).filter(|no| *no != 4), "房", 200, "备"));
        rooms.round();
        assert_eq!((rooms.0.effects(), rooms.held()[&4].clone()), (effects + 1, row("室4", "104", "")));

        // Many are asked for, and change nothing until then.
        rooms.estate(&rooms_of(11..=20, "房", 200, "备"));
        rooms.round();
        assert_eq!((rooms.0.effects(), rooms.held()[&5].clone()), (effects + 1, row("室5", "205", "备")));
        approve(rooms, "ODS_JSJBSJ@zc");
        rooms.round();
        assert_eq!((rooms.0.effects(), rooms.held()[&5].clone()), (effects + 10, row("室5", "105", "")));
        assert!(rooms.status().deletions.is_empty());

        // One that the roster loses is deleted; many are asked for once.
        rooms.teaching(&rooms_of(2..=20, "室", 100, ""));
        rooms.round();
        assert_eq!((rooms.line().live, rooms.status().gone.iter().map(|gone| gone.count).sum::<u64>()), (19, 1));
        rooms.teaching(&rooms_of(12..=20, "室", 100, ""));
        rooms.round();
        assert_eq!(rooms.line().live, 19, "held");
        approve(rooms, "ODS_JSJBSJ@jw");
        rooms.round();
        assert_eq!((rooms.line().live, rooms.status().deletions.len()), (9, 0), "approved once");
        let effects = rooms.0.effects();
        rooms.round();
        assert_eq!(rooms.0.effects(), effects);
    }

    #[test]
    fn a_row_of_one_source_takes_its_fields_and_one_of_the_roster_the_record() {
        of(&Rooms::new());
    }
}

mod another_authority {
    use super::*;

    pub fn of(rooms: &Rooms) {
        rooms.teaching(&rooms_of(1..=10, "室", 100, ""));
        rooms.estate(&[rooms_of(1..=6, "房", 200, "备"), vec![room(99, "库房", "1", "")]].concat());
        rooms.round();
        let effects = rooms.0.effects();
        rooms.merge(&MERGE.replace(r#"["zc", "jw"]"#, r#""jw""#));
        rooms.round();
        assert_eq!((rooms.0.effects(), rooms.held()[&4].clone()), (effects + 6, row("室4", "104", "备")), "merged again");
        rooms.round();
        assert_eq!(rooms.0.effects(), effects + 6);
        let seats =
            rooms.conflicts().into_iter().find(|(field, ..)| field == "ZWS").map(|(_, used, other, n, _)| (used, other, n));
        assert_eq!(seats, Some(("jw".to_owned(), "zc".to_owned(), 6)), "a source without a say says otherwise all the same");

        // Another roster: new records come, and what it leaves out waits for somebody.
        rooms.merge(&MERGE.replace("roster = \"jw\"", "roster = \"zc\"").replace(r#"["zc", "jw"]"#, r#""jw""#));
        rooms.round();
        let deletions = rooms.status().deletions;
        let held: Vec<_> = deletions.iter().map(|d| (&*d.table, &*d.source, d.count)).collect();
        assert_eq!((rooms.line().live, held), (10, vec![(TABLE, "merged", 4)]));
        assert_eq!(rooms.line().quarantined, 1, "the store room has no seats by the teaching office");

        // Either has the say which records there are.
        rooms.merge(&MERGE.replace("roster = \"jw\"", "roster = [\"jw\", \"zc\"]"));
        rooms.round();
        assert_eq!((rooms.line().live, rooms.held()[&99].clone()), (11, row("库房", "1", "")));
        assert!(rooms.status().deletions.is_empty(), "they are back");
    }

    #[test]
    fn everything_is_merged_again_and_another_roster_deletes_nothing_unasked() {
        of(&Rooms::new());
    }
}

mod a_table_that_was_one_sources {
    use super::*;

    pub fn of(rooms: &Rooms) {
        std::fs::remove_dir_all(rooms.0.path("mappings/merged")).expect("removed");
        let estate = std::fs::read_to_string(rooms.0.path("mappings/rooms-zc.toml")).expect("read");
        std::fs::remove_file(rooms.0.path("mappings/rooms-zc.toml")).expect("removed");
        rooms.teaching(&rooms_of(1..=10, "室", 100, ""));
        rooms.estate(&rooms_of(1..=6, "房", 200, ""));
        rooms.round();
        let effects = rooms.0.effects();
        assert_eq!(effects, 10);

        rooms.0.write("mappings/rooms-zc.toml", &estate);
        rooms.merge(MERGE);
        rooms.round();
        assert_eq!(rooms.0.effects(), effects, "what stands is the former source's until somebody says so");
        let remedy = rooms.status().unowned[0].remedy.clone();
        assert!(remedy.en.contains("xiaoshu takeover ODS_JSJBSJ --from jw --to merged"), "{remedy:?}");
        let request = TakeoverRequest { table: TABLE.into(), from: "jw".into(), to: "merged".into(), yes: true };
        let done = app::takeover(&rooms.0.context(), &request).expect("a takeover");
        assert_eq!((done.given, done.differing, done.left, done.to_approve), (10, 6, 0, 0));
        rooms.round();
        assert_eq!((rooms.0.effects(), rooms.held()[&4].clone()), (effects + 6, row("室4", "204", "")));
        let status = rooms.status();
        assert!(status.unowned.is_empty() && status.differences.is_empty() && status.deletions.is_empty());

        // And back again.
        std::fs::remove_dir_all(rooms.0.path("mappings/merged")).expect("removed");
        std::fs::remove_file(rooms.0.path("mappings/rooms-zc.toml")).expect("removed");
        rooms.round();
        assert_eq!(rooms.status().unowned.iter().map(|u| (&*u.table, &*u.source)).collect::<Vec<_>>(), [(TABLE, "merged")]);
        let request = TakeoverRequest { table: TABLE.into(), from: "merged".into(), to: "jw".into(), yes: true };
        assert_eq!(app::takeover(&rooms.0.context(), &request).expect("a takeover").given, 10);
        rooms.round();
        assert_eq!((rooms.0.effects(), rooms.held()[&4].clone()), (effects + 12, row("室4", "104", "")));
    }

    #[test]
    fn it_goes_over_and_back_by_takeovers() {
        of(&Rooms::new());
    }
}

#[test]
fn a_key_that_the_roster_adopts_is_the_records() {
    let rooms = Rooms::new();
    let (own, head) = ("0123456789ABCDEF0123456789ABCDEF", "号,名称,座位,说明,主键\n");
    rooms.0.write("files/rooms.csv", &format!("{head}R001,一号室,30,,{own}\nR002,二号室,31,,\n"));
    let mapping = std::fs::read_to_string(rooms.0.path("mappings/rooms-jw.toml")).expect("read");
    rooms.0.write("mappings/rooms-jw.toml", &mapping.replace("[fields]", "key.adopt = { column = \"主键\" }\n[fields]"));
    rooms.estate(&[room(1, "甲", "40", "旧"), room(2, "二号", "41", "")]);
    rooms.round();
    let (keys, effects) = (rooms.keys(), rooms.0.effects());
    assert!(keys.len() == 2 && keys.contains(own), "{keys:?}");
    assert_eq!(rooms.held()[&1], row("一号室", "40", "旧"));
    let answer = app::conflicts(&rooms.0.context(), Some(TABLE)).expect("conflicts");
    assert!(answer.tables[0].fields.iter().flat_map(|f| &f.samples).all(|sample| keys.contains(&sample.key)));
    rooms.round();
    assert_eq!(rooms.0.effects(), effects);
}

#[test]
fn another_key_parks_the_table_with_its_parts_until_it_is_approved() {
    let rooms = Rooms::new();
    rooms.teaching(&[room(1, "一号室", "30", ""), room(2, "二号室", "31", "")]);
    rooms.estate(&[room(1, "甲", "40", "旧"), room(2, "乙", "41", "")]);
    rooms.round();
    let effects = rooms.0.effects();
    for source in ["jw", "zc"] {
        let file = format!("mappings/rooms-{source}.toml");
        let mapping = std::fs::read_to_string(rooms.0.path(&file)).expect("read");
        rooms.0.write(&file, &mapping.replace("[fields]", "key.fields = [\"JSH\", \"JSLXM\"]\n[fields]"));
    }
    rooms.round();
    assert_eq!((rooms.0.effects(), rooms.line().parked.is_some()), (effects, true));
    let rekey = |approve| app::rekey(&rooms.0.context(), &RekeyRequest { table: TABLE.into(), approve }).expect("an answer");
    assert_eq!((rekey(false).orphaned, rekey(false).done), (2, false));
    assert_eq!((rekey(true).orphaned, rooms.line().parked), (2, None));
    rooms.round();
    assert_eq!((rooms.line().live, rooms.line().error), (2, None));
    let keys: Vec<String> = rooms.conflicts().into_iter().flat_map(|(.., keys)| keys).collect();
    assert!(!keys.is_empty() && keys.iter().all(|key| key.contains("JSLXM=1")), "{keys:?}");
}

#[test]
fn what_is_accepted_at_a_part_is_not_asked_again_of_the_table() {
    let rooms = Rooms::new();
    let named = |name: &dyn Fn(usize) -> String| (1..=20).map(|no| room(no, &name(no), "30", "")).collect::<Vec<_>>();
    rooms.teaching(&named(&|no| format!("0{no}")));
    rooms.round();
    rooms.teaching(&named(&|no| no.to_string()));
    rooms.round();
    assert_eq!(rooms.held()[&4].0, "04", "zeros in front are lost: that pauses");
    let request = app::AcceptRequest { table: "ODS_JSJBSJ@jw".into(), source: "jw".into() };
    assert!(app::drift_accept(&rooms.0.context(), &request).expect("accepted").accepted);
    rooms.round();
    assert_eq!((rooms.held()[&4].0.as_str(), rooms.line().paused.len()), ("4", 0));
}

#[test]
fn the_hubs_own_catalogue_names_the_table_and_its_systems() {
    let rooms = Rooms::new();
    let settings = std::fs::read_to_string(rooms.0.path("xiaoshu.toml")).expect("read");
    let hub = "[mappings]\nshipped = false\n\n[sources.hub]\nkind = \"hub\"\n\n[upstreams.moe]";
    rooms.0.write("xiaoshu.toml", &settings.replacen("[upstreams.moe]", hub, 1));
    let mapping = "table = \"ODS_SZZYJBSJ\"\nsource = \"hub\"\nmode = \"computed\"\n[read]\nquery = \"\"\"\n\
                   SELECT c.system || '-' || c.table_name AS no, s.live AS live FROM hub_catalogue c\n\
                   JOIN hub_sources s ON s.source = c.source AND s.\"table\" = c.ledger WHERE c.source <> 'hub'\n\"\"\"\n\
                   [fields]\nZYBH = \"no\"\nZYMC = \"live\"\n";
    rooms.0.write("mappings/catalogue.toml", mapping);
    rooms.teaching(&[room(1, "一号室", "30", "")]);
    rooms.estate(&[room(1, "甲", "40", "旧"), room(2, "乙", "41", "")]);
    rooms.round();
    let rows = rooms.0.runtime.block_on(rooms.0.brain.held("ODS_SZZYJBSJ")).expect("rows");
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|row| serde_json::from_str::<serde_json::Value>(&row.body).expect("a row"))
        .map(|body| (body["ZYBH"].as_str().unwrap_or_default().to_owned(), body["ZYMC"].as_str().unwrap_or_default().to_owned()))
        .collect();
    rows.sort();
    let wanted = [("JW-ODS_JSJBSJ", "1"), ("ZC-ODS_JSJBSJ", "2")];
    assert_eq!(rows, wanted.map(|(no, live)| (no.to_owned(), live.to_owned())));
}

#[test]
fn try_shows_the_row_put_together_and_each_part() {
    let rooms = Rooms::new();
    rooms.teaching(&[room(1, "一号室", "30", "")]);
    rooms.estate(&[room(1, "甲", "40", "旧")]);
    let shown = |source: Option<&str>| {
        let request = TryRequest { table: TABLE.into(), source: source.map(str::to_owned), rows: 5 };
        let answer = app::try_table(&rooms.0.context(), &request).expect("tried");
        let name = answer.rows.first().and_then(|row| row.after.iter().find(|(field, _)| field == "JSMC")?.1.clone());
        (answer.source, name)
    };
    assert_eq!(shown(None), ("merged".to_owned(), None), "nothing has landed yet");
    rooms.round();
    assert_eq!(shown(None), ("merged".to_owned(), Some("一号室".to_owned())));
    assert_eq!(shown(Some("zc")), ("zc".to_owned(), Some("甲".to_owned())));
}

over_both! {
    a_record_of_two_sources, each_field_is_taken_by_authority_and_nothing_flips_on_postgres;
    a_source_that_is_down, what_it_gave_stands_while_it_is_down_or_paused_on_postgres;
    a_disagreement, it_is_shown_with_both_departments_until_the_sources_agree_on_postgres;
    what_goes, a_row_of_one_source_takes_its_fields_and_one_of_the_roster_the_record_on_postgres;
    another_authority, everything_is_merged_again_and_another_roster_deletes_nothing_unasked_on_postgres;
    a_table_that_was_one_sources, it_goes_over_and_back_by_takeovers_on_postgres;
}
