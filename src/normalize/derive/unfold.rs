//! Portraits become rows: one an item of a person, or one an item that somebody has.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::section::{PortraitSection, Portrayed};
use super::{DerivedRow, named};
use crate::source::{Column, SourceBatch};
use crate::standard::{PortraitItem, Standard};

const PORTRAIT: &str = "portrait";
const SAID: [&str; 7] = ["group", "group_zh", "name", "name_zh", "about", "code", "value"];

pub(super) struct Unfold {
    portrait: usize,
    /// The columns that are passed on as they are.
    passed: Vec<usize>,
    items: HashMap<(String, String), PortraitItem>,
    /// What was given already, where a row stands for an item and not for a person's.
    given: Option<HashSet<(Vec<Option<String>>, String)>>,
}

impl Unfold {
    pub(super) fn compile(
        section: &PortraitSection,
        standard: &Standard,
        columns: &[Column],
        place: &mut dyn FnMut(&str, &str) -> Option<usize>,
    ) -> Option<Self> {
        let portrait = place(PORTRAIT, "/read")?;
        let own = standard.portrait_items().iter().filter(|item| item.of == section.of).cloned();
        Some(Self {
            portrait,
            passed: (0..columns.len()).filter(|at| *at != portrait).collect(),
            items: own.map(|item| ((item.group.0.clone(), item.name.0.clone()), item)).collect(),
            given: (section.rows == Portrayed::Item).then(HashSet::new),
        })
    }

    /// The source's columns but the portrait, and what is said of an item.
    pub(super) fn columns(&self, source: &[Column]) -> Arc<[Column]> {
        named(self.passed.iter().map(|at| &*source[*at].name).chain(SAID))
    }

    pub(super) fn take(&mut self, batch: &SourceBatch, made: &mut VecDeque<DerivedRow>) {
        for row in 0..batch.len() {
            let Some(Ok(Value::Object(groups))) = batch.cell(row, self.portrait).map(serde_json::from_str) else { continue };
            let passed: Vec<Option<String>> = self.passed.iter().map(|at| batch.cell(row, *at).map(str::to_owned)).collect();
            for (group, names) in groups {
                let Value::Object(names) = names else { continue };
                for (name, value) in names {
                    made.extend(self.row(&passed, &group, name, value));
                }
            }
        }
    }

    fn row(&mut self, passed: &[Option<String>], group: &str, name: String, value: Value) -> Option<DerivedRow> {
        let item = self.items.get(&(group.to_owned(), name))?;
        let value = match (&mut self.given, value) {
            // Whose value it was is nobody's business where the row is about the item.
            (Some(given), _) => {
                if !given.insert((passed.to_vec(), item.item.clone())) {
                    return None;
                }
                None
            }
            (None, Value::String(text)) => Some(text),
            (None, _) => return None,
        };
        let said = [&item.group.0, &item.group.1, &item.name.0, &item.name.1, &item.about, &item.code];
        Some(passed.iter().cloned().chain(said.map(|text| Some(text.clone()))).chain([value]).collect())
    }
}
