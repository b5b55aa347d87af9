//! What `status` says of the upstreams: comparisons with the platform, troubles, warnings; from the store, after the service has ended.

use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use xiaoshu::finding::Text;
use xiaoshu::store::postgres::PostgresStore;
use xiaoshu::store::sqlite::{SqliteOptions, SqliteStore};
use xiaoshu::store::{Compared, Comparison, Grant, LeaseTerms, Leased, Notice, NoticeKind, RampStep, Store};

use super::school::{self, MORNING, School};

const REGION: &str = "\n[upstreams.region]\nkind = \"grpc\"\nurl = \"https://region.example\"\ntoken = { file = \"password\" }\n";
const HOUR: i64 = 3_600_000;

/// What the service would write down, written by hand.
async fn told(store: Arc<dyn Store>) {
    let feed = store.table_rows().await.expect("feeds").into_iter().find(|row| row.table == "ODS_KCJBSJ").expect("courses").feed;
    let region = store.open_upstream("region").await.expect("an upstream");
    let terms = LeaseTerms { ttl: std::time::Duration::from_secs(600), grace: std::time::Duration::ZERO };
    let grant = store.acquire(&Leased::Upstream("region".into()), terms).await.expect("a lease");
    assert!(matches!(grant, Grant::Ours(_)));
    store.attach(region, feed, RampStep::Open).await.expect("attached");
    let comparison = |at, outcome| Comparison { at, position: 77, records: 6, foreign: 1, outcome };
    for (at, outcome) in [(MORNING, Compared::Differing(2)), (MORNING + HOUR, Compared::Equal)] {
        store.compared(region, feed, &comparison(at, outcome), &[]).await.expect("noted");
    }
    let text = |word: &str| Text::new(format!("{word} 中文"), format!("{word} English"));
    let notice = |kind, feed, word| Notice { kind, feed, text: text(word), since: MORNING, until: None };
    let trouble = Notice { until: Some(MORNING + HOUR), ..notice(NoticeKind::Trouble, None, "unreachable") };
    let notices = [trouble, notice(NoticeKind::Stopped, Some(feed), "lost"), notice(NoticeKind::Warning, None, "newer")];
    store.note(region, &notices).await.expect("noted");
    // Of an upstream that is in the settings no more nothing is said.
    let gone = store.open_upstream("gone").await.expect("an upstream");
    store.acquire(&Leased::Upstream("gone".into()), terms).await.expect("a lease");
    store.note(gone, &[notice(NoticeKind::Warning, None, "stale")]).await.expect("noted");
}

fn status(school: &School, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xiaoshu"));
    command.args(["status", "--settings"]).arg(school.path("xiaoshu.toml")).args(args);
    String::from_utf8(command.output().expect("the program").stdout).expect("UTF-8")
}

fn shows(school: &School) {
    let answer: Value = serde_json::from_str(&status(school, &["--json"])).expect("JSON");
    let courses = answer["tables"].as_array().expect("tables").iter().find(|t| t["table"] == "ODS_KCJBSJ").expect("courses");
    let of = |name: &str| {
        courses["upstreams"].as_array().expect("upstreams").iter().find(|u| u["upstream"] == name).expect("one")["compared"]
            .clone()
    };
    assert_eq!(
        of("region"),
        json!({
            "outcome": "equal", "at": "2024-11-20 11:00", "position": 77, "records": 6, "differing": 0, "foreign": 1,
            "why": null, "last_equal": "2024-11-20 11:00", "last_differing": ["2024-11-20 10:00", 2],
        })
    );
    assert_eq!((&of("moe")["outcome"], &of("moe")["at"]), (&json!("not_comparable"), &Value::Null));
    let notices = answer["notices"].as_array().expect("notices");
    let kinds: Vec<_> = notices.iter().map(|n| (n["kind"].as_str().expect("a kind"), n["table"].as_str())).collect();
    assert_eq!(kinds, [("trouble", None), ("stopped", Some("ODS_KCJBSJ")), ("warning", None)]);
    assert_eq!((&notices[0]["since"], &notices[0]["until"]), (&json!("2024-11-20 10:00"), &json!("2024-11-20 11:00:00")));

    let zh = status(school, &["--lang", "zh"]);
    for words in [
        "与平台核对",
        "一致",
        "无法核对：",
        "没有回读",
        "需要留意",
        "故障（自动重试）",
        "unreachable 中文",
        "下次重试： 2024-11-20 11:00:00",
    ] {
        assert!(zh.contains(words), "{words}: {zh}");
    }
    let en = status(school, &["--lang", "en"]);
    for words in
        ["Compared with the platform", "2 differed at 2024-11-20 10:00", "no read-back", "to be looked at", "lost English"]
    {
        assert!(en.contains(words), "{words}: {en}");
    }
    assert!(!zh.contains("stale") && !en.contains("stale"));
}

#[test]
fn comparisons_and_notices_are_shown_after_the_service_has_ended() {
    let school = School::new(6, 0);
    school.round();
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    school.write("xiaoshu.toml", &format!("{settings}{REGION}"));
    school.runtime.block_on(async {
        let store = SqliteStore::open(&school.path("data"), SqliteOptions::default()).await.expect("the store");
        told(Arc::new(store)).await;
    });
    shows(&school);
}

#[test]
fn they_are_shown_out_of_postgres_too() {
    let school = School::new(6, 0);
    let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
    school.write("xiaoshu.toml", &format!("[data]\ndir = \"data\"\n\n{settings}"));
    let folder = school.path("xiaoshu.toml");
    let options = school::keep_in_postgres(folder.parent().expect("a folder"));
    school.round();
    let settings = std::fs::read_to_string(&folder).expect("read");
    school.write("xiaoshu.toml", &format!("{settings}{REGION}"));
    school.runtime.block_on(async {
        let store = PostgresStore::open(options).await.expect("the store");
        told(Arc::new(store)).await;
    });
    shows(&school);
}
