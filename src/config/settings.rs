//! The settings as types.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::secret::{Opaque, Secret};
use crate::serve;
use crate::telemetry;

/// Everything that the settings file says, environment laid over it. Relative paths start from the file's folder: ask
/// [`super::Loaded::path`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The school.
    pub school: School,
    /// The store.
    #[serde(default)]
    pub data: Data,
    /// The mapping files.
    #[serde(default)]
    pub mappings: Mappings,
    /// The school's calendar.
    #[serde(default)]
    pub calendar: Calendar,
    /// When sources are read.
    #[serde(default)]
    pub collect: Collect,
    /// What happens to a reference that does not exist.
    #[serde(default)]
    pub references: References,
    /// What may be told of persons.
    #[serde(default)]
    pub privacy: Privacy,
    /// The sources by name.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceSettings>,
    /// The upstreams by name.
    #[serde(default)]
    pub upstreams: BTreeMap<String, UpstreamSettings>,
    /// What the hub offers to others in the school.
    #[serde(default)]
    pub serve: serve::Config,
    /// The log.
    #[serde(default)]
    pub log: telemetry::Config,
    /// Where spans and metrics go.
    #[serde(default)]
    pub telemetry: telemetry::ExportConfig,
}

/// `[school]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct School {
    /// National code, ten digits.
    pub code: String,
    /// Full name.
    pub name: String,
    /// `gaozhi` or `zhongzhi`; the edition's when left out.
    pub level: Option<String>,
    /// The edition reported.
    pub edition: String,
}

/// `[data]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Where the store is.
    pub store: StoreKind,
    /// The store's folder.
    pub dir: PathBuf,
    /// The database of a store in PostgreSQL.
    #[serde(deserialize_with = "secret")]
    pub url: Option<Secret>,
    /// The schema of its tables.
    pub schema: String,
    /// Most connections to it.
    pub connections: u32,
    /// How several hubs share it.
    pub leases: Leases,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            store: StoreKind::Sqlite,
            dir: PathBuf::from("data"),
            url: None,
            schema: "xiaoshu".to_owned(),
            connections: 8,
            leases: Leases::default(),
        }
    }
}

/// Where the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In a file of the data folder.
    Sqlite,
    /// In a PostgreSQL database, which several hubs may share.
    Postgres,
}

/// `[data.leases]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Leases {
    /// Seconds that the lease on a source holds unless it is renewed.
    pub source_seconds: u32,
    /// The same for an upstream.
    pub upstream_seconds: u32,
    /// Seconds before its end in which nothing is signed any more, and after it in which nobody takes over.
    pub margin_seconds: u32,
}

impl Default for Leases {
    fn default() -> Self {
        Self { source_seconds: 30, upstream_seconds: 180, margin_seconds: 60 }
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// `[mappings]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mappings {
    /// The folder of the mapping files.
    #[serde(default = "mappings_dir")]
    pub dir: PathBuf,
    /// Whether the edition's own mappings of the tables that the hub computes are used.
    #[serde(default = "yes")]
    pub shipped: bool,
}

fn mappings_dir() -> PathBuf {
    PathBuf::from("mappings")
}

fn yes() -> bool {
    true
}

impl Default for Mappings {
    fn default() -> Self {
        Self { dir: mappings_dir(), shipped: true }
    }
}

/// `[calendar]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// The terms, in order, not overlapping.
    #[serde(default)]
    pub terms: Vec<Term>,
    /// Days after a term's end in which its rows still count as the current round's.
    #[serde(default)]
    pub grace_days: u16,
}

/// A term.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// `2024-2025`.
    pub school_year: String,
    /// `1` autumn, `2` spring.
    pub term: String,
    /// First day.
    #[serde(deserialize_with = "date")]
    pub from: jiff::civil::Date,
    /// Last day.
    #[serde(deserialize_with = "date")]
    pub to: jiff::civil::Date,
}

fn date<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<jiff::civil::Date, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// `[collect]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Collect {
    /// Minutes between two reads of a source.
    pub every_minutes: u32,
}

impl Default for Collect {
    fn default() -> Self {
        Self { every_minutes: 60 }
    }
}

/// `[privacy]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// Classes of sensitive items that portraits say: `political_status`, `spending`.
    pub portraits: Vec<String>,
    /// The fewest cases that a row of a table about persons in groups stands for.
    pub smallest_group: u32,
}

impl Default for Privacy {
    fn default() -> Self {
        Self { portraits: Vec::new(), smallest_group: 5 }
    }
}

/// `[references]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct References {
    /// For all references but those named below.
    pub policy: ReferencePolicy,
    /// How long `hold` holds.
    pub hold_days: u32,
    /// By `TABLE.FIELD`.
    pub fields: BTreeMap<String, ReferencePolicy>,
}

impl Default for References {
    fn default() -> Self {
        Self { policy: ReferencePolicy::Hold, hold_days: 7, fields: BTreeMap::new() }
    }
}

/// What happens to a row whose reference does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReferencePolicy {
    /// It is reported, with a warning.
    Warn,
    /// It waits for the parent row, then is reported with a warning.
    Hold,
    /// It stays in quarantine.
    Refuse,
}

/// `[sources.<name>]`: what every source has, and what its connector reads.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The connector.
    pub kind: String,
    /// The number of the information system that the rows come from.
    pub system: Option<String>,
    /// The department in charge.
    pub owner: Option<String>,
    /// The connector's settings, `kind` included, valid by its schema, secrets resolved.
    pub settings: Opaque,
}

/// `[upstreams.<name>]`.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// The transport.
    pub kind: String,
    /// The upstream's settings, `kind` included, valid by the transport's schema, secrets resolved.
    pub settings: Opaque,
}

/// Keys of `[sources.<name>]` that are the hub's own and not the connector's.
pub(super) const SOURCE_KEYS: [&str; 2] = ["system", "owner"];

impl<'de> Deserialize<'de> for SourceSettings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        let kind = text(&value, "kind").unwrap_or_default();
        let (system, owner) = (text(&value, "system"), text(&value, "owner"));
        strip(&mut value);
        Ok(Self { kind, system, owner, settings: Opaque::new(value) })
    }
}

impl<'de> Deserialize<'de> for UpstreamSettings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(Self { kind: text(&value, "kind").unwrap_or_default(), settings: Opaque::new(value) })
    }
}

/// Takes the hub's own keys out of a source's settings.
pub(super) fn strip(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|key, _| !SOURCE_KEYS.contains(&key.as_str()));
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

/// A path of the settings: relative ones start from the settings file's folder.
pub(super) fn absolute(base: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() { path.to_owned() } else { base.join(path) }
}
