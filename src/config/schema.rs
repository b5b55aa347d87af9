//! Checks against JSON Schemas, with faults that say what to do.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::Fault;
use super::document::{Document, join};
use super::suggest::nearest;
use crate::finding::Text;

/// Checks one part of a document against its schema. `pointer` is where the part stands in the file.
pub(super) fn check(doc: &Document, pointer: &str, value: &Value, schema: &Value, faults: &mut Vec<Fault>) {
    check_each(doc, pointer, value, schema, faults, |_, _| {});
}

/// Checks, and shows each error with the faults that came of it.
fn check_each(
    doc: &Document,
    pointer: &str,
    value: &Value,
    schema: &Value,
    faults: &mut Vec<Fault>,
    show: impl Fn(&ValidationError<'_>, &mut [Fault]),
) {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => {
            // A schema of our own that does not compile is a fault of the program; tests catch it.
            let what = format!("the schema of this part is broken: {error}");
            faults.push(doc.fault(pointer, Text::new(what.clone(), what), Text::new("请报告此问题", "report this as a bug")));
            return;
        }
    };
    for error in validator.iter_errors(value) {
        let from = faults.len();
        explain(doc, pointer, &error, schema, faults);
        show(&error, faults.get_mut(from..).unwrap_or_default());
    }
}

/// Checks a whole document; each fault says by JSON pointer what it is about.
pub(super) fn check_named(doc: &Document, schema: &Value, faults: &mut Vec<Fault>) {
    check_each(doc, "", &doc.value, schema, faults, |error, found| {
        let pointer = error.instance_path().as_str();
        if !pointer.is_empty() {
            for fault in found {
                fault.what = Text::new(format!("{pointer}：{}", fault.what.zh), format!("{pointer}: {}", fault.what.en));
            }
        }
    });
}

/// The schema of the part at `pointer`, as far as `properties`, `items`, `additionalProperties`, `$ref` and `oneOf` lead.
pub(super) fn schema_at<'a>(root: &'a Value, pointer: &str) -> &'a Value {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.fold(root, |part, step| child(root, part, &step).unwrap_or(&Value::Null))
}

/// The schema of one entry of a part.
pub(super) fn child<'a>(root: &'a Value, part: &'a Value, name: &str) -> Option<&'a Value> {
    let part = followed(root, part);
    let own = part.get("properties").and_then(|all| all.get(name));
    let own = own.or_else(|| part.get("items")).or_else(|| part.get("additionalProperties"));
    let own = own.filter(|found| found.is_object());
    let mut branches = ["oneOf", "anyOf"].into_iter().filter_map(|key| part.get(key)?.as_array()).flatten();
    own.or_else(|| branches.find_map(|branch| child(root, branch, name)))
}

/// What a `$ref` within the same document means.
pub(super) fn followed<'a>(root: &'a Value, part: &'a Value) -> &'a Value {
    let target = part.get("$ref").and_then(Value::as_str).and_then(|to| root.pointer(to.strip_prefix('#')?));
    target.unwrap_or(part)
}

fn explain(doc: &Document, base: &str, error: &ValidationError<'_>, schema: &Value, faults: &mut Vec<Fault>) {
    let inner = error.instance_path().as_str();
    let here = format!("{base}{inner}");
    let name = name_of(&here);
    let outer = schema_at(schema, inner);
    let part = followed(schema, outer);
    match error.kind() {
        Kind::OneOfNotValid { context } | Kind::AnyOf { context } if likely(context).is_some() => {
            for inner in likely(context).into_iter().flatten() {
                explain(doc, base, inner, schema, faults);
            }
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            for key in unexpected {
                faults.push(unknown_key(doc, &here, key, schema, part));
            }
        }
        Kind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            faults.push(doc.fault(
                &here,
                Text::new(format!("缺少 {key}"), format!("{key} is missing")),
                help(child(schema, part, key).map_or(&Value::Null, |inner| followed(schema, inner)), key),
            ));
        }
        kind => {
            let (zh, en) = reason(kind);
            faults.push(doc.fault(
                &here,
                Text::new(format!("{name} {zh}"), format!("{name} {en}")),
                advice(schema, inner, &here),
            ));
        }
    }
}

/// The name of a setting; an item of a list is named after the list, as `brokers[0]`.
fn name_of(pointer: &str) -> String {
    let (outer, last) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    if !last.is_empty() && last.chars().all(|c| c.is_ascii_digit()) && !outer.is_empty() {
        return format!("{}[{last}]", name_of(outer));
    }
    last.replace("~1", "/").replace("~0", "~")
}

/// What helps with the part at `inner`; where its schema is silent, what helps with the nearest part around it that is not.
fn advice(schema: &Value, inner: &str, here: &str) -> Text {
    let (mut inner, mut at) = (inner, here);
    loop {
        let part = followed(schema, schema_at(schema, inner));
        let Some((outer, _)) = inner.rsplit_once('/') else { return help(part, &name_of(here)) };
        if part.get("x-help").is_some() || part.get("description").is_some() {
            return help(part, &name_of(at));
        }
        // Both end in the same steps.
        (inner, at) = (outer, at.rsplit_once('/').map_or("", |(outer, _)| outer));
        if inner.is_empty() {
            return help(&Value::Null, &name_of(here));
        }
    }
}

/// Of the branches of a choice the one that was probably meant: it fails below the part, not at the part itself.
fn likely<'a>(context: &'a [Vec<ValidationError<'static>>]) -> Option<&'a Vec<ValidationError<'static>>> {
    let meant = |errors: &&Vec<ValidationError<'static>>| {
        !errors.iter().any(|error| matches!(error.kind(), Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. }))
    };
    context.iter().filter(meant).min_by_key(|errors| errors.len())
}

fn unknown_key(doc: &Document, here: &str, key: &str, root: &Value, part: &Value) -> Fault {
    let branches = ["oneOf", "anyOf"].into_iter().filter_map(|key| part.get(key)?.as_array()).flatten();
    let parts = std::iter::once(part).chain(branches.map(|branch| followed(root, branch)));
    let known: Vec<&str> =
        parts.filter_map(|p| p.get("properties")?.as_object()).flat_map(|all| all.keys().map(String::as_str)).collect();
    let remedy = match nearest(key, known.iter().copied()) {
        Some(near) => Text::new(format!("是否应为 {near}？"), format!("did you mean {near}?")),
        None if known.is_empty() => Text::new("删除这一项", "remove it"),
        None => Text::new(
            format!("删除它；此处可用的名称有：{}", known.join("、")),
            format!("remove it; the names known here are: {}", known.join(", ")),
        ),
    };
    doc.fault_at_key(
        &join(here, key),
        Text::new(format!("没有名为 {key} 的设置项"), format!("there is no setting named {key}")),
        remedy,
    )
}

/// What is wrong, without the value: it may be a secret put in the wrong place.
fn reason(kind: &Kind) -> (String, String) {
    match kind {
        Kind::Type { kind } => {
            let names = type_names(kind);
            (format!("的类型不对，应为{}", names.0), format!("has the wrong type, {} is expected", names.1))
        }
        Kind::Enum { options } => {
            let list: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
            (format!("不在允许的值之中：{}", list.join("、")), format!("is none of the allowed values: {}", list.join(", ")))
        }
        Kind::Constant { expected_value } => {
            (format!("应为 {}", plain(expected_value)), format!("has to be {}", plain(expected_value)))
        }
        Kind::Pattern { .. } | Kind::Format { .. } => ("的写法不对".to_owned(), "is not written as it should be".to_owned()),
        Kind::MinLength { .. } => ("不能为空".to_owned(), "is too short".to_owned()),
        Kind::MaxLength { limit } => (format!("最多 {limit} 个字符"), format!("has more than {limit} characters")),
        Kind::Minimum { limit } => (format!("不能小于 {limit}"), format!("is less than {limit}")),
        Kind::Maximum { limit } => (format!("不能大于 {limit}"), format!("is more than {limit}")),
        Kind::MinItems { limit } => (format!("至少要有 {limit} 项"), format!("needs at least {limit} items")),
        Kind::MaxItems { limit } => (format!("最多 {limit} 项"), format!("has more than {limit} items")),
        Kind::MinProperties { limit } => (format!("至少要有 {limit} 个设置项"), format!("needs at least {limit} settings")),
        Kind::UniqueItems => ("有重复的项".to_owned(), "has an item twice".to_owned()),
        other => (format!("不符合要求（{}）", other.keyword()), format!("is not as it should be ({})", other.keyword())),
    }
}

fn type_names(kind: &jsonschema::error::TypeKind) -> (String, String) {
    let one = |name: &str| match name {
        "string" => ("文本（加引号）", "a text in quotes"),
        "integer" => ("整数", "a whole number"),
        "number" => ("数", "a number"),
        "boolean" => ("true 或 false", "true or false"),
        "array" => ("列表 […]", "a list […]"),
        "object" => ("表", "a table"),
        _ => ("空", "nothing"),
    };
    let names: Vec<(&str, &str)> = match kind {
        jsonschema::error::TypeKind::Single(one_type) => vec![one(&one_type.to_string())],
        jsonschema::error::TypeKind::Multiple(types) => types.iter().map(|t| one(&t.to_string())).collect(),
    };
    let (zh, en): (Vec<&str>, Vec<&str>) = names.into_iter().unzip();
    (zh.join("或"), en.join(" or "))
}

fn help(part: &Value, name: &str) -> Text {
    if let Some(text) = part.get("x-help").and_then(|help| serde_json::from_value::<Text>(help.clone()).ok()) {
        return text;
    }
    match part.get("description").and_then(Value::as_str) {
        Some(words) => Text::new(format!("{name}：{words}"), format!("{name}: {words}")),
        None => Text::new(format!("更正 {name}"), format!("mend {name}")),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    #[test]
    fn the_settings_schema_is_a_schema() {
        let schema: Value = serde_json::from_str(super::super::SETTINGS_SCHEMA).expect("JSON");
        assert!(jsonschema::meta::is_valid(&schema));
    }

    #[test]
    fn an_item_is_helped_by_what_helps_with_its_list() {
        let schema = json!({
            "properties": {
                "brokers": {"items": {"type": "string", "pattern": ":[0-9]+$"}, "description": "host:port of some brokers"},
                "by": {"properties": {"who": {"type": "string", "minLength": 1}}, "description": "who accepts it"}
            }
        });
        let text = "[s]\nbrokers = [\"k:1\", \"k\"]\nby = { who = \"\" }\n".to_owned();
        let doc = Document::parse(Path::new("a.toml"), text).expect("TOML");
        let mut faults = Vec::new();
        check(&doc, "/s", &doc.value["s"], &schema, &mut faults);
        faults.sort_by_key(|f| f.line);
        let found: Vec<_> = faults.iter().map(|f| (f.line, f.what.en.as_str(), f.remedy.en.as_str())).collect();
        assert_eq!(
            found,
            [
                (2, "brokers[1] is not written as it should be", "brokers: host:port of some brokers"),
                (3, "who is too short", "by: who accepts it"),
            ]
        );
    }

    #[test]
    fn all_faults_at_once_each_with_place_and_remedy_and_no_value() {
        let schema = json!({
            "type": "object", "required": ["path"], "additionalProperties": false,
            "properties": {
                "path": {"type": "string", "description": "the file"},
                "mode": {"enum": ["a", "b"]},
                "rows": {"type": "integer", "minimum": 1, "x-help": {"zh": "行数", "en": "a count"}}
            }
        });
        let doc = Document::parse(Path::new("a.toml"), "[s]\nmode = \"hunter2\"\nrows = 0\npaht = 1\n".to_owned()).expect("TOML");
        let mut faults = Vec::new();
        check(&doc, "/s", &doc.value["s"], &schema, &mut faults);
        faults.sort_by_key(|f| f.line);
        let found: Vec<_> = faults.iter().map(|f| (f.line, f.what.en.as_str(), f.remedy.en.as_str())).collect();
        assert_eq!(
            found,
            [
                (1, "path is missing", "path: the file"),
                (2, "mode is none of the allowed values: a, b", "mend mode"),
                (3, "rows is less than 1", "a count"),
                (4, "there is no setting named paht", "did you mean path?"),
            ]
        );
    }
}
