//! Settings and mappings: every fault at once, each with file, line and remedy; sound ones pass and give nothing away.

use std::fs;
use std::path::Path;

use xiaoshu::config::{self, Environment, Fault, Kind, Parts};
use xiaoshu::source;

const DIGITAL_BASE: &str = include_str!("../../src/report/transport/digital_base/settings.schema.json");

fn parts() -> Parts {
    let schema = |text: &str| serde_json::from_str(text).expect("a schema");
    Parts {
        sources: source::registry().iter().map(|c| Kind { name: c.kind(), schema: schema(c.settings_schema()) }).collect(),
        upstreams: vec![Kind { name: "digital_base", schema: schema(DIGITAL_BASE) }],
    }
}

fn faults(file: &Path, env: &Environment) -> Vec<Fault> {
    config::load(file, None, &parts(), env).err().unwrap_or_default()
}

#[test]
fn ten_faults_are_all_named_each_with_file_line_and_remedy() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ten-faults");
    let found = faults(&dir.join("xiaoshu.toml"), &Environment::default());
    let shown: Vec<(String, usize, &str)> = found
        .iter()
        .map(|f| (f.file.strip_prefix(&dir).expect("below the folder").display().to_string(), f.line, f.what.en.as_str()))
        .collect();
    let expected = [
        ("mappings/kc.toml", 11, "KCMCC"),
        ("mappings/xs.toml", 2, "no source jww"),
        ("xiaoshu.toml", 4, "code is not written as it should be"),
        ("xiaoshu.toml", 17, "overlaps"),
        ("xiaoshu.toml", 22, "does not exist"),
        ("xiaoshu.toml", 29, "secret as plain text"),
        ("xiaoshu.toml", 32, "no kind cvs"),
        ("xiaoshu.toml", 37, "plain http"),
        ("xiaoshu.toml", 39, "XS_TEST_PASSWORD_THAT_IS_NOT_SET is not set"),
        ("xiaoshu.toml", 42, "no setting named levle"),
    ];
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (at, (file, line, words)) in expected.iter().enumerate() {
        let (own_file, own_line, what) = &shown[at];
        assert!(own_file == file && own_line == line && what.contains(words), "{file}:{line} {words}: {shown:#?}");
    }
    for fault in &found {
        assert!(!fault.remedy.zh.is_empty() && !fault.remedy.en.is_empty() && !fault.what.zh.is_empty(), "{fault:?}");
        assert!(fault.column > 0, "{fault:?}");
        assert!(!format!("{fault:?}").contains("not-a-real-secret"), "{fault:?}");
    }
    let remedy = |line| &found.iter().find(|f| f.line == line && f.file.ends_with("xiaoshu.toml")).expect("the fault").remedy.en;
    assert!(remedy(32).contains("did you mean csv?"));
    assert!(remedy(42).contains("did you mean level?"));
    assert!(remedy(29).contains("env ="));
}

#[test]
fn the_platforms_settings_are_checked_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("brain.toml");
    let schema = xiaoshu::brain::BrainConfig::schema();
    let env = Environment::of([("BRAIN_DATABASE", "postgres://brain:open-sesame@db.example.cn/brain")]);
    let text = "edition = \"gaozhi-2024.09\"\n[login]\nrsa_bits = 512\nstlye = \"plain\"\n[[accounts]]\nusername = \"a\"\n\
                password = \"hunter2-is-no-secret\"\napp_secret = \"short\"\n[results]\ndelay_s = -1\n";
    fs::write(&file, text).expect("written");
    let found = config::load_single::<xiaoshu::brain::BrainConfig>(&file, &schema, &env).expect_err("faults");
    let shown: Vec<(usize, &str)> = found.iter().map(|f| (f.line, f.what.en.as_str())).collect();
    let expected = [
        (3, "/login/rsa_bits: rsa_bits is less than 1024"),
        (4, "/login: there is no setting named stlye"),
        (5, "/accounts/0: app_key is missing"),
        (8, "/accounts/0/app_secret: app_secret is too short"),
        (10, "/results/delay_s: delay_s is less than 0"),
    ];
    assert_eq!(shown, expected);
    assert!(!format!("{found:?}").contains("hunter2"));
    let account = "[[accounts]]\nusername = \"a\"\npassword = \"b\"\napp_secret = \"0123456789abcdef\"\napp_key = \"c\"\n";
    fs::write(&file, format!("{account}[login]\nrsa_bits = 1024\n[results]\ndelay_s = 5\n")).expect("written");
    let config: xiaoshu::brain::BrainConfig = config::load_single(&file, &schema, &env).expect("sound");
    assert_eq!((config.login.rsa_bits, config.results.delay_s), (1024, 5));

    let shared = format!("{account}[effects]\npostgres = {{ env = \"BRAIN_DATABASE\" }}\n");
    fs::write(&file, &shared).expect("written");
    let config: xiaoshu::brain::BrainConfig = config::load_single(&file, &schema, &env).expect("sound");
    assert!(config.effects.postgres.as_ref().is_some_and(|url| url.expose().contains("open-sesame")));
    assert!(!format!("{config:?}").contains("open-sesame"));
    for (written, what) in [
        ("{ env = \"NOT_SET\" }", "environment variable NOT_SET is not set"),
        ("\"postgres://brain:open-sesame@db.example.cn/brain\"", "postgres holds a secret as plain text"),
    ] {
        fs::write(&file, shared.replace("{ env = \"BRAIN_DATABASE\" }", written)).expect("written");
        let found = config::load_single::<xiaoshu::brain::BrainConfig>(&file, &schema, &env).expect_err("faults");
        assert_eq!(found.iter().map(|f| (f.line, f.what.en.as_str())).collect::<Vec<_>>(), [(7, what)]);
        assert!(!format!("{found:?}").contains("sesame"));
    }
}

struct School {
    dir: tempfile::TempDir,
}

const SOUND: &str = r#"
[school]
code = "4199099999"
name = "示例职业技术学院"
edition = "gaozhi-2024.09"

[[calendar.terms]]
school_year = "2024-2025"
term = "1"
from = 2024-09-01
to = 2025-01-19

[sources.jw]
kind = "sqlite"
path = "jw.db"
system = "XT01"
owner = "教务处"

[sources.rs]
kind = "postgres"
host = "db.example.org"
database = "rs"
user = "hub"
password = { file = "rs-password" }

[sources.hub]
kind = "hub"

[upstreams.moe]
kind = "digital_base"
base_url = "https://base.example.org"
username = { env = "MOE_USER" }
password = { env = "MOE_PASSWORD" }
"#;

const MAPPING: &str = "table = \"ODS_KCJBSJ\"\nsource = \"jw\"\nowner = \"教务处\"\nmode = \"automatic\"\n[read]\nobject = \"course\"\n[fields]\nKCH = \"course_no\"\n";

impl School {
    fn new() -> Self {
        let school = Self { dir: tempfile::tempdir().expect("a folder") };
        fs::create_dir(school.dir.path().join("mappings")).expect("a folder");
        for (file, text) in [("xiaoshu.toml", SOUND), ("jw.db", ""), ("rs-password", "pw-of-rs\n"), ("mappings/kc.toml", MAPPING)]
        {
            school.write(file, text);
        }
        school
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).expect("a file");
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join("xiaoshu.toml")
    }

    /// The faults when one part of the sound settings is put otherwise.
    fn with(&self, from: &str, to: &str) -> Vec<Fault> {
        assert!(SOUND.contains(from), "{from}");
        self.write("xiaoshu.toml", &SOUND.replace(from, to));
        faults(&self.file(), &environment())
    }
}

fn environment() -> Environment {
    Environment::of([("MOE_USER", "hub-account"), ("MOE_PASSWORD", "pw-of-moe")])
}

#[test]
fn sound_settings_pass_and_give_no_secret_away() {
    let school = School::new();
    let loaded = config::load(&school.file(), None, &parts(), &environment()).expect("no faults");
    let settings = &loaded.settings;
    assert_eq!(settings.school.code, "4199099999");
    assert_eq!(settings.calendar.terms[0].to.to_string(), "2025-01-19");
    assert_eq!(settings.sources["jw"].owner.as_deref(), Some("教务处"));
    assert_eq!(settings.sources["rs"].settings.expose()["password"], "pw-of-rs");
    assert_eq!(settings.upstreams["moe"].settings.expose()["password"], "pw-of-moe");
    assert!(settings.sources["jw"].settings.expose().get("owner").is_none(), "the connector gets its own settings only");
    assert_eq!(loaded.mappings.len(), 1);
    assert_eq!(loaded.path(&settings.data.dir), school.dir.path().join("data"));
    let printed = format!("{loaded:?}");
    for secret in ["pw-of-rs", "pw-of-moe", "hub-account"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn variables_override_the_file_and_their_faults_bear_their_name() {
    let school = School::new();
    let vars = |name, value| Environment::of([("MOE_USER", "u"), ("MOE_PASSWORD", "p"), (name, value)]);
    let loaded = config::load(&school.file(), None, &parts(), &vars("XIAOSHU__SCHOOL__CODE", "0199099999")).expect("no faults");
    assert_eq!(loaded.settings.school.code, "0199099999");
    let loaded = config::load(&school.file(), None, &parts(), &vars("XIAOSHU__COLLECT__EVERY_MINUTES", "15")).expect("no faults");
    assert_eq!(loaded.settings.collect.every_minutes, 15);
    let found = faults(&school.file(), &vars("XIAOSHU__COLLECT__EVERY_MINUTES", "often"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].file, Path::new("XIAOSHU__COLLECT__EVERY_MINUTES"));
}

#[test]
fn each_kind_of_fault_is_found_alone_and_in_its_line() {
    let school = School::new();
    for (from, to, line, words) in [
        ("edition = \"gaozhi-2024.09\"", "edition = \"gaozhi-2024.9\"", 5, "no edition"),
        ("name = \"示例职业技术学院\"", "name = 7", 4, "wrong type"),
        ("edition = \"gaozhi-2024.09\"", "edition = \"gaozhi-2024.09\"\nlevel = \"zhongzhi\"", 6, "level is zhongzhi"),
        ("code = \"4199099999\"\n", "", 2, "code is missing"),
        ("school_year = \"2024-2025\"", "school_year = \"2024-2026\"", 8, "plus one"),
        ("to = 2025-01-19", "to = \"2025-01-32\"", 11, "no date"),
        ("owner = \"教务处\"", "ower = \"教务处\"", 17, "no setting named ower"),
        ("host = \"db.example.org\"\n", "", 19, "host is missing"),
        ("password = { file = \"rs-password\" }", "password = { file = \"nowhere\" }", 24, "missing, empty or unreadable"),
        ("kind = \"hub\"", "kind = \"hub\"\ndatabase = \"x\"", 28, "no setting named database"),
        ("https://base", "http://base", 31, "plain http"),
        (
            "username = { env = \"MOE_USER\" }",
            "username = { env = \"MOE_USER\" }\nseal = { key_cut = \"half\" }",
            33,
            "allowed values",
        ),
        ("[sources.hub]", "[sources.hub", 26, "TOML syntax"),
        ("[sources.hub]", "[calendar]\ngrace_days = 300\n[sources.hub]", 27, "more than 200"),
        ("[sources.hub]", "[references.fields]\n\"ODS_KCJBSJ.ZYHH\" = \"warn\"\n[sources.hub]", 27, "no field ZYHH"),
        (
            "password = { env = \"MOE_PASSWORD\" }",
            "password = { env = \"MOE_PASSWORD\" }\ndelivery = { tables = [\"ODS_NONE\"] }",
            34,
            "a table ODS_NONE",
        ),
        (
            "password = { env = \"MOE_PASSWORD\" }",
            "password = { env = \"MOE_PASSWORD\" }\ndelivery = { rmap = \"open\" }",
            34,
            "no setting named rmap",
        ),
    ] {
        let found = school.with(from, to);
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].line == line && found[0].what.en.contains(words), "{to}: {found:#?}");
    }
}

#[test]
fn plain_http_passes_with_a_recorded_acceptance() {
    let school = School::new();
    let accepted = "base_url = \"http://base.example.org\"\nplain_http = { by = \"信息中心主任\", date = \"2025-09-01\", reason = \"平台只提供 http\" }";
    assert_eq!(school.with("base_url = \"https://base.example.org\"", accepted), []);
}

#[test]
fn faults_of_mapping_files_come_with_those_of_the_settings() {
    let school = School::new();
    school.write("mappings/a.toml", "table = \"ODS_KCJBS\"\nsource = \"jw\"\nmode = \"automatic\"\n");
    school.write("mappings/b.toml", "table = ODS\n");
    school.write("mappings/c.toml", MAPPING);
    fs::write(school.dir.path().join("mappings/d.toml"), [0xff, 0xfe, 0x00]).expect("a file");
    let found = school.with("code = \"4199099999\"", "code = \"41\"");
    let shown: Vec<(String, usize)> =
        found.iter().map(|f| (f.file.file_name().expect("a name").to_string_lossy().into_owned(), f.line)).collect();
    for wanted in [("a.toml", 1), ("b.toml", 1), ("d.toml", 0), ("kc.toml", 1), ("xiaoshu.toml", 3)] {
        assert!(shown.iter().any(|(file, line)| (file.as_str(), *line) == wanted), "{wanted:?}: {shown:?}");
    }
}

#[test]
fn a_missing_file_is_one_fault_with_a_remedy() {
    let found = faults(Path::new("/nowhere/xiaoshu.toml"), &Environment::default());
    assert_eq!(found.len(), 1);
    assert!(found[0].remedy.zh.contains("--settings"));
}

#[test]
fn an_editor_s_byte_order_mark_is_no_fault() {
    let school = School::new();
    school.write("xiaoshu.toml", &format!("\u{FEFF}{SOUND}"));
    assert_eq!(faults(&school.file(), &environment()), []);
}
