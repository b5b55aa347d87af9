//! Xiaoshu (校枢): the data hub of a vocational school.

pub mod fault;
pub mod finding;
pub mod record;
pub mod report;
pub mod source;
pub mod standard;
pub mod store;
pub mod validate;
