//! Settings of the token calls.

use serde::Deserialize;

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
