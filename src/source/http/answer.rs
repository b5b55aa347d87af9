//! One answer: whether all is well by its own word, where its rows stand, what it says of the whole. Pure.

use std::ops::Range;

use serde_json::Value;
use serde_json::value::RawValue;

use super::paging::{Paging, Seen};
use super::settings::Shape;
use crate::fault::FaultClass;
use crate::source::json::{at, cell};

/// The longest text of a server that is repeated.
const SAID: usize = 160;

/// A page of rows: the text is kept as it came, rows are places in it.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    rows: Vec<Range<usize>>,
    pub seen: Seen,
}

/// Why an answer holds no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub class: FaultClass,
    pub what: String,
}

impl Page {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// A row's JSON.
    pub fn row(&self, index: usize) -> &str {
        &self.text[self.rows[index].clone()]
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| &self.text[row.clone()])
    }

    /// Reads an answer.
    pub fn read(text: String, shape: &Shape, paging: &Paging) -> Result<Self, Refusal> {
        let whole: &RawValue = serde_json::from_str(&text).map_err(|error| no_json(&text, &error))?;
        judge(whole, shape)?;
        let Some(list) = at(whole, &shape.rows) else {
            return Err(data(format!("the answer has nothing at {:?} (answer.rows)", shape.rows)));
        };
        let count = |place: Option<&str>| place.and_then(|place| cell(at(whole, place)?)?.trim().parse::<u64>().ok());
        let value = |place: Option<&str>| place.and_then(|place| serde_json::from_str::<Value>(at(whole, place)?.get()).ok());
        let mut seen = Seen {
            total: count(shape.total.as_deref()),
            next: value(paging.next_at()),
            more: value(paging.more_at()).map(|more| truth(&more)),
            ..Seen::default()
        };
        // Some vendors put the list as a text into their JSON.
        if list.get().starts_with('"') {
            let inner: String = serde_json::from_str(list.get()).unwrap_or_default();
            let rows = ranges(&inner, &inner, shape)?;
            return Ok(Self::sealed(inner, rows, seen));
        }
        let rows = ranges(&text, list.get(), shape)?;
        seen.rows = rows.len() as u64;
        Ok(Self::sealed(text, rows, seen))
    }

    fn sealed(text: String, rows: Vec<Range<usize>>, mut seen: Seen) -> Self {
        seen.rows = rows.len() as u64;
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for row in &rows {
            hash.update(text[row.clone()].as_bytes());
            hash.update(b"\n");
        }
        seen.digest = hash.digest();
        Self { text, rows, seen }
    }
}

/// The places of a list's items in the text that it is a part of.
fn ranges(text: &str, list: &str, shape: &Shape) -> Result<Vec<Range<usize>>, Refusal> {
    if list == "null" {
        return Ok(Vec::new());
    }
    let items: Vec<&RawValue> =
        serde_json::from_str(list).map_err(|_| data(format!("what stands at {:?} (answer.rows) is no list", shape.rows)))?;
    let start = text.as_ptr() as usize;
    let place = |item: &&RawValue| {
        let from = item.get().as_ptr() as usize - start;
        from..from + item.get().len()
    };
    Ok(items.iter().map(place).collect())
}

/// What the answer says of itself.
fn judge(whole: &RawValue, shape: &Shape) -> Result<(), Refusal> {
    let Some(success) = &shape.success else { return Ok(()) };
    let code = at(whole, &success.at).and_then(cell);
    if code.as_deref().is_some_and(|code| success.is.iter().any(|good| good == code)) {
        return Ok(());
    }
    let Some(code) = code else {
        return Err(data(format!("the answer has nothing at {:?} (answer.success)", success.at)));
    };
    let among = |codes: &[String]| codes.iter().any(|own| **own == *code);
    let class = if among(&shape.credentials) {
        FaultClass::Credentials
    } else if among(&shape.throttled) {
        FaultClass::Throttled
    } else if among(&shape.transient) {
        FaultClass::Transient
    } else {
        FaultClass::Configuration
    };
    let said = shape.message.as_deref().and_then(|place| cell(at(whole, place)?)).unwrap_or_default();
    Err(Refusal { class, what: format!("the interface answers {}: {}", tamed(&code), tamed(&said)) })
}

/// A server's own words, as far as they can be repeated: short, one line, no long numbers, which may be a person's.
pub(super) fn tamed(text: &str) -> String {
    let mut out = String::new();
    let mut digits = 0;
    for c in text.chars().take(SAID) {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        match c {
            _ if digits > 6 => {
                if !out.ends_with('…') {
                    out.push('…');
                }
            }
            _ if c.is_control() => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

fn no_json(text: &str, error: &serde_json::Error) -> Refusal {
    let start = text.trim_start();
    if start.starts_with('<') {
        return data("the answer is a web page, not JSON: a wrong address, or a login in between".into());
    }
    if error.is_eof() {
        return Refusal { class: FaultClass::Transient, what: "the answer ends in the middle of its JSON".into() };
    }
    data(format!("the answer is no JSON (line {}, column {})", error.line(), error.column()))
}

fn data(what: String) -> Refusal {
    Refusal { class: FaultClass::Data, what }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.as_str(), "" | "0" | "false" | "N" | "n"),
        Value::Null => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str, shape: Value) -> Result<Page, Refusal> {
        let paging = serde_json::from_value(json!({ "by": "cursor", "parameter": "c", "at": "/next", "more": "/more" })).unwrap();
        Page::read(text.to_owned(), &serde_json::from_value(shape).unwrap(), &paging)
    }

    #[test]
    fn rows_are_found_where_the_settings_say() {
        let shape = json!({ "rows": "/data/list", "total": "/data/total" });
        let text = r#"{"data":{"list":[ {"a":1} ,{"a":2}],"total":"7"},"next":"x","more":1}"#;
        let page = read(text, shape.clone()).ok().unwrap();
        assert_eq!(page.iter().collect::<Vec<_>>(), [r#"{"a":1}"#, r#"{"a":2}"#]);
        assert_eq!((page.seen.total, page.seen.rows, page.seen.more), (Some(7), 2, Some(true)));
        assert_eq!(page.seen.next, Some(json!("x")));
        assert_eq!(read(r#"{"data":{"list":null}}"#, shape.clone()).ok().unwrap().len(), 0);
        let text = r#"{"data":{"list":"[{\"a\":\"\\u4e2d\"}]"}}"#;
        assert_eq!(read(text, shape).ok().unwrap().row(0), "{\"a\":\"\\u4e2d\"}");
        assert_eq!(read("[1]", json!({})).ok().unwrap().len(), 1);
    }

    #[test]
    fn an_answer_s_own_word_is_classed() {
        let shape = json!({
            "rows": "/data", "success": { "at": "/code", "is": ["0", "ok"] }, "message": "/msg",
            "credentials": ["401"], "throttled": ["429"], "transient": ["500"],
        });
        for (text, class) in [
            (r#"{"code":401,"msg":"m","data":[]}"#, FaultClass::Credentials),
            (r#"{"code":"429","msg":"m","data":[]}"#, FaultClass::Throttled),
            (r#"{"code":500,"msg":"m"}"#, FaultClass::Transient),
            (r#"{"code":1,"msg":"m"}"#, FaultClass::Configuration),
            (r#"{"msg":"m","data":[]}"#, FaultClass::Data),
            (r#"{"code":0}"#, FaultClass::Data),
            (r#"{"code":0,"data":{}}"#, FaultClass::Data),
            (r#"{"code":0,"data":[{"a""#, FaultClass::Transient),
            ("<html>", FaultClass::Data),
            ("no", FaultClass::Data),
        ] {
            assert_eq!(read(text, shape.clone()).err().map(|refusal| refusal.class), Some(class), "{text}");
        }
        assert!(read(r#"{"code":"ok","data":[]}"#, shape.clone()).is_ok());
        let said = read("{\"code\":9,\"msg\":\"no 41010520050101\\n\"}", shape).err().unwrap().what;
        assert_eq!(said, "the interface answers 9: no 410105… ");
    }
}
