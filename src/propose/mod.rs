//! What can be proposed to a school out of the standard: requests to those who keep its systems.

mod request;

pub use request::{
    Dialect, Origin, Request, Sender, WantedColumn, WantedTable, Way, columns_csv, letter, mapping_toml, views_sql,
};
