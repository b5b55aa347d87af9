//! Tables about persons that may only show groups: rows that stand for too few go together with later ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::civil::Date;

use super::section::{GroupsSection, Within};
use super::{DeriveContext, DerivedRow, Refused};
use crate::finding::Text;
use crate::source::{Column, SourceBatch};

/// What parts words in a cell, and what joins them again.
const PARTS: [char; 8] = [',', '，', '、', ';', '；', '/', '|', ' '];
const JOIN: &str = "、";

/// Rows by date, with how many cases each stands for.
type Days = BTreeMap<Date, (u64, DerivedRow)>;

pub(super) struct Groups {
    count: usize,
    date: usize,
    within: Within,
    by: Vec<usize>,
    sum: Vec<usize>,
    mean: Vec<usize>,
    words: BTreeMap<usize, Vec<String>>,
    least: u64,
    width: usize,
    /// What goes together, and within it by date: there is one row a date, or the rows are no groups.
    rows: BTreeMap<(DerivedRow, Date), Days>,
    pub(super) withheld: u64,
}

impl Groups {
    pub(super) fn compile(
        section: &GroupsSection,
        columns: &[Column],
        ctx: &DeriveContext,
        place: &mut dyn FnMut(&str, &str) -> Option<usize>,
    ) -> Option<Self> {
        let (count, date) = (place(&section.count, "/groups/count"), place(&section.date, "/groups/date"));
        let mut several =
            |names: &[String], pointer: &str| -> Vec<usize> { names.iter().filter_map(|name| place(name, pointer)).collect() };
        let by = several(&section.by, "/groups/by");
        let sum = several(&section.sum, "/groups/sum");
        let mean = several(&section.mean, "/groups/mean");
        let words =
            section.words.iter().filter_map(|(name, words)| Some((place(name, "/groups/words")?, words.clone()))).collect();
        Some(Self {
            count: count?,
            date: date?,
            within: section.within,
            by,
            sum,
            mean,
            words,
            least: u64::from(ctx.smallest_group),
            width: columns.len(),
            rows: BTreeMap::new(),
            withheld: 0,
        })
    }

    pub(super) fn take(&mut self, batch: &SourceBatch) -> Result<(), Refused> {
        if !batch.faults().is_empty() {
            return Err(Refused(Text::new(
                "来源中有无法完整读取的行；更正来源或其编码",
                "a row cannot be read whole; mend the source or its encoding",
            )));
        }
        for row in 0..batch.len() {
            let mut cells: DerivedRow =
                (0..self.width).map(|at| batch.cell(row, at).map(|text| text.trim().to_owned())).collect();
            let count = cells[self.count].as_deref().and_then(|text| text.parse::<u64>().ok()).filter(|n| *n > 0);
            let (Some(count), Some(day)) = (count, cells[self.date].as_deref().and_then(day)) else { return Err(shapeless()) };
            for (at, words) in &self.words {
                cells[*at] = told(cells[*at].as_deref().unwrap_or_default(), words);
            }
            let together = (self.by.iter().map(|at| cells[*at].clone()).collect(), self.within.start(day));
            if self.rows.entry(together).or_default().insert(day, (count, cells)).is_some() {
                return Err(single());
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, made: &mut VecDeque<DerivedRow>) -> Result<(), Refused> {
        for (_, days) in std::mem::take(&mut self.rows) {
            let mut open: Option<(u64, DerivedRow)> = None;
            for (count, cells) in days.into_values() {
                let (count, cells) = match open.take() {
                    None => (count, cells),
                    Some(before) => self.together(before, (count, cells)),
                };
                if count >= self.least {
                    made.push_back(cells);
                } else {
                    open = Some((count, cells));
                }
            }
            self.withheld += open.map_or(0, |(count, _)| count);
        }
        Ok(())
    }

    /// Two rows as one of the later date: counts and sums add up, means are weighted, words unite, and of the rest only
    /// what both say stays.
    fn together(&self, before: (u64, DerivedRow), after: (u64, DerivedRow)) -> (u64, DerivedRow) {
        let ((few, before), (more, after)) = (before, after);
        let count = few + more;
        let cells = before.into_iter().zip(after).enumerate().map(|(at, (a, b))| match (a, b) {
            _ if at == self.count => Some(count.to_string()),
            (_, b) if at == self.date => b,
            (a, b) if self.sum.contains(&at) => added(a.as_deref(), b.as_deref()),
            (Some(a), Some(b)) if self.mean.contains(&at) => mean((&a, few), (&b, more)),
            (a, b) if self.words.contains_key(&at) => united(a.as_deref(), b.as_deref()),
            (a, b) => a.filter(|a| b.as_ref() == Some(a)),
        });
        (count, cells.collect())
    }
}

/// A date in its usual forms, a time behind it left off.
pub(super) fn day(text: &str) -> Option<Date> {
    let digits: String = text.chars().take(10).filter(char::is_ascii_digit).take(8).collect();
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
    if digits.len() != 8 {
        return None;
    }
    Date::new(part(0, 4)?, i8::try_from(part(4, 6)?).ok()?, i8::try_from(part(6, 8)?).ok()?).ok()
}

/// The words of a text that may be told, each once, in the order of the list.
fn told(text: &str, words: &[String]) -> Option<String> {
    let parts: BTreeSet<&str> = text.split(PARTS).map(str::trim).collect();
    let found: Vec<&str> = words.iter().map(String::as_str).filter(|word| parts.contains(word)).collect();
    (!found.is_empty()).then(|| found.join(JOIN))
}

fn united(a: Option<&str>, b: Option<&str>) -> Option<String> {
    let all: BTreeSet<&str> = [a, b].into_iter().flatten().flat_map(|text| text.split(JOIN)).collect();
    (!all.is_empty()).then(|| all.into_iter().collect::<Vec<_>>().join(JOIN))
}

/// The sum of whole numbers; nothing where one is none.
fn added(a: Option<&str>, b: Option<&str>) -> Option<String> {
    let whole = |text: Option<&str>| text.filter(|text| !text.is_empty()).map_or(Some(0), |text| text.parse::<u64>().ok());
    match (a, b) {
        (None, None) => None,
        (a, b) => whole(a)?.checked_add(whole(b)?).map(|sum| sum.to_string()),
    }
}

/// The weighted mean of two numbers, whole as far as both are.
fn mean(a: (&str, u64), b: (&str, u64)) -> Option<String> {
    let (left, right) = (a.0.parse::<f64>().ok()?, b.0.parse::<f64>().ok()?);
    let value = (left * a.1 as f64 + right * b.1 as f64) / (a.1 + b.1) as f64;
    let places = usize::from(a.0.contains('.') || b.0.contains('.')) * 2;
    value.is_finite().then(|| format!("{value:.places$}"))
}

fn shapeless() -> Refused {
    Refused(Text::new(
        "本表只接受汇总数据：[groups] 的 count 列须为正整数（每行代表的人次），date 列须为日期；单行数据被拒绝，未保留任何内容。\
         在来源处分组汇总后再读取",
        "this table takes groups only: the column count of [groups] must hold whole numbers above 0 (how many cases a row stands \
         for), the column date a date; single rows are refused and nothing of them was kept. Group them in the query",
    ))
}

fn single() -> Refused {
    Refused(Text::new(
        "本表只接受汇总数据：同一组、同一天有两行，说明读到的是单行数据；已拒绝，未保留任何内容。\
         在来源处按 by 各列和日期分组汇总（GROUP BY）",
        "this table takes groups only: two rows of one group and day came, so the rows are single ones; they are refused and nothing \
         of them was kept. Group them in the query by the columns of by and the date (GROUP BY)",
    ))
}
