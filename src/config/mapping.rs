//! The mapping files, held against settings and standard. What a mapping means is `normalize`'s business.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Fault;
use super::document::{Document, join};
use super::parts::Names;
use super::suggest::nearest;
use crate::finding::Text;
use crate::normalize::{MappingDocument, MappingFault, MergeDocument};

/// A mapping file as read.
#[derive(Debug, Clone)]
pub struct MappingFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Reads the folder's `*.toml`, sorted by name.
pub(super) fn read(dir: &Path, settings: &Document, faults: &mut Vec<Fault>) -> Vec<MappingFile> {
    let listed = std::fs::read_dir(dir).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>());
    let Ok(mut paths) = listed else {
        faults.push(settings.fault(
            "/mappings/dir",
            Text::new(
                format!("映射目录 {} 不存在或不可读", dir.display()),
                format!("the mapping folder {} is missing or unreadable", dir.display()),
            ),
            Text::new("建立该目录，或更正 [mappings] 的 dir", "create it, or mend dir of [mappings]"),
        ));
        return Vec::new();
    };
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    texts(paths, faults)
}

/// The folder, below that of the mappings, of the files that say how tables are merged.
const MERGES: &str = "merged";

/// Reads the `*.toml` of the folder for merges, sorted by name; a school that merges nothing has none.
pub(super) fn read_merges(dir: &Path, faults: &mut Vec<Fault>) -> Vec<MappingFile> {
    let entries = std::fs::read_dir(dir.join(MERGES)).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    texts(entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect(), faults)
}

fn texts(mut paths: Vec<PathBuf>, faults: &mut Vec<Fault>) -> Vec<MappingFile> {
    paths.sort();
    let mut out = Vec::new();
    for path in paths {
        match std::fs::read_to_string(&path) {
            Ok(text) => out.push(MappingFile { path, text }),
            Err(error) => faults.push(unreadable(path, &error)),
        }
    }
    out
}

/// A file that cannot be read, or is not UTF-8.
pub(super) fn unreadable(file: PathBuf, error: &std::io::Error) -> Fault {
    let (zh, en) = if error.kind() == std::io::ErrorKind::InvalidData {
        ("文件不是 UTF-8 文本".to_owned(), "the file is not UTF-8 text".to_owned())
    } else {
        (format!("文件不可读：{error}"), format!("the file cannot be read: {error}"))
    };
    let remedy = Text::new("检查路径和权限，以 UTF-8 保存", "check path and rights, save it as UTF-8");
    Fault { file, line: 0, column: 0, what: Text::new(zh, en), remedy }
}

/// What is wrong with a mapping by itself, whatever settings and standard hold.
pub(super) fn meaning(file: &MappingFile) -> Vec<Fault> {
    shown(MappingDocument::parse(&file.path.display().to_string(), &file.text).err())
}

/// What is wrong with a merge by itself.
pub(super) fn merge_meaning(file: &MappingFile) -> Vec<Fault> {
    shown(MergeDocument::parse(&file.path.display().to_string(), &file.text).err())
}

fn shown(found: Option<Vec<MappingFault>>) -> Vec<Fault> {
    let fault = |f: MappingFault| Fault { file: f.file.into(), line: f.line, column: f.column, what: f.what, remedy: f.remedy };
    found.unwrap_or_default().into_iter().map(fault).collect()
}

/// The source that is the hub itself; it needs no section of its own.
const HUB: &str = "hub";

/// Checks all mapping files together.
pub(super) struct Checker<'a> {
    pub(super) sources: &'a [String],
    pub(super) names: Option<&'a Names>,
    seen: HashMap<(String, String), (PathBuf, usize)>,
}

impl<'a> Checker<'a> {
    pub(super) fn new(sources: &'a [String], names: Option<&'a Names>) -> Self {
        Self { sources, names, seen: HashMap::new() }
    }

    /// Checks one file; true when it is TOML at all.
    pub(super) fn check(&mut self, file: &MappingFile, faults: &mut Vec<Fault>) -> bool {
        let doc = match Document::parse(&file.path, file.text.clone()) {
            Ok(doc) => doc,
            Err(fault) => {
                faults.push(*fault);
                return false;
            }
        };
        let table = text(&doc.value, "/table");
        let source = text(&doc.value, "/source");
        let applies = text(&doc.value, "/mode") != Some("not_applicable");
        if let Some(table) = table {
            self.table(&doc, table, faults);
        }
        if let (Some(source), true) = (source, applies) {
            self.source(&doc, source, faults);
        }
        if let Some(table) = table {
            self.twice(&doc, table, source.unwrap_or_default(), faults);
        }
        true
    }

    fn source(&self, doc: &Document, source: &str, faults: &mut Vec<Fault>) {
        if source == HUB || self.sources.iter().any(|known| known == source) {
            return;
        }
        let remedy = match nearest(source, self.sources.iter().map(String::as_str)) {
            Some(near) => Text::new(format!("是否应为 {near}？"), format!("did you mean {near}?")),
            None => Text::new(
                format!("在设置中加入 [sources.{source}]，或改用已有的来源：{}", self.sources.join("、")),
                format!("add [sources.{source}] to the settings, or name one of: {}", self.sources.join(", ")),
            ),
        };
        let what = Text::new(format!("设置中没有数据来源 {source}"), format!("the settings have no source {source}"));
        faults.push(doc.fault("/source", what, remedy));
    }

    fn twice(&mut self, doc: &Document, table: &str, source: &str, faults: &mut Vec<Fault>) {
        let here = doc.fault("/table", Text::new("", ""), Text::new("", ""));
        let key = (table.to_owned(), source.to_owned());
        let Some((file, line)) = self.seen.get(&key) else {
            self.seen.insert(key, (here.file, here.line));
            return;
        };
        let place = format!("{}:{line}", file.display());
        faults.push(doc.fault(
            "/table",
            Text::new(
                format!("来源 {source} 到 {table} 的映射已在 {place} 中"),
                format!("{place} already maps source {source} onto {table}"),
            ),
            Text::new(
                "一张表与一个来源只能有一个映射文件：合并或删除其一",
                "one file per table and source: merge them or remove one",
            ),
        ));
    }

    fn table(&self, doc: &Document, table: &str, faults: &mut Vec<Fault>) {
        let Some(names) = self.names else { return };
        let Some(fields) = names.tables.get(table) else {
            faults.push(unknown(doc, "/table", table, names.tables.keys().map(String::as_str), &TABLE));
            return;
        };
        for (name, spec) in doc.value.pointer("/fields").and_then(Value::as_object).into_iter().flatten() {
            let pointer = join("/fields", name);
            if !fields.contains(name) {
                let mut fault = unknown(doc, &pointer, name, fields.iter().map(String::as_str), &FIELD);
                let at_key = doc.fault_at_key(&pointer, Text::new("", ""), Text::new("", ""));
                (fault.line, fault.column) = (at_key.line, at_key.column);
                faults.push(fault);
            }
            if spec.get("lookup").is_some() {
                lookup(doc, &pointer, names, faults);
            }
        }
    }
}

/// The table and fields that a look-up names.
fn lookup(doc: &Document, field: &str, names: &Names, faults: &mut Vec<Fault>) {
    let part = |key: &str| format!("{field}/lookup/{key}");
    let Some(table) = text(&doc.value, &part("table")) else { return };
    let Some(fields) = names.tables.get(table) else {
        faults.push(unknown(doc, &part("table"), table, names.tables.keys().map(String::as_str), &TABLE));
        return;
    };
    for key in ["match", "give"] {
        if let Some(name) = text(&doc.value, &part(key)).filter(|name| !fields.iter().any(|f| f == name)) {
            faults.push(unknown(doc, &part(key), name, fields.iter().map(String::as_str), &FIELD));
        }
    }
}

/// What a name is the name of.
pub(super) struct Noun {
    zh: &'static str,
    en: &'static str,
    list: (&'static str, &'static str),
}

pub(super) const TABLE: Noun = Noun {
    zh: "所用版本和核心表中没有表",
    en: "neither the edition nor the core has a table",
    list: ("`xiaoshu standard show` 列出全部表名", "`xiaoshu standard show` lists all tables"),
};
pub(super) const FIELD: Noun = Noun {
    zh: "该表没有字段",
    en: "the table has no field",
    list: ("`xiaoshu standard show 表名` 列出全部字段", "`xiaoshu standard show TABLE` lists all fields"),
};

/// A name that the standard does not have.
pub(super) fn unknown<'n>(doc: &Document, pointer: &str, name: &str, known: impl Iterator<Item = &'n str>, noun: &Noun) -> Fault {
    let remedy = match nearest(name, known) {
        Some(near) => Text::new(format!("是否应为 {near}？{}", noun.list.0), format!("did you mean {near}? {}", noun.list.1)),
        None => Text::new(noun.list.0, noun.list.1),
    };
    doc.fault(pointer, Text::new(format!("{} {name}", noun.zh), format!("{} {name}", noun.en)), remedy)
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let fields = |list: &[&str]| list.iter().map(|f| (*f).to_owned()).collect();
        Names {
            tables: [("COURSES".to_owned(), fields(&["NO", "NAME", "MAJOR"])), ("MAJORS".to_owned(), fields(&["NO", "NAME"]))]
                .into(),
        }
    }

    fn check(files: &[&str]) -> Vec<(usize, usize, String)> {
        let (names, sources) = (names(), vec!["jw".to_owned(), "rs".to_owned()]);
        let mut checker = Checker::new(&sources, Some(&names));
        let mut faults = Vec::new();
        for (at, text) in files.iter().enumerate() {
            checker.check(&MappingFile { path: format!("{at}.toml").into(), text: (*text).to_owned() }, &mut faults);
        }
        faults.into_iter().map(|f| (f.line, f.column, f.what.en + "; " + &f.remedy.en)).collect()
    }

    #[test]
    fn a_sound_mapping_passes() {
        let text = "table = \"COURSES\"\nsource = \"jw\"\n[fields]\nNO = \"no\"\nMAJOR = { column = \"m\", lookup = { table = \"MAJORS\", match = \"NAME\", give = \"NO\" } }\n";
        assert_eq!(check(&[text]), []);
        assert_eq!(check(&["table = \"MAJORS\"\nmode = \"not_applicable\"\nreason = \"none\"\n"]), []);
    }

    #[test]
    fn names_that_do_not_exist_are_found_where_they_stand() {
        let found = check(&[
            "table = \"COURSE\"\nsource = \"jx\"\n",
            "table = \"COURSES\"\nsource = \"hr\"\n[fields]\nNO = \"no\"\nNAMES = \"n\"\nMAJOR = { column = \"m\", lookup = { table = \"MAJORS\", match = \"TITLE\", give = \"NO\" } }\n",
        ]);
        let places: Vec<(usize, usize)> = found.iter().map(|(line, column, _)| (*line, *column)).collect();
        assert_eq!(places, [(1, 9), (2, 10), (5, 1), (6, 62), (2, 10)], "{found:?}");
        assert!(found[0].2.contains("did you mean COURSES?"), "{found:?}");
        assert!(found[1].2.contains("did you mean jw?"), "{found:?}");
        assert!(found[2].2.contains("did you mean NAME?"), "{found:?}");
    }

    #[test]
    fn one_file_per_table_and_source() {
        let text = "table = \"COURSES\"\nsource = \"jw\"\n";
        let found = check(&[text, "table = \"COURSES\"\nsource = \"rs\"\n", text]);
        assert_eq!(found.len(), 1);
        assert!(found[0].2.contains("0.toml:1"), "{found:?}");
    }
}
