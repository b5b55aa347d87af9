//! Records: positional rows in a batch arena.
//!
//! A batch is one text buffer and one array of typed slots, in plan order, with the `Arc<TablePlan>` it was made
//! for. No allocation per cell, no map, no JSON tree. Only [`BatchBuilder`] makes a batch; `Debug` shows names and
//! kinds, never values.

mod batch;
mod builder;
mod decode;
mod encode;
mod form;
mod identity;
mod naming;
mod number;

pub use batch::{Record, RecordBatch, ValueRef, is_blank};
pub use builder::BatchBuilder;
pub use decode::{DecodeFault, Decoder};
pub use encode::{canonical_json, json_string};
pub use form::{credit_check, days_in_month, has_form, resident_check, resident_id_is_whole};
pub use identity::{ContentHash, KeySpec, Namespace, RecordKey, date_part, school_year_of};
pub use naming::natural_key_words;
pub use number::{NumberFault, canonical_number};
