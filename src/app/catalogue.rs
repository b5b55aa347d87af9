//! What the hub's own mappings say, as a view that derived tables can ask: `hub_catalogue`.

use super::plan::Plan;

/// SQL that makes the view `hub_catalogue` (`table_name`, `label`, `edition`, `source`, `system`, `owner`, `frequency`,
/// `automatic`, `ledger`), one row a mapping; that which puts a merged table together is none. `ledger` is what `hub_runs` and
/// `hub_sources` call the table: for a source of a merged one its part.
pub(super) fn sql(plan: &Plan) -> Vec<String> {
    let mut rows: Vec<String> = plan
        .active()
        .filter(|(document, _)| plan.merge(document).is_none())
        .map(|(document, table)| {
            let settings = plan.loaded.settings.sources.get(document.source());
            let system = settings.and_then(|s| s.system.as_deref()).unwrap_or(document.source());
            let cells = [
                quoted(document.table()),
                quoted(&table.label_zh),
                quoted(table.edition.as_str()),
                quoted(document.source()),
                quoted(system),
                quoted(plan.owner(document.table(), document.source()).unwrap_or_default()),
                quoted(table.frequency.key()),
                quoted(if document.mode() == crate::normalize::Mode::Automatic { "1" } else { "0" }),
                quoted(&table.name),
            ];
            format!("({})", cells.join(","))
        })
        .collect();
    if rows.is_empty() {
        rows.push("(NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)".to_owned());
    }
    vec![format!(
        "CREATE TEMP VIEW hub_catalogue(table_name, label, edition, source, system, owner, frequency, automatic, ledger) AS \
         SELECT * FROM (VALUES {}) v WHERE column1 IS NOT NULL",
        rows.join(",")
    )]
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
