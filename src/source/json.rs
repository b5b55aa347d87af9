//! JSON read piece by piece: no tree is built, and numbers stay as they are written.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object, in their order.
pub(super) struct Object<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Members<'a> {
            type Value = Object<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'a>, M::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'a>, &'a RawValue>()? {
                    members.push((name, value));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members(PhantomData))
    }
}

#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Object<'a> {
    /// The object that a text is; `None` when it is something else.
    pub fn read(json: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The first member of a name.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| *value)
    }
}

/// A cell's text: texts as they are, numbers as they are written, other values as JSON, null as nothing.
pub(super) fn cell(value: &RawValue) -> Option<Cow<'_, str>> {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'n') => None,
        Some(b'"') => Some(serde_json::from_str(raw).unwrap_or(Cow::Borrowed(raw))),
        _ => Some(Cow::Borrowed(raw)),
    }
}

/// What stands at a JSON pointer (RFC 6901).
pub(super) fn at<'a>(value: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    let mut here = value;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        here = match here.get().as_bytes().first() {
            Some(b'{') => Object::read(here.get().as_bytes())?.get(&step)?,
            Some(b'[') => {
                let items: Vec<&'a RawValue> = serde_json::from_str(here.get()).ok()?;
                items.get(step.parse::<usize>().ok()?).copied()?
            }
            _ => return None,
        };
    }
    Some(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_followed_and_stop_where_nothing_is() {
        let json = r#"{"data":{"list":[{"a/b":1.50},{"~":null}],"n":"x"}}"#;
        let value: &RawValue = serde_json::from_str(json).unwrap();
        for (pointer, want) in [
            ("", Some(json)),
            ("/data/list/0/a~1b", Some("1.50")),
            ("/data/list/1/~0", Some("null")),
            ("/data/n", Some("\"x\"")),
            ("/data/n/x", None),
            ("/data/list/2", None),
            ("/data/list/x", None),
            ("/none", None),
        ] {
            assert_eq!(at(value, pointer).map(RawValue::get), want, "{pointer}");
        }
    }
}
