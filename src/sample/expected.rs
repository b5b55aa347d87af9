//! What must come out: counted while the data are made, never by running the product.

use std::collections::BTreeMap;

/// What becomes of one row of a source in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Landed and stored.
    Good,
    /// Landed and stored, with a warning that its dates are in the wrong order.
    Odd,
    /// Left out by the mapping.
    Filtered,
    /// The same row once more.
    Duplicate,
    /// Waits in quarantine, by this rule.
    Quarantined(&'static str),
    /// Landed, and refused by the platform.
    Refused,
}

/// The numbers of one table after the first run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableExpected {
    /// Rows read of the source.
    pub read: u64,
    /// Rows landed, all of them for the first time.
    pub changed: u64,
    /// Rows that a second run finds unchanged.
    pub unchanged_again: u64,
    /// The same row once more in one read.
    pub duplicate: u64,
    /// Left out by the mapping.
    pub filtered: u64,
    /// Waiting in quarantine, by rule. No row breaks two rules.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// Stored at the platform; 0 for tables that do not leave the school.
    pub stored: u64,
    /// Refused by the platform.
    pub refused: u64,
    /// Landed with a warning that dates are in the wrong order; part of `changed`.
    pub odd: u64,
    /// Landed, and held back until a date is reached.
    pub held: u64,
}

impl TableExpected {
    pub(super) fn add(&mut self, fate: Fate) {
        self.read += 1;
        match fate {
            Fate::Good | Fate::Odd | Fate::Refused => {
                self.changed += 1;
                self.unchanged_again += 1;
                self.odd += u64::from(fate == Fate::Odd);
                if fate == Fate::Refused { self.refused += 1 } else { self.stored += 1 }
            }
            Fate::Filtered => self.filtered += 1,
            Fate::Duplicate => self.duplicate += 1,
            Fate::Quarantined(rule) => *self.quarantined.entry(rule).or_default() += 1,
        }
    }

    /// Rows in quarantine by any rule.
    pub fn quarantined_rows(&self) -> u64 {
        self.quarantined.values().sum()
    }

    fn merge(&mut self, other: &Self) {
        self.read += other.read;
        self.changed += other.changed;
        self.unchanged_again += other.unchanged_again;
        self.duplicate += other.duplicate;
        self.filtered += other.filtered;
        self.stored += other.stored;
        self.refused += other.refused;
        self.odd += other.odd;
        self.held += other.held;
        for (rule, n) in &other.quarantined {
            *self.quarantined.entry(rule).or_default() += n;
        }
    }
}

/// The numbers of all tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    tables: BTreeMap<&'static str, TableExpected>,
}

impl Expected {
    pub(super) fn table(&mut self, name: &'static str) -> &mut TableExpected {
        self.tables.entry(name).or_default()
    }

    /// Tables that stay in the school are stored nowhere else.
    pub(super) fn keep_rosters_home(&mut self) {
        for (name, counts) in &mut self.tables {
            if name.starts_with("CORE_") {
                counts.stored = 0;
            }
        }
    }

    /// Table by table, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&'static str, &TableExpected)> {
        self.tables.iter().map(|(name, counts)| (*name, counts))
    }

    /// One table.
    pub fn of(&self, table: &str) -> Option<&TableExpected> {
        self.tables.get(table)
    }

    /// All tables together.
    pub fn total(&self) -> TableExpected {
        let mut total = TableExpected::default();
        for counts in self.tables.values() {
            total.merge(counts);
        }
        total
    }
}

/// Values that the demo's platform refuses although the published standard allows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The table.
    pub table: &'static str,
    /// The field.
    pub field: &'static str,
    /// The values refused.
    pub values: &'static [&'static str],
    /// What the platform answers.
    pub error: &'static str,
}

/// What the demo's platform refuses: its own lists are stricter than the print in four places.
pub const REFUSALS: &[Refusal] = &[
    Refusal {
        table: "ODS_SXBGJLSJ",
        field: "SXGWMC",
        values: &["待定岗位", "其他岗位"],
        error: "实习岗位名称(SXGWMC)不规范，请填写实际岗位名称",
    },
    Refusal {
        table: "ODS_TSJBSJ", field: "FLH", values: &["ZZ99", "XX00"], error: "分类号(FLH)不在中国图书馆分类法中"
    },
    Refusal { table: "ODS_XSXKSJ", field: "XKXZM", values: &["9"], error: "选课性质码(XKXZM)取值9已停用" },
    Refusal {
        table: "ODS_TZCSCJSJ",
        field: "CSXMMC",
        values: &["跳绳"],
        error: "测试项目名称(CSXMMC)不在国家学生体质健康标准大学组项目中",
    },
];
