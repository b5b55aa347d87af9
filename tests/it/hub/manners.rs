//! How the hub behaves while it reads: one call at a time, no faster than it may, and not beyond its hours.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xiaoshu::app::{self, Fittings, Part, RunAnswer, RunRequest};
use xiaoshu::report::{Clock, ManualClock};

use super::school::{MORNING, School};
use crate::sources::interface::{Call, Interface, Reply};

const ROWS: usize = 12;
const PAGE: usize = 4;

/// A page of courses; the platform is asked for nothing.
fn page(call: &Call) -> Reply {
    let from = call.number("p") * PAGE;
    let row = |n: usize| json!({ "课程号": format!("K{n:04}"), "课程名称": "课程", "总学时": "32" });
    let rows: Vec<Value> = (from..ROWS.min(from + PAGE)).map(row).collect();
    Reply::json(&json!({ "rows": rows, "total": ROWS }))
}

/// A school whose courses come from an interface, with further settings of that source.
fn school(interface: &Interface, guest: &str) -> School {
    let school = School::new(1, 0);
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    let files = "kind = \"csv\"\npath = \"files\"\nsettle = 0";
    assert!(settings.contains(files));
    let source = format!(
        "kind = \"http\"\nurl = \"{}\"\nplain_http = {{ by = \"test\", date = \"2024-11-20\", reason = \"loopback\" }}\n\
         answer = {{ rows = \"/rows\", total = \"/total\" }}\npaging = {{ by = \"page\", parameter = \"p\", first = 0 }}\n\
         objects.courses = {{ path = \"courses\" }}\nobjects.people = {{ path = \"people\" }}\n{guest}",
        interface.url()
    );
    school.write("xiaoshu.toml", &settings.replace(files, &source));
    std::fs::remove_file(school.path("mappings/projects.toml")).expect("removed");
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    let mapping = mapping.replace("courses.csv", "courses").replace("\"file\"", "\"automatic\"");
    school.write("mappings/courses.toml", &mapping);
    school
}

fn collect(school: &School) -> RunAnswer {
    let request = RunRequest { once: true, only: vec![Part::Collect], restored: false };
    let clock: Arc<dyn Clock> = Arc::clone(&school.clock) as Arc<dyn Clock>;
    let fittings = Fittings { clock, around_store: Box::new(|store| store) };
    app::run_fitted(&school.context(), &request, &fittings).expect("a collection")
}

#[test]
fn a_run_ends_when_the_hours_end_and_the_next_ones_read_everything() {
    let clock: Arc<OnceLock<Arc<ManualClock>>> = Arc::default();
    let shared = Arc::clone(&clock);
    let interface = Interface::start(move |call| {
        // It is 10 o'clock, and 12 when the second page is asked for the first time.
        if call.number("p") == 1
            && let Some(clock) = shared.get().filter(|clock| clock.now() == MORNING)
        {
            clock.advance(Duration::from_secs(2 * 3600));
        }
        page(call)
    });
    // So few rows at once that the hub looks at its clock between them.
    let school = school(&interface, &format!("guest = {{ hours = [\"09:00-11:00\"], rows_per_second = {PAGE} }}"));
    clock.set(Arc::clone(&school.clock)).expect("set once");
    let answer = collect(&school);
    let [run] = &answer.runs[..] else { panic!("one run: {:?}", answer.runs) };
    assert!(run.error.as_ref().is_some_and(|error| error.contains("guest.hours")), "{:?}", run.error);
    assert_eq!((run.counts.read, interface.calls().len()), (PAGE as u64, 2), "what had come has landed");
    // Still closed: nothing is asked for. The next morning everything is.
    assert_eq!((collect(&school).runs.len(), interface.calls().len()), (0, 2));
    school.clock.advance(Duration::from_secs(22 * 3600));
    let answer = collect(&school);
    let [run] = &answer.runs[..] else { panic!("one run: {:?}", answer.runs) };
    assert_eq!((run.error.as_deref(), run.counts.read), (None, ROWS as u64));
}

#[test]
fn rows_come_no_faster_than_they_may() {
    let came = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&came);
    let interface = Interface::start(move |call| {
        noted.lock().expect("no panic").push(Instant::now());
        page(call)
    });
    let school = school(&interface, &format!("guest = {{ rows_per_second = {PAGE} }}"));
    assert_eq!(collect(&school).runs[0].counts.read, ROWS as u64);
    let came = came.lock().expect("no panic");
    // A page is as many rows as a second may have; the first two are asked for together, to know what lies behind the first.
    assert!(came.len() == 3 && came[2] - came[1] >= Duration::from_millis(700), "{:?}", came[2] - came[1]);
}

#[test]
fn tables_of_one_source_are_read_one_after_the_other() {
    let interface = Interface::start(|call| {
        // A slow server: two tables that are read at once would take turns here.
        std::thread::sleep(Duration::from_millis(100));
        page(call)
    });
    let school = school(&interface, "");
    school.write(
        "mappings/people.toml",
        "table = \"ODS_XSHXSJ\"\nsource = \"jw\"\nmode = \"automatic\"\nread.object = \"people\"\n[fields]\nXH = \"课程号\"\n\
         PJWDJJG = { value = \"{}\" }\nSJSCRQ = { value = \"20241120\" }\nSJKBZXFWRQ = { value = \"20241120\" }\n",
    );
    let answer = collect(&school);
    assert!(answer.runs.len() == 2 && answer.runs.iter().all(|run| run.error.is_none()), "{:?}", answer.runs);
    let mut paths: Vec<String> = interface.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths.len(), 6);
    paths.dedup();
    assert_eq!(paths.len(), 2, "{paths:?}");
}
