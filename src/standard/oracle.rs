//! The oracle: the published document, run by the `jsonschema` crate with our own keywords and forms.
//!
//! `x-type` says that a value is text: a text that has lost characters is none. `x-number` and `x-person` are errors
//! only where a number cannot be right; what is merely odd no document says.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError, Validator};
use serde_json::{Map, Value};

use super::expand::{self, Into};
use super::{CodeSet, Format, NumberKind, TablePlan, form, reading};
use crate::fault::{Classified, FaultClass};

/// A document that the `jsonschema` crate does not accept: our fault.
#[derive(Debug, thiserror::Error)]
#[error("the document of {table} is no usable JSON Schema: {reason}")]
pub struct OracleError {
    /// The table.
    pub table: Arc<str>,
    /// What the crate says.
    pub reason: String,
}

impl Classified for OracleError {
    fn fault_class(&self) -> FaultClass {
        FaultClass::Bug
    }
}

/// Compiles a validator for one table.
pub(super) fn compile(document: &Value, plan: &TablePlan) -> Result<Validator, OracleError> {
    let mut document = expand::expand(document, plan, Into::Oracle);
    if let Some(map) = document.as_object_mut() {
        // A relative $id would have to be resolved against something.
        map.shift_remove("$id");
    }
    let sets: HashMap<String, Arc<CodeSet>> =
        plan.fields.iter().filter_map(|f| f.code_set.as_ref()).map(|s| (s.id.to_string(), Arc::clone(s))).collect();
    let mut options = jsonschema::options()
        .should_validate_formats(true)
        .with_keyword("x-code-set", move |parent: &Map<String, Value>, value: &Value, _: Location| {
            let set = value.as_str().and_then(|id| sets.get(id)).filter(|s| s.closed).cloned();
            let separator = parent.get("x-separator").and_then(Value::as_str).map(str::to_owned);
            Ok(Box::new(Codes { set, separator }) as Box<dyn for<'i> Keyword<'i>>)
        })
        .with_keyword("x-decimal", |_: &Map<String, Value>, value: &Value, _: Location| {
            let part = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0) as usize;
            let (precision, scale) = (part("precision"), part("scale"));
            Ok(Box::new(Digits { whole: precision.saturating_sub(scale), fraction: scale }) as Box<dyn for<'i> Keyword<'i>>)
        });
    options = options
        .with_keyword("x-type", |_: &Map<String, Value>, _: &Value, _: Location| Ok(texts(|text| !reading::has_lost(text))))
        .with_keyword("x-number", |_: &Map<String, Value>, value: &Value, _: Location| {
            let kind = value.as_str().and_then(NumberKind::from_name);
            Ok(texts(move |text| kind != Some(NumberKind::Mobile) || reading::may_be_mobile(text)))
        })
        .with_keyword("x-person", |parent: &Map<String, Value>, value: &Value, _: Location| {
            Ok(Box::new(reading::Person::of(parent, value)) as Box<dyn for<'i> Keyword<'i>>)
        });
    for format in Format::ALL.into_iter().filter(|f| *f != Format::Free) {
        options = options.with_format(format.name(), move |text| form::fits(format, text));
    }
    options.build(&document).map_err(|e| OracleError { table: Arc::clone(&plan.name), reason: e.to_string() })
}

/// A keyword about texts that are there; anything else it lets pass.
struct Texts<F>(F);

fn texts<F: Fn(&str) -> bool + Send + Sync + 'static>(holds: F) -> Box<dyn for<'i> Keyword<'i>> {
    Box::new(Texts(holds))
}

impl<'i, F: Fn(&str) -> bool + Send + Sync> Keyword<'i> for Texts<F> {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("no such text can be right")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        instance.as_str().is_none_or(|text| text.trim().is_empty() || (self.0)(text))
    }
}

/// `x-code-set`: the value, or each part of it, is a code of a closed set.
struct Codes {
    set: Option<Arc<CodeSet>>,
    separator: Option<String>,
}

impl Codes {
    fn holds(&self, value: &Value) -> bool {
        let Some(set) = &self.set else { return true };
        match (value, &self.separator) {
            (Value::String(text), Some(separator)) => text.split(separator.as_str()).all(|part| set.find(part).is_some()),
            (Value::String(text), None) => set.find(text).is_some(),
            (Value::Number(number), _) => set.find(&plain_number(&number.to_string())).is_some(),
            _ => true,
        }
    }
}

impl<'i> Keyword<'i> for Codes {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.holds(instance) { Ok(()) } else { Err(ValidationError::custom("no code of the set")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.holds(instance)
    }
}

/// `x-decimal`: digits before and after the point.
struct Digits {
    whole: usize,
    fraction: usize,
}

impl Digits {
    fn holds(&self, value: &Value) -> bool {
        let Value::Number(number) = value else { return true };
        let text = plain_number(&number.to_string());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        whole.trim_start_matches('-').trim_start_matches('0').len() <= self.whole && fraction.len() <= self.fraction
    }
}

impl<'i> Keyword<'i> for Digits {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.holds(instance) { Ok(()) } else { Err(ValidationError::custom("too many digits before or after the point")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        self.holds(instance)
    }
}

/// A JSON number without exponent and without trailing zeros after the point.
fn plain_number(text: &str) -> String {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |m| ("-", m));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shift: i32 = exponent.parse().unwrap_or(0);
    let digits = format!("{whole}{fraction}");
    let point = whole.len() as i32 + shift;
    let (whole, fraction) = if point <= 0 {
        (String::new(), format!("{}{digits}", "0".repeat(point.unsigned_abs() as usize)))
    } else if point as usize >= digits.len() {
        (format!("{digits}{}", "0".repeat(point as usize - digits.len())), String::new())
    } else {
        (digits[..point as usize].to_owned(), digits[point as usize..].to_owned())
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::plain_number;

    #[test]
    fn numbers_are_written_without_exponent() {
        let cases = [
            ("1.0", "1"),
            ("1e3", "1000"),
            ("1.25e-2", "0.0125"),
            ("-12.50", "-12.5"),
            ("0.1", "0.1"),
            ("1e21", "1000000000000000000000"),
        ];
        for (text, want) in cases {
            assert_eq!(plain_number(text), want, "{text}");
        }
    }
}
