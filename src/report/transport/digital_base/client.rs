//! The client: one platform account, and what the hub asks of it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use reqwest::header::HeaderName;
use rsa::RsaPublicKey;
use tokio::sync::Mutex;

use super::login::{Session, read_key};
use super::offset::ClockOffset;
use super::results::{format_time, parse_results, parse_time};
use super::settings::{QueryBody, Settings};
use super::wire::{submit_plain, whole};
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
    pub(super) settings: Settings,
    style: Style,
    pub(super) context: TransportContext,
    pub(super) http: reqwest::Client,
    pub(super) offset: ClockOffset,
    /// Held while logging in, so that one login runs at a time.
    pub(super) session: Mutex<Option<Arc<Session>>>,
    pub(super) logins: AtomicU64,
    /// The key of the settings; without one it is fetched at each login, for the platform may change it.
    pub(super) rsa_key: Option<RsaPublicKey>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("upstream", &self.context.name).field("offset", &self.offset).finish_non_exhaustive()
    }
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

    pub(super) fn now(&self) -> Millis {
        self.context.clock.now()
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
