//! Rows `person`, `item`, `value` become one row a person, with a portrait in JSON.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::section::PortraitSection;
use super::{DeriveContext, DerivedRow, Refused, named};
use crate::finding::Text;
use crate::normalize::document::MappingDocument;
use crate::source::{Column, SourceBatch};
use crate::standard::{Length, PortraitItem, Standard};

/// The items of a query that are none of a portrait: the portrait as it stands, and the day on which it was made.
const WAS: &str = "was";
const MADE: &str = "made";
const JOIN: &str = "、";

pub(super) struct Fold {
    at: [usize; 3],
    items: Vec<PortraitItem>,
    by_name: HashMap<String, usize>,
    /// Items that exist and are not to be said.
    silent: BTreeSet<String>,
    must: Option<usize>,
    length: Option<usize>,
    longest: usize,
    today: String,
    person: Option<Person>,
}

struct Person {
    id: String,
    /// By place in the list of items. Sorted, so that no order of the query shows.
    values: BTreeMap<usize, BTreeSet<String>>,
    was: Option<String>,
    made: Option<String>,
}

impl Fold {
    pub(super) fn compile(
        section: &PortraitSection,
        doc: &MappingDocument,
        standard: &Standard,
        ctx: &DeriveContext,
        place: &mut dyn FnMut(&str, &str) -> Option<usize>,
    ) -> Option<Self> {
        let at = ["person", "item", "value"].map(|name| place(name, "/read"));
        let [Some(person), Some(item), Some(value)] = at else { return None };
        let own = standard.portrait_items().iter().filter(|item| item.of == section.of);
        let off = |item: &&PortraitItem| item.sensitive.as_ref().is_some_and(|class| !ctx.shown.contains(class));
        let silent = own.clone().filter(off).map(|item| item.item.clone()).collect();
        let items: Vec<PortraitItem> = own.filter(|item| !off(item)).cloned().collect();
        let by_name: HashMap<String, usize> = items.iter().enumerate().map(|(i, item)| (item.item.clone(), i)).collect();
        let bound = || {
            let table = standard.find(doc.table())?;
            match table.field(table.find(section.field.as_deref()?)?).length {
                Length::AtMost(most) => Some(most as usize),
                _ => None,
            }
        };
        Some(Self {
            at: [person, item, value],
            must: section.must.as_ref().and_then(|name| by_name.get(name).copied()),
            length: bound(),
            longest: section.longest.unwrap_or(usize::MAX),
            today: ctx.today.clone(),
            person: None,
            items,
            by_name,
            silent,
        })
    }

    /// `person`, `portrait`, `made`, and each item by its name.
    pub(super) fn columns(&self) -> Arc<[Column]> {
        named(["person", "portrait", "made"].into_iter().chain(self.items.iter().map(|item| item.item.as_str())))
    }

    pub(super) fn take(&mut self, batch: &SourceBatch, made: &mut VecDeque<DerivedRow>) -> Result<(), Refused> {
        for row in 0..batch.len() {
            let [person, item, value] = self.at.map(|column| batch.cell(row, column));
            let (Some(id), Some(item), Some(value)) = (person, item, value.filter(|v| !v.trim().is_empty())) else { continue };
            if self.person.as_ref().is_none_or(|person| person.id != id) {
                self.end(made);
                self.person = Some(Person { id: id.to_owned(), values: BTreeMap::new(), was: None, made: None });
            }
            let Some(person) = &mut self.person else { continue };
            match item {
                WAS => person.was = Some(value.to_owned()),
                MADE => person.made = Some(value.to_owned()),
                _ => {
                    let Some(at) = self.by_name.get(item).copied() else {
                        if self.silent.contains(item) {
                            continue;
                        }
                        return Err(unknown(item));
                    };
                    let label = self.items[at].labels.as_ref().and_then(|set| Some(set.get(set.find(value)?).label.to_string()));
                    person.values.entry(at).or_default().insert(label.unwrap_or_else(|| value.trim().to_owned()));
                }
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self, made: &mut VecDeque<DerivedRow>) {
        made.extend(self.person.take().and_then(|person| self.portray(person)));
    }

    fn portray(&self, person: Person) -> Option<DerivedRow> {
        let Person { id, values, was, made } = person;
        if values.is_empty() || self.must.is_some_and(|must| !values.contains_key(&must)) {
            return None;
        }
        let mut said: BTreeMap<usize, Vec<String>> =
            values.into_iter().map(|(at, values)| (at, self.bounded(values))).filter(|(_, values)| !values.is_empty()).collect();
        let mut text = self.text(&said);
        // The least important item loses its values one by one, then goes; then the one before it.
        while self.length.is_some_and(|most| text.chars().count() > most) {
            let mut last = said.last_entry()?;
            last.get_mut().pop();
            if last.get().is_empty() {
                last.remove();
            }
            text = self.text(&said);
        }
        if said.is_empty() {
            return None;
        }
        // A portrait that says what it said was made when it was made.
        let day = made.filter(|_| was.as_deref() == Some(&text)).unwrap_or_else(|| self.today.clone());
        let items = (0..self.items.len()).map(|at| said.get(&at).map(|values| values.join(JOIN)));
        Some([Some(id), Some(text), Some(day)].into_iter().chain(items).collect())
    }

    /// As many values of an item as have room in it; none is cut.
    fn bounded(&self, values: BTreeSet<String>) -> Vec<String> {
        let mut room = self.longest;
        let fits = |value: &String| {
            let need = value.chars().count();
            let fits = need <= room;
            room = room.saturating_sub(need + JOIN.chars().count());
            fits
        };
        values.into_iter().take_while(fits).collect()
    }

    fn text(&self, said: &BTreeMap<usize, Vec<String>>) -> String {
        let mut groups: Map<String, Value> = Map::new();
        for (at, values) in said {
            let item = &self.items[*at];
            let group = groups.entry(item.group.0.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(group) = group {
                group.insert(item.name.0.clone(), Value::String(values.join(JOIN)));
            }
        }
        Value::Object(groups).to_string()
    }
}

fn unknown(item: &str) -> Refused {
    Refused(Text::new(
        format!("查询给出的评价项 {item} 不在 schemas/portrait/items.csv 中；更正 item 列"),
        format!("the query gives the item {item}, which schemas/portrait/items.csv does not have; mend its column item"),
    ))
}
