//! What a school asks of the keeper of a system: a letter, the columns, views and grants.
//!
//! Nobody has to write such a letter from the standard by hand, and nobody has to open whole tables to the hub: what
//! is asked for is what the mapping reads, or, where there is no mapping yet, the columns of a table of the standard.
//! Everything here is text made of values; nothing is read or written.

mod columns;
mod letter;
mod mapping;
mod sql;
mod wanted;

pub use columns::columns_csv;
pub use letter::{Sender, letter};
pub use mapping::mapping_toml;
pub use sql::views_sql;
pub use wanted::{Origin, WantedColumn, WantedTable};

use crate::source::Product;

/// What is asked for, and of whom.
#[derive(Debug)]
pub struct Request {
    /// The system, as the letter calls it.
    pub system: String,
    /// The database account that the hub reads with.
    pub account: String,
    /// Host names or addresses that the hub connects from; empty where not yet known.
    pub host: String,
    /// The tables, in the order of the letter.
    pub tables: Vec<WantedTable>,
    /// How the data is to come.
    pub way: Way,
}

/// How a system's data comes to the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The hub reads views of the system's database.
    Views(Product),
    /// The system writes files into a folder that the hub watches.
    Files,
}
