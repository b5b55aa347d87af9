//! Settings of the reference platform.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

/// Settings of the reference platform. Every field has a default; only accounts must be named.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrainConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The path before the calls; empty for none.
    pub prefix: String,
    /// Where rows, effects and batches are kept; in memory when absent.
    pub directory: Option<PathBuf>,
    /// The edition that rows are judged by.
    pub edition: String,
    /// A directory that replaces the embedded schemas.
    pub schemas: Option<PathBuf>,
    /// The schools that may report.
    pub accounts: Vec<Account>,
    /// Token calls.
    pub login: LoginConfig,
    /// What a data call must carry.
    pub gate: GateConfig,
    /// How rows are judged and kept.
    pub rows: RowsConfig,
    /// How results are given.
    pub results: ResultsConfig,
    /// Whether the control endpoint `/brain/…` answers, to this machine only.
    pub control: bool,
    /// Whether a refusal also shows in the HTTP status; else that is always 200.
    pub refusal_status: bool,
}

impl Default for BrainConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            prefix: "/prod-api4".to_owned(),
            directory: None,
            edition: "gaozhi-2024.09".to_owned(),
            schemas: None,
            accounts: Vec::new(),
            login: LoginConfig::default(),
            gate: GateConfig::default(),
            rows: RowsConfig::default(),
            results: ResultsConfig::default(),
            control: true,
            refusal_status: false,
        }
    }
}

impl BrainConfig {
    /// The JSON Schema of these settings.
    pub fn schema() -> serde_json::Value {
        // The text is part of the program; a test parses it.
        serde_json::from_str(include_str!("config.schema.json")).unwrap_or_default()
    }

    /// Defaults with one account of well-known credentials ([`Account::sandbox`]).
    pub fn sandbox(school_code: &str) -> Self {
        Self { accounts: vec![Account::sandbox(school_code)], ..Self::default() }
    }
}

/// A secret: never printed.
#[derive(Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for use and not for printing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(withheld)")
    }
}

/// A school's account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Client number, sent in both token calls; accounts may share one.
    #[serde(default = "first_client")]
    pub client_id: String,
    /// Client secret, given in the login reply and wanted back in `refresh`.
    #[serde(default)]
    pub client_secret: Secret,
    /// User name; tells accounts apart.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// Given in the login reply; the SM4 key comes from it.
    pub app_secret: Secret,
    /// The `app_key` header that the data calls must carry; often the same as `app_secret`.
    pub app_key: Secret,
    /// The school's national code; rows that state another one are refused. Empty: any code goes.
    #[serde(default)]
    pub school_code: String,
    /// Addresses that may call; empty means any.
    #[serde(default)]
    pub white_list: Vec<IpAddr>,
    /// The name of the reporting system, `sysName` of its results.
    #[serde(default)]
    pub system_name: String,
}

fn first_client() -> String {
    "1".to_owned()
}

impl Account {
    /// An account of well-known credentials, for sandboxes and tests.
    pub fn sandbox(school_code: &str) -> Self {
        Self {
            client_id: first_client(),
            client_secret: Secret::new("sandbox-client-secret"),
            username: format!("school-{school_code}"),
            password: Secret::new("sandbox-password"),
            app_secret: Secret::new("0123456789abcdef"),
            app_key: Secret::new("0123456789abcdef"),
            school_code: school_code.to_owned(),
            white_list: Vec::new(),
            system_name: "校枢沙箱".to_owned(),
        }
    }
}

/// Token calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginConfig {
    /// Which login is taken.
    pub style: LoginStyle,
    /// The padding of RSA blocks.
    pub padding: RsaPadding,
    /// The form of the parameters inside the RSA blocks.
    pub parameters: LoginParameters,
    /// Size of the RSA key, made at first use.
    pub rsa_bits: usize,
    /// Whether the login reply names `app_key` beside `app_secret`.
    pub app_key_in_reply: bool,
    /// Whether replies are spelled in camelCase.
    pub camel_case: bool,
    /// Life of a token in seconds.
    pub token_life_s: u64,
    /// Life of a refresh token in seconds.
    pub refresh_life_s: u64,
    /// Whether a new login ends the account's earlier tokens.
    pub single_session: bool,
    /// Whether the white-list holds for the token calls as well.
    pub white_list: bool,
}

impl Default for LoginConfig {
    fn default() -> Self {
        Self {
            style: LoginStyle::Either,
            padding: RsaPadding::OaepSha256,
            parameters: LoginParameters::Any,
            rsa_bits: 2048,
            app_key_in_reply: false,
            camel_case: false,
            token_life_s: 7199,
            refresh_life_s: 2_591_999,
            single_session: false,
            white_list: false,
        }
    }
}

/// Which login is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginStyle {
    /// Plain form fields, as in 2023.
    Plain,
    /// One field `cipherText`, RSA, as in 2024.
    Rsa,
    /// Both.
    Either,
}

/// The padding of RSA blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RsaPadding {
    /// OAEP, SHA-256 for label and mask.
    #[serde(rename = "oaep_sha256")]
    OaepSha256,
    /// PKCS#1 v1.5.
    #[serde(rename = "pkcs1v15")]
    Pkcs1V15,
}

/// The form of the parameters inside the RSA blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginParameters {
    /// `a=1&b=2`, percent-encoded.
    Form,
    /// `a=1&b=2`, as they are.
    Raw,
    /// A JSON object.
    Json,
    /// JSON where it begins like that, else percent-encoded.
    Any,
}

/// What a data call must carry.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// How far `timestamps` may be off, in seconds.
    pub clock_s: u64,
    /// How the 16 bytes of the SM4 key come from `app_secret`.
    pub key_cut: Sm4KeyCut,
    /// How that part of `app_secret` stands for bytes.
    pub key_code: TextCode,
    /// How `cipherText` is written.
    pub cipher_code: CipherCode,
    /// Whether `sign` is in upper case.
    pub sign_upper: bool,
    /// The form of the `Authorization` header.
    pub token_header: TokenHeader,
    /// Largest body in bytes.
    pub body_bytes: usize,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            clock_s: 30,
            key_cut: Sm4KeyCut::Whole,
            key_code: TextCode::Utf8,
            cipher_code: CipherCode::Hex,
            sign_upper: false,
            token_header: TokenHeader::Raw,
            body_bytes: 64 << 20,
        }
    }
}

/// How the 16 bytes of the SM4 key come from `app_secret`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sm4KeyCut {
    /// All of it.
    Whole,
    /// Its characters 5 to 20, counted from 1.
    #[serde(rename = "chars_5_20")]
    Chars5To20,
}

/// How a text stands for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextCode {
    /// Its UTF-8 bytes.
    Utf8,
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

/// How `cipherText` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CipherCode {
    /// Hexadecimal digits of either case.
    Hex,
    /// Base64.
    Base64,
}

/// The form of the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenHeader {
    /// The token as it is.
    Raw,
    /// `Bearer` and the token.
    Bearer,
}

/// How rows are judged and kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RowsConfig {
    /// Whether every field of the table must be in each row, null where there is nothing.
    pub all_fields: bool,
    /// What is expected in fields that must be sealed before reporting.
    pub sealed: SealedFields,
    /// The form of date-times.
    pub date_time: TimesConfig,
    /// Whether a deleted row lives again when it is sent without the deletion.
    pub revive: bool,
    /// Most rows in one submit; 0 means any number.
    pub max_rows: usize,
}

impl Default for RowsConfig {
    fn default() -> Self {
        Self { all_fields: true, sealed: SealedFields::Opaque, date_time: TimesConfig::Edition, revive: true, max_rows: 0 }
    }
}

/// What is expected in fields that must be sealed before reporting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealedFields {
    /// Something sealed: any text, only its presence is checked.
    Opaque,
    /// The plain value, checked like every other.
    Plain,
}

/// The form of date-times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimesConfig {
    /// As the edition prints it.
    Edition,
    /// `YYYYMMDD hhmmss`.
    Blank,
    /// `YYYYMMDDhhmmss`.
    Joined,
    /// Both.
    Either,
}

/// How results are given.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResultsConfig {
    /// Seconds from a submit to its verdict; 0 = at once.
    pub delay_s: u64,
    /// The ordinal of the first row in `num`: 0 or 1.
    pub num_base: u8,
    /// Whether `remark` names the primary key.
    pub pk_value: bool,
    /// The `state` of a partly stored batch.
    pub partly_state: String,
    /// Whether `returnCount` is the number of all matching results, not of those on the page.
    pub count_total: bool,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// The older form: `remark` in plain text, no `state`.
    pub plain_remark: bool,
    /// The zone that `timestamps` shows.
    pub zone: ZoneStyle,
    /// Which form of the query is taken.
    pub body: ResultsBody,
    /// How `page` and `limit` must be written.
    pub pages: PageStyle,
    /// Most results on a page, whatever `limit` says.
    pub page_rows: u32,
}

impl Default for ResultsConfig {
    fn default() -> Self {
        Self {
            delay_s: 0,
            num_base: 1,
            pk_value: true,
            partly_state: "0".to_owned(),
            count_total: false,
            newest_first: false,
            plain_remark: false,
            zone: ZoneStyle::Colon,
            body: ResultsBody::Either,
            pages: PageStyle::Either,
            page_rows: 1000,
        }
    }
}

/// The zone that `timestamps` shows; the time itself is always China's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneStyle {
    /// `+08:00`.
    Colon,
    /// `+0800`.
    Compact,
    /// None.
    Absent,
}

/// Which form of the result query is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultsBody {
    /// JSON.
    Json,
    /// A form with the field `cipherText`.
    Form,
    /// Both.
    Either,
}

/// How `page` and `limit` must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageStyle {
    /// As numbers.
    Number,
    /// As texts.
    Text,
    /// Both.
    Either,
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    /// A settings document that says every default of the schema aloud.
    fn spelled(schema: &Value) -> Value {
        let mut out = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if property["type"] == "object" {
                out.insert(name.clone(), spelled(property));
            } else if let Some(default) = property.get("default") {
                out.insert(name.clone(), default.clone());
            }
        }
        Value::Object(out)
    }

    fn account() -> Value {
        json!({"username": "u", "password": "p", "app_secret": "0123456789abcdef", "app_key": "k", "white_list": ["203.0.113.9"]})
    }

    #[test]
    fn the_schema_tells_the_true_defaults() {
        let mut document = spelled(&BrainConfig::schema());
        document["accounts"] = json!([account()]);
        let spelled: BrainConfig = serde_json::from_value(document).unwrap();
        let silent: BrainConfig = serde_json::from_value(json!({"accounts": [account()]})).unwrap();
        assert_eq!(format!("{spelled:?}"), format!("{silent:?}"));
    }

    #[test]
    fn schema_and_settings_take_and_refuse_the_same() {
        let schema = jsonschema::validator_for(&BrainConfig::schema()).unwrap();
        let with = |path: &[&str], value: Value| {
            let mut document = json!({"accounts": [account()], "login": {}, "gate": {}, "rows": {}, "results": {}});
            let mut at = &mut document;
            for name in path {
                at = &mut at[*name];
            }
            *at = value;
            document
        };
        let good = [
            with(&["login", "style"], json!("rsa")),
            with(&["login", "padding"], json!("pkcs1v15")),
            with(&["gate", "key_cut"], json!("chars_5_20")),
            with(&["gate", "key_code"], json!("base64")),
            with(&["gate", "cipher_code"], json!("base64")),
            with(&["gate", "token_header"], json!("bearer")),
            with(&["login", "parameters"], json!("raw")),
            with(&["rows", "sealed"], json!("plain")),
            with(&["rows", "date_time"], json!("either")),
            with(&["results", "zone"], json!("compact")),
            with(&["results", "body"], json!("form")),
            with(&["results", "pages"], json!("text")),
            with(&["directory"], json!("/var/lib/brain")),
        ];
        for document in good {
            assert!(schema.is_valid(&document), "{document}");
            assert!(serde_json::from_value::<BrainConfig>(document.clone()).is_ok(), "{document}");
        }
        let bad = [
            with(&["unknown"], json!(1)),
            with(&["login", "unknown"], json!(1)),
            with(&["login", "style"], json!("2024")),
            with(&["results", "zone"], json!("utc")),
            with(&["results", "delay_s"], json!(-1)),
            with(&["control"], json!("yes")),
            with(&["accounts"], json!([{"username": "u"}])),
        ];
        for document in bad {
            assert!(!schema.is_valid(&document), "{document}");
            assert!(serde_json::from_value::<BrainConfig>(document.clone()).is_err(), "{document}");
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let printed = format!("{:?}", Account::sandbox("4111010001"));
        for secret in ["sandbox-password", "0123456789abcdef", "sandbox-client-secret"] {
            assert!(!printed.contains(secret));
        }
    }
}
