//! Secrets: given by reference, kept in types that cannot be printed.

use std::fmt;
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Fault;
use super::document::{Document, join};
use super::environment::Environment;
use super::schema::{child, followed};
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

/// Looks for secrets in one section.
pub(super) struct Resolver<'a> {
    pub(super) doc: &'a Document,
    pub(super) schema: &'a Value,
    pub(super) env: &'a Environment,
    pub(super) base: &'a Path,
}

impl Resolver<'_> {
    /// Finds the secrets below `value`, refuses literal ones, and puts the referenced texts in place of the references.
    /// `part` is the schema of `value`.
    pub(super) fn resolve(&self, pointer: &str, value: &mut Value, part: &Value, faults: &mut Vec<Fault>) {
        let Value::Object(map) = value else { return };
        for (name, inner) in map.iter_mut() {
            let here = join(pointer, name);
            let part = child(self.schema, part, name).map_or(&Value::Null, |found| followed(self.schema, found));
            match inner {
                // A variable of the environment may hold the secret itself: it is in no file.
                Value::String(_) if self.doc.is_overridden(&here) => {}
                Value::String(text) if !text.is_empty() && is_secret(name, part) => {
                    faults.push(literal_fault(self.doc, &here, name));
                }
                Value::String(text) if has_password(text) => faults.push(literal_fault(self.doc, &here, name)),
                Value::Object(_) if reference(inner).is_some() && takes_text(part) => {
                    let text = self.fetch(&here, inner, faults);
                    *inner = Value::String(text.unwrap_or_else(|| UNKNOWN.to_owned()));
                }
                Value::Object(_) => self.resolve(&here, inner, part, faults),
                _ => {}
            }
        }
    }

    fn fetch(&self, pointer: &str, value: &Value, faults: &mut Vec<Fault>) -> Option<String> {
        let (kind, name) = reference(value)?;
        if kind == "env" {
            let text = self.env.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
            if text.is_none() {
                faults.push(unset_fault(self.doc, pointer, name));
            }
            return text;
        }
        let path = self.base.join(name);
        let text = std::fs::read_to_string(&path).ok().map(|t| t.trim_end_matches(['\r', '\n']).to_owned());
        let text = text.filter(|t| !t.is_empty());
        if text.is_none() {
            faults.push(no_file_fault(self.doc, pointer, &path));
        }
        text
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
    let choice = ["oneOf", "anyOf"].into_iter().find_map(|key| schema.get(key)?.as_array());
    match (schema.get("type"), choice) {
        (Some(Value::String(kind)), _) => kind == "string",
        (Some(Value::Array(kinds)), _) => kinds.iter().any(|kind| kind == "string"),
        (_, Some(branches)) => branches.iter().any(takes_text),
        _ => schema.get("properties").is_none(),
    }
}

fn reference(value: &Value) -> Option<(&str, &str)> {
    let map = value.as_object()?;
    let (kind, name) = map.iter().next()?;
    (map.len() == 1 && (kind == "env" || kind == "file")).then_some((kind.as_str(), name.as_str()?))
}

fn unset_fault(doc: &Document, pointer: &str, name: &str) -> Fault {
    doc.fault(
        pointer,
        Text::new(format!("环境变量 {name} 没有设置"), format!("environment variable {name} is not set")),
        Text::new(
            format!("启动前设置 {name}（systemd：写入 EnvironmentFile）"),
            format!("set {name} before the start (systemd: in the EnvironmentFile)"),
        ),
    )
}

fn no_file_fault(doc: &Document, pointer: &str, path: &Path) -> Fault {
    let path = path.display();
    doc.fault(
        pointer,
        Text::new(format!("密钥文件 {path} 不存在、为空或不可读"), format!("secret file {path} is missing, empty or unreadable")),
        Text::new(
            "建立该文件，只写一行密钥，仅允许运行用户读取",
            "create the file with the secret as its only line, readable by the service user alone",
        ),
    )
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
        let schema = json!({});
        Resolver { doc: &doc, schema: &schema, env: &env, base: Path::new(".") }.resolve("/s", &mut value, &schema, &mut faults);
        assert_eq!(value["password"], "open sesame");
        assert_eq!(value["user"], "hub");
        assert_eq!(faults.iter().map(|f| f.line).collect::<Vec<_>>(), [4, 5, 7]);
        assert!(faults.iter().all(|f| !format!("{f:?}").contains("abc")));
    }

    #[test]
    fn secrets_are_found_through_choices_and_definitions() {
        let schema = json!({
            "$defs": {"secret": {"x-secret": true, "oneOf": [{"type": "string"}, {"type": "object"}]}},
            "properties": {
                "user": {"$ref": "#/$defs/secret"},
                "seal": {"additionalProperties": {"oneOf": [
                    {"properties": {"method": {"const": "a"}}},
                    {"properties": {"method": {"const": "b"}, "key": {"$ref": "#/$defs/secret"}}}
                ]}}
            }
        });
        let toml = "user = \"me\"\n[seal.F]\nmethod = \"b\"\nkey = { env = \"K\" }\n[seal.G]\nkey = \"abc\"\n";
        let doc = Document::parse(Path::new("a.toml"), toml.to_owned()).expect("TOML");
        let (mut value, mut faults, env) = (doc.value.clone(), Vec::new(), Environment::of([("K", "x")]));
        Resolver { doc: &doc, schema: &schema, env: &env, base: Path::new(".") }.resolve("", &mut value, &schema, &mut faults);
        assert_eq!(value["seal"]["F"]["key"], "x");
        assert_eq!(faults.iter().map(|f| f.line).collect::<Vec<_>>(), [1, 6]);
    }

    #[test]
    fn a_schema_that_describes_references_gets_them() {
        let doc = Document::parse(Path::new("a.toml"), "password = { env = \"PW\" }\n".to_owned()).expect("TOML");
        let mut value = doc.value.clone();
        let schema = json!({"properties": {"password": {"type": "object"}}});
        let env = Environment::of([("PW", "x")]);
        Resolver { doc: &doc, schema: &schema, env: &env, base: Path::new(".") }.resolve(
            "",
            &mut value,
            &schema,
            &mut Vec::new(),
        );
        assert_eq!(value["password"]["env"], "PW");
    }
}
