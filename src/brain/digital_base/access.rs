//! The three token calls.

use std::collections::HashMap;
use std::net::IpAddr;

use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest};
use axum::http::header;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::Incoming;
use super::reply::{Refusal, data_ok, token_reply};
use crate::brain::accounts::Issued;
use crate::brain::config::{Account, LoginParameters, LoginStyle};
use crate::brain::platform::Platform;

const FORM: &str = "application/x-www-form-urlencoded";

type Fields = HashMap<String, String>;

/// A login that may go on.
pub(super) struct Login {
    pub(super) account: usize,
}

/// A renewal that may go on.
pub(super) struct Renewal {
    pub(super) account: usize,
    token: String,
}

/// Checks a login.
pub(super) async fn login(platform: &Platform, incoming: &Incoming) -> Result<Login, Refusal> {
    let fields = fields(platform, incoming).await?;
    if field(&fields, "grant_type")? != "password" {
        return Err(Refusal::GrantType);
    }
    let (client, username, password) = (field(&fields, "client_id")?, field(&fields, "username")?, field(&fields, "password")?);
    if !platform.accounts.list().iter().any(|a| a.client_id == client) {
        return Err(Refusal::Client);
    }
    let account = platform.accounts.by_username(username).ok_or(Refusal::Password)?;
    let known = platform.accounts.get(account);
    if known.password.expose() != password {
        return Err(Refusal::Password);
    }
    if known.client_id != client {
        return Err(Refusal::Client);
    }
    listed(platform, known, incoming.peer.address.ip())?;
    Ok(Login { account })
}

/// Checks a renewal.
pub(super) async fn renewal(platform: &Platform, incoming: &Incoming) -> Result<Renewal, Refusal> {
    let fields = fields(platform, incoming).await?;
    if field(&fields, "grant_type")? != "refresh_token" {
        return Err(Refusal::GrantType);
    }
    let (client, secret, token) =
        (field(&fields, "client_id")?, field(&fields, "client_secret")?, field(&fields, "refresh_token")?);
    let account = platform.accounts.refresh(token, platform.now()).map_err(|_| Refusal::RefreshUnknown)?;
    let known = platform.accounts.get(account);
    if known.client_id != client || known.client_secret.expose() != secret {
        return Err(Refusal::Client);
    }
    listed(platform, known, incoming.peer.address.ip())?;
    Ok(Renewal { account, token: token.to_owned() })
}

fn listed(platform: &Platform, account: &Account, address: IpAddr) -> Result<(), Refusal> {
    if platform.config.login.white_list { super::gate::listed(account, address) } else { Ok(()) }
}

/// Gives tokens. Only this reply names the secrets.
pub(super) fn issue(platform: &Platform, login: &Login) -> Response {
    let config = &platform.config.login;
    let account = platform.accounts.get(login.account);
    let issued = platform.accounts.issue(login.account, platform.now(), config);
    let mut data = tokens(platform, account, &issued);
    data.insert(spelling(platform, "client_secret"), json!(account.client_secret.expose()));
    data.insert(spelling(platform, "app_secret"), json!(account.app_secret.expose()));
    if config.app_key_in_reply {
        data.insert(spelling(platform, "app_key"), json!(account.app_key.expose()));
    }
    token_reply(Value::Object(data))
}

/// Gives new tokens for old.
pub(super) fn renew(platform: &Platform, renewal: &Renewal) -> Response {
    platform.accounts.spend(&renewal.token);
    let issued = platform.accounts.issue(renewal.account, platform.now(), &platform.config.login);
    token_reply(Value::Object(tokens(platform, platform.accounts.get(renewal.account), &issued)))
}

fn tokens(platform: &Platform, account: &Account, issued: &Issued) -> Map<String, Value> {
    let config = &platform.config.login;
    let pairs = [
        ("access_token", json!(issued.access)),
        ("refresh_token", json!(issued.refresh)),
        ("expires_in", json!(config.token_life_s)),
        ("refresh_expires_in", json!(config.refresh_life_s)),
        ("client_id", json!(account.client_id)),
        ("scope", json!("")),
        ("openid", json!(issued.open_id)),
    ];
    pairs.into_iter().map(|(name, value)| (spelling(platform, name), value)).collect()
}

fn spelling(platform: &Platform, name: &str) -> String {
    if !platform.config.login.camel_case {
        return name.to_owned();
    }
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    camel
}

/// Gives the public key.
pub(super) async fn rsa_key(platform: &Platform) -> Result<Response, Refusal> {
    let key = platform.rsa.public().await.map_err(|_| Refusal::Broken)?;
    Ok(data_ok("操作成功", json!(key), Value::Null))
}

/// The form's fields, out of `cipherText` where that is given.
async fn fields(platform: &Platform, incoming: &Incoming) -> Result<Fields, Refusal> {
    if !is_form(incoming) {
        return Err(Refusal::NotForm);
    }
    let outer = parse_form(incoming.body.clone()).await.ok_or(Refusal::NotForm)?;
    let style = platform.config.login.style;
    match outer.get("cipherText") {
        Some(cipher) if style != LoginStyle::Plain => {
            let opened = platform.rsa.open(cipher, platform.config.login.padding).await.map_err(|_| Refusal::Broken)?;
            let opened = opened.ok_or(Refusal::NotDeciphered)?;
            parameters(opened, platform.config.login.parameters).await.ok_or(Refusal::NotDeciphered)
        }
        None if style == LoginStyle::Rsa => Err(Refusal::Missing("cipherText")),
        _ => Ok(outer),
    }
}

/// Reads what stood inside the RSA blocks.
async fn parameters(text: Vec<u8>, form: LoginParameters) -> Option<Fields> {
    match form {
        LoginParameters::Json => serde_json::from_slice(&text).ok(),
        LoginParameters::Any if text.first() == Some(&b'{') => serde_json::from_slice(&text).ok(),
        LoginParameters::Form | LoginParameters::Any => parse_form(text.into()).await,
        LoginParameters::Raw => {
            let text = String::from_utf8(text).ok()?;
            text.split('&').map(|pair| pair.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()))).collect()
        }
    }
}

pub(super) fn is_form(incoming: &Incoming) -> bool {
    let kind = incoming.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.starts_with(FORM)
}

/// Reads a form. Nothing when it is none.
pub(super) async fn parse_form(body: Bytes) -> Option<Fields> {
    let request = axum::http::Request::post("/").header(header::CONTENT_TYPE, FORM).body(Body::from(body)).ok()?;
    Form::<Fields>::from_request(request, &()).await.ok().map(|form| form.0)
}

fn field<'a>(fields: &'a Fields, name: &'static str) -> Result<&'a str, Refusal> {
    fields.get(name).map(String::as_str).filter(|v| !v.is_empty()).ok_or(Refusal::Missing(name))
}
