//! The letter by which a school asks for records to be withdrawn that it cannot delete by itself.

use std::collections::BTreeMap;

use super::GoneLine;
use crate::finding::{Lang, Page, Text};

/// Who writes to whom.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    /// The school's full name.
    pub(super) school: String,
    /// Its national code.
    pub(super) code: String,
    /// The standard's title, in the letter's language.
    pub(super) standard: String,
    /// `YYYY-MM-DD`.
    pub(super) date: String,
}

/// The letter, as HTML of one file. It names tables, counts, record keys and dates, and no value of any record.
pub(super) fn letter(writer: &Writer, lines: &[&GoneLine], lang: Lang) -> String {
    let Writer { school, code, standard, date } = writer;
    let title = Text::new("关于撤回已上报数据的函", "Request to withdraw reported records");
    let mut page = Page::new(lang, title.get(lang));
    page.both("p", "职业院校数据平台管理单位：", "To those who run the data platform of vocational schools:");
    page.both(
        "p",
        format!(
            "{school}（学校代码 {code}）按《{standard}》上报的下列 {} 条记录，在我校业务系统中已不存在，而该标准的相应数据表没有表示删除的\
             字段，我校无法通过接口撤回。请予以撤回（删除），并函复办理结果。",
            lines.len()
        ),
        format!(
            "The {} records below, which {school} (school code {code}) reported by the standard \"{standard}\", are no longer in the \
             school's own systems. Their tables have no field that says so, and the school cannot withdraw them over the interface. \
             Withdraw (delete) them, please, and tell us when it is done.",
            lines.len()
        ),
    );
    let mut tables: BTreeMap<&str, Vec<&GoneLine>> = BTreeMap::new();
    for line in lines {
        tables.entry(&line.table).or_default().push(line);
    }
    page.both("h2", "一、数据表和条数", "1. Tables and counts");
    let counts = tables.iter().map(|(table, own)| {
        let label = own.first().map(|line| line.label.clone()).unwrap_or_default();
        vec![(*table).to_owned(), label, own.len().to_string()]
    });
    let header = [["数据表", "名称", "条数"], ["table", "name", "records"]];
    page.rows(&words(header, lang), &counts.collect::<Vec<_>>());
    page.both("h2", "二、记录", "2. Records");
    for (table, own) in &tables {
        page.element("p", table);
        let rows = own.iter().map(|line| vec![line.key.clone(), line.since.clone(), reason(line, lang)]);
        let header = [["记录主键", "确认日期", "原因"], ["record key", "found", "reason"]];
        page.rows(&words(header, lang), &rows.collect::<Vec<_>>());
    }
    page.signed(school, date);
    page.finish()
}

fn reason(line: &GoneLine, lang: Lang) -> String {
    let source = &line.source;
    let text = Text::new(format!("来源系统 {source} 中已无该记录"), format!("no longer in the source system {source}"));
    text.get(lang).to_owned()
}

fn words(both: [[&str; 3]; 2], lang: Lang) -> [String; 3] {
    both[usize::from(lang == Lang::En)].map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_names_what_is_to_be_withdrawn_and_no_value() {
        let line = |table: &str, key: &str| GoneLine {
            upstream: "moe".into(),
            table: table.into(),
            label: "课程".into(),
            key: key.into(),
            natural_key: Some("KCH=K0001".into()),
            source: "jw".into(),
            since: "2024-11-20 10:00".into(),
            told: false,
        };
        let lines = [line("ODS_A", "A1"), line("ODS_A", "A2"), line("ODS_B", "B1")];
        let (school, code, date) = ("测试学院".to_owned(), "4199099998".to_owned(), "2024-11-21".to_owned());
        let writer = Writer { school, code, standard: "某标准".to_owned(), date };
        let page = letter(&writer, &lines.iter().collect::<Vec<_>>(), Lang::Zh);
        for part in
            ["函", "测试学院", "4199099998", "某标准", "2024-11-21", "3 条", "ODS_A", "<td>2</td>", "A1", "A2", "B1", "jw"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("K0001"), "values stay in the school: {page}");
        assert!(letter(&writer, &[], Lang::En).contains("Request to withdraw"));
    }
}
