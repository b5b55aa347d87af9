//! Settings of the reference platform.

mod account;
mod effects;
mod gate;
mod grpc;
mod kafka;
mod login;
mod results;
mod rows;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

pub use account::{Account, Secret};
pub use effects::EffectsConfig;
pub use gate::{CipherCode, GateConfig, Sm4KeyCut, TextCode, TokenHeader};
pub use grpc::GrpcConfig;
pub use kafka::KafkaConfig;
pub use login::{LoginConfig, LoginParameters, LoginStyle, RsaPadding};
pub use results::{PageStyle, ResultsBody, ResultsConfig, ZoneStyle};
pub use rows::{DateTimes, RowsConfig, SealedFields};

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
    /// Where they are kept instead, when several platform processes share them.
    pub effects: EffectsConfig,
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
    /// Streams.
    pub grpc: GrpcConfig,
    /// Topics; none are read when absent.
    pub kafka: Option<KafkaConfig>,
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
            effects: EffectsConfig::default(),
            edition: "gaozhi-2024.09".to_owned(),
            schemas: None,
            accounts: Vec::new(),
            login: LoginConfig::default(),
            gate: GateConfig::default(),
            rows: RowsConfig::default(),
            results: ResultsConfig::default(),
            grpc: GrpcConfig::default(),
            kafka: None,
            control: true,
            refusal_status: false,
        }
    }
}

impl BrainConfig {
    /// The JSON Schema of these settings.
    pub fn schema() -> serde_json::Value {
        // The text is part of the program; a test parses it.
        serde_json::from_str(include_str!("schema.json")).unwrap_or_default()
    }

    /// Defaults with one account of well-known credentials ([`Account::sandbox`]).
    pub fn sandbox(school_code: &str) -> Self {
        Self { accounts: vec![Account::sandbox(school_code)], ..Self::default() }
    }
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
            let mut document =
                json!({"accounts": [account()], "effects": {}, "login": {}, "gate": {}, "rows": {}, "results": {}, "grpc": {}});
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
            with(&["grpc", "listen"], json!("127.0.0.1:0")),
            with(&["grpc", "tls"], json!({"cert": "a.pem", "key": "b.pem"})),
            with(&["directory"], json!("/var/lib/brain")),
            with(&["effects", "postgres"], json!("postgres://brain:invented@db.example.cn/brain")),
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
            with(&["grpc", "tls"], json!({"cert": "a.pem"})),
            with(&["control"], json!("yes")),
            with(&["effects", "sqlite"], json!("brain.sqlite")),
            with(&["effects", "connections"], json!("many")),
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
