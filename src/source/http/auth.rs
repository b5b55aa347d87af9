//! Accounts: fixed tokens, tokens fetched with a client's id and secret, signatures.

use serde::Deserialize;
use serde_json::Value;

use super::request::Request;
use super::sign::Sign;

/// How a source knows the hub. Not printable: it holds secrets.
#[derive(Clone, Default, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub(super) enum Auth {
    /// Not at all.
    #[default]
    None,
    /// A fixed token.
    Token(Fixed),
    /// Name and password with every request.
    Basic(Basic),
    /// A token fetched with id and secret (OAuth 2 client credentials and their relatives).
    Client(Grant),
    /// Every request is signed.
    Sign(Sign),
}

/// A fixed token and where it goes.
#[derive(Clone, Deserialize)]
pub(super) struct Fixed {
    token: String,
    #[serde(flatten)]
    place: TokenPlace,
}

/// Where a token goes: a header unless a parameter is named.
#[derive(Clone, Deserialize)]
pub(super) struct TokenPlace {
    #[serde(default = "authorization")]
    header: String,
    prefix: Option<String>,
    parameter: Option<String>,
}

/// Name and password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Basic {
    user: String,
    password: String,
}

/// How a token is fetched.
#[derive(Clone, Deserialize)]
pub(super) struct Grant {
    pub url: String,
    client_id: String,
    client_secret: String,
    scope: Option<String>,
    #[serde(default)]
    pub style: GrantStyle,
    #[serde(default = "client_id")]
    id_parameter: String,
    #[serde(default = "client_secret")]
    secret_parameter: String,
    #[serde(default = "access_token")]
    pub token_at: String,
    #[serde(default = "expires_in")]
    pub expires_at: String,
    #[serde(default = "sixty")]
    renew_before: i64,
    #[serde(flatten)]
    place: TokenPlace,
}

/// How id and secret are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum GrantStyle {
    /// In a form.
    #[default]
    Form,
    /// In the header `Authorization`, the rest in a form.
    Basic,
    /// In a JSON body.
    Json,
    /// Behind the `?` of a GET.
    Query,
}

fn authorization() -> String {
    "Authorization".into()
}

fn client_id() -> String {
    "client_id".into()
}

fn client_secret() -> String {
    "client_secret".into()
}

fn access_token() -> String {
    "/access_token".into()
}

fn expires_in() -> String {
    "/expires_in".into()
}

fn sixty() -> i64 {
    60
}

/// A fetched token. Not printable.
#[derive(Clone)]
pub(super) struct Token {
    text: String,
    /// When another is due, in milliseconds; `None` when it was not said.
    renew_at: Option<i64>,
}

impl Token {
    /// A token that was answered at `now` with a life in seconds.
    pub fn new(text: String, life: Option<i64>, now: i64, grant: &Grant) -> Self {
        // A life shorter than the margin is used by half.
        let usable = life.map(|life| if life > grant.renew_before { life - grant.renew_before } else { life / 2 });
        Self { text, renew_at: usable.map(|seconds| now.saturating_add(seconds.saturating_mul(1000))) }
    }

    /// Whether it can still be used.
    pub fn is_good(&self, now: i64) -> bool {
        self.renew_at.is_none_or(|at| now < at)
    }

    /// The token itself.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl TokenPlace {
    fn put(&self, token: &str, request: &mut Request) {
        if let Some(parameter) = &self.parameter {
            request.query.push((parameter.clone(), token.to_owned()));
            return;
        }
        let prefix =
            self.prefix.as_deref().unwrap_or(if self.header.eq_ignore_ascii_case("authorization") { "Bearer " } else { "" });
        request.headers.push((self.header.clone(), format!("{prefix}{token}")));
    }
}

impl Auth {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Sign(sign) => sign.check(),
            Self::Client(grant) if reqwest::Url::parse(&grant.url).is_err() => Err("`auth`: `url` is no address".into()),
            _ => Ok(()),
        }
    }

    /// The way to fetch a token, where there is one.
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Client(grant) => Some(grant),
            _ => None,
        }
    }

    /// Texts that must appear in no message.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Token(fixed) => vec![&fixed.token],
            Self::Basic(basic) => vec![&basic.password],
            Self::Client(grant) => vec![&grant.client_secret],
            Self::Sign(sign) => vec![&sign.secret],
        }
    }

    /// Name of the parameter that carries a token.
    pub fn parameter(&self) -> Option<&str> {
        match self {
            Self::Token(Fixed { place, .. }) | Self::Client(Grant { place, .. }) => place.parameter.as_deref(),
            _ => None,
        }
    }

    /// Puts the account onto a request; last of all, for a signature covers the rest.
    pub fn put(&self, request: &mut Request, token: Option<&Token>, at: i64, nonce: &str) {
        match (self, token) {
            (Self::Token(fixed), _) => fixed.place.put(&fixed.token, request),
            (Self::Basic(basic), _) => request.headers.push(basic_header(&basic.user, &basic.password)),
            (Self::Client(grant), Some(token)) => grant.place.put(token.reveal(), request),
            (Self::Sign(sign), _) => sign.sign(request, at, nonce),
            (Self::None | Self::Client(_), _) => {}
        }
    }
}

/// Parameters and headers.
pub(super) type Sent = (Vec<(String, Value)>, Vec<(String, String)>);

impl Grant {
    /// What is sent to fetch a token, and headers.
    pub fn parameters(&self) -> Sent {
        let mut parameters = Vec::new();
        let mut headers = Vec::new();
        // The relatives of OAuth that take a query want nothing else.
        if self.style != GrantStyle::Query {
            parameters.push(("grant_type".to_owned(), "client_credentials".into()));
        }
        if self.style == GrantStyle::Basic {
            headers.push(basic_header(&self.client_id, &self.client_secret));
        } else {
            parameters.push((self.id_parameter.clone(), self.client_id.as_str().into()));
            parameters.push((self.secret_parameter.clone(), self.client_secret.as_str().into()));
        }
        parameters.extend(self.scope.as_deref().map(|scope| ("scope".to_owned(), scope.into())));
        (parameters, headers)
    }
}

fn basic_header(user: &str, password: &str) -> (String, String) {
    use base64::Engine;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    ("Authorization".into(), format!("Basic {pair}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_replaced_before_its_end() {
        let grant: Grant =
            serde_json::from_value(json!({ "url": "http://a/t", "client_id": "i", "client_secret": "s", "renew_before": 60 }))
                .unwrap();
        for (life, good_until) in [(Some(3600), Some(3_540_000)), (Some(60), Some(30_000)), (Some(10), Some(5_000)), (None, None)]
        {
            let token = Token::new("t".into(), life, 1_000, &grant);
            match good_until {
                Some(until) => {
                    assert!(token.is_good(1_000 + until - 1), "{life:?}");
                    assert!(!token.is_good(1_000 + until), "{life:?}");
                }
                None => assert!(token.is_good(i64::MAX)),
            }
        }
    }
}
