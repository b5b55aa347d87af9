//! Sessions: one login at a time, by password or by the refresh token of the one before.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::Method;
use rsa::RsaPublicKey;

use super::client::Client;
use super::login::{Refresh, Session, read_key, rsa_wrap};
use super::replies::Call;
use super::reply::{read_reply, refused};
use super::settings::LoginStyle;
use super::wire::{DataReply, TokenData, TokenReply, code_text, parameter_text};
use crate::fault::FaultClass;
use crate::report::transport::{Fate, Reach, TransportError};

impl Client {
    async fn rsa_key(&self) -> Result<RsaPublicKey, TransportError> {
        if let Some(key) = &self.rsa_key {
            return Ok(key.clone());
        }
        let answer = self.send(self.http.request(Method::GET, self.settings.url(&self.settings.paths.rsa))).await?;
        let reply: DataReply = read_reply(&answer)?;
        let text = match &reply.data {
            serde_json::Value::String(text) => text.clone(),
            _ => return Err(refused(Call::Login, &code_text(&reply.code), reply.message.as_deref().unwrap_or("")).0),
        };
        read_key(&text).map_err(|text| TransportError::not_sent(FaultClass::Configuration, text))
    }

    async fn token_call(&self, path: &str, fields: &[(&str, &str)]) -> Result<TokenData, TransportError> {
        let request = self.http.request(Method::POST, self.settings.url(path));
        let request = match self.settings.login.style {
            LoginStyle::Plain => request.form(fields),
            LoginStyle::Rsa => {
                let plain = parameter_text(fields, self.settings.login.parameters);
                let key = self.rsa_key().await?;
                let cipher = rsa_wrap(&key, self.settings.login.padding, &plain)
                    .map_err(|text| TransportError::not_sent(FaultClass::Configuration, text))?;
                request.form(&[("cipherText", cipher)])
            }
        };
        let answer = self.send(request).await?;
        let reply: TokenReply = read_reply(&answer)?;
        match reply.data {
            Some(data) if code_text(&reply.code) == "200" => Ok(data),
            _ => {
                let (mut error, _) = refused(Call::Login, &code_text(&reply.code), reply.msg.as_deref().unwrap_or(""));
                error.reach = Reach::Upstream;
                // A login answered with an unknown text is about the account, not about a table.
                if !matches!(error.class, FaultClass::Transient | FaultClass::Throttled | FaultClass::Configuration) {
                    error.class = FaultClass::Credentials;
                }
                Err(error)
            }
        }
    }

    async fn log_in(&self, before: Option<Refresh>) -> Result<Session, TransportError> {
        let number = self.logins.fetch_add(1, Ordering::Relaxed) + 1;
        let client_id = self.settings.client_id.as_str();
        if let Some(before) = before.filter(|b| self.settings.login.refresh && b.until > self.now()) {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", client_id),
                ("client_secret", before.client_secret.reveal()),
                ("refresh_token", before.token.reveal()),
            ];
            if let Ok(data) = self.token_call(&self.settings.paths.refresh, &fields).await {
                return Session::from_reply(number, data, Some(&before), &self.settings, self.now())
                    .map_err(|text| TransportError::not_sent(FaultClass::Configuration, text));
            }
        }
        let fields = [
            ("grant_type", "password"),
            ("client_id", client_id),
            ("username", self.settings.username.reveal()),
            ("password", self.settings.password.reveal()),
        ];
        let data = self.token_call(&self.settings.paths.token, &fields).await.map_err(|mut error| {
            // Whatever became of the login, no row was sent.
            error.fate = Fate::NotSent;
            error
        })?;
        Session::from_reply(number, data, None, &self.settings, self.now())
            .map_err(|text| TransportError::not_sent(FaultClass::Configuration, text))
    }

    /// The session in force, or a new one; `failed` is the number of one that was refused.
    pub(super) async fn session(&self, failed: Option<u64>) -> Result<Arc<Session>, TransportError> {
        let mut slot = self.session.lock().await;
        let mut before = None;
        if let Some(session) = &*slot {
            let refused = failed.is_some_and(|number| number >= session.number);
            if !refused && session.until > self.now() {
                return Ok(Arc::clone(session));
            }
            before = session.refresh.clone().filter(|_| !refused);
        }
        let session = Arc::new(self.log_in(before).await?);
        *slot = Some(Arc::clone(&session));
        Ok(session)
    }
}
