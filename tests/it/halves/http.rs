//! JSON interfaces: pages that do not come, totals that do not agree, rows that shift, lines that break.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::school::{COURSE_COLUMNS, Draw, PROJECT_COLUMNS, ROWS, School, courses, projects};
use crate::sources::interface::{Call, Interface, Reply};

/// Rows a page.
const PAGE: usize = 10;

/// What the interface does to the courses.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ill {
    /// Nothing.
    Well,
    /// It says that there are all rows and gives fewer.
    Fewer(usize),
    /// The last page of an interface that tells no total is empty, for the rows before it moved up.
    Pageless(usize),
    /// Another total on each page.
    Shifting(usize),
    /// The line breaks within a page.
    Cut(usize),
    /// An error in place of a page.
    Failing(usize),
    /// No course at all, and it says so.
    Empty,
    /// Projects are refused, and a few courses are missing.
    Companion(usize),
}

fn objects<const N: usize>(columns: [&str; N], rows: &[[String; N]]) -> Vec<Value> {
    let object = |row: &[String; N]| columns.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), json!(cell))).collect();
    rows.iter().map(|row| Value::Object(object(row))).collect()
}

fn answer(ill: Ill, call: &Call) -> Reply {
    let page = call.number("p");
    let of_courses = call.path.contains("courses");
    let lost = match ill {
        Ill::Fewer(lost) | Ill::Pageless(lost) | Ill::Shifting(lost) | Ill::Companion(lost) => lost,
        Ill::Empty => ROWS,
        _ => 0,
    };
    let all =
        if of_courses { objects(COURSE_COLUMNS, &courses(0..ROWS - lost)) } else { objects(PROJECT_COLUMNS, &projects(0..ROWS)) };
    let rows: Vec<Value> = all.iter().skip(page * PAGE).take(PAGE).cloned().collect();
    let told = match ill {
        Ill::Fewer(_) if of_courses => json!(ROWS),
        Ill::Shifting(_) if of_courses => json!(ROWS - lost + page % 2),
        _ => json!(all.len()),
    };
    match ill {
        Ill::Cut(at) if of_courses && page == at => Reply::Cut(json!({ "rows": rows, "total": told }).to_string()),
        Ill::Failing(at) if of_courses && page == at => Reply::status(403),
        Ill::Companion(_) if !of_courses => Reply::status(403),
        Ill::Pageless(_) if of_courses => Reply::json(&json!({ "rows": rows })),
        _ => Reply::json(&json!({ "rows": rows, "total": told })),
    }
}

#[test]
fn fifteen_interfaces_that_do_not_give_everything_delete_nothing() {
    let ill = Arc::new(Mutex::new(Ill::Well));
    let shared = Arc::clone(&ill);
    let interface = Interface::start(move |call| answer(*shared.lock().expect("no panic"), call));
    let source = format!(
        "kind = \"http\"\nurl = \"{}\"\nplain_http = {{ by = \"test\", date = \"2024-11-20\", reason = \"loopback\" }}\n\
         answer = {{ rows = \"/rows\", total = \"/total\" }}\npaging = {{ by = \"page\", parameter = \"p\", first = 0 }}\n\
         limits = {{ attempts = 1 }}\n\
         objects.courses = {{ path = \"courses\", complete = \"stable\", columns = [\"课程号\", \"课程名称\", \"总学时\"] }}\n\
         objects.projects = {{ path = \"projects\", complete = \"stable\" }}",
        interface.url()
    );
    let school = School::new(&source, ["read.object = \"courses\"", "read.object = \"projects\""]);
    school.begin();
    for seed in 0..15 {
        let mut draw = Draw::new(6000 + seed);
        let few = draw.few();
        let now = match seed % 7 {
            0 => Ill::Fewer(few),
            1 => Ill::Pageless(few),
            2 => Ill::Shifting(few),
            3 => Ill::Cut(1 + draw.below(5)),
            4 => Ill::Failing(1 + draw.below(5)),
            5 => Ill::Empty,
            _ => Ill::Companion(few),
        };
        let set = |ill_now: Ill| *ill.lock().expect("no panic") = ill_now;
        school.half(&format!("interface {seed}: {now:?}"), |_| set(now), |_| set(Ill::Well));
    }
    school.end();
}
