//! Text tables that stay aligned with wide (Chinese) characters.

use unicode_width::UnicodeWidthStr;

/// Which side a column's cells stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A table of texts.
pub(super) struct TextTable {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table with a heading row.
    pub(super) fn new(columns: &[(&str, Side)]) -> Self {
        let heading = columns.iter().map(|(name, _)| clean(name)).collect();
        Self { sides: columns.iter().map(|(_, side)| *side).collect(), rows: vec![heading] }
    }

    /// Adds a row; missing cells stay blank.
    pub(super) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = cells.into_iter().map(|cell| clean(cell.as_ref())).collect();
        row.resize(self.sides.len(), String::new());
        self.rows.push(row);
    }

    /// Whether there is nothing but the heading.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The lines, each ended.
    pub(super) fn render(&self) -> String {
        let widths: Vec<usize> =
            (0..self.sides.len()).map(|at| self.rows.iter().map(|row| row[at].width()).max().unwrap_or(0)).collect();
        let mut out = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            self.line(row, &widths, &mut out);
            if number == 0 {
                out.push_str(&"─".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)));
                out.push('\n');
            }
        }
        out
    }

    fn line(&self, row: &[String], widths: &[usize], out: &mut String) {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let blanks = " ".repeat(widths[at] - cell.width());
            if at > 0 {
                line.push_str("  ");
            }
            match self.sides[at] {
                Side::Left => line.extend([cell.as_str(), &blanks]),
                Side::Right => line.extend([blanks.as_str(), cell]),
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// A cell is one line without control characters: what comes from files and servers must not steer the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Cuts a text to a display width, with an ellipsis where something was cut.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chinese_and_latin_cells_line_up() {
        let mut table = TextTable::new(&[("表", Side::Left), ("名称", Side::Left), ("rows", Side::Right)]);
        table.row(["A", "课程", "7"]);
        table.row(["ABC", "x\u{1b}[31m", "12345"]);
        let wanted = ["表   名称     rows", &"─".repeat(18), "A    课程        7", "ABC  x [31m  12345"];
        assert_eq!(table.render(), wanted.join("\n") + "\n");
    }

    #[test]
    fn cutting_never_halves_a_wide_character() {
        assert_eq!(cut("课程数据", 8), "课程数据");
        assert_eq!(cut("课程数据", 7), "课程数…");
        assert_eq!(cut("课程数据", 6), "课程…");
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    proptest! {
        #[test]
        fn every_line_ends_at_the_last_column(cells in proptest::collection::vec(("[a-z课程（）]{0,8}", 0u32..100_000), 1..8)) {
            let mut table = TextTable::new(&[("name", Side::Left), ("n", Side::Right)]);
            for (name, n) in &cells {
                table.row([name.clone(), n.to_string()]);
            }
            let text = table.render();
            let widths: Vec<usize> = text.lines().map(UnicodeWidthStr::width).collect();
            prop_assert!(widths.windows(2).all(|w| w[0] == w[1]), "{text}");
        }

        #[test]
        fn a_cut_text_fits(text in ".{0,40}", width in 1usize..30) {
            prop_assert!(cut(&clean(&text), width).width() <= width);
        }
    }
}
