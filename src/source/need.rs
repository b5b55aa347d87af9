//! What a way of reading needs of its source beyond being able to read.

use crate::finding::Text;

/// One thing that a mapping's way of reading needs of its source, and whether it is there; or something that was left
/// behind there by a way of reading that nobody uses any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What it is.
    pub what: Text,
    /// Whether it is there; `None` for what is to be known without being right or wrong.
    pub ok: Option<bool>,
    /// What was found, without data.
    pub found: Text,
    /// What to do about it, SQL for the administrator say.
    pub remedy: Option<Text>,
}
