//! What a source shows of an object before its rows: the columns, with all that it says of them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::{Column, ColumnKind};

/// An object as its source shows it. Holds names and types, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outline {
    /// The columns, in the order of cells.
    pub columns: Vec<OutlineColumn>,
    /// A digest of the text that defines the view, where the object is one and the account may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// The columns are those that somebody named, or that earlier rows had: whether the source still has them shows in the
    /// rows alone. So it is with JSON.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub promised: bool,
}

/// One column as its source shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineColumn {
    /// Its name, as in [`Column`].
    pub name: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// Its type in the source's own words; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub declared: String,
    /// Whether it may be without a value, where the source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// The encoding of its texts in the source's own words; empty where it has none of its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub charset: String,
    /// How its texts are ordered and compared, in the source's own words; empty where nothing is said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub collation: String,
}

/// What a catalogue says of one column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    pub declared: String,
    pub nullable: Option<bool>,
    pub charset: String,
    pub collation: String,
}

impl Outline {
    /// An outline that tells no more than the columns do.
    pub fn of(columns: &[Column]) -> Self {
        let plain = |column: &Column| OutlineColumn {
            name: column.name.to_string(),
            kind: column.kind,
            declared: String::new(),
            nullable: None,
            charset: String::new(),
            collation: String::new(),
        };
        Self { columns: columns.iter().map(plain).collect(), view: None, promised: false }
    }

    /// The same columns, promised instead of shown.
    pub(super) fn promised(columns: &[Column]) -> Self {
        Self { promised: true, ..Self::of(columns) }
    }

    /// Adds what a catalogue says, by column name.
    pub(super) fn with(mut self, mut said: HashMap<String, Said>, view: Option<String>) -> Self {
        for column in &mut self.columns {
            let Some(own) = said.remove(&column.name) else { continue };
            column.declared = own.declared;
            column.nullable = own.nullable;
            column.charset = own.charset;
            column.collation = own.collation;
        }
        self.view = view.filter(|digest| !digest.is_empty());
        self
    }

    /// A digest of all that is shown, the order of the columns included: equal for equal outlines.
    pub fn digest(&self) -> [u8; 16] {
        let mut bytes = Vec::new();
        let mut add = |text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        for column in &self.columns {
            let nullable = column.nullable.map_or("", |nullable| if nullable { "yes" } else { "no" });
            let kind = column.kind.name();
            for part in [&*column.name, kind, &*column.declared, nullable, &*column.charset, &*column.collation] {
                add(part);
            }
        }
        add(self.view.as_deref().unwrap_or_default());
        xxh3_128(&bytes).to_be_bytes()
    }

    /// A digest of the names and kinds of the columns, whatever their order: what a complete read goes by when it asks whether
    /// it has read the same as the one before. Stores keep it, so that it stays as it is.
    pub fn names_and_kinds(&self) -> [u8; 16] {
        let kind = |kind: ColumnKind| if kind == ColumnKind::Unknown { "" } else { kind.name() };
        let mut each: Vec<String> = self.columns.iter().map(|own| format!("{}\0{}\0", own.name, kind(own.kind))).collect();
        each.sort_unstable();
        xxh3_128(each.concat().as_bytes()).to_be_bytes()
    }

    /// Whether the column at a place is known by that place alone: the source gave it no name, or one that another column
    /// has too, and the name was made up.
    pub fn is_by_place(&self, at: usize) -> bool {
        let Some(column) = self.columns.get(at).filter(|column| column.kind == ColumnKind::Unknown) else { return false };
        if self.stem(at).is_some() || column.name == format!("column_{}", at + 1) {
            return true;
        }
        (0..self.columns.len()).any(|other| self.stem(other) == Some(&column.name))
    }

    /// The name that a column shares with an earlier one, where its own was made up for that.
    fn stem(&self, at: usize) -> Option<&str> {
        let column = self.columns.get(at).filter(|column| column.kind == ColumnKind::Unknown)?;
        let (stem, number) = column.name.rsplit_once('_')?;
        let is_copy = number.parse::<usize>().is_ok_and(|copy| copy > 1);
        let before = self.columns.get(..at)?;
        (is_copy && before.iter().any(|other| other.name == stem)).then_some(stem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(names: &[&str], kind: ColumnKind) -> Outline {
        Outline::of(&names.iter().map(|name| Column { name: (*name).into(), kind }).collect::<Vec<_>>())
    }

    #[test]
    fn every_part_is_in_the_digest() {
        let plain = outline(&["a", "b"], ColumnKind::Text);
        assert_eq!(plain.digest(), outline(&["a", "b"], ColumnKind::Text).digest());
        let said = |change: &dyn Fn(&mut Said)| {
            let mut said = Said::default();
            change(&mut said);
            plain.clone().with(HashMap::from([("a".to_owned(), said)]), None)
        };
        let others = [
            outline(&["b", "a"], ColumnKind::Text),
            outline(&["ab", ""], ColumnKind::Text),
            outline(&["a", "b"], ColumnKind::Number),
            plain.clone().with(HashMap::new(), Some("v".into())),
            said(&|said| said.declared = "x".into()),
            said(&|said| said.nullable = Some(true)),
            said(&|said| said.nullable = Some(false)),
            said(&|said| said.charset = "x".into()),
            said(&|said| said.collation = "x".into()),
        ];
        let mut digests: Vec<_> = others.iter().map(Outline::digest).chain([plain.digest()]).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), others.len() + 1);
    }

    #[test]
    fn columns_are_the_same_by_name_and_kind_in_any_order() {
        let column = |name: &str, kind| Column { name: name.into(), kind };
        let digest = |columns: &[Column]| Outline::of(columns).names_and_kinds();
        let (a, b) = (column("a", ColumnKind::Text), column("b", ColumnKind::Unknown));
        let own = digest(&[a.clone(), b.clone()]);
        assert_eq!(digest(&[b.clone(), a.clone()]), own);
        for other in [vec![a.clone()], vec![a.clone(), column("b", ColumnKind::Number)], vec![column("ab", ColumnKind::Text), b]]
        {
            assert_ne!(digest(&other), own, "{other:?}");
        }
        let stored = xxh3_128("a\0text\0b\0\0".as_bytes()).to_be_bytes();
        assert_eq!(own, stored, "stores hold it");
    }

    #[test]
    fn names_made_up_are_told_from_given_ones() {
        let by_place = |names: &[&str], kind| {
            let outline = outline(names, kind);
            (0..names.len()).map(|at| outline.is_by_place(at)).collect::<Vec<_>>()
        };
        assert_eq!(by_place(&["column_1", "column_2"], ColumnKind::Unknown), [true, true]);
        assert_eq!(by_place(&["column_2", "x"], ColumnKind::Unknown), [false, false]);
        assert_eq!(by_place(&["姓名", "电话", "电话_2", "备注_2"], ColumnKind::Unknown), [false, true, true, false]);
        assert_eq!(by_place(&["column_1", "a", "a_2"], ColumnKind::Text), [false, false, false]);
    }
}
