//! Views over landed records and the ledger, for the connector `hub`.

use std::sync::Arc;

use super::PostgresStore;
use crate::standard::{FieldType, Format, PART_KEY, PART_KEY_HEX, TablePlan};
use crate::store::FeedId;

impl PostgresStore {
    /// The database's address with the schema to look in: what a reader of the views connects to. It holds the password.
    pub(super) fn address(&self) -> String {
        let join = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{join}options=-c%20search_path%3D{}", self.url, self.schema)
    }
}

/// SQL that creates the views on a connection of the reader's own.
pub(super) fn views(plans: &[(Option<FeedId>, Arc<TablePlan>)]) -> Vec<String> {
    let mut all: Vec<String> = plans.iter().flat_map(|(feed, plan)| table_views(*feed, plan)).collect();
    all.extend(LEDGER.iter().map(|sql| (*sql).to_owned()));
    all
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Two views a table: one with the names as they are, and one with the names as PostgreSQL folds them where a query does
/// not quote them, so that a query may be written either way. First and last period are numbers of their own. What sources give in
/// parts is joined by the natural key: its bytes are a column, and again in hexadecimal digits.
fn table_views(feed: Option<FeedId>, plan: &TablePlan) -> Vec<String> {
    let rows = feed.map_or("false".to_owned(), |feed| format!("feed = {} AND op = 0", feed.0));
    let view = |fold: fn(&str) -> String| {
        let mut columns: Vec<String> = Vec::with_capacity(plan.fields.len());
        for field in &plan.fields {
            let value = format!("p ->> '{}'", field.name.replace('\'', "''"));
            if field.ty == FieldType::Text(Format::Periods) {
                for (part, end) in [(1, "FIRST"), (2, "LAST")] {
                    let name = quoted(&fold(&format!("{}_{end}", field.name)));
                    columns.push(format!("CAST(split_part({value}, '-', {part}) AS integer) AS {name}"));
                }
            }
            columns.push(format!("{value} AS {}", quoted(&fold(&field.name))));
        }
        if plan.part.is_some() {
            columns.push(format!("nk AS {}, upper(encode(nk, 'hex')) AS {}", quoted(PART_KEY), quoted(PART_KEY_HEX)));
        }
        format!(
            "CREATE TEMP VIEW {} AS SELECT {} FROM (SELECT payload::json AS p, nk FROM feed WHERE {rows} OFFSET 0) r",
            quoted(&fold(&plan.name)),
            columns.join(", ")
        )
    };
    let folded = view(str::to_ascii_lowercase);
    let plain = view(str::to_owned);
    if folded == plain { vec![plain] } else { vec![plain, folded] }
}

/// Times in the standard's own form, `YYYYMMDD hhmmss` at +08:00, beside the milliseconds.
macro_rules! china {
    ($millis:literal, $form:literal) => {
        concat!("to_char(to_timestamp(", $millis, " / 1000) AT TIME ZONE INTERVAL '+08:00', '", $form, "')")
    };
}

const LEDGER: &[&str] = &[
    concat!(
        "CREATE TEMP VIEW hub_runs AS SELECT r.id AS run, s.name AS source, f.edition AS edition, f.name AS \"table\", \
         r.began AS began_ms, r.ended AS ended_ms, ",
        china!("r.began", "YYYYMMDD HH24MISS"),
        " AS began, ",
        china!("r.ended", "YYYYMMDD HH24MISS"),
        " AS ended, r.complete::integer AS complete, r.error AS error, r.read AS read, r.changed AS changed, \
         r.unchanged AS unchanged, r.duplicate AS duplicate, r.quarantined AS quarantined, r.filtered AS filtered, \
         r.consumed AS consumed FROM run r JOIN source s ON s.id = r.source JOIN feeds f ON f.id = r.feed"
    ),
    concat!(
        "CREATE TEMP VIEW hub_stock AS SELECT u.name AS upstream, f.edition AS edition, f.name AS \"table\", \
         f.live AS live, k.stored AS stored, k.in_flight AS in_flight, k.waiting AS waiting, k.refused AS refused, \
         k.unknown AS unknown, k.waits_parent + k.waits_verdict + k.not_due + k.out_of_scope + k.unsealed + k.closed AS held, \
         k.last_stored AS last_stored_ms, ",
        china!("k.last_stored", "YYYYMMDD HH24MISS"),
        " AS last_stored FROM stock k JOIN upstream u ON u.id = k.upstream JOIN feeds f ON f.id = k.feed"
    ),
    concat!(
        "CREATE TEMP VIEW hub_sources AS SELECT s.name AS source, f.edition AS edition, f.name AS \"table\", \
         r.runs, r.complete_runs, r.changed, r.last_ms, ",
        china!("r.last_ms", "YYYYMMDD HH24MISS"),
        " AS last, ",
        china!("r.last_ms", "YYYYMMDD"),
        " AS last_date, ",
        china!("r.first_ms", "YYYYMMDD"),
        " AS first_date, \
         (SELECT count(*) FROM head h WHERE h.feed = r.feed AND h.source = r.source AND h.flags & 1 = 0) AS live, \
         (SELECT count(*) FROM quarantine q WHERE q.feed = r.feed AND q.source = r.source) AS quarantined \
         FROM (SELECT source, feed, count(*) AS runs, sum(complete::integer) AS complete_runs, sum(changed)::bigint AS changed, \
         max(ended) AS last_ms, min(began) AS first_ms FROM run GROUP BY source, feed) r \
         JOIN source s ON s.id = r.source JOIN feeds f ON f.id = r.feed"
    ),
];
