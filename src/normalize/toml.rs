//! TOML with the place of every key.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};
use toml_edit::{Document, Item, Value as TomlValue};

/// Where things stand in a file, by JSON pointer.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans {
    starts: HashMap<String, usize>,
    lines: Vec<(usize, usize)>,
    text: String,
}

impl Spans {
    fn new(text: &str) -> Self {
        let mut starts_of_lines = vec![(0, 1)];
        starts_of_lines.extend(text.match_indices('\n').enumerate().map(|(i, (at, _))| (at + 1, i + 2)));
        Self { starts: HashMap::new(), lines: starts_of_lines, text: text.to_owned() }
    }

    /// Line and column of a pointer, or of the nearest thing around it.
    pub(super) fn place(&self, pointer: &str) -> (usize, usize) {
        let mut at = pointer;
        loop {
            if let Some(start) = self.starts.get(at) {
                return self.line_column(*start);
            }
            match at.rfind('/') {
                Some(cut) => at = &at[..cut],
                None => return (1, 1),
            }
        }
    }

    fn line_column(&self, at: usize) -> (usize, usize) {
        let index = self.lines.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        let (start, line) = self.lines[index];
        (line, self.text.get(start..at).map_or(1, |t| t.chars().count() + 1))
    }

    fn note(&mut self, pointer: &str, span: Option<Range<usize>>) {
        if let Some(span) = span {
            self.starts.insert(pointer.to_owned(), span.start);
        }
    }
}

/// A name as a part of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Parses TOML; the error is the place and the message of the first thing that is no TOML.
pub(super) fn parse(text: &str) -> Result<(Value, Spans), (usize, usize, String)> {
    let mut spans = Spans::new(text);
    match Document::parse(text.to_owned()) {
        Ok(document) => {
            let value = walk(document.as_item(), "", &mut spans);
            Ok((value, spans))
        }
        Err(error) => {
            let (line, column) = spans.line_column(error.span().map_or(0, |s| s.start));
            Err((line, column, error.message().to_owned()))
        }
    }
}

fn walk(item: &Item, pointer: &str, spans: &mut Spans) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => walk_value(value, pointer, spans),
        Item::Table(table) => {
            let mut map = Map::new();
            for (name, item) in table.iter() {
                let child = format!("{pointer}/{}", escape(name));
                spans.note(&child, table.key(name).and_then(|k| k.span()).or_else(|| item.span()));
                map.insert(name.to_owned(), walk(item, &child, spans));
            }
            Value::Object(map)
        }
        Item::ArrayOfTables(tables) => {
            let walk_one = |(i, table): (usize, &toml_edit::Table)| {
                let child = format!("{pointer}/{i}");
                spans.note(&child, table.span());
                walk(&Item::Table(table.clone()), &child, spans)
            };
            Value::Array(tables.iter().enumerate().map(walk_one).collect())
        }
    }
}

fn walk_value(value: &TomlValue, pointer: &str, spans: &mut Spans) -> Value {
    match value {
        TomlValue::String(text) => Value::String(text.value().clone()),
        TomlValue::Integer(number) => Value::from(*number.value()),
        TomlValue::Float(number) => Value::from(*number.value()),
        TomlValue::Boolean(truth) => Value::Bool(*truth.value()),
        TomlValue::Datetime(moment) => Value::String(moment.value().to_string()),
        TomlValue::Array(array) => {
            let walk_one = |(i, value): (usize, &TomlValue)| {
                let child = format!("{pointer}/{i}");
                spans.note(&child, value.span());
                walk_value(value, &child, spans)
            };
            Value::Array(array.iter().enumerate().map(walk_one).collect())
        }
        TomlValue::InlineTable(table) => {
            let mut map = Map::new();
            for (name, value) in table.iter() {
                let child = format!("{pointer}/{}", escape(name));
                spans.note(&child, table.key(name).and_then(|k| k.span()).or_else(|| value.span()));
                map.insert(name.to_owned(), walk_value(value, &child, spans));
            }
            Value::Object(map)
        }
    }
}
