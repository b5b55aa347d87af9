//! Every settings example of the operator's guide passes `check`, with the files and the variables that it refers to.

use std::path::Path;
use std::process::Command;

use regex::Regex;
use xiaoshu::brain::BrainConfig;
use xiaoshu::config::{Environment, load_single};

use super::{Text, root};
use crate::authority::Authority;

const SCHOOL: &str = "[school]\ncode = \"4199099999\"\nname = \"示例职业技术学院\"\nedition = \"gaozhi-2024.09\"\n";
const SOURCE: &str = "[sources.jw]\nkind = \"csv\"\npath = \"exports\"\n";
/// A source that knows what has changed.
const DATABASE: &str = "[sources.jw]\nkind = \"postgres\"\nhost = \"127.0.0.1\"\ndatabase = \"jw\"\nuser = \"reader\"\n";

/// The files that a text refers to: secrets, certificates, folders.
fn furnish(dir: &Path, text: &str) {
    let authority = Authority::new();
    let named = |key: &str| {
        let pattern = Regex::new(&format!(r#"\b{key} = "([^"]+)""#)).expect("a pattern");
        pattern.captures_iter(text).map(|c| dir.join(&c[1])).collect::<Vec<_>>()
    };
    for file in ["file", "ca", "client_ca", "cert", "key"].into_iter().flat_map(named) {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    }
    for (i, file) in named("file").into_iter().enumerate() {
        std::fs::write(file, format!("secret-{i:02}-0123456789-abcdefgh")).expect("written");
    }
    named("ca").iter().chain(&named("client_ca")).for_each(|file| authority.write(file));
    for (cert, key) in named("cert").iter().zip(named("key")) {
        authority.issue("hub.example", cert, &key);
    }
    std::fs::create_dir_all(dir.join("mappings")).expect("made");
    std::fs::create_dir_all(dir.join("exports")).expect("made");
    std::fs::write(dir.join("exports/courses.csv"), "course_no,state\nK1,1\n").expect("written");
}

/// What `check` finds wrong with settings in a folder.
fn faults(dir: &Path, settings: &str) -> Vec<String> {
    furnish(dir, settings);
    std::fs::write(dir.join("xiaoshu.toml"), settings).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.args(["check", "--json", "--lang", "en", "--settings"]).arg(dir.join("xiaoshu.toml"));
    let variable = Regex::new(r#"env = "(\w+)""#).expect("a pattern");
    for name in variable.captures_iter(settings) {
        let url = name[1].contains("DATABASE");
        command.env(&name[1], if url { "postgres://xiaoshu:p@127.0.0.1:5432/xiaoshu" } else { "0123456789abcdef01234567" });
    }
    let output = command.output().expect("the program");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let faults = answer["faults"].as_array().expect("faults").iter();
    let texts = faults.map(|fault| format!("{}: {}", fault["line"], fault["what"]["en"].as_str().unwrap_or_default()));
    // A binary without TLS for Kafka says so, as the guide tells.
    texts.filter(|text| cfg!(feature = "kafka-tls") || !text.contains("--features kafka-tls")).collect()
}

/// An example as a whole file: what it does not show is put around it.
fn whole(example: &str) -> String {
    let mut text = String::new();
    if !example.contains("[school]") {
        text.push_str(SCHOOL);
    }
    text.push_str(example);
    if !example.contains("[sources.") {
        text.push('\n');
        text.push_str(SOURCE);
    }
    text
}

#[test]
fn every_settings_example_passes_check() {
    let guide = Text::read(root().join("deploy/README.md"));
    let (mut settings, mut mappings, mut merges, mut brains) = (0, 0, 0, 0);
    for (_, block) in guide.blocks.iter().filter(|(language, _)| language == "toml") {
        let dir = tempfile::tempdir().expect("a folder");
        if block.starts_with("# brain.toml") {
            brains += 1;
            let file = dir.path().join("brain.toml");
            std::fs::write(&file, block).expect("written");
            let named =
                [("XIAOSHU_BRAIN_DATABASE", "postgres://brain:p@127.0.0.1:5432/brain"), ("XIAOSHU_BRAIN_KAFKA", "secret")];
            let read = load_single::<BrainConfig>(&file, &BrainConfig::schema(), &Environment::of(named));
            assert!(read.is_ok(), "{:?}\n{block}", read.err());
        } else if block.contains("\nroster = ") {
            merges += 1;
            let example = root().join("deploy/examples/merged");
            std::fs::create_dir_all(dir.path().join("mappings/merged")).expect("made");
            let files = std::fs::read_dir(example.join("mappings")).expect("a folder").map(|e| e.expect("an entry").path());
            for file in files.filter(|path| path.is_file()) {
                let name = file.file_name().expect("a name");
                std::fs::copy(&file, dir.path().join("mappings").join(name)).expect("copied");
            }
            std::fs::write(dir.path().join("mappings/merged/example.toml"), block).expect("written");
            for source in ["jw", "xg", "zs"] {
                std::fs::create_dir_all(dir.path().join("exports").join(source)).expect("made");
            }
            let found = faults(dir.path(), &std::fs::read_to_string(example.join("xiaoshu.toml")).expect("UTF-8"));
            assert!(found.is_empty(), "{found:#?}\n{block}");
        } else if block.starts_with("table = ") {
            mappings += 1;
            std::fs::create_dir_all(dir.path().join("mappings")).expect("made");
            std::fs::write(dir.path().join("mappings/example.toml"), block).expect("written");
            std::fs::write(dir.path().join("mappings/keys.csv"), "KCH,ZJSJWYXBS\n").expect("written");
            // What changed is read of databases only.
            let source = if block.contains("[read.changes]") { DATABASE } else { SOURCE };
            let found = faults(dir.path(), &format!("{SCHOOL}{source}"));
            // It shows the forms, not a whole table.
            let other: Vec<&String> = found.iter().filter(|fault| !fault.contains("mandatory")).collect();
            assert!(other.is_empty(), "{other:#?}\n{block}");
        } else {
            settings += 1;
            let found = faults(dir.path(), &whole(block));
            assert!(found.is_empty(), "{found:#?}\n{block}");
        }
    }
    assert!(settings >= 4 && mappings >= 1 && merges >= 1 && brains >= 1, "{settings} {mappings} {merges} {brains}");
}

#[test]
fn the_example_settings_pass_check() {
    let text = std::fs::read_to_string(root().join("deploy/settings.example.toml")).expect("UTF-8");
    // Where the school keeps its exports.
    assert!(text.contains("/srv/exports/renshi"));
    let text = text.replace("/srv/exports/renshi", "exports");
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(faults(dir.path(), &text), Vec::<String>::new());
    // And with what stands behind comment marks taken in.
    let offered = Regex::new(r"(?m)^# ((\[|[a-z_.]+ = ).*)$").expect("a pattern").replace_all(&text, "$1");
    let offered = offered.replace("dir = \"data\"", "# the database instead");
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(faults(dir.path(), &offered), Vec::<String>::new(), "{offered}");
}

#[test]
fn the_example_of_a_platform_can_be_read() {
    let text = std::fs::read_to_string(root().join("deploy/examples/brain.toml")).expect("UTF-8");
    let read: BrainConfig = toml_edit::de::from_str(&text).expect("settings");
    assert_eq!(read.accounts.len(), 2);
}
