//! Names of things, as types: no table or field travels as a string on the data path.

use std::fmt;
use std::sync::Arc;

/// An edition of the data standard, `gaozhi-2024.09`, or `core` for the hub's own masters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct EditionId(Arc<str>);

impl EditionId {
    /// The id of the hub's own core tables.
    pub const CORE: &'static str = "core";

    /// An edition by its folder name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The folder name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the hub's own core and not a printed edition.
    pub fn is_core(&self) -> bool {
        &*self.0 == Self::CORE
    }
}

impl fmt::Display for EditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table within one [`super::Standard`], counted from 0 in printed order, core tables after the edition's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u16);

/// A field within its table, counted from 0 in printed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldIdx(pub u16);

impl FieldIdx {
    /// As an index.
    #[inline]
    pub fn usize(self) -> usize {
        usize::from(self.0)
    }
}

/// A code within its code set, counted from 0 in printed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeIdx(pub u32);
