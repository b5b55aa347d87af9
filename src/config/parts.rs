//! What the parts say about their own settings, and what the standard holds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schema::schema_at;

/// A kind of source or upstream, with the JSON Schema of its settings.
#[derive(Debug, Clone)]
pub struct Kind {
    /// The name in `kind = "…"`.
    pub name: &'static str,
    /// The schema.
    pub schema: Value,
}

/// The kinds that this build knows.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Connectors.
    pub sources: Vec<Kind>,
    /// Transports.
    pub upstreams: Vec<Kind>,
}

impl Parts {
    /// The schema of a setting below `/sources/<name>` or `/upstreams/<name>`.
    pub(super) fn schema_of(&self, settings: &Value, pointer: &str) -> Option<Value> {
        let mut steps = pointer.splitn(4, '/').skip(1);
        let (group, name, rest) = (steps.next()?, steps.next()?, steps.next()?);
        let kinds = match group {
            "sources" => &self.sources,
            "upstreams" => &self.upstreams,
            _ => return None,
        };
        let kind = settings.pointer(&format!("/{group}/{name}/kind"))?.as_str()?;
        let known = kinds.iter().find(|k| k.name == kind)?;
        Some(schema_at(&known.schema, &format!("/{rest}")).clone())
    }
}

/// The names of an edition and of the core, for cross-checks.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// Fields by table.
    pub(super) tables: BTreeMap<String, Vec<String>>,
}
