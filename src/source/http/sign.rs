//! Signatures by template: what vendors ask for differs only in which texts are put together, hashed and sent where.
//! Pure: time and chance come in.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use md5::Md5;
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::request::{Request, joined};
use super::settings::Send;

/// How requests are signed. Not printable: it holds a secret.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sign {
    algorithm: Algorithm,
    #[serde(default)]
    pub id: String,
    pub secret: String,
    text: String,
    #[serde(default)]
    encode: Encode,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default = "milliseconds")]
    timestamp: String,
    #[serde(default)]
    body_digest: BodyDigest,
}

fn milliseconds() -> String {
    "unix_ms".into()
}

/// What makes the signature of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Algorithm {
    HmacSha256,
    HmacSha1,
    HmacMd5,
    Sha256,
    Sha1,
    Md5,
    Sm3,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encode {
    #[default]
    Hex,
    HexUpper,
    Base64,
}

/// The digest of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BodyDigest {
    #[default]
    Sha256,
    Sha256Base64,
    Md5,
    Md5Base64,
}

/// All that a template can name.
const NAMES: [&str; 13] = [
    "method",
    "host",
    "path",
    "params",
    "params_plain",
    "params_joined",
    "timestamp",
    "nonce",
    "body",
    "body_digest",
    "id",
    "secret",
    "signature",
];

impl Sign {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let sent = self.headers.values().chain(self.parameters.values());
        for template in sent.clone().chain([&self.text]) {
            if let Some(name) = names(template).find(|name| !NAMES.contains(name)) {
                return Err(format!("`auth`: {{{name}}} is not known; templates can name {}", NAMES.join(", ")));
            }
        }
        if names(&self.text).any(|name| name == "signature") {
            return Err("`auth`: the text to sign cannot hold its own signature".into());
        }
        if !sent.clone().any(|template| template.contains("{signature}")) {
            return Err("`auth`: no header and no parameter carries {signature}".into());
        }
        if sent.clone().any(|template| template.contains("{secret}")) {
            return Err("`auth`: {secret} belongs into the text to sign, not into what is sent".into());
        }
        written(&self.timestamp, 0).map(|_| ()).ok_or_else(|| "`auth`: `timestamp` is no form of a time".into())
    }

    /// Signs a request. `at` in milliseconds; `nonce` must not come twice.
    pub fn sign(&self, request: &mut Request, at: i64, nonce: &str) {
        let time = written(&self.timestamp, at).unwrap_or_default();
        let body = request.body().map(|(_, text)| text).unwrap_or_default();
        let mut known: BTreeMap<&str, String> = BTreeMap::new();
        known.insert("method", format!("{:?}", request.method).to_ascii_uppercase());
        known.insert("host", request.url.host_str().unwrap_or_default().to_owned());
        known.insert("path", request.url.path().to_owned());
        known.insert("timestamp", time);
        known.insert("nonce", nonce.to_owned());
        known.insert("id", self.id.clone());
        known.insert("secret", self.secret.clone());
        let (last, early): (Vec<_>, Vec<_>) = self.parameters.iter().partition(|(_, value)| value.contains("{signature}"));
        for (name, template) in early {
            put(request, name, filled(template, &known));
        }
        let pairs = request.pairs();
        let plain: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        known.insert("params", joined(&pairs));
        known.insert("params_plain", plain.join("&"));
        known.insert("params_joined", pairs.iter().map(|(name, value)| format!("{name}{value}")).collect());
        let body = if request.send == Send::Form { request.body().map(|(_, text)| text).unwrap_or_default() } else { body };
        known.insert("body_digest", self.body_digest.of(body.as_bytes()));
        known.insert("body", body);
        let signature = self.encode.write(&self.algorithm.of(self.secret.as_bytes(), filled(&self.text, &known).as_bytes()));
        known.insert("signature", signature);
        for (name, template) in last {
            put(request, name, filled(template, &known));
        }
        for (name, template) in &self.headers {
            request.headers.push((name.clone(), filled(template, &known)));
        }
    }
}

/// Parameters of a signature never go into a JSON body: its digest is signed.
fn put(request: &mut Request, name: &str, value: String) {
    if request.send == Send::Json {
        request.query.push((name.to_owned(), value));
    } else {
        request.parameters.insert(name.to_owned(), value.into());
    }
}

impl Algorithm {
    fn of(self, secret: &[u8], text: &[u8]) -> Vec<u8> {
        macro_rules! keyed {
            ($hash:ty) => {
                // A key of any length is taken.
                <Hmac<$hash> as Mac>::new_from_slice(secret)
                    .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec())
                    .unwrap_or_default()
            };
        }
        match self {
            Self::HmacSha256 => keyed!(Sha256),
            Self::HmacSha1 => keyed!(Sha1),
            Self::HmacMd5 => keyed!(Md5),
            Self::Sha256 => Sha256::digest(text).to_vec(),
            Self::Sha1 => Sha1::digest(text).to_vec(),
            Self::Md5 => Md5::digest(text).to_vec(),
            Self::Sm3 => <sm3::Sm3 as sm3::Digest>::digest(text).to_vec(),
        }
    }
}

impl Encode {
    fn write(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::HexUpper => hex::encode_upper(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

impl BodyDigest {
    fn of(self, body: &[u8]) -> String {
        match self {
            Self::Sha256 => hex::encode(Sha256::digest(body)),
            Self::Sha256Base64 => STANDARD.encode(Sha256::digest(body)),
            Self::Md5 => hex::encode(Md5::digest(body)),
            Self::Md5Base64 => STANDARD.encode(Md5::digest(body)),
        }
    }
}

fn written(form: &str, at: i64) -> Option<String> {
    match form {
        "unix" => Some(at.div_euclid(1000).to_string()),
        "unix_ms" => Some(at.to_string()),
        form => {
            let zoned = Timestamp::from_millisecond(at).ok()?.to_zoned(TimeZone::fixed(Offset::constant(8)));
            jiff::fmt::strtime::format(form, &zoned).ok()
        }
    }
}

/// The names in braces of a template.
fn names(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn filled(template: &str, known: &BTreeMap<&str, String>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            rest = after;
            continue;
        };
        out.push_str(known.get(name).map_or("", String::as_str));
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::source::http::settings::Method;

    fn request(send: Send, parameters: Value) -> Request {
        let parameters: Map<String, Value> = serde_json::from_value(parameters).unwrap();
        let method = if send == Send::Query { Method::Get } else { Method::Post };
        let url = reqwest::Url::parse("https://api.example.cn/v1/students").unwrap();
        Request { method, send, url, parameters, headers: Vec::new(), query: Vec::new() }
    }

    fn sign(settings: Value) -> Sign {
        let sign: Sign = serde_json::from_value(settings).unwrap();
        sign.check().unwrap();
        sign
    }

    /// The expected values were computed with Python's hmac and hashlib.
    #[test]
    fn canonical_texts_are_signed_as_other_tools_do() {
        let gateway = sign(json!({
            "algorithm": "hmac-sha256", "id": "app", "secret": "k3y",
            "text": "{method}\n{path}\n{params}\n{timestamp}\n{nonce}\n{body_digest}",
            "headers": { "X-App": "{id}", "X-Sign": "{signature}" },
        }));
        let mut asked = request(Send::Query, json!({ "size": 2, "page": 1, "name": "张 三" }));
        gateway.sign(&mut asked, 1_700_000_000_000, "n1");
        assert_eq!(asked.headers[0], ("X-App".into(), "app".into()));
        assert_eq!(asked.headers[1].1, "b0c14df91149148479c8d9b04065abaf34ea428d336e7b2d63b00663a8920c55");
        let vendor = sign(json!({
            "algorithm": "md5", "id": "app", "secret": "k3y", "encode": "hex_upper", "timestamp": "%Y%m%d%H%M%S",
            "text": "{params_plain}&key={secret}",
            "parameters": { "app": "{id}", "time": "{timestamp}", "sign": "{signature}" },
        }));
        let mut asked = request(Send::Form, json!({ "page": 1 }));
        vendor.sign(&mut asked, 1_700_000_000_000, "n1");
        assert_eq!(asked.parameters["sign"], "D6B7978C9D2822589D6176D1A5FFC097");
        assert_eq!(asked.parameters["time"], "20231115061320");
        let market = sign(json!({
            "algorithm": "hmac-sha1", "secret": "k3y", "encode": "base64", "text": "{secret}{params_joined}{body}{secret}",
            "parameters": { "t": "{timestamp}", "sign": "{signature}" }, "timestamp": "unix",
        }));
        let mut asked = request(Send::Json, json!({ "a": 1 }));
        market.sign(&mut asked, 1_700_000_000_000, "n1");
        assert_eq!(
            asked.query,
            [("t".to_owned(), "1700000000".to_owned()), ("sign".to_owned(), "ckSY4bh42F7LG9UOBHAB1mIuowI=".to_owned())]
        );
        assert_eq!(asked.body().unwrap().1, r#"{"a":1}"#);
    }

    #[test]
    fn templates_that_cannot_work_are_refused() {
        for (text, header) in
            [("{metod}", "{signature}"), ("{signature}", "{signature}"), ("{path}", "{id}"), ("a", "{secret}{signature}")]
        {
            let settings = json!({ "algorithm": "md5", "secret": "k", "text": text, "headers": { "S": header } });
            assert!(serde_json::from_value::<Sign>(settings).unwrap().check().is_err(), "{text} {header}");
        }
    }
}
