//! Sources and upstreams: each section against the schema of its kind.

use std::path::Path;

use serde_json::Value;

use super::Fault;
use super::document::{Document, join};
use super::environment::Environment;
use super::parts::Kind;
use super::schema;
use super::secret::Resolver;
use super::settings::strip;
use super::suggest::nearest;
use crate::finding::Text;
use crate::report::DeliveryConfig;

/// What a run over sections needs.
pub(super) struct Sections<'a> {
    pub(super) doc: &'a Document,
    pub(super) env: &'a Environment,
    pub(super) base: &'a Path,
}

impl Sections<'_> {
    /// Resolves the secrets of all sections below `group` (`sources`, `upstreams`) and checks each by its kind.
    pub(super) fn check(&self, group: &str, settings: &mut Value, kinds: &[Kind], faults: &mut Vec<Fault>) {
        let Some(Value::Object(sections)) = settings.get_mut(group) else { return };
        for (name, section) in sections {
            let pointer = join(&join("", group), name);
            let Some(kind) = section.get("kind").and_then(Value::as_str).map(str::to_owned) else { continue };
            let Some(known) = kinds.iter().find(|k| k.name == kind) else {
                faults.push(self.unknown_kind(&pointer, &kind, kinds));
                continue;
            };
            let resolver = Resolver { doc: self.doc, schema: &known.schema, env: self.env, base: self.base };
            resolver.resolve(&pointer, section, &known.schema, faults);
            let mut own = section.clone();
            if group == "sources" {
                strip(&mut own);
            }
            schema::check(self.doc, &pointer, &own, &without_supplied(&known.schema), faults);
            if let Some(delivery) = section.get("delivery").filter(|_| group == "upstreams") {
                schema::check(self.doc, &join(&pointer, "delivery"), delivery, &delivery_schema(), faults);
            }
            self.check_paths(&pointer, &own, faults);
            self.check_plain_http(&pointer, &own, faults);
        }
    }

    fn unknown_kind(&self, pointer: &str, kind: &str, kinds: &[Kind]) -> Fault {
        let names: Vec<&str> = kinds.iter().map(|k| k.name).collect();
        let remedy = match nearest(kind, names.iter().copied()) {
            Some(near) => Text::new(format!("是否应为 {near}？"), format!("did you mean {near}?")),
            None => Text::new(format!("可用的种类：{}", names.join("、")), format!("kinds known: {}", names.join(", "))),
        };
        let what = Text::new(format!("没有名为 {kind} 的种类"), format!("there is no kind {kind}"));
        self.doc.fault(&join(pointer, "kind"), what, remedy)
    }

    /// Settings that name a file or folder which has to be there: `path`, `…_file`, and those of certificates.
    fn check_paths(&self, pointer: &str, section: &Value, faults: &mut Vec<Fault>) {
        for (name, value) in section.as_object().into_iter().flatten() {
            if let ("tls" | "network", Value::Object(_)) = (name.as_str(), value) {
                self.check_paths(&join(pointer, name), value, faults);
            }
            let named = name.ends_with("_file") || matches!(name.as_str(), "path" | "tls_ca" | "ca" | "cert" | "key");
            let Some(path) = value.as_str().filter(|_| named) else { continue };
            // A pattern in the last part is the connector's to resolve; its folder has to be there.
            let whole = self.base.join(path);
            let wanted = if path.contains('*') { whole.parent().map(Path::to_owned).unwrap_or(whole) } else { whole };
            if !wanted.exists() {
                faults.push(self.doc.fault(
                    &join(pointer, name),
                    Text::new(format!("{} 不存在", wanted.display()), format!("{} does not exist", wanted.display())),
                    Text::new(
                        "更正路径（相对路径从设置文件所在目录算起），或放好文件",
                        "mend the path (relative ones start from the settings file's folder), or put the file there",
                    ),
                ));
            }
        }
    }

    /// Plain http carries tokens in the open: only with a recorded acceptance.
    fn check_plain_http(&self, pointer: &str, section: &Value, faults: &mut Vec<Fault>) {
        for (name, value) in section.as_object().into_iter().flatten() {
            let plain = value.as_str().is_some_and(|text| text.to_ascii_lowercase().starts_with("http://"));
            if !plain || section.get(ACCEPTANCE).is_some() {
                continue;
            }
            faults.push(self.doc.fault(
                &join(pointer, name),
                Text::new("明文 http 会暴露令牌和数据", "plain http shows token and data to everybody on the way"),
                Text::new(
                    format!("改用 https；若平台只提供 http，由负责人记录接受：{ACCEPTANCE} = {{ by = \"姓名\", date = \"2025-09-01\", reason = \"原因\" }}"),
                    format!("use https; where the platform has only http, record who accepts that: {ACCEPTANCE} = {{ by = \"name\", date = \"2025-09-01\", reason = \"why\" }}"),
                ),
            ));
        }
    }
}

/// What delivery takes, whatever the kind of upstream.
fn delivery_schema() -> Value {
    serde_json::from_str(DeliveryConfig::schema()).unwrap_or_default()
}

/// The setting that records who accepted plain http.
const ACCEPTANCE: &str = "plain_http";

/// The schema as a user meets it: settings that the hub supplies by itself (`x-supplied`) are neither wanted nor taken.
fn without_supplied(schema: &Value) -> Value {
    let mut schema = schema.clone();
    let mut supplied = Vec::new();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, part| {
            let ours = part.get("x-supplied").and_then(Value::as_bool) == Some(true);
            if ours {
                supplied.push(name.clone());
            }
            !ours
        });
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !supplied.iter().any(|ours| name == ours));
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_hub_supplies_is_not_asked_of_the_user() {
        let schema = json!({
            "required": ["kind", "database"],
            "properties": {"kind": {}, "database": {"x-supplied": true}, "timeout": {}}
        });
        assert_eq!(without_supplied(&schema), json!({"required": ["kind"], "properties": {"kind": {}, "timeout": {}}}));
    }
}
