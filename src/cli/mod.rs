//! The command line: arguments, texts, exit codes. What the commands do is in [`crate::app`].

mod args;
mod exit;
mod help;

pub use args::{Cli, Command, Global, LangArg, QuarantineAction, RowFilter, StandardAction};
pub use exit::Exit;
