//! Reading: pages, single records, watching.

use std::collections::{BTreeMap, HashSet};

use tonic::{Code, Streaming};
use xiaoshu::wire::schoolhub::v1::watch_records_response::Event;
use xiaoshu::wire::schoolhub::v1::{GetRecordRequest, ListRecordsRequest, WatchRecordsRequest, WatchRecordsResponse};

use super::service::{COURSES, PROJECTS, READER, Service, WHOLE, begin, courses, end, row, rows, with};

fn number(json: &str) -> u32 {
    json.split("\"KCH\":\"K").nth(1).unwrap()[..5].parse().unwrap()
}

async fn watch(service: &Service, after: &str) -> Streaming<WatchRecordsResponse> {
    let asked = WatchRecordsRequest { table: COURSES.into(), after_position: after.into(), ..Default::default() };
    service.records().await.watch_records(with(READER, asked)).await.unwrap().into_inner()
}

/// Records and tombstones up to the next time that everything was sent, with the last position.
async fn until_caught_up(stream: &mut Streaming<WatchRecordsResponse>) -> (Vec<(String, bool, String)>, String) {
    let mut seen = Vec::new();
    loop {
        let message = stream.message().await.unwrap().unwrap();
        match message.event.unwrap() {
            Event::Record(record) => seen.push((record.key, record.deleted, record.json)),
            Event::CaughtUp(_) => return (seen, message.position),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_sees_what_is_there_then_what_comes_and_goes() {
    let service = Service::start();
    service.push(vec![courses(1, 0..3, "16")]).await.unwrap();
    let mut stream = watch(&service, "").await;
    let (first, _) = until_caught_up(&mut stream).await;
    assert_eq!(first.iter().map(|(.., json)| number(json)).collect::<Vec<_>>(), [0, 1, 2]);
    service.push(vec![courses(2, 3..4, "16")]).await.unwrap();
    let (then, _) = until_caught_up(&mut stream).await;
    assert_eq!(then.iter().map(|(.., json)| number(json)).collect::<Vec<_>>(), [3]);
    service.push(vec![begin(3), courses(4, 1..4, "16"), end(5)]).await.unwrap();
    let mut gone = Vec::new();
    while gone.is_empty() {
        gone = until_caught_up(&mut stream).await.0;
    }
    assert_eq!(gone, [(first[0].0.clone(), true, String::new())]);
    // Who begins now need not hear of it.
    let (fresh, _) = until_caught_up(&mut watch(&service, "").await).await;
    assert_eq!(fresh.iter().map(|(.., json)| number(json)).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_goes_on_after_a_cut_without_loss_or_repeat() {
    let service = Service::start();
    service.push(vec![courses(1, 0..50, "16")]).await.unwrap();
    let (mut stream, mut position) = (watch(&service, "").await, String::new());
    let mut seen: Vec<u32> = Vec::new();
    // Cut in mid-stream, again and again, while more comes.
    for round in 0..10u32 {
        for _ in 0..5 {
            let message = stream.message().await.unwrap().unwrap();
            position = message.position;
            if let Event::Record(record) = message.event.unwrap() {
                seen.push(number(&record.json));
            }
        }
        service.push(vec![courses(u64::from(round) + 2, 50 + round..51 + round, "16")]).await.unwrap();
        stream = watch(&service, &position).await;
    }
    while seen.len() < 60 {
        if let Event::Record(record) = stream.message().await.unwrap().unwrap().event.unwrap() {
            seen.push(number(&record.json));
        }
    }
    assert_eq!(seen, (0..60).collect::<Vec<u32>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_goes_on_after_a_restart_of_the_service() {
    let mut service = Service::start();
    service.push(vec![courses(1, 0..4, "16")]).await.unwrap();
    let (first, position) = until_caught_up(&mut watch(&service, "").await).await;
    assert_eq!(first.len(), 4);
    // While nobody watches: one changes, one comes, one goes; then the service dies.
    let rest = [begin(2), courses(3, 0..1, "32"), courses(4, 1..2, "16"), courses(5, 3..5, "16"), end(6)];
    service.push(rest.into()).await.unwrap();
    service = service.kill_and_restart();
    let (then, _) = until_caught_up(&mut watch(&service, &position).await).await;
    let (gone, came): (Vec<_>, Vec<_>) = then.into_iter().partition(|(_, deleted, _)| *deleted);
    assert_eq!(came.iter().map(|(.., json)| number(json)).collect::<Vec<_>>(), [0, 4], "what changed and what came, no more");
    assert_eq!(gone, [(first[2].0.clone(), true, String::new())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_of_another_store_is_refused() {
    let service = Service::start();
    service.push(vec![courses(1, 0..2, "16")]).await.unwrap();
    let (_, position) = until_caught_up(&mut watch(&service, "").await).await;
    let (generation, seq) = position.split_once('.').unwrap();
    let ahead = format!("{generation}.{}", seq.parse::<u64>().unwrap() + 1);
    for (after, code) in [(ahead.as_str(), Code::OutOfRange), ("9.1", Code::OutOfRange), ("x", Code::InvalidArgument)] {
        let asked = WatchRecordsRequest { table: COURSES.into(), after_position: after.into(), ..Default::default() };
        let refused = service.records().await.watch_records(with(READER, asked)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{after}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_watcher_is_told_to_resume_and_little_waits_for_it() {
    // Several times what the windows of the connection and the queues of both sides hold.
    const ALL: u32 = 24_000;
    let service = Service::start();
    for part in 0..ALL / 1000 {
        let from = part * 1000;
        service.push(vec![courses(u64::from(part) + 1, from..from + 1000, "16")]).await.unwrap();
    }
    let mut stream = watch(&service, "").await;
    // Nothing is taken until the service has given up.
    service.wait_for("too slow");
    let (mut seen, mut position) = (HashSet::new(), String::new());
    let end = loop {
        match stream.message().await {
            Ok(Some(message)) => {
                position = message.position;
                if let Event::Record(record) = message.event.unwrap() {
                    assert!(seen.insert(record.key));
                }
            }
            other => break other,
        }
    };
    assert_eq!(end.unwrap_err().code(), Code::Aborted);
    assert!(seen.len() < ALL as usize / 2, "{} of {ALL} records were waiting", seen.len());
    let mut stream = watch(&service, &position).await;
    for (key, ..) in until_caught_up(&mut stream).await.0 {
        assert!(seen.insert(key), "sent twice");
    }
    assert_eq!(seen.len(), ALL as usize);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_token_survives_inserts_deletions_and_a_restart() {
    let mut service = Service::start();
    service.push(vec![courses(1, 100..160, "16")]).await.unwrap();
    let (mut seen, mut token): (BTreeMap<u32, u32>, _) = (BTreeMap::new(), String::new());
    for turn in 0.. {
        let asked = ListRecordsRequest { table: COURSES.into(), page_size: 7, page_token: token, ..Default::default() };
        let page = service.records().await.list_records(with(READER, asked)).await.unwrap().into_inner();
        assert!(page.records.len() <= 7);
        for record in &page.records {
            *seen.entry(number(&record.json)).or_default() += 1;
        }
        token = page.next_page_token;
        match turn {
            _ if token.is_empty() => break,
            0 => drop(service.push(vec![courses(2, 90..101, "16"), courses(3, 150..165, "16")]).await.unwrap()),
            // The last record of the page before goes.
            2 => {
                let rest = [begin(4), courses(5, 90..120, "16"), courses(6, 121..165, "16"), end(7)];
                service.push(rest.into()).await.unwrap();
            }
            3 => service = service.kill_and_restart(),
            _ => {}
        }
    }
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    let expected: Vec<u32> = (100..165).collect();
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), expected, "every record that stayed, and what came ahead of the page");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensitive_fields_come_with_their_scope_only() {
    let service = Service::start();
    let project = row(&[("no", "K00001"), ("name", "项目"), ("leader", "T0042"), ("year", "2024")]);
    service.push(vec![rows("project", 1, vec![project])]).await.unwrap();
    let whole = ListRecordsRequest { table: PROJECTS.into(), ..Default::default() };
    let page = service.records().await.list_records(with(WHOLE, whole.clone())).await.unwrap().into_inner();
    assert!(page.records[0].json.contains("\"FZRH\":\"T0042\"") && page.withheld_fields.is_empty());
    let named =
        GetRecordRequest { table: PROJECTS.into(), key: page.records[0].key.clone(), fields: vec!["FZRH".into(), "KCH".into()] };
    let one = service.records().await.get_record(with(WHOLE, named.clone())).await.unwrap().into_inner().record.unwrap();
    assert_eq!(one.json, r#"{"KCH":"K00001","FZRH":"T0042"}"#);

    let mut service = service;
    assert!(service.stop());
    let settings = service.dir.path().join("xiaoshu.toml");
    let text = std::fs::read_to_string(&settings).unwrap().replace(r#", "read_sensitive:ODS_KCJSSJ""#, "");
    std::fs::write(&settings, text).unwrap();
    let service = service.kill_and_restart();
    let page = service.records().await.list_records(with(WHOLE, whole)).await.unwrap().into_inner();
    assert!(page.withheld_fields.contains(&"FZRH".to_owned()), "{:?}", page.withheld_fields);
    assert!(page.records[0].json.contains("\"KCH\":\"K00001\"") && !page.records[0].json.contains("T0042"));
    let refused = service.records().await.get_record(with(WHOLE, named)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
}
