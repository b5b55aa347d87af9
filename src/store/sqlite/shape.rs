//! Statements over many rows, in a few shapes each, so that they stay prepared.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::AssertSqlSafe;

/// Rows a statement may carry. More shapes would save statements and cost prepared ones.
const SIZES: [usize; 5] = [500, 100, 20, 5, 1];

/// A statement with a part that is repeated for each row; `#` in that part becomes the row's ordinal.
pub(super) struct Form {
    /// Before the rows.
    pub(super) head: &'static str,
    /// Each row.
    pub(super) row: &'static str,
    /// Behind the rows.
    pub(super) tail: &'static str,
}

/// Texts of statements already built.
pub(super) struct Shapes {
    texts: HashMap<(usize, usize), Arc<str>>,
}

impl Shapes {
    pub(super) fn new() -> Self {
        Self { texts: HashMap::new() }
    }

    /// The text of a form for so many rows.
    pub(super) fn sql(&mut self, form: &'static Form, rows: usize) -> AssertSqlSafe<Arc<str>> {
        // Forms are statics, so their address names them.
        let key = (std::ptr::from_ref(form) as usize, rows);
        let text = self.texts.entry(key).or_insert_with(|| {
            let mut text = String::with_capacity(form.head.len() + form.tail.len() + rows * (form.row.len() + 4));
            text.push_str(form.head);
            for i in 0..rows {
                if i > 0 {
                    text.push(',');
                }
                text.push_str(&form.row.replace('#', &i.to_string()));
            }
            text.push_str(form.tail);
            text.into()
        });
        AssertSqlSafe(Arc::clone(text))
    }
}

/// Cuts a slice into pieces of the sizes that statements have, largest first.
pub(super) fn pieces<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|&s| s <= rows.len())?;
        let (piece, rest) = rows.split_at(size);
        rows = rest;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::{Form, Shapes, pieces};

    #[test]
    fn pieces_cover_all_rows_in_order() {
        for len in [0, 1, 4, 5, 6, 19, 99, 100, 499, 500, 501, 1000, 1234] {
            let rows: Vec<usize> = (0..len).collect();
            let joined: Vec<usize> = pieces(&rows).flatten().copied().collect();
            assert_eq!(joined, rows);
        }
    }

    #[test]
    fn a_form_repeats_its_row() {
        static FORM: Form = Form { head: "VALUES ", row: "(#,?)", tail: " END" };
        let mut shapes = Shapes::new();
        assert_eq!(&*shapes.sql(&FORM, 2).0, "VALUES (0,?),(1,?) END");
        assert_eq!(&*shapes.sql(&FORM, 1).0, "VALUES (0,?) END");
    }
}
