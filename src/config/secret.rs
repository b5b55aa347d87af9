//! Secrets: given by reference, kept in types that cannot be printed.

use std::fmt;
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Fault;
use super::document::{Document, join};
use super::environment::Environment;
use crate::finding::Text;

/// A text that cannot be printed: `Debug`, `Display` and `Serialize` show `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

/// The settings of one source or upstream, secrets resolved; `Debug` shows the names only.
#[derive(Clone, PartialEq)]
pub struct Opaque(Value);

impl Opaque {
    pub(super) fn new(value: Value) -> Self {
        Self(value)
    }

    /// The settings, for the part they belong to. Never to be logged.
    pub fn expose(&self) -> &Value {
        &self.0
    }
}

impl fmt::Debug for Opaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Value::Object(map) => f.debug_set().entries(map.keys()).finish(),
            _ => f.write_str("***"),
        }
    }
}

/// What stands in for a secret that could not be had, so that nothing else is found wrong with it.
const UNKNOWN: &str = "unresolved-secret";

/// Finds the secrets below `value`, refuses literal ones, and puts the referenced texts in place of the references.
pub(super) fn resolve(
    doc: &Document,
    pointer: &str,
    value: &mut Value,
    schema: &Value,
    env: &Environment,
    base: &Path,
    faults: &mut Vec<Fault>,
) {
    let Value::Object(map) = value else { return };
    for (name, inner) in map.iter_mut() {
        let here = join(pointer, name);
        let part = schema.pointer(&format!("/properties/{}", name.replace('~', "~0").replace('/', "~1")));
        let part = part.unwrap_or(&Value::Null);
        match inner {
            // A variable of the environment may hold the secret itself: it is in no file.
            Value::String(_) if doc.is_overridden(&here) => {}
            Value::String(text) if !text.is_empty() && is_secret(name, part) => {
                faults.push(literal_fault(doc, &here, name));
            }
            Value::String(text) if has_password(text) => faults.push(literal_fault(doc, &here, name)),
            Value::Object(_) if reference(inner).is_some() && takes_text(part) => {
                let text = fetch(doc, &here, inner, env, base, faults);
                *inner = Value::String(text.unwrap_or_else(|| UNKNOWN.to_owned()));
            }
            Value::Object(_) => resolve(doc, &here, inner, part, env, base, faults),
            _ => {}
        }
    }
}

/// Whether a property holds a secret: the schema says so, or its name does.
fn is_secret(name: &str, schema: &Value) -> bool {
    let marked = |key| schema.get(key).and_then(Value::as_bool).unwrap_or(false);
    let name = name.to_ascii_lowercase();
    marked("writeOnly")
        || marked("x-secret")
        || ["password", "passwd", "secret", "token", "private_key"].iter().any(|end| name.ends_with(end))
}

/// Whether a text is an address with a password in it.
fn has_password(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
}

/// Whether the schema wants the text itself; one that describes the reference gets the reference.
fn takes_text(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "string",
        Some(Value::Array(kinds)) => kinds.iter().any(|k| k == "string") && !kinds.iter().any(|k| k == "object"),
        _ => schema.get("properties").is_none() && schema.get("oneOf").is_none() && schema.get("anyOf").is_none(),
    }
}

fn reference(value: &Value) -> Option<(&str, &str)> {
    let map = value.as_object()?;
    let (kind, name) = map.iter().next()?;
    (map.len() == 1 && (kind == "env" || kind == "file")).then_some((kind.as_str(), name.as_str()?))
}

fn fetch(doc: &Document, pointer: &str, value: &Value, env: &Environment, base: &Path, faults: &mut Vec<Fault>) -> Option<String> {
    let (kind, name) = reference(value)?;
    if kind == "env" {
        let text = env.get(name);
        if text.is_none_or(str::is_empty) {
            faults.push(doc.fault(
                pointer,
                Text::new(format!("环境变量 {name} 没有设置"), format!("environment variable {name} is not set")),
                Text::new(
                    format!("启动前设置 {name}（systemd：写入 EnvironmentFile）"),
                    format!("set {name} before the start (systemd: in the EnvironmentFile)"),
                ),
            ));
        }
        return text.filter(|t| !t.is_empty()).map(str::to_owned);
    }
    let path = base.join(name);
    let text = std::fs::read_to_string(&path).ok().map(|t| t.trim_end_matches(['\r', '\n']).to_owned()).filter(|t| !t.is_empty());
    if text.is_none() {
        faults.push(doc.fault(
            pointer,
            Text::new(
                format!("密钥文件 {} 不存在、为空或不可读", path.display()),
                format!("secret file {} is missing, empty or unreadable", path.display()),
            ),
            Text::new(
                "建立该文件，只写一行密钥，仅允许运行用户读取",
                "create the file with the secret as its only line, readable by the service user alone",
            ),
        ));
    }
    text
}

fn literal_fault(doc: &Document, pointer: &str, name: &str) -> Fault {
    let variable = name.to_ascii_uppercase();
    doc.fault(
        pointer,
        Text::new(format!("{name} 中直接写了密钥"), format!("{name} holds a secret as plain text")),
        Text::new(
            format!(
                "改为引用：{name} = {{ env = \"{variable}\" }} 或 {{ file = \"secrets/{name}\" }}；已写入文件的密钥应视为泄露并更换"
            ),
            format!(
                "refer to it: {name} = {{ env = \"{variable}\" }} or {{ file = \"secrets/{name}\" }}; change the secret, it has been in a file"
            ),
        ),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_cannot_be_printed() {
        let secret = Secret::new("open sesame");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(serde_json::to_string(&secret).expect("JSON"), "\"***\"");
        assert_eq!(secret.expose(), "open sesame");
        let opaque = Opaque::new(json!({"user": "hub", "password": "open sesame"}));
        assert!(!format!("{opaque:?}").contains("sesame"));
    }

    #[test]
    fn passwords_in_addresses_are_seen() {
        for (text, seen) in [
            ("postgres://hub:pw@db/jw", true),
            ("postgres://hub@db/jw", false),
            ("http://127.0.0.1:8080/a@b", false),
            ("mysql://:pw@db", true),
            ("D:\\data", false),
        ] {
            assert_eq!(has_password(text), seen, "{text}");
        }
    }

    #[test]
    fn references_are_resolved_and_literals_refused() {
        let toml = "[s]\nuser = \"hub\"\npassword = { env = \"PW\" }\ntoken = { env = \"NONE\" }\nsecret = \"abc\"\n[s.proxy]\npassword = { file = \"no-such-file\" }\n";
        let doc = Document::parse(Path::new("a.toml"), toml.to_owned()).expect("TOML");
        let env = Environment::of([("PW", "open sesame")]);
        let mut value = doc.value["s"].clone();
        let mut faults = Vec::new();
        resolve(&doc, "/s", &mut value, &json!({}), &env, Path::new("."), &mut faults);
        assert_eq!(value["password"], "open sesame");
        assert_eq!(value["user"], "hub");
        assert_eq!(faults.iter().map(|f| f.line).collect::<Vec<_>>(), [4, 5, 7]);
        assert!(faults.iter().all(|f| !format!("{f:?}").contains("abc")));
    }

    #[test]
    fn a_schema_that_describes_references_gets_them() {
        let doc = Document::parse(Path::new("a.toml"), "password = { env = \"PW\" }\n".to_owned()).expect("TOML");
        let mut value = doc.value.clone();
        let schema = json!({"properties": {"password": {"type": "object"}}});
        resolve(&doc, "", &mut value, &schema, &Environment::of([("PW", "x")]), Path::new("."), &mut Vec::new());
        assert_eq!(value["password"]["env"], "PW");
    }
}
