//! The structure of `src/`, held to its rules. `src/README.md` says what the rules are for.

mod rules;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use rules::File;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// A folder `tests` that its parent declares as tests, which are held to no rule of the product.
fn is_tests(dir: &Path) -> bool {
    let parent = dir.parent().map(|parent| parent.join("mod.rs"));
    let declared = || parent.and_then(|parent| fs::read_to_string(parent).ok());
    dir.ends_with("tests") && declared().is_some_and(|text| text.contains("#[cfg(test)]\nmod tests;"))
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if is_tests(&path) {
            continue;
        }
        if path.is_dir() {
            walk(&path, out);
        } else if path.extension().is_some_and(|end| end == "rs") {
            out.push(path);
        }
    }
}

fn files() -> Vec<File> {
    let mut paths = Vec::new();
    walk(&root(), &mut paths);
    let read = |path: PathBuf| File {
        text: fs::read_to_string(&path).expect("UTF-8"),
        path: path.strip_prefix(root()).expect("below src").to_string_lossy().replace('\\', "/"),
    };
    paths.into_iter().map(read).collect()
}

fn modules(files: &[File]) -> Vec<String> {
    let mut out: Vec<String> = files.iter().filter_map(|f| rules::module_of(&f.path).first().cloned()).collect();
    out.dedup();
    out
}

#[track_caller]
fn none(rule: impl Fn(&File) -> Vec<String>) {
    let files = files();
    assert!(files.len() > 40, "the sources were not found");
    let offences: Vec<String> = files.iter().flat_map(rule).collect();
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn parts_import_in_the_direction_of_the_table_and_only_from_module_roots() {
    let modules = modules(&files());
    let nested = |module: &str, inner: &str| {
        let dir = root().join(module);
        dir.join(format!("{inner}.rs")).exists() || dir.join(inner).is_dir()
    };
    none(|file| rules::imports(file, &modules, &nested));
}

#[test]
fn crates_stay_in_their_folders() {
    none(rules::crates);
}

#[test]
fn pure_parts_do_no_input_or_output_and_know_no_clock() {
    none(rules::purity);
}

#[test]
fn no_unwrap_no_panic_no_todo_no_unexplained_allow() {
    none(rules::habits);
}

#[test]
fn no_source_names_a_table_of_the_standard() {
    none(rules::names);
}

#[test]
fn files_and_functions_stay_readable() {
    none(rules::sizes);
    none(rules::file_name);
}

mod the_rules_can_fail {
    use super::rules::{self, File};

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn imports(path: &str, text: &str) -> usize {
        let modules: Vec<String> =
            ["record", "standard", "store", "app", "cli", "fault", "report"].iter().map(|m| (*m).to_owned()).collect();
        rules::imports(&file(path, text), &modules, &|module, inner| (module, inner) == ("record", "batch")).len()
    }

    #[test]
    fn imports_against_the_table_are_found_however_they_are_written() {
        for (path, text) in [
            ("record/batch.rs", "use crate::store::Landing;"),
            ("record/batch.rs", "use crate::{standard::TablePlan, store::{Landing, Keys}};"),
            ("record/batch.rs", "fn f() { crate::store::open() }"),
            ("record/batch.rs", "use super::super::store;"),
            ("record/mod.rs", "use super::store::Landing;"),
            ("store/mod.rs", "use crate::app::Failure;"),
            ("app/mod.rs", "use crate::cli::Exit;"),
            ("report/mod.rs", "use crate::record::batch::RecordBatch;"),
            ("report/mod.rs", "use crate::record::{batch::RecordBatch};"),
        ] {
            assert!(imports(path, text) > 0, "{path}: {text}");
        }
    }

    #[test]
    fn allowed_imports_pass() {
        for (path, text) in [
            ("record/batch.rs", "use crate::standard::{TablePlan, FieldIdx};"),
            ("record/batch.rs", "use super::builder::BatchBuilder; use crate::record::batch::X;"),
            ("record/batch.rs", "// use crate::store::Landing;\nconst A: &str = \"crate::store::X\";"),
            ("record/batch.rs", "#[cfg(test)]\nmod tests { use crate::store::Landing; }"),
            ("record/batch.rs", "use crate::fault::FaultClass;"),
            ("app/mod.rs", "use crate::store::Store;"),
            ("cli/mod.rs", "use crate::app::Failure;"),
            ("report/mod.rs", "use crate::record::RecordBatch as Batch;"),
            ("main.rs", "use crate::store::Store;"),
        ] {
            assert_eq!(imports(path, text), 0, "{path}: {text}");
        }
    }

    #[test]
    fn other_offences_are_found() {
        type Rule = fn(&File) -> Vec<String>;
        let long = format!("fn f() {{\n{}}}\n", "a();\n".repeat(70));
        let huge = "const A: u8 = 1;\n".repeat(501);
        let cases: Vec<(Rule, &str, &str, &str)> = vec![
            (rules::crates, "report/mod.rs", "use sqlx::Row;", "use crate::sqlx_like::Row;"),
            (rules::crates, "record/mod.rs", "fn f() { ::sqlx::query(\"\") }", "// sqlx::query"),
            (rules::purity, "record/mod.rs", "async fn f() {}", "fn asynchronous() {}"),
            (rules::purity, "validate/checks/x.rs", "fn f() { std::fs::read(\"a\"); }", "fn f() { \"std::fs::read\" }"),
            (rules::purity, "normalize/x.rs", "fn f() { jiff::Timestamp::now() }", "fn f(now: i64) {}"),
            (rules::habits, "record/mod.rs", "fn f() { a().unwrap() }", "fn f() { a().unwrap_or(1) }"),
            (rules::habits, "record/mod.rs", "fn f() { a\n.expect(\"x\") }", "#[expect(dead_code, reason = \"x\")] fn f() {}"),
            (rules::habits, "record/mod.rs", "fn f() { panic!(\"x\") }", "#[cfg(test)] mod tests { fn f() { panic!() } }"),
            (rules::habits, "record/mod.rs", "// TODO: later", "const TODO: &str = \"later\";"),
            (rules::habits, "record/mod.rs", "#[allow(dead_code)] fn f() {}", "#[allow(dead_code, reason = \"x\")] fn f() {}"),
            (rules::habits, "lib.rs", "#![allow(dead_code)]", "fn allow(x: u8) { allow(1) }"),
            (rules::names, "report/mod.rs", "const A: &str = \"ODS_KCJBSJ\";", "// ODS_KCJBSJ"),
            (rules::names, "brain/mod.rs", "const A: &str = r#\"CORE_XS\"#;", "const A: &str = \"CORE\";"),
            (rules::sizes, "record/mod.rs", &long, "fn f() {}"),
            (rules::sizes, "record/mod.rs", &huge, "fn f(a: [u8; 2]);"),
            (rules::file_name, "record/utils.rs", "", ""),
            (rules::file_name, "common/mod.rs", "", ""),
        ];
        for (rule, path, bad, good) in cases {
            assert!(!rule(&file(path, bad)).is_empty(), "{path}: {bad}");
            if !good.is_empty() {
                assert_eq!(rule(&file(path, good)), Vec::<String>::new(), "{path}: {good}");
            }
        }
    }

    #[test]
    fn the_sample_school_may_name_tables() {
        assert!(rules::names(&file("sample/mod.rs", "const A: &str = \"ODS_KCJBSJ\";")).is_empty());
    }
}
