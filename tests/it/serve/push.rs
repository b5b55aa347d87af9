//! Pushing: landed before it is answered, resent without harm, refused with reasons.

use tonic::Code;
use xiaoshu::wire::schoolhub::v1::{ListRecordsRequest, PushStreamRequest, PushStreamResponse};

use super::service::{COURSES, READER, Service, VENDOR, WHOLE, begin, course, courses, end, introduced, row, rows, with};

async fn listed(service: &Service) -> Vec<(String, u64, String)> {
    let asked = ListRecordsRequest { table: COURSES.into(), page_size: 1000, ..Default::default() };
    let page = service.records().await.list_records(with(READER, asked)).await.unwrap().into_inner();
    page.records.into_iter().map(|record| (record.key, record.seq, record.json)).collect()
}

/// A stream that is still open: what is sent, and what comes back.
struct Talk {
    say: tokio::sync::mpsc::Sender<PushStreamRequest>,
    hear: tonic::Streaming<PushStreamResponse>,
}

impl Talk {
    async fn open(service: &Service, producer: &str) -> Self {
        let (say, said) = tokio::sync::mpsc::channel(64);
        let first = introduced(producer, Vec::new()).remove(0);
        say.send(PushStreamRequest { item: Some(first) }).await.unwrap();
        let requests = tokio_stream::wrappers::ReceiverStream::new(said);
        let hear = service.ingest().await.push_stream(with(VENDOR, requests)).await.unwrap().into_inner();
        Self { say, hear }
    }

    async fn send(&self, item: xiaoshu::wire::schoolhub::v1::Item) {
        self.say.send(PushStreamRequest { item: Some(item) }).await.unwrap();
    }

    async fn answer(&mut self) -> PushStreamResponse {
        self.hear.message().await.unwrap().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_answered_has_landed_and_outlives_a_kill() {
    let mut service = Service::start();
    for round in 1..=3u64 {
        let mut talk = Talk::open(&service, "one").await;
        talk.send(courses(round, 0..20, &round.to_string())).await;
        let answer = talk.answer().await;
        assert_eq!((answer.position, answer.already_landed, answer.tables[0].changed), (round, false, 20));
        service = service.kill_and_restart();
        assert_eq!(service.position().await.position, round);
        let found = listed(&service).await;
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|(.., json)| json.contains(&format!("\"JXJHGDKSS\":{round}"))), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resend_after_a_kill_before_the_answer_changes_nothing() {
    let mut service = Service::start();
    let talk = Talk::open(&service, "one").await;
    talk.send(courses(1, 0..5, "16")).await;
    // The log tells of the landing; the answer is never read.
    service.wait_for("landed");
    service = service.kill_and_restart();
    let before = listed(&service).await;
    assert_eq!(before.len(), 5);
    let answer = service.push(vec![courses(1, 0..5, "99"), courses(2, 5..6, "16")]).await.unwrap();
    assert_eq!((answer.repeated_messages, answer.tables[0].read), (1, 1));
    let after = listed(&service).await;
    assert_eq!(&after[..5], &before[..], "the first message was passed over, whatever it holds now");
    assert_eq!(after.len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_rows_say_why_in_both_languages_and_keep_secrets() {
    let service = Service::start();
    let secret = "13900000000139000000001390000000013900000000";
    let projects = vec![
        row(&[("no", "K00001"), ("name", "项目"), ("leader", secret), ("year", "2024")]),
        row(&[("no", "K00002"), ("name", "项目"), ("leader", "T1"), ("year", "soon")]),
        row(&[("no", "K00003"), ("name", "项目"), ("leader", "T1"), ("year", "2024")]),
    ];
    let mut talk = Talk::open(&service, "one").await;
    talk.send(rows("project", 1, projects)).await;
    let answer = talk.answer().await;
    let refused: Vec<(u32, &str)> = answer.refusals.iter().map(|r| (r.row, r.violations[0].field.as_str())).collect();
    assert_eq!(refused, [(0, "FZRH"), (1, "LXND")]);
    assert!(!format!("{answer:?}").contains(secret));
    for refusal in &answer.refusals {
        let text = refusal.violations[0].text.as_ref().unwrap();
        assert!(text.zh.contains("应为") && text.en.contains("expected"), "{text:?}");
        assert_eq!((refusal.position, refusal.table.as_str()), (1, super::service::PROJECTS));
    }
    assert_eq!((answer.tables[0].changed, answer.tables[0].quarantined), (1, 2));
    // Mended rows land, and what waited is settled.
    let mended = vec![row(&[("no", "K00002"), ("name", "项目"), ("leader", "T1"), ("year", "2024")])];
    talk.send(rows("project", 2, mended)).await;
    assert_eq!(talk.answer().await.tables[0].changed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_versions_in_one_message_the_later_holds() {
    let service = Service::start();
    let versions = vec![course(1, "10"), course(2, "10"), course(1, "20"), course(1, "30"), course(2, "10")];
    let answer = service.push(vec![rows("course", 1, versions)]).await.unwrap();
    assert_eq!((answer.tables[0].read, answer.tables[0].quarantined), (5, 0));
    let found = listed(&service).await;
    assert!(found[0].2.contains("\"JXJHGDKSS\":30") && found[1].2.contains("\"JXJHGDKSS\":10"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_goes_over_cuts_and_deletes_what_it_did_not_hold() {
    let mut service = Service::start();
    service.push(vec![courses(1, 0..30, "16")]).await.unwrap();
    let cut = Talk::open(&service, "one").await;
    cut.send(begin(2)).await;
    cut.send(courses(3, 0..20, "16")).await;
    service.wait_for("read=20");
    service = service.kill_and_restart();
    let stand = service.position().await;
    assert_eq!((stand.position, stand.snapshot_under_way), (3, true));
    let mut other = Talk::open(&service, "two").await;
    other.send(courses(1, 40..41, "16")).await;
    assert_eq!(other.hear.message().await.unwrap_err().code(), Code::FailedPrecondition);
    let answer = service.push(vec![courses(3, 0..20, "16"), courses(4, 20..29, "17"), end(5)]).await.unwrap();
    assert_eq!((answer.repeated_messages, answer.tables[0].read, answer.tables[0].missing), (1, 9, 1));
    assert_eq!(answer.tables[0].deleted, 1);
    assert_eq!(listed(&service).await.len(), 29);
    let again = service.push(vec![end(6)]).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition, "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_are_wrong_are_refused_whole() {
    let service = Service::start();
    let many: Vec<_> = (0..1001).map(|n| course(n, "16")).collect();
    for (items, code, words) in [
        (vec![rows("course", 1, vec![row(&[("no", "K1"), ("hour", "1")])])], Code::InvalidArgument, "hour"),
        (vec![rows("course", 0, vec![course(1, "16")])], Code::InvalidArgument, "position"),
        (vec![rows("course", u64::MAX, vec![course(1, "16")])], Code::InvalidArgument, "position"),
        (vec![rows("course", 1, Vec::new())], Code::InvalidArgument, "empty"),
        (vec![rows("course", 1, many)], Code::InvalidArgument, "1000 rows"),
        (vec![rows("lesson", 1, vec![course(1, "16")])], Code::NotFound, "lesson"),
    ] {
        let status = service.push(items).await.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        assert!(status.message().contains(words), "{}", status.message());
    }
    assert_eq!(service.position().await.position, 0);
    assert_eq!(listed(&service).await, []);
    let everything = ListRecordsRequest { table: COURSES.into(), ..Default::default() };
    assert!(service.records().await.list_records(with(WHOLE, everything)).await.is_ok());
}
