//! Accounts and their tokens.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::RngCore;

use super::clock::seconds;
use super::config::{Account, LoginConfig};

/// The tokens of one login.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) open_id: String,
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadToken {
    Unknown,
    Expired,
}

struct Token {
    account: usize,
    expires: i64,
}

/// So long, in milliseconds, an expired token is still answered as expired and not as unknown.
const KEPT: i64 = 24 * 3_600_000;

#[derive(Default)]
struct Tokens {
    access: HashMap<String, Token>,
    refresh: HashMap<String, Token>,
}

/// The accounts set, and the tokens they hold. Tokens do not survive a restart: clients log in again.
pub(super) struct Accounts {
    list: Vec<Account>,
    tokens: Mutex<Tokens>,
}

impl Accounts {
    pub(super) fn new(list: Vec<Account>) -> Self {
        Self { list, tokens: Mutex::default() }
    }

    pub(super) fn list(&self) -> &[Account] {
        &self.list
    }

    pub(super) fn get(&self, at: usize) -> &Account {
        &self.list[at]
    }

    pub(super) fn by_username(&self, username: &str) -> Option<usize> {
        self.list.iter().position(|a| a.username == username)
    }

    fn lock(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn issue(&self, account: usize, now: i64, config: &LoginConfig) -> Issued {
        let issued = Issued { access: random_hex(), refresh: random_hex(), open_id: random_hex() };
        let mut tokens = self.lock();
        tokens.access.retain(|_, t| !(config.single_session && t.account == account) && now.saturating_sub(t.expires) < KEPT);
        tokens.refresh.retain(|_, t| t.expires > now);
        let expires = now.saturating_add(seconds(config.token_life_s));
        tokens.access.insert(issued.access.clone(), Token { account, expires });
        let expires = now.saturating_add(seconds(config.refresh_life_s));
        tokens.refresh.insert(issued.refresh.clone(), Token { account, expires });
        issued
    }

    pub(super) fn access(&self, token: &str, now: i64) -> Result<usize, BadToken> {
        check(&self.lock().access, token, now)
    }

    pub(super) fn refresh(&self, token: &str, now: i64) -> Result<usize, BadToken> {
        check(&self.lock().refresh, token, now)
    }

    /// A refresh token is good once.
    pub(super) fn spend(&self, token: &str) {
        self.lock().refresh.remove(token);
    }

    /// Ends the access tokens of one account, or of all. Refresh tokens stay.
    pub(super) fn expire(&self, account: Option<usize>, now: i64) {
        for token in self.lock().access.values_mut() {
            if account.is_none_or(|a| a == token.account) {
                token.expires = token.expires.min(now);
            }
        }
    }
}

fn check(tokens: &HashMap<String, Token>, token: &str, now: i64) -> Result<usize, BadToken> {
    match tokens.get(token) {
        None => Err(BadToken::Unknown),
        Some(t) if t.expires <= now => Err(BadToken::Expired),
        Some(t) => Ok(t.account),
    }
}

/// 32 hexadecimal digits nobody can guess.
pub(super) fn random_hex() -> String {
    let mut bytes = [0u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}
