//! Which fields of a record go out.

use std::collections::HashMap;

use serde_json::value::RawValue;
use tonic::{Code, Status};

use super::door::{lacks, refusal};
use crate::finding::Text;
use crate::serve::Client;
use crate::standard::TablePlan;
use crate::store::{Op, RecordRow};
use crate::wire::schoolhub::v1::Record;

/// The fields that a caller gets of one table.
pub(super) struct Projection {
    table: String,
    /// Names in printed order; `None`: the record as it is.
    fields: Option<Vec<String>>,
    /// Sensitive fields that are left out.
    pub(super) withheld: Vec<String>,
}

impl Projection {
    /// The fields wanted, as far as the client may have them.
    pub(super) fn new(plan: &TablePlan, client: &Client, wanted: &[String]) -> Result<Self, Status> {
        let whole = client.may_read_sensitive(&plan.name);
        for name in wanted {
            let Some(field) = plan.find(name) else {
                return Err(refusal(
                    Code::InvalidArgument,
                    &Text::new(format!("表 {} 没有字段 {name}", plan.name), format!("{} has no field {name}", plan.name)),
                ));
            };
            if !whole && plan.field(field).sensitivity.is_sensitive() {
                return Err(lacks(&format!("read_sensitive:{}", plan.name)));
            }
        }
        let table = plan.name.to_string();
        if whole && wanted.is_empty() {
            return Ok(Self { table, fields: None, withheld: Vec::new() });
        }
        let named = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
        let (mut fields, mut withheld) = (Vec::new(), Vec::new());
        for field in plan.fields.iter().filter(|field| named(&field.name)) {
            let list = if whole || !field.sensitivity.is_sensitive() { &mut fields } else { &mut withheld };
            list.push(field.name.to_string());
        }
        Ok(Self { table, fields: Some(fields), withheld })
    }

    /// A record as the caller gets it; `None` when what the store holds is no record.
    pub(super) fn record(&self, row: &RecordRow) -> Option<Record> {
        let deleted = row.op == Op::Delete;
        let json = match (&self.fields, deleted) {
            (_, true) => String::new(),
            (None, false) => String::from_utf8(row.payload.clone()).ok()?,
            (Some(fields), false) => cut(&row.payload, fields)?,
        };
        Some(Record {
            table: self.table.clone(),
            key: row.record_key.as_str().to_owned(),
            seq: row.seq,
            landed_unix_millis: row.at,
            deleted,
            json,
            withheld_fields: Vec::new(),
        })
    }
}

/// Keeps some fields; values stay as they are written, so that no number loses a digit.
fn cut(payload: &[u8], fields: &[String]) -> Option<String> {
    let whole: HashMap<&str, &RawValue> = serde_json::from_slice(payload).ok()?;
    let mut json = String::from("{");
    for (name, value) in fields.iter().filter_map(|name| Some((name, whole.get(name.as_str())?))) {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&serde_json::to_string(name).ok()?);
        json.push(':');
        json.push_str(value.get());
    }
    json.push('}');
    Some(json)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn cutting_keeps_order_and_digits() {
        let payload = br#"{"A":"x","B":12345678901234567.10,"C":null,"D":"y"}"#;
        let fields = ["D", "B", "C", "E"].map(str::to_owned);
        assert_eq!(cut(payload, &fields).as_deref(), Some(r#"{"D":"y","B":12345678901234567.10,"C":null}"#));
        assert_eq!(cut(payload, &[]).as_deref(), Some("{}"));
        assert_eq!(cut(b"damaged", &fields), None);
    }
}
