//! A service in a process of its own, and clients of it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use tonic::Request;
use tonic::transport::Channel;
use xiaoshu::wire::schoolhub::v1::ingest_service_client::IngestServiceClient;
use xiaoshu::wire::schoolhub::v1::records_service_client::RecordsServiceClient;
use xiaoshu::wire::schoolhub::v1::status_service_client::StatusServiceClient;
use xiaoshu::wire::schoolhub::v1::{
    BeginSnapshot, EndSnapshot, GetPositionRequest, Item, ObjectPosition, Producer, PushRequest, PushResponse, Row, Rows, item,
};

pub const COURSES: &str = "ODS_KCJBSJ";
pub const PROJECTS: &str = "ODS_KCJSSJ";

pub const VENDOR: &str = "vendor-0123456789-abcdefgh";
pub const READER: &str = "reader-0123456789-abcdefgh";
pub const WHOLE: &str = "whole-0123456789-abcdefghi";
pub const WATCHMAN: &str = "watchman-0123456789-abcdef";

const SETTINGS: &str = r#"[school]
code = "4111010001"
name = "测试职业技术学院"
edition = "gaozhi-2024.09"

[sources.lms]
kind = "push"
system = "LMS"
owner = "教务处"
objects.course = ["no", "name", "hours"]
objects.project = ["no", "name", "leader", "year"]

[serve.grpc]
listen = "127.0.0.1:0"
limits = { calls_per_second = 1000, slow_seconds = 1 }

[serve.grpc.clients]
vendor = { token = { file = "vendor" }, scopes = ["push:lms"] }
courses = { token = { file = "reader" }, scopes = ["read:ODS_KCJBSJ", "push:lms/course"] }
whole = { token = { file = "whole" }, scopes = ["read:*", "read_sensitive:ODS_KCJSSJ"] }
watchman = { token = { file = "watchman" }, scopes = ["status"] }

[log]
level = "debug"
"#;

const MAPPINGS: [(&str, &str); 2] = [
    (
        "courses",
        r#"table = "ODS_KCJBSJ"
source = "lms"
mode = "automatic"
read.object = "course"
[fields]
KCH = "no"
KCMC = "name"
KCLXM = { value = "1" }
KCSXM = { value = "1" }
KCXZM = { value = "1" }
JXJHGDKSS = "hours"
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
source = "lms"
mode = "automatic"
read.object = "project"
[fields]
KCH = "no"
KCMC = "name"
FZRH = "leader"
LXND = "year"
KCJSLBM = { value = "1" }
"#,
    ),
];

/// Writes the files of a school; `change` may mend the settings.
pub fn furnish(dir: &Path, change: impl FnOnce(String) -> String) {
    std::fs::create_dir_all(dir.join("mappings")).unwrap();
    std::fs::write(dir.join("xiaoshu.toml"), change(SETTINGS.to_owned())).unwrap();
    for (file, token) in [("vendor", VENDOR), ("reader", READER), ("whole", WHOLE), ("watchman", WATCHMAN)] {
        std::fs::write(dir.join(file), token).unwrap();
    }
    for (name, text) in MAPPINGS {
        std::fs::write(dir.join(format!("mappings/{name}.toml")), text).unwrap();
    }
}

/// A service under way.
pub struct Service {
    pub dir: tempfile::TempDir,
    child: Child,
    pub address: String,
    log: Receiver<String>,
}

impl Service {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        furnish(dir.path(), |settings| settings);
        Self::over(dir)
    }

    /// Over files that are there.
    pub fn over(dir: tempfile::TempDir) -> Self {
        let (child, log) = spawn(dir.path());
        let mut service = Self { dir, child, address: String::new(), log };
        let line = service.wait_for("gRPC listens");
        let address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap();
        service.address = address.to_owned();
        service
    }

    /// The next line of the log with these words.
    pub fn wait_for(&self, words: &str) -> String {
        let mut seen = String::new();
        for line in &self.log {
            if line.contains(words) {
                return line;
            }
            seen += &format!("{line}\n");
        }
        panic!("the service ended without `{words}`:\n{seen}");
    }

    /// SIGKILL, then a new process over the same files.
    pub fn kill_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let (child, log) = spawn(self.dir.path());
        self.child = child;
        self.log = log;
        let line = self.wait_for("gRPC listens");
        self.address = line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
        self
    }

    /// SIGTERM; says whether it ended in order.
    pub fn stop(&mut self) -> bool {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap().success()
    }

    pub async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub async fn ingest(&self) -> IngestServiceClient<Channel> {
        IngestServiceClient::new(self.channel().await)
    }

    pub async fn records(&self) -> RecordsServiceClient<Channel> {
        RecordsServiceClient::new(self.channel().await)
    }

    pub async fn status(&self) -> StatusServiceClient<Channel> {
        StatusServiceClient::new(self.channel().await)
    }

    /// Pushes as the vendor and waits for the answer.
    pub async fn push(&self, items: Vec<Item>) -> Result<PushResponse, tonic::Status> {
        let requests = introduced("one", items).into_iter().map(|item| PushRequest { item: Some(item) });
        let stream = futures_util::stream::iter(requests.collect::<Vec<_>>());
        self.ingest().await.push(with(VENDOR, stream)).await.map(tonic::Response::into_inner)
    }

    /// Where producer `one` stands with the courses.
    pub async fn position(&self) -> ObjectPosition {
        let asked = GetPositionRequest { source: "lms".into(), producer: "one".into() };
        let positions = self.ingest().await.get_position(with(VENDOR, asked)).await.unwrap().into_inner();
        positions.objects.into_iter().find(|p| p.object == "course").unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Over already, perhaps.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(dir: &Path) -> (Child, Receiver<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
        .args(["run", "--only", "serve", "--settings"])
        .arg(dir.join("xiaoshu.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap());
    let (send, log) = channel();
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            // Drained to the end, whoever listens.
            let _ = send.send(line);
        }
    });
    (child, log)
}

/// A request that bears a token.
pub fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// The items behind the producer's name.
pub fn introduced(producer: &str, items: Vec<Item>) -> Vec<Item> {
    let first = Producer { source: "lms".into(), producer: producer.into() };
    [item(item::Item::Producer(first))].into_iter().chain(items).collect()
}

pub fn item(item: item::Item) -> Item {
    Item { item: Some(item) }
}

pub fn row(cells: &[(&str, &str)]) -> Row {
    Row { cells: cells.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<HashMap<_, _>>() }
}

pub fn course(number: u32, hours: &str) -> Row {
    row(&[("no", &format!("K{number:05}")), ("name", &format!("课程{number}")), ("hours", hours)])
}

pub fn rows(object: &str, position: u64, rows: Vec<Row>) -> Item {
    item(item::Item::Rows(Rows { object: object.into(), position, rows }))
}

/// Courses with these numbers.
pub fn courses(position: u64, numbers: std::ops::Range<u32>, hours: &str) -> Item {
    rows("course", position, numbers.map(|number| course(number, hours)).collect())
}

pub fn begin(position: u64) -> Item {
    item(item::Item::BeginSnapshot(BeginSnapshot { object: "course".into(), position }))
}

pub fn end(position: u64) -> Item {
    item(item::Item::EndSnapshot(EndSnapshot { object: "course".into(), position }))
}
