//! Tokens, scopes, bounds, status, health, reflection, the end.

use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use xiaoshu::wire::schoolhub::v1::{
    GetPositionRequest, GetRecordRequest, GetStatusRequest, ListRecordsRequest, PushRequest, WatchRecordsRequest,
};

use super::service::{COURSES, PROJECTS, READER, Service, VENDOR, WATCHMAN, WHOLE, course, courses, introduced, row, rows, with};

async fn list(service: &Service, token: &str, table: &str) -> Code {
    let asked = ListRecordsRequest { table: table.into(), ..Default::default() };
    service.records().await.list_records(with(token, asked)).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_scopes_are_told_apart() {
    let service = Service::start();
    let asked = ListRecordsRequest { table: COURSES.into(), ..Default::default() };
    let nobody = service.records().await.list_records(asked).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    assert!(nobody.message().contains("token") && nobody.message().contains("令牌"), "{}", nobody.message());
    for (token, table, code) in [
        ("unknown-0123456789-abcdefgh", COURSES, Code::Unauthenticated),
        (READER, COURSES, Code::Ok),
        (READER, PROJECTS, Code::PermissionDenied),
        (READER, "ODS_NOTHING", Code::PermissionDenied),
        (WHOLE, PROJECTS, Code::Ok),
        (WHOLE, "ODS_NOTHING", Code::NotFound),
        (VENDOR, COURSES, Code::PermissionDenied),
        (WATCHMAN, COURSES, Code::PermissionDenied),
    ] {
        assert_eq!(list(&service, token, table).await, code, "{table}");
    }
    for (token, code) in [(WATCHMAN, Code::Ok), (READER, Code::PermissionDenied), ("x", Code::Unauthenticated)] {
        let status = service.status().await.get_status(with(token, GetStatusRequest::default())).await;
        assert_eq!(status.map_or_else(|s| s.code(), |_| Code::Ok), code);
    }
    // `push:lms/course` grants the one object and no other.
    for (items, code) in [
        (vec![rows("course", 1, vec![course(1, "16")])], Code::Ok),
        (vec![rows("project", 1, vec![row(&[("no", "1")])])], Code::PermissionDenied),
    ] {
        let requests: Vec<_> = introduced("two", items).into_iter().map(|item| PushRequest { item: Some(item) }).collect();
        let pushed = service.ingest().await.push(with(READER, futures_util::stream::iter(requests))).await;
        assert_eq!(pushed.map_or_else(|status| status.code(), |_| Code::Ok), code);
    }
    let positions = GetPositionRequest { source: "lms".into(), producer: "two".into() };
    let seen = service.ingest().await.get_position(with(READER, positions.clone())).await.unwrap().into_inner();
    assert_eq!(seen.objects.iter().map(|o| (o.object.as_str(), o.position)).collect::<Vec<_>>(), [("course", 1)]);
    let foreign = service.ingest().await.get_position(with(WHOLE, positions)).await.unwrap_err();
    assert_eq!(foreign.code(), Code::PermissionDenied);
    let get = GetRecordRequest { table: COURSES.into(), key: "0".repeat(32), ..Default::default() };
    assert_eq!(service.records().await.get_record(with(READER, get)).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_calls_too_often_or_too_much_is_held_back() {
    let dir = tempfile::tempdir().unwrap();
    super::service::furnish(dir.path(), |text| {
        text.replace("calls_per_second = 1000", "calls_per_second = 1, calls_at_once = 2")
    });
    let service = Service::over(dir);
    let watch = || WatchRecordsRequest { table: COURSES.into(), ..Default::default() };
    let one = service.records().await.watch_records(with(READER, watch())).await.unwrap();
    let two = service.records().await.watch_records(with(READER, watch())).await.unwrap();
    assert_eq!(list(&service, READER, COURSES).await, Code::ResourceExhausted, "two are under way");
    assert_eq!(list(&service, WHOLE, COURSES).await, Code::Ok, "another client is not concerned");
    let mut codes = Vec::new();
    for _ in 0..20 {
        codes.push(list(&service, WHOLE, COURSES).await);
    }
    assert_eq!(codes.last(), Some(&Code::ResourceExhausted), "{codes:?}");
    assert!(codes.iter().filter(|code| **code == Code::Ok).count() >= 9, "{codes:?}");
    drop((one, two));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_says_tables_and_troubles() {
    let service = Service::start();
    service.push(vec![courses(1, 0..4, "16"), rows("course", 2, vec![course(9, "many")])]).await.unwrap();
    let asked = GetStatusRequest { recount: true };
    let status = service.status().await.get_status(with(WATCHMAN, asked)).await.unwrap().into_inner();
    assert_eq!((status.school.as_str(), status.edition.as_str()), ("测试职业技术学院", "gaozhi-2024.09"));
    let table = status.tables.iter().find(|table| table.table == COURSES).unwrap();
    assert_eq!((table.domain.as_str(), table.live, table.quarantined, table.last_read.as_str()), ("course", 4, 1, ""));
    let trouble = &status.troubles[0];
    assert_eq!((trouble.source.as_str(), trouble.owner.as_str(), trouble.rows), ("lms", "教务处", 1));
    assert_eq!((trouble.field.as_str(), status.recounted), ("JXJHGDKSS", true));
    assert_eq!(status.imbalances, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_and_reflection_answer_without_a_token() {
    let service = Service::start();
    let mut health = HealthClient::new(service.channel().await);
    for name in ["", "schoolhub.v1.IngestService", "schoolhub.v1.RecordsService", "schoolhub.v1.StatusService"] {
        let answer = health.check(HealthCheckRequest { service: name.into() }).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "{name} is not serving");
    }
    let mut reflection = ServerReflectionClient::new(service.channel().await);
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let asked = vec![
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("schoolhub.v1.RecordsService".into())),
    ];
    let answers = reflection.server_reflection_info(futures_util::stream::iter(asked)).await;
    let mut answers = answers.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(list)) = answers.message().await.unwrap().unwrap().message_response else {
        panic!("no list of services");
    };
    let names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"schoolhub.v1.IngestService".to_owned()), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("smartbrain")), "the platform's side is not served here: {names:?}");
    let file = answers.message().await.unwrap().unwrap().message_response;
    assert!(matches!(file, Some(MessageResponse::FileDescriptorResponse(_))), "{file:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ending_service_says_that_it_serves_no_more() {
    let mut service = Service::start();
    let asked = HealthCheckRequest { service: "schoolhub.v1.RecordsService".into() };
    let mut health = HealthClient::new(service.channel().await).watch(asked).await.unwrap().into_inner();
    assert_eq!(health.message().await.unwrap().unwrap().status, 1, "serving");
    let ended = tokio::task::spawn_blocking(move || service.stop());
    assert_eq!(health.message().await.unwrap().unwrap().status, 2, "not serving");
    drop(health);
    assert!(ended.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_ends_in_order_and_tells_watchers_to_resume() {
    let mut service = Service::start();
    let asked = WatchRecordsRequest { table: COURSES.into(), ..Default::default() };
    let mut stream = service.records().await.watch_records(with(READER, asked)).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    let told = tokio::spawn(async move {
        loop {
            if let Err(status) = stream.message().await {
                return status;
            }
        }
    });
    assert!(tokio::task::spawn_blocking(move || service.stop()).await.unwrap());
    assert_eq!(told.await.unwrap().code(), Code::Unavailable);
}
