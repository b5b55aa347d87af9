//! Derivations by themselves: rows in, rows out.

use std::collections::VecDeque;
use std::sync::Arc;

use xiaoshu::finding::Place;
use xiaoshu::normalize::{Derivation, DeriveContext, MappingDocument, Refused};
use xiaoshu::source::{Column, ColumnKind, Position, SourceBatch, SourceBatchBuilder};
use xiaoshu::standard::{EditionId, Standard};

/// The edition that the mappings of these tests are for.
pub fn standard() -> Arc<Standard> {
    static LOADED: std::sync::OnceLock<Arc<Standard>> = std::sync::OnceLock::new();
    let load = || Standard::load(&EditionId::new("gaozhi-2024.09"), None).expect("an edition");
    Arc::clone(LOADED.get_or_init(load))
}

/// 2024-11-20, nothing sensitive, groups of five.
pub fn context() -> DeriveContext {
    DeriveContext { today: "20241120".into(), shown: Vec::new(), smallest_group: 5, ..DeriveContext::default() }
}

pub fn document(text: &str) -> MappingDocument {
    MappingDocument::parse("m.toml", text).unwrap_or_else(|faults| panic!("{faults:?}"))
}

pub fn columns(names: &[&str]) -> Arc<[Column]> {
    names.iter().map(|name| Column { name: (*name).into(), kind: ColumnKind::Unknown }).collect()
}

fn batch(columns: &Arc<[Column]>, rows: &[&[&str]]) -> SourceBatch {
    let mut batch = SourceBatchBuilder::new(Arc::clone(columns), rows.len());
    for (at, row) in rows.iter().enumerate() {
        row.iter().for_each(|cell| batch.push(Some(*cell).filter(|cell| *cell != "-")));
        batch.end_row(Place::Row(at as u64 + 1));
    }
    batch.finish(Position(Vec::new()))
}

/// The names of columns, the rows, and how many cases were withheld.
pub type Rows = (Vec<String>, Vec<Vec<String>>, u64);

/// What is made of rows, `-` for nothing; the rows come in batches of two.
pub fn made(mapping: &MappingDocument, context: &DeriveContext, names: &[&str], rows: &[&[&str]]) -> Result<Rows, Refused> {
    let columns = columns(names);
    let derivation = Derivation::compile(mapping, &standard(), &columns, context);
    let mut derivation = derivation.unwrap_or_else(|faults| panic!("{faults:?}")).expect("a derivation");
    let mut made = VecDeque::new();
    for some in rows.chunks(2) {
        derivation.take(&batch(&columns, some), &mut made)?;
    }
    derivation.end(&mut made)?;
    let text = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
    let rows = made.into_iter().map(|row| row.into_iter().map(text).collect()).collect();
    Ok((derivation.columns().iter().map(|c| c.name.to_string()).collect(), rows, derivation.withheld()))
}
