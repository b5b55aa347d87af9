//! The protocol files: common style, and no change that breaks who speaks them already.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

fn files() -> Vec<FileDescriptorProto> {
    let all = FileDescriptorSet::decode(xiaoshu::wire::DESCRIPTORS).unwrap().file;
    let own = |f: &FileDescriptorProto| !f.package().starts_with("google.");
    all.into_iter().filter(own).collect()
}

/// Every element with its comment: what it is, and the lines before it.
fn commented(file: &FileDescriptorProto) -> Vec<(String, bool)> {
    let info = file.source_code_info.clone().unwrap_or_default();
    let comments: BTreeMap<Vec<i32>, bool> = info
        .location
        .iter()
        .map(|l| (l.path.clone(), l.leading_comments.as_deref().is_some_and(|c| !c.trim().is_empty())))
        .collect();
    let has = |path: &[i32]| comments.get(path).copied().unwrap_or(false);
    let mut out = Vec::new();
    for (i, message) in file.message_type.iter().enumerate() {
        walk(message, &[4, i as i32], file.package(), &has, &mut out);
    }
    for (i, one) in file.enum_type.iter().enumerate() {
        let name = format!("{}.{}", file.package(), one.name());
        out.push((name.clone(), has(&[5, i as i32])));
        for (j, value) in one.value.iter().enumerate() {
            out.push((format!("{name}.{}", value.name()), has(&[5, i as i32, 2, j as i32])));
        }
    }
    for (i, service) in file.service.iter().enumerate() {
        let name = format!("{}.{}", file.package(), service.name());
        out.push((name.clone(), has(&[6, i as i32])));
        for (j, method) in service.method.iter().enumerate() {
            out.push((format!("{name}.{}", method.name()), has(&[6, i as i32, 2, j as i32])));
        }
    }
    out
}

/// What the compiler makes of a `map<…>`: nobody wrote it, so nobody comments on it.
fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(|o| o.map_entry())
}

fn walk(message: &DescriptorProto, path: &[i32], within: &str, has: &dyn Fn(&[i32]) -> bool, out: &mut Vec<(String, bool)>) {
    let name = format!("{within}.{}", message.name());
    out.push((name.clone(), has(path)));
    for (kind, names) in [
        (2, message.field.iter().map(|f| f.name().to_owned()).collect::<Vec<_>>()),
        (8, message.oneof_decl.iter().map(|o| o.name().to_owned()).collect()),
    ] {
        for (i, field) in names.iter().enumerate() {
            out.push((format!("{name}.{field}"), has(&[path, &[kind, i as i32]].concat())));
        }
    }
    for (i, inner) in message.nested_type.iter().enumerate().filter(|(_, inner)| !is_map_entry(inner)) {
        walk(inner, &[path, &[3, i as i32]].concat(), &name, has, out);
    }
}

#[test]
fn every_message_field_and_call_says_what_it_is() {
    let bare: Vec<String> = files().iter().flat_map(commented).filter(|(_, said)| !said).map(|(name, _)| name).collect();
    assert!(files().iter().flat_map(commented).count() > 80, "the protocol files were not found");
    assert!(bare.is_empty(), "no comment before: {}", bare.join(", "));
}

fn upper_snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

fn style(file: &FileDescriptorProto) -> Vec<String> {
    let mut out = Vec::new();
    let snake = |n: &str| n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') && !n.ends_with('_');
    let camel = |n: &str| n.starts_with(|c: char| c.is_ascii_uppercase()) && n.chars().all(|c| c.is_ascii_alphanumeric());
    let folder = file.package().replace('.', "/");
    if !file.name().starts_with(&format!("{folder}/")) || !file.package().rsplit('.').next().is_some_and(|v| v.starts_with('v')) {
        out.push(format!("{}: folder and package must agree and end in a version", file.name()));
    }
    let mut messages: Vec<&DescriptorProto> = file.message_type.iter().collect();
    while let Some(message) = messages.pop() {
        let maps: Vec<&str> = message.nested_type.iter().filter(|m| is_map_entry(m)).map(|m| m.name()).collect();
        messages.extend(message.nested_type.iter().filter(|m| !is_map_entry(m)));
        if !camel(message.name()) {
            out.push(format!("message {}", message.name()));
        }
        out.extend(message.field.iter().filter(|f| !snake(f.name())).map(|f| format!("field {}.{}", message.name(), f.name())));
        let is_map = |f: &FieldDescriptorProto| f.type_name().rsplit('.').next().is_some_and(|name| maps.contains(&name));
        let lists = message.field.iter().filter(|f| f.label() == Label::Repeated && !is_map(f));
        for field in lists.filter(|f| !f.name().ends_with('s')) {
            out.push(format!("repeated field {}.{} in the singular", message.name(), field.name()));
        }
    }
    for one in &file.enum_type {
        let prefix = upper_snake(one.name());
        if one.value.first().is_none_or(|v| v.number() != 0 || v.name() != format!("{prefix}_UNSPECIFIED")) {
            out.push(format!("enum {} has no {prefix}_UNSPECIFIED = 0", one.name()));
        }
        let odd = one.value.iter().filter(|v| !v.name().starts_with(&format!("{prefix}_")));
        out.extend(odd.map(|v| format!("enum value {}", v.name())));
    }
    for service in &file.service {
        if !service.name().ends_with("Service") {
            out.push(format!("service {}", service.name()));
        }
        for method in &service.method {
            let last = |t: &str| t.rsplit('.').next().unwrap_or_default().to_owned();
            let (input, output) = (last(method.input_type()), last(method.output_type()));
            if input != format!("{}Request", method.name()) || output != format!("{}Response", method.name()) {
                out.push(format!("rpc {}: {input} -> {output}", method.name()));
            }
        }
    }
    out
}

#[test]
fn names_follow_the_common_style() {
    let odd: Vec<String> = files().iter().flat_map(style).collect();
    assert!(odd.is_empty(), "{}", odd.join("\n"));
}

#[test]
fn the_style_can_fail() {
    let one = |name: &str, number| prost_types::EnumValueDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        options: None,
    };
    let bad = EnumDescriptorProto { name: Some("TheOutcome".into()), value: vec![one("GOOD", 1)], ..Default::default() };
    let field = FieldDescriptorProto { name: Some("camelCase".into()), ..Default::default() };
    let message = DescriptorProto { name: Some("lower".into()), field: vec![field], ..Default::default() };
    let file = FileDescriptorProto {
        name: Some("a/v1/b.proto".into()),
        package: Some("a.v1".into()),
        enum_type: vec![bad],
        message_type: vec![message],
        ..Default::default()
    };
    assert_eq!(style(&file).len(), 4, "{:?}", style(&file));
}

/// All that a peer relies on: names, numbers, types. One line each.
fn contract(file: &FileDescriptorProto) -> Vec<String> {
    let mut out = Vec::new();
    let mut messages: Vec<(String, &DescriptorProto)> =
        file.message_type.iter().map(|m| (format!("{}.{}", file.package(), m.name()), m)).collect();
    while let Some((name, message)) = messages.pop() {
        messages.extend(message.nested_type.iter().map(|m| (format!("{name}.{}", m.name()), m)));
        out.push(format!("message {name}"));
        for field in &message.field {
            let kind = match field.r#type() {
                Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
                plain => plain.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
            };
            let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
            let within = field.oneof_index.filter(|_| !field.proto3_optional()).map(|i| message.oneof_decl[i as usize].name());
            let within = within.map(|w| format!(" in {w}")).unwrap_or_default();
            out.push(format!("field {name}.{} = {} {repeated}{kind}{within}", field.name(), field.number()));
        }
    }
    for one in &file.enum_type {
        let values = one.value.iter().map(|v| format!("value {}.{}.{} = {}", file.package(), one.name(), v.name(), v.number()));
        out.extend(values);
    }
    for service in &file.service {
        for method in &service.method {
            let stream = |is: bool| if is { "stream " } else { "" };
            out.push(format!(
                "rpc {}.{}.{}({}{}) returns {}{}",
                file.package(),
                service.name(),
                method.name(),
                stream(method.client_streaming()),
                method.input_type().trim_start_matches('.'),
                stream(method.server_streaming()),
                method.output_type().trim_start_matches('.'),
            ));
        }
    }
    out.sort();
    out
}

fn golden(file: &FileDescriptorProto) -> PathBuf {
    let name = format!("{}.txt", file.package());
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/streams/golden").join(name)
}

/// What the golden file has and the protocol has no more.
fn broken(golden: &str, now: &[String]) -> Vec<String> {
    golden.lines().filter(|line| !line.is_empty() && !now.iter().any(|n| n == line)).map(str::to_owned).collect()
}

#[test]
fn what_was_published_stays() {
    let mut packages: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for file in files() {
        packages.entry(golden(&file)).or_default().extend(contract(&file));
    }
    for (path, now) in packages {
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        let gone = broken(&published, &now);
        assert!(gone.is_empty(), "{}: a peer relies on\n{}", path.display(), gone.join("\n"));
        let new: Vec<String> = now.iter().filter(|line| !published.lines().any(|p| p == *line)).cloned().collect();
        assert!(new.is_empty(), "add to {} what is new:\n{}", path.display(), new.join("\n"));
    }
}

#[test]
fn a_change_of_number_type_or_name_breaks() {
    let now = vec!["field a.B.c = 1 string".to_owned()];
    for published in ["field a.B.c = 2 string", "field a.B.c = 1 bytes", "field a.B.d = 1 string", "message a.C"] {
        assert_eq!(broken(published, &now), [published]);
    }
    assert!(broken("field a.B.c = 1 string\n", &now).is_empty());
}
