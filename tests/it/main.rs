//! trimmed
#![allow(dead_code)]
mod architecture;
mod authority;
mod manual;
mod sources;
mod kafka {
    pub mod broker;
}
