//! What can be proposed to a school out of the standard: mappings of a source, and requests to those who keep its systems.
//!
//! Proposals: which tables and columns of a source are which tables and fields of the standard.
//!
//! [`propose`] is a pure function of what a source looks like ([`crate::source::introspect`]) and of the standard. Names
//! and comments are understood as terms of a vocabulary (`schemas/propose/terms.csv`), in Chinese, English, full pinyin
//! and pinyin initials; sampled values speak for or against by their form. A line is *active* when it is sure and well
//! ahead of what else could be meant; otherwise it is for a person to decide. No sampled value leaves this module but
//! those that [`codes`] lists: few, often repeated, of no person's form, and of no sensitive field.

mod codes;
mod decide;
mod field;
mod fit;
mod foreign;
mod link;
mod made;
mod pair;
mod pinyin;
mod profile;
mod reading;
mod request;
mod score;
mod similar;
mod terms;
mod title;
mod wordlist;
mod write;

pub use codes::{CodeProposal, OwnValue};
pub use decide::{Candidate, FieldProposal, Outcome, Proposal, TableProposal, propose};
pub use link::Through;
pub use made::{Grouping, Pattern, draft};
pub use request::{Origin, Request, Sender, WantedColumn, WantedTable, Way, columns_csv, letter, mapping_toml, views_sql};
pub use similar::names_alike;
pub use terms::{Terms, TermsError};
pub use write::{Place, mapping_file};
