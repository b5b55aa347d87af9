//! Sealing of single fields (identity numbers and the like) before they leave.
//!
//! The standard demands it and prints no method, so the method is a setting; until one is set nothing is sent.

use std::fmt;

use serde::Deserialize;

use super::setting::{Acceptance, Secret};
use super::transport::digital_base::{TextCode, sm3_hex, sm4_encrypt_ecb};
use crate::finding::Text;

/// How one field is sealed, as the settings say it.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum FieldSealConfig {
    /// SM4, ECB, PKCS#7.
    Sm4 {
        /// The 16-byte key.
        key: Secret,
        /// How the key is written.
        #[serde(default)]
        key_code: TextCode,
        /// How the cipher text is written.
        #[serde(default = "hex_code")]
        output: TextCode,
        /// Hexadecimal digits in upper case.
        #[serde(default)]
        upper: bool,
    },
    /// The SM3 digest: cannot be undone.
    Sm3 {
        /// Hexadecimal digits in upper case.
        #[serde(default)]
        upper: bool,
    },
    /// Sent as it is: the platform's operator said that the sealed body is enough.
    Plain {
        /// Who decided so, when and why.
        accepted: Acceptance,
    },
}

fn hex_code() -> TextCode {
    TextCode::Hex
}

/// A sealing method, ready to use.
pub struct FieldSeal(Method);

enum Method {
    Sm4 { key: [u8; 16], output: TextCode, upper: bool },
    Sm3 { upper: bool },
    Plain,
}

impl fmt::Debug for FieldSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Method::Sm4 { .. } => "sm4",
            Method::Sm3 { .. } => "sm3",
            Method::Plain => "plain",
        })
    }
}

impl FieldSeal {
    /// Makes the method ready.
    ///
    /// # Errors
    /// What is wrong with the setting of `field`.
    pub fn new(field: &str, config: &FieldSealConfig) -> Result<Self, Text> {
        Ok(Self(match config {
            FieldSealConfig::Sm4 { key, key_code, output, upper } => {
                let bytes = match key_code {
                    TextCode::Utf8 => Some(key.reveal().as_bytes().to_vec()),
                    TextCode::Hex => hex::decode(key.reveal()).ok(),
                    TextCode::Base64 => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, key.reveal()).ok(),
                };
                let key = bytes.and_then(|b| <[u8; 16]>::try_from(b).ok()).ok_or_else(|| {
                    Text::new(
                        format!("字段 {field} 的 SM4 密钥不是 16 字节；请检查 key 与 key_code"),
                        format!("the SM4 key of field {field} does not give 16 bytes; check key and key_code"),
                    )
                })?;
                if *output == TextCode::Utf8 {
                    return Err(Text::new(
                        format!("字段 {field}：密文只能写成 hex 或 base64"),
                        format!("field {field}: cipher text is written as hex or base64"),
                    ));
                }
                Method::Sm4 { key, output: *output, upper: *upper }
            }
            FieldSealConfig::Sm3 { upper } => Method::Sm3 { upper: *upper },
            FieldSealConfig::Plain { accepted } if accepted.is_whole() => Method::Plain,
            FieldSealConfig::Plain { .. } => {
                return Err(Text::new(
                    format!("字段 {field} 明文上报须写明由谁、何时、为何同意（accepted = {{ by, date, reason }}）"),
                    format!(
                        "sending field {field} in plain needs who accepted that, when and why (accepted = {{ by, date, reason }})"
                    ),
                ));
            }
        }))
    }

    /// Whether values go as they are.
    pub fn is_plain(&self) -> bool {
        matches!(self.0, Method::Plain)
    }

    /// The sealed form of a value.
    pub fn seal(&self, value: &str) -> String {
        match &self.0 {
            Method::Sm4 { key, output, upper } => {
                let bytes = sm4_encrypt_ecb(key, value.as_bytes());
                match (output, upper) {
                    (TextCode::Base64, _) => base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes),
                    (_, true) => hex::encode_upper(bytes),
                    (_, false) => hex::encode(bytes),
                }
            }
            Method::Sm3 { upper: true } => sm3_hex(&[value.as_bytes()]).to_uppercase(),
            Method::Sm3 { upper: false } => sm3_hex(&[value.as_bytes()]),
            Method::Plain => value.to_owned(),
        }
    }
}
