//! The environment: `XIAOSHU__SCHOOL__CODE=…` overrides `code` of `[school]`; secrets are looked up here, too.

use std::collections::HashMap;

use config::{Config, ConfigError, Environment as Overrides, Map, Source, Value as Merged, ValueKind};
use serde_json::Value;

use super::document::join;

const PREFIX: &str = "XIAOSHU__";

/// The variables of a process, read once.
#[derive(Clone, Default)]
pub struct Environment {
    vars: HashMap<String, String>,
}

impl Environment {
    /// The variables of this process. Those that are not text are left out.
    pub fn process() -> Self {
        let text =
            |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { vars: std::env::vars_os().filter_map(text).collect() }
    }

    /// Given variables.
    pub fn of<const N: usize>(vars: [(&str, &str); N]) -> Self {
        Self { vars: vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    /// One variable.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str)
    }

    /// `settings` with the overrides laid over it, and which pointers they set, by which variable.
    pub(super) fn merge(&self, settings: &Value) -> Result<(Value, HashMap<String, String>), ConfigError> {
        let ours: HashMap<String, String> =
            self.vars.iter().filter(|(name, _)| name.starts_with(PREFIX)).map(|(n, v)| (n.clone(), v.clone())).collect();
        if ours.is_empty() {
            return Ok((settings.clone(), HashMap::new()));
        }
        let pointers = ours.keys().map(|name| (pointer_of(name), name.clone())).collect();
        let overrides =
            Overrides::with_prefix("XIAOSHU").prefix_separator("__").separator("__").source(Some(ours.into_iter().collect()));
        let merged = Config::builder().add_source(Settings(settings.clone())).add_source(overrides).build()?;
        Ok((merged.try_deserialize()?, pointers))
    }
}

/// The file's settings as a source of `config`. Names of any script stay as they are: none is read as a path.
#[derive(Debug, Clone)]
struct Settings(Value);

impl Source for Settings {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Merged>, ConfigError> {
        Ok(entries(&self.0))
    }
}

fn entries(value: &Value) -> Map<String, Merged> {
    value.as_object().into_iter().flatten().map(|(name, part)| (name.clone(), merged(part))).collect()
}

fn merged(value: &Value) -> Merged {
    let kind = match value {
        Value::Null => ValueKind::Nil,
        Value::Bool(flag) => ValueKind::Boolean(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => ValueKind::I64(whole),
            None => ValueKind::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => ValueKind::String(text.clone()),
        Value::Array(items) => ValueKind::Array(items.iter().map(merged).collect()),
        Value::Object(_) => ValueKind::Table(entries(value)),
    };
    Merged::new(None, kind)
}

fn pointer_of(name: &str) -> String {
    name[PREFIX.len()..].to_lowercase().split("__").fold(String::new(), |pointer, step| join(&pointer, step))
}

/// The text of a variable as the schema wants it: a number, a flag, a list separated by commas.
pub(super) fn typed(text: &str, schema: &Value) -> Value {
    let as_text = || Value::String(text.to_owned());
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => text.parse::<i64>().map_or_else(|_| as_text(), Value::from),
        Some("number") => text.parse::<f64>().map_or_else(|_| as_text(), Value::from),
        Some("boolean") => text.parse::<bool>().map_or_else(|_| as_text(), Value::from),
        Some("array") => Value::Array(text.split(',').map(|part| Value::String(part.trim().to_owned())).collect()),
        _ => as_text(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_lie_over_the_file_and_keep_leading_zeros() {
        let env = Environment::of([
            ("XIAOSHU__SCHOOL__CODE", "0144010001"),
            ("XIAOSHU__SOURCES__JW__PATH", "other.db"),
            ("PATH", "/bin"),
        ]);
        let file =
            json!({"school": {"code": "4144010001", "name": "某校"}, "sources": {"jw": {"path": "jw.db"}, "人事": {"n": 3}}});
        let (merged, pointers) = env.merge(&file).expect("merged");
        assert_eq!(merged["school"], json!({"code": "0144010001", "name": "某校"}));
        assert_eq!(merged["sources"]["jw"]["path"], "other.db");
        assert_eq!(merged["sources"]["人事"]["n"], 3);
        assert_eq!(pointers["/sources/jw/path"], "XIAOSHU__SOURCES__JW__PATH");
        assert_eq!(pointers.len(), 2);
    }

    #[test]
    fn texts_become_what_the_schema_wants() {
        for (text, schema, value) in [
            ("5", json!({"type": "integer"}), json!(5)),
            ("five", json!({"type": "integer"}), json!("five")),
            ("true", json!({"type": "boolean"}), json!(true)),
            ("05", json!({"type": "string"}), json!("05")),
            ("a, b", json!({"type": "array"}), json!(["a", "b"])),
        ] {
            assert_eq!(typed(text, &schema), value);
        }
    }
}
