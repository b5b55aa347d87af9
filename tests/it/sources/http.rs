//! What only JSON interfaces promise.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use hmac::Mac;
use serde_json::{Value, json};
use xiaoshu::fault::{Classified, FaultClass};
use xiaoshu::source::{Position, SourceError};

use super::interface::{Call, Interface, Reply};
use super::{Configured, Reading, drain, some, table};

fn configured(interface: &Interface, more: Value) -> Configured<'static> {
    let mut settings = json!({
        "kind": "http", "url": interface.url(), "plain_http": { "by": "test", "date": "2025-09-01", "reason": "loopback" },
        "limits": { "attempts": 1, "timeout": 20 }, "answer": { "rows": "/rows" },
        "objects": { "list": { "path": "list" } },
    });
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    let schema: Value = serde_json::from_str(xiaoshu::source::connector("http").unwrap().settings_schema()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    assert!(validator.is_valid(&settings), "{:?}", validator.iter_errors(&settings).map(|e| e.to_string()).collect::<Vec<_>>());
    Configured { kind: "http", settings, base: Path::new("/") }
}

fn numbers(from: usize, to: usize) -> Vec<Value> {
    (from..to).map(|n| json!({ "n": n })).collect()
}

/// Reads the object `list` to its end, or to what stops it.
fn attempt(configured: &Configured<'_>) -> Result<(Reading, bool), SourceError> {
    let mut source = configured.open(&table("list"), None)?;
    let mut reading = Reading::default();
    while let Some(batch) = source.next_batch(3)? {
        reading.rows.extend((0..batch.len()).map(|row| vec![batch.cell(row, 0).map(str::to_owned)]));
    }
    Ok((reading, source.is_complete()))
}

fn count(configured: &Configured<'_>) -> usize {
    let (reading, _) = attempt(configured).unwrap();
    assert_eq!(reading.rows, (0..reading.rows.len()).map(|n| vec![some(&n.to_string())]).collect::<Vec<_>>());
    reading.rows.len()
}

fn class(result: Result<(Reading, bool), SourceError>) -> FaultClass {
    result.map(|_| ()).expect_err("refused").fault_class()
}

#[test]
fn every_kind_of_paging_gives_every_row_once() {
    let interface = Interface::start(|call| {
        let (from, size) = match call.path.as_str() {
            "/none" => (0, 10),
            "/page" => (call.number("p") * 4, 4),
            "/offset" => (call.number("skip"), call.number("take").min(3)),
            "/post" => (call.json()["paging"]["no"].as_u64().unwrap() as usize * 4, 4),
            "/form" => {
                assert_eq!(call.header("content-type"), Some("application/x-www-form-urlencoded"));
                (call.body.strip_prefix("p=").unwrap().parse::<usize>().unwrap() * 4, 4)
            }
            _ => (call.query.get("at").map_or(0, |at| at.parse().unwrap()), 4),
        };
        let (rows, next) = (numbers(from.min(10), (from + size).min(10)), from + size);
        let link = format!("{}?at={next}&x=1", call.path);
        let reply = json!({ "rows": rows, "next": if next < 10 { json!(next.to_string()) } else { Value::Null },
            "links": { "next": if next < 10 { json!(link) } else { Value::Null } }, "more": next < 10 });
        let reply = Reply::json(&reply);
        if call.path == "/header" && next < 10 { reply.with("link", format!("<{link}>; rel=\"next\"")) } else { reply }
    });
    for (path, object) in [
        ("none", json!({})),
        ("page", json!({ "paging": { "by": "page", "parameter": "p", "first": 0 } })),
        ("page", json!({ "paging": { "by": "page", "parameter": "p", "first": 0, "more": "/more" } })),
        ("offset", json!({ "paging": { "by": "offset", "parameter": "skip", "size_parameter": "take", "size": 4 } })),
        ("cursor", json!({ "paging": { "by": "cursor", "parameter": "at", "at": "/next" } })),
        ("header", json!({ "paging": { "by": "link" } })),
        ("links", json!({ "paging": { "by": "link", "at": "/links/next" } })),
        ("post", json!({ "method": "POST", "paging": { "by": "page", "parameter": "/paging/no", "first": 0 } })),
        ("form", json!({ "method": "POST", "send": "form", "paging": { "by": "page", "parameter": "p", "first": 0 } })),
    ] {
        let mut object = object;
        object["path"] = path.into();
        let configured = configured(&interface, json!({ "objects": { "list": object } }));
        assert_eq!(count(&configured), 10, "{object}");
        let mut source = configured.open(&table("list"), None).unwrap();
        let batch = source.next_batch(5).unwrap().unwrap();
        let rest = drain(&mut *configured.open(&table("list"), Some(batch.position())).unwrap(), 5);
        assert_eq!(rest.rows.len(), 5, "{object}: behind a position");
    }
}

#[test]
fn nested_fields_are_columns_and_gbk_is_read() {
    let interface = Interface::start(|_| {
        let (text, _, _) = encoding_rs::GBK.encode(
            r#"{"rows":[{"no":"0012","dept":{"name":"信息系"},"tags":["一",{"b":2}],"hours":3.10},{"no":"2","dept":null}]}"#,
        );
        Reply::Whole {
            status: 200,
            headers: vec![("content-type", "application/json;charset=GBK".into())],
            body: text.into_owned(),
        }
    });
    let reading = configured(&interface, json!({})).read(&table("list"));
    assert_eq!(reading.columns, ["no", "dept.name", "tags", "hours"]);
    assert_eq!(reading.rows[0], ["0012", "信息系", r#"["一",{"b":2}]"#, "3.10"].map(some));
    assert_eq!(reading.rows[1], [some("2"), None, None, None]);
    let wrong = configured(&interface, json!({ "charset": "utf-8" })).read(&table("list"));
    assert!(wrong.faults.iter().any(|(row, _, what)| *row == 0 && what.contains("U+FFFD")), "{:?}", wrong.faults);
}

#[test]
fn faults_of_the_line_are_told_apart_and_a_page_is_asked_for_again() {
    for (fault, expected) in [
        ("cut", FaultClass::Transient),
        ("hang", FaultClass::Transient),
        ("short", FaultClass::Transient),
        ("page", FaultClass::Data),
        ("noise", FaultClass::Data),
        ("shape", FaultClass::Data),
        ("long", FaultClass::Configuration),
        ("404", FaultClass::Configuration),
        ("302", FaultClass::Configuration),
        ("403", FaultClass::Credentials),
        ("429", FaultClass::Throttled),
        ("500", FaultClass::Transient),
        ("503", FaultClass::Transient),
    ] {
        let bad = AtomicUsize::new(1);
        let interface = Interface::start(move |_| {
            if bad.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
                return Reply::json(&json!({ "rows": numbers(0, 2) }));
            }
            match fault {
                "cut" => Reply::Cut("{\"rows\":[{\"n\":".into()),
                "hang" => Reply::Hang,
                "short" => Reply::text("{\"rows\":[{\"n\":"),
                "page" => Reply::text("<html>登录</html>"),
                "noise" => Reply::text("rows=1"),
                "shape" => Reply::text("{\"list\":[]}"),
                "long" => Reply::text(format!("{{\"rows\":[{{\"n\":\"{}\"}}]}}", "x".repeat(4096))),
                status => Reply::status(status.parse().unwrap()).with("location", "http://elsewhere/?secret=1"),
            }
        });
        let limits = |attempts: u32| json!({ "limits": { "attempts": attempts, "timeout": if fault == "hang" { 1 } else { 20 }, "body_bytes": 2048 } });
        let once = configured(&interface, limits(1));
        let error = attempt(&once).map(|_| ()).expect_err(fault);
        assert_eq!(error.fault_class(), expected, "{fault}: {error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        assert_eq!(count(&once), 2, "after {fault}");
        if matches!(fault, "cut" | "500") {
            let bad = AtomicUsize::new(2);
            let interface =
                Interface::start(move |_| match bad.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
                    Ok(_) => Reply::status(502),
                    Err(_) => Reply::json(&json!({ "rows": numbers(0, 2) })),
                });
            assert_eq!(count(&configured(&interface, limits(3))), 2, "{fault}");
            assert_eq!(interface.calls().len(), 3);
        }
    }
}

#[test]
fn a_server_that_wants_to_be_left_alone_is_left_alone() {
    let calls = AtomicUsize::new(0);
    let interface = Interface::start(move |call| match (call.path.as_str(), calls.fetch_add(1, Ordering::SeqCst)) {
        ("/list", 0) => Reply::status(429).with("retry-after", "1"),
        ("/list", _) => Reply::json(&json!({ "rows": numbers(0, 1) })),
        _ => Reply::status(503).with("retry-after", "3600"),
    });
    let began = std::time::Instant::now();
    assert_eq!(count(&configured(&interface, json!({ "limits": { "attempts": 2 } }))), 1);
    assert!(began.elapsed().as_millis() >= 1000);
    let longer = configured(&interface, json!({ "limits": { "attempts": 2 }, "objects": { "list": { "path": "busy" } } }));
    let error = attempt(&longer).map(|_| ()).expect_err("waits an hour");
    assert_eq!(error.fault_class(), FaultClass::Throttled);
    assert!(error.to_string().contains("3600 s"), "{error}");
}

#[test]
fn pages_that_lead_nowhere_are_no_endless_read() {
    let interface = Interface::start(|call| match call.path.as_str() {
        "/same" => Reply::json(&json!({ "rows": numbers(0, 3) })),
        "/circle" => {
            let at = call.number("c");
            Reply::json(&json!({ "rows": numbers(at, at + 1), "next": (at + 1) % 3 + 1 }))
        }
        _ => Reply::json(&json!({ "rows": numbers(0, 1), "next": "http://127.0.0.1:1/steal" })),
    });
    for (path, paging, said) in [
        ("same", json!({ "by": "page", "parameter": "p" }), "same rows"),
        ("circle", json!({ "by": "cursor", "parameter": "c", "at": "/next" }), "circle"),
        ("away", json!({ "by": "link", "at": "/next" }), "another server"),
    ] {
        let configured = configured(&interface, json!({ "objects": { "list": { "path": path, "paging": paging } } }));
        let error = attempt(&configured).map(|_| ()).expect_err(path);
        assert!(error.to_string().contains(said), "{error}");
    }
}

/// A list of ten from which a test takes, or into which it puts, while it is being read.
fn shifting(change: &'static str) -> Interface {
    let calls = AtomicUsize::new(0);
    Interface::start(move |call| {
        let nth = calls.fetch_add(1, Ordering::SeqCst);
        let mut all = numbers(0, 10);
        if nth > 0 {
            match change {
                "shrinks" => drop(all.remove(0)),
                "grows" => all.insert(0, json!({ "n": 99 })),
                // One goes at the front, one comes at the end: the count stays.
                "slides" => {
                    all.remove(0);
                    all.push(json!({ "n": 99 }));
                }
                _ => {}
            }
        }
        let from = call.number("o");
        let some: Vec<&Value> = all.iter().skip(from).take(4).collect();
        let total = if change == "lies" { 12 } else { all.len() };
        Reply::json(&json!({ "rows": some, "total": total }))
    })
}

#[test]
fn only_a_read_that_is_proven_counts_as_complete() {
    for (change, stable, twice) in [
        ("stays", true, true),
        ("shrinks", false, false),
        ("grows", false, false),
        ("slides", true, false),
        ("lies", false, false),
    ] {
        for (complete, expected) in [("never", false), ("stable", stable), ("twice", twice)] {
            let object = json!({ "path": "list", "complete": complete, "paging": { "by": "offset", "parameter": "o" } });
            let interface = shifting(change);
            let settings = json!({ "answer": { "rows": "/rows", "total": "/total" }, "objects": { "list": object } });
            let (_, found) = attempt(&configured(&interface, settings)).unwrap();
            assert_eq!(found, expected, "{change}, {complete}");
        }
    }
}

#[test]
fn where_pages_shifted_a_position_gives_everything_again() {
    let interface = shifting("slides");
    let object = json!({ "path": "list", "paging": { "by": "offset", "parameter": "o" } });
    let settings = json!({ "answer": { "rows": "/rows", "total": "/total" }, "objects": { "list": object } });
    let configured = configured(&interface, settings);
    let mut source = configured.open(&table("list"), None).unwrap();
    let batch = source.next_batch(3).unwrap().unwrap();
    let again = drain(&mut *configured.open(&table("list"), Some(batch.position())).unwrap(), 100);
    assert_eq!(again.rows.len(), 10);
}

#[test]
fn a_position_at_the_end_asks_only_for_what_changed() {
    let interface = Interface::start(|call| {
        let since = call.query.get("since").cloned().unwrap_or_default();
        let all = [("a", "2025-09-01 08:00:00"), ("b", "2025-09-02 09:00:00"), ("c", "2025-09-01 12:00:00")];
        let rows: Vec<Value> = all.iter().filter(|(_, t)| **t >= *since).map(|(no, t)| json!({ "no": no, "t": t })).collect();
        Reply::json(&json!({ "rows": rows }))
    });
    let object =
        json!({ "path": "list", "complete": "stable", "incremental": { "parameter": "since", "column": "t", "overlap": 60 } });
    let configured = configured(&interface, json!({ "objects": { "list": object } }));
    let read = |resume: Option<&Position>| {
        let mut source = configured.open(&table("list"), resume).unwrap();
        let mut last = None;
        let mut rows = 0;
        while let Some(batch) = source.next_batch(2).unwrap() {
            rows += batch.len();
            last = Some(batch.position().clone());
        }
        (rows, last, source.is_complete())
    };
    let (rows, last, complete) = read(None);
    assert_eq!((rows, complete), (3, true));
    let (rows, again, complete) = read(last.as_ref());
    assert_eq!((rows, complete), (1, false), "what changed is not everything");
    assert_eq!(interface.calls().last().unwrap().query["since"], "2025-09-02 08:59:00");
    assert_eq!(read(again.as_ref()).0, 1);
}

#[test]
fn an_answer_s_own_word_counts_and_secrets_stay_secret() {
    let interface = Interface::start(|call| {
        let token = call.query.get("access_token").cloned().unwrap_or_default();
        Reply::json(&json!({ "code": 40014, "msg": format!("invalid token {token}") }))
    });
    let settings = |classes: Value| {
        let mut answer = json!({ "rows": "/rows", "success": { "at": "/code", "is": ["0"] }, "message": "/msg" });
        answer.as_object_mut().unwrap().extend(classes.as_object().unwrap().clone());
        json!({ "answer": answer, "auth": { "by": "token", "token": "hunter2-token", "parameter": "access_token" } })
    };
    for (classes, expected) in [
        (json!({}), FaultClass::Configuration),
        (json!({ "credentials": ["40014"] }), FaultClass::Credentials),
        (json!({ "throttled": ["40014"] }), FaultClass::Throttled),
        (json!({ "transient": ["40014"] }), FaultClass::Transient),
    ] {
        let error = attempt(&configured(&interface, settings(classes))).map(|_| ()).expect_err("refused");
        assert_eq!(error.fault_class(), expected);
        assert!(error.to_string().contains("40014"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let gone = configured(&interface, json!({ "url": "http://127.0.0.1:1/x?access_token=hunter2" }));
    let error = attempt(&gone).map(|_| ()).expect_err("gone");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_token_is_fetched_once_renewed_when_it_ends_and_when_it_is_refused() {
    let given = AtomicUsize::new(0);
    let interface = Interface::start(move |call: &Call| {
        if call.path == "/token" {
            assert_eq!(call.method, "POST");
            assert_eq!(call.body, "grant_type=client_credentials&client_id=hub&client_secret=s%26x");
            let nth = given.fetch_add(1, Ordering::SeqCst);
            return Reply::json(&json!({ "access_token": format!("t{nth}"), "expires_in": 3600 }));
        }
        // The first token is forgotten half-way.
        let page = call.number("p");
        match call.header("authorization") {
            Some("Bearer t0") if page < 2 => {}
            Some("Bearer t1") => {}
            _ => return Reply::status(401),
        }
        Reply::json(&json!({ "rows": numbers((page - 1) * 2, (page * 2).min(6)) }))
    });
    let auth = json!({ "by": "client", "url": format!("{}/token", interface.url()), "client_id": "hub", "client_secret": "s&x" });
    let paging = json!({ "by": "page", "parameter": "p" });
    let settings = json!({ "auth": auth, "objects": { "list": { "path": "list", "paging": paging } } });
    assert_eq!(count(&configured(&interface, settings.clone())), 6);
    assert_eq!(interface.calls().iter().filter(|call| call.path == "/token").count(), 2);
    // A token that was refused twice is a matter of the account.
    let mut wrong = settings.clone();
    wrong["auth"]["client_secret"] = "s&x".into();
    assert_eq!(class(attempt(&configured(&interface, wrong))), FaultClass::Credentials);
    // A life that has run out by the next request.
    let nth = AtomicUsize::new(0);
    let short = Interface::start(move |call| match call.path.as_str() {
        "/token" => Reply::json(&json!({ "access_token": format!("t{}", nth.fetch_add(1, Ordering::SeqCst)), "expires_in": 0 })),
        _ => Reply::json(&json!({ "rows": numbers((call.number("p") - 1) * 2, (call.number("p") * 2).min(4)) })),
    });
    let mut settings = settings;
    settings["auth"]["url"] = format!("{}/token", short.url()).into();
    assert_eq!(count(&configured(&short, settings)), 4);
    let used: Vec<String> = short.calls().iter().filter_map(|call| call.header("authorization").map(str::to_owned)).collect();
    assert_eq!(used, ["Bearer t0", "Bearer t1", "Bearer t2"]);
}

#[test]
fn signed_requests_are_signed_over_what_arrives() {
    let interface = Interface::start(|call| {
        let (time, nonce) = (call.header("x-time").unwrap(), call.header("x-nonce").unwrap());
        let text = format!("{}\n{}\n{}\n{time}\n{nonce}", call.method, call.path, call.raw_query);
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"k3y").unwrap();
        mac.update(text.as_bytes());
        let signed = hex::encode(mac.finalize().into_bytes());
        if call.header("x-sign") == Some(&signed) { Reply::json(&json!({ "rows": numbers(0, 1) })) } else { Reply::status(401) }
    });
    let auth = json!({
        "by": "sign", "algorithm": "hmac-sha256", "secret": "k3y",
        "text": "{method}\n{path}\n{params}\n{timestamp}\n{nonce}",
        "headers": { "X-Time": "{timestamp}", "X-Nonce": "{nonce}", "X-Sign": "{signature}" },
    });
    let object = json!({ "path": "list", "parameters": { "name": "张 三&", "all": true, "n": 5 } });
    let settings = json!({ "auth": auth, "objects": { "list": object } });
    assert_eq!(count(&configured(&interface, settings.clone())), 1);
    let calls = interface.calls();
    assert_eq!(calls[0].query["name"], "张 三&");
    let mut wrong = settings;
    wrong["auth"]["secret"] = "other".into();
    assert_eq!(class(attempt(&configured(&interface, wrong))), FaultClass::Credentials);
}

#[test]
fn the_pace_is_kept() {
    let interface = Interface::start(|call| {
        let page = call.number("p");
        Reply::json(&json!({ "rows": numbers((page - 1) * 2, (page * 2).min(6)) }))
    });
    let object = json!({ "path": "list", "paging": { "by": "page", "parameter": "p" } });
    let settings = json!({ "limits": { "requests_per_second": 20 }, "objects": { "list": object } });
    let began = std::time::Instant::now();
    assert_eq!(count(&configured(&interface, settings)), 6);
    assert!(began.elapsed().as_millis() >= 150, "four requests in {:?}", began.elapsed());
}
