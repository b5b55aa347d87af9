//! From a message's value to a row of cells.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::source::json::Object;

/// What a message says.
pub(super) enum Message<'a> {
    /// A row: its members, by name.
    Row(BTreeMap<Cow<'a, str>, &'a RawValue>, Vec<Cow<'a, str>>),
    /// Its key is deleted.
    Deleted,
    /// Not a JSON object.
    Broken,
}

/// Reads a value: a plain object, or a change event, either also inside `payload`.
pub(super) fn read(value: Option<&[u8]>) -> Message<'_> {
    let Some(value) = value else { return Message::Deleted };
    let Some(mut object) = Object::read(value) else { return Message::Broken };
    if object.get("schema").is_some() || object.0.len() == 1 {
        match object.get("payload").map(|inner| inner.get()) {
            None => {}
            Some("null") => return Message::Deleted,
            Some(inner) => match Object::read(inner.as_bytes()) {
                Some(inner) => object = inner,
                None => return Message::Broken,
            },
        }
    }
    if object.get("op").is_some() && (object.get("after").is_some() || object.get("before").is_some()) {
        let deleted = object.get("op").is_some_and(|op| op.get() == "\"d\"");
        match object.get("after").map(|after| after.get()).filter(|after| *after != "null" && !deleted) {
            None => return Message::Deleted,
            Some(after) => match Object::read(after.as_bytes()) {
                Some(after) => object = after,
                None => return Message::Broken,
            },
        }
    }
    let order = object.0.iter().map(|(name, _)| name.clone()).collect();
    Message::Row(object.0.into_iter().collect(), order)
}

#[cfg(test)]
mod tests {
    use super::{Message, read};
    use crate::source::json::cell;

    fn shown(value: &str) -> String {
        match read(Some(value.as_bytes())) {
            Message::Row(members, order) => {
                let one = |name| format!("{name}={}", cell(members[name]).as_deref().unwrap_or("NULL"));
                order.iter().map(one).collect::<Vec<_>>().join(" ")
            }
            Message::Deleted => "deleted".into(),
            Message::Broken => "broken".into(),
        }
    }

    #[test]
    fn values_of_every_form() {
        let cases = [
            (
                r#"{"no":"01","姓名":"张三","x":null,"n":3.10,"big":12345678901234567890123,"b":true,"o":{"a":[1]}}"#,
                r#"no=01 姓名=张三 x=NULL n=3.10 big=12345678901234567890123 b=true o={"a":[1]}"#,
            ),
            (r#"{"schema":{"type":"struct"},"payload":{"no":"1"}}"#, "no=1"),
            (r#"{"payload":{"before":null,"after":{"no":"2"},"op":"c","ts_ms":1}}"#, "no=2"),
            (r#"{"before":{"no":"2"},"after":{"no":"3"},"op":"u"}"#, "no=3"),
            (r#"{"before":{"no":"3"},"after":null,"op":"d"}"#, "deleted"),
            (r#"{"schema":null,"payload":null}"#, "deleted"),
            (r#"{"payload":"text","no":"4"}"#, "payload=text no=4"),
            (r#"{"op":"op","no":"5"}"#, "op=op no=5"),
            (r#"{"a\"b":"\u4e2d\n"}"#, "a\"b=中\n"),
            ("{}", ""),
            ("[1]", "broken"),
            ("no,name", "broken"),
            (r#"{"payload":[1]}"#, "broken"),
        ];
        for (value, want) in cases {
            assert_eq!(shown(value), want, "{value}");
        }
        assert!(matches!(read(None), Message::Deleted));
    }
}
