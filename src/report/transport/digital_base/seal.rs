//! SM4 encryption and SM3 signature of the two data calls.

use std::fmt;

use serde::Deserialize;
use sm3::{Digest, Sm3};
use sm4::Sm4;
use sm4::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// Which part of `app_secret` makes the SM4 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyCut {
    /// All of it.
    #[default]
    Whole,
    /// Its characters 5 to 20, counted from 1.
    #[serde(rename = "chars_5_20")]
    Chars5To20,
}

/// How a text stands for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextCode {
    /// Its UTF-8 bytes.
    #[default]
    Utf8,
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

/// The key cannot be made from the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SM4 key must be 16 bytes, the secret gives {0}")]
pub struct KeyFault(pub usize);

/// A cipher text that does not decrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number of blocks with good padding")]
pub struct SealFault;

/// Encrypts and signs under one `app_secret`.
pub struct Sealer {
    cipher: Sm4,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// A sealer for a secret.
    ///
    /// # Errors
    /// When the cut does not give 16 bytes.
    pub fn new(secret: &str, cut: KeyCut, code: TextCode) -> Result<Self, KeyFault> {
        let cut_text: String = match cut {
            KeyCut::Whole => secret.to_owned(),
            KeyCut::Chars5To20 => secret.chars().skip(4).take(16).collect(),
        };
        let bytes = decode(&cut_text, code).ok_or(KeyFault(0))?;
        let key: [u8; 16] = bytes.as_slice().try_into().map_err(|_| KeyFault(bytes.len()))?;
        Ok(Self { cipher: Sm4::new(&key.into()) })
    }

    /// The cipher text: SM4, ECB, PKCS#7.
    pub fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        encrypt(&self.cipher, plain)
    }
}

/// The bytes that a text stands for.
pub(super) fn decode(text: &str, code: TextCode) -> Option<Vec<u8>> {
    match code {
        TextCode::Utf8 => Some(text.as_bytes().to_vec()),
        TextCode::Hex => hex::decode(text).ok(),
        TextCode::Base64 => base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).ok(),
    }
}

fn encrypt(cipher: &Sm4, plain: &[u8]) -> Vec<u8> {
    let padding = 16 - plain.len() % 16;
    let mut out = Vec::with_capacity(plain.len() + padding);
    out.extend_from_slice(plain);
    out.resize(plain.len() + padding, padding as u8);
    for chunk in out.chunks_exact_mut(16) {
        if let Ok(block) = <&mut Block<Sm4>>::try_from(chunk) {
            cipher.encrypt_block(block);
        }
    }
    out
}

/// SM4 in ECB with PKCS#7 padding.
pub fn sm4_encrypt_ecb(key: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    encrypt(&Sm4::new(&(*key).into()), plain)
}

/// The inverse of [`sm4_encrypt_ecb`].
///
/// # Errors
/// When the text is no whole number of blocks or its padding is wrong.
pub fn sm4_decrypt_ecb(key: &[u8; 16], cipher_text: &[u8]) -> Result<Vec<u8>, SealFault> {
    if cipher_text.is_empty() || !cipher_text.len().is_multiple_of(16) {
        return Err(SealFault);
    }
    let cipher = Sm4::new(&(*key).into());
    let mut out = cipher_text.to_vec();
    for chunk in out.chunks_exact_mut(16) {
        if let Ok(block) = <&mut Block<Sm4>>::try_from(chunk) {
            cipher.decrypt_block(block);
        }
    }
    let padding = usize::from(out.last().copied().unwrap_or(0));
    if padding == 0 || padding > 16 || !out.ends_with(&vec![padding as u8; padding]) {
        return Err(SealFault);
    }
    out.truncate(out.len() - padding);
    Ok(out)
}

/// SM3 over some parts in a row, as lower-case hexadecimal digits.
pub fn sm3_hex(parts: &[&[u8]]) -> String {
    let mut hasher = Sm3::new();
    for part in parts {
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}
