//! Statements over many rows, in a few sizes each, so that they stay prepared.

use sqlx::AssertSqlSafe;

/// Rows a statement may carry. More sizes would save statements and cost prepared ones.
const SIZES: [usize; 5] = [500, 100, 20, 5, 1];

/// A statement with a part that is repeated for each row.
pub(super) struct Form {
    /// Before the rows.
    pub(super) head: &'static str,
    /// Each row.
    pub(super) row: &'static str,
    /// Behind the rows.
    pub(super) tail: &'static str,
}

impl Form {
    /// The text for so many rows.
    pub(super) fn sql(&self, rows: usize) -> AssertSqlSafe<String> {
        let mut text = String::with_capacity(self.head.len() + self.tail.len() + rows * (self.row.len() + 1));
        text.push_str(self.head);
        for i in 0..rows {
            if i > 0 {
                text.push(',');
            }
            text.push_str(self.row);
        }
        text.push_str(self.tail);
        AssertSqlSafe(text)
    }
}

/// Cuts a slice into pieces of the sizes that statements have, largest first.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|&size| size <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::{Form, pieces};

    #[test]
    fn pieces_cover_all_rows_in_order() {
        for len in [0, 1, 4, 5, 19, 99, 100, 501, 1234] {
            let rows: Vec<usize> = (0..len).collect();
            assert_eq!(pieces(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        }
    }

    #[test]
    fn a_form_repeats_its_row() {
        let form = Form { head: "VALUES ", row: "(?,?)", tail: " END" };
        assert_eq!(form.sql(2).0, "VALUES (?,?),(?,?) END");
    }
}
