//! Databases in a file: views whose partners fail, dropped tables, renamed columns, files cut while they were copied.

use xiaoshu::source::load_script;

use super::school::{Draw, ROWS, School, courses, projects};

const SOURCE: &str = "kind = \"sqlite\"\npath = \"jw.db\"";
const VIEW: &str = "CREATE VIEW v_course AS SELECT c.no AS 课程号, c.name AS 课程名称, c.hours AS 总学时 FROM course c \
                    JOIN office o ON o.id = c.office;";

fn whole(school: &School) {
    change(school, "");
}

/// The database made anew, and what is done to it afterwards.
fn change(school: &School, then: &str) {
    let mut sql = "CREATE TABLE office (id INTEGER, name TEXT); INSERT INTO office VALUES (1, '教务处'), (2, '实训中心');\n\
                   CREATE TABLE course (no TEXT, name TEXT, hours INTEGER, office INTEGER);\n\
                   CREATE TABLE project (课程号 TEXT, 课程名称 TEXT, 负责人 TEXT, 立项年度 TEXT);\n"
        .to_owned();
    for (at, [no, name, hours]) in courses(0..ROWS).iter().enumerate() {
        // The second office has three courses: so few that they would be believed.
        sql.push_str(&format!("INSERT INTO course VALUES ('{no}', '{name}', {hours}, {});\n", 1 + usize::from(at >= ROWS - 3)));
    }
    for [no, name, leader, year] in projects(0..ROWS) {
        sql.push_str(&format!("INSERT INTO project VALUES ('{no}', '{name}', '{leader}', '{year}');\n"));
    }
    let _ = std::fs::remove_file(school.path("jw.db"));
    load_script(&school.path("jw.db"), &(sql + VIEW + then)).expect("loaded");
}

fn lose(few: usize) -> String {
    format!("DELETE FROM course WHERE no >= 'K{:04}';\n", ROWS - few)
}

#[test]
fn forty_five_database_reads_that_lack_something_delete_nothing() {
    let school = School::new(SOURCE, ["read.object = \"v_course\"", "read.object = \"project\""]);
    whole(&school);
    school.begin();
    for seed in 0..45 {
        let mut draw = Draw::new(5000 + seed);
        let few = draw.few();
        let other_view = |from: &str, to: &str| format!("DROP VIEW v_course; {}", VIEW.replace(from, to));
        let sql = match seed % 9 {
            0 => "DELETE FROM office;".to_owned(),
            1 => format!("{}{}", lose(few), other_view("c.hours AS 总学时", "c.hours AS 学时")),
            2 => format!("{}{}", lose(few), other_view("c.hours AS", "'x' || c.no AS 备注, c.hours AS")),
            3 => other_view("o.id = c.office", "0"),
            4 => format!("{}DROP TABLE project;", lose(few)),
            5 => format!("{}DELETE FROM project;", lose(few)),
            6 => "DROP TABLE office;".to_owned(),
            7 => "DELETE FROM office WHERE id = 1;".to_owned(),
            _ => String::new(),
        };
        let spoil = |s: &School| {
            change(s, &sql);
            if sql.is_empty() {
                // A file that was cut while it was copied.
                let bytes = std::fs::read(s.path("jw.db")).expect("read");
                s.write("jw.db", &bytes[..bytes.len() / 8 + draw.below(bytes.len() / 2)]);
            }
        };
        school.half(&format!("database {seed}: {sql}"), spoil, whole);
    }
    school.end();
}
