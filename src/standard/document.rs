//! The published table document, as far as plans are compiled from it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// One table document. Keywords that only people read stay in the JSON text.
#[derive(Debug, serde::Deserialize)]
pub(super) struct TableDocument {
    pub(super) title: String,
    #[serde(rename = "x-table")]
    pub(super) table: String,
    #[serde(rename = "x-title-en")]
    pub(super) title_en: String,
    #[serde(rename = "x-domain")]
    pub(super) domain: String,
    #[serde(rename = "x-kind")]
    pub(super) kind: String,
    #[serde(rename = "x-frequency")]
    pub(super) frequency: Frequency,
    #[serde(rename = "x-scope")]
    pub(super) scope: Scope,
    #[serde(rename = "x-anonymous", default)]
    pub(super) anonymous: bool,
    #[serde(rename = "x-natural-key")]
    pub(super) key: Vec<String>,
    #[serde(rename = "x-natural-key-preferred", default)]
    pub(super) preferred: Vec<String>,
    #[serde(rename = "x-roles", default)]
    pub(super) roles: BTreeMap<String, String>,
    #[serde(rename = "x-date-orders", default)]
    pub(super) orders: Vec<[String; 2]>,
    #[serde(rename = "x-person")]
    pub(super) person: Option<PersonDocument>,
    pub(super) properties: Properties,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Frequency {
    pub(super) key: String,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Scope {
    pub(super) rows: String,
    #[serde(default)]
    pub(super) from: String,
}

/// `x-person`: which fields tell about the person of a row.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonDocument {
    pub(super) number: String,
    pub(super) paper: Option<String>,
    #[serde(default)]
    pub(super) papers: BTreeMap<String, String>,
    pub(super) sex: Option<String>,
    pub(super) birth: Option<String>,
    pub(super) ages: Option<(u8, u8)>,
}

impl FieldDocument {
    /// The code set of the field in an edition of a level: core tables are shared by levels that have lists of their own.
    pub(super) fn code_set_of(&self, level: &str) -> &str {
        self.code_set_by_level.get(level).unwrap_or(&self.code_set)
    }
}

/// The fields in the order of the text.
#[derive(Debug)]
pub(super) struct Properties(pub(super) Vec<(String, FieldDocument)>);

#[derive(Debug, serde::Deserialize)]
pub(super) struct FieldDocument {
    pub(super) title: String,
    #[serde(rename = "type")]
    pub(super) json_type: JsonType,
    #[serde(default)]
    pub(super) format: String,
    #[serde(rename = "maxLength")]
    pub(super) max_length: Option<u32>,
    #[serde(rename = "x-item-code", default)]
    pub(super) item_code: String,
    #[serde(rename = "x-decimal")]
    pub(super) decimal: Option<Decimal>,
    #[serde(rename = "x-doubtful-length")]
    pub(super) doubtful_length: Option<u32>,
    #[serde(rename = "x-required")]
    pub(super) required: String,
    #[serde(rename = "x-condition", default)]
    pub(super) condition: String,
    #[serde(rename = "x-required-when")]
    pub(super) when: Option<When>,
    #[serde(rename = "x-code-set", default)]
    pub(super) code_set: String,
    #[serde(rename = "x-code-set-by-level", default)]
    pub(super) code_set_by_level: BTreeMap<String, String>,
    #[serde(rename = "x-number")]
    pub(super) number: Option<String>,
    #[serde(rename = "x-reference-none", default)]
    pub(super) reference_none: Vec<String>,
    #[serde(rename = "x-separator", default)]
    pub(super) separator: String,
    #[serde(rename = "x-reference", default)]
    pub(super) reference: Vec<String>,
    #[serde(rename = "x-sensitivity", default)]
    pub(super) sensitivity: String,
    #[serde(rename = "x-sealed", default)]
    pub(super) sealed: bool,
    #[serde(rename = "x-unit", default)]
    pub(super) unit: String,
}

#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(super) struct Decimal {
    pub(super) precision: u8,
    pub(super) scale: u8,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct When {
    pub(super) field: String,
    pub(super) is: Vec<String>,
}

/// `"string"` or `["string", "null"]`.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
pub(super) enum JsonType {
    One(String),
    Several(Vec<String>),
}

impl JsonType {
    /// The kind of values that are there.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::One(kind) => kind,
            Self::Several(kinds) => kinds.iter().map(String::as_str).find(|k| *k != "null").unwrap_or("null"),
        }
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the fields of a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
                let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(16));
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(Properties(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
