//! Scopes: every scope against every call, by table and object. What is not granted is refused by name, and changes nothing.

use tonic::{Code, Status};
use xiaoshu::wire::schoolhub::v1::{
    GetPositionRequest, GetRecordRequest, GetStatusRequest, Item, ListRecordsRequest, PushRequest, PushStreamRequest,
    WatchRecordsRequest,
};

use super::service::{COURSES, PROJECTS, Service, WHOLE, course, furnish, introduced, row, rows, with};

const SCOPES: [&str; 8] = [
    "read:ODS_KCJBSJ",
    "read:*",
    "read_sensitive:ODS_KCJBSJ",
    "read_sensitive:*",
    "push:lms",
    "push:lms/course",
    "push:lms/project",
    "status",
];

/// A call, and the scope that a refusal names.
#[derive(Debug, Clone, Copy)]
enum Call {
    List(&'static str),
    Get(&'static str),
    Watch(&'static str),
    Sensitive(&'static str),
    Push(&'static str),
    PushStream(&'static str),
    Position,
    Status,
}

const CALLS: [Call; 14] = [
    Call::List(COURSES),
    Call::List(PROJECTS),
    Call::Get(COURSES),
    Call::Get(PROJECTS),
    Call::Watch(COURSES),
    Call::Watch(PROJECTS),
    Call::Sensitive(PROJECTS),
    Call::Push("course"),
    Call::Push("project"),
    Call::PushStream("course"),
    Call::PushStream("project"),
    Call::Position,
    Call::Status,
    Call::List("ODS_NOTHING"),
];

impl Call {
    /// The scopes that grant it.
    fn granted_by(self) -> Vec<&'static str> {
        match self {
            Self::List(COURSES) | Self::Get(COURSES) | Self::Watch(COURSES) => {
                vec!["read:ODS_KCJBSJ", "read:*", "read_sensitive:ODS_KCJBSJ", "read_sensitive:*"]
            }
            Self::List(_) | Self::Get(_) | Self::Watch(_) => vec!["read:*", "read_sensitive:*"],
            Self::Sensitive(_) => vec!["read_sensitive:*"],
            Self::Push("course") | Self::PushStream("course") => vec!["push:lms", "push:lms/course"],
            Self::Push(_) | Self::PushStream(_) => vec!["push:lms", "push:lms/project"],
            Self::Position => vec!["push:lms", "push:lms/course", "push:lms/project"],
            Self::Status => vec!["status"],
        }
    }

    /// What a refusal says that is lacking.
    fn named(self, scope: &str) -> String {
        match self {
            // Who may not even read the table hears that first.
            Self::Sensitive(table) if scope != "read:*" => format!("read:{table}"),
            Self::List(table) | Self::Get(table) | Self::Watch(table) => format!("read:{table}"),
            Self::Sensitive(table) => format!("read_sensitive:{table}"),
            Self::Push(_) | Self::PushStream(_) | Self::Position => "push:lms".to_owned(),
            Self::Status => "status".to_owned(),
        }
    }

    async fn make(self, service: &Service, token: &str) -> Result<(), Status> {
        match self {
            Self::List(table) => {
                let asked = ListRecordsRequest { table: table.into(), ..Default::default() };
                service.records().await.list_records(with(token, asked)).await.map(drop)
            }
            Self::Sensitive(table) => {
                let asked = ListRecordsRequest { table: table.into(), fields: vec!["FZRH".into()], ..Default::default() };
                service.records().await.list_records(with(token, asked)).await.map(drop)
            }
            Self::Get(table) => {
                let asked = GetRecordRequest { table: table.into(), key: "0".repeat(32), ..Default::default() };
                service.records().await.get_record(with(token, asked)).await.map(drop)
            }
            Self::Watch(table) => {
                let asked = WatchRecordsRequest { table: table.into(), ..Default::default() };
                service.records().await.watch_records(with(token, asked)).await.map(drop)
            }
            Self::Push(object) => {
                let items = pushed(object).into_iter().map(|item| PushRequest { item: Some(item) }).collect::<Vec<_>>();
                service.ingest().await.push(with(token, futures_util::stream::iter(items))).await.map(drop)
            }
            Self::PushStream(object) => {
                let items = pushed(object).into_iter().map(|item| PushStreamRequest { item: Some(item) }).collect::<Vec<_>>();
                let mut answers =
                    service.ingest().await.push_stream(with(token, futures_util::stream::iter(items))).await?.into_inner();
                while answers.message().await?.is_some() {}
                Ok(())
            }
            Self::Position => {
                let asked = GetPositionRequest { source: "lms".into(), producer: "one".into() };
                service.ingest().await.get_position(with(token, asked)).await.map(drop)
            }
            Self::Status => service.status().await.get_status(with(token, GetStatusRequest::default())).await.map(drop),
        }
    }
}

fn pushed(object: &str) -> Vec<Item> {
    let rows_of = match object {
        "course" => vec![course(1, "16")],
        _ => vec![row(&[("no", "K00001"), ("name", "项目"), ("leader", "T1"), ("year", "2024")])],
    };
    introduced("one", vec![rows(object, 1, rows_of)])
}

fn token(at: usize) -> String {
    format!("scope-{at:02}-0123456789-abcdefgh")
}

fn service() -> Service {
    let dir = tempfile::tempdir().unwrap();
    let clients: String = SCOPES
        .iter()
        .enumerate()
        .map(|(i, scope)| format!("one{i} = {{ token = {{ file = \"one{i}\" }}, scopes = [\"{scope}\"] }}\n"))
        .collect();
    furnish(dir.path(), |text| text.replace("[serve.grpc.clients]\n", &format!("[serve.grpc.clients]\n{clients}")));
    for i in 0..SCOPES.len() {
        std::fs::write(dir.path().join(format!("one{i}")), token(i)).unwrap();
    }
    Service::over(dir)
}

/// Live records of both tables.
async fn held(service: &Service) -> usize {
    let mut held = 0;
    for table in [COURSES, PROJECTS] {
        let asked = ListRecordsRequest { table: table.into(), ..Default::default() };
        held += service.records().await.list_records(with(WHOLE, asked)).await.unwrap().into_inner().records.len();
    }
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scope_grants_exactly_what_it_names() {
    let service = service();
    // Refusals first, so that what they must not do would show.
    for granted in [false, true] {
        for (i, scope) in SCOPES.iter().enumerate() {
            for call in CALLS.into_iter().filter(|call| call.granted_by().contains(scope) == granted) {
                let done = call.make(&service, &token(i)).await;
                match (granted, &done) {
                    (false, Err(status)) => {
                        assert_eq!(status.code(), Code::PermissionDenied, "{scope} {call:?}: {status:?}");
                        assert!(status.message().contains(&call.named(scope)), "{scope} {call:?}: {}", status.message());
                    }
                    (true, Ok(())) => {}
                    // There is no such record, no such table: said to those alone who may look.
                    (true, Err(status)) if matches!(call, Call::Get(_) | Call::List("ODS_NOTHING")) => {
                        assert_eq!(status.code(), Code::NotFound, "{scope} {call:?}: {status:?}");
                    }
                    _ => panic!("{scope} {call:?}: {done:?}"),
                }
            }
        }
        assert_eq!(held(&service).await, if granted { 2 } else { 0 });
    }
}
