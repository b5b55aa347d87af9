//! Settings of where effects are kept.

use serde::Deserialize;

use super::Secret;

/// Where rows, effects and batches are kept, when not in a directory.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EffectsConfig {
    /// `postgres://user:password@host:port/database?sslmode=…`: a database that several platform processes may share.
    pub postgres: Option<Secret>,
    /// The schema that the tables are in; made where it does not exist.
    pub schema: String,
    /// Most connections of this process.
    pub connections: u32,
}

impl Default for EffectsConfig {
    fn default() -> Self {
        Self { postgres: None, schema: "smartbrain".to_owned(), connections: 8 }
    }
}
