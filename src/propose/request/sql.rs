//! Views and grants in the words of each database.

use std::fmt::Write as _;

use super::{Origin, Request, WantedColumn, WantedTable};
use crate::finding::Lang;
use crate::source::{Account, Product};

/// A name of several parts, such as `dbo.student`.
fn path(product: Product, name: &str) -> String {
    name.split('.').map(|part| product.written(part)).collect::<Vec<_>>().join(".")
}

/// How a view begins.
fn create(product: Product) -> &'static str {
    match product {
        // The account needs no right on the tables behind the view.
        Product::Mysql => "CREATE SQL SECURITY DEFINER VIEW",
        _ => "CREATE VIEW",
    }
}

/// What ends a statement that has to stand alone.
fn alone(product: Product) -> &'static str {
    if product == Product::SqlServer { "\nGO\n" } else { "\n" }
}

/// The script that the system's keeper runs: views, an account that can read them and nothing else.
///
/// A view over a mapped table is complete. Where the system's columns are not known, each stands as `NULL` with its
/// meaning beside it, for the keeper to fill in: the script is valid as it stands and gives no wrong value.
pub fn views_sql(request: &Request, product: Product, lang: Lang) -> String {
    let mut out = String::new();
    let say = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let _ = writeln!(out, "-- {} ({})", comment(&request.system), product.label());
    let _ = writeln!(
        out,
        "-- {}",
        say(
            "在存放业务数据的库（模式）中，由其所有者执行。视图只含所列各列，账号只能查询这些视图。",
            "To be run by the owner of the data, in its database (schema). The views hold the listed columns only; the \
             account can read these views and nothing else.",
        )
    );
    for table in &request.tables {
        out.push('\n');
        view(&mut out, table, product, lang);
        out.push_str(alone(product));
    }
    out.push('\n');
    account(&mut out, request, product, lang);
    out
}

fn view(out: &mut String, table: &WantedTable, product: Product, lang: Lang) {
    let title = if lang == Lang::Zh { &table.plan.label_zh } else { &table.plan.label_en };
    let _ = writeln!(out, "-- {} {}", comment(title), table.plan.name);
    let name = table.view();
    match &table.origin {
        Origin::Query(query) => {
            let query = query.trim().trim_end_matches(';');
            let _ = write!(out, "{} {name} AS\n{query};", create(product));
        }
        Origin::Object(object) => {
            let _ = writeln!(out, "{} {name} AS\nSELECT", create(product));
            for (at, column) in table.columns.iter().enumerate() {
                let comma = if at + 1 < table.columns.len() { "," } else { "" };
                let _ = writeln!(out, "    {}{comma} -- {}", product.written(&column.name), described(table, column, lang));
            }
            let _ = write!(out, "FROM {};", path(product, object));
        }
        Origin::Open => {
            let _ = writeln!(out, "{} {name} AS\nSELECT", create(product));
            for (at, column) in table.columns.iter().enumerate() {
                let comma = if at + 1 < table.columns.len() { "," } else { "" };
                let _ =
                    writeln!(out, "    NULL AS {}{comma} -- {}", product.written(&column.name), described(table, column, lang));
            }
            let what = if lang == Lang::Zh {
                "请把 NULL 换成贵方的列，把下面的表名换成贵方的表"
            } else {
                "put your columns in place of NULL, and your table in place of the name below"
            };
            let _ = write!(out, "-- {what}\nFROM your_table;");
        }
    }
}

fn described(table: &WantedTable, column: &WantedColumn, lang: Lang) -> String {
    let labels: Vec<String> = table.fields(column).map(|field| comment(&field.label)).collect();
    let note = match (table.is_mandatory(column), lang) {
        (true, Lang::Zh) => "，必填",
        (true, Lang::En) => ", mandatory",
        (false, _) => "",
    };
    match (labels.is_empty(), lang) {
        (true, Lang::Zh) => "用于选取、识别行".to_owned(),
        (true, Lang::En) => "chooses or names rows".to_owned(),
        (false, _) => format!("{}{note}", labels.join("、")),
    }
}

/// A text that ends no comment.
fn comment(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

fn account(out: &mut String, request: &Request, product: Product, lang: Lang) {
    let say = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let host = if request.host.is_empty() { "%" } else { &request.host };
    let password = say("<由贵方设定，另行告知>", "<yours to set; tell us apart from this file>");
    let account = Account { name: &request.account, host, password };
    let user = product.grantee(&account);
    let _ = writeln!(out, "-- {}", say("只读账号", "the account, for reading only"));
    out.push_str(&product.make(&account));
    let schema = say("视图不在 public 模式时，还需：", "where the views are not in the schema public, also:");
    let session = say("版本要求会话权限时，还需：", "where the version wants a right to connect, also:");
    let _ = match product {
        Product::Postgres | Product::Kingbase => writeln!(out, "-- {schema}\n-- GRANT USAGE ON SCHEMA … TO {user};"),
        Product::Dameng => writeln!(out, "-- {session}\n-- GRANT CREATE SESSION TO {user};"),
        _ => Ok(()),
    };
    for table in &request.tables {
        let _ = writeln!(out, "{}", product.grant(&table.view(), &user));
    }
    if product == Product::SqlServer {
        out.push_str("GO\n");
    }
}
