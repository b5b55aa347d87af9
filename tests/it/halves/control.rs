//! The control group: records that are really gone do go, few at once by themselves, many when somebody approves.

use xiaoshu::app::{self, ApproveRequest, GoneRequest};

use super::school::{COURSES, Draw, PROJECTS, ROWS, School, courses_csv, projects_csv};

fn of_csv() -> School {
    let source = "kind = \"csv\"\npath = \"files\"\nsettle = 0";
    let school = School::new(source, ["read.object = \"courses.csv\"", "read.object = \"projects.csv\""]);
    school.write("files/courses.csv", courses_csv(0).as_bytes());
    school.write("files/projects.csv", projects_csv().as_bytes());
    school.begin();
    school
}

/// A whole export without these courses.
fn without(numbers: &[usize]) -> String {
    let gone: Vec<String> = numbers.iter().map(|n| format!("K{n:04},")).collect();
    courses_csv(0).lines().filter(|line| !gone.iter().any(|no| line.starts_with(no))).map(|line| format!("{line}\n")).collect()
}

fn live(school: &School, table: &str) -> u64 {
    school.status().tables.iter().find(|line| line.table == table).expect("a table").live
}

#[test]
fn twelve_small_deletions_reach_the_platform() {
    for seed in 0..12 {
        let school = of_csv();
        let mut draw = Draw::new(9000 + seed);
        let mut gone: Vec<usize> = (0..draw.few()).map(|n| n * 20 + draw.below(20)).collect();
        gone.sort_unstable();
        school.write("files/courses.csv", without(&gone).as_bytes());
        school.round();
        let left = ROWS - gone.len();
        assert_eq!((live(&school, COURSES), school.held(COURSES)), (left as u64, left), "seed {seed}");
        assert_eq!(school.held(PROJECTS), ROWS);
        assert!(school.status().deletions.is_empty() && school.status().gone.is_empty());
        school.write("files/courses.csv", courses_csv(0).as_bytes());
        school.round();
        assert_eq!(school.held(COURSES), ROWS, "they came back");
    }
}

#[test]
fn many_deletions_go_when_the_list_that_was_shown_is_approved() {
    let school = of_csv();
    school.write("files/courses.csv", courses_csv(10).as_bytes());
    school.round();
    let ask = |list: Option<&str>| {
        let request = ApproveRequest { table: Some(COURSES.to_owned()), list: list.map(str::to_owned) };
        app::approve(&school.context(), &request).expect("an answer")
    };
    let shown = ask(None);
    let line = shown.pending.first().expect("a list");
    assert_eq!((line.count, line.samples.len(), &*line.source), (10, 10, "jw"));
    assert!(
        line.samples
            .iter()
            .all(|s| s.natural_key.as_ref().is_some_and(|key| key.starts_with("KCH=K00")) && s.last_seen.is_some())
    );
    assert!(line.why.en.contains("10 of 60") && line.why.zh.contains("10"), "{:?}", line.why);
    // Another record goes meanwhile: the list has grown, and nobody has seen it so.
    school.write("files/courses.csv", courses_csv(11).as_bytes());
    school.collect();
    let late = ask(Some(&line.code));
    assert!(late.approved.is_none() && late.refused.is_some(), "{late:?}");
    assert_eq!(live(&school, COURSES), ROWS as u64);
    let now = ask(None);
    let done = ask(Some(&now.pending.first().expect("a list").code));
    assert_eq!((done.approved, done.spared), (Some(11), 0));
    school.round();
    assert_eq!((live(&school, COURSES), school.held(COURSES)), (49, 49));
}

#[test]
fn what_cannot_be_deleted_upstream_is_listed_until_somebody_withdraws_it() {
    // The Ministry's interface has no word for the deletion of a course.
    let school = crate::hub::school::School::new(60, 0);
    school.round();
    school.courses(0..58);
    school.round();
    let gone = |request: GoneRequest| app::gone(&school.context(), &request).expect("a list");
    let listed = gone(GoneRequest::default());
    let names: Vec<_> = listed.lines.iter().map(|l| (l.table.as_str(), l.natural_key.as_deref(), l.told)).collect();
    let course = |key| (COURSES, Some(key), false);
    let mut expected = [course("KCH=K0058"), course("KCH=K0059")];
    let mut sorted = names.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    assert_eq!(app::status(&school.context()).expect("a status").gone.iter().map(|g| g.count).collect::<Vec<_>>(), [2]);
    let (letter, csv) = (school.path("letter.html"), school.path("gone.csv"));
    gone(GoneRequest { letter: Some(letter.clone()), csv: Some(csv.clone()), ..GoneRequest::default() });
    let (letter, csv) = (std::fs::read_to_string(letter).expect("a letter"), std::fs::read_to_string(csv).expect("a list"));
    assert!(listed.lines.iter().all(|line| letter.contains(&line.key) && csv.contains(&line.key)), "{letter}");
    assert!(letter.contains("测试职业技术学院") && !letter.contains("K0058"), "{letter}");
    // One is withdrawn by hand; the other comes back by itself.
    let one = listed.lines.first().expect("a record").key.clone();
    let note = Some("函〔2024〕1号".to_owned());
    let marked = gone(GoneRequest { keys: vec![one.clone()], withdrawn: note, ..GoneRequest::default() });
    assert_eq!(marked.withdrawn, Some(1));
    let left = gone(GoneRequest::default());
    assert_eq!(left.lines.iter().map(|line| &line.key).filter(|key| **key == one).count(), 0);
    assert_eq!(left.lines.len(), 1);
    school.courses(0..60);
    school.round();
    assert!(gone(GoneRequest::default()).lines.is_empty());
    assert!(app::status(&school.context()).expect("a status").gone.is_empty());
    // Gone once more: the note was for the time before.
    school.courses(0..58);
    school.round();
    let ask = |list: Option<String>| {
        app::approve(&school.context(), &ApproveRequest { table: Some(COURSES.to_owned()), list }).expect("an answer")
    };
    let shown = ask(None);
    let line = shown.pending.first().expect("more than three within seven days");
    assert_eq!(ask(Some(line.code.clone())).approved, Some(2));
    assert_eq!(gone(GoneRequest::default()).lines.len(), 2);
}
