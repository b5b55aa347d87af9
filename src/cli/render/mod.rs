//! Answers as text. Each function takes plain data and gives lines.

mod check;
mod counts;
mod deletions;
mod demo;
mod drift;
mod init;
mod quarantine;
mod ramp;
mod rows;
mod sharing;
mod status;
mod stock;
mod system;
mod upstreams;

pub(super) use check::{check, faults};
pub(super) use deletions::{approve, gone};
pub(super) use demo::{demo, run};
pub(super) use drift::drift;
pub(super) use init::init;
pub(super) use quarantine::{exported, quarantine_list, quarantine_row, retried};
pub(super) use ramp::{brain, rekey, release, resend};
pub(super) use rows::try_rows;
pub(super) use sharing::{conflicts, takeover};
pub(super) use status::status;
pub(super) use system::system;

/// Appends a line to a text.
pub(super) fn line(out: &mut String, text: impl AsRef<str>) {
    out.push_str(text.as_ref());
    out.push('\n');
}
