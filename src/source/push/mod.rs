//! Sources that are not read: their rows are pushed. Here stands only what they may hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::{Begin, Checked, Column, ColumnKind, Connector, Position, ReadSpec, Source, SourceBatch, SourceError, SourcePlace};

/// The connector.
pub(super) struct Push;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(rename = "kind")]
    _kind: Option<String>,
    objects: BTreeMap<String, Vec<String>>,
}

impl Connector for Push {
    fn kind(&self) -> &'static str {
        "push"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.json")
    }

    fn is_pushed(&self) -> bool {
        true
    }

    fn check(&self, place: &SourcePlace<'_>) -> Result<Checked, SourceError> {
        let settings: Settings = super::parse_settings(place)?;
        let objects: Vec<String> =
            settings.objects.iter().map(|(name, columns)| format!("{name} ({} columns)", columns.len())).collect();
        Ok(Checked { about: format!("rows are pushed: {}", objects.join(", ")), ..Checked::default() })
    }

    fn objects(&self, place: &SourcePlace<'_>) -> Result<Vec<String>, SourceError> {
        let settings: Settings = super::parse_settings(place)?;
        Ok(settings.objects.into_keys().collect())
    }

    fn open(&self, place: &SourcePlace<'_>, read: &ReadSpec, _begin: Begin<'_>) -> Result<Box<dyn Source>, SourceError> {
        let settings: Settings = super::parse_settings(place)?;
        let wrong = |what: String| SourceError::Settings {
            source_name: place.name.clone(),
            what,
            remedy: format!(
                "name one of its objects by `object` in [read]: {}",
                settings.objects.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            ),
        };
        if read.query.is_some() || !read.order_by.is_empty() {
            return Err(wrong("pushed rows take neither `query` nor `order_by`".into()));
        }
        let Some(object) = &read.object else { return Err(wrong("no object is named".into())) };
        let Some(columns) = settings.objects.get(object) else {
            return Err(wrong(format!("the settings declare no object {object}")));
        };
        let columns = columns.iter().map(|name| Column { name: name.as_str().into(), kind: ColumnKind::Unknown }).collect();
        Ok(Box::new(Declared { columns, object: object.as_str().into() }))
    }
}

/// What an object may hold. It gives no rows.
struct Declared {
    columns: Arc<[Column]>,
    object: Arc<str>,
}

impl Source for Declared {
    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn object(&self) -> &Arc<str> {
        &self.object
    }

    fn next_batch(&mut self, _max_rows: usize) -> Result<Option<SourceBatch>, SourceError> {
        Ok(None)
    }

    fn committed(&mut self, _position: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    fn is_complete(&self) -> bool {
        false
    }
}
