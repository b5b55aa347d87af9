//! The published standard: that it is complete, that it is what `schemas/meta` says it is, and that it means what it says.

mod counts;
mod diff;
mod documents;
mod import;
mod oracle;
mod rows;

use std::sync::Arc;

use xiaoshu::standard::{EditionId, Standard};

/// The four printed editions.
const PRINTED: [&str; 4] = ["gaozhi-2023.06", "gaozhi-2024.09", "zhongzhi-2023.06", "zhongzhi-2025.03"];
/// All of them, and the hub's own core.
const ALL: [&str; 5] = ["core", "gaozhi-2023.06", "gaozhi-2024.09", "zhongzhi-2023.06", "zhongzhi-2025.03"];

fn load(edition: &str) -> Arc<Standard> {
    Standard::load(&EditionId::new(edition), None).unwrap_or_else(|e| panic!("{edition}: {e}"))
}
