//! The program as a user starts it: languages, exit codes, what goes where.

use std::path::Path;
use std::process::{Command, Output};

fn xiaoshu(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    for name in ["LC_ALL", "LC_MESSAGES", "LANG", "XS_TEST_PASSWORD_THAT_IS_NOT_SET"] {
        command.env_remove(name);
    }
    command.args(args).output().expect("the program")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

#[test]
fn check_names_all_ten_faults_with_file_line_and_remedy() {
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ten-faults/xiaoshu.toml");
    let settings = settings.to_str().expect("UTF-8");
    let zh = xiaoshu(&["check", "--settings", settings]);
    assert_eq!(code(&zh), 3);
    let text = out(&zh);
    assert_eq!(text.lines().filter(|line| line.trim_start().starts_with("解决办法：")).count(), 10, "{text}");
    for place in ["xiaoshu.toml:4:8:", "xiaoshu.toml:42:1:", "kc.toml:11:1:", "xs.toml:2:10:"] {
        assert!(text.contains(place), "{place}: {text}");
    }
    let json = xiaoshu(&["check", "--settings", settings, "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let faults = answer["faults"].as_array().expect("faults");
    assert_eq!((code(&json), faults.len()), (3, 10));
    assert!(faults.iter().all(|f| f["line"].as_u64() > Some(0) && f["remedy"]["en"].as_str().is_some_and(|t| !t.is_empty())));
    assert!(!out(&json).contains("not-a-real-secret") && !text.contains("not-a-real-secret"));
}

#[test]
fn exit_codes_are_those_of_the_manual() {
    for (args, wanted) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["standard", "list"], 0),
        (&["statsu"], 2),
        (&["try"], 2),
        (&["standard", "show", "NO_SUCH_TABLE"], 2),
        (&["standard", "show", "--edition", "gaozhi-1999.01"], 2),
        (&["status", "--settings", "/nowhere/xiaoshu.toml"], 3),
    ] {
        let output = xiaoshu(args);
        assert_eq!(code(&output), wanted, "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// What the reference platform says first, started with these arguments; then it is stopped.
#[cfg(unix)]
fn brain_says(args: &[&str]) -> Vec<String> {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.args(["brain", "--lang", "en"]).args(args).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("started");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut said = Vec::new();
    for line in lines {
        let up = line.contains("the platform is at");
        said.push(line);
        if up {
            break;
        }
    }
    child.kill().expect("stopped");
    child.wait().expect("reaped");
    said
}

#[cfg(unix)]
#[test]
fn the_platform_listens_where_its_settings_say_and_tells_when_the_command_line_overrules_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("brain.toml");
    let free = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let (own, other) = (free(), free());
    let account = "[[accounts]]\nusername = \"u\"\npassword = \"p\"\nschool_code = \"4199099998\"\napp_secret = \"0123456789abcdef\"\napp_key = \"0123456789abcdef\"\n";
    std::fs::write(&file, format!("listen = \"{own}\"\n{account}")).expect("written");
    let config = file.to_str().expect("UTF-8");
    let plain = brain_says(&["--config", config]);
    assert!(plain.len() == 1 && plain[0].contains(&own), "{plain:?}");
    let same = brain_says(&["--config", config, "--listen", &own]);
    assert!(same.len() == 1 && same[0].contains(&own), "{same:?}");
    let overruled = brain_says(&["--config", config, "--listen", &other]);
    assert!(overruled[0].contains(&own) && overruled[0].contains("--listen"), "{overruled:?}");
    assert!(overruled[1].contains(&other), "{overruled:?}");
}

#[test]
fn help_and_faults_come_in_the_language_asked_for() {
    assert!(out(&xiaoshu(&["--help"])).contains("用法："));
    assert!(out(&xiaoshu(&["--lang", "en", "--help"])).contains("Usage: xiaoshu"));
    assert!(String::from_utf8_lossy(&xiaoshu(&["statsu"]).stderr).contains("是否应为 status"));
    assert!(String::from_utf8_lossy(&xiaoshu(&["--lang=en", "statsu"]).stderr).contains("status"));
}

#[test]
fn the_standard_can_be_listed_shown_and_compared() {
    let list: serde_json::Value = serde_json::from_slice(&xiaoshu(&["standard", "list", "--json"]).stdout).expect("JSON");
    let counts: Vec<(&str, u64, u64)> = list
        .as_array()
        .expect("editions")
        .iter()
        .map(|e| {
            (
                e["edition"].as_str().expect("a name"),
                e["tables"].as_u64().expect("a count"),
                e["fields"].as_u64().expect("a count"),
            )
        })
        .filter(|(edition, ..)| *edition != "core")
        .collect();
    let wanted = [
        ("gaozhi-2023.06", 85, 1122),
        ("gaozhi-2024.09", 98, 1274),
        ("zhongzhi-2023.06", 47, 626),
        ("zhongzhi-2025.03", 61, 823),
    ];
    assert_eq!(counts, wanted);
    let table = out(&xiaoshu(&["standard", "show", "--edition", "gaozhi-2024.09", "ODS_KCJBSJ"]));
    assert!(table.contains("KCH") && table.contains("自然主键"), "{table}");
    let schema: serde_json::Value =
        serde_json::from_slice(&xiaoshu(&["standard", "show", "--edition", "gaozhi-2024.09", "ODS_KCJBSJ", "--schema"]).stdout)
            .expect("JSON");
    assert_eq!(schema["type"], "object");
    let same = xiaoshu(&["standard", "diff", "gaozhi-2024.09", "gaozhi-2024.09", "--json"]);
    assert_eq!(out(&same).trim(), "[]");
    let changes: serde_json::Value =
        serde_json::from_slice(&xiaoshu(&["standard", "diff", "gaozhi-2023.06", "gaozhi-2024.09", "--json"]).stdout)
            .expect("JSON");
    let count = |what: &str| changes.as_array().expect("changes").iter().filter(|c| c["what"] == what).count() as i64;
    assert_eq!(count("table_added") - count("table_removed"), 98 - 85);
    assert!(count("field_added") > 0 && count("code_added") > 0);
}

#[test]
fn a_request_holds_all_that_the_keeper_of_a_system_needs_and_overwrites_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let settings = dir.path().join("xiaoshu.toml");
    let text = "[school]\ncode = \"4199099998\"\nname = \"某某职业学院\"\nedition = \"gaozhi-2024.09\"\n";
    std::fs::write(&settings, text).expect("written");
    std::fs::create_dir(dir.path().join("mappings")).expect("a folder");
    let (settings, to) = (settings.to_str().expect("UTF-8"), dir.path().join("to"));
    let place = to.to_str().expect("UTF-8");
    let ask = |rest: &[&str]| xiaoshu(&[&["request", "教务系统", "--settings", settings, "--to", place], rest].concat());
    let wrong = ask(&["--table", "ODS_KCJBSJ,ODS_XXJBS", "--way", "oracle"]);
    assert_eq!(code(&wrong), 2);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("ODS_XXJBS →"), "{}", String::from_utf8_lossy(&wrong.stderr));
    assert_eq!(code(&ask(&[])), 2, "an unknown system without tables");
    assert_eq!(code(&ask(&["--table", "ODS_KCJBSJ"])), 2, "nobody said which database");
    assert!(!to.exists(), "a refused request writes nothing");
    let done = ask(&["--table", "ODS_KCJBSJ,CORE_XS", "--way", "oracle", "--host", "10.1.2.3", "--json"]);
    assert_eq!(code(&done), 0, "{}", String::from_utf8_lossy(&done.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let read = |name: &str| std::fs::read_to_string(to.join(name)).expect("a file");
    let letter = read("letter.html");
    for part in ["教务系统", "某某职业学院", "10.1.2.3", "xiaoshu_ro", "V_ODS_KCJBSJ", "回执"] {
        assert!(letter.contains(part), "{part}");
    }
    let sql = read("views.sql");
    assert!(sql.contains("GRANT SELECT ON V_CORE_XS TO xiaoshu_ro;") && sql.contains("NULL AS KCH"), "{sql}");
    assert!(!sql.contains("ZJSJWYXBS"), "what the hub fills in by itself is not asked for");
    let columns = read("columns.csv");
    let rows = columns.lines().count() as u64;
    let asked: u64 = answer["tables"].as_array().expect("tables").iter().map(|t| t["columns"].as_u64().expect("a count")).sum();
    assert_eq!(rows, asked + 1);
    // The mappings that come with it fit the standard as they are.
    std::fs::copy(to.join("mappings/ODS_KCJBSJ.toml"), dir.path().join("mappings/kc.toml")).expect("copied");
    let source = "\n[sources.\"教务系统\"]\nkind = \"csv\"\npath = \".\"\n[mappings]\ndir = \"mappings\"\n";
    std::fs::write(settings, format!("{text}{source}")).expect("written");
    let check = xiaoshu(&["check", "--settings", settings]);
    assert_eq!(code(&check), 0, "{}", out(&check));
    let again = ask(&["--table", "ODS_KCJBSJ", "--way", "oracle"]);
    assert_eq!(code(&again), 2);
    assert!(String::from_utf8_lossy(&again.stderr).contains("letter.html"));
}
