//! Remarks in the statement that made a table: `name TEXT, -- 姓名`.

use std::collections::HashMap;

/// What a statement says beside its columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    /// The remark in front of the first column.
    pub table: Option<String>,
    /// Remarks by column, names in lower case.
    pub columns: HashMap<String, String>,
}

enum Part {
    Word(String),
    Comma,
    Open,
    Close,
    NewLine,
    Remark(String),
}

/// The remarks of a `CREATE TABLE`. One at the end of a line belongs to the column that the line defines, behind its
/// comma or before it.
pub(super) fn remarks(sql: &str) -> Remarks {
    let mut out = Remarks::default();
    let (mut depth, mut column, mut fresh): (u32, Option<String>, bool) = (0, None, true);
    for part in parts(sql) {
        match part {
            Part::Open => {
                depth += 1;
                fresh |= depth == 1;
            }
            Part::Close => depth = depth.saturating_sub(1),
            Part::Comma if depth == 1 => fresh = true,
            // A remark on a line of its own belongs to nothing that stands before it.
            Part::NewLine if fresh && depth == 1 => column = None,
            Part::Comma | Part::NewLine => {}
            Part::Word(word) if depth == 1 && fresh => {
                column = Some(word.to_lowercase());
                fresh = false;
            }
            Part::Word(_) => {}
            Part::Remark(text) => match &column {
                Some(name) => drop(out.columns.entry(name.clone()).or_insert(text)),
                None if out.columns.is_empty() && out.table.is_none() => out.table = Some(text),
                None => {}
            },
        }
    }
    out
}

fn parts(sql: &str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let step = match c {
            '-' if rest.starts_with("--") => {
                let end = rest.find('\n').unwrap_or(rest.len());
                remark(&rest[2..end], &mut out);
                end
            }
            '/' if rest.starts_with("/*") => {
                let end = rest.find("*/").unwrap_or(rest.len());
                remark(&rest[2..end], &mut out);
                (end + 2).min(rest.len())
            }
            '"' | '`' | '\'' | '[' => {
                let close = if c == '[' { ']' } else { c };
                let inner = rest[1..].find(close).map_or(rest.len(), |at| at + 1);
                out.push(Part::Word(rest[1..inner].to_owned()));
                (inner + 1).min(rest.len())
            }
            '(' | ')' | ',' | '\n' => {
                out.push(match c {
                    '(' => Part::Open,
                    ')' => Part::Close,
                    ',' => Part::Comma,
                    _ => Part::NewLine,
                });
                1
            }
            _ if c.is_alphanumeric() || c == '_' => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                out.push(Part::Word(rest[..end].to_owned()));
                end
            }
            _ => c.len_utf8(),
        };
        rest = &rest[step..];
    }
    out
}

fn remark(text: &str, out: &mut Vec<Part>) {
    let text = text.trim();
    if !text.is_empty() {
        out.push(Part::Remark(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_belong_to_the_column_of_their_line() {
        let sql = "CREATE TABLE stu ( -- 学生信息表\n  no varchar(20) NOT NULL, -- 学号\n  \"Name\" text /* 姓名 */,\n  sex decimal(3,1) \
                   DEFAULT '--',\n  -- 以下为系统字段\n  ct text, PRIMARY KEY (no)\n)";
        let found = remarks(sql);
        assert_eq!(found.table.as_deref(), Some("学生信息表"));
        let mut columns: Vec<_> = found.columns.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        columns.sort_unstable();
        assert_eq!(columns, [("name", "姓名"), ("no", "学号")]);
    }

    #[test]
    fn a_statement_without_remarks_says_nothing() {
        assert_eq!(remarks("CREATE TABLE t (a int, b int)"), Remarks::default());
        assert_eq!(remarks("CREATE VIEW v AS SELECT 1"), Remarks::default());
    }
}
