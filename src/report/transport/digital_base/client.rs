//! The client: calls, sessions, one new login and one retry when a session is refused in mid-batch.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use rsa::RsaPublicKey;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::login::{Refresh, Session, read_key, rsa_wrap};
use super::offset::ClockOffset;
use super::replies::Replies;
use super::results::{format_time, parse_results, parse_time};
use super::seal::sm3_hex;
use super::settings::{LoginStyle, Output, QueryBody, Settings};
use super::wire::{DataReply, TokenData, TokenReply, code_text, parameter_text, submit_plain, whole};
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::report::delivery::ResultItem;
use crate::report::render::{NumberStyle, Style};
use crate::report::transport::{
    Fate, Limits, Reach, Reply, Transport, TransportContext, TransportError, VerdictQuery, WireBatch,
};
use crate::store::Millis;

/// The platform refuses requests whose `timestamps` are older than this.
const GATE: std::time::Duration = std::time::Duration::from_secs(30);

/// A client of one platform account.
pub struct Client {
    settings: Settings,
    style: Style,
    context: TransportContext,
    http: reqwest::Client,
    offset: ClockOffset,
    /// Held while logging in, so that one login runs at a time.
    session: Mutex<Option<Arc<Session>>>,
    logins: AtomicU64,
    /// The key of the settings; without one it is fetched at each login, for the platform may change it.
    rsa_key: Option<RsaPublicKey>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("upstream", &self.context.name).field("offset", &self.offset).finish_non_exhaustive()
    }
}

struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

impl Client {
    /// A client; connects to nothing.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(settings: Settings, context: TransportContext) -> Result<Self, Text> {
        let network = &settings.network;
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(network.connect_timeout.0)
            .timeout(network.timeout.0)
            .local_address(network.bind);
        if let Some(proxy) = &network.proxy {
            let proxy = reqwest::Proxy::all(proxy)
                .map_err(|_| Text::new("network.proxy 不是代理地址", "network.proxy is no proxy address"))?;
            builder = builder.proxy(proxy);
        }
        if let Some(file) = &network.ca_file {
            let bad =
                || Text::new(format!("network.ca_file 无法读取：{file}"), format!("network.ca_file cannot be read: {file}"));
            let pem = std::fs::read(context.base.join(file)).map_err(|_| bad())?;
            for certificate in reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| bad())? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let http = builder.build().map_err(|error| {
            let what = error.without_url();
            Text::new(format!("network 一节有误：{what}"), format!("the section network is wrong: {what}"))
        })?;
        let style = settings.style()?;
        let headers = &settings.headers;
        for name in [&headers.authorization, &headers.app_key, &headers.timestamps, &headers.random, &headers.sign] {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                Text::new(format!("headers：{name:?} 不能作报头名"), format!("headers: {name:?} is no header name"))
            })?;
        }
        let rsa_key = settings.login.rsa_key.as_deref().map(read_key).transpose()?;
        Ok(Self {
            settings,
            style,
            context,
            http,
            offset: ClockOffset::default(),
            session: Mutex::new(None),
            logins: AtomicU64::new(0),
            rsa_key,
        })
    }

    fn now(&self) -> Millis {
        self.context.clock.now()
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, TransportError> {
        let sent = self.now();
        let response = request.send().await.map_err(|error| http_fault(&error))?;
        if let Some(date) = response.headers().get(DATE).and_then(|d| d.to_str().ok()) {
            self.offset.measure(date, sent, self.now());
        }
        let status = response.status();
        let body = response.bytes().await.map_err(|error| http_fault(&error))?;
        Ok(Answer { status, body: body.to_vec() })
    }

    async fn rsa_key(&self) -> Result<RsaPublicKey, TransportError> {
        if let Some(key) = &self.rsa_key {
            return Ok(key.clone());
        }
        let answer = self.send(self.http.request(Method::GET, self.settings.url(&self.settings.paths.rsa))).await?;
        let reply: DataReply = read_reply(&answer)?;
        let text = match &reply.data {
            serde_json::Value::String(text) => text.clone(),
            _ => return Err(self.refused(&code_text(&reply.code), reply.message.as_deref().unwrap_or("")).0),
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
                let (mut error, _) = self.refused(&code_text(&reply.code), reply.msg.as_deref().unwrap_or(""));
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
    async fn session(&self, failed: Option<u64>) -> Result<Arc<Session>, TransportError> {
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

    fn headers(&self, session: &Session, plain: &[u8]) -> Result<HeaderMap, Text> {
        let names = &self.settings.headers;
        let now = self.now() + if self.settings.correct_clock { self.offset.or_zero() } else { 0 };
        let timestamps = now.to_string();
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
    async fn data_call(&self, path: &str, plain: &[u8], form: bool, before: Option<Millis>) -> Result<DataReply, TransportError> {
        let mut failed = None;
        loop {
            let session = self.session(failed).await?;
            if let Some(text) = self.offset.objection() {
                return Err(TransportError::not_sent(FaultClass::Configuration, text));
            }
            if before.is_some_and(|before| self.now() > before) {
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
                self.headers(&session, plain).map_err(|text| TransportError::not_sent(FaultClass::Configuration, text))?;
            let request = self.http.request(Method::POST, self.settings.url(path)).headers(headers);
            let request = if form {
                request.form(&[("cipherText", &cipher)])
            } else {
                request.header(CONTENT_TYPE, "application/json").body(format!("{{\"cipherText\":\"{cipher}\"}}"))
            };
            let answer = self.send(request).await?;
            let (error, login) = match read_reply::<DataReply>(&answer) {
                Ok(reply) if code_text(&reply.code) == "200" => return Ok(reply),
                Ok(reply) => self.refused(&code_text(&reply.code), reply.message.as_deref().unwrap_or("")),
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

    /// A reply that is no success. A text nobody knows with a server's own error may have come after the work was done.
    fn refused(&self, code: &str, message: &str) -> (TransportError, bool) {
        let meaning = Replies::embedded().meaning(code, message);
        let fate = match meaning.class {
            _ if meaning.lost => Fate::Lost,
            FaultClass::Data => Fate::Refused,
            _ => Fate::NotSent,
        };
        (TransportError { fate, class: meaning.class, reach: meaning.reach, text: meaning.text }, meaning.login)
    }

    /// One page, and `returnCount`: the number of results on it, or in all.
    async fn page(&self, query: &VerdictQuery<'_>, page: u32) -> Result<(Vec<ResultItem>, u64), TransportError> {
        let offset = self.offset.or_zero();
        let number = |n: u32| match self.settings.query.page_numbers {
            NumberStyle::Number => serde_json::Value::from(n),
            NumberStyle::String => serde_json::Value::from(n.to_string()),
        };
        let plain = serde_json::json!({
            "startTime": format_time(query.from.saturating_add(offset)),
            "endTime": format_time(query.to.saturating_add(offset)),
            "page": number(page),
            "limit": number(self.settings.query.limit),
            "tableName": query.table,
        })
        .to_string();
        let form = self.settings.query.body == QueryBody::Form;
        let reply = self.data_call(&self.settings.paths.results, plain.as_bytes(), form, None).await?;
        let count = whole(&reply.count).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let items = parse_results(&reply.data).ok_or_else(|| TransportError {
            fate: Fate::NotSent,
            class: FaultClass::Transient,
            reach: Reach::Table,
            text: Text::new("结果查询的应答不是列表", "the answer to the result query is no list"),
        })?;
        Ok((items, count))
    }
}

/// Four characters out of letters and digits.
fn four(roll: u64) -> String {
    const SIGNS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..4).map(|i| char::from(SIGNS[(roll >> (16 * i)) as usize % 62])).collect()
}

fn http_fault(error: &reqwest::Error) -> TransportError {
    let never_left = error.is_connect() || error.is_builder();
    let what = if error.is_timeout() { ("超时", "timed out") } else { ("中断", "was cut") };
    let (fate, text) = if never_left {
        (
            Fate::NotSent,
            Text::new(
                "无法连接平台：请检查网络、域名解析与防火墙",
                "the platform cannot be reached: check network, name resolution and firewall",
            ),
        )
    } else {
        (
            Fate::Lost,
            Text::new(
                format!("请求{}，平台可能已收到", what.0),
                format!("the call {}; the platform may have received it", what.1),
            ),
        )
    };
    TransportError { fate, class: FaultClass::Transient, reach: Reach::Upstream, text }
}

/// Reads a reply by its status and body.
fn read_reply<T: DeserializeOwned>(answer: &Answer) -> Result<T, TransportError> {
    let status = answer.status;
    let error = |fate, class, reach, zh: &str, en: &str| TransportError {
        fate,
        class,
        reach,
        text: Text::new(format!("{zh}（HTTP {}）", status.as_u16()), format!("{en} (HTTP {})", status.as_u16())),
    };
    if status.is_server_error() {
        return Err(error(Fate::Lost, FaultClass::Transient, Reach::Upstream, "平台出错", "the platform failed"));
    }
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            return Err(error(
                Fate::NotSent,
                FaultClass::Throttled,
                Reach::Upstream,
                "平台要求放慢",
                "the platform asks for less",
            ));
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            return Err(error(
                Fate::Refused,
                FaultClass::Data,
                Reach::Batch,
                "一批太大，将分批重发",
                "the batch is too large; it is sent in parts",
            ));
        }
        _ => {}
    }
    if let Ok(reply) = serde_json::from_slice(&answer.body) {
        return Ok(reply);
    }
    Err(match status {
        StatusCode::UNAUTHORIZED => error(
            Fate::NotSent,
            FaultClass::Credentials,
            Reach::Upstream,
            "平台不认可令牌",
            "the platform does not accept the token",
        ),
        StatusCode::FORBIDDEN => error(
            Fate::NotSent,
            FaultClass::Configuration,
            Reach::Upstream,
            "平台拒绝访问：请核对白名单与账号",
            "the platform refuses access: check white-list and account",
        ),
        s if s.is_success() => {
            error(Fate::Lost, FaultClass::Transient, Reach::Upstream, "应答无法读懂", "the answer cannot be read")
        }
        _ => error(
            Fate::NotSent,
            FaultClass::Configuration,
            Reach::Upstream,
            "地址不对：请核对 base_url、prefix 与 paths",
            "wrong address: check base_url, prefix and paths",
        ),
    })
}

#[async_trait::async_trait]
impl Transport for Client {
    fn limits(&self) -> Limits {
        Limits {
            rows: self.settings.batch_rows(),
            bytes: self.settings.batch_bytes(),
            dedupes: false,
            spacing: Some(std::time::Duration::from_secs(1)),
            margin: self.settings.network.timeout.0.saturating_add(GATE),
            unsettled: None,
        }
    }

    fn style(&self) -> &Style {
        &self.style
    }

    async fn submit(&self, batch: &WireBatch<'_>) -> Result<Reply, TransportError> {
        let plain = submit_plain(batch.table, batch.rows);
        let reply = self.data_call(&self.settings.paths.submit, &plain, false, Some(batch.sign_before)).await?;
        let time = match &reply.data {
            serde_json::Value::Object(map) => map.get("time").and_then(|t| t.as_str()).unwrap_or_default(),
            serde_json::Value::String(text) => text.as_str(),
            _ => "",
        };
        match parse_time(time).first() {
            Some(at) => Ok(Reply::Accepted { mark: format_time(*at) }),
            // Accepted, and the one thing that names the batch is missing: the same as a lost answer.
            None => Err(TransportError {
                fate: Fate::Lost,
                class: FaultClass::Transient,
                reach: Reach::Table,
                text: Text::new("平台接收了数据但应答没有时间", "the platform accepted the rows but its answer has no time"),
            }),
        }
    }

    async fn verdicts(&self, query: &VerdictQuery<'_>) -> Result<Vec<ResultItem>, TransportError> {
        let mut seen = std::collections::HashSet::new();
        let mut out: Vec<ResultItem> = Vec::new();
        for page in 1..=self.settings.query.max_pages {
            let (items, count) = self.page(query, page).await?;
            let got = items.len();
            let mut fresh = 0;
            for item in items {
                // Without an id a repeated page cannot be told from equal results, so the whole item stands for one.
                let name = if item.id.is_empty() { format!("{item:?}") } else { item.id.clone() };
                if seen.insert(name) {
                    fresh += 1;
                    if item.table == query.table {
                        out.push(item);
                    }
                }
            }
            // A short page is the last one, unless the platform counts more: it may give fewer than `limit` a page. One
            // that passes over `page` gives the same results again.
            let short = got < self.settings.query.limit as usize && seen.len() as u64 >= count;
            if short || fresh == 0 {
                return Ok(out);
            }
        }
        Err(TransportError {
            fate: Fate::NotSent,
            class: FaultClass::Transient,
            reach: Reach::Table,
            text: Text::new(
                "结果太多，未能读完；请调高 query.max_pages",
                "too many results to read to the end; raise query.max_pages",
            ),
        })
    }

    fn clock_offset(&self) -> Option<Millis> {
        self.offset.known()
    }

    async fn check(&self) -> Result<Vec<Text>, TransportError> {
        self.session(None).await?;
        let now = self.now();
        self.page(&VerdictQuery { table: "", from: now - 60_000, to: now }, 1).await?;
        let offset = self.offset.or_zero();
        Ok(vec![
            Text::new("登录成功", "login accepted"),
            Text::new(format!("时钟偏差 {offset} 毫秒"), format!("clock offset {offset} ms")),
            Text::new("加密与签名被接受", "cipher and signature accepted"),
        ])
    }
}
