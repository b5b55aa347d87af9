//! The script that a request holds, run on real servers: the views can be read as the mapping wants, and the account
//! can do nothing else.

use std::sync::Arc;

use serde_json::{Value, json};
use xiaoshu::finding::Lang;
use xiaoshu::normalize::MappingDocument;
use xiaoshu::propose::{Request, WantedTable, Way, views_sql};
use xiaoshu::source::Product;
use xiaoshu::standard::{EditionId, Standard};

use super::fixtures::{Fixture, MysqlDatabase, PostgresSchema};
use super::{Configured, query, some, table};

const PASSWORD: &str = "for-reading-only-1";

/// A mapping of courses out of a table with names as schools have them.
fn mapped(object: &str) -> MappingDocument {
    let text = format!(
        "table = \"ODS_KCJBSJ\"\nsource = \"jw\"\nmode = \"automatic\"\n[read]\nobject = \"{object}\"\norder_by = [\"id\"]\n\
         [[where]]\ncolumn = \"state\"\nis = [\"1\"]\n[fields]\nKCH = \"课程 号\"\nKCMC = \"name\"\nKCYWMC = {{ template = \"{{name}}-{{课程 号}}\" }}\n"
    );
    MappingDocument::parse("kc.toml", &text).expect("a mapping")
}

fn script(object: &str, account: &str, dialect: Product) -> (WantedTable, String) {
    let standard = Standard::load(&EditionId::new("gaozhi-2024.09"), None).expect("the standard");
    let plan = Arc::clone(standard.find("ODS_KCJBSJ").expect("a table"));
    let wanted = WantedTable::of_mapping(&mapped(object), &plan);
    let again = WantedTable::of_mapping(&mapped(object), &plan);
    let request = Request {
        system: "教务系统".into(),
        account: account.into(),
        host: String::new(),
        tables: vec![wanted],
        way: Way::Views(dialect),
    };
    (again, views_sql(&request, dialect, Lang::Zh).replace("<由贵方设定，另行告知>", PASSWORD))
}

/// Reads the view as the account, and sees that the account reads nothing else.
fn holds(mut settings: Value, account: &str, base: &std::path::Path, kind: &str, view: &str, hidden: &str) {
    settings["user"] = json!(account);
    settings["password"] = json!(PASSWORD);
    let source = Configured { kind, settings, base };
    let mut read = table(view);
    read.order_by = vec!["id".into()];
    let reading = source.read(&read);
    assert_eq!(reading.columns, ["name", "课程 号", "state", "id"]);
    assert_eq!(reading.rows, [[some("高等数学"), some("K1"), some("1"), some("7")].to_vec()]);
    assert!(source.open(&table(hidden), None).is_err(), "the table behind the view is not to be read");
    assert!(source.open(&query(format!("SELECT salary FROM {hidden}")), None).is_err());
}

#[test]
fn the_script_for_mysql_makes_views_that_the_account_alone_can_read() {
    let database = MysqlDatabase::new();
    database.run(
        "CREATE TABLE `课程表` (id INT, `课程 号` VARCHAR(20), name VARCHAR(40), state INT, salary INT);
         INSERT INTO `课程表` VALUES (7, 'K1', '高等数学', 1, 100)",
    );
    let account = format!("r_{}", database.name);
    let (wanted, sql) = script("课程表", &account, Product::Mysql);
    assert!(!sql.contains("salary"));
    database.run(&sql);
    holds(database.settings(), &account, database.base(), "mysql", &wanted.view(), "`课程表`");
    database.run(&format!("DROP USER '{account}'@'%'"));
}

#[test]
fn the_script_for_postgres_makes_views_that_the_account_alone_can_read() {
    let schema = PostgresSchema::new();
    let name = &schema.name;
    schema.run(&format!(
        "CREATE TABLE {name}.\"课程表\" (id int, \"课程 号\" varchar(20), name varchar(40), state int, salary int);
         INSERT INTO {name}.\"课程表\" VALUES (7, 'K1', '高等数学', 1, 100)"
    ));
    let account = format!("r_{name}");
    let (wanted, sql) = script(&format!("{name}.课程表"), &account, Product::Postgres);
    schema.run(&format!("SET search_path TO {name};\n{sql}\nGRANT USAGE ON SCHEMA {name} TO {account}"));
    let view = format!("{name}.{}", wanted.view().to_lowercase());
    holds(schema.settings(), &account, schema.base(), "postgres", &view, &format!("{name}.\"课程表\""));
    schema.run(&format!("DROP OWNED BY {account}; DROP ROLE {account}"));
}

#[test]
fn a_view_that_the_keeper_has_to_fill_in_is_valid_as_it_stands_and_gives_no_value() {
    let database = MysqlDatabase::new();
    let standard = Standard::load(&EditionId::new("gaozhi-2024.09"), None).expect("the standard");
    let tables = ["ODS_KCJBSJ", "CORE_XS"].map(|name| WantedTable::of_table(standard.find(name).expect("a table")));
    let views: Vec<(String, usize)> = tables.iter().map(|table| (table.view(), table.columns.len())).collect();
    let account = format!("o_{}", database.name);
    let request = Request {
        system: "教务系统".into(),
        account: account.clone(),
        host: "127.0.0.1".into(),
        tables: tables.into(),
        way: Way::Views(Product::Mysql),
    };
    database.run("CREATE TABLE your_table (x INT); INSERT INTO your_table VALUES (1)");
    database.run(&views_sql(&request, Product::Mysql, Lang::En));
    let source = Configured { kind: "mysql", settings: database.settings(), base: database.base() };
    for (view, columns) in views {
        let reading = source.read(&table(view));
        assert_eq!(reading.rows, [vec![None; columns]]);
    }
    database.run(&format!("DROP USER '{account}'@'127.0.0.1'"));
}
