//! Views over landed records and the ledger, for the connector `hub`.

use std::sync::Arc;

use crate::standard::{FieldType, Format, PART_KEY, PART_KEY_HEX, TablePlan};
use crate::store::FeedId;

/// SQL that creates the views on a connection of the reader's own.
pub(super) fn views(plans: &[(Option<FeedId>, Arc<TablePlan>)]) -> Vec<String> {
    let mut all: Vec<String> = plans.iter().map(|(feed, plan)| table_view(*feed, plan)).collect();
    all.extend(LEDGER.iter().map(|sql| (*sql).to_owned()));
    all
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `->>` takes the value of a field by its name; the name goes in as a text. First and last period are numbers of their own. What
/// sources give in parts is joined by the natural key: its bytes are a column, and again in hexadecimal digits.
fn table_view(feed: Option<FeedId>, plan: &TablePlan) -> String {
    let mut columns: Vec<String> = Vec::with_capacity(plan.fields.len());
    for field in &plan.fields {
        let value = format!("payload ->> '{}'", field.name.replace('\'', "''"));
        if field.ty == FieldType::Text(Format::Periods) {
            let (first, last) = (quoted(&format!("{}_FIRST", field.name)), quoted(&format!("{}_LAST", field.name)));
            columns.push(format!("CAST(substr({value}, 1, instr({value}, '-') - 1) AS INTEGER) AS {first}"));
            columns.push(format!("CAST(substr({value}, instr({value}, '-') + 1) AS INTEGER) AS {last}"));
        }
        columns.push(format!("{value} AS {}", quoted(&field.name)));
    }
    if plan.part.is_some() {
        columns.push(format!("nk AS {}, hex(nk) AS {}", quoted(PART_KEY), quoted(PART_KEY_HEX)));
    }
    let rows = feed.map_or("0".to_owned(), |feed| format!("feed = {} AND op = 0", feed.0));
    format!("CREATE TEMP VIEW IF NOT EXISTS {} AS SELECT {} FROM main.feed WHERE {rows}", quoted(&plan.name), columns.join(", "))
}

/// Times in the standard's own form, `YYYYMMDD hhmmss` at +08:00, beside the milliseconds.
const LEDGER: &[&str] = &[
    "CREATE TEMP VIEW IF NOT EXISTS hub_runs AS SELECT r.id AS run, s.name AS source, f.edition AS edition, f.name AS \"table\", \
     r.began AS began_ms, r.ended AS ended_ms, strftime('%Y%m%d %H%M%S', r.began / 1000, 'unixepoch', '+8 hours') AS began, \
     strftime('%Y%m%d %H%M%S', r.ended / 1000, 'unixepoch', '+8 hours') AS ended, r.complete AS complete, r.error AS error, \
     r.read AS read, r.changed AS changed, r.unchanged AS unchanged, r.duplicate AS duplicate, r.quarantined AS quarantined, \
     r.filtered AS filtered, r.consumed AS consumed FROM main.run r JOIN main.source s ON s.id = r.source \
     JOIN main.feeds f ON f.id = r.feed",
    "CREATE TEMP VIEW IF NOT EXISTS hub_stock AS SELECT u.name AS upstream, f.edition AS edition, f.name AS \"table\", \
     f.live AS live, k.stored AS stored, k.in_flight AS in_flight, k.waiting AS waiting, k.refused AS refused, \
     k.unknown AS unknown, k.waits_parent + k.waits_verdict + k.not_due + k.out_of_scope + k.unsealed + k.closed AS held, \
     k.last_stored AS last_stored_ms, strftime('%Y%m%d %H%M%S', k.last_stored / 1000, 'unixepoch', '+8 hours') AS last_stored \
     FROM main.stock k JOIN main.upstream u ON u.id = k.upstream JOIN main.feeds f ON f.id = k.feed",
    "CREATE TEMP VIEW IF NOT EXISTS hub_sources AS SELECT s.name AS source, f.edition AS edition, f.name AS \"table\", \
     count(*) AS runs, sum(r.complete) AS complete_runs, sum(r.changed) AS changed, max(r.ended) AS last_ms, \
     strftime('%Y%m%d %H%M%S', max(r.ended) / 1000, 'unixepoch', '+8 hours') AS last, \
     strftime('%Y%m%d', max(r.ended) / 1000, 'unixepoch', '+8 hours') AS last_date, \
     strftime('%Y%m%d', min(r.began) / 1000, 'unixepoch', '+8 hours') AS first_date, \
     (SELECT count(*) FROM main.head h WHERE h.feed = r.feed AND h.source = r.source AND h.flags & 1 = 0) AS live, \
     (SELECT count(*) FROM main.quarantine q WHERE q.feed = r.feed AND q.source = r.source) AS quarantined \
     FROM main.run r JOIN main.source s ON s.id = r.source JOIN main.feeds f ON f.id = r.feed GROUP BY r.source, r.feed",
];
