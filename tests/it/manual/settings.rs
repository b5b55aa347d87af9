//! Settings that the guide's tables name are settings that the schemas know.

use serde_json::Value;
use xiaoshu::report;

use super::{Text, root};

fn schema(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Whether a schema has a property at a dotted path; `$ref`s within the document are followed, and a value of any of several forms
/// may hold it.
fn has(document: &Value, at: &Value, path: &str) -> bool {
    if let Some(to) = at.get("$ref").and_then(Value::as_str) {
        return document.pointer(to.trim_start_matches('#')).is_some_and(|at| has(document, at, path));
    }
    let forms = ["oneOf", "anyOf", "allOf"].iter().filter_map(|form| at.get(form)?.as_array()).flatten();
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let inner = at.get("properties").and_then(|own| own.get(first));
    inner.is_some_and(|inner| rest.is_empty() || has(document, inner, rest)) || { forms }.any(|form| has(document, form, path))
}

/// The names in the first column of the tables that follow a mark, up to the next heading or the next mark of an example.
fn named(guide: &str, mark: &str) -> Vec<String> {
    let from = guide.split_once(mark).unwrap_or_else(|| panic!("the guide lacks: {mark}")).1;
    let rows = from.lines().skip_while(|line| !line.starts_with("|---")).skip(1).take_while(|line| line.starts_with('|'));
    let first = |row: &str| row.split('|').nth(1).unwrap_or_default().to_owned();
    let cells: Vec<String> = rows.map(first).collect();
    let names = cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    names.collect()
}

#[test]
fn every_setting_in_a_table_is_known() {
    let guide = Text::read(root().join("deploy/README.md")).prose;
    let delivery = schema(include_str!("../../../src/report/delivery.schema.json"));
    let of = |kind: &str| schema(report::kind(kind).expect("a kind").settings_schema());
    let mut tried = 0;
    for (mark, document) in [
        ("**What the published interface leaves open**", of("digital_base")),
        ("How delivery goes about it is", delivery),
        ("An upstream of `kind = \"kafka\"`", of("kafka")),
    ] {
        for name in named(&guide, mark) {
            tried += 1;
            assert!(has(&document, &document, &name), "{mark} … names {name}, which no schema knows");
        }
    }
    assert!(tried >= 40, "{tried} settings were named");
    let grpc = of("grpc");
    let example = guide_block("kind = \"grpc\"");
    for line in example.lines().skip(1).filter_map(|line| line.split_once(" = ")) {
        assert!(has(&grpc, &grpc, line.0.trim()), "{} is no setting of grpc", line.0);
    }
}

fn guide_block(with: &str) -> String {
    let guide = Text::read(root().join("deploy/README.md"));
    guide.blocks.into_iter().map(|(_, block)| block).find(|block| block.contains(with)).expect("a block")
}
