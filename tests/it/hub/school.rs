//! A small school on disk: three tables out of CSV files, one upstream, and the reference platform beside it, both by a
//! clock that moves only when somebody waits.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use xiaoshu::app::{self, Context, Failure, Fittings, RunAnswer, RunRequest, Silent};
use xiaoshu::brain::{Account, Brain, BrainConfig, BrainHandle};
use xiaoshu::finding::Lang;
use xiaoshu::report::{Clock, ManualClock};
use xiaoshu::store::Store;
use xiaoshu::store::postgres::PostgresOptions;

use crate::store::home::postgres_url;

/// The invented school's code.
pub const CODE: &str = "4199099998";
/// 2024-11-20 10:00 in China.
pub const MORNING: i64 = 1_732_068_000_000;

/// The platform's view of the shared clock.
struct Shared(Arc<ManualClock>);

impl xiaoshu::brain::Clock for Shared {
    fn now_ms(&self) -> i64 {
        self.0.now()
    }
}

/// The school and its platform.
pub struct School {
    dir: TempDir,
    pub clock: Arc<ManualClock>,
    pub runtime: tokio::runtime::Runtime,
    pub brain: BrainHandle,
}

impl School {
    /// Courses, course projects and certificates, `rows` of each; the platform gives its verdicts after `delay_s`.
    pub fn new(rows: usize, delay_s: u64) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(ManualClock::new(MORNING));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut config = BrainConfig::sandbox(CODE);
        config.results.delay_s = delay_s;
        config.login.rsa_bits = 1024;
        let brain = runtime.block_on(Brain::start_at(config, Arc::new(Shared(Arc::clone(&clock))))).expect("a platform");
        furnish(dir.path(), &brain.url(), rows);
        Self { dir, clock, runtime, brain }
    }

    /// The same with its store in PostgreSQL.
    pub fn on_postgres(rows: usize, delay_s: u64) -> Self {
        let school = Self::new(rows, delay_s);
        keep_in_postgres(school.dir.path());
        school
    }

    /// A path below the school's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file below the school's folder.
    pub fn write(&self, name: &str, text: &str) {
        write(self.dir.path(), name, text);
    }

    /// Writes the course export anew.
    pub fn courses(&self, numbers: std::ops::Range<usize>) {
        self.write("files/courses.csv", &courses(numbers, 0));
    }

    /// One round: everything read once, reported until nothing more can be done.
    pub fn round(&self) -> RunAnswer {
        self.try_round(|store| store).expect("a round")
    }

    /// The same over a store that may die.
    pub fn try_round(&self, around: impl Fn(Arc<dyn Store>) -> Arc<dyn Store> + 'static) -> Result<RunAnswer, Failure> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let fittings = Fittings { clock, around_store: Box::new(around) };
        app::run_fitted(&self.context(), &RunRequest { once: true, ..RunRequest::default() }, &fittings)
    }

    /// What every command gets.
    pub fn context(&self) -> Context<'static> {
        Context { settings: self.path("xiaoshu.toml"), data: None, schemas: None, lang: Lang::En, progress: &Silent }
    }

    /// A digest over everything that the platform holds.
    pub fn held(&self) -> String {
        self.runtime.block_on(self.brain.digest()).expect("a digest")
    }

    /// How many writes changed what the platform holds.
    pub fn effects(&self) -> usize {
        self.runtime.block_on(self.brain.effects(None)).expect("effects").len()
    }
}

/// Writes settings, mappings and exports of a school that reports to `url`.
pub fn furnish(dir: &Path, url: &str, rows: usize) {
    write(dir, "xiaoshu.toml", &settings(url));
    let account = Account::sandbox(CODE);
    write(dir, "user", &account.username);
    write(dir, "password", account.password.expose());
    write(dir, "app_key", account.app_key.expose());
    for (name, text) in MAPPINGS {
        write(dir, &format!("mappings/{name}.toml"), text);
    }
    write(dir, "files/courses.csv", &courses(0..rows, 0));
    write(dir, "files/projects.csv", &projects(0..rows));
}

/// Moves the store of a school's settings into a schema of its own of the PostgreSQL that `tests/run.sh` starts.
pub fn keep_in_postgres(dir: &Path) -> PostgresOptions {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let schema = format!("hub_{}_{count}", std::process::id());
    let options = PostgresOptions { schema, ..PostgresOptions::new(postgres_url()) };
    write(dir, "database", &options.url);
    let settings = std::fs::read_to_string(dir.join("xiaoshu.toml")).expect("read");
    let data = format!("store = \"postgres\"\nurl = {{ file = \"database\" }}\nschema = \"{}\"\n", options.schema);
    let settings = match settings.split_once("[data]\n") {
        Some((before, behind)) => format!("{before}[data]\n{data}{behind}"),
        None => format!("{settings}\n[data]\n{data}"),
    };
    write(dir, "xiaoshu.toml", &settings);
    options
}

/// Writes the course export anew, with hours that follow from `version`.
pub fn courses_from(dir: &Path, version: usize, rows: usize) {
    write(dir, "files/courses.csv", &courses(0..rows, version));
}

fn write(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}

fn settings(url: &str) -> String {
    format!(
        r#"[school]
code = "{CODE}"
name = "测试职业技术学院"
edition = "gaozhi-2024.09"

[sources.jw]
kind = "csv"
path = "files"
settle = 0
system = "JW"
owner = "教务处"

[upstreams.moe]
kind = "digital_base"
base_url = "{url}"
username = {{ file = "user" }}
password = {{ file = "password" }}
login.style = "plain"
seal.app_key = {{ from = "reply", otherwise = {{ file = "app_key" }} }}
plain_http = {{ by = "test", date = "2024-11-20", reason = "loopback" }}

[upstreams.moe.delivery]
ramp = "open"
"#
    )
}

fn courses(numbers: std::ops::Range<usize>, version: usize) -> String {
    let mut text = "课程号,课程名称,总学时\n".to_owned();
    for i in numbers {
        text.push_str(&format!("K{i:04},课程{i},{}\n", 16 + i % 64 + version));
    }
    text
}

fn projects(numbers: std::ops::Range<usize>) -> String {
    let mut text = "课程号,课程名称,负责人,立项年度\n".to_owned();
    for i in numbers {
        text.push_str(&format!("K{i:04},课程{i},T{:03},2024\n", i % 40));
    }
    text
}

pub const MAPPINGS: [(&str, &str); 2] = [
    (
        "courses",
        r#"table = "ODS_KCJBSJ"
source = "jw"
mode = "file"
read.object = "courses.csv"
[fields]
KCH = "课程号"
KCMC = "课程名称"
KCLXM = { value = "1" }
KCSXM = { value = "1" }
KCXZM = { value = "1" }
JXJHGDKSS = "总学时"
SJJXKSS = { value = "8" }
XNFZSXKSS = { value = "0" }
SFKZRTKC = { value = "0" }
SFXQHZKFKC = { value = "0" }
SFYXSKC = { value = "0" }
SFKCSZSFKC = { value = "0" }
"#,
    ),
    (
        "projects",
        r#"table = "ODS_KCJSSJ"
source = "jw"
mode = "file"
read.object = "projects.csv"
[fields]
KCH = "课程号"
KCMC = "课程名称"
FZRH = "负责人"
LXND = "立项年度"
KCJSLBM = { value = "1" }
"#,
    ),
];
