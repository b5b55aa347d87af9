//! A timetable's patterns, over the teaching calendar, with the changes made since: one row a lesson and day, up to the day
//! after today. A lesson that has landed and is not in it any more is listed, for what was reported cannot be taken back.

mod calendar;
mod weeks;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Span;
use jiff::civil::Date;

use super::groups::day;
use super::section::TimetableSection;
use super::{Aside, DeriveContext, DerivedRow, named};
use crate::finding::{RuleId, Text};
use crate::source::{Column, SourceBatch};
pub use calendar::{CalendarRow, TeachingCalendar};

const DATE: &str = "date";

/// A row of landed lessons: by column.
pub type LandedLesson = BTreeMap<String, String>;

pub(super) struct Timetable {
    columns: Arc<[Column]>,
    at: Places,
    calendar: Arc<TeachingCalendar>,
    until: Date,
    cancel: Vec<String>,
    moves: Vec<String>,
    extra: Vec<String>,
    lessons: Vec<Lesson>,
    changes: Vec<DerivedRow>,
    landed: Vec<LandedLesson>,
    names: [String; 2],
    /// The terms that the timetable is of, and a row of each lesson.
    terms: BTreeSet<String>,
    patterns: HashMap<String, DerivedRow>,
    aside: Vec<Aside>,
}

struct Places {
    lesson: usize,
    term: Vec<usize>,
    weeks: usize,
    weekday: usize,
    periods: usize,
    change: Option<[usize; 4]>,
}

/// One dated lesson of one row of the timetable.
struct Lesson {
    day: Date,
    periods: (u8, u8),
    cells: DerivedRow,
    /// Taught on another day than the pattern says, by a change: no further one takes it.
    changed: bool,
}

impl Timetable {
    pub(super) fn compile(
        section: &TimetableSection,
        columns: &[Column],
        ctx: &DeriveContext,
        place: &mut dyn FnMut(&str, &str) -> Option<usize>,
    ) -> Option<Self> {
        let mut find = |name: &str, key: &str| place(name, &format!("/timetable/{key}"));
        let lesson = find(&section.lesson, "lesson");
        let term: Vec<usize> = section.term.iter().filter_map(|name| find(name, "term")).collect();
        let (weeks, weekday) = (find(&section.weeks, "weeks"), find(&section.weekday, "weekday"));
        let periods = find(&section.periods, "periods");
        let change = match &section.changes {
            None => None,
            Some(changes) => {
                let names = [&changes.kind, &changes.from, &changes.to, &changes.to_periods];
                let [kind, from, to, to_periods] = names.map(|name| find(name, "changes"));
                Some([kind?, from?, to?, to_periods?])
            }
        };
        let words = |pick: fn(&super::section::ChangesSection) -> &Vec<String>| {
            section.changes.as_ref().map(pick).cloned().unwrap_or_default()
        };
        let today = day(&ctx.today)?;
        Some(Self {
            columns: named(columns.iter().map(|c| &*c.name).chain([DATE])),
            at: Places { lesson: lesson?, term, weeks: weeks?, weekday: weekday?, periods: periods?, change },
            calendar: ctx.calendar.clone().unwrap_or_default(),
            until: today.checked_add(Span::new().days(1)).unwrap_or(today),
            cancel: words(|changes| &changes.cancel),
            moves: words(|changes| &changes.moved),
            extra: words(|changes| &changes.extra),
            lessons: Vec::new(),
            changes: Vec::new(),
            landed: ctx.landed.clone(),
            names: [section.lesson.clone(), section.periods.clone()],
            terms: BTreeSet::new(),
            patterns: HashMap::new(),
            aside: Vec::new(),
        })
    }

    pub(super) fn columns(&self) -> Arc<[Column]> {
        Arc::clone(&self.columns)
    }

    pub(super) fn take(&mut self, batch: &SourceBatch) {
        let width = self.columns.len() - 1;
        for row in 0..batch.len() {
            let cells: DerivedRow = (0..width)
                .map(|at| batch.cell(row, at).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned))
                .collect();
            if self.at.change.is_some_and(|[kind, ..]| cells[kind].is_some()) {
                self.changes.push(cells);
            } else {
                self.expand(cells);
            }
        }
    }

    /// Sets a row aside that cannot be made lessons of, or changed by.
    fn aside(&mut self, mut cells: DerivedRow, rule: RuleId, what: Text) {
        cells.push(None);
        self.aside.push(Aside { cells, rule, what });
    }

    fn term(&self, cells: &DerivedRow) -> String {
        self.at.term.iter().filter_map(|at| cells[*at].as_deref()).collect()
    }

    /// The lessons of a pattern.
    fn expand(&mut self, cells: DerivedRow) {
        let text = |at: usize| cells[at].as_deref().unwrap_or_default();
        let term = self.term(&cells);
        if !self.calendar.knows(&term) {
            return self.aside(cells, RuleId::REFERENCE, unknown_term());
        }
        let read =
            (weeks::weeks(text(self.at.weeks)), weeks::weekday(text(self.at.weekday)), weeks::periods(text(self.at.periods)));
        let (Some(weeks), Some(weekday), Some(periods)) = read else {
            let what = unreadable(read.0.is_some(), read.1.is_some());
            return self.aside(cells, RuleId::COERCION, what);
        };
        for day in weeks.into_iter().flat_map(|week| self.calendar.days(&term, week, weekday)) {
            self.lessons.push(Lesson { day, periods, cells: cells.clone(), changed: false });
        }
        self.terms.insert(term);
        if let Some(lesson) = cells[self.at.lesson].clone() {
            self.patterns.entry(lesson).or_insert(cells);
        }
    }

    /// All changes, then the lessons up to tomorrow. Gives the rows that were set aside, and the lessons that have landed and
    /// are taught no more.
    pub(super) fn end(&mut self, made: &mut VecDeque<DerivedRow>) -> Vec<Aside> {
        for change in std::mem::take(&mut self.changes) {
            if let Err(what) = self.change(&change) {
                self.aside(change, RuleId::COERCION, what);
            }
        }
        let mut lessons = std::mem::take(&mut self.lessons);
        lessons.retain(|lesson| lesson.day <= self.until);
        lessons.sort_by(|a, b| (a.day, a.periods, &a.cells[self.at.lesson]).cmp(&(b.day, b.periods, &b.cells[self.at.lesson])));
        let phantoms = self.phantoms(&lessons);
        made.extend(lessons.into_iter().map(|lesson| self.row(lesson)));
        let gone = phantoms.into_iter().map(|cells| Aside { cells, rule: RuleId::WITHDRAWN, what: phantom() });
        std::mem::take(&mut self.aside).into_iter().chain(gone).collect()
    }

    /// What one change does to the lessons.
    fn change(&mut self, change: &DerivedRow) -> Result<(), Text> {
        let Some([kind, from, to, to_periods]) = self.at.change else { return Ok(()) };
        let kind = change[kind].clone().unwrap_or_default();
        let date = |at: usize| change[at].as_deref().and_then(day);
        let periods = |at: usize| change[at].as_deref().and_then(weeks::periods);
        let (lesson, own) = (self.at.lesson, periods(self.at.periods));
        let hit = |found: &Lesson, day: Date| {
            !found.changed
                && found.day == day
                && found.cells[lesson] == change[lesson]
                && own.is_none_or(|own| own == found.periods)
        };
        if self.extra.contains(&kind) {
            let Some(day) = date(to) else { return Err(no_date()) };
            let Some(pattern) = self.lessons.iter().find(|found| found.cells[lesson] == change[lesson]) else { return Ok(()) };
            let periods = periods(to_periods).or(own).unwrap_or(pattern.periods);
            let cells = self.overlaid(&pattern.cells, change);
            self.lessons.push(Lesson { day, periods, cells, changed: true });
            return Ok(());
        }
        let Some(from) = date(from) else { return Err(no_date()) };
        if self.cancel.contains(&kind) {
            self.lessons.retain(|found| !hit(found, from));
        } else if self.moves.contains(&kind) {
            let day = date(to).unwrap_or(from);
            let moved: Vec<usize> = (0..self.lessons.len()).filter(|at| hit(&self.lessons[*at], from)).collect();
            for at in moved {
                let cells = self.overlaid(&self.lessons[at].cells, change);
                let lesson = &mut self.lessons[at];
                *lesson = Lesson { day, periods: periods(to_periods).unwrap_or(lesson.periods), cells, changed: true };
            }
        } else {
            return Err(unknown_change());
        }
        Ok(())
    }

    /// A lesson's cells, with those that the change gives in their place.
    fn overlaid(&self, cells: &DerivedRow, change: &DerivedRow) -> DerivedRow {
        let Places { lesson, weeks, weekday, periods, .. } = self.at;
        let kept = |at: usize| [lesson, weeks, weekday, periods].contains(&at) || self.at.term.contains(&at);
        let pairs = cells.iter().zip(change).enumerate();
        pairs.map(|(at, (own, new))| if kept(at) { own.clone() } else { new.clone().or_else(|| own.clone()) }).collect()
    }

    /// Week, weekday and periods of the day on which the lesson is taught.
    fn row(&self, lesson: Lesson) -> DerivedRow {
        let term = self.term(&lesson.cells);
        let Lesson { day, periods: (first, last), mut cells, .. } = lesson;
        cells[self.at.weeks] = self.calendar.week(&term, day).map(|week| week.to_string());
        cells[self.at.weekday] = Some(day.weekday().to_monday_one_offset().to_string());
        cells[self.at.periods] = Some(format!("{first}-{last}"));
        cells.push(Some(day.strftime("%Y%m%d").to_string()));
        cells
    }

    /// Lessons that have landed and are not among those taught: by lesson, day and periods.
    fn phantoms(&mut self, lessons: &[Lesson]) -> Vec<DerivedRow> {
        let key = |found: &Lesson| (found.cells[self.at.lesson].clone(), found.day, found.periods);
        let taught: BTreeSet<_> = lessons.iter().map(key).collect();
        let landed = std::mem::take(&mut self.landed);
        let [lesson, periods] = &self.names;
        let gone = landed.into_iter().filter(|row| {
            let date = row.get(DATE).and_then(|text| day(text));
            let held = row.get(periods).and_then(|text| weeks::periods(text));
            let (Some(date), Some(held), Some(lesson)) = (date, held, row.get(lesson)) else { return false };
            let ours = self.terms.iter().any(|term| self.calendar.covers(term, date));
            ours && !taught.contains(&(Some(lesson.clone()), date, held))
        });
        let cells = |row: LandedLesson| {
            let pattern = row.get(lesson).and_then(|lesson| self.patterns.get(lesson));
            let own = |(at, column): (usize, &Column)| {
                row.get(&*column.name).cloned().or_else(|| pattern.and_then(|cells| cells.get(at)?.clone()))
            };
            self.columns.iter().enumerate().map(own).collect()
        };
        gone.map(cells).collect()
    }
}

fn unknown_term() -> Text {
    Text::new(
        "课表中的学期不在校历中；先登记校历（学期、第一周起始日期、总周数），或更正 [timetable] 的 term 列",
        "a term of the timetable is not in the calendar; enter it there first (term, first Monday, weeks), or mend term of [timetable]",
    )
}

/// Says which part cannot be read: the weeks, the weekday, or else the periods.
fn unreadable(weeks: bool, weekday: bool) -> Text {
    let (zh, en) = match (weeks, weekday) {
        (false, _) => ("周次", "the weeks"),
        (_, false) => ("星期", "the weekday"),
        _ => ("节次", "the periods"),
    };
    Text::new(
        format!("课表中有一行的{zh}无法理解；周次如 1-16周(单)、3,5-8，星期如 3 或 星期三，节次如 1-2"),
        format!(
            "{en} of a row of the timetable cannot be read; weeks as 1-16周(单) or 3,5-8, weekdays as 3 or 星期三, periods as 1-2"
        ),
    )
}

fn no_date() -> Text {
    Text::new(
        "调课记录缺少日期：停课、调课要有原日期，补课要有新日期",
        "a change of the timetable lacks its date: the former one where a lesson is cancelled or moved, the new one where one is added",
    )
}

fn unknown_change() -> Text {
    Text::new(
        "调课记录的类型不在 [timetable.changes] 的 cancel、move、extra 中；补上该词",
        "the kind of a change is none of cancel, move and extra in [timetable.changes]; add its word",
    )
}

/// What is said of a lesson that was reported and is no more.
fn phantom() -> Text {
    Text::new(
        "该课次已上报，之后停课或调走，上报的数据无法撤回；请知悉并留存说明",
        "the lesson was reported and cancelled or moved since; what was reported cannot be taken back: take note, and keep the reason",
    )
}
