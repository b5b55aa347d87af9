//! Sessions: one login at a time, token life from the reply, refresh, RSA.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPublicKey};
use sha2::Sha256;

use super::seal::Sealer;
use super::settings::{AppKey, Padding, Settings};
use super::wire::{TokenData, whole};
use crate::finding::Text;
use crate::report::setting::Secret;
use crate::store::Millis;

/// A login in force.
pub(super) struct Session {
    /// Counts logins, so that a caller can say which one failed it.
    pub(super) number: u64,
    pub(super) token: Secret,
    pub(super) app_key: Secret,
    pub(super) sealer: Sealer,
    /// Past this the token is not used any more.
    pub(super) until: Millis,
    pub(super) refresh: Option<Refresh>,
}

/// What a refresh needs; the reply to one names neither `app_secret` nor `client_secret`, so they are kept.
#[derive(Clone)]
pub(super) struct Refresh {
    pub(super) token: Secret,
    pub(super) client_secret: Secret,
    pub(super) app_secret: Secret,
    pub(super) app_key: Option<Secret>,
    pub(super) until: Millis,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("number", &self.number).field("until", &self.until).finish_non_exhaustive()
    }
}

/// Life assumed where the reply names none.
const LIFE_UNKNOWN: i64 = 300;

impl Session {
    /// A session out of a reply. `before` is the earlier one, for a refresh.
    pub(super) fn from_reply(
        number: u64,
        data: TokenData,
        before: Option<&Refresh>,
        settings: &Settings,
        now: Millis,
    ) -> Result<Self, Text> {
        let app_secret = data
            .app_secret
            .filter(|s| !s.is_empty())
            .map(Secret::new)
            .or_else(|| before.map(|b| b.app_secret.clone()))
            .ok_or_else(|| {
                Text::new("登录应答没有 app_secret：无法加密；请向平台核实账号是否已开通接口", "the login reply has no app_secret: rows cannot be encrypted; ask the platform whether the account has the interface")
            })?;
        let replied = data.app_key.filter(|s| !s.is_empty()).map(Secret::new).or_else(|| before.and_then(|b| b.app_key.clone()));
        let app_key = match &settings.seal.app_key {
            AppKey::ReplyOrSecret => replied.clone().unwrap_or_else(|| app_secret.clone()),
            AppKey::Reply { otherwise } => replied.clone().or_else(|| otherwise.clone()).unwrap_or_else(|| app_secret.clone()),
            AppKey::Setting { value } => value.clone(),
            AppKey::AppSecret {} => app_secret.clone(),
        };
        let sealer = Sealer::new(app_secret.reveal(), settings.seal.key_cut, settings.seal.key_code).map_err(|fault| {
            Text::new(
                format!("app_secret 按 seal.key_cut 与 seal.key_code 得到 {} 字节，SM4 需要 16 字节；请改这两项设置", fault.0),
                format!(
                    "app_secret gives {} bytes by seal.key_cut and seal.key_code, SM4 needs 16; change these two settings",
                    fault.0
                ),
            )
        })?;
        let life = whole(&data.expires_in).filter(|s| *s > 0).unwrap_or(LIFE_UNKNOWN).saturating_mul(1000);
        let refresh_life = whole(&data.refresh_expires_in).filter(|s| *s > 0).unwrap_or(0).saturating_mul(1000);
        // A tenth of its life, at most a minute: a token must not run out on the way.
        let margin = settings.login.margin.map_or((life / 10).min(60_000), |m| m.millis().min(life / 2));
        let client_secret =
            data.client_secret.map(Secret::new).or_else(|| before.map(|b| b.client_secret.clone())).unwrap_or_default();
        let refresh = data.refresh_token.filter(|t| !t.is_empty()).map(|token| Refresh {
            token: Secret::new(token),
            client_secret,
            app_secret: app_secret.clone(),
            app_key: replied,
            until: now.saturating_add(refresh_life),
        });
        Ok(Self {
            number,
            token: Secret::new(data.access_token),
            app_key,
            sealer,
            until: now.saturating_add(life - margin),
            refresh,
        })
    }
}

/// Reads an RSA public key: PEM, or base64 of its DER.
pub(super) fn read_key(text: &str) -> Result<RsaPublicKey, Text> {
    use rsa::pkcs1::DecodeRsaPublicKey;
    let fault = || {
        Text::new(
            "RSA 公钥无法读取：应为 PEM 或 DER 的 base64",
            "the RSA public key cannot be read: it must be PEM, or base64 of its DER",
        )
    };
    let text = text.trim();
    if text.starts_with("-----") {
        return RsaPublicKey::from_public_key_pem(text).or_else(|_| RsaPublicKey::from_pkcs1_pem(text)).map_err(|_| fault());
    }
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(compact).map_err(|_| fault())?;
    RsaPublicKey::from_public_key_der(&der).or_else(|_| RsaPublicKey::from_pkcs1_der(&der)).map_err(|_| fault())
}

/// The parameters under the key, base64. A text longer than one block is encrypted block by block.
pub(super) fn rsa_wrap(key: &RsaPublicKey, padding: Padding, plain: &str) -> Result<String, Text> {
    let overhead = match padding {
        Padding::OaepSha256 => 66,
        Padding::Pkcs1v15 => 11,
    };
    let room =
        key.size().checked_sub(overhead).filter(|room| *room > 0).ok_or_else(|| {
            Text::new("RSA 公钥太短，装不下登录参数", "the RSA public key is too short for the login parameters")
        })?;
    let mut rng = rsa::rand_core::OsRng;
    let mut out = Vec::new();
    for part in plain.as_bytes().chunks(room) {
        let block = match padding {
            Padding::OaepSha256 => key.encrypt(&mut rng, Oaep::new::<Sha256>(), part),
            Padding::Pkcs1v15 => key.encrypt(&mut rng, Pkcs1v15Encrypt, part),
        };
        out.extend(
            block.map_err(|_| Text::new("RSA 加密登录参数失败", "the login parameters cannot be encrypted with this RSA key"))?,
        );
    }
    Ok(STANDARD.encode(out))
}
