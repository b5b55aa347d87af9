//! A table in a file, as a model: what stands in which column. It is written as CSV or as a workbook, and it says itself what
//! is true, so that nothing of the hub is needed to know.

use std::collections::BTreeMap;

use rust_xlsxwriter::{Format, Workbook};

use super::hub::{FIELDS, Truth};

/// Rows of a table.
pub const ROWS: usize = 24;

/// One column.
#[derive(Clone)]
pub struct Col {
    /// Its heading; empty where it has none.
    pub head: &'static str,
    /// The heading over it and its neighbours of the same group.
    pub group: &'static str,
    /// What it holds.
    pub attr: &'static str,
    /// How values are written.
    pub print: fn(String) -> String,
}

#[derive(Clone)]
pub struct Sheet {
    pub columns: Vec<Col>,
    /// Lines above the header.
    pub titles: usize,
    pub header: bool,
    /// The header stands there again as the first row of data.
    pub header_again: bool,
    /// What hours and leaders depend on.
    pub version: usize,
    pub rows: usize,
}

pub fn col(head: &'static str, attr: &'static str) -> Col {
    Col { head, group: "", attr, print: |text| text }
}

pub fn grouped(group: &'static str, head: &'static str, attr: &'static str) -> Col {
    Col { group, ..col(head, attr) }
}

/// What an attribute is in a row; another version has other hours and other leaders.
pub fn value(attr: &str, row: usize, version: usize) -> String {
    const WORDS: [&str; 6] = ["机械", "电子", "会计", "护理", "汽修", "园林"];
    match attr {
        "no" => format!("{:04}", row + 1),
        "name" => format!("{}{}", WORDS[row % 6], ["基础", "实务", "概论", "实训"][row / 6 % 4]),
        "hours" => (116 + row + version).to_string(),
        "practice" => (316 + row).to_string(),
        "contest" => format!("第{}届竞赛", row + 1),
        "url" => format!("https://kc.example/{row}"),
        "leader" => format!("T{:03}", row + 1 + version),
        "year" => (2005 + row % 16).to_string(),
        "memo" => format!("memo-{row}"),
        "sort" => (9000 + row).to_string(),
        "aide" => format!("A{:03}", row + 1),
        other => panic!("no attribute {other}"),
    }
}

impl Sheet {
    /// All that both mappings need, with plain headings, and two columns that nobody uses.
    pub fn plain() -> Self {
        let columns = vec![
            col("课程号", "no"),
            col("课程名称", "name"),
            col("总学时", "hours"),
            col("实践学时", "practice"),
            col("相关竞赛", "contest"),
            col("网址", "url"),
            col("负责人", "leader"),
            col("立项年度", "year"),
            col("备注", "memo"),
            col("序号", "sort"),
        ];
        Self { columns, titles: 0, header: true, header_again: false, version: 0, rows: ROWS }
    }

    /// The same without a header.
    pub fn headless() -> Self {
        Self { header: false, ..Self::plain() }
    }

    /// With headings on two lines, and the same words below two groups.
    pub fn grouped() -> Self {
        let mut sheet = Self::plain();
        sheet.columns[2] = grouped("学时", "总计", "hours");
        sheet.columns[3] = grouped("学时", "实践", "practice");
        sheet.columns[6] = grouped("人员", "负责", "leader");
        sheet.columns.insert(7, grouped("人员", "协助", "aide"));
        sheet
    }

    /// With one heading twice.
    pub fn doubled() -> Self {
        let mut sheet = Self::plain();
        sheet.columns.insert(7, col("负责人", "aide"));
        sheet
    }

    pub fn at(&self, attr: &str) -> usize {
        self.columns.iter().position(|col| col.attr == attr).expect("the attribute")
    }

    pub fn col(&mut self, attr: &str) -> &mut Col {
        let at = self.at(attr);
        &mut self.columns[at]
    }

    pub fn remove(&mut self, attr: &str) {
        let at = self.at(attr);
        self.columns.remove(at);
    }

    pub fn swap(&mut self, one: &str, other: &str) {
        let (one, other) = (self.at(one), self.at(other));
        self.columns.swap(one, other);
    }

    /// What a mapping has to call an attribute's column, as the guide says.
    pub fn name_of(&self, attr: &str) -> String {
        let at = self.at(attr);
        if !self.header {
            return format!("column_{}", at + 1);
        }
        let name = |col: &Col| if col.group.is_empty() { col.head.to_owned() } else { format!("{}/{}", col.group, col.head) };
        let own = name(&self.columns[at]);
        let before = self.columns[..at].iter().filter(|col| name(col) == own).count();
        if before == 0 { own } else { format!("{own}_{}", before + 1) }
    }

    fn cell(&self, col: &Col, row: usize) -> String {
        (col.print)(value(col.attr, row, self.version))
    }

    fn has_groups(&self) -> bool {
        self.columns.iter().any(|col| !col.group.is_empty())
    }

    fn lines(&self) -> Vec<Vec<String>> {
        let mut lines: Vec<Vec<String>> = (0..self.titles).map(|_| vec!["2024 学年课程一览".to_owned()]).collect();
        let heads = |of: &dyn Fn(&Col) -> &str| self.columns.iter().map(|col| of(col).to_owned()).collect::<Vec<_>>();
        if self.header && self.has_groups() {
            // A group's heading stands over its first column alone; below it stand the parts, and nothing elsewhere.
            let mut last = "";
            let mut above = Vec::new();
            for col in &self.columns {
                let text = if col.group.is_empty() {
                    col.head
                } else if col.group == last {
                    ""
                } else {
                    col.group
                };
                above.push(text.to_owned());
                last = col.group;
            }
            lines.push(above);
            lines.push(heads(&|col| if col.group.is_empty() { "" } else { col.head }));
        } else if self.header {
            lines.push(heads(&|col| col.head));
        }
        if self.header_again {
            lines.push(heads(&|col| col.head));
        }
        for row in 0..self.rows {
            lines.push(self.columns.iter().map(|col| self.cell(col, row)).collect());
        }
        lines
    }

    pub fn csv(&self) -> String {
        let width = self.columns.len();
        let line = |cells: &Vec<String>| {
            let mut cells = cells.clone();
            cells.resize(width, String::new());
            cells.join(",") + "\n"
        };
        self.lines().iter().map(line).collect()
    }

    /// A workbook; groups and titles are merged cells.
    pub fn xlsx(&self) -> Vec<u8> {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        let format = Format::new();
        let lines = self.lines();
        for (row, cells) in lines.iter().enumerate() {
            for (column, text) in cells.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                sheet.write_string(row as u32, column as u16, text).expect("written");
            }
        }
        let last = self.columns.len() as u16 - 1;
        for row in 0..self.titles as u32 {
            sheet.merge_range(row, 0, row, last, "2024 学年课程一览", &format).expect("merged");
        }
        let mut at = 0;
        while self.header && self.has_groups() && at < self.columns.len() {
            let group = self.columns[at].group;
            let end = at + self.columns[at..].iter().take_while(|col| col.group == group && !group.is_empty()).count().max(1);
            if end - at > 1 {
                sheet
                    .merge_range(self.titles as u32, at as u16, self.titles as u32, end as u16 - 1, group, &format)
                    .expect("merged");
            }
            at = end;
        }
        workbook.save_to_buffer().expect("a workbook")
    }

    /// What it says, by course number.
    pub fn truth(&self) -> Truth {
        let row = |row: usize| -> BTreeMap<&'static str, Option<String>> {
            let attrs = FIELDS.iter().flat_map(|(_, fields)| fields.iter().map(|(_, attr)| *attr));
            let cell = |attr| {
                let col = self.columns.iter().find(|col| col.attr == attr)?;
                Some(self.cell(col, row))
            };
            attrs.map(|attr| (attr, cell(attr))).collect()
        };
        let rows = (0..self.rows).map(row);
        rows.map(|row| (row["no"].clone().unwrap_or_default(), row)).collect()
    }
}
