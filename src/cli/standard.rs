//! `standard …`.

use super::{Ended, Exit, Output, StandardAction};
use crate::app::{Context, Failure};
use crate::finding::Text;

/// Runs one of the standard commands.
pub(super) fn run(_: &Context<'_>, _: Output, _: StandardAction) -> Result<Exit, Ended> {
    Err(Failure::Unknown(Text::new("此版本没有数据标准", "this build has no data standards")).into())
}
