//! Who calls, and what it may do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A token, kept as its SHA-256 alone.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Compares in the same time, wherever they differ.
    fn equals(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&String::deserialize(deserializer)?))
    }
}

/// One thing that a client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Read a table without its sensitive fields; `*` for all.
    Read(String),
    /// Read a table whole; `*` for all.
    ReadSensitive(String),
    /// Push rows of a source, of one object of it or of all.
    Push(String, Option<String>),
    /// See where the hub stands.
    Status,
}

impl Scope {
    /// A scope as the settings write it: `read:TABLE`, `read_sensitive:TABLE`, `push:SOURCE`, `push:SOURCE/OBJECT`, `status`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "status" {
            return Some(Self::Status);
        }
        let (verb, on) = text.split_once(':').filter(|(_, on)| !on.is_empty())?;
        match verb {
            "read" => Some(Self::Read(on.to_owned())),
            "read_sensitive" => Some(Self::ReadSensitive(on.to_owned())),
            "push" => Some(match on.split_once('/') {
                Some((source, object)) => Self::Push(source.to_owned(), Some(object.to_owned())),
                None => Self::Push(on.to_owned(), None),
            }),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("no such scope"))
    }
}

/// A client with its scopes.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its name in the settings.
    pub name: String,
    token: TokenHash,
    scopes: Vec<Scope>,
}

impl Client {
    /// Whether it may read a table.
    pub fn may_read(&self, table: &str) -> bool {
        let covers = |on: &str| on == "*" || on == table;
        self.scopes.iter().any(|scope| matches!(scope, Scope::Read(on) | Scope::ReadSensitive(on) if covers(on)))
    }

    /// Whether it may read a table's sensitive fields.
    pub fn may_read_sensitive(&self, table: &str) -> bool {
        self.scopes.iter().any(|scope| matches!(scope, Scope::ReadSensitive(on) if on == "*" || on == table))
    }

    /// Whether it may push anything at all of a source.
    pub fn may_push_some(&self, source: &str) -> bool {
        self.scopes.iter().any(|scope| matches!(scope, Scope::Push(on, _) if on == source))
    }

    /// Whether it may push an object of a source.
    pub fn may_push(&self, source: &str, object: &str) -> bool {
        let covers = |one: &Option<String>| one.as_deref().is_none_or(|one| one == object);
        self.scopes.iter().any(|scope| matches!(scope, Scope::Push(on, one) if on == source && covers(one)))
    }

    /// Whether it may see where the hub stands.
    pub fn may_see_status(&self) -> bool {
        self.scopes.contains(&Scope::Status)
    }
}

/// All clients.
#[derive(Debug, Clone)]
pub struct Clients(Vec<Arc<Client>>);

impl Clients {
    /// The clients of the settings.
    pub fn new(config: &BTreeMap<String, super::ClientConfig>) -> Self {
        let client = |(name, config): (&String, &super::ClientConfig)| Client {
            name: name.clone(),
            token: config.token.clone(),
            scopes: config.scopes.clone(),
        };
        Self(config.iter().map(client).map(Arc::new).collect())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.0.iter()
    }

    /// Who bears the token of an `authorization` entry; `None` when there is none or nobody knows it. Every token is compared,
    /// whichever fits.
    pub fn who(&self, authorization: Option<&str>) -> Option<&Arc<Client>> {
        let (scheme, token) = authorization?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let shown = TokenHash::of(token.trim());
        self.0.iter().fold(None, |found, client| if client.token.equals(&shown) { Some(client) } else { found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::ClientConfig;

    fn clients(list: &[(&str, &str, &[&str])]) -> Clients {
        let config = |(name, token, scopes): &(&str, &str, &[&str])| {
            let scopes = scopes.iter().map(|scope| Scope::parse(scope).expect("a scope")).collect();
            ((*name).to_owned(), ClientConfig { token: TokenHash::of(token), scopes })
        };
        Clients::new(&list.iter().map(config).collect())
    }

    #[test]
    fn only_a_whole_known_token_names_a_client() {
        let all = clients(&[("a", "token-a", &["status"]), ("b", "token-b", &["status"])]);
        let name = |header: Option<&str>| all.who(header).map(|client| client.name.clone());
        assert_eq!(name(Some("Bearer token-a")).as_deref(), Some("a"));
        assert_eq!(name(Some("bearer token-b")).as_deref(), Some("b"));
        for wrong in [None, Some(""), Some("token-a"), Some("Basic token-a"), Some("Bearer token-"), Some("Bearer token-aa")] {
            assert_eq!(name(wrong), None, "{wrong:?}");
        }
        assert!(!format!("{all:?}").contains("token-a"));
    }

    #[test]
    fn scopes_grant_what_they_name_and_no_more() {
        let all = clients(&[
            ("reader", "r", &["read:T", "read_sensitive:S"]),
            ("any", "a", &["read:*"]),
            ("vendor", "v", &["push:lms/course", "push:hr"]),
        ]);
        let who = |token: &str| Arc::clone(all.who(Some(&format!("Bearer {token}"))).expect("known"));
        let reader = who("r");
        assert!(reader.may_read("T") && reader.may_read("S") && !reader.may_read("U"));
        assert!(reader.may_read_sensitive("S") && !reader.may_read_sensitive("T"));
        assert!(!reader.may_see_status() && !reader.may_push_some("lms"));
        assert!(who("a").may_read("U") && !who("a").may_read_sensitive("U"));
        let vendor = who("v");
        assert!(vendor.may_push("lms", "course") && !vendor.may_push("lms", "room") && vendor.may_push("hr", "room"));
        assert!(!vendor.may_read("T"));
    }

    #[test]
    fn what_is_no_scope_is_none() {
        for text in ["", "read", "read:", "write:T", "push:", "Status", "status:x"] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
