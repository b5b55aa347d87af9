//! Database servers: grants that were revoked, policies that hide rows, counts that do not agree.

use super::school::{Draw, ROWS, School, courses, mapping, projects};
use crate::hub::school::MAPPINGS;
use crate::sources::fixtures::{MysqlDatabase, PostgresSchema};

fn inserts(quote: char) -> String {
    let name = |name: &str| format!("{quote}{name}{quote}");
    let mut sql = format!(
        "CREATE TABLE office (id int, name varchar(20)); INSERT INTO office VALUES (1, '教务处'), (2, '实训中心');\n\
         CREATE TABLE course (no varchar(20), name varchar(20), hours int, office int);\n\
         CREATE TABLE project ({} varchar(20), {} varchar(20), {} varchar(20), {} varchar(20));\n",
        name("课程号"),
        name("课程名称"),
        name("负责人"),
        name("立项年度")
    );
    for (at, [no, course, hours]) in courses(0..ROWS).iter().enumerate() {
        sql.push_str(&format!("INSERT INTO course VALUES ('{no}', '{course}', {hours}, {});\n", 1 + usize::from(at >= ROWS - 3)));
    }
    for [no, course, leader, year] in projects(0..ROWS) {
        sql.push_str(&format!("INSERT INTO project VALUES ('{no}', '{course}', '{leader}', '{year}');\n"));
    }
    sql
}

fn view(quote: char, security: &str) -> String {
    format!(
        "CREATE VIEW v_course {security} AS SELECT c.no AS {quote}课程号{quote}, c.name AS {quote}课程名称{quote}, \
         c.hours AS {quote}总学时{quote} FROM course c JOIN office o ON o.id = c.office;\n"
    )
}

fn lose(few: usize) -> String {
    format!("DELETE FROM course WHERE no >= 'K{:04}';\n", ROWS - few)
}

fn source(settings: &serde_json::Value, user: &str, password: &str) -> String {
    let text = |name: &str| settings[name].as_str().unwrap_or_default().to_owned();
    format!(
        "kind = \"{}\"\nhost = \"{}\"\nport = {}\ndatabase = \"{}\"\nuser = \"{user}\"\npassword = {{ file = \"{password}\" }}\ntls = \"disable\"",
        text("kind"),
        text("host"),
        settings["port"],
        text("database")
    )
}

#[test]
fn ten_reads_of_postgres_that_lack_something_delete_nothing() {
    let schema = PostgresSchema::new();
    let (name, reader) = (schema.name.clone(), format!("{}_reader", schema.name));
    let sql = |sql: &str| schema.run(&format!("SET search_path = {name}; {sql}"));
    let grant = format!(
        "GRANT USAGE ON SCHEMA {name} TO {reader}; GRANT SELECT ON course, v_course, project TO {reader}; \
         ALTER TABLE course DISABLE ROW LEVEL SECURITY;"
    );
    let fresh = format!(
        "DROP VIEW IF EXISTS v_course; DROP TABLE IF EXISTS office, course, project; {}{}{grant}",
        inserts('"'),
        view('"', "")
    );
    sql(&format!("CREATE ROLE {reader} LOGIN PASSWORD 'invented'"));
    sql(&fresh);
    let settings = crate::sources::fixtures::settings_of(&schema);
    let object = |name: &str, object: &str| format!("read.object = \"{name}.{object}\"");
    let school = School::new(&source(&settings, &reader, "reader"), [&object(&name, "v_course"), &object(&name, "project")]);
    school.write("reader", b"invented");
    school.begin();
    for seed in 0..10 {
        let mut draw = Draw::new(7000 + seed);
        let few = draw.few();
        let spoil = match seed % 5 {
            0 => format!("REVOKE SELECT ON v_course FROM {reader}"),
            1 => format!("{} REVOKE SELECT ON project FROM {reader}", lose(few)),
            2 => "DELETE FROM office".to_owned(),
            3 => format!("REVOKE USAGE ON SCHEMA {name} FROM {reader}"),
            _ => format!("{} ALTER VIEW v_course RENAME COLUMN \"总学时\" TO \"学时\"", lose(few)),
        };
        school.half(&format!("postgres {seed}: {spoil}"), |_| sql(&spoil), |_| sql(&fresh));
    }
    school.end();
    sql(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}"));
}

#[test]
fn rows_that_a_policy_hides_are_not_taken_for_deleted() {
    let schema = PostgresSchema::new();
    let (name, reader) = (schema.name.clone(), format!("{}_reader", schema.name));
    let sql = |sql: &str| schema.run(&format!("SET search_path = {name}; {sql}"));
    sql(&format!(
        "CREATE ROLE {reader} LOGIN PASSWORD 'invented'; {} ALTER TABLE course RENAME no TO \"课程号\"; \
         ALTER TABLE course RENAME name TO \"课程名称\"; ALTER TABLE course RENAME hours TO \"总学时\"; \
         GRANT USAGE ON SCHEMA {name} TO {reader}; GRANT SELECT ON course, project TO {reader}",
        inserts('"')
    ));
    let settings = crate::sources::fixtures::settings_of(&schema);
    let object = |object: &str| format!("read.object = \"{name}.{object}\"");
    let school = School::new(&source(&settings, &reader, "reader"), [&object("course"), &object("project")]);
    school.write("reader", b"invented");
    school.begin();
    let hide =
        format!("ALTER TABLE course ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON course TO {reader} USING (office = 1)");
    let show = "DROP POLICY own ON course; ALTER TABLE course DISABLE ROW LEVEL SECURITY";
    school.half("a policy", |_| sql(&hide), |_| sql(show));
    // The same where the table is read by parts.
    let (file, text) = MAPPINGS[0];
    let parts = format!("{}\nread.chunks.key = [\"课程号\"]", object("course"));
    school.write(&format!("mappings/{file}.toml"), mapping(text, &parts).as_bytes());
    school.collect();
    school.half("a policy over parts", |_| sql(&hide), |_| sql(show));
    school.end();
    sql(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}"));
}

#[test]
fn ten_reads_of_mariadb_that_lack_something_delete_nothing() {
    let database = MysqlDatabase::new();
    let (name, reader) = (database.name.clone(), format!("{}_r", database.name));
    let fresh = format!(
        "DROP VIEW IF EXISTS v_course; DROP TABLE IF EXISTS office, course, project; {}{}\
         GRANT SELECT ON {name}.v_course TO '{reader}'@'%'; GRANT SELECT ON {name}.project TO '{reader}'@'%';",
        inserts('`'),
        view('`', "")
    );
    database.run(&format!("CREATE USER '{reader}'@'%' IDENTIFIED BY 'invented'; {fresh}"));
    let settings = crate::sources::fixtures::settings_of(&database);
    let reads = ["read.object = \"v_course\"", "read.object = \"project\""];
    let school = School::new(&source(&settings, &reader, "reader"), reads);
    school.write("reader", b"invented");
    school.begin();
    for seed in 0..10 {
        let mut draw = Draw::new(8000 + seed);
        let few = draw.few();
        let spoil = match seed % 5 {
            0 => format!("REVOKE SELECT ON {name}.v_course FROM '{reader}'@'%'"),
            1 => format!("{} REVOKE SELECT ON {name}.project FROM '{reader}'@'%'", lose(few)),
            2 => "DELETE FROM office".to_owned(),
            3 => format!("{} DELETE FROM project", lose(few)),
            _ => format!("{} DROP VIEW v_course; {}", lose(few), view('`', "").replace("课程名称", "名称")),
        };
        school.half(&format!("mariadb {seed}: {spoil}"), |_| database.run(&spoil), |_| database.run(&fresh));
    }
    school.end();
    database.run(&format!("DROP USER '{reader}'@'%'"));
}

#[test]
fn a_read_of_which_the_count_does_not_agree_deletes_nothing() {
    let database = MysqlDatabase::new();
    let (name, reader) = (database.name.clone(), format!("{}_r", database.name));
    database.run(&format!(
        "CREATE USER '{reader}'@'%' IDENTIFIED BY 'invented'; {}{}GRANT SELECT ON {name}.* TO '{reader}'@'%'",
        inserts('`'),
        view('`', "")
    ));
    let settings = crate::sources::fixtures::settings_of(&database);
    // Tells by the statement before it which of the two it is: the count that follows the reading finds fewer rows, as if the table had
    // changed meanwhile.
    let read = "read.query = \"SELECT v.* FROM v_course v WHERE FOUND_ROWS() < (SELECT n FROM most) OR v.课程号 < 'K0030'\"";
    database.run(&format!("CREATE TABLE most (n int); INSERT INTO most VALUES ({})", 10 * ROWS));
    let school = School::new(&source(&settings, &reader, "reader"), [read, "read.object = \"project\""]);
    school.write("reader", b"invented");
    school.begin();
    let spoil = format!("{} UPDATE most SET n = {}", lose(2), ROWS - 10);
    let row = |[no, course, hours]: &[String; 3]| format!("INSERT INTO course VALUES ('{no}', '{course}', {hours}, 2);");
    let back: String = courses(ROWS - 2..ROWS).iter().map(row).collect();
    school.half("a count", |_| database.run(&spoil), |_| database.run(&format!("{back} UPDATE most SET n = {}", 10 * ROWS)));
    school.end();
    database.run(&format!("DROP USER '{reader}'@'%'"));
}
