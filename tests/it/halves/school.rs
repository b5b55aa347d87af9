//! A school with courses and course projects out of one source, and a platform that takes deletions.

use std::path::PathBuf;

use tempfile::TempDir;
use xiaoshu::app::{self, Context, Part, RunRequest, Silent, StatusAnswer};
use xiaoshu::brain::{Brain, BrainConfig, BrainHandle, GrpcConfig};
use xiaoshu::finding::Lang;
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{Gone, ReadModels};

use crate::hub::school::{CODE, MAPPINGS};

/// Rows of each table; of so many, three may go without being asked for.
pub const ROWS: usize = 60;
pub const COURSES: &str = "ODS_KCJBSJ";
pub const PROJECTS: &str = "ODS_KCJSSJ";
/// The token that a platform of tests takes.
const TOKEN: &str = "0123456789abcdef";

/// Numbers that look drawn, the same for a seed wherever they are drawn.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    /// One to three: a loss that alone would be believed.
    pub fn few(&mut self) -> usize {
        1 + self.below(3)
    }
}

/// Courses as a table: number, name, hours.
pub fn courses(numbers: std::ops::Range<usize>) -> Vec<[String; 3]> {
    numbers.map(|i| [format!("K{i:04}"), format!("课程{i}"), (16 + i % 64).to_string()]).collect()
}

/// Course projects as a table: course, its name, leader, year.
pub fn projects(numbers: std::ops::Range<usize>) -> Vec<[String; 4]> {
    numbers.map(|i| [format!("K{i:04}"), format!("课程{i}"), format!("T{:03}", i % 40), "2024".to_owned()]).collect()
}

pub const COURSE_COLUMNS: [&str; 3] = ["课程号", "课程名称", "总学时"];
pub const PROJECT_COLUMNS: [&str; 4] = ["课程号", "课程名称", "负责人", "立项年度"];

/// A table as CSV.
pub fn csv<const N: usize>(columns: [&str; N], rows: &[[String; N]]) -> String {
    let mut text = columns.join(",") + "\n";
    rows.iter().for_each(|row| text.push_str(&(row.join(",") + "\n")));
    text
}

/// The courses but for the last `lost`, as CSV.
pub fn courses_csv(lost: usize) -> String {
    csv(COURSE_COLUMNS, &courses(0..ROWS - lost))
}

pub fn projects_csv() -> String {
    csv(PROJECT_COLUMNS, &projects(0..ROWS))
}

pub struct School {
    dir: TempDir,
    runtime: tokio::runtime::Runtime,
    brain: BrainHandle,
}

impl School {
    /// `source`: the settings of the source `jw`; `reads`: what is read for courses and for projects, as mappings say it.
    pub fn new(source: &str, reads: [&str; 2]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut config = BrainConfig { grpc: GrpcConfig::local(), ..BrainConfig::sandbox(CODE) };
        config.results.delay_s = 0;
        config.login.rsa_bits = 1024;
        let brain = runtime.block_on(Brain::start(config)).expect("a platform");
        let school = Self { dir, runtime, brain };
        let url = school.brain.grpc_url().expect("streams");
        school.write("token", TOKEN.as_bytes());
        school.write("xiaoshu.toml", settings(source, &url).as_bytes());
        for ((name, text), read) in MAPPINGS.iter().zip(reads) {
            school.write(&format!("mappings/{name}.toml"), mapping(text, read).as_bytes());
        }
        school
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }

    pub fn context(&self) -> Context<'static> {
        Context { settings: self.path("xiaoshu.toml"), data: None, schemas: None, lang: Lang::En, progress: &Silent }
    }

    /// Everything read once.
    pub fn collect(&self) {
        let request = RunRequest { once: true, only: vec![Part::Collect], restored: false };
        app::run(&self.context(), &request).expect("a collection");
    }

    /// Everything read once and reported.
    pub fn round(&self) {
        let answer = app::run(&self.context(), &RunRequest { once: true, ..RunRequest::default() }).expect("a round");
        assert!(answer.left.is_empty() && answer.imbalances.is_empty(), "{answer:?}");
    }

    pub fn status(&self) -> StatusAnswer {
        app::status(&self.context()).expect("a status")
    }

    /// How many records of a table the platform holds.
    pub fn held(&self, table: &str) -> usize {
        self.runtime.block_on(self.brain.held(table)).expect("rows").len()
    }

    /// All is read and reported.
    pub fn begin(&self) {
        self.round();
        assert_eq!((self.held(COURSES), self.held(PROJECTS)), (ROWS, ROWS));
    }

    /// One half snapshot: nothing is deleted, and the reason is kept in both languages; then it is mended.
    pub fn half(&self, what: &str, spoil: impl FnOnce(&Self), mend: impl FnOnce(&Self)) {
        self.spoilt(what, spoil);
        mend(self);
        self.collect();
    }

    /// The same without mending: the next read is a half one again.
    pub fn spoilt(&self, what: &str, spoil: impl FnOnce(&Self)) {
        spoil(self);
        self.collect();
        self.runtime.block_on(async {
            let store = SqliteStore::open_read_only(&self.path("data"), SqliteOptions::default()).await.expect("a store");
            for table in [COURSES, PROJECTS] {
                let live =
                    store.table_rows().await.expect("tables").into_iter().find(|row| row.table == table).expect("a table").live;
                assert_eq!(live, ROWS as u64, "{what}: records of {table} are lost");
            }
            assert!(store.gone(None).await.expect("a list").is_empty(), "{what}: a deletion is on its way");
            let mut reasons: Vec<_> = store.pending_deletions().await.expect("a list").into_iter().map(|held| held.why).collect();
            let runs = store.runs(1).await.expect("runs");
            reasons.extend(runs.iter().filter_map(|run| run.doubt.clone()));
            assert!(reasons.iter().all(|why| !why.zh.is_empty() && !why.en.is_empty()), "{what}: {reasons:?}");
            let failed = runs.iter().any(|run| run.error.is_some());
            assert!(failed || !reasons.is_empty(), "{what}: nothing says why nothing was deleted");
        });
    }

    /// What the status says in both languages: why deletions wait, or why the last read lets nothing be deleted.
    pub fn reasons(&self) -> usize {
        let status = self.status();
        assert!(status.imbalances.is_empty(), "{:?}", status.imbalances);
        let doubts = status.tables.iter().filter_map(|line| line.doubt.as_ref());
        let whys = status.deletions.iter().map(|line| &line.why).chain(doubts);
        whys.filter(|why| !why.zh.is_empty() && !why.en.is_empty()).count()
            + status.tables.iter().filter(|line| line.error.is_some()).count()
    }

    /// After all of them: what stood stands, here and at the platform.
    pub fn end(&self) {
        let status = self.status();
        assert!(status.deletions.is_empty(), "{:?}", status.deletions);
        self.round();
        assert_eq!((self.held(COURSES), self.held(PROJECTS)), (ROWS, ROWS));
    }
}

/// A mapping that reads something else.
pub fn mapping(text: &str, read: &str) -> String {
    let lines = text.lines().map(|line| if line.starts_with("read.") { read } else { line });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn settings(source: &str, url: &str) -> String {
    format!(
        r#"[school]
code = "{CODE}"
name = "测试职业技术学院"
edition = "gaozhi-2024.09"

[sources.jw]
{source}
system = "JW"
owner = "教务处"

[upstreams.region]
kind = "grpc"
url = "{url}"
token = {{ file = "token" }}
plain_http = {{ by = "test", date = "2024-11-20", reason = "loopback" }}

[upstreams.region.delivery]
ramp = "open"
"#
    )
}
