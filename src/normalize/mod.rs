//! Normalisation: a source's columns become canonical records.
//!
//! A [`MappingDocument`] is one TOML file, one per (table, source). Compiled against the standard and the source's
//! columns it is a [`MappingPlan`], which takes batches of text cells and gives records **and** violations; it never
//! stops at the first. Nothing is guessed: a value with two readings is a violation of rule `ambiguous`, one that
//! cannot be kept whole is `lossy` unless the mapping says `take`.
//!
//! What is mended without being asked, because it cannot change what a value means:
//!
//! - every cell: blanks at both ends (ideographic and no-break ones too), zero-width characters, soft hyphens, control
//!   characters; inner ideographic and no-break blanks become plain ones;
//! - names: the look-alikes of the middle dot become U+00B7, blanks between Han characters (padding) go; nothing else;
//! - codes, numbers, dates and numbers of things (student numbers, telephone numbers …): width and compatibility forms
//!   (NFKC); free text and names are never folded;
//! - dates, times, school years and terms in the shapes that schools have; codes without their leading zeros, or by
//!   label; 男 for a label 男性 and 汉 for 汉族; spreadsheets' `.0` and leading apostrophe.

mod adopt;
mod apply;
mod clean;
mod coerce;
mod compile;
mod derive;
mod document;
mod facts;
mod fault;
mod filter;
mod incremental;
mod key;
mod lookup;
mod merge;
mod plan;
mod raw;
mod schema;
mod toml;

pub use coerce::Canon;
pub use derive::{Aside, CalendarRow, Derivation, DeriveContext, DerivedRow, LandedLesson, Refused, TeachingCalendar};
pub use document::{MappingDocument, Mode};
pub use fault::MappingFault;
pub use lookup::{LookupAnswers, LookupQuery};
pub use merge::{Disagreement, MERGED_SOURCE, Merge, MergeDocument, MergedPart};
pub use plan::{MappingContext, MappingPlan, Normalized};
pub use raw::{from_raw, raw_json};
