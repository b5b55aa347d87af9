//! Opening what clients seal: SM4, SM3, RSA. The platform's own, sharing nothing with the hub's delivery.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::EncodePublicKey;
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPrivateKey};
use sha2::Sha256;
use sm3::{Digest, Sm3};
use sm4::Sm4;
use sm4::cipher::{Array, BlockCipherDecrypt, KeyInit};
use tokio::sync::OnceCell;

use crate::brain::config::{CipherCode, GateConfig, RsaPadding, Sm4KeyCut, TextCode};
use crate::brain::error::BrainError;

/// Lower-case hexadecimal SM3 of the parts, one after another.
pub(super) fn sm3_hex(parts: &[&str]) -> String {
    let mut hasher = Sm3::new();
    for part in parts {
        hasher.update(part.as_bytes());
    }
    hex::encode(hasher.finalize())
}

/// The 16 bytes of the SM4 key in `app_secret`; nothing when the settings do not give 16.
pub(in crate::brain) fn sm4_key(app_secret: &str, gate: &GateConfig) -> Option<[u8; 16]> {
    let text: String = match gate.key_cut {
        Sm4KeyCut::Whole => app_secret.to_owned(),
        Sm4KeyCut::Chars5To20 => app_secret.chars().skip(4).take(16).collect(),
    };
    let bytes = match gate.key_code {
        TextCode::Utf8 => text.into_bytes(),
        TextCode::Hex => hex::decode(text).ok()?,
        TextCode::Base64 => STANDARD.decode(text).ok()?,
    };
    bytes.try_into().ok()
}

/// The bytes of `cipherText`.
pub(super) fn cipher_bytes(text: &str, code: CipherCode) -> Option<Vec<u8>> {
    match code {
        CipherCode::Hex => hex::decode(text).ok(),
        CipherCode::Base64 => STANDARD.decode(text).ok(),
    }
}

/// Opens SM4-ECB with PKCS#7 padding. Nothing when it is not that.
pub(super) fn sm4_open(key: &[u8; 16], mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(16) {
        return None;
    }
    let cipher = Sm4::new(&Array(*key));
    for block in bytes.chunks_exact_mut(16) {
        let mut one = [0u8; 16];
        one.copy_from_slice(block);
        let mut one = Array(one);
        cipher.decrypt_block(&mut one);
        block.copy_from_slice(&one);
    }
    let pad = usize::from(*bytes.last()?);
    if pad == 0 || pad > 16 || !bytes[bytes.len() - pad..].iter().all(|b| usize::from(*b) == pad) {
        return None;
    }
    bytes.truncate(bytes.len() - pad);
    Some(bytes)
}

/// The platform's RSA key, made at first use.
pub(in crate::brain) struct RsaKey {
    bits: usize,
    key: OnceCell<RsaPrivateKey>,
}

impl RsaKey {
    pub(in crate::brain) fn new(bits: usize) -> Self {
        Self { bits, key: OnceCell::new() }
    }

    async fn get(&self) -> Result<&RsaPrivateKey, BrainError> {
        let bits = self.bits;
        let make = || async move {
            let made = tokio::task::spawn_blocking(move || RsaPrivateKey::new(&mut OsRng, bits)).await;
            made.map_err(|e| BrainError::Internal(e.to_string()))?.map_err(|e| BrainError::Internal(e.to_string()))
        };
        self.key.get_or_try_init(make).await
    }

    /// The public key as base64 of its DER.
    pub(super) async fn public(&self) -> Result<String, BrainError> {
        let der = self.get().await?.to_public_key().to_public_key_der().map_err(|e| BrainError::Internal(e.to_string()))?;
        Ok(STANDARD.encode(der.as_bytes()))
    }

    /// Opens base64 of one or more RSA blocks. Nothing when it cannot be opened.
    pub(super) async fn open(&self, text: &str, padding: RsaPadding) -> Result<Option<Vec<u8>>, BrainError> {
        let key = self.get().await?;
        let Ok(bytes) = STANDARD.decode(text.trim()) else { return Ok(None) };
        if bytes.is_empty() || !bytes.len().is_multiple_of(key.size()) {
            return Ok(None);
        }
        let mut plain = Vec::new();
        for block in bytes.chunks(key.size()) {
            let opened = match padding {
                RsaPadding::OaepSha256 => key.decrypt(Oaep::new::<Sha256>(), block),
                RsaPadding::Pkcs1V15 => key.decrypt(Pkcs1v15Encrypt, block),
            };
            match opened {
                Ok(part) => plain.extend_from_slice(&part),
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 16] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10];

    #[test]
    fn sm3_gives_the_standards_values() {
        let cases = [
            (vec!["abc"], "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
            (vec!["abcd"; 16], "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
            (vec![], "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
            (vec!["职业", "教育"], "24362908c5292501dc7187ba83016b8e4c628687ae6f1b15029d1bb2d4f1986b"),
        ];
        for (parts, expected) in cases {
            assert_eq!(sm3_hex(&parts), expected);
        }
    }

    #[test]
    fn sm4_opens_the_standards_block_and_checks_the_padding() {
        let open = |hex: &str| cipher_bytes(hex, CipherCode::Hex).and_then(|bytes| sm4_open(&KEY, bytes));
        assert_eq!(open("d980eff9d7f9cc268835650ae4a688d5").as_deref(), Some("职业教育".as_bytes()));
        // The standard's own block, and behind it one of padding alone.
        let opened = open(&format!("681edf34d206965e86b3e94f536e4246{PADDING}"));
        assert_eq!(opened.as_deref(), Some(&KEY[..]));
        for bad in ["", "00", "681edf34d206965e86b3e94f536e4246", "not hexadecimal", "d980eff9d7f9cc26"] {
            assert_eq!(open(bad), None, "{bad}");
        }
    }

    /// SM4 of sixteen bytes 0x10 under the standard's key.
    const PADDING: &str = "002a8a4efa863ccad024ac0300bb40d2";

    #[test]
    fn the_key_is_cut_and_read_as_set() {
        use Sm4KeyCut::{Chars5To20, Whole};
        use TextCode::{Base64, Hex, Utf8};
        let text = *b"0123456789abcdef";
        let cases = [
            ("0123456789abcdef", Whole, Utf8, Some(text)),
            ("wxyz0123456789abcdef-rest", Chars5To20, Utf8, Some(text)),
            ("30313233343536373839616263646566", Whole, Hex, Some(text)),
            ("MDEyMzQ1Njc4OWFiY2RlZg==", Whole, Base64, Some(text)),
            ("0123456789abcdef0", Whole, Utf8, None),
            ("0123456789abcdef", Chars5To20, Utf8, None),
            ("0123456789abcdef", Whole, Hex, None),
        ];
        for (secret, key_cut, key_code, key) in cases {
            assert_eq!(sm4_key(secret, &GateConfig { key_cut, key_code, ..GateConfig::default() }), key, "{secret}");
        }
    }
}
