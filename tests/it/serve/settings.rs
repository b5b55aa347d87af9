//! Faults of `[serve]`, found by `check` with their place and their remedy.

use xiaoshu::app::{self, CheckRequest, Context, Silent};
use xiaoshu::finding::Lang;

use super::service::furnish;

fn faults(change: impl FnOnce(String) -> String) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    furnish(dir.path(), change);
    let settings = dir.path().join("xiaoshu.toml");
    let context = Context { settings, data: None, schemas: None, lang: Lang::En, progress: &Silent };
    match app::check(&context, &CheckRequest { connect: true, upstream: false }) {
        Ok(answer) => {
            answer.faults.into_iter().map(|fault| format!("{}: {}; {}", fault.line, fault.what.en, fault.remedy.en)).collect()
        }
        Err(app::Failure::Settings(faults)) => {
            faults.into_iter().map(|fault| format!("{}: {}; {}", fault.line, fault.what.en, fault.remedy.en)).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn sound_settings_pass() {
    assert_eq!(faults(|text| text), Vec::<String>::new());
    let accepted = "listen = \"0.0.0.0:0\"\nplaintext = { by = \"张三\", date = \"2025-09-01\", reason = \"test\" }";
    assert_eq!(faults(|text| text.replace("listen = \"127.0.0.1:0\"", accepted)), Vec::<String>::new());
}

#[test]
fn every_fault_has_its_place_and_its_remedy() {
    for (from, to, line, words) in [
        ("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:50051\"", 14, "travel in the open"),
        ("listen = \"127.0.0.1:0\"", "listen = \"localhost\"", 14, "no IP address"),
        (
            "listen = \"127.0.0.1:0\"",
            "listen = \"127.0.0.1:0\"\ntls = { cert = \"no.pem\", key = \"vendor\" }",
            15,
            "there is no file",
        ),
        ("[\"status\"]", "[\"statuses\"]", 21, "status"),
        ("\"read:ODS_KCJBSJ\"", "\"read:ODS_KCJBSY\"", 19, "did you mean ODS_KCJBSJ"),
        ("[\"push:lms\"]", "[\"push:lmd\"]", 18, "did you mean lms"),
        ("push:lms/course", "push:lms/courses", 19, "did you mean course"),
        ("{ file = \"reader\" }", "{ file = \"vendor\" }", 19, "has the same token"),
        ("{ file = \"reader\" }", "\"plain-0123456789-abcdefgh\"", 19, "refer to it"),
        ("{ file = \"reader\" }", "{ file = \"nothing\" }", 19, "missing"),
        ("slow_seconds = 1", "slow_seconds = 0", 15, "less than 1"),
        ("slow_seconds = 1", "slow = 1", 15, "no setting named slow"),
    ] {
        let found = faults(|text| text.replacen(from, to, 1));
        let fits = |fault: &String| fault.starts_with(&format!("{line}: ")) && fault.contains(words);
        // The first object of a vendor's token may be shared: one fault at least says what it is.
        assert!(found.iter().any(fits), "{to}: {found:#?}");
        assert!(!found.iter().any(|fault| fault.contains("0123456789")), "a token is shown: {found:#?}");
    }
}

/// What only shows when the listener, or an upstream, is made.
#[test]
fn what_cannot_be_made_is_said_by_check() {
    let dir = tempfile::tempdir().unwrap();
    let authority = crate::authority::Authority::new();
    let path = |name: &str| dir.path().join(name);
    authority.issue("hub.example", &path("hub.pem"), &path("hub.key"));
    authority.issue("other.example", &path("other.pem"), &path("other.key"));
    let named = |name: &str| path(name).display().to_string();
    let serve = |cert: &str, key: &str| {
        format!("listen = \"127.0.0.1:0\"\ntls = {{ cert = \"{}\", key = \"{}\" }}", named(cert), named(key))
    };
    let upstream = |settings: &str| format!("[upstreams.region]\n{settings}\n\n[serve.grpc]");
    let grpc = |tls: &str| {
        upstream(&format!("kind = \"grpc\"\nurl = \"https://region.example\"\ntoken = {{ file = \"vendor\" }}\n{tls}"))
    };
    let kafka = |more: &str| upstream(&format!("kind = \"kafka\"\nbrokers = [\"k:9092\"]\n{more}"));
    let listen = "listen = \"127.0.0.1:0\"";
    std::fs::write(path("empty.pem"), "no certificate").unwrap();
    for (from, to, line, words) in [
        (listen, serve("hub.pem", "other.key"), 15, "cannot be used"),
        (listen, serve("empty.pem", "hub.key"), 15, "holds no certificate"),
        (
            listen,
            "listen = \"0.0.0.0:0\"\nplaintext = { by = \"x\", date = \"2025-13-01\", reason = \"y\" }".to_owned(),
            15,
            "date",
        ),
        ("[serve.grpc]", grpc("tls = { ca = \"nothing.pem\" }"), 17, "does not exist"),
        ("[serve.grpc]", grpc(&format!("tls = {{ ca = \"{}\" }}", named("empty.pem"))), 13, "holds no certificate"),
        ("[serve.grpc]", grpc(&format!("tls = {{ cert = \"{}\" }}", named("hub.pem"))), 13, "must be set together"),
        ("[serve.grpc]", kafka("security = \"plaintext\""), 13, "not encrypted"),
        ("[serve.grpc]", kafka("security = \"sasl_plain\"\ntls = false"), 13, "user and password"),
        ("[serve.grpc]", kafka("security = \"plaintext\"").replace("k:9092", "k"), 15, "brokers[0]"),
        (
            "[serve.grpc]",
            kafka("security = \"plaintext\"\nplaintext = { by = \"x\", date = \"2025-09-01\", reason = \"y\" }\nunsettled = 1"),
            13,
            "unsettled",
        ),
    ] {
        let found = faults(|text| text.replacen(from, &to, 1));
        let fits = |fault: &String| fault.starts_with(&format!("{line}: ")) && fault.contains(words);
        assert!(found.iter().any(fits), "{words}: {found:#?}");
        assert!(found.iter().all(|fault| fault.split("; ").count() > 1), "each has a remedy: {found:#?}");
    }
}
