//! What the READMEs name is there: every command line parses, every file exists, every settings example passes `check`, every
//! setting in a table is known.

mod examples;
mod settings;

use std::path::{Path, PathBuf};

use clap::Parser as _;
use regex::Regex;
use xiaoshu::cli::Cli;

const FOLDERS: [&str; 5] = ["deploy", "schemas", "src", "benches", "proto"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readmes() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("README.zh-CN.md")];
    for folder in FOLDERS {
        below(&root().join(folder), &mut found);
    }
    assert!(found.len() >= 7, "{found:?}");
    found
}

fn below(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            below(&path, found);
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
}

/// A README cut into its blocks of code, with their languages, and the text between them.
struct Text {
    path: PathBuf,
    blocks: Vec<(String, String)>,
    prose: String,
}

impl Text {
    fn read(path: PathBuf) -> Self {
        let whole = std::fs::read_to_string(&path).expect("UTF-8");
        let (mut blocks, mut prose, mut open): (Vec<(String, String)>, String, bool) = (Vec::new(), String::new(), false);
        for line in whole.lines() {
            match (line.trim_start().strip_prefix("```"), open) {
                (Some(language), false) => {
                    blocks.push((language.trim().to_owned(), String::new()));
                    open = true;
                }
                (Some(_), true) => open = false,
                (None, true) => {
                    let block = &mut blocks.last_mut().expect("an open block").1;
                    block.push_str(line);
                    block.push('\n');
                }
                (None, false) if line.starts_with("    ") => blocks.push((String::new(), line.trim_start().to_owned())),
                (None, false) => {
                    prose.push_str(line);
                    prose.push('\n');
                }
            }
        }
        assert!(!open, "{} ends within a block", path.display());
        Self { path, blocks, prose }
    }

    /// What stands between backticks, line ends as blanks.
    fn spans(&self) -> Vec<String> {
        let span = Regex::new("`([^`]+)`").expect("a pattern");
        // A paragraph at a time, so that one stray backtick does not turn all after it inside out.
        let paragraphs =
            self.prose.split("\n\n").flat_map(|p| if p.contains("|---") { p.split('\n').collect() } else { vec![p] });
        paragraphs.flat_map(|p| span.captures_iter(p).map(|c| c[1].replace('\n', " ")).collect::<Vec<_>>()).collect()
    }

    fn name(&self) -> String {
        self.path.strip_prefix(root()).expect("below the root").display().to_string()
    }
}

fn texts() -> Vec<Text> {
    readmes().into_iter().map(Text::read).collect()
}

/// The words of a command line behind the program's name, up to a comment or to what the shell takes.
fn words(line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let rest = line.strip_prefix("cargo run --release -- ").or_else(|| line.strip_prefix("xiaoshu "))?;
    let rest = rest.split(" #").next().unwrap_or(rest).trim().trim_end_matches('&').trim_end();
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

#[test]
fn every_command_line_parses() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for text in texts() {
        let typed = text.blocks.iter().filter(|(language, _)| language.is_empty() || language == "sh");
        let lines = typed.flat_map(|(_, block)| block.lines().map(str::to_owned).collect::<Vec<_>>());
        for line in lines.chain(text.spans()) {
            let Some(words) = words(&line) else { continue };
            // `…` stands for what the reader fills in, and help has a path of its own.
            if words.iter().any(|word| word.contains('…') || word == "--help" || word == "--version") {
                continue;
            }
            tried += 1;
            let fill = |word: String| match word.as_str() {
                "N" | "ID" => "1".to_owned(),
                "HOST:PORT" => "127.0.0.1:9092".to_owned(),
                _ => word,
            };
            let args = ["xiaoshu".to_owned()].into_iter().chain(words.into_iter().map(fill));
            if let Err(error) = Cli::try_parse_from(args) {
                wrong.push(format!("{}: {line}\n{error}", text.name()));
            }
        }
    }
    assert!(tried >= 40, "{tried} command lines were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_that_is_named_exists() {
    let link = Regex::new(r"\]\(([^)#]+)(#[^)]*)?\)").expect("a pattern");
    let (mut tried, mut missing) = (0, Vec::new());
    for text in texts() {
        let own = text.path.parent().expect("a folder");
        let linked = link.captures_iter(&text.prose).map(|c| c[1].to_owned()).filter(|to| !to.contains("://"));
        for to in linked {
            tried += 1;
            if !own.join(&to).exists() {
                missing.push(format!("{}: [{to}]", text.name()));
            }
        }
        // Paths from the top, as texts name them.
        let tops = ["deploy/", "schemas/", "src/", "benches/", "proto/", "tests/"];
        let named =
            |span: &String| tops.iter().any(|top| span.starts_with(top)) && !span.contains(['…', '<', '*', '{', ' ', '=']);
        for path in text.spans().into_iter().filter(named) {
            tried += 1;
            if !root().join(&path).exists() && !own.join(&path).exists() {
                missing.push(format!("{}: {path}", text.name()));
            }
        }
    }
    assert!(tried >= 20, "{tried} files were named");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
