//! The data standard, compiled: editions, tables, fields, code sets.
//!
//! The standard is data ([`schemas/`](https://json-schema.org/draft/2020-12/schema) documents with `x-`
//! annotations, described in `schemas/README.md`); nothing here names a canonical table or field. A
//! [`Standard`] is one edition together with the hub's own core tables and the national code sets; code
//! asks its plans for a *role*, never for a name.

mod code_files;
mod code_index;
mod code_set;
mod compile;
mod counts;
mod diff;
mod document;
mod expand;
mod folder;
mod form;
mod ids;
pub mod import;
mod info;
mod key;
mod load;
mod oracle;
mod part;
mod person;
mod plan;
mod portrait;
mod reading;
mod sheet;
mod teaching;

pub use code_set::{AmbiguousLabel, Code, CodeSet, fold_label};
pub use counts::Counts;
pub use diff::{Change, ChangeKind, EditionDiff, diff};
pub use ids::{CodeIdx, EditionId, FieldIdx, TableId};
pub use info::{DateTimeStyle, EditionInfo, Window};
pub use key::{KeyPart, NaturalKey};
pub use load::{LoadError, Standard};
pub use oracle::OracleError;
pub use part::{PART_KEY, PART_KEY_HEX, PartOf};
pub use person::{NumberKind, Paper, PersonPlan};
pub use plan::{
    Condition, DateOrder, Domain, FieldPlan, FieldType, Format, Frequency, Kind, Length, RefTarget, Reference, Required, Roles,
    Scope, Sensitivity, TablePlan,
};
pub use portrait::PortraitItem;
pub use sheet::{CodeSetSheet, EditionSheet, EditionSummary, FieldSheet, TableLine, TableSheet, list};
pub use teaching::TeachingSource;
