//! Calls: each sealed, signed and sent; one new login and one retry when a session is refused in mid-batch.

use reqwest::Method;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};

use super::client::Client;
use super::login::Session;
use super::replies::Call;
use super::reply::{Answer, http_fault, read_reply, refused};
use super::seal::sm3_hex;
use super::settings::Output;
use super::wire::{DataReply, code_text};
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::report::transport::{Reach, TransportError};
use crate::store::Millis;

impl Client {
    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, TransportError> {
        let sent = self.now();
        let response = request.send().await.map_err(|error| http_fault(&error))?;
        if let Some(date) = response.headers().get(DATE).and_then(|d| d.to_str().ok()) {
            self.offset.measure(date, sent, self.now());
        }
        let status = response.status();
        let body = response.bytes().await.map_err(|error| http_fault(&error))?;
        Ok(Answer { status, body: body.to_vec() })
    }

    /// The headers of a call signed at `now`.
    fn headers(&self, session: &Session, plain: &[u8], now: Millis) -> Result<HeaderMap, Text> {
        let names = &self.settings.headers;
        let corrected = now + if self.settings.correct_clock { self.offset.or_zero() } else { 0 };
        let timestamps = corrected.to_string();
        let random = four(self.context.dice.roll());
        let mut sign = sm3_hex(&[plain, timestamps.as_bytes(), random.as_bytes()]);
        if self.settings.seal.upper {
            sign = sign.to_uppercase();
        }
        let bearer = if names.bearer { "Bearer " } else { "" };
        let token = format!("{bearer}{}", session.token.reveal());
        let mut map = HeaderMap::new();
        for (name, value, secret) in [
            (&names.authorization, token.as_str(), true),
            (&names.app_key, session.app_key.reveal(), true),
            (&names.timestamps, timestamps.as_str(), false),
            (&names.random, random.as_str(), false),
            (&names.sign, sign.as_str(), false),
        ] {
            let bad = || Text::new(format!("报头 {name} 的值无法发送"), format!("the value of header {name} cannot be sent"));
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
            value.set_sensitive(secret);
            map.insert(header, value);
        }
        Ok(map)
    }

    /// One data call: sealed, signed, sent; a refused session is replaced once and the call repeated once.
    pub(super) async fn data_call(
        &self,
        path: &str,
        plain: &[u8],
        form: bool,
        before: Option<Millis>,
    ) -> Result<DataReply, TransportError> {
        let mut failed = None;
        loop {
            let session = self.session(failed).await?;
            if let Some(text) = self.offset.objection() {
                return Err(TransportError::not_sent(FaultClass::Configuration, text));
            }
            // One reading of the clock for the check and the signature: a process that is suspended anywhere behind it sends
            // an old time stamp, which the platform refuses.
            let now = self.now();
            if before.is_some_and(|before| now > before) {
                let text =
                    Text::new("发送时限已过，稍后另组一批", "the time to send this batch has passed; its rows go in another one");
                return Err(TransportError { reach: Reach::Batch, ..TransportError::not_sent(FaultClass::Transient, text) });
            }
            let cipher = session.sealer.encrypt(plain);
            let cipher = match (self.settings.seal.output, self.settings.seal.upper) {
                (Output::Base64, _) => base64::Engine::encode(&base64::engine::general_purpose::STANDARD, cipher),
                (Output::Hex, true) => hex::encode_upper(cipher),
                (Output::Hex, false) => hex::encode(cipher),
            };
            let headers =
                self.headers(&session, plain, now).map_err(|text| TransportError::not_sent(FaultClass::Configuration, text))?;
            let request = self.http.request(Method::POST, self.settings.url(path)).headers(headers);
            let request = if form {
                request.form(&[("cipherText", &cipher)])
            } else {
                request.header(CONTENT_TYPE, "application/json").body(format!("{{\"cipherText\":\"{cipher}\"}}"))
            };
            let answer = self.send(request).await?;
            let (error, login) = match read_reply::<DataReply>(&answer) {
                Ok(reply) if code_text(&reply.code) == "200" => return Ok(reply),
                Ok(reply) => refused(Call::Data, &code_text(&reply.code), reply.message.as_deref().unwrap_or("")),
                Err(error) => {
                    let login = answer.status == StatusCode::UNAUTHORIZED;
                    (error, login)
                }
            };
            if !login || failed.is_some() {
                return Err(error);
            }
            failed = Some(session.number);
        }
    }
}

/// Four characters out of letters and digits.
fn four(roll: u64) -> String {
    const SIGNS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..4).map(|i| char::from(SIGNS[(roll >> (16 * i)) as usize % 62])).collect()
}
