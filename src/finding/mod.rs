//! What is wrong with a datum, said so that the person who owns it can mend it.
//!
//! Bad data is not an error: it is a [`Violation`]. A violation names rule, field, class of the value
//! found and what is allowed; it never holds the value of a sensitive field. Texts are made only when
//! somebody reads them ([`Violation::text`]), so that finding a fault on the hot path stays cheap.

mod findings;
mod locator;
mod page;
mod text;
mod violation;

pub use findings::{Findings, RowFindings, Waits};
pub use locator::{Locator, Place};
pub use page::Page;
pub use text::{Lang, Text};
pub use violation::{Expected, FieldRef, Found, RuleId, Severity, Violation};
