//! Settings and mappings: read once, checked whole, every fault at once.
//!
//! A settings file is TOML; `XIAOSHU__SECTION__KEY` variables lie over it; each part supplies the JSON Schema of its own
//! section. Everything is checked before anything is built: syntax, schemas, secrets, then what only shows across
//! sections and files. Each fault has file, line, column, what is wrong and how to mend it. Below this module nothing
//! reads settings: parts get theirs as values.

mod calendar;
mod document;
mod environment;
mod fault;
mod mapping;
mod parts;
mod schema;
mod secret;
mod sections;
mod serve;
mod settings;
mod single;
mod standard;
mod suggest;

pub use environment::Environment;
pub use fault::Fault;
pub use mapping::MappingFile;
pub use parts::{Kind, Parts};
pub use secret::{Opaque, Secret};
pub use settings::{
    Calendar, Collect, Data, Leases, Mappings, Privacy, ReferencePolicy, References, School, Settings, SourceSettings, StoreKind,
    Term, UpstreamSettings,
};
pub use single::load_single;
pub use suggest::nearest;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::finding::Text;
use document::Document;
use parts::Names;

/// The schema of the settings file, but for the sections that the parts describe.
pub const SETTINGS_SCHEMA: &str = include_str!("settings.schema.json");

/// Settings and mappings without a fault that shows before their parts are made.
#[derive(Clone)]
pub struct Loaded {
    /// The settings file.
    pub file: PathBuf,
    /// The folder that relative paths start from.
    pub base: PathBuf,
    /// The settings.
    pub settings: Settings,
    /// The mapping files, sorted by name.
    pub mappings: Vec<MappingFile>,
    /// The files beside them that say how tables are merged of several sources, sorted by name.
    pub merges: Vec<MappingFile>,
    /// Where each setting stands.
    doc: std::sync::Arc<Document>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("file", &self.file).field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Loaded {
    /// A fault of a setting that shows only when its part is made. `path` leads to the setting, from the section on; where it is
    /// not in the file, the nearest that is around it stands in.
    pub fn fault(&self, path: &[&str], what: Text, remedy: Text) -> Fault {
        let pointer = path.iter().fold(String::new(), |pointer, step| document::join(&pointer, step));
        self.doc.fault(&pointer, what, remedy)
    }

    /// A path of the settings as the process can open it.
    pub fn path(&self, path: &Path) -> PathBuf {
        settings::absolute(&self.base, path)
    }
}

/// Reads and checks a settings file and its mappings.
///
/// # Errors
/// Every fault found, by file and line.
pub fn load(file: &Path, schemas: Option<&Path>, parts: &Parts, env: &Environment) -> Result<Loaded, Vec<Fault>> {
    let mut faults = Vec::new();
    let loaded = collect(file, schemas, parts, env, &mut faults);
    match loaded {
        Some(loaded) if faults.is_empty() => Ok(loaded),
        _ => {
            faults.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
            faults.dedup();
            Err(faults)
        }
    }
}

fn collect(file: &Path, schemas: Option<&Path>, parts: &Parts, env: &Environment, faults: &mut Vec<Fault>) -> Option<Loaded> {
    let base = file.parent().map(Path::to_owned).unwrap_or_default();
    let mut doc = read(file, faults)?;
    let schema: Value = serde_json::from_str(SETTINGS_SCHEMA).unwrap_or_default();
    let mut value = overlay(&mut doc, &schema, parts, env, faults)?;
    resolve_data(&doc, &schema, env, &base, &mut value, faults);
    serve::resolve(&doc, env, &base, &schema, &mut value, faults);
    schema::check(&doc, "", &value, &schema, faults);
    sections::Sections { doc: &doc, env, base: &base }.check("sources", &mut value, &parts.sources, faults);
    sections::Sections { doc: &doc, env, base: &base }.check("upstreams", &mut value, &parts.upstreams, faults);
    calendar::check(&doc, &value, faults);
    serve::check(&doc, &value, &base, faults);
    check_data_dir(&doc, &value, &base, faults);
    let names = standard::names(&doc, &value, schemas, faults);
    if let Some(names) = &names {
        standard::check_named(&doc, &value, names, faults);
        serve::check_tables(&doc, &value, names, faults);
    }
    let (mappings, merges) = check_mappings(&doc, &value, &base, names.as_ref(), faults);
    if !faults.is_empty() {
        return None;
    }
    match serde_json::from_value::<Settings>(value) {
        Ok(settings) => Some(Loaded { file: file.to_owned(), base, settings, mappings, merges, doc: doc.into() }),
        Err(error) => {
            // The schema let something through that the types do not take; the message may hold a value, its class does not.
            let what = format!("the settings cannot be built: {:?} error", error.classify());
            faults.push(doc.fault("", Text::new(what.clone(), what), Text::new("请报告此问题", "report this as a bug")));
            None
        }
    }
}

fn read(file: &Path, faults: &mut Vec<Fault>) -> Option<Document> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            faults.push(Fault {
                file: file.to_owned(),
                line: 0,
                column: 0,
                what: Text::new("没有这个设置文件", "there is no such settings file"),
                remedy: Text::new(
                    "用 --settings 指定设置文件；范例见 deploy/settings.example.toml",
                    "name one with --settings; deploy/settings.example.toml is an example",
                ),
            });
            return None;
        }
        Err(error) => {
            faults.push(mapping::unreadable(file.to_owned(), &error));
            return None;
        }
    };
    // Windows editors put a byte-order mark before the text; TOML knows none.
    let text = text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text);
    Document::parse(file, text).map_err(|fault| faults.push(*fault)).ok()
}

/// The environment's variables laid over the file, as the schemas want them.
fn overlay(doc: &mut Document, schema: &Value, parts: &Parts, env: &Environment, faults: &mut Vec<Fault>) -> Option<Value> {
    let (mut value, pointers) = match env.merge(&doc.value) {
        Ok(merged) => merged,
        Err(error) => {
            let what = format!("XIAOSHU__…: {error}");
            let remedy = Text::new("变量名写成 XIAOSHU__节__键", "write XIAOSHU__SECTION__KEY");
            faults.push(doc.fault("", Text::new(what.clone(), what), remedy));
            return None;
        }
    };
    for pointer in pointers.keys() {
        let wanted = parts.schema_of(&value, pointer).unwrap_or_else(|| schema::schema_at(schema, pointer).clone());
        if let Some(Value::String(text)) = value.pointer_mut(pointer).map(|part| part as &Value).cloned().as_ref() {
            let typed = environment::typed(text, &wanted);
            if let Some(part) = value.pointer_mut(pointer) {
                *part = typed;
            }
        }
    }
    doc.overridden(pointers);
    Some(value)
}

/// Puts the address of the store's database in the place of its reference.
fn resolve_data(doc: &Document, schema: &Value, env: &Environment, base: &Path, settings: &mut Value, faults: &mut Vec<Fault>) {
    let part = schema::schema_at(schema, "/data").clone();
    if let Some(data) = settings.get_mut("data") {
        secret::Resolver { doc, schema, env, base }.resolve("/data", data, &part, faults);
    }
    let at = |name: &str| settings.pointer(&format!("/data/{name}"));
    if at("store").and_then(Value::as_str) == Some("postgres") && at("url").is_none() {
        faults.push(doc.fault(
            "/data/store",
            Text::new("存储在 PostgreSQL 中，但没有给出数据库地址", "the store is in PostgreSQL, and no database is named"),
            Text::new(
                "在 [data] 中加 url = { env = \"XIAOSHU_DATABASE\" }，内容如 postgres://用户:密码@主机:5432/数据库",
                "add url = { env = \"XIAOSHU_DATABASE\" } to [data]; it holds postgres://user:password@host:5432/database",
            ),
        ));
    }
    let seconds = |name: &str, default: u64| at(&format!("leases/{name}")).and_then(Value::as_u64).unwrap_or(default);
    if seconds("upstream_seconds", 180) <= 2 * seconds("margin_seconds", 60) {
        faults.push(doc.fault(
            "/data/leases/upstream_seconds",
            Text::new(
                "通道租约太短：扣除余量后没有时间签名",
                "the lease on upstreams is too short: its margin leaves no time to sign",
            ),
            Text::new("使 upstream_seconds 大于 margin_seconds 的 2 倍", "make upstream_seconds more than twice margin_seconds"),
        ));
    }
}

fn check_data_dir(doc: &Document, settings: &Value, base: &Path, faults: &mut Vec<Fault>) {
    let dir = settings.pointer("/data/dir").and_then(Value::as_str).unwrap_or("data");
    let path = settings::absolute(base, Path::new(dir));
    if path.exists() && !path.is_dir() {
        faults.push(doc.fault(
            "/data/dir",
            Text::new(format!("{} 不是目录", path.display()), format!("{} is not a folder", path.display())),
            Text::new("换一个目录，或移走该文件", "name another folder, or move that file away"),
        ));
    }
}

fn check_mappings(
    doc: &Document,
    settings: &Value,
    base: &Path,
    names: Option<&Names>,
    faults: &mut Vec<Fault>,
) -> (Vec<MappingFile>, Vec<MappingFile>) {
    let dir = settings.pointer("/mappings/dir").and_then(Value::as_str).unwrap_or("mappings");
    let dir = settings::absolute(base, Path::new(dir));
    let files = mapping::read(&dir, doc, faults);
    let merges = mapping::read_merges(&dir, faults);
    let sources: Vec<String> =
        settings.get("sources").and_then(Value::as_object).map(|all| all.keys().cloned().collect()).unwrap_or_default();
    let mut checker = mapping::Checker::new(&sources, names);
    for file in &files {
        if checker.check(file, faults) {
            faults.extend(mapping::meaning(file));
        }
    }
    faults.extend(merges.iter().flat_map(mapping::merge_meaning));
    (files, merges)
}

/// The edition that a settings file names, for commands that work without settings; faults are passed over.
pub fn edition_of(file: &Path) -> Option<String> {
    let doc = read(file, &mut Vec::new())?;
    Some(doc.value.pointer("/school/edition")?.as_str()?.to_owned())
}
