//! The letter, as a page to print.

use super::{Origin, Request, WantedTable, Way};
use crate::finding::{Lang, Page, Text};
use crate::standard::Frequency;

/// Who writes.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The school's full name.
    pub school: String,
    /// The standard's full title.
    pub standard: String,
    /// Who issued it.
    pub issuer: String,
    /// `YYYY-MM-DD`.
    pub date: String,
}

/// The letter to the keeper of a system, as HTML of one file: what is wanted and why, how, how it is protected, and a
/// slip for the answer.
pub fn letter(request: &Request, sender: &Sender, lang: Lang) -> String {
    let (system, school) = (request.system.as_str(), sender.school.as_str());
    let title = Text::new(format!("关于请提供“{system}”数据接口的函"), format!("Request for data of the system \"{system}\""));
    let mut page = Page::new(lang, title.get(lang));
    page.both("p", format!("“{system}”的建设、运维单位："), format!("To those who build and run the system \"{system}\":"));
    page.both(
        "p",
        format!(
            "按照{}《{}》的要求，{school}须按期向职业院校数字基座报送数据。我校由校枢系统自动采集、校验和报送，不再人工填表，\
             为此需要从贵方系统读取下列数据。",
            sender.issuer, sender.standard
        ),
        format!(
            "By the standard \"{}\" ({}), {school} has to report data to the national digital base of vocational schools. Xiaoshu \
             collects, validates and reports them by itself, and for that has to read the following data of your system.",
            sender.standard, sender.issuer
        ),
    );
    needed(&mut page, request);
    way(&mut page, request);
    protection(&mut page, request);
    answer(&mut page, sender);
    page.finish()
}

fn needed(page: &mut Page, request: &Request) {
    page.both("h2", "一、需要的数据", "1. What is needed");
    let header = match page.lang() {
        Lang::Zh => ["序号", "数据", "名称", "列数", "其中必填", "其中敏感", "更新"],
        Lang::En => ["no.", "data", "name", "columns", "mandatory", "sensitive", "changes"],
    };
    let lang = page.lang();
    let row = |(at, table): (usize, &WantedTable)| {
        let count = |test: &dyn Fn(&super::WantedColumn) -> bool| table.columns.iter().filter(|c| test(c)).count().to_string();
        let label = if lang == Lang::Zh { &table.plan.label_zh } else { &table.plan.label_en };
        vec![
            (at + 1).to_string(),
            label.to_string(),
            table.view(),
            table.columns.len().to_string(),
            count(&|column| table.is_mandatory(column)),
            count(&|column| table.is_sensitive(column)),
            frequency(table.plan.frequency, lang).to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = request.tables.iter().enumerate().map(row).collect();
    page.rows(&header.map(str::to_owned), &rows);
    page.both(
        "p",
        "各列的含义、格式和取值见附件 columns.csv。贵方系统自己的代码、名称和日期写法可以保持不变，由我方转换；没有的列请留空并说明。",
        "columns.csv lists each column with meaning, form and values. Codes, names and dates may stay as your system writes \
         them: we convert them. Leave a column empty that your system does not have, and say so.",
    );
}

fn frequency(frequency: Frequency, lang: Lang) -> &'static str {
    let (zh, en) = match frequency {
        Frequency::Day | Frequency::DayAhead => ("每日", "daily"),
        Frequency::Week => ("每周", "weekly"),
        Frequency::Month => ("每月", "monthly"),
        Frequency::Term | Frequency::AutumnTerm => ("每学期", "each term"),
        Frequency::Year => ("每学年", "each school year"),
        Frequency::SchoolDecides => ("有变化时", "when something changes"),
    };
    if lang == Lang::Zh { zh } else { en }
}

fn way(page: &mut Page, request: &Request) {
    page.both("h2", "二、提供方式", "2. How");
    match request.way {
        Way::Views(_) => {
            page.both(
                "p",
                format!(
                    "请在数据库中建立附件 views.sql 所列的只读视图，并开设账号 {}，只授予查询这些视图的权限；请告知主机、端口、\
                     库名和字符集，密码请另行告知。{}",
                    request.account,
                    if request.host.is_empty() {
                        "连接来源地址：＿＿＿＿＿＿＿＿".to_owned()
                    } else {
                        format!("连接来源地址：{}。", request.host)
                    }
                ),
                format!(
                    "Make the views of views.sql in the database, and an account {} that can read these views and nothing else. \
                     Tell us host, port, database and character set, and the password apart from that. {}",
                    request.account,
                    if request.host.is_empty() {
                        "We connect from: ________________".to_owned()
                    } else {
                        format!("We connect from {}.", request.host)
                    }
                ),
            );
            if request.tables.iter().any(|table| table.origin == Origin::Open) {
                page.both(
                    "p",
                    "views.sql 中标有 NULL 的列，请换成贵方系统中相应的列；表名请换成贵方的表。视图的列名请保持不变。",
                    "Where views.sql says NULL, put the column of your system that holds it, and your tables in place of \
                     your_table. Keep the names of the views' columns.",
                );
            }
        }
        Way::Files => page.both(
            "p",
            "请由系统定时（建议每日）把上列数据导出为文件，每项数据一个文件，第一行为列名，全量导出；写完后再改为正式文件名，\
             放入我方指定的目录。格式为 CSV（UTF-8 或 GB18030）或 Excel。",
            "Let the system export each of the data above to a file of its own by itself, best daily: all rows, column names in \
             the first line, CSV (UTF-8 or GB18030) or Excel. Write under another name first, then rename it into the folder \
             that we name.",
        ),
    }
}

fn protection(page: &mut Page, request: &Request) {
    page.both("h2", "三、安全", "3. Protection");
    page.both(
        "p",
        "只读取所列各列，不写入、不建触发器、不在贵方服务器安装程序。读取使用一个连接，可以约定时段。数据只在校内保存，\
         按国家标准报送；日志中不出现数据内容。",
        "Only the listed columns are read; nothing is written, no trigger is made, nothing is installed on your servers. One \
         connection reads, at hours that can be agreed on. The data stay in the school and are reported as the standard says; no \
         log holds them.",
    );
    let mut labels: Vec<String> = Vec::new();
    for table in &request.tables {
        for column in table.columns.iter().filter(|column| table.is_sensitive(column)) {
            let sensitive = table.fields(column).filter(|field| field.sensitivity.is_sensitive());
            labels.extend(sensitive.map(|field| field.label.to_string()));
        }
    }
    labels.sort();
    labels.dedup();
    if !labels.is_empty() {
        let list = labels.join("、");
        page.both(
            "p",
            format!("涉及敏感个人信息的列：{list}。均为数据标准规定的报送内容或其关联所必需，不作他用。"),
            format!(
                "Columns with sensitive personal data: {list}. The standard asks for them, or they are needed to relate what it \
                 asks for; they serve nothing else."
            ),
        );
    }
}

fn answer(page: &mut Page, sender: &Sender) {
    page.both("p", "请于＿＿＿＿年＿＿月＿＿日前答复。", "Please answer by ____-__-__.");
    page.signed(&sender.school, &sender.date);
    page.both("h2", "回执", "Slip for the answer");
    let lines: [(&str, &str); 5] = [
        ("主机和端口", "host and port"),
        ("数据库类型、版本和库名", "kind, version and name of the database"),
        ("字符集", "character set"),
        ("不能提供的列及原因", "columns that cannot be had, and why"),
        ("联系人和电话", "whom to call"),
    ];
    let rows: Vec<Vec<String>> =
        lines.iter().map(|(zh, en)| vec![page.say((*zh).to_owned(), (*en).to_owned()), "\u{3000}".repeat(16)]).collect();
    let header = [page.say("事项".into(), "item".into()), page.say("填写".into(), "answer".into())];
    page.rows(&header, &rows);
}
