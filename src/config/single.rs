//! Settings of one part in a file of its own.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::environment::Environment;
use super::secret::Resolver;
use super::{Fault, read, schema};
use crate::finding::Text;

/// Reads a TOML file that holds the settings of one part, puts the secrets that its sections refer to in the place of the
/// references, and checks it whole against the part's own schema. Each fault names the JSON pointer of what it is about.
///
/// # Errors
/// Every fault found, by line.
pub fn load_single<T: DeserializeOwned>(file: &Path, wanted: &Value, env: &Environment) -> Result<T, Vec<Fault>> {
    let mut faults = Vec::new();
    let Some(mut doc) = read(file, &mut faults) else { return Err(faults) };
    let (mut value, base) = (doc.value.clone(), file.parent().unwrap_or(Path::new(".")));
    Resolver { doc: &doc, schema: wanted, env, base }.resolve("", &mut value, wanted, &mut faults);
    doc.value = value;
    schema::check_named(&doc, wanted, &mut faults);
    if !faults.is_empty() {
        faults.sort_by_key(|fault| (fault.line, fault.column));
        faults.dedup();
        return Err(faults);
    }
    serde_json::from_value(doc.value.clone()).map_err(|error| {
        let what = error.to_string();
        let remedy = Text::new("按设置说明更正", "mend it as the manual describes these settings");
        vec![doc.fault("", Text::new(what.clone(), what), remedy)]
    })
}
