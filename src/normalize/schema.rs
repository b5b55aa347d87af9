//! A mapping file against its JSON Schema: every breach becomes a fault with a place and a remedy.

use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::fault::{Faults, meant, nearest};
use super::toml::escape;
use crate::finding::Text;

/// The schema of one kind of file.
pub(super) struct Schema {
    text: &'static str,
    compiled: OnceLock<Option<Compiled>>,
}

/// Of mapping files.
pub(super) static MAPPING: Schema = Schema::of(include_str!("../../schemas/meta/mapping.schema.json"));

/// Of files that say how a table is merged of several sources.
pub(super) static MERGED: Schema = Schema::of(include_str!("../../schemas/meta/merged.schema.json"));

struct Compiled {
    document: Value,
    validator: Validator,
}

impl Schema {
    const fn of(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// The compiled schema. It is ours and tested, so it is there.
    fn compiled(&self) -> Option<&Compiled> {
        let make = || {
            let document: Value = serde_json::from_str(self.text).ok()?;
            let validator = jsonschema::draft202012::new(&document).ok()?;
            Some(Compiled { document, validator })
        };
        self.compiled.get_or_init(make).as_ref()
    }

    /// Notes every breach of the schema.
    pub(super) fn check(&self, value: &Value, faults: &mut Faults<'_>) {
        let Some(compiled) = self.compiled() else { return };
        for error in compiled.validator.iter_errors(value) {
            note(&error, compiled, faults);
        }
    }
}

fn note(error: &ValidationError<'_>, compiled: &Compiled, faults: &mut Faults<'_>) {
    let pointer = error.instance_path().to_string();
    let name = pointer.rsplit('/').next().unwrap_or("").replace("~1", "/").replace("~0", "~");
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let schema_path = error.schema_path().to_string();
            let parent = schema_path.strip_suffix("/additionalProperties").unwrap_or("");
            let known = compiled.document.pointer(&format!("{parent}/properties")).and_then(Value::as_object);
            for key in unexpected {
                let names = known.into_iter().flat_map(|k| k.keys().map(String::as_str));
                let list = names.clone().collect::<Vec<_>>().join(", ");
                let otherwise = Text::new(format!("可用的键：{list}"), format!("known keys: {list}"));
                faults.add(
                    &format!("{pointer}/{}", escape(key)),
                    Text::new(format!("未知的键 {key}"), format!("unknown key {key}")),
                    meant(nearest(key, names), otherwise),
                );
            }
        }
        ValidationErrorKind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            let schema_path = error.schema_path().to_string();
            let parent = schema_path.strip_suffix("/required").unwrap_or("");
            let values = compiled.document.pointer(&format!("{parent}/properties/{property}/enum")).and_then(Value::as_array);
            let values: Vec<String> =
                values.into_iter().flatten().filter_map(Value::as_str).map(|value| format!("\"{value}\"")).collect();
            let value = if values.is_empty() { "…".to_owned() } else { values.join(" | ") };
            faults.add(
                &pointer,
                Text::new(format!("缺少 {property}"), format!("{property} is missing")),
                Text::new(format!("补上 {property} = {value}"), format!("add {property} = {value}")),
            );
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let given = error.instance().as_str().unwrap_or_default().to_owned();
            let list = options.join(", ");
            faults.add(
                &pointer,
                Text::new(format!("{name} 的取值 {given} 不可用"), format!("{given} is no value of {name}")),
                meant(nearest(&given, options.iter().copied()), Text::new(format!("可取：{list}"), format!("one of: {list}"))),
            );
        }
        ValidationErrorKind::Type { .. } => faults.add(
            &pointer,
            Text::new(format!("{name} 的类型不对"), format!("{name} is of the wrong type")),
            Text::new(wanted_zh(&name), wanted_en(&name)),
        ),
        other => faults.add(
            &pointer,
            Text::new(
                format!("{name} 的值不合要求（{}）", other.keyword()),
                format!("the value of {name} is not usable ({})", other.keyword()),
            ),
            Text::new(wanted_zh(&name), wanted_en(&name)),
        ),
    }
}

fn wanted_zh(name: &str) -> String {
    match name {
        "multiply" => "写成文本，例如 multiply = \"0.01\"".to_owned(),
        "when_missing" => "写成 \"hold\"、{ planned = \"列\" } 或 { placeholder = \"值\", owner = …, reason = … }".to_owned(),
        "serial" => "写成 \"1900\" 或 \"1904\"".to_owned(),
        "roster" | "order" => "写成来源名 \"…\"，或来源名的列表 [\"…\", \"…\"]".to_owned(),
        "is" | "is_not" | "missing" | "order_by" | "fields" | "match" => "写成文本的列表：[\"…\"]（fields 为表）".to_owned(),
        _ => "写成非空文本，例如 \"…\"".to_owned(),
    }
}

fn wanted_en(name: &str) -> String {
    match name {
        "multiply" => "write a text, as multiply = \"0.01\"".to_owned(),
        "when_missing" => {
            "write \"hold\", { planned = \"column\" } or { placeholder = \"value\", owner = …, reason = … }".to_owned()
        }
        "serial" => "write \"1900\" or \"1904\"".to_owned(),
        "roster" | "order" => "write the name of a source \"…\", or a list of names [\"…\", \"…\"]".to_owned(),
        "is" | "is_not" | "missing" | "order_by" | "fields" | "match" => {
            "write a list of texts: [\"…\"] (fields is a table)".to_owned()
        }
        _ => "write a text that is not empty, as \"…\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_compile() {
        assert!(MAPPING.compiled().is_some());
        assert!(MERGED.compiled().is_some());
    }
}
