//! `request SYSTEM`: what a school sends to the keeper of a system.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::plan::{HUB_SOURCE, Plan};
use super::{AskedTable, Context, Failure, SystemAnswer, SystemRequest};
use crate::finding::{Lang, Text};
use crate::propose::{Origin, Request, Sender, WantedTable, Way, columns_csv, letter, mapping_toml, views_sql};
use crate::source::Product;

/// Writes the letter and what goes with it.
pub(super) fn answer(context: &Context<'_>, request: &SystemRequest) -> Result<SystemAnswer, Failure> {
    let plan = Plan::load(context)?;
    let tables = wanted(&plan, request)?;
    let way = way(&plan, request)?;
    let asked = Request {
        system: request.title.clone().unwrap_or_else(|| request.system.clone()),
        account: request.account.clone(),
        host: request.host.clone().unwrap_or_default(),
        tables,
        way,
    };
    let to = request.to.clone().unwrap_or_else(|| PathBuf::from(format!("request-{}", request.system.replace(['/', '\\'], "_"))));
    let files = files(&plan, request, &asked, context.lang)?;
    write(&to, &files)?;
    let tables = asked.tables.iter().map(|table| AskedTable {
        table: table.plan.name.to_string(),
        label: table.plan.label_zh.to_string(),
        view: table.view(),
        columns: table.columns.len(),
        mandatory: table.columns.iter().filter(|column| table.is_mandatory(column)).count(),
        sensitive: table.columns.iter().filter(|column| table.is_sensitive(column)).count(),
        mapped: table.origin != Origin::Open,
    });
    let names = files.into_iter().map(|(name, _)| name);
    Ok(SystemAnswer { tables: tables.collect(), files: names.collect(), to })
}

/// The tables: those named, else those that the source is mapped onto.
fn wanted(plan: &Plan, request: &SystemRequest) -> Result<Vec<WantedTable>, Failure> {
    let own: Vec<_> = plan.active().filter(|(document, _)| document.source() == request.system).collect();
    if request.tables.is_empty() {
        if own.is_empty() {
            super::named::source(plan, &request.system).map_err(with_tables_hint)?;
            return Err(Failure::Unknown(Text::new(
                format!("还没有映射使用数据源 {}。解决办法：用 --table 写出需要的表", request.system),
                format!("no mapping uses the source {} yet; fix: name the tables you need with --table", request.system),
            )));
        }
        return Ok(own.into_iter().map(|(document, table)| WantedTable::of_mapping(document, table)).collect());
    }
    let mut missing = Vec::new();
    let mut tables = Vec::new();
    for name in &request.tables {
        let mapped = own.iter().find(|(_, table)| &*table.name == name.as_str());
        match (mapped, plan.standard.find(name)) {
            (Some((document, table)), _) => tables.push(WantedTable::of_mapping(document, table)),
            (None, Some(table)) => tables.push(WantedTable::of_table(table)),
            (None, None) => missing.push(name.as_str()),
        }
    }
    if missing.is_empty() { Ok(tables) } else { Err(no_tables(plan, &missing)) }
}

fn with_tables_hint(failure: Failure) -> Failure {
    match failure {
        Failure::Unknown(text) => Failure::Unknown(Text::new(
            format!("{}；若尚未配置该系统，用 --table 写出需要的表", text.zh),
            format!("{}; for a system that is not in the settings yet, name the tables you need with --table", text.en),
        )),
        other => other,
    }
}

fn no_tables(plan: &Plan, missing: &[&str]) -> Failure {
    let near = |name: &&str| {
        let known = plan.standard.tables().iter().map(|table| &*table.name);
        crate::config::nearest(name, known).map(|near| (format!("{name} → {near}？"), format!("{name}: did you mean {near}?")))
    };
    let hints: Vec<(String, String)> = missing.iter().filter_map(near).collect();
    let edition = plan.standard.edition().as_str();
    let zh: Vec<&str> = hints.iter().map(|(zh, _)| zh.as_str()).collect();
    let en: Vec<&str> = hints.iter().map(|(_, en)| en.as_str()).collect();
    let or = |list: Vec<&str>, otherwise: &str| if list.is_empty() { otherwise.to_owned() } else { list.join(" ") };
    Failure::Unknown(Text::new(
        format!("标准 {edition} 中没有表 {}。解决办法：{}", missing.join("、"), or(zh, "`xiaoshu standard show` 列出全部表")),
        format!(
            "there is no table {} in the standard {edition}; fix: {}",
            missing.join(", "),
            or(en, "`xiaoshu standard show` lists all tables")
        ),
    ))
}

/// How the data is to come: as asked for, else as the kind of the source says.
fn way(plan: &Plan, request: &SystemRequest) -> Result<Way, Failure> {
    if let Some(way) = request.way {
        return Ok(way);
    }
    let kind = plan.loaded.settings.sources.get(&request.system).map(|source| source.kind.as_str());
    match kind {
        Some("mysql") => Ok(Way::Views(Product::Mysql)),
        Some("postgres") => Ok(Way::Views(Product::Postgres)),
        Some("sqlserver") => Ok(Way::Views(Product::SqlServer)),
        Some("csv" | "excel") => Ok(Way::Files),
        Some(HUB_SOURCE) => Err(Failure::Unknown(Text::new(
            "数据源 hub 是校枢自身，无需去函。解决办法：写业务系统的名称",
            "the source hub is the hub itself, nobody has to be asked; fix: name a system of the school",
        ))),
        _ => {
            let known: Vec<&str> = Product::SERVERS.iter().map(|product| product.name()).collect();
            let known = known.join(", ");
            Err(Failure::Unknown(Text::new(
                format!("不知道 {} 的数据如何取得。解决办法：用 --way 写出数据库种类（{known}）或 files（文件）", request.system),
                format!(
                    "it is not known how the data of {} can be had; fix: name its database with --way ({known}), or files",
                    request.system
                ),
            )))
        }
    }
}

fn files(plan: &Plan, request: &SystemRequest, asked: &Request, lang: Lang) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let info = plan.standard.info();
    let sender = Sender {
        school: plan.loaded.settings.school.name.clone(),
        standard: if lang == Lang::Zh { info.title_zh.clone() } else { info.title_en.clone() },
        issuer: info.issuer.clone(),
        date: jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).strftime("%Y-%m-%d").to_string(),
    };
    let columns = columns_csv(asked, lang).map_err(|e| Failure::io("columns.csv", &std::io::Error::other(e)))?;
    let mut files =
        vec![("letter.html".to_owned(), letter(asked, &sender, lang).into_bytes()), ("columns.csv".to_owned(), columns)];
    if let Way::Views(dialect) = asked.way {
        files.push(("views.sql".to_owned(), views_sql(asked, dialect, lang).into_bytes()));
        let owner =
            plan.loaded.settings.sources.get(&request.system).and_then(|source| source.owner.as_deref()).unwrap_or_default();
        for table in asked.tables.iter().filter(|table| table.origin == Origin::Open) {
            let text = mapping_toml(table, &request.system, owner);
            files.push((format!("mappings/{}.toml", table.plan.name), text.into_bytes()));
        }
    }
    Ok(files)
}

/// Writes the files into a folder that does not have them yet: what was sent to somebody is not overwritten.
fn write(to: &Path, files: &[(String, Vec<u8>)]) -> Result<(), Failure> {
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |e: std::io::Error| Failure::io(&path, &e)
    };
    let there: Arc<[&str]> = files.iter().map(|(name, _)| name.as_str()).filter(|name| to.join(name).exists()).collect();
    if let Some(first) = there.first() {
        return Err(Failure::Unknown(Text::new(
            format!("{} 已存在，不会覆盖。解决办法：移走它，或用 --to 写另一个目录", to.join(first).display()),
            format!(
                "{} exists and is not overwritten; fix: move it away, or name another folder with --to",
                to.join(first).display()
            ),
        )));
    }
    for (name, content) in files {
        let path = to.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io(folder))?;
        }
        std::fs::write(&path, content).map_err(io(&path))?;
    }
    Ok(())
}
