//! A TOML file as a JSON value that remembers where each part stood.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use toml_edit::{Array, Document as Toml, InlineTable, Item, Table, TableLike, Value as TomlValue};

use super::Fault;
use crate::finding::Text;

/// A parsed file. Parts are named by JSON pointers: `/sources/jw/path`.
pub(super) struct Document {
    pub(super) file: PathBuf,
    pub(super) value: Value,
    text: String,
    spans: HashMap<String, Spans>,
    /// Parts set by a variable of the environment, by pointer.
    variables: HashMap<String, String>,
}

#[derive(Default, Clone)]
struct Spans {
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
}

impl Document {
    /// Parses a file; a syntax error is a fault at its place.
    pub(super) fn parse(file: &Path, text: String) -> Result<Self, Box<Fault>> {
        let parsed = Toml::parse(text.as_str()).map_err(|error| Box::new(syntax_fault(file, &text, &error)))?;
        let mut spans = HashMap::new();
        let value = Value::Object(table(parsed.as_table(), "", &mut spans));
        Ok(Self { file: file.to_owned(), value, spans, text, variables: HashMap::new() })
    }

    /// A fault at the value of a part.
    pub(super) fn fault(&self, pointer: &str, what: Text, remedy: Text) -> Fault {
        self.at(pointer, |spans| spans.value.as_ref().or(spans.key.as_ref()), what, remedy)
    }

    /// A fault at the key of a part.
    pub(super) fn fault_at_key(&self, pointer: &str, what: Text, remedy: Text) -> Fault {
        self.at(pointer, |spans| spans.key.as_ref().or(spans.value.as_ref()), what, remedy)
    }

    /// Notes which parts a variable of the environment set: their faults are the variable's.
    pub(super) fn overridden(&mut self, variables: HashMap<String, String>) {
        self.variables = variables;
    }

    /// Whether a variable of the environment set the part.
    pub(super) fn is_overridden(&self, pointer: &str) -> bool {
        self.variables.contains_key(pointer)
    }

    fn at(&self, pointer: &str, pick: impl Fn(&Spans) -> Option<&Range<usize>>, what: Text, remedy: Text) -> Fault {
        if let Some(variable) = self.variables.get(pointer) {
            return Fault { file: PathBuf::from(variable), line: 0, column: 0, what, remedy };
        }
        let mut pointer = pointer;
        let (line, column) = loop {
            if let Some(span) = self.spans.get(pointer).and_then(&pick) {
                break place(&self.text, span.start);
            }
            // A section that is not in the file, and of which the environment sets a part.
            let inside = |set: &str| set.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/'));
            if !pointer.is_empty()
                && let Some(variable) = self.variables.iter().filter(|(set, _)| inside(set)).map(|(_, name)| name).min()
            {
                return Fault { file: PathBuf::from(variable), line: 0, column: 0, what, remedy };
            }
            match pointer.rfind('/') {
                Some(cut) => pointer = &pointer[..cut],
                None => break (1, 1),
            }
        };
        Fault { file: self.file.clone(), line, column, what, remedy }
    }
}

/// One more step of a JSON pointer.
pub(super) fn join(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

fn syntax_fault(file: &Path, text: &str, error: &toml_edit::TomlError) -> Fault {
    let (line, column) = error.span().map_or((1, 1), |span| place(text, span.start));
    let message = error.message().lines().next().unwrap_or("invalid TOML").to_owned();
    let written = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    if let Some((at, sign, plain)) = full_width(written) {
        return Fault {
            file: file.to_owned(),
            line,
            column: at,
            what: Text::new(
                format!("这一行有全角（中文）符号 {sign}，TOML 只认半角符号"),
                format!("this line has the full-width sign {sign}; TOML knows only the plain one"),
            ),
            remedy: Text::new(
                format!("关闭中文输入法，把 {sign} 改成 {plain}"),
                format!("write {plain} for {sign}, with the Chinese input method switched off"),
            ),
        };
    }
    Fault {
        file: file.to_owned(),
        line,
        column,
        what: Text::new(format!("TOML 语法错误：{message}"), format!("TOML syntax: {message}")),
        remedy: Text::new(
            "按 TOML 语法更正这一行（文本要加引号，一个名称只能出现一次）",
            "mend this line (texts need quotes, a name may come only once)",
        ),
    }
}

/// The first sign of a line, outside plain quotes and comments, that an input method put in place of the one TOML knows:
/// its column, itself, the plain one.
fn full_width(line: &str) -> Option<(usize, char, char)> {
    const SIGNS: [(char, char); 12] = [
        ('“', '"'),
        ('”', '"'),
        ('＂', '"'),
        ('‘', '\''),
        ('’', '\''),
        ('＝', '='),
        ('，', ','),
        ('［', '['),
        ('］', ']'),
        ('【', '['),
        ('｛', '{'),
        ('｝', '}'),
    ];
    let mut quote = None;
    for (at, sign) in line.chars().enumerate() {
        match quote {
            Some(open) if sign == open => quote = None,
            Some(_) => {}
            None if sign == '#' => return None,
            None if sign == '"' || sign == '\'' => quote = Some(sign),
            None => {
                if let Some((_, plain)) = SIGNS.iter().find(|(wide, _)| *wide == sign) {
                    return Some((at + 1, sign, *plain));
                }
            }
        }
    }
    None
}

/// Line and column, counted from 1, in characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn table(from: &Table, pointer: &str, spans: &mut HashMap<String, Spans>) -> Map<String, Value> {
    entries(from, pointer, spans)
}

fn inline(from: &InlineTable, pointer: &str, spans: &mut HashMap<String, Spans>) -> Map<String, Value> {
    entries(from, pointer, spans)
}

fn entries(from: &dyn TableLike, pointer: &str, spans: &mut HashMap<String, Spans>) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, item) in from.iter() {
        let inner = join(pointer, name);
        let key = from.key(name).and_then(toml_edit::Key::span);
        if let Some(value) = convert(item, &inner, spans) {
            let entry = spans.entry(inner).or_default();
            entry.key = key;
            entry.value = item.span();
            out.insert(name.to_owned(), value);
        }
    }
    out
}

fn convert(item: &Item, pointer: &str, spans: &mut HashMap<String, Spans>) -> Option<Value> {
    match item {
        Item::None => None,
        Item::Value(value) => Some(plain(value, pointer, spans)),
        Item::Table(inner) => Some(Value::Object(table(inner, pointer, spans))),
        Item::ArrayOfTables(tables) => {
            let mut out = Vec::new();
            for (at, inner) in tables.iter().enumerate() {
                let pointer = join(pointer, &at.to_string());
                out.push(Value::Object(table(inner, &pointer, spans)));
                spans.insert(pointer, Spans { key: None, value: inner.span() });
            }
            Some(Value::Array(out))
        }
    }
}

fn plain(value: &TomlValue, pointer: &str, spans: &mut HashMap<String, Spans>) -> Value {
    match value {
        TomlValue::String(text) => Value::String(text.value().clone()),
        TomlValue::Integer(number) => Value::from(*number.value()),
        TomlValue::Float(number) => Value::from(*number.value()),
        TomlValue::Boolean(flag) => Value::Bool(*flag.value()),
        // A date without quotes reads like one with quotes.
        TomlValue::Datetime(date) => Value::String(date.value().to_string()),
        TomlValue::Array(items) => array(items, pointer, spans),
        TomlValue::InlineTable(inner) => Value::Object(inline(inner, pointer, spans)),
    }
}

fn array(items: &Array, pointer: &str, spans: &mut HashMap<String, Spans>) -> Value {
    let mut out = Vec::new();
    for (at, value) in items.iter().enumerate() {
        let inner = join(pointer, &at.to_string());
        out.push(plain(value, &inner, spans));
        spans.insert(inner, Spans { key: None, value: value.span() });
    }
    Value::Array(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Text {
        Text::new("", "")
    }

    fn document(toml: &str) -> Document {
        Document::parse(Path::new("a.toml"), toml.to_owned()).expect("TOML")
    }

    #[test]
    fn full_width_signs_are_named_with_their_place_and_the_plain_one() {
        for (text, line, column, plain) in [
            ("a = 1\nsource = “jw”\n", 2, 10, "\""),
            ("table = “ODS_KCJBSJ\"\n", 1, 9, "\""),
            ("source ＝ \"jw\"\n", 1, 8, "="),
            ("is = [\"甲，乙\"， \"丙\"]\n", 1, 12, ","),
        ] {
            let fault = Document::parse(Path::new("a.toml"), text.to_owned()).map(drop).expect_err("no TOML");
            assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault:?}");
            assert!(fault.what.zh.contains("全角") && fault.remedy.en.contains(&format!("write {plain} for")), "{fault:?}");
        }
        let other = Document::parse(Path::new("a.toml"), "a = \"“\" 1\n".to_owned()).map(drop).expect_err("no TOML");
        assert!(!other.what.zh.contains("全角"), "{other:?}");
    }

    #[test]
    fn places_are_lines_and_characters() {
        let doc = document(
            "[school]\nname = \"某校\"\n[sources.\"教务\"]\npath = 3\n[[t]]\nx = [1, \"二\", 3]\n[[t]]\ny = 2024-09-01\n",
        );
        let at = |pointer: &str| {
            let fault = doc.fault(pointer, text(), text());
            (fault.line, fault.column)
        };
        assert_eq!(at("/school/name"), (2, 8));
        assert_eq!(at("/sources/教务/path"), (4, 8));
        assert_eq!(at("/sources/教务"), (3, 1));
        assert_eq!(at("/t/0/x/2"), (6, 14));
        assert_eq!(at("/t/1/y"), (8, 5));
        assert_eq!(at("/t/1/missing"), (7, 1));
        assert_eq!(at("/nothing"), (1, 1));
        assert_eq!(doc.fault_at_key("/t/1/y", text(), text()).column, 1);
        assert_eq!(doc.value["t"][1]["y"], "2024-09-01");
    }

    #[test]
    fn a_section_that_only_the_environment_names_is_the_variables_fault() {
        let mut doc = document("[school]\nname = \"某校\"\n[sources.jw]\npath = 3\n");
        let variable = "XIAOSHU__SOURCES__PK__PORT";
        doc.overridden(HashMap::from([("/sources/pk/port".to_owned(), variable.to_owned())]));
        assert_eq!(doc.fault("/sources/pk/kind", text(), text()).file, PathBuf::from(variable));
        assert_eq!(doc.fault("/sources/jw/kind", text(), text()).line, 3);
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let fault = Document::parse(Path::new("a.toml"), "[a]\nb = \"c\nd = 1\n".to_owned()).err().expect("a fault");
        assert_eq!(fault.line, 2);
        assert!(!fault.what.zh.is_empty() && !fault.remedy.en.is_empty());
    }
}
