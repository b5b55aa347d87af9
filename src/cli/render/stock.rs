//! Where records stand at the platform: the same columns, in the same words, wherever they are shown.

use crate::cli::Output;
use crate::cli::width::{Side, TextTable};
use crate::store::Reason;

/// The columns.
pub(super) fn columns(output: Output) -> [(&'static str, Side); 6] {
    [
        (output.say("已入平台", "stored"), Side::Right),
        (output.say("在途", "in flight"), Side::Right),
        (output.say("待报", "waiting"), Side::Right),
        (output.say("退回", "refused"), Side::Right),
        (output.say("不明", "unknown"), Side::Right),
        (output.say("暂缓", "held"), Side::Right),
    ]
}

/// Their cells, in the order of the columns.
pub(super) struct Cells {
    pub(super) stored: u64,
    pub(super) in_flight: u64,
    pub(super) waiting: u64,
    pub(super) refused: u64,
    pub(super) unknown: u64,
    pub(super) held: u64,
}

impl Cells {
    /// As texts.
    pub(super) fn texts(&self) -> [String; 6] {
        [self.stored, self.in_flight, self.waiting, self.refused, self.unknown, self.held].map(|n| n.to_string())
    }
}

/// Why rows are held: table, upstream, reason's name, rows.
pub(super) fn held<'a>(output: Output, rows: impl Iterator<Item = (&'a str, &'a str, &'a str, u64)>) -> String {
    let mut text = TextTable::new(&[
        (output.say("暂缓", "held"), Side::Right),
        (output.say("原因", "reason"), Side::Left),
        (output.say("表", "table"), Side::Left),
        (output.say("通道", "upstream"), Side::Left),
    ]);
    for (table, upstream, name, count) in rows.filter(|(.., count)| *count > 0) {
        // A name that this version does not know is shown as it is.
        let why = Reason::named(name).map(Reason::text);
        let why = why.as_ref().map_or(name, |text| output.text(text));
        text.row([&count.to_string(), why, table, upstream]);
    }
    if text.is_empty() { String::new() } else { text.render() }
}
