//! Every point that the standard leaves open is a setting: each pair of them works together, and wrong ones are named.

use serde_json::{Value, json};
use xiaoshu::brain::{
    BrainConfig, Call, LoginParameters, LoginStyle, PageStyle, ResultsBody, RsaPadding, Secret, Sm4KeyCut, TokenHeader, ZoneStyle,
};
use xiaoshu::report::digital_base::Settings;

use super::harness::{World, platform};

const TABLE: &str = "ODS_KCJBSJ";

type Set = (&'static str, Value);

async fn works(what: &str, brain: impl FnOnce(&mut BrainConfig), settings: &[Set]) {
    let mut config = platform();
    brain(&mut config);
    let mut world = World::new(&[TABLE], config).await;
    for (pointer, value) in settings {
        let (parent, _) = pointer.rsplit_once('/').unwrap();
        if !parent.is_empty() && world.settings.pointer(parent).is_none() {
            world.set(parent, json!({}));
        }
        world.set(pointer, value.clone());
    }
    world.land(TABLE, 0..6, &[]).await;
    let report = world.reporter().await.drain().await.unwrap();
    assert!(report.is_settled(), "{what}: {report:?}");
    assert_eq!(world.stock(TABLE).await.stored, 6, "{what}");
    assert_eq!(world.brain.calls(Call::Submit).refused, 0, "{what}");
    world.balanced().await;
}

#[tokio::test]
async fn rsa_logins_of_either_padding_and_every_form() {
    for (padding, p) in [(RsaPadding::OaepSha256, "oaep_sha256"), (RsaPadding::Pkcs1V15, "pkcs1v15")] {
        for (parameters, f) in [(LoginParameters::Form, "form"), (LoginParameters::Raw, "raw"), (LoginParameters::Json, "json")] {
            works(
                &format!("{p} {f}"),
                |c| {
                    c.login.style = LoginStyle::Rsa;
                    c.login.padding = padding;
                    c.login.parameters = parameters;
                    c.login.rsa_bits = 1024;
                },
                &[("/login/style", json!("rsa")), ("/login/padding", json!(p)), ("/login/parameters", json!(f))],
            )
            .await;
        }
    }
}

#[tokio::test]
async fn points_left_open() {
    works("no prefix", |c| c.prefix = String::new(), &[("/prefix", json!(""))]).await;
    works(
        "camel case, app_key in the reply",
        |c| {
            c.login.camel_case = true;
            c.login.app_key_in_reply = true;
        },
        &[],
    )
    .await;
    works("bearer", |c| c.gate.token_header = TokenHeader::Bearer, &[("/headers/bearer", json!(true))]).await;
    works("upper case", |c| c.gate.sign_upper = true, &[("/seal/upper", json!(true))]).await;
    works("base64", |c| c.gate.cipher_code = xiaoshu::brain::CipherCode::Base64, &[("/seal/output", json!("base64"))]).await;
    works(
        "key cut, app_key from the settings",
        |c| {
            c.gate.key_cut = Sm4KeyCut::Chars5To20;
            c.accounts[0].app_secret = Secret::new("abcd0123456789abcdefwxyz");
            c.accounts[0].app_key = Secret::new("12345678");
        },
        &[("/seal/key_cut", json!("chars_5_20")), ("/seal/app_key", json!({"from": "setting", "value": "12345678"}))],
    )
    .await;
    works(
        "form query, pages as texts, newest first, no zone",
        |c| {
            c.results.body = ResultsBody::Form;
            c.results.pages = PageStyle::Text;
            c.results.newest_first = true;
            c.results.zone = ZoneStyle::Absent;
            c.results.count_total = true;
        },
        &[("/query/body", json!("form")), ("/query/page_numbers", json!("string")), ("/query/limit", json!(1))],
    )
    .await;
    works("compact zone, one result a page whatever is asked", |c| c.results.zone = ZoneStyle::Compact, &[]).await;
    works("refresh", |c| c.login.token_life_s = 1, &[("/login/refresh", json!(true))]).await;
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_tried_again_and_again() {
    let mut world = World::new(&[TABLE], platform()).await;
    world.set("/password", json!("not it"));
    world.land(TABLE, 0..2, &[]).await;
    let report = world.reporter().await.drain().await.unwrap();
    let stopped = report.upstreams[0].stopped.clone().unwrap();
    assert!(!stopped.zh.contains("not it") && !stopped.en.contains("not it"));
    assert_eq!(world.brain.calls(Call::Login).count, 1, "{stopped:?}");
    assert_eq!(world.brain.calls(Call::Submit).count, 0);
}

#[tokio::test]
async fn a_login_in_another_padding_is_said_to_be_about_the_rsa_settings() {
    let mut config = platform();
    config.login.style = LoginStyle::Rsa;
    config.login.padding = RsaPadding::OaepSha256;
    config.login.rsa_bits = 1024;
    let mut world = World::new(&[TABLE], config).await;
    world.set("/login/style", json!("rsa"));
    world.set("/login/padding", json!("pkcs1v15"));
    world.land(TABLE, 0..2, &[]).await;
    let report = world.reporter().await.drain().await.unwrap();
    let stopped = report.upstreams[0].stopped.clone().unwrap();
    for words in [&stopped.zh, &stopped.en] {
        assert!(words.contains("login.padding") && words.contains("login.rsa_key"), "{words}");
        assert!(!words.contains("seal.key_cut"), "{words}");
    }
    assert_eq!(world.brain.calls(Call::Submit).count, 0);
}

#[tokio::test]
async fn a_platform_that_is_not_there_is_given_time_and_then_left() {
    let mut world = World::new(&[TABLE], platform()).await;
    world.set("/base_url", json!("http://127.0.0.1:9"));
    world.land(TABLE, 0..2, &[]).await;
    let report = world.reporter().await.drain().await.unwrap();
    assert!(report.upstreams[0].stopped.is_some());
    let stock = world.stock(TABLE).await;
    assert_eq!(stock.stored + stock.in_flight, 0, "{stock:?}");
    world.balanced().await;
}

#[test]
fn settings_that_cannot_be_used_say_how_to_mend_them() {
    let good = json!({"kind": "digital_base", "base_url": "https://example.org:8443", "username": "u", "password": "p"});
    Settings::read(&good).unwrap();
    let cases: [(&str, Value, &str); 5] = [
        ("base_url", json!("http://10.0.0.1:80"), "plain_http"),
        ("base_url", json!("ftp://10.0.0.1"), "scheme"),
        ("base_url", json!("somewhere"), "base_url"),
        ("rows", json!({"batch_rows": 0}), "batch_rows"),
        ("surprise", json!(1), "surprise"),
    ];
    for (name, value, word) in cases {
        let mut bad = good.clone();
        bad[name] = value;
        let text = Settings::read(&bad).unwrap_err();
        assert!(text.en.contains(word), "{text:?}");
    }
}

#[test]
fn the_schema_takes_what_the_settings_take_and_secrets_never_print() {
    let kind = xiaoshu::report::kind("digital_base").unwrap();
    let schema: Value = serde_json::from_str(kind.settings_schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut whole = json!({
        "kind": "digital_base", "base_url": "http://10.0.0.1", "prefix": "", "username": "someone", "password": "hunter2",
        "client_id": "2",
        "login": {"style": "plain", "padding": "pkcs1v15", "parameters": "json", "refresh": true, "margin": "5s"},
        "seal": {"key_cut": "chars_5_20", "key_code": "hex", "output": "base64", "upper": true,
                 "app_key": {"from": "reply", "otherwise": "k3y"}},
        "headers": {"bearer": true}, "paths": {"token": "/t"},
        "rows": {"batch_rows": 10, "nulls": "omit", "numbers": "string", "date_separator": "-", "date_times": "joined",
                 "seal": {"*": {"method": "sm4", "key": "0123456789abcdef"}}, "mask": ["BZ"]},
        "query": {"body": "form", "page_numbers": "string", "limit": 5},
        "network": {"bind": "127.0.0.1", "timeout": "5s"},
        "plain_http": {"by": "a", "date": "2026-01-01", "reason": "b"}, "correct_clock": false,
        "delivery": {"ramp": "canary", "verdict_delay": "30m", "num_base": "one",
                     "gate": {"hours": {"from": "08:00", "to": "22:00"}}}
    });
    let errors: Vec<String> = validator.iter_errors(&whole).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let settings = Settings::read(&whole).unwrap();
    let upstream = xiaoshu::report::UpstreamConfig::from_value(&whole).unwrap();
    let printed = format!("{settings:?} {upstream:?}");
    for secret in ["hunter2", "k3y", "0123456789abcdef", "someone"] {
        assert!(!printed.contains(secret), "{secret}");
    }
    whole["rows"]["nulls"] = json!("maybe");
    assert!(!validator.is_valid(&whole));
    assert!(Settings::read(&whole).is_err());
}
