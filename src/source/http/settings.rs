//! The settings of an `http` source; the schema beside this file says what they mean.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use encoding_rs::Encoding;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::auth::Auth;
use super::paging::Paging;
use super::since::Incremental;
use crate::source::{Guest, SourceError, SourcePlace};

/// One source. Not printable: it holds secrets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    plain_http: Option<Value>,
    #[serde(rename = "guest")]
    _guest: Option<Guest>,
    url: String,
    #[serde(default)]
    pub auth: Auth,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    answer: Value,
    paging: Option<Paging>,
    pub objects: BTreeMap<String, ObjectSettings>,
    pub charset: Option<String>,
    pub proxy: Option<String>,
    pub tls_ca: Option<PathBuf>,
    #[serde(default)]
    pub limits: Limits,
}

/// Bounds.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    pub requests_per_second: Option<f64>,
    timeout: u64,
    longest_wait: u64,
    pub attempts: u32,
    pub body_bytes: usize,
    pub pages: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: None,
            timeout: 60,
            longest_wait: 60,
            attempts: 3,
            body_bytes: 64 * 1024 * 1024,
            pages: 100_000,
        }
    }
}

impl Limits {
    /// How long one answer may take, to its last byte.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// The longest wait that a server may ask for before the read is given up.
    pub fn longest_wait(&self) -> Duration {
        Duration::from_secs(self.longest_wait)
    }
}

/// One object as written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectSettings {
    path: String,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    parameters: Map<String, Value>,
    send: Option<Send>,
    columns: Option<Vec<String>>,
    #[serde(default)]
    answer: Value,
    paging: Option<Paging>,
    #[serde(default)]
    complete: Complete,
    incremental: Option<Incremental>,
}

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Method {
    /// Nothing in the body.
    #[default]
    Get,
    /// Parameters in the body, unless told otherwise.
    Post,
}

/// Where parameters stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Send {
    /// Behind the `?`.
    Query,
    /// A JSON object as the body.
    Json,
    /// A form as the body.
    Form,
}

/// What has to hold for a row that did not come to be known as gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Complete {
    /// Only an answer of one page shows everything.
    #[default]
    Never,
    /// The interface is stated to page over what does not shift.
    Stable,
    /// All pages are asked for twice and must be the same.
    Twice,
}

/// What an answer looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Shape {
    pub rows: String,
    pub total: Option<String>,
    pub success: Option<Success>,
    pub message: Option<String>,
    pub credentials: Vec<String>,
    pub throttled: Vec<String>,
    pub transient: Vec<String>,
}

/// Which field says that all is well.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Success {
    pub at: String,
    pub is: Vec<String>,
}

/// One object, ready to be asked for.
#[derive(Clone)]
pub(super) struct Object {
    pub name: String,
    pub url: Url,
    pub method: Method,
    pub send: Send,
    pub parameters: Map<String, Value>,
    pub columns: Option<Vec<String>>,
    pub shape: Shape,
    pub paging: Paging,
    pub complete: Complete,
    pub incremental: Option<Incremental>,
}

impl Settings {
    /// Settings of one source.
    pub fn of(place: &SourcePlace<'_>) -> Result<Self, SourceError> {
        let mut settings: Self = crate::source::parse_settings(place)?;
        settings.tls_ca = settings.tls_ca.map(|file| place.base.join(file));
        settings.auth.check().map_err(|what| wrong(place, what))?;
        let open = |url: &str| url.to_ascii_lowercase().starts_with("http://");
        let exposed = settings.auth.grant().is_some_and(|grant| open(&grant.url));
        if exposed && settings.plain_http.is_none() {
            return Err(wrong(place, "`auth.url` is plain http, which nobody has accepted (plain_http)".into()));
        }
        if settings.charset.as_deref().is_some_and(|name| Encoding::for_label(name.as_bytes()).is_none()) {
            return Err(wrong(place, "`charset` names no known encoding".into()));
        }
        Ok(settings)
    }

    /// The charset, when it is fixed.
    pub fn encoding(&self) -> Option<&'static Encoding> {
        Encoding::for_label(self.charset.as_deref()?.as_bytes())
    }

    /// One object with what it has in common with the others.
    pub fn object(&self, place: &SourcePlace<'_>, name: &str) -> Result<Object, SourceError> {
        let Some(own) = self.objects.get(name) else {
            let known: Vec<&str> = self.objects.keys().map(String::as_str).collect();
            return Err(SourceError::Settings {
                source_name: place.name.clone(),
                what: format!("the settings declare no object {name}"),
                remedy: format!("declare it in [sources.{}.objects], or name one of: {}", place.name, known.join(", ")),
            });
        };
        let bad = |what: String| wrong(place, format!("objects.{name}: {what}"));
        let whole = match own.path.is_empty() {
            true => self.url.clone(),
            false => format!("{}/{}", self.url.trim_end_matches('/'), own.path.trim_start_matches('/')),
        };
        let mut url = Url::parse(&whole).map_err(|_| bad("`url` with `path` is no address".into()))?;
        let mut parameters = Map::new();
        for (name, value) in url.query_pairs() {
            parameters.insert(name.into_owned(), Value::String(value.into_owned()));
        }
        url.set_query(None);
        parameters.extend(own.parameters.clone());
        let paging = own.paging.clone().or_else(|| self.paging.clone()).unwrap_or_default();
        paging.check().map_err(|what| bad(what.into()))?;
        if let Some(incremental) = &own.incremental {
            incremental.check().map_err(|what| bad(what.into()))?;
        }
        let shape = serde_json::from_value(merged(&self.answer, &own.answer)).map_err(|_| bad("`answer` is wrong".into()))?;
        Ok(Object {
            name: name.to_owned(),
            url,
            method: own.method,
            send: own.send.unwrap_or(if own.method == Method::Get { Send::Query } else { Send::Json }),
            parameters,
            columns: own.columns.clone(),
            shape,
            paging,
            complete: own.complete,
            incremental: own.incremental.clone(),
        })
    }
}

impl Object {
    /// Tells objects apart whose pages hold other rows under the same name.
    pub fn fingerprint(&self) -> u64 {
        let parameters = Value::Object(self.parameters.clone());
        let text = format!("{}|{parameters}|{:?}|{:?}|{:?}", self.url, self.columns, self.shape, self.paging);
        xxhash_rust::xxh3::xxh3_64(text.as_bytes())
    }
}

fn merged(common: &Value, own: &Value) -> Value {
    let mut all = common.as_object().cloned().unwrap_or_default();
    all.extend(own.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

fn wrong(place: &SourcePlace<'_>, what: String) -> SourceError {
    SourceError::Settings { source_name: place.name.clone(), what, remedy: "correct the source's settings".into() }
}
