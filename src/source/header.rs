//! Finds the column names of a table in a file: under titles, on one line or on several.

use std::ops::Range;
use std::sync::Arc;

use super::{Column, ColumnKind};
use crate::finding::Text;

/// The header is looked for in so many rows.
const WITHIN: usize = 10;

/// What the settings say of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wish {
    /// The line or row that it begins on, counted from 1; 0 says that there is none.
    pub row: Option<u64>,
    /// How many rows it takes.
    pub rows: Option<u64>,
}

/// One of the first rows of a file.
pub(super) trait Row {
    /// Its cells.
    fn cells(&self) -> &[String];

    /// The line it begins on, counted from 1.
    fn line(&self) -> u64;

    /// How many cells have something in them.
    fn filled(&self) -> usize {
        self.cells().iter().filter(|cell| !cell.trim().is_empty()).count()
    }

    /// Cells up to the last one with something in it.
    fn reach(&self) -> usize {
        self.cells().iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1)
    }
}

/// Which of the rows are the header, in a table of so many columns; empty where the settings say that there is none.
/// `None`: no row can be one.
pub(super) fn find<R: Row>(rows: &[R], width: usize, wish: Wish) -> Option<Range<usize>> {
    let first = match wish.row {
        Some(0) => return Some(0..0),
        Some(line) => rows.iter().position(|row| row.line() == line)?,
        None => {
            let likely = rows.iter().take(WITHIN).position(|row| row.filled() * 2 > width && row.filled() > 0);
            likely.or_else(|| rows.iter().position(|row| row.filled() > 0))?
        }
    };
    let taken = match wish.rows {
        Some(count) => first..rows.len().min(first + count.max(1) as usize),
        None if rows.get(first + 1).is_some_and(|below| is_divided(rows[first].cells(), below.cells())) => first..first + 2,
        None if wish.row.is_none() && first > 0 && groups(rows[first - 1].cells(), rows[first].cells()) => first - 1..first + 1,
        None => first..first + 1,
    };
    Some(taken)
}

/// Whether the row below names the parts of columns: it has texts only under a name that the cells behind it are left
/// empty for, and under all of those. A row of data would have to be empty everywhere else.
fn is_divided(names: &[String], below: &[String]) -> bool {
    let at = |row: &[String], index: usize| row.get(index).is_some_and(|cell| !cell.trim().is_empty());
    let width = names.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
    let reach = below.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
    let width = width.max(reach);
    let mut divided = false;
    let mut index = 0;
    while index < width {
        if !at(names, index) {
            return false;
        }
        let mut end = index + 1;
        while end < width && !at(names, end) {
            end += 1;
        }
        let group = end - index > 1;
        if (index..end).any(|cell| at(below, cell) != group) {
            return false;
        }
        divided |= group;
        index = end;
    }
    divided && below.iter().all(|cell| cell.trim().parse::<f64>().is_err())
}

/// Whether a row above repeated names tells them apart: groups over columns that are called alike.
fn groups(above: &[String], names: &[String]) -> bool {
    let repeated = names.iter().enumerate().any(|(at, name)| !name.trim().is_empty() && names[..at].contains(name));
    let filled = above.iter().filter(|cell| !cell.trim().is_empty()).count();
    repeated && filled > 1
}

/// The columns: trimmed names, each there once, those of several rows joined by `/`; a note for each name made up.
pub(super) fn columns<R: Row>(header: &[R], width: usize) -> (Arc<[Column]>, Vec<Text>) {
    let mut names = vec![String::new(); width];
    for (depth, row) in header.iter().enumerate() {
        let mut group = String::new();
        for (index, name) in names.iter_mut().enumerate() {
            let own = row.cells().get(index).map(|cell| tidy(cell)).unwrap_or_default();
            let deeper = header[depth + 1..].iter().any(|row| row.cells().get(index).is_some_and(|cell| !tidy(cell).is_empty()));
            if !own.is_empty() {
                group.clone_from(&own);
            } else if !deeper {
                // Nothing below: the name above stands for the whole column, and no group reaches beyond it.
                group.clear();
                continue;
            }
            let ends_with = name.rsplit('/').next() == Some(group.as_str());
            if !group.is_empty() && !ends_with {
                if !name.is_empty() {
                    name.push('/');
                }
                name.push_str(&group);
            }
        }
    }
    unique(&names)
}

/// Columns of a table without a header.
pub(super) fn numbered(width: usize) -> Arc<[Column]> {
    unique(&vec![String::new(); width.max(1)]).0
}

fn unique(given: &[String]) -> (Arc<[Column]>, Vec<Text>) {
    let mut names: Vec<String> = Vec::with_capacity(given.len());
    let mut notes = Vec::new();
    for (index, name) in given.iter().enumerate() {
        let number = index + 1;
        let mut unique = if name.is_empty() { format!("column_{number}") } else { name.clone() };
        let (stem, mut copy) = (unique.clone(), 1);
        while names.contains(&unique) || (copy > 1 || name.is_empty()) && given.contains(&unique) {
            copy += 1;
            unique = format!("{stem}_{copy}");
        }
        if unique != *name {
            notes.push(Text::new(
                format!("第 {number} 列的列名{}，按“{unique}”读取", if name.is_empty() { "为空" } else { "重复" }),
                format!(
                    "column {number} has {} name; it is read as \"{unique}\"",
                    if name.is_empty() { "no" } else { "a repeated" }
                ),
            ));
        }
        names.push(unique);
    }
    (names.into_iter().map(|name| Column { name: name.into(), kind: ColumnKind::Unknown }).collect(), notes)
}

fn tidy(name: &str) -> String {
    let bare = name.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{FEFF}' | '\u{200B}'));
    bare.split(['\r', '\n']).map(str::trim).collect()
}

/// The usual number of cells in a row: the one whose rows hold the most cells, so that a few wide rows outweigh many
/// title lines. `cells` counts those of a row; rows with nothing in them do not count.
pub(super) fn usual<R: Row>(rows: &[R], cells: impl Fn(&R) -> usize) -> (usize, usize) {
    let mut best = (0, 0);
    for row in rows.iter().filter(|row| row.filled() > 0) {
        let width = cells(row);
        let alike = rows.iter().filter(|other| other.filled() > 0 && cells(other) == width).count();
        best = best.max((alike * width, width));
    }
    (best.0 / best.1.max(1), best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line(u64, Vec<String>);

    impl Row for Line {
        fn cells(&self) -> &[String] {
            &self.1
        }

        fn line(&self) -> u64 {
            self.0
        }
    }

    fn names(rows: &[&str], wish: Wish) -> Vec<String> {
        let rows: Vec<Line> =
            rows.iter().zip(1..).map(|(row, line)| Line(line, row.split(',').map(str::to_owned).collect())).collect();
        let width = rows.iter().map(Row::reach).max().unwrap();
        let header = find(&rows, width, wish).unwrap();
        columns(&rows[header], width).0.iter().map(|column| column.name.to_string()).collect()
    }

    #[test]
    fn names_on_two_lines_are_joined() {
        let auto = Wish::default();
        for (rows, expected) in [
            (
                &["学号,姓名,家庭,,备注", ",,父亲,母亲,", "1,张三,张四,李五,"][..],
                &["学号", "姓名", "家庭/父亲", "家庭/母亲", "备注"][..],
            ),
            (
                &["名单,,,", "学生,,家长,", "姓名,电话,姓名,电话", "a,1,b,2"],
                &["学生/姓名", "学生/电话", "家长/姓名", "家长/电话"],
            ),
            // A row of data under a column without a name is no second line.
            (&["学号,姓名,", "一,张三,好"], &["学号", "姓名", "column_3"]),
            (&["学号,成绩,,备注", ",90,80,"], &["学号", "成绩", "column_3", "备注"]),
            (&["2024 学年,学生名单", "学号,姓名", "1,张三"], &["2024 学年", "学生名单"]),
        ] {
            assert_eq!(names(rows, auto), expected, "{rows:?}");
        }
    }

    #[test]
    fn settings_say_where_the_header_is() {
        let rows = ["2024 学年,学生名单", "基本,", "学号,学号", "1,2"];
        assert_eq!(names(&rows, Wish { row: Some(3), rows: Some(1) }), ["学号", "学号_2"]);
        assert_eq!(names(&rows, Wish { row: Some(2), rows: Some(2) }), ["基本/学号", "基本/学号_2"]);
        assert_eq!(names(&rows, Wish { row: Some(1), rows: Some(3) }), ["2024 学年/基本/学号", "学生名单/基本/学号"]);
    }
}
