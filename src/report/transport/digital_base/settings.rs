//! Settings of one upstream of this kind. What the standard leaves open is here, with a sound default.

use std::net::IpAddr;

use serde::Deserialize;

use super::seal::{KeyCut, TextCode};
use crate::finding::Text;
use crate::report::render::{NumberStyle, Style};
use crate::report::setting::{Acceptance, Period, Secret};
use crate::report::transport::Rows;

/// Rows a batch unless set.
const BATCH_ROWS: u32 = 500;
/// Bytes a batch unless set.
const BATCH_BYTES: u64 = 1 << 20;

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `http(s)://host:port`, as the account e-mail names it.
    pub base_url: String,
    /// Put between address and paths; empty for platforms of 2023.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// The account.
    pub username: Secret,
    /// Its password.
    pub password: Secret,
    /// OAuth client id.
    #[serde(default = "client_id")]
    pub client_id: String,
    /// Login.
    #[serde(default)]
    pub login: Login,
    /// Sealing and signing of data calls.
    #[serde(default)]
    pub seal: Seal,
    /// Header names and style.
    #[serde(default)]
    pub headers: Headers,
    /// Paths behind the prefix.
    #[serde(default)]
    pub paths: Paths,
    /// How rows look.
    #[serde(default)]
    pub rows: Rows,
    /// The result query.
    #[serde(default)]
    pub query: Query,
    /// The way there.
    #[serde(default)]
    pub network: Network,
    /// Plain http was accepted knowingly.
    #[serde(default)]
    pub plain_http: Option<Acceptance>,
    /// Write the measured offset into `timestamps`. Beyond 20 s nothing is sent either way.
    #[serde(default = "yes")]
    pub correct_clock: bool,
}

/// How to log in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Login {
    /// Plain form fields (2023), or RSA (2024).
    pub style: LoginStyle,
    /// The RSA public key, PEM or base64 DER; fetched from the platform when absent.
    pub rsa_key: Option<String>,
    /// RSA padding.
    pub padding: Padding,
    /// How the parameters are put into the cipher text.
    pub parameters: Parameters,
    /// Use the refresh call before logging in anew.
    pub refresh: bool,
    /// How long before its end a token is replaced.
    pub margin: Option<Period>,
}

/// Login style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginStyle {
    /// Four plain form fields.
    Plain,
    /// One encrypted form field.
    #[default]
    Rsa,
}

/// RSA padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// OAEP with SHA-256, MGF1 with SHA-256.
    #[default]
    OaepSha256,
    /// PKCS#1 v1.5.
    Pkcs1v15,
}

/// Form of the encrypted parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameters {
    /// `a=1&b=2`, percent-encoded.
    #[default]
    Form,
    /// `a=1&b=2`, as they are.
    Raw,
    /// A JSON object.
    Json,
}

/// Sealing and signing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Seal {
    /// Which part of `app_secret` is the key.
    pub key_cut: KeyCut,
    /// How that part stands for bytes.
    pub key_code: TextCode,
    /// How the cipher text is written: `hex` or `base64`.
    pub output: Output,
    /// Hexadecimal digits (cipher text and signature) in upper case.
    pub upper: bool,
    /// Where `app_key` comes from.
    pub app_key: AppKey,
}

/// Form of the cipher text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64.
    Base64,
}

/// Where `app_key` comes from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum AppKey {
    /// The login reply; where that has none, `otherwise`; where that is not set, `app_secret`.
    #[default]
    #[serde(skip)]
    ReplyOrSecret,
    /// The login reply, else this value, else `app_secret`.
    Reply {
        /// Used when the reply has none.
        #[serde(default)]
        otherwise: Option<Secret>,
    },
    /// This value.
    Setting {
        /// The value.
        value: Secret,
    },
    /// The same as `app_secret`.
    AppSecret {},
}

/// Header names and style.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Headers {
    /// The token's header.
    pub authorization: String,
    /// `Bearer ` before the token.
    pub bearer: bool,
    /// The application's header.
    pub app_key: String,
    /// The time's header.
    pub timestamps: String,
    /// The free part's header.
    pub random: String,
    /// The signature's header.
    pub sign: String,
}

impl Default for Headers {
    fn default() -> Self {
        Self {
            authorization: "Authorization".into(),
            bearer: false,
            app_key: "app_key".into(),
            timestamps: "timestamps".into(),
            random: "random".into(),
            sign: "sign".into(),
        }
    }
}

/// Paths behind the prefix.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// Token.
    pub token: String,
    /// Refresh.
    pub refresh: String,
    /// Submit.
    pub submit: String,
    /// Results.
    pub results: String,
    /// RSA public key.
    pub rsa: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            token: "/api/web/auth/login/interface/oauth".into(),
            refresh: "/api/web/auth/login/interface/refresh".into(),
            submit: "/api/web/convergence/collect/interface/saveInterfaceData".into(),
            results: "/api/web/convergence/collect/interface/getResultsByTime".into(),
            rsa: "/api/web/auth/login/getRSA".into(),
        }
    }
}

/// The result query.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// Body as JSON, or as a form (2023).
    pub body: QueryBody,
    /// `page` and `limit` as numbers or texts.
    pub page_numbers: NumberStyle,
    /// Results a page.
    pub limit: u32,
    /// At most so many pages a query; a longer answer counts as incomplete.
    pub max_pages: u32,
}

impl Default for Query {
    fn default() -> Self {
        Self { body: QueryBody::Json, page_numbers: NumberStyle::Number, limit: 100, max_pages: 1000 }
    }
}

/// Body of the result query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryBody {
    /// JSON.
    #[default]
    Json,
    /// A form.
    Form,
}

/// The way there.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Local address to send from (the one on the white-list).
    pub bind: Option<IpAddr>,
    /// `http://…` or `socks5://…`.
    pub proxy: Option<String>,
    /// PEM file with further certificate authorities.
    pub ca_file: Option<String>,
    /// Time to connect.
    pub connect_timeout: Period,
    /// Time for one call.
    pub timeout: Period,
}

impl Default for Network {
    fn default() -> Self {
        Self { bind: None, proxy: None, ca_file: None, connect_timeout: Period::secs(10), timeout: Period::secs(60) }
    }
}

fn prefix() -> String {
    "/prod-api4".into()
}

fn client_id() -> String {
    "1".into()
}

fn yes() -> bool {
    true
}

impl Settings {
    /// Reads and checks the settings of one upstream (`kind` and `delivery` are passed over).
    ///
    /// # Errors
    /// What is wrong, and the remedy.
    pub fn read(value: &serde_json::Value) -> Result<Self, Text> {
        let mut own = value.clone();
        if let Some(map) = own.as_object_mut() {
            map.remove("kind");
            map.remove("delivery");
        }
        let settings: Self = serde_json::from_value(own)
            .map_err(|error| Text::new(format!("设置有误：{error}"), format!("bad settings: {error}")))?;
        settings.check_address()?;
        if settings.batch_rows() == 0 || settings.query.limit == 0 || settings.query.max_pages == 0 {
            return Err(Text::new(
                "rows.batch_rows、query.limit 与 query.max_pages 至少为 1",
                "rows.batch_rows, query.limit and query.max_pages must be at least 1",
            ));
        }
        Ok(settings)
    }

    fn check_address(&self) -> Result<(), Text> {
        let url = reqwest::Url::parse(&self.base_url).map_err(|error| {
            Text::new(
                format!("base_url 不是网址（{error}）；应为 http(s)://主机:端口"),
                format!("base_url is no address ({error}); it must be http(s)://host:port"),
            )
        })?;
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.plain_http.as_ref().is_some_and(Acceptance::is_whole) => Ok(()),
            "http" => Err(Text::new(
                "base_url 是明文 http：令牌在网络上可被读取；请改用 https，或在设置中记录 plain_http = { by, date, reason }",
                "base_url is plain http: the token can be read on the way; use https, or record plain_http = { by, date, reason } in the settings",
            )),
            other => Err(Text::new(
                format!("base_url 的协议 {other} 不支持；应为 https 或 http"),
                format!("base_url has scheme {other}; it must be https or http"),
            )),
        }
    }

    /// The address of a path.
    pub(super) fn url(&self, path: &str) -> String {
        let prefix = self.prefix.trim_matches('/');
        let base = self.base_url.trim_end_matches('/');
        let path = path.trim_start_matches('/');
        if prefix.is_empty() { format!("{base}/{path}") } else { format!("{base}/{prefix}/{path}") }
    }

    /// How rows look.
    pub(super) fn style(&self) -> Result<Style, Text> {
        self.rows.style(false)
    }

    /// Rows a batch.
    pub(super) fn batch_rows(&self) -> u32 {
        self.rows.batch_rows.unwrap_or(BATCH_ROWS)
    }

    /// Bytes a batch.
    pub(super) fn batch_bytes(&self) -> u64 {
        self.rows.batch_bytes.unwrap_or(BATCH_BYTES)
    }
}
