//! Sources that change under the hub: scripts of changes between two collections. Each says what the change affects and which
//! tables pause; for all of them every landed record is held against what the source says under each column's own name.

mod files;
mod hub;
mod json;
mod servers;
mod sheet;
mod sql;
mod sqlite;
mod story;
