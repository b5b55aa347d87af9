//! What every data call must carry, and opening it.

use std::net::IpAddr;

use axum::http::HeaderMap;
use serde::Deserialize;

use super::Incoming;
use super::access::{is_form, parse_form};
use super::reply::Refusal;
use super::seal::{cipher_bytes, sm3_hex, sm4_key, sm4_open};
use crate::brain::accounts::BadToken;
use crate::brain::clock::seconds;
use crate::brain::config::{Account, TokenHeader};
use crate::brain::platform::Platform;

/// A data call that passed: who calls, and the plain text.
pub(super) struct Opened {
    pub(super) account: usize,
    pub(super) plain: String,
}

#[derive(Deserialize)]
struct Sealed {
    #[serde(rename = "cipherText")]
    cipher_text: String,
}

/// Token, address, `app_key`, clock, cipher, signature, in this order.
pub(super) async fn open(platform: &Platform, incoming: &Incoming) -> Result<Opened, Refusal> {
    let headers = &incoming.headers;
    let account = caller(platform, headers)?;
    let known = platform.accounts.get(account);
    listed(known, incoming.peer.address.ip())?;
    if header(headers, "app_key").ok_or(Refusal::AppKeyMissing)? != known.app_key.expose() {
        return Err(Refusal::AppKeyUnauthorised);
    }
    let timestamps = header(headers, "timestamps").ok_or(Refusal::TimestampsMissing)?;
    on_time(platform, timestamps)?;
    let sign = header(headers, "sign").ok_or(Refusal::SignMissing)?;
    let random = header(headers, "random").unwrap_or_default();
    let bytes = cipher_bytes(&cipher_text(incoming).await?, platform.config.gate.cipher_code).ok_or(Refusal::NotDeciphered)?;
    let key = sm4_key(known.app_secret.expose(), &platform.config.gate).ok_or(Refusal::NotDeciphered)?;
    let plain = String::from_utf8(sm4_open(&key, bytes).ok_or(Refusal::NotDeciphered)?).map_err(|_| Refusal::NotDeciphered)?;
    let mut own = sm3_hex(&[&plain, timestamps, random]);
    if platform.config.gate.sign_upper {
        own.make_ascii_uppercase();
    }
    if own != sign {
        return Err(Refusal::SignDifferent);
    }
    Ok(Opened { account, plain })
}

/// Whether the address may call.
pub(super) fn listed(account: &Account, address: IpAddr) -> Result<(), Refusal> {
    let address = address.to_canonical();
    let good = account.white_list.is_empty() || account.white_list.iter().any(|a| a.to_canonical() == address);
    if good { Ok(()) } else { Err(Refusal::AddressNotListed(address)) }
}

fn caller(platform: &Platform, headers: &HeaderMap) -> Result<usize, Refusal> {
    let given = header(headers, "authorization").ok_or(Refusal::TokenMissing)?;
    let token = match platform.config.gate.token_header {
        TokenHeader::Raw => given,
        TokenHeader::Bearer => given.strip_prefix("Bearer ").ok_or(Refusal::TokenUnknown)?,
    };
    platform.accounts.access(token, platform.now()).map_err(|bad| match bad {
        BadToken::Unknown => Refusal::TokenUnknown,
        BadToken::Expired => Refusal::TokenExpired,
    })
}

fn on_time(platform: &Platform, timestamps: &str) -> Result<(), Refusal> {
    let allowed = platform.config.gate.clock_s;
    let off = || Refusal::TimestampsOff { seconds: allowed };
    let sent: i64 = timestamps.parse().map_err(|_| off())?;
    if sent.saturating_sub(platform.now()).saturating_abs() > seconds(allowed) { Err(off()) } else { Ok(()) }
}

async fn cipher_text(incoming: &Incoming) -> Result<String, Refusal> {
    if is_form(incoming) {
        let mut fields = parse_form(incoming.body.clone()).await.ok_or(Refusal::NotForm)?;
        return fields.remove("cipherText").ok_or(Refusal::Missing("cipherText"));
    }
    match serde_json::from_slice::<Sealed>(&incoming.body) {
        Ok(sealed) => Ok(sealed.cipher_text),
        Err(error) if error.is_data() => Err(Refusal::Missing("cipherText")),
        Err(_) => Err(Refusal::NotJson),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok()).filter(|v| !v.is_empty())
}
