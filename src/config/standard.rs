//! The edition that the settings name.

use std::path::Path;

use serde_json::Value;

use super::Fault;
use super::document::Document;
use super::parts::Names;

/// The names of the edition's and the core's tables and fields; `None` when the edition is unknown (which is a fault).
pub(super) fn names(_doc: &Document, _settings: &Value, _schemas: Option<&Path>, _faults: &mut Vec<Fault>) -> Option<Names> {
    None
}
