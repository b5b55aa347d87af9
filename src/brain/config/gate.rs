//! Settings of what a data call must carry.

use serde::Deserialize;

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
