//! Token calls.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPublicKey};
use serde_json::{Value, json};
use sha2::Sha256;
use xiaoshu::brain::{LoginParameters, LoginStyle, RsaPadding};

use super::client::{LOGIN, NOW, REFRESH, RSA, Rig, encoded, row};

#[tokio::test]
async fn a_plain_login_answers_as_printed() {
    let rig = Rig::logged_out(|_| {}).await;
    let reply = rig.client.form(LOGIN, &rig.client.login_fields()).await;
    assert_eq!((&reply["code"], &reply["msg"]), (&json!(200), &json!("ok")));
    let names: Vec<&String> = reply["data"].as_object().unwrap().keys().collect();
    let printed = [
        "access_token",
        "refresh_token",
        "expires_in",
        "refresh_expires_in",
        "client_id",
        "scope",
        "openid",
        "client_secret",
        "app_secret",
    ];
    assert_eq!(names, printed);
    let data = &reply["data"];
    assert_eq!((&data["expires_in"], &data["refresh_expires_in"]), (&json!(7199), &json!(2_591_999)));
    assert_eq!((&data["client_secret"], &data["app_secret"]), (&json!("the client secret"), &json!("fedcba9876543210")));
}

#[tokio::test]
async fn replies_in_camel_case_and_with_app_key_are_settings() {
    let rig = Rig::logged_out(|c| {
        c.login.camel_case = true;
        c.login.app_key_in_reply = true;
        c.login.token_life_s = 299;
    })
    .await;
    let data = rig.client.form(LOGIN, &rig.client.login_fields()).await["data"].clone();
    assert_eq!((&data["expiresIn"], &data["appKey"], &data["clientId"]), (&json!(299), &json!("appkey01"), &json!("1")));
    assert!(data["accessToken"].is_string() && data["refreshExpiresIn"].is_number() && data.get("access_token").is_none());
}

#[tokio::test]
async fn wrong_logins_are_told_why() {
    let rig = Rig::logged_out(|_| {}).await;
    let good = rig.client.login_fields();
    let with = |at: usize, value: &'static str| {
        let mut fields = good;
        fields[at].1 = value;
        fields
    };
    let cases = [
        (with(0, "client_credentials"), "不支持的grant_type"),
        (with(1, "7"), "客户端认证失败"),
        (with(2, "nobody"), "用户名或密码错误"),
        (with(3, "wrong"), "用户名或密码错误"),
        (with(3, ""), "缺少参数password"),
    ];
    for (fields, message) in cases {
        let reply = rig.client.form(LOGIN, &fields).await;
        assert_eq!(reply["msg"], message);
        assert!(reply["code"].is_number() && reply["code"] != 200 && reply["data"].is_null(), "{reply}");
    }
    let answer = rig.client.send(Method::POST, LOGIN, &[], "{}".into()).await.unwrap();
    assert_eq!(answer.json()["msg"], "请求体不是表单");
}

#[tokio::test]
async fn refresh_gives_new_tokens_and_names_no_secret() {
    let mut rig = Rig::logged_out(|c| c.login.token_life_s = 299).await;
    let first = rig.client.form(LOGIN, &rig.client.login_fields()).await["data"].clone();
    let fields = |token: &Value, secret: &'static str| {
        [
            ("grant_type", "refresh_token".to_owned()),
            ("client_id", "1".into()),
            ("client_secret", secret.into()),
            ("refresh_token", token.as_str().unwrap().into()),
        ]
    };
    rig.client.token = first["access_token"].as_str().unwrap().into();
    rig.clock.advance(299_000);
    assert_eq!(rig.client.submit("T_A", json!([row("k", "1")])).await["returnMessage"], "token已过期，请重新获取");

    let refresh =
        async |fields: [(&str, String); 4]| rig.client.form(REFRESH, &fields.each_ref().map(|(n, v)| (*n, v.as_str()))).await;
    let wrong = refresh(fields(&first["refresh_token"], "another secret")).await;
    assert_eq!(wrong["msg"], "客户端认证失败");
    let second = refresh(fields(&first["refresh_token"], "the client secret")).await;
    assert_eq!(second["code"], 200, "{second}");
    assert!(second["data"].get("app_secret").is_none() && second["data"].get("client_secret").is_none());
    let again = refresh(fields(&first["refresh_token"], "the client secret")).await;
    assert_eq!(again["msg"], "refresh_token无效或已过期，请重新登录", "a refresh token is good once");

    rig.client.token = second["data"]["access_token"].as_str().unwrap().into();
    rig.client.submitted("T_A", json!([row("k", "1")])).await;
}

#[tokio::test]
async fn a_refresh_token_has_a_life_of_its_own() {
    let rig = Rig::logged_out(|c| c.login.refresh_life_s = 600).await;
    let data = rig.client.form(LOGIN, &rig.client.login_fields()).await["data"].clone();
    rig.clock.set(NOW + 600_000);
    let token = data["refresh_token"].as_str().unwrap();
    let fields =
        [("grant_type", "refresh_token"), ("client_id", "1"), ("client_secret", "the client secret"), ("refresh_token", token)];
    assert_eq!(rig.client.form(REFRESH, &fields).await["msg"], "refresh_token无效或已过期，请重新登录");
}

#[tokio::test]
async fn a_new_login_ends_earlier_tokens_only_where_set() {
    for (single, message) in [(false, Value::Null), (true, json!("token无效，请重新获取"))] {
        let rig = Rig::new(|c| c.login.single_session = single).await;
        rig.client.form(LOGIN, &rig.client.login_fields()).await;
        let reply = rig.client.submit("T_A", json!([row("k", "1")])).await;
        assert_eq!(reply["returnCode"] != "200", single, "{reply}");
        if single {
            assert_eq!(reply["returnMessage"], message);
        }
    }
}

async fn public_key(rig: &Rig) -> RsaPublicKey {
    let reply = rig.client.send(Method::GET, RSA, &[], String::new()).await.unwrap().json();
    assert_eq!(reply["returnCode"], "200");
    let der = STANDARD.decode(reply["returnData"].as_str().unwrap()).unwrap();
    RsaPublicKey::from_public_key_der(&der).unwrap()
}

fn wrapped(key: &RsaPublicKey, padding: RsaPadding, plain: &str) -> String {
    let overhead = if padding == RsaPadding::OaepSha256 { 66 } else { 11 };
    let mut out = Vec::new();
    for part in plain.as_bytes().chunks(key.size() - overhead) {
        let rng = &mut rsa::rand_core::OsRng;
        let block = match padding {
            RsaPadding::OaepSha256 => key.encrypt(rng, Oaep::new::<Sha256>(), part),
            RsaPadding::Pkcs1V15 => key.encrypt(rng, Pkcs1v15Encrypt, part),
        };
        out.extend(block.unwrap());
    }
    STANDARD.encode(out)
}

#[tokio::test]
async fn a_login_sealed_with_rsa_is_opened_in_both_paddings_and_all_forms() {
    let raw = "grant_type=password&client_id=1&username=school-a&password=abc";
    for padding in [RsaPadding::OaepSha256, RsaPadding::Pkcs1V15] {
        let rig = Rig::logged_out(|c| {
            c.login.padding = padding;
            c.login.style = LoginStyle::Rsa;
            // Small, so that long parameters take several blocks; and quickly made.
            c.login.rsa_bits = 1024;
        })
        .await;
        let key = public_key(&rig).await;
        let fields = rig.client.login_fields();
        let json =
            json!({"grant_type": "password", "client_id": "1", "username": "school-a", "password": "a+b&c=d%25"}).to_string();
        for plain in [encoded(&fields), json] {
            let reply = rig.client.form(LOGIN, &[("cipherText", &wrapped(&key, padding, &plain))]).await;
            assert_eq!(reply["code"], 200, "{reply}");
        }
        let other = if padding == RsaPadding::OaepSha256 { RsaPadding::Pkcs1V15 } else { RsaPadding::OaepSha256 };
        for cipher in [wrapped(&key, other, raw), "no base64 at all".into(), STANDARD.encode("short")] {
            let reply = rig.client.form(LOGIN, &[("cipherText", &cipher)]).await;
            assert_eq!(reply["msg"], "cipherText解密失败");
        }
        assert_eq!(rig.client.form(LOGIN, &fields).await["msg"], "缺少参数cipherText");
    }
}

#[tokio::test]
async fn sealed_parameters_may_stand_as_they_are() {
    let rig = Rig::logged_out(|c| {
        c.login.parameters = LoginParameters::Raw;
        c.login.rsa_bits = 1024;
        c.accounts[0].password = xiaoshu::brain::Secret::new("a+b%25=c");
    })
    .await;
    let key = public_key(&rig).await;
    let plain = "grant_type=password&client_id=1&username=school-a&password=a+b%25=c";
    let reply = rig.client.form(LOGIN, &[("cipherText", &wrapped(&key, RsaPadding::OaepSha256, plain))]).await;
    assert_eq!(reply["code"], 200, "{reply}");
}

#[tokio::test]
async fn a_platform_of_2023_takes_no_sealed_login_and_may_have_no_prefix() {
    let rig = Rig::logged_out(|c| {
        c.login.style = LoginStyle::Plain;
        c.prefix = String::new();
    })
    .await;
    assert_eq!(rig.client.form(LOGIN, &[("cipherText", "AAAA")]).await["msg"], "缺少参数grant_type");
    assert_eq!(rig.client.form(LOGIN, &rig.client.login_fields()).await["code"], 200);
}

#[tokio::test]
async fn the_white_list_may_hold_for_logins_too() {
    let rig = Rig::logged_out(|c| {
        c.login.white_list = true;
        c.accounts[0].white_list = vec!["203.0.113.9".parse().unwrap()];
    })
    .await;
    assert_eq!(rig.client.form(LOGIN, &rig.client.login_fields()).await["msg"], "IP地址127.0.0.1不在白名单内");
}

#[tokio::test]
async fn the_public_key_is_of_the_size_set_and_stays_the_same() {
    let rig = Rig::logged_out(|_| {}).await;
    let key = public_key(&rig).await;
    assert_eq!(key.size(), 256);
    assert_eq!(key, public_key(&rig).await);
}
