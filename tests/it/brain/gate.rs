//! What every data call must carry.

use serde_json::{Value, json};
use xiaoshu::brain::{Brain, BrainConfig, CipherCode, Sm4KeyCut, TextCode, TokenHeader};

use super::client::{Answer, Letter, RESULTS, Rig, SUBMIT, account, query, row, sm3, sm4, submission};

fn plain() -> String {
    submission("T_A", &json!([row("k", "1")])).to_string()
}

#[tokio::test]
async fn the_crypto_values_of_the_standards_hold_in_this_client() {
    assert_eq!(sm3(&["abc"]), "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    let key: [u8; 16] = hex::decode("0123456789abcdeffedcba9876543210").unwrap().try_into().unwrap();
    assert!(hex::encode(sm4(&key, &key)).starts_with("681edf34d206965e86b3e94f536e4246"));
    assert_eq!(hex::encode(sm4(&key, "职业教育".as_bytes())), "d980eff9d7f9cc268835650ae4a688d5");
}

#[tokio::test]
async fn every_missing_or_wrong_part_is_refused_with_its_reason() {
    let rig = Rig::new(|c| c.accounts.push(account("school-b", "4190000002"))).await;
    let letter = || rig.client.letter(&plain());
    let late = |ms: i64| {
        let timestamps = (super::client::NOW + ms).to_string();
        let sign = sm3(&[&plain(), &timestamps, "aB3x"]);
        letter().with("timestamps", timestamps).with("sign", sign)
    };
    let sealed_with = |key: &[u8; 16]| Letter {
        body: json!({"cipherText": hex::encode(sm4(key, plain().as_bytes()))}).to_string(),
        ..letter()
    };
    let upper = letter().headers.iter().find(|(name, _)| name == "sign").unwrap().1.to_uppercase();
    let cases: Vec<(Letter, &str)> = vec![
        (letter().without("authorization"), "请求头中缺少Authorization"),
        (letter().with("authorization", "00"), "token无效，请重新获取"),
        (letter().with("authorization", format!("Bearer {}", rig.client.token)), "token无效，请重新获取"),
        (letter().without("app_key"), "请求头中缺少app_key"),
        (letter().with("app_key", "other"), "app_key未授权"),
        (letter().without("timestamps"), "请求头中缺少timestamps"),
        (letter().with("timestamps", "now"), "timestamps与国家标准时间相差超过30秒"),
        (late(30_001), "timestamps与国家标准时间相差超过30秒"),
        (late(-30_001), "timestamps与国家标准时间相差超过30秒"),
        (letter().without("sign"), "请求头中缺少sign"),
        (letter().with("sign", "00"), "sign签名不一致"),
        (letter().with("sign", upper), "sign签名不一致"),
        (letter().with("random", "zzzz"), "sign签名不一致"),
        (late(1).with("timestamps", super::client::NOW.to_string()), "sign签名不一致"),
        (sealed_with(b"another key 0123"), "cipherText解密失败"),
        (Letter { body: json!({"cipherText": "00"}).to_string(), ..letter() }, "cipherText解密失败"),
        (Letter { body: "{}".into(), ..letter() }, "缺少参数cipherText"),
        (Letter { body: "cipher".into(), ..letter() }, "请求体不是JSON"),
    ];
    for (letter, message) in cases {
        refused(rig.client.post(SUBMIT, letter).await.unwrap(), message);
    }
    for ms in [30_000, -30_000] {
        assert_eq!(rig.client.post(SUBMIT, late(ms)).await.unwrap().json()["returnCode"], "200");
    }
    assert_eq!(rig.brain.writes(None).await.unwrap().len(), 2);
}

fn refused(answer: Answer, message: &str) {
    let reply = answer.json();
    assert_eq!(answer.status, 200);
    assert_eq!(reply["returnMessage"], message, "{reply}");
    assert!(reply["returnCode"].is_string() && reply["returnCode"] != "200");
    assert_eq!((&reply["returnData"], &reply["returnCount"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn the_query_passes_the_same_gate() {
    let rig = Rig::new(|_| {}).await;
    let plain = query("", json!(1), json!(10)).to_string();
    let letter = || rig.client.letter(&plain);
    refused(rig.client.post(RESULTS, letter().without("app_key")).await.unwrap(), "请求头中缺少app_key");
    refused(rig.client.post(RESULTS, letter().with("sign", "00")).await.unwrap(), "sign签名不一致");
    assert_eq!(rig.client.post(RESULTS, letter()).await.unwrap().json()["returnCode"], "200");
}

#[tokio::test]
async fn a_refusal_may_show_in_the_status() {
    let rig = Rig::new(|c| c.refusal_status = true).await;
    let letter = || rig.client.letter(&plain());
    assert_eq!(rig.client.post(SUBMIT, letter().without("authorization")).await.unwrap().status, 401);
    assert_eq!(rig.client.post(SUBMIT, letter().without("sign")).await.unwrap().status, 403);
    assert_eq!(rig.client.post(SUBMIT, letter()).await.unwrap().status, 200);
}

#[tokio::test]
async fn only_listed_addresses_may_call() {
    for (listed, good) in [("203.0.113.9", false), ("127.0.0.1", true), ("::ffff:127.0.0.1", true)] {
        let rig = Rig::new(|c| c.accounts[0].white_list = vec![listed.parse().unwrap()]).await;
        let reply = rig.client.submit("T_A", json!([row("k", "1")])).await;
        assert_eq!(reply["returnCode"] == "200", good, "{reply}");
        assert_eq!(reply["returnMessage"] == "IP地址127.0.0.1不在白名单内", !good, "{reply}");
    }
}

#[tokio::test]
async fn a_token_lasts_as_long_as_the_reply_says() {
    let rig = Rig::new(|c| c.login.token_life_s = 299).await;
    rig.clock.advance(298_999);
    rig.client.submitted("T_A", json!([row("k", "1")])).await;
    rig.clock.advance(1);
    let reply = rig.client.submit("T_A", json!([row("k", "1")])).await;
    assert_eq!(reply["returnMessage"], "token已过期，请重新获取");
}

#[tokio::test]
async fn key_cut_token_header_and_spelling_of_cipher_and_sign_are_settings() {
    let mut rig = Rig::new(|c| {
        c.accounts[0].app_secret = xiaoshu::brain::Secret::new("xxxxMDEyMzQ1Njc4OWFiYyyy");
        c.gate.key_cut = Sm4KeyCut::Chars5To20;
        c.gate.cipher_code = CipherCode::Base64;
        c.gate.sign_upper = true;
        c.gate.token_header = TokenHeader::Bearer;
    })
    .await;
    rig.client.key = *b"MDEyMzQ1Njc4OWFi";
    let letter = rig.client.letter(&plain());
    let sign = letter.headers.iter().find(|(name, _)| name == "sign").unwrap().1.to_uppercase();
    let sealed = sm4(&rig.client.key, plain().as_bytes());
    let cipher = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sealed);
    let letter = Letter { body: json!({"cipherText": cipher}).to_string(), ..letter }
        .with("sign", sign)
        .with("authorization", format!("Bearer {}", rig.client.token));
    assert_eq!(rig.client.post(SUBMIT, letter).await.unwrap().json()["returnCode"], "200");
}

#[tokio::test]
async fn upper_case_hexadecimal_is_opened_too() {
    let rig = Rig::new(|_| {}).await;
    let letter = rig.client.letter(&plain());
    let cipher = hex::encode_upper(sm4(&rig.client.key, plain().as_bytes()));
    let letter = Letter { body: json!({"cipherText": cipher}).to_string(), ..letter };
    assert_eq!(rig.client.post(SUBMIT, letter).await.unwrap().json()["returnCode"], "200");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_the_start() {
    let base = super::client::config;
    let cases: Vec<(BrainConfig, &str)> = vec![
        (BrainConfig { accounts: vec![], ..base() }, "no account"),
        (BrainConfig { prefix: "api".into(), ..base() }, "prefix"),
        (BrainConfig { accounts: vec![account("a", ""), account("a", "")], ..base() }, "two accounts"),
        (
            BrainConfig { gate: xiaoshu::brain::GateConfig { key_code: TextCode::Hex, ..Default::default() }, ..base() },
            "16 bytes",
        ),
    ];
    for (config, text) in cases {
        let Err(error) = Brain::start(config).await else { panic!("started in spite of: {text}") };
        assert!(error.to_string().contains(text), "{error}");
    }
}
