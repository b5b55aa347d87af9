//! `[serve]`: tokens, exposure, scopes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::Fault;
use super::document::{Document, join};
use super::environment::Environment;
use super::mapping;
use super::parts::Names;
use super::secret::Resolver;
use super::settings::absolute;
use super::suggest::nearest;
use crate::finding::Text;
use crate::serve::Scope;

const GRPC: &str = "/serve/grpc";

/// Puts the tokens in place of their references.
pub(super) fn resolve(
    doc: &Document,
    env: &Environment,
    base: &Path,
    schema: &Value,
    settings: &mut Value,
    faults: &mut Vec<Fault>,
) {
    let Some(part) = schema.pointer("/properties/serve") else { return };
    if let Some(section) = settings.get_mut("serve") {
        Resolver { doc, schema, env, base }.resolve("/serve", section, part, faults);
    }
}

/// What only shows across the section and the sources.
pub(super) fn check(doc: &Document, settings: &Value, base: &Path, faults: &mut Vec<Fault>) {
    let Some(grpc) = settings.pointer(GRPC) else { return };
    listen(doc, grpc, faults);
    for name in ["cert", "key", "client_ca"] {
        let Some(file) = grpc.pointer(&format!("/tls/{name}")).and_then(Value::as_str) else { continue };
        let path = absolute(base, Path::new(file));
        if !path.is_file() {
            faults.push(doc.fault(
                &format!("{GRPC}/tls/{name}"),
                Text::new(format!("文件 {} 不存在", path.display()), format!("there is no file {}", path.display())),
                Text::new("更正路径（相对于设置文件所在目录）", "mend the path (relative to the settings file's folder)"),
            ));
        }
    }
    let mut tokens: HashMap<&str, &str> = HashMap::new();
    for (name, client) in clients(grpc) {
        let here = join(&format!("{GRPC}/clients"), name);
        if let Some(token) = client.get("token").and_then(Value::as_str)
            && let Some(other) = tokens.insert(token, name)
        {
            faults.push(doc.fault(
                &join(&here, "token"),
                Text::new(format!("与客户端 {other} 的令牌相同"), format!("client {other} has the same token")),
                Text::new("为每个客户端生成各自的令牌", "give every client a token of its own"),
            ));
        }
        for (at, scope) in scopes(client) {
            if let Some(Scope::Push(source, object)) = Scope::parse(scope) {
                pushed(doc, settings, &format!("{here}/scopes/{at}"), (&source, object.as_deref()), faults);
            }
        }
    }
}

/// Tables that scopes name.
pub(super) fn check_tables(doc: &Document, settings: &Value, names: &Names, faults: &mut Vec<Fault>) {
    for (name, client) in settings.pointer(GRPC).into_iter().flat_map(clients) {
        for (at, scope) in scopes(client) {
            let Some(Scope::Read(table) | Scope::ReadSensitive(table)) = Scope::parse(scope) else { continue };
            if table != "*" && !names.tables.contains_key(&table) {
                let pointer = format!("{}/scopes/{at}", join(&format!("{GRPC}/clients"), name));
                faults.push(mapping::unknown(doc, &pointer, &table, names.tables.keys().map(String::as_str), &mapping::TABLE));
            }
        }
    }
}

fn clients(grpc: &Value) -> impl Iterator<Item = (&String, &Value)> {
    grpc.get("clients").and_then(Value::as_object).into_iter().flatten()
}

fn scopes(client: &Value) -> impl Iterator<Item = (usize, &str)> {
    let all = client.get("scopes").and_then(Value::as_array).into_iter().flatten().enumerate();
    all.filter_map(|(at, scope)| Some((at, scope.as_str()?)))
}

/// Tokens and records in the open: on the machine itself, or where somebody accepted it.
fn listen(doc: &Document, grpc: &Value, faults: &mut Vec<Fault>) {
    let Some(text) = grpc.get("listen").and_then(Value::as_str) else { return };
    let pointer = format!("{GRPC}/listen");
    let Ok(address) = text.parse::<SocketAddr>() else {
        faults.push(doc.fault(
            &pointer,
            Text::new("listen 不是 IP 地址加端口", "listen is no IP address with a port"),
            Text::new("写成 \"127.0.0.1:50051\" 或 \"0.0.0.0:50051\"", "write \"127.0.0.1:50051\" or \"0.0.0.0:50051\""),
        ));
        return;
    };
    if grpc.get("tls").is_none() && grpc.get("plaintext").is_none() && !address.ip().is_loopback() {
        faults.push(doc.fault(
            &pointer,
            Text::new("不加密的接口会暴露令牌和数据", "without TLS tokens and records travel in the open"),
            Text::new(
                "设置 tls = { cert = …, key = … }；或只监听 127.0.0.1；或由负责人记录接受：plaintext = { by = \"姓名\", date = \"2025-09-01\", reason = \"原因\" }",
                "set tls = { cert = …, key = … }; or listen on 127.0.0.1 only; or record who accepts that: plaintext = { by = \"name\", date = \"2025-09-01\", reason = \"why\" }",
            ),
        ));
    }
}

/// The source and the object that a scope names.
fn pushed(doc: &Document, settings: &Value, pointer: &str, named: (&str, Option<&str>), faults: &mut Vec<Fault>) {
    let (source, object) = named;
    let sources = settings.get("sources").and_then(Value::as_object).into_iter().flatten();
    let sources: Vec<(&str, &Value)> =
        sources.filter(|(_, s)| s.get("kind").and_then(Value::as_str) == Some("push")).map(|(n, s)| (n.as_str(), s)).collect();
    let (zh, en, wanted, known): (_, _, _, Vec<&str>) = match (sources.iter().find(|(name, _)| *name == source), object) {
        (None, _) => {
            ("没有 push 种类的来源", "there is no source of kind push named", source, sources.iter().map(|(n, _)| *n).collect())
        }
        (Some(_), None) => return,
        (Some((_, settings)), Some(object)) => {
            let objects = settings.get("objects").and_then(Value::as_object).into_iter().flatten();
            let known: Vec<&str> = objects.map(|(name, _)| name.as_str()).collect();
            if known.contains(&object) {
                return;
            }
            ("该来源没有对象", "the source has no object", object, known)
        }
    };
    let remedy = match nearest(wanted, known.iter().copied()) {
        Some(near) => Text::new(format!("是否应为 {near}？"), format!("did you mean {near}?")),
        None => Text::new(format!("可用的有：{}", known.join("、")), format!("there are: {}", known.join(", "))),
    };
    faults.push(doc.fault(pointer, Text::new(format!("{zh} {wanted}"), format!("{en} {wanted}")), remedy));
}
