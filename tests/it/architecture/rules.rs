//! The rules, each as a function from a source file to its offences.

use super::rust::{Kind, Token, code, crate_paths, functions, tokens, without_tests};

/// One source file below `src/`.
pub struct File {
    /// Its path from `src/`, with `/`.
    pub path: String,
    pub text: String,
}

/// What a module may import from, by its name. `fault` and `telemetry` may be imported by all; `app` and `cli` may
/// import anything, and nobody imports them.
const DIRECTION: &[(&str, &[&str])] = &[
    ("fault", &[]),
    ("telemetry", &[]),
    ("finding", &[]),
    ("standard", &["finding"]),
    ("record", &["standard"]),
    ("source", &["finding", "wire"]),
    ("normalize", &["standard", "record", "finding", "source"]),
    ("validate", &["standard", "record", "finding"]),
    ("store", &["standard", "record", "finding", "validate", "source"]),
    ("report", &["standard", "record", "finding", "store", "wire"]),
    ("pipeline", &["finding", "standard", "record", "source", "normalize", "validate", "store"]),
    ("propose", &["finding", "standard", "source", "normalize"]),
    ("sample", &[]),
    ("brain", &["standard", "record", "validate", "finding", "wire"]),
    ("serve", &["standard", "record", "finding", "store", "pipeline", "report", "wire"]),
    // Settings know the parts' settings, not the parts at work; mapping files and editions are checked with them.
    ("config", &["finding", "standard", "source", "normalize", "validate", "store", "report", "pipeline", "brain", "serve"]),
    ("wire", &["finding"]),
];

/// Nested modules that are a part's public face beside its root.
const FACES: &[(&str, &str)] =
    &[("standard", "import"), ("store", "postgres"), ("store", "sqlite"), ("wire", "kafka"), ("wire", "tls")];

/// Crates that only some folders may use.
const CRATES: &[(&str, &[&str])] = &[
    ("sqlx", &["store/", "source/", "brain/effects"]),
    ("tonic", &["report/transport/grpc", "brain/grpc", "serve/grpc", "wire"]),
    ("opentelemetry", &["telemetry/"]),
    ("opentelemetry_otlp", &["telemetry/"]),
    ("opentelemetry_sdk", &["telemetry/"]),
    ("tracing_opentelemetry", &["telemetry/"]),
    ("tonic_health", &["serve/grpc"]),
    ("tonic_reflection", &["serve/grpc"]),
    ("tonic_prost", &["wire"]),
    ("prost", &["report/transport/grpc", "brain/grpc", "serve/grpc", "wire"]),
    ("rustls", &["wire"]),
    ("tokio_rustls", &["wire"]),
    ("socket2", &["wire"]),
    ("rdkafka", &["report/transport/kafka", "brain/kafka", "source/kafka", "wire/kafka"]),
    ("odbc_api", &["source/odbc"]),
    ("tiberius", &["source/sqlserver"]),
    ("reqwest", &["report/transport/", "source/http", "telemetry/"]),
    ("axum", &["brain/", "serve/"]),
    ("anyhow", &["main.rs", "cli/", "app/"]),
    ("clap", &["cli/", "app/request.rs"]),
];

/// Parts that do no input or output, take time as an argument, and are not async. The standard's loader reads files,
/// its importer writes them.
const PURE: &[&str] = &["propose/", "normalize/", "validate/", "record/", "finding/", "standard/", "report/delivery/"];
const IMPURE: &[&str] = &["standard/load.rs", "standard/folder.rs", "standard/import/", "normalize/adopt.rs"];

/// File and folder names that say nothing.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "types", "core", "base", "manager", "misc"];

/// The module path of a file: `record/batch.rs` is `record::batch`, `record/mod.rs` is `record`.
pub fn module_of(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

fn product(file: &File) -> Vec<Token> {
    without_tests(&code(&tokens(&file.text)))
}

fn offence(file: &File, line: usize, what: impl std::fmt::Display) -> String {
    format!("src/{}:{line}: {what}", file.path)
}

/// Imports against the direction table, and past module roots. `modules` are the crate's top-level modules.
pub fn imports(file: &File, modules: &[String], nested: &dyn Fn(&str, &str) -> bool) -> Vec<String> {
    let module = module_of(&file.path);
    let Some(own) = module.first() else { return Vec::new() };
    let mut out = Vec::new();
    for (path, line) in crate_paths(&product(file), &module) {
        let Some(other) = path.first().filter(|other| *other != own && modules.contains(other)) else { continue };
        if !allowed(own, other) {
            out.push(offence(file, line, format!("{own} must not import from {other}")));
        }
        // A function may bear the name of the file that it is in: only a path that goes on is a path through the file.
        if let Some(inner) = path.get(1).filter(|inner| path.len() > 2 && nested(other, inner))
            && !FACES.contains(&(other.as_str(), inner.as_str()))
        {
            out.push(offence(file, line, format!("{other}::{inner} is not for others: import what {other} re-exports")));
        }
    }
    out
}

fn allowed(own: &str, other: &str) -> bool {
    match (own, other) {
        (_, "fault" | "telemetry") => true,
        ("cli", _) => true,
        (_, "cli") => false,
        ("app", _) => true,
        (_, "app") => false,
        _ => DIRECTION.iter().any(|(from, to)| *from == own && to.contains(&other)),
    }
}

/// Crates used outside their folders.
pub fn crates(file: &File) -> Vec<String> {
    let found = product(file);
    let mut out = Vec::new();
    for (at, token) in found.iter().enumerate() {
        let Some(word) = token.word() else { continue };
        let inner = at >= 2 && found[at - 1].kind == Kind::Path && found[at - 2].word().is_some_and(|w| !is_keyword(w));
        let named = found.get(at + 1).is_some_and(|t| t.kind == Kind::Path) && !inner;
        let rule = CRATES.iter().find(|(name, _)| *name == word).filter(|_| named);
        if rule.is_some_and(|(_, homes)| !homes.iter().any(|home| file.path.starts_with(home))) {
            out.push(offence(file, token.line, format!("`{word}` is not used here")));
        }
    }
    out
}

/// Words after which `::` begins a path anew.
fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "use" | "return" | "in" | "as" | "let" | "mut" | "match" | "if" | "else" | "await" | "dyn" | "impl" | "for" | "where"
    )
}

/// Files, clocks, chance and async in pure parts.
pub fn purity(file: &File) -> Vec<String> {
    let is = |list: &[&str]| list.iter().any(|start| file.path.starts_with(start));
    if !is(PURE) || is(IMPURE) {
        return Vec::new();
    }
    let found = product(file);
    let impure = |at: usize| {
        let word = found[at].word()?;
        let before = |name: &str| at >= 2 && found[at - 1].kind == Kind::Path && found[at - 2].is_word(name);
        match word {
            "async" | "await" | "tokio" | "SystemTime" | "Instant" | "rand" => Some(word),
            "fs" | "net" | "env" | "process" if before("std") => Some(word),
            "now" if before("Timestamp") || before("Zoned") => Some(word),
            _ => None,
        }
    };
    (0..found.len())
        .filter_map(|at| impure(at).map(|word| offence(file, found[at].line, format!("a pure part uses `{word}`"))))
        .collect()
}

/// `unwrap`, `expect`, panics, TODOs, `allow` without a reason.
pub fn habits(file: &File) -> Vec<String> {
    let all = without_tests(&tokens(&file.text));
    let mut out = Vec::new();
    for token in &all {
        if let Kind::Comment(text) = &token.kind {
            out.extend(["TODO", "FIXME", "XXX"].iter().filter(|m| text.contains(**m)).map(|m| offence(file, token.line, m)));
        }
    }
    let found = code(&all);
    for (at, token) in found.iter().enumerate() {
        let Some(word) = token.word() else { continue };
        let next = |mark| found.get(at + 1).is_some_and(|t: &Token| t.is_mark(mark));
        let after = |mark| at > 0 && found[at - 1].is_mark(mark);
        let bad = match word {
            "unwrap" | "expect" | "unwrap_err" | "expect_err" => after('.') && next('('),
            "panic" | "todo" | "unimplemented" | "unreachable" | "dbg" => next('!'),
            "allow" => next('(') && attribute(&found, at) && !reasoned(&found[at..]),
            _ => false,
        };
        if bad {
            out.push(offence(file, token.line, format!("`{word}`")));
        }
    }
    out
}

fn attribute(found: &[Token], at: usize) -> bool {
    at >= 2 && found[at - 1].is_mark('[') && (found[at - 2].is_mark('#') || found[at - 2].is_mark('!'))
}

fn reasoned(rest: &[Token]) -> bool {
    rest.iter().take_while(|t| !t.is_mark(']')).any(|t| t.is_word("reason"))
}

/// A table's or field's name of the standard in a text literal. Only the sample school names tables.
pub fn names(file: &File) -> Vec<String> {
    if file.path.starts_with("sample/") {
        return Vec::new();
    }
    let named = |token: &Token| match &token.kind {
        Kind::Text(text) | Kind::Word(text) => text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(is_table),
        _ => false,
    };
    product(file).iter().filter(|t| named(t)).map(|t| offence(file, t.line, "names a table of the standard")).collect()
}

fn is_table(word: &str) -> bool {
    let rest = word.strip_prefix("ODS_").or_else(|| word.strip_prefix("CORE_"));
    rest.is_some_and(|rest| rest.len() >= 2 && rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()))
}

/// Files of more than 500 lines and functions of more than 70, tests left out.
pub fn sizes(file: &File) -> Vec<String> {
    let found = without_tests(&tokens(&file.text));
    let mut lines: Vec<usize> = found.iter().map(|t| t.line).collect();
    lines.dedup();
    let mut out = Vec::new();
    // Blank lines count a little too: what matters is what somebody has to read.
    if lines.len() > 500 {
        out.push(offence(file, 1, format!("{} lines without tests", lines.len())));
    }
    let long = functions(&code(&found)).into_iter().filter(|(_, _, lines)| *lines > 70);
    out.extend(long.map(|(name, line, lines)| offence(file, line, format!("fn {name} has {lines} lines"))));
    out
}

/// Names that say nothing.
pub fn file_name(file: &File) -> Vec<String> {
    let parts = file.path.trim_end_matches(".rs").split('/');
    parts.filter(|part| EMPTY_NAMES.contains(part)).map(|part| offence(file, 0, format!("`{part}` says nothing"))).collect()
}
