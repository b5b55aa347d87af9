//! Lessons, course selection, what happened in the lessons, and how they were judged.

use super::super::days::{TeachingDay, compact, iso, short};
use super::super::draw::Draw;
use super::super::sheet::{Home, Sheet, cells};
use super::super::world::{Class, Course, UNITS, World};

const TERM: &str = "2024-2025学年第一学期";
const SLOTS: &[(&str, &str)] = &[("1-2", "08:00:00"), ("3-4", "10:10:00"), ("5-6", "14:00:00"), ("7-8", "16:00:00")];
const WEEKDAYS: &[&str] = &["", "一", "二", "三", "四", "五"];

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![lessons(world), selections(world), interaction(world), judgements(world), inspections(world)]
}

/// The number of a class's course in the timetable: it holds the term, so that it never comes back.
fn lesson_number(class: &Class, course: &Course) -> String {
    format!("(2024-2025-1)-{}-{}", course.number, class.number)
}

/// Which of its eight courses a class has in a slot of a day.
fn course_at(class: usize, weekday: u32, slot: usize) -> usize {
    (class + weekday as usize * 4 + slot) % 8
}

fn room(class: usize, slot: usize) -> String {
    let building = ["A1", "A2", "A3", "B1"][class % 4];
    let nth = (class / 4 + slot) % 30;
    format!("{building}-{}{:02}", nth / 10 + 1, nth % 10 + 1)
}

fn lessons(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_kb"),
        &[
            "pkh", "kch", "kcmc", "xymc", "zymc", "zyh", "nj", "bjmc", "xnxq", "zc:n", "xqj", "jc", "skrq", "sksj", "jsgh",
            "jxbrs:n", "dd", "jsh", "ddlb", "bz",
        ],
        &["ODS_PKSJ"],
    );
    for day in &world.lessons {
        for (at, class) in world.classes.iter().enumerate() {
            let courses: Vec<&Course> = world.courses_of(class).collect();
            for (slot, (periods, begins)) in SLOTS.iter().enumerate() {
                let nth = course_at(at, day.weekday, slot);
                lesson(&mut s, world, (at, class), courses[nth], nth, *day, (slot, periods, begins));
            }
        }
    }
    s.spoil(40, "kcmc", "", "required");
    s.spoil(30, "jxbrs", "四十", "coercion");
    s.spoil(25, "ddlb", "户外", "code_set");
    s.spoil(20, "zyh", "1099", "reference");
    s.spoil(20, "jsgh", "019999", "reference");
    s.spoil(15, "sksj", "25:70:00", "coercion");
    s.spoil(15, "xymc", &"信息工程学院".repeat(11), "length");
    s.contradict(12, "jsh", "A1-101");
    s.repeat(40);
    s
}

/// One lesson. Its number in the term, the day and the periods are its key; they are never spoilt.
fn lesson(
    s: &mut Sheet,
    world: &World,
    class: (usize, &Class),
    course: &Course,
    nth: usize,
    day: TeachingDay,
    slot: (usize, &str, &str),
) {
    let (at, class) = class;
    let (slot, periods, begins) = slot;
    let major = &world.majors[class.major];
    let room = room(at, slot);
    let date = match at % 3 {
        0 => short(day.date),
        1 => iso(day.date),
        _ => compact(day.date),
    };
    let kind = match room.as_bytes() {
        [b'B', ..] => "实验室",
        _ => "多媒体教室",
    };
    s.row(cells![
        lesson_number(class, course),
        course.number,
        course.name,
        UNITS[major.unit].1,
        major.name,
        major.number,
        class.entry,
        class.name,
        TERM,
        day.week,
        WEEKDAYS[day.weekday as usize],
        periods,
        date,
        begins,
        world.teacher(at, nth).number,
        40,
        format!("{room}室"),
        room,
        kind,
        ""
    ]);
}

fn selections(world: &World) -> Sheet {
    let mut s =
        Sheet::new(Home::Sql("jw_xk"), &["xh", "zyh", "nj", "kch", "kcmc", "xnxq", "xksj", "xz", "tkbz"], &["ODS_XSXKSJ"]);
    let opened = world.days[0];
    let natures = ["公共基础课", "专业核心课", "专业基础课", "专业拓展课"];
    for student in &world.students {
        let class = &world.classes[student.class];
        for (nth, course) in world.courses_of(class).enumerate().filter(|(nth, _)| nth % 8 < 5) {
            s.row(cells![
                student.number,
                world.majors[class.major].number,
                class.entry,
                course.number,
                course.name,
                TERM,
                moment(&world.draw, &iso(opened)),
                natures[nth % 4],
                "0"
            ]);
        }
    }
    s.spoil(60, "xh", "202499999901", "reference");
    s.spoil(50, "xz", "任选", "code_set");
    s.spoil(50, "kcmc", "无", "required");
    s.spoil(40, "xksj", "2024-9-2 25:61:00", "coercion");
    s.spoil(30, "kcmc", "高职\u{FFFD}\u{FFFD}语", "encoding");
    s.refuse("ODS_XSXKSJ", 10, "xz", "9");
    s.leave_out("ODS_XSXKSJ", 60, "tkbz", "1");
    s.contradict(20, "xksj", "2024-09-03 12:00:00");
    s.repeat(80);
    s
}

fn moment(draw: &Draw, day: &str) -> String {
    format!("{day} {:02}:{:02}:{:02}", draw.int(8, 21), draw.int(0, 59), draw.int(0, 59))
}

/// Single events; the mapping's query adds them up by lesson.
fn interaction(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_kthd"),
        &["pkh", "kch", "kcmc", "zc:n", "xqj:n", "jc", "skrq", "sksj", "fq:n", "cy:n", "cyl", "cql"],
        &["ODS_KTHDSJ"],
    );
    let days: Vec<TeachingDay> = world.lessons.iter().filter(|d| d.date <= world.today).copied().collect();
    for day in days.iter().rev().take(20) {
        for at in (0..world.classes.len()).step_by(3) {
            let class = &world.classes[at];
            let (periods, begins) = SLOTS[at % 4];
            let nth = course_at(at, day.weekday, at % 4);
            let Some(course) = world.courses_of(class).nth(nth) else { continue };
            let took = world.draw.int(20, 40);
            s.row(cells![
                lesson_number(class, course),
                course.number,
                course.name,
                day.week,
                day.weekday,
                periods,
                iso(day.date),
                begins,
                world.draw.int(2, 9),
                took * 3,
                format!("{:.2}", f64::from(took) / 40.0),
                format!("{:.2}", f64::from(took) / 40.0 * 0.5 + 0.5)
            ]);
        }
    }
    s.spoil(5, "cyl", "0.8755", "range");
    s.spoil(3, "cql", "全勤", "coercion");
    s.spoil(3, "kch", "999997", "reference");
    s.repeat(4);
    s
}

fn judgements(world: &World) -> Sheet {
    let mut s =
        Sheet::new(Home::Sql("jw_pj"), &["xnxq", "zyh", "nj", "kch", "kcmc", "gh", "pf", "cprs:n", "wcrq"], &["ODS_JXZLYPJSJ"]);
    let day = world.days[world.days.len().saturating_sub(12)];
    for (at, class) in world.classes.iter().enumerate() {
        for (nth, course) in world.courses_of(class).enumerate().take(4) {
            s.row(cells![
                "2024-2025-1",
                world.majors[class.major].number,
                class.entry,
                course.number,
                course.name,
                world.teacher(at, nth).number,
                world.draw.tenths(82, 98),
                world.draw.int(30, 40),
                short(day)
            ]);
        }
    }
    s.spoil(4, "pf", "优", "coercion");
    s.spoil(3, "pf", "95.55", "range");
    s.spoil(3, "wcrq", "", "required");
    s.spoil(2, "cprs", "三十余人", "coercion");
    s
}

fn inspections(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_xunke"),
        &["pkh", "zc:n", "xqj", "jc", "yd:n", "sd:n", "jsdk", "hd", "xkr", "tj", "ycsm", "xksj"],
        &["ODS_XKSJ"],
    );
    let days: Vec<TeachingDay> = world.lessons.iter().filter(|d| d.date <= world.today).copied().collect();
    for (i, day) in days.iter().enumerate() {
        for turn in 0..4 {
            let at = (i * 7 + turn * 15) % world.classes.len();
            let class = &world.classes[at];
            let (periods, _) = SLOTS[turn];
            let Some(course) = world.courses_of(class).nth(course_at(at, day.weekday, turn)) else { continue };
            let inspector = &world.staff[200 + (i + turn) % 8].name.zh;
            s.row(cells![
                lesson_number(class, course),
                day.week,
                day.weekday,
                periods,
                40,
                world.draw.int(35, 40),
                "正常",
                ["偶尔", "经常", "无"][turn % 3],
                inspector,
                "正常",
                "",
                format!("{:02}:20:00", 8 + turn * 2)
            ]);
        }
    }
    s.spoil(2, "jsdk", "2", "code_set");
    s.spoil(2, "yd", "", "required");
    s
}
