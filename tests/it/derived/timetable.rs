//! Lessons out of a timetable's patterns, the calendar and the changes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::civil::{Date, date};
use proptest::prelude::*;
use xiaoshu::finding::{Place, RuleId};
use xiaoshu::normalize::{Aside, CalendarRow, Derivation, DeriveContext, LandedLesson, MappingDocument, TeachingCalendar};
use xiaoshu::source::{Position, SourceBatchBuilder};

use super::making::{columns, context, document, standard};

const MAPPING: &str = r#"
table = "ODS_PKSJ"
source = "jw"
mode = "automatic"
[read]
query = "SELECT 1"
[timetable]
lesson = "pkh"
term = ["xnxq"]
weeks = "zc"
weekday = "xqj"
periods = "jc"
[timetable.changes]
kind = "lx"
cancel = ["停课"]
move = ["调课"]
extra = ["补课"]
from = "yrq"
to = "xrq"
to_periods = "xjc"
[fields]
PKH = "pkh"
"#;
const COLUMNS: &[&str] = &["pkh", "xnxq", "zc", "xqj", "jc", "js", "lx", "yrq", "xrq", "xjc"];

fn cells(row: &[&str]) -> CalendarRow {
    row.iter().map(|cell| Some(*cell).filter(|cell| *cell != "-").map(str::to_owned)).collect()
}

/// The autumn term of 2024: Monday 2 September, 20 weeks; the national holiday, of which Friday 4 October is taught on
/// Saturday the 12th, and a day of sports.
fn calendar() -> TeachingCalendar {
    let standard = standard();
    let source = standard.teaching_source().expect("a calendar");
    let terms = [cells(&["2024-2025", "1", "20240902", "20"])];
    let mut days: Vec<CalendarRow> = (1..=7).map(|day| cells(&[&format!("2024100{day}"), "1", "-"])).collect();
    days.push(cells(&["20241012", "2", "20241004"]));
    days.push(cells(&["20241115", "5", "-"]));
    days.push(cells(&["20241116", "9", "-"]));
    TeachingCalendar::new(source, &terms, &days).expect("a calendar")
}

struct Made {
    rows: Vec<BTreeMap<String, String>>,
    aside: Vec<Aside>,
}

impl Made {
    fn days(&self, lesson: &str) -> Vec<&str> {
        self.rows.iter().filter(|row| row["pkh"] == lesson).map(|row| row["date"].as_str()).collect()
    }
}

fn made_by(today: &str, landed: Vec<LandedLesson>, rows: &[Vec<String>]) -> Made {
    let mapping: MappingDocument = document(MAPPING);
    let ctx = DeriveContext { today: today.into(), calendar: Some(Arc::new(calendar())), landed, ..context() };
    let columns = columns(COLUMNS);
    let mut how = Derivation::compile(&mapping, &standard(), &columns, &ctx).expect("compiled").expect("a derivation");
    let mut batch = SourceBatchBuilder::new(columns, rows.len());
    for (at, row) in rows.iter().enumerate() {
        row.iter().for_each(|cell| batch.push(Some(cell.as_str()).filter(|cell| *cell != "-")));
        batch.end_row(Place::Row(at as u64 + 1));
    }
    let mut made = VecDeque::new();
    how.take(&batch.finish(Position(Vec::new())), &mut made).expect("taken");
    how.end(&mut made).expect("ended");
    let named = how.columns().clone();
    let row = |row: Vec<Option<String>>| {
        named.iter().zip(row).filter_map(|(column, cell)| Some((column.name.to_string(), cell?))).collect()
    };
    Made { rows: made.into_iter().map(row).collect(), aside: how.aside() }
}

fn made(today: &str, rows: &[&[&str]]) -> Made {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
    made_by(today, Vec::new(), &rows)
}

fn pattern<'a>(lesson: &'a str, weeks: &'a str, weekday: &'a str, periods: &'a str) -> [&'a str; 10] {
    [lesson, "2024-2025-1", weeks, weekday, periods, "A101", "-", "-", "-", "-"]
}

#[test]
fn a_pattern_becomes_lessons_up_to_tomorrow() {
    let all = made("20241118", &[&pattern("P1", "1-16周(单)", "2", "1-2"), &pattern("P2", "第2,4-6周", "星期日", "0304")]);
    // Odd weeks on Tuesdays: 3 and 17 September, the 1st of October is a holiday …
    assert_eq!(all.days("P1"), ["20240903", "20240917", "20241015", "20241029", "20241112"]);
    assert_eq!(all.days("P2"), ["20240915", "20240929", "20241013"], "the 6th of October is a holiday");
    let first = &all.rows[0];
    assert_eq!((&*first["zc"], &*first["xqj"], &*first["jc"], &*first["js"]), ("1", "2", "1-2", "A101"));
    let later = made("20241125", &[&pattern("P1", "1-16周(单)", "2", "1-2")]);
    assert_eq!(later.days("P1").last(), Some(&"20241126"), "tomorrow's lesson is there today");
    assert!(later.aside.is_empty());
    let early = made("20241124", &[&pattern("P1", "1-16周(单)", "2", "1-2")]);
    assert_eq!(early.days("P1").last(), Some(&"20241112"), "the lesson of the day after tomorrow is not");
}

#[test]
fn a_day_of_another_day_has_that_days_lessons() {
    let all = made("20241130", &[&pattern("P1", "5-6", "5", "1-2"), &pattern("P2", "6", "6", "1-2")]);
    assert_eq!(all.days("P1"), ["20241011", "20241012"], "Friday of the holiday is taught on the Saturday after it");
    assert!(all.days("P2").is_empty(), "that Saturday has no lessons of its own");
    let moved = &all.rows[1];
    assert_eq!((&*moved["zc"], &*moved["xqj"]), ("6", "6"), "week and weekday are those of the day");
    let sports = made("20241130", &[&pattern("P1", "11", "五", "1-2"), &pattern("P2", "11", "六", "1-2")]);
    assert_eq!((sports.days("P1").len(), sports.days("P2").len()), (0, 1), "sports stop lessons, other days do not");
}

#[test]
fn changes_cancel_move_and_add() {
    let change = |kind: &'static str, from: &'static str, to: &'static str, periods: &'static str, room: &'static str| {
        ["P1", "2024-2025-1", "-", "-", "-", room, kind, from, to, periods]
    };
    let two = [pattern("P1", "1-3", "1", "1-2"), pattern("P2", "1-3", "1", "1-2")];
    let with = |change: [&'static str; 10]| made("20241130", &[&two[0], &change, &two[1]]);
    let cancelled = with(change("停课", "2024-09-09", "-", "-", "-"));
    assert_eq!(cancelled.days("P1"), ["20240902", "20240916"]);
    let moved = with(change("调课", "2024-09-09", "2024-09-11", "5-6", "B202"));
    assert_eq!(moved.days("P1"), ["20240902", "20240911", "20240916"]);
    let row = moved.rows.iter().find(|row| row["date"] == "20240911").expect("moved");
    assert_eq!((&*row["zc"], &*row["xqj"], &*row["jc"], &*row["js"]), ("2", "3", "5-6", "B202"));
    let room = with(change("调课", "2024-09-09", "-", "-", "B202"));
    let row = room.rows.iter().find(|row| row["date"] == "20240909" && row["pkh"] == "P1").expect("there");
    assert_eq!((&*row["jc"], &*row["js"]), ("1-2", "B202"), "another room at the same time");
    let added = with(change("补课", "-", "2024-09-14", "3-4", "-"));
    assert_eq!(added.days("P1"), ["20240902", "20240909", "20240914", "20240916"]);
    for all in [cancelled, moved, room, added] {
        assert_eq!(all.days("P2"), ["20240902", "20240909", "20240916"]);
        assert!(all.aside.is_empty());
    }
}

#[test]
fn what_cannot_be_read_waits_and_stops_nothing() {
    let rows: [[&str; 10]; 6] = [
        pattern("P1", "1-3", "1", "1-2"),
        pattern("P2", "前八周", "1", "1-2"),
        pattern("P3", "1-3", "周八", "1-2"),
        pattern("P4", "1-3", "1", "上午"),
        ["P5", "2023-2024-2", "1-3", "1", "1-2", "-", "-", "-", "-", "-"],
        ["P1", "2024-2025-1", "-", "-", "-", "-", "换课", "20240909", "-", "-"],
    ];
    let all = made("20241130", &rows.iter().map(|row| &row[..]).collect::<Vec<_>>());
    assert_eq!(all.days("P1").len(), 3);
    let rules: Vec<_> = all.aside.iter().map(|aside| (aside.cells[0].as_deref().unwrap_or("-"), aside.rule)).collect();
    let read = RuleId::COERCION;
    assert_eq!(rules, [("P2", read), ("P3", read), ("P4", read), ("P5", RuleId::REFERENCE), ("P1", read)]);
    assert!(all.aside[0].what.zh.contains("周次") && all.aside[1].what.en.contains("weekday"));
}

#[test]
fn a_lesson_that_was_reported_and_is_no_more_is_listed() {
    let landed = |date: &str, periods: &str| -> LandedLesson {
        [("pkh", "P1"), ("date", date), ("jc", periods), ("js", "C303")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    };
    let rows: Vec<Vec<String>> =
        [pattern("P1", "1-3", "1", "1-2"), ["P1", "2024-2025-1", "-", "-", "-", "-", "停课", "20240909", "-", "-"]]
            .map(|row| row.map(str::to_owned).to_vec())
            .to_vec();
    let known = vec![landed("20240902", "1-2"), landed("20240909", "1-2"), landed("20240311", "1-2"), landed("20240902", "3-4")];
    let all = made_by("20241130", known, &rows);
    let listed: Vec<_> =
        all.aside.iter().map(|a| (a.rule, a.cells[10].clone(), a.cells[4].clone(), a.cells[5].clone())).collect();
    let of =
        |day: &str, periods: &str| (RuleId::WITHDRAWN, Some(day.to_owned()), Some(periods.to_owned()), Some("C303".to_owned()));
    assert_eq!(listed, [of("20240909", "1-2"), of("20240902", "3-4")], "a term that the timetable is not of is left alone");
    assert!(all.aside[0].what.zh.contains("无法撤回"));
}

#[test]
fn a_first_week_that_begins_on_no_monday_is_refused() {
    let standard = standard();
    let source = standard.teaching_source().expect("a calendar");
    assert!(TeachingCalendar::new(source, &[cells(&["2024-2025", "1", "20240903", "20"])], &[]).is_err());
    assert!(TeachingCalendar::new(source, &[cells(&["2024-2025", "1", "20240902", "-"])], &[]).is_err());
    assert!(TeachingCalendar::new(source, &[], &[cells(&["-", "1", "-"])]).is_err());
}

/// A pattern in one of the forms that systems write it, and the weeks that it means.
fn expressions() -> impl Strategy<Value = (String, BTreeSet<u16>)> {
    let part = (1u16..=18, 0u16..=6, 0u8..3).prop_map(|(first, more, parity)| {
        let last = (first + more).min(18);
        let all: BTreeSet<u16> = (first..=last).filter(|w| parity == 0 || w % 2 == u16::from(parity % 2)).collect();
        let mark = ["", "(单)", "双"][usize::from(parity)];
        let text = if first == last && parity == 0 { format!("{first}周") } else { format!("{first}-{last}周{mark}") };
        (text, all)
    });
    proptest::collection::vec(part, 1..4).prop_filter_map("weeks", |parts| {
        let weeks: BTreeSet<u16> = parts.iter().flat_map(|(_, weeks)| weeks.clone()).collect();
        let text = parts.into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(",");
        (!weeks.is_empty()).then_some((text, weeks))
    })
}

fn read(text: &str) -> Date {
    let part = |from: usize, to: usize| text[from..to].parse::<i16>().expect("a number");
    date(part(0, 4), part(4, 6) as i8, part(6, 8) as i8)
}

/// Every lesson falls in one of its weeks, on its weekday and on no free day, once each; but on the one day that is taught
/// instead of another.
#[test]
fn every_lesson_falls_where_the_pattern_and_the_calendar_say() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let promise = |((text, weeks), weekday): ((String, BTreeSet<u16>), i8)| {
        let number = weekday.to_string();
        let all = made("20250201", &[&pattern("P1", &text, &number, "1-2")]);
        prop_assert!(all.aside.is_empty());
        let monday = date(2024, 9, 2);
        let nominal = |week: u16| {
            monday.checked_add(jiff::Span::new().days(i64::from(week - 1) * 7 + i64::from(weekday) - 1)).expect("a day")
        };
        let free = |day: Date| {
            (date(2024, 10, 1)..=date(2024, 10, 7)).contains(&day) || day == date(2024, 11, 15) || day == date(2024, 10, 12)
        };
        let mut want: BTreeSet<Date> = weeks.iter().map(|week| nominal(*week)).filter(|day| !free(*day)).collect();
        if weeks.iter().any(|week| nominal(*week) == date(2024, 10, 4)) {
            want.insert(date(2024, 10, 12));
        }
        let found: Vec<Date> = all.rows.iter().map(|row| read(&row["date"])).collect();
        prop_assert_eq!(found, want.into_iter().collect::<Vec<_>>());
        for row in &all.rows {
            let day = read(&row["date"]);
            prop_assert_eq!(row["xqj"].parse::<i8>().ok(), Some(day.weekday().to_monday_one_offset()));
            let week = row["zc"].parse::<u16>().expect("a week");
            let first = monday.checked_add(jiff::Span::new().days(i64::from(week - 1) * 7)).expect("a day");
            prop_assert!(first <= day && (day - first).get_days() < 7);
        }
        Ok(())
    };
    runner.run(&(expressions(), 1i8..=7), promise).unwrap_or_else(|error| panic!("{error}"));
}

/// Whatever lesson is moved, its former time is free, its new time is taken, and no other lesson is touched.
#[test]
fn a_change_moves_exactly_one_lesson() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let promise = |(week, to): (u16, i64)| {
        let pair = [pattern("P1", "1-18", "3", "1-2"), pattern("P2", "1-18", "3", "1-2")];
        let before = made("20250201", &[&pair[0], &pair[1]]);
        let days = before.days("P1");
        let from = days[usize::from(week) % days.len()].to_owned();
        let target = date(2024, 9, 2).checked_add(jiff::Span::new().days(to)).expect("a day").strftime("%Y%m%d").to_string();
        let change = ["P1", "2024-2025-1", "-", "-", "-", "-", "调课", from.as_str(), target.as_str(), "7-8"];
        let after = made("20250201", &[&pair[0], &pair[1], &change]);
        prop_assert_eq!(after.days("P2"), before.days("P2"));
        let key = |row: &BTreeMap<String, String>| (row["date"].clone(), row["jc"].clone());
        let of = |made: &Made| made.rows.iter().filter(|row| row["pkh"] == "P1").map(key).collect::<BTreeSet<_>>();
        let (old, new) = (of(&before), of(&after));
        let (gone, come): (Vec<_>, Vec<_>) = (old.difference(&new).collect(), new.difference(&old).collect());
        prop_assert_eq!(gone, [&(from, "1-2".to_owned())]);
        prop_assert_eq!(come, [&(target, "7-8".to_owned())]);
        Ok(())
    };
    runner.run(&(0u16..40, 0i64..120), promise).unwrap_or_else(|error| panic!("{error}"));
}

/// A lesson on Tuesdays and Thursdays for two classes, with `changes`.
fn teaching(changes: &str) -> String {
    let pattern = |weekday: &str, class: &str| {
        format!(
            "insert into kb values ('P1','2024-2025','1','1-18周','{weekday}','1-2节','080000','K1','机械基础','机电学院','机电一体化',\
             'Z1','2024','{class}','40','T1','A101');\n"
        )
    };
    let rows: String =
        ["星期二", "星期四"].iter().flat_map(|day| ["机电一班", "机电二班"].map(|class| pattern(day, class))).collect();
    format!(
        "create table xl (xn text, xq text, mc text, dq text, zs integer, dyz text);
         insert into xl values ('2024-2025', '1', '秋季学期', '是', 20, '2024-09-02');
         create table jr (xn text, xq text, rq text, lx text, bk text);
         insert into jr values ('2024-2025', '1', '2024-10-01', '放假', null), ('2024-2025', '1', '2024-10-03', '放假', null),
             ('2024-2025', '1', '2024-10-12', '调休上课', '2024-10-03');
         create table kb (pkh text, xn text, xq text, zc text, xqj text, jc text, sj text, kch text, kcmc text, xy text, zymc text,
             zyh text, nj text, bj text, rs text, jsgh text, jsh text);
         {rows}
         create table tk (pkh text, xn text, xq text, lx text, yrq text, yjc text, xrq text, xjc text, jsgh text, jsh text);
         {changes}"
    )
}

#[test]
fn the_example_of_a_timetable_lists_what_cannot_be_taken_back() {
    let school = super::school::School::example("timetable");
    let database = school.path("jw.db");
    xiaoshu::source::load_script(&database, &teaching("")).expect("loaded");
    // It is Wednesday the 20th of November: 12 weeks with a Tuesday and a Thursday, and the Thursday that is tomorrow's.
    let first = school.collect();
    let days = |collected: &super::school::Collected| -> BTreeSet<String> {
        collected.landed("ODS_PKSJ").into_iter().map(|row| row["SKRQ"].clone()).collect()
    };
    let known = days(&first);
    assert_eq!(first.counts("ODS_PKSJ"), (known.len() as u64 * 2, known.len() as u64 * 2, 0), "a row a class");
    assert!(known.contains("20241121") && !known.contains("20241126") && known.contains("20241012"), "{known:?}");
    assert!(!known.contains("20241001") && !known.contains("20241003"));
    let tuesday = first.landed("ODS_PKSJ").into_iter().find(|row| row["SKRQ"] == "20241119").expect("a lesson");
    assert_eq!((&*tuesday["ZC"], &*tuesday["XQJ"], &*tuesday["SKJC"], &*tuesday["SKDD"]), ("12", "2", "1-2", "A101"));
    drop(first);

    // Tomorrow's lesson is cancelled after it was reported; next Tuesday's before, and one is moved.
    let changes = "insert into tk values ('P1','2024-2025','1','停课','2024-11-21',null,null,null,null,null),
        ('P1','2024-2025','1','停课','2024-11-26',null,null,null,null,null),
        ('P1','2024-2025','1','调课','2024-11-28','1-2','2024-11-29','5-6','T2',null);";
    xiaoshu::source::load_script(&database, &teaching(changes)).expect("loaded");
    school.clock.advance(std::time::Duration::from_secs(9 * 86_400));
    let second = school.collect();
    let after = days(&second);
    let new: Vec<&String> = after.difference(&known).collect();
    assert_eq!(new, ["20241129"], "of the cancelled and the moved lesson nothing is reported");
    assert!(known.is_subset(&after), "nothing is deleted");
    let run = second.run("ODS_PKSJ").expect("a run");
    assert_eq!((run.error.as_deref(), run.counts.changed, run.counts.quarantined), (None, 2, 2), "a row a class");
    let moved = second.landed("ODS_PKSJ").into_iter().find(|row| row["SKRQ"] == "20241129").expect("moved");
    assert_eq!((&*moved["SKJC"], &*moved["JGH"], &*moved["XQJ"]), ("5-6", "T2", "5"));
    drop(second);

    let rows =
        xiaoshu::app::quarantine_list(&school.context(), &xiaoshu::app::QuarantineRequest { limit: 10, ..Default::default() });
    let rows = rows.expect("a list").rows;
    assert_eq!(rows.len(), 2);
    let shown = xiaoshu::app::quarantine_show(&school.context(), rows[0].id).expect("a row");
    let text = serde_json::to_string(&shown).expect("JSON");
    assert!(text.contains("withdrawn") && text.contains("无法撤回") && text.contains("20241121"), "{text}");
    let status = xiaoshu::app::status(&school.context()).expect("a status");
    let line = status.tables.iter().find(|line| line.table == "ODS_PKSJ").expect("a line");
    assert_eq!(line.stale, 2, "the status counts them, too");

    // The lesson is taught after all: the list is empty again.
    xiaoshu::source::load_script(&database, &teaching("")).expect("loaded");
    let third = school.collect();
    assert_eq!(third.counts("ODS_PKSJ").1, 4, "Tuesday's and Thursday's lessons of both classes are there after all");
    drop(third);
    let rows =
        xiaoshu::app::quarantine_list(&school.context(), &xiaoshu::app::QuarantineRequest { limit: 10, ..Default::default() });
    let left: Vec<_> = rows.expect("a list").rows.iter().map(|row| row.id).collect();
    assert_eq!(left.len(), 2, "what was moved to the 29th was reported, and is no more now: {left:?}");
}
