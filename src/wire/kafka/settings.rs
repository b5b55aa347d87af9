//! Settings of a connection.

use std::fmt;
use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fault::Trouble;
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::wire::tls::Acceptance;

/// The names of a connection's settings, wherever they stand among others.
const NAMES: [&str; 10] = ["brokers", "security", "plaintext", "tls", "scram", "user", "password", "ca", "cert", "key"];

/// How a connection is protected and who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS, with a client certificate where one is set.
    #[default]
    Ssl,
    /// SASL PLAIN.
    SaslPlain,
    /// SASL SCRAM.
    SaslScram,
}

/// The hash of SCRAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scram {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    #[default]
    Sha512,
}

/// How to reach the brokers. It has no printed form for its password.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// `host:port` of some brokers; the others are learnt from them.
    pub brokers: Vec<String>,
    /// Protection.
    #[serde(default)]
    pub security: Security,
    /// An unencrypted line was accepted knowingly.
    #[serde(default)]
    pub plaintext: Option<Acceptance>,
    /// Whether SASL goes over TLS.
    #[serde(default = "yes")]
    pub tls: bool,
    /// The hash of SCRAM.
    #[serde(default)]
    pub scram: Scram,
    /// The account.
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    password: String,
    /// PEM file with the authorities of the brokers' certificates; the machine's own when absent.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// PEM file with the client's certificate.
    #[serde(default)]
    pub cert: Option<PathBuf>,
    /// PEM file with its key.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("brokers", &self.brokers).field("security", &self.security).finish_non_exhaustive()
    }
}

fn yes() -> bool {
    true
}

impl Connection {
    /// Takes a connection's settings out of those of a part.
    ///
    /// # Errors
    /// When they do not fit. The cause is not passed on: it could quote a secret.
    pub fn take(settings: &mut Map<String, Value>) -> Result<Self, Text> {
        let own: Map<String, Value> = NAMES.iter().filter_map(|n| Some(((*n).to_owned(), settings.remove(*n)?))).collect();
        let connection: Self = serde_json::from_value(Value::Object(own)).map_err(|_| {
            Text::new(
                "Kafka 连接设置有误（brokers、security、user、password、ca、cert、key 等）；请运行 xiaoshu check 逐项核对",
                "the Kafka connection settings do not fit (brokers, security, user, password, ca, cert, key …); run `xiaoshu check`, which names each",
            )
        })?;
        connection.whole()?;
        Ok(connection)
    }

    fn whole(&self) -> Result<(), Text> {
        if let Some(odd) = self.brokers.iter().find(|b| split_broker(b).is_none()) {
            return Err(Text::new(format!("brokers：{odd} 应为 主机:端口"), format!("brokers: {odd} must be host:port")));
        }
        if self.brokers.is_empty() {
            return Err(Text::new("brokers 不能为空", "brokers must name at least one broker"));
        }
        let sasl = matches!(self.security, Security::SaslPlain | Security::SaslScram);
        if sasl && (self.user.is_empty() || self.password.is_empty()) {
            return Err(Text::new("SASL 需要 user 与 password", "SASL needs user and password"));
        }
        if self.cert.is_some() != self.key.is_some() {
            return Err(Text::new("cert 与 key 须同时设置", "cert and key go together"));
        }
        self.possible(cfg!(feature = "kafka-tls"))
    }

    /// Whether a program can do it that was built with TLS for Kafka, or without: SCRAM's hashes come from the same library.
    fn possible(&self, with_tls: bool) -> Result<(), Text> {
        let needs_tls = self.encrypted() || self.security == Security::SaslScram;
        if needs_tls && !with_tls {
            return Err(Text::new(
                "本程序未带 Kafka 的 TLS 与 SCRAM：请用 cargo build --features kafka-tls 构建（需要 libssl-dev），或使用 security = \"plaintext\"",
                "this binary was built without TLS and SCRAM for Kafka: build it with `--features kafka-tls` (needs libssl-dev), or use security = \"plaintext\"",
            ));
        }
        Ok(())
    }

    /// Whether the line is encrypted.
    pub fn encrypted(&self) -> bool {
        match self.security {
            Security::Plaintext => false,
            Security::Ssl => true,
            Security::SaslPlain | Security::SaslScram => self.tls,
        }
    }

    /// Demands that an unencrypted line be accepted in the settings.
    ///
    /// # Errors
    /// When it is not.
    pub fn must_be_accepted(&self) -> Result<(), Text> {
        if self.encrypted() || self.plaintext.as_ref().is_some_and(Acceptance::is_whole) {
            return Ok(());
        }
        Err(Text::new(
            "与 Kafka 之间未加密：数据（及口令）在网络上可被读取；请改用 security = \"ssl\"，或在设置中记录 plaintext = { by, date, reason }",
            "the line to Kafka is not encrypted: records (and a password) can be read on the way; use security = \"ssl\", or record plaintext = { by, date, reason } in the settings",
        ))
    }

    /// The client's settings. Relative paths start from `base`.
    pub fn client(&self, base: &Path) -> ClientConfig {
        let mut config = ClientConfig::new();
        let protocol = match (self.security, self.encrypted()) {
            (Security::Plaintext, _) => "plaintext",
            (Security::Ssl, _) => "ssl",
            (_, true) => "sasl_ssl",
            (_, false) => "sasl_plaintext",
        };
        config.set("bootstrap.servers", self.brokers.join(",")).set("security.protocol", protocol);
        config.set("socket.keepalive.enable", "true").set("log.connection.close", "false");
        let mechanism = match (self.security, self.scram) {
            (Security::SaslPlain, _) => Some("PLAIN"),
            (Security::SaslScram, Scram::Sha256) => Some("SCRAM-SHA-256"),
            (Security::SaslScram, Scram::Sha512) => Some("SCRAM-SHA-512"),
            _ => None,
        };
        if let Some(mechanism) = mechanism {
            config.set("sasl.mechanism", mechanism);
            config.set("sasl.username", self.user.as_str()).set("sasl.password", self.password.as_str());
        }
        if self.encrypted() {
            let files =
                [("ssl.ca.location", &self.ca), ("ssl.certificate.location", &self.cert), ("ssl.key.location", &self.key)];
            for (name, path) in files {
                if let Some(path) = path {
                    config.set(name, base.join(path).to_string_lossy());
                }
            }
        }
        config
    }

    /// Adds what these settings may have to do with a connection that brokers end: who does not say who it is, is not told
    /// so in the handshake.
    pub(super) fn explain(&self, mut trouble: Trouble) -> Trouble {
        if trouble.class == FaultClass::Transient && self.encrypted() && self.cert.is_none() {
            trouble.text.zh.push_str("；若代理要求客户端证书，请设置 cert 与 key");
            trouble.text.en.push_str("; if the broker demands a client certificate, set cert and key");
        }
        trouble
    }

    /// A text without the password, should somebody have repeated it.
    pub fn scrub(&self, text: &str) -> String {
        if self.password.is_empty() { text.to_owned() } else { text.replace(&self.password, "***") }
    }
}

/// Host and port of a broker's address.
pub(super) fn split_broker(broker: &str) -> Option<(&str, u16)> {
    let (host, port) = broker.rsplit_once(':')?;
    (!host.is_empty()).then_some(())?;
    Some((host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::Connection;
    use serde_json::{Map, Value, json};

    fn take(value: Value) -> Result<Connection, String> {
        let mut map: Map<String, Value> = value.as_object().unwrap().clone();
        let taken = Connection::take(&mut map).map_err(|t| t.en);
        assert!(!map.contains_key("brokers") && map.contains_key("other"));
        taken
    }

    #[test]
    fn what_cannot_work_is_refused_and_secrets_are_not_repeated() {
        let cases = [
            (json!({"brokers": [], "security": "plaintext", "other": 1}), "at least one"),
            (json!({"brokers": ["kafka"], "security": "plaintext", "other": 1}), "host:port"),
            (json!({"brokers": ["k:9092"], "security": "sasl_plain", "tls": false, "user": "hub", "other": 1}), "password"),
            (json!({"brokers": ["k:9092"], "security": "plaintext", "cert": "a.pem", "other": 1}), "go together"),
            (json!({"brokers": ["k:9092"], "password": ["hunter2"], "other": 1}), "do not fit"),
        ];
        for (settings, want) in cases {
            let error = take(settings.clone()).err().unwrap();
            assert!(error.contains(want) && !error.contains("hunter2"), "{settings}: {error}");
        }
    }

    #[test]
    fn encryption_is_missing_only_knowingly() {
        let plain = json!({"brokers": ["k:9092"], "security": "plaintext", "other": 1});
        assert!(take(plain.clone()).unwrap().must_be_accepted().is_err());
        let mut accepted = plain;
        accepted["plaintext"] = json!({"by": "张三", "date": "2026-11-22", "reason": "同一机房"});
        assert!(take(accepted.clone()).unwrap().must_be_accepted().is_ok());
        accepted["plaintext"]["reason"] = json!(" ");
        assert!(take(accepted).unwrap().must_be_accepted().is_err());
    }

    #[test]
    fn tls_and_scram_need_a_binary_with_them() {
        let account = |security: &str, tls: bool| json!({"brokers": ["k:9092"], "security": security, "tls": tls, "user": "hub", "password": "hunter2"});
        let cases = [
            (json!({"brokers": ["k:9092"]}), true),
            (account("sasl_plain", true), true),
            (account("sasl_scram", true), true),
            (account("sasl_scram", false), true),
            (account("sasl_plain", false), false),
            (json!({"brokers": ["k:9092"], "security": "plaintext"}), false),
        ];
        for (settings, needs) in cases {
            let connection: Connection = serde_json::from_value(settings.clone()).unwrap();
            assert!(connection.possible(true).is_ok(), "{settings}");
            let refused = connection.possible(false).err().map(|text| text.en);
            assert_eq!(refused.is_some(), needs, "{settings}");
            assert!(refused.is_none_or(|text| text.contains("--features kafka-tls") && !text.contains("hunter2")));
        }
        // And this binary is asked.
        let taken = take(json!({"brokers": ["k:9092"], "other": 1}));
        assert_eq!(taken.is_ok(), cfg!(feature = "kafka-tls"), "{taken:?}");
    }

    #[test]
    fn a_password_is_printed_nowhere() {
        let settings = json!({"brokers": ["k:9092"], "security": "sasl_plain", "tls": false, "user": "hub",
            "password": "hunter2", "other": 1});
        let connection = take(settings).unwrap();
        assert!(!format!("{connection:?}").contains("hunter2"));
        assert_eq!(connection.scrub("login with hunter2 failed"), "login with *** failed");
    }
}
