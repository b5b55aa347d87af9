//! Calls: account and signature put on, the pace kept, answers bounded; a refused token is replaced once, a page that did
//! not come is asked for a few times more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use encoding_rs::Encoding;
use rand::Rng;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use serde_json::{Map, Value};

use super::answer::{Page, Refusal, tamed};
use super::auth::{Grant, GrantStyle, Token};
use super::request::{Request, text};
use super::settings::{Method, Object, Send, Settings};
use crate::fault::FaultClass;
use crate::source::SourceError;

/// The longest wait for a connection to stand.
const CONNECT: Duration = Duration::from_secs(10);
/// A token's answer is short.
const TOKEN_BYTES: usize = 1024 * 1024;

/// One source's client.
pub(super) struct Client {
    pub source: Arc<str>,
    pub settings: Settings,
    http: reqwest::Client,
    token: Option<Token>,
    /// When the next request may go.
    next: Option<Instant>,
}

/// What came of one request.
struct Answer {
    headers: HeaderMap,
    text: String,
}

/// What went wrong with one request, and whether asking again can help.
struct Miss {
    error: SourceError,
    /// How long to wait first; `None`: asking again does not help.
    again: Option<Duration>,
    /// The account was refused.
    refused: bool,
}

impl Client {
    /// A client; connects to nothing.
    pub fn new(source: &Arc<str>, settings: Settings) -> Result<Self, SourceError> {
        let wrong = |what: &str| SourceError::Settings {
            source_name: source.clone(),
            what: what.into(),
            remedy: "correct the source's settings".into(),
        };
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(settings.limits.timeout());
        if let Some(proxy) = &settings.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|_| wrong("`proxy` is no address of a proxy"))?);
        }
        if let Some(file) = &settings.tls_ca {
            let pem = std::fs::read(file).map_err(|_| wrong("the file of `tls_ca` cannot be read"))?;
            let all =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| wrong("the file of `tls_ca` holds no certificate"))?;
            builder = all.into_iter().fold(builder, reqwest::ClientBuilder::add_root_certificate);
        }
        let http = builder.build().map_err(|_| wrong("`proxy` or `tls_ca` cannot be used"))?;
        Ok(Self { source: source.clone(), settings, http, token: None, next: None })
    }

    /// One page of an object.
    pub async fn page(&mut self, object: &Object, request: &Request) -> Result<Page, SourceError> {
        let mut tries = 1;
        let mut renewed = false;
        loop {
            let miss = match self.once(object, request).await {
                Ok(page) => return Ok(page),
                Err(miss) => miss,
            };
            if miss.refused && !renewed && self.settings.auth.grant().is_some() {
                (self.token, renewed) = (None, true);
                continue;
            }
            let Some(wait) = miss.again.filter(|_| tries < self.settings.limits.attempts) else { return Err(miss.error) };
            // Waits without a word of the server's grow.
            tokio::time::sleep(wait * tries).await;
            tries += 1;
        }
    }

    async fn once(&mut self, object: &Object, request: &Request) -> Result<Page, Miss> {
        let now = jiff::Timestamp::now().as_millisecond();
        if let Some(grant) = self.settings.auth.grant()
            && !self.token.as_ref().is_some_and(|token| token.is_good(now))
        {
            let grant = grant.clone();
            self.token = Some(self.grant(&grant).await?);
        }
        let mut request = request.clone();
        self.settings.auth.put(&mut request, self.token.as_ref(), now, &nonce());
        let place = format!("{}{}", request.url.host_str().unwrap_or_default(), request.url.path());
        let answer = self.send(&request, &place, self.settings.limits.body_bytes).await?;
        let mut page = Page::read(answer.text, &object.shape, &object.paging).map_err(|refusal| self.refused(object, refusal))?;
        if object.paging.by == super::paging::By::Link && object.paging.next_at().is_none() {
            page.seen.next = next_link(&answer.headers).map(Value::from);
        }
        Ok(page)
    }

    /// Fetches a token.
    async fn grant(&mut self, grant: &Grant) -> Result<Token, Miss> {
        let (parameters, headers) = grant.parameters();
        let (method, send) = match grant.style {
            GrantStyle::Query => (Method::Get, Send::Query),
            GrantStyle::Json => (Method::Post, Send::Json),
            GrantStyle::Form | GrantStyle::Basic => (Method::Post, Send::Form),
        };
        let url = Url::parse(&grant.url).map_err(|_| self.lost(self.denied("auth.url is no address".into())))?;
        let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let place = format!("{}{}", url.host_str().unwrap_or_default(), url.path());
        let mut bare = url;
        bare.set_query(None);
        let request = Request { method, send, url: bare, parameters: Map::from_iter(parameters), headers, query };
        let asked = jiff::Timestamp::now().as_millisecond();
        let answer = self.send(&request, &place, TOKEN_BYTES).await.map_err(|miss| Miss { refused: false, ..miss })?;
        let value: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        let Some(token) = value.pointer(&grant.token_at).map(text).filter(|token| !token.is_empty()) else {
            let what = format!("{place} gives no token at {:?} (auth.token_at)", grant.token_at);
            return Err(self.lost(self.denied(what)));
        };
        let life = value.pointer(&grant.expires_at).and_then(|life| text(life).parse().ok());
        Ok(Token::new(token, life, asked, grant))
    }

    async fn send(&mut self, request: &Request, place: &str, most: usize) -> Result<Answer, Miss> {
        self.keep_pace().await;
        let mut url = request.url.clone();
        let query = request.query();
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        let mut call = match request.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in self.settings.headers.iter().chain(request.headers.iter().map(|(name, value)| (name, value))) {
            let parts = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            let (Ok(name), Ok(mut value)) = parts else {
                return Err(self.lost(self.setting(format!("the header {name} cannot be sent"), "correct `headers` or `auth`")));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        if let Some((kind, body)) = request.body() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            call = call.body(body);
        }
        let response = call.headers(headers).send().await.map_err(|error| self.line(place, &error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status != StatusCode::OK {
            return Err(self.status(place, status, &headers));
        }
        let bytes = self.body(place, response, most).await?;
        Ok(Answer { text: decoded(&bytes, self.settings.encoding(), &headers), headers })
    }

    async fn body(&self, place: &str, mut response: reqwest::Response, most: usize) -> Result<Vec<u8>, Miss> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.line(place, &error))? {
            if bytes.len() + chunk.len() > most {
                let what = format!("the answer of {place} is longer than {most} bytes");
                return Err(self.lost(self.setting(what, "ask for smaller pages, or raise `limits.body_bytes`")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    async fn keep_pace(&mut self) {
        let Some(rate) = self.settings.limits.requests_per_second.filter(|rate| *rate > 0.0) else { return };
        if let Some(next) = self.next {
            tokio::time::sleep_until(next.into()).await;
        }
        self.next = Some(Instant::now() + Duration::from_secs_f64(1.0 / rate));
    }

    fn line(&self, place: &str, error: &reqwest::Error) -> Miss {
        let what = if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "no connection"
        } else if error.is_body() || error.is_decode() {
            "the answer broke off"
        } else {
            "the line broke"
        };
        let cause = innermost(error).map(|cause| format!(" ({})", self.scrub(&cause))).unwrap_or_default();
        let error = SourceError::Connection { source_name: self.source.clone(), what: format!("{place}: {what}{cause}") };
        Miss { error, again: Some(Duration::from_millis(500)), refused: false }
    }

    /// What a status other than 200 means.
    fn status(&self, place: &str, status: StatusCode, headers: &HeaderMap) -> Miss {
        let source_name = self.source.clone();
        let what = format!("{place} answers {}", status.as_u16());
        let wait = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
        match status.as_u16() {
            401 | 403 => Miss { refused: true, ..self.lost(self.denied(what)) },
            429 | 503 => {
                let what = match wait {
                    Some(wait) => format!("{what}, and wants to be left alone for {} s", wait.as_secs()),
                    None => what,
                };
                let again = wait.filter(|wait| *wait <= self.settings.limits.longest_wait());
                let error = if status.as_u16() == 429 || wait.is_some() {
                    SourceError::Throttled { source_name, what }
                } else {
                    SourceError::Connection { source_name, what }
                };
                let unasked = (wait.is_none() && status.as_u16() == 503).then_some(Duration::from_millis(500));
                Miss { error, again: again.or(unasked), refused: false }
            }
            408 | 425 | 500.. => {
                let error = SourceError::Connection { source_name, what };
                Miss { error, again: Some(Duration::from_millis(500)), refused: false }
            }
            300..=399 => {
                let to = headers.get(LOCATION).and_then(|to| Url::parse(to.to_str().ok()?).ok());
                let to = to.and_then(|to| Some(format!(" (to {})", to.host_str()?))).unwrap_or_default();
                self.lost(self.setting(format!("{what}: it is elsewhere{to}"), "correct `url`; redirects are not followed"))
            }
            _ => self.lost(self.setting(what, "correct `url`, `path`, `method` and `parameters`")),
        }
    }

    fn refused(&self, object: &Object, refusal: Refusal) -> Miss {
        let what = self.scrub(&refusal.what);
        let source_name = self.source.clone();
        match refusal.class {
            FaultClass::Credentials => Miss { refused: true, ..self.lost(self.denied(what)) },
            FaultClass::Throttled => self.lost(SourceError::Throttled { source_name, what }),
            FaultClass::Transient => Miss {
                error: SourceError::Connection { source_name, what },
                again: Some(Duration::from_millis(500)),
                refused: false,
            },
            FaultClass::Data => self.lost(SourceError::Content { source_name, object: object.name.clone(), what }),
            FaultClass::Configuration | FaultClass::Bug => self.lost(self.setting(
                what,
                "look the code up in the vendor's description, and class it in `answer` if it goes away by itself",
            )),
        }
    }

    fn lost(&self, error: SourceError) -> Miss {
        Miss { error, again: None, refused: false }
    }

    fn denied(&self, what: String) -> SourceError {
        SourceError::Denied { source_name: self.source.clone(), what }
    }

    fn setting(&self, what: String, remedy: &str) -> SourceError {
        SourceError::Settings { source_name: self.source.clone(), what, remedy: remedy.into() }
    }

    /// A text without secrets, should a server have repeated one.
    fn scrub(&self, text: &str) -> String {
        let token = self.token.iter().map(Token::reveal);
        let secrets = self.settings.auth.secrets().into_iter().chain(token).filter(|secret| !secret.is_empty());
        secrets.fold(tamed(text), |text, secret| text.replace(secret, "***"))
    }
}

/// The cause at the bottom: those above it name the whole address.
fn innermost(error: &dyn std::error::Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

fn nonce() -> String {
    let dice: [u8; 16] = rand::rng().random();
    hex::encode(dice)
}

/// Seconds, or a date.
fn retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp();
    Some(Duration::from_millis(u64::try_from(at.as_millisecond() - jiff::Timestamp::now().as_millisecond()).unwrap_or(0)))
}

/// The address of `rel="next"`.
fn next_link(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    let mut links = lines.flat_map(|line| line.split('<').skip(1)).filter_map(|link| link.split_once('>'));
    let next =
        |rest: &str| rest.split(';').any(|part| matches!(part.trim().trim_end_matches(',').trim(), "rel=\"next\"" | "rel=next"));
    links.find(|(_, rest)| next(rest)).map(|(to, _)| to.trim().to_owned())
}

/// The body as text: by the settings, else by the answer's own word, else UTF-8. What is no text shows as U+FFFD, which is
/// a fault of the row that holds it.
fn decoded(bytes: &[u8], fixed: Option<&'static Encoding>, headers: &HeaderMap) -> String {
    let said = headers.get(CONTENT_TYPE).and_then(|kind| {
        kind.to_str().ok()?.split(';').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| Encoding::for_label(value.trim().trim_matches('"').as_bytes()))?
        })
    });
    let (text, _, _) = fixed.or(said).unwrap_or(encoding_rs::UTF_8).decode(bytes);
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        for (line, want) in [
            ("<http://a/1>; rel=\"first\", <http://a/2,x>; rel=\"next\"", Some("http://a/2,x")),
            ("</list?page=2>; rel=next", Some("/list?page=2")),
            ("<http://a/1>; rel=\"prev\"", None),
        ] {
            let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_str(line).unwrap())]);
            assert_eq!(next_link(&headers).as_deref(), want, "{line}");
        }
    }

    #[test]
    fn waits_are_seconds_or_dates() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert!(retry_after("Wed, 21 Oct 2099 07:28:00 GMT").is_some_and(|wait| wait > Duration::from_secs(1)));
        assert_eq!(retry_after("soon"), None);
    }
}
