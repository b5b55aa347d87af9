//! Accounts, and secrets that are not printed.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;

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
    /// Token of streams; `app_secret` where it is not set.
    #[serde(default)]
    pub token: Option<Secret>,
    /// DNS name that the certificate of a hub must bear when it reports over mutual TLS.
    #[serde(default)]
    pub certificate: Option<String>,
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
            token: None,
            certificate: None,
        }
    }

    /// The token of streams.
    pub fn token(&self) -> &Secret {
        self.token.as_ref().unwrap_or(&self.app_secret)
    }

    /// Whose rows these are: an account without a school code is a school of its own.
    pub fn school(&self) -> &str {
        if self.school_code.is_empty() { &self.username } else { &self.school_code }
    }
}
