//! Page tokens: where a page ended, sealed, because a natural key may be a person's number.
//!
//! SM4 in counter mode under one key, then HMAC-SHA-256 over table, nonce and ciphertext under another, cut to 16 bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rand::RngCore as _;
use sha2::Sha256;
use sm4::Sm4;
use sm4::cipher::{Block, BlockCipherEncrypt, KeyInit};

const NONCE: usize = 12;
const TAG: usize = 16;

/// Seals and opens page tokens.
pub(super) struct Seal {
    cipher: Sm4,
    mac_key: [u8; 32],
}

impl Seal {
    /// With keys made of a secret.
    pub(super) fn new(secret: &[u8]) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&digest(secret, &[b"page token: cipher"])[..16]);
        Self { cipher: Sm4::new(&key.into()), mac_key: digest(secret, &[b"page token: mac"]) }
    }

    /// A token for the page behind `after`.
    pub(super) fn seal(&self, table: &str, after: &[u8]) -> String {
        let mut token = vec![0; NONCE];
        rand::rng().fill_bytes(&mut token);
        let nonce = token.clone();
        token.extend_from_slice(after);
        self.apply(&nonce, &mut token[NONCE..]);
        let tag = self.tag(table, &token);
        token.extend_from_slice(&tag[..TAG]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Where the page before ended; `None` when the token is not ours, or of another table.
    pub(super) fn open(&self, table: &str, token: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (body, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        let (nonce, sealed) = body.split_at_checked(NONCE)?;
        let wanted = self.tag(table, body);
        if tag.iter().zip(wanted).fold(0, |differ, (a, b)| differ | (a ^ b)) != 0 {
            return None;
        }
        let mut after = sealed.to_vec();
        self.apply(nonce, &mut after);
        Some(after)
    }

    fn tag(&self, table: &str, body: &[u8]) -> [u8; 32] {
        digest(&self.mac_key, &[&(table.len() as u64).to_be_bytes(), table.as_bytes(), body])
    }

    /// Counter mode: the same both ways.
    fn apply(&self, nonce: &[u8], bytes: &mut [u8]) {
        for (counter, part) in (0u32..).zip(bytes.chunks_mut(16)) {
            let mut block = [0; 16];
            block[..NONCE].copy_from_slice(nonce);
            block[NONCE..].copy_from_slice(&counter.to_be_bytes());
            let mut block = Block::<Sm4>::from(block);
            self.cipher.encrypt_block(&mut block);
            part.iter_mut().zip(block.iter()).for_each(|(byte, mask)| *byte ^= mask);
        }
    }
}

fn digest(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length, so this never fails.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) else { return [0; 32] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::Seal;

    #[test]
    fn a_token_opens_where_it_was_sealed_and_nowhere_else() {
        let seal = Seal::new(b"secret");
        for after in [&b""[..], b"k", &[7; 16], &[9; 1000]] {
            let token = seal.seal("T", after);
            assert_eq!(seal.open("T", &token).as_deref(), Some(after));
            assert_eq!(seal.open("U", &token), None);
            assert_eq!(Seal::new(b"other").open("T", &token), None);
            assert_ne!(token, seal.seal("T", after));
        }
    }

    #[test]
    fn a_damaged_token_does_not_open() {
        let seal = Seal::new(b"secret");
        let token = seal.seal("T", b"110101200001010000");
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'Q' } else { b'A' };
            assert_eq!(seal.open("T", &String::from_utf8(bytes).expect("ASCII")), None, "{at}");
        }
        for short in ["", "AAAA", "no base64!"] {
            assert_eq!(seal.open("T", short), None);
        }
    }
}
