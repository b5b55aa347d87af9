//! Whether a source can be read as `[read.changes]` and `[read.chunks]` of a mapping say.

use std::sync::Arc;

use super::plan::Plan;
use crate::finding::Text;
use crate::normalize::{MappingDocument, MappingFault};
use crate::source::{self, ChangesBy, Column, Connector, Incremental, SourcePlace};

/// Faults that are known without a connection: kinds of sources that cannot do it.
pub(super) fn unable(plan: &Plan) -> Vec<MappingFault> {
    let kind = |document: &MappingDocument| plan.loaded.settings.sources.get(document.source()).map(|source| &source.kind);
    let known = plan.active().filter_map(|(document, _)| Some((document, source::connector(kind(document)?)?)));
    known.filter_map(|(document, connector)| unable_one(document, connector)).collect()
}

fn unable_one(document: &MappingDocument, connector: &dyn Connector) -> Option<MappingFault> {
    let read = document.read();
    let kind = connector.kind();
    let sections = [("changes", read.changes.is_some()), ("chunks", read.chunks.is_some())];
    if let Some((section, _)) = sections.iter().find(|(_, there)| *there && connector.incremental() == Incremental::No) {
        return Some(document.fault_at(
            &format!("/read/{section}"),
            Text::new(
                format!("kind = \"{kind}\" 的来源不支持 [read.{section}]"),
                format!("sources of kind \"{kind}\" do not know [read.{section}]"),
            ),
            Text::new(
                format!("删去 [read.{section}]；sqlite、postgres、mysql、odbc 来源支持"),
                format!("drop [read.{section}]; sources of the kinds sqlite, postgres, mysql and odbc know it"),
            ),
        ));
    }
    let by_log = read.changes.as_ref().is_some_and(|changes| changes.by == ChangesBy::Log);
    (by_log && connector.incremental() != Incremental::ByLog).then(|| {
        document.fault_at(
            "/read/changes/by",
            Text::new(
                format!("kind = \"{kind}\" 的来源没有可读的变更日志"),
                format!("sources of kind \"{kind}\" have no log of changes that can be read"),
            ),
            Text::new(
                "改用 by = \"watermark\" 并写出 columns，或删去 [read.changes]",
                "use by = \"watermark\" with columns, or drop [read.changes]",
            ),
        )
    })
}

/// Faults that only the source can tell: columns that it does not have, no primary key.
pub(super) fn unfit(
    connector: &dyn Connector,
    place: &SourcePlace<'_>,
    document: &Arc<MappingDocument>,
    columns: &[Column],
) -> Vec<MappingFault> {
    let read = document.read();
    let mut faults = Vec::new();
    let mut named: Vec<(&str, &[String])> = Vec::new();
    let mut keyless = Vec::new();
    if let Some(changes) = &read.changes {
        named.extend([("changes/columns", changes.columns.as_slice()), ("changes/key", changes.key.as_slice())]);
        keyless.extend((changes.by == ChangesBy::Log && changes.key.is_empty()).then_some("changes"));
    }
    if let Some(chunks) = &read.chunks {
        named.push(("chunks/key", chunks.key.as_slice()));
        keyless.extend(chunks.key.is_empty().then_some("chunks"));
    }
    for (pointer, names) in named {
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !columns.iter().any(|column| *column.name == **name)) {
            faults.push(document.fault_at(
                &format!("/read/{pointer}/{at}"),
                Text::new(format!("来源没有列 {name}"), format!("the source has no column {name}")),
                Text::new("更正列名（区分大小写）", "mend the column's name; upper and lower case differ"),
            ));
        }
    }
    if keyless.is_empty() {
        return faults;
    }
    // What cannot be described is not known to have no key.
    let Ok(tables) = connector.describe(place) else { return faults };
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    let object = read.object.as_deref().unwrap_or_default();
    let own = tables
        .iter()
        .find(|table| table.name == object)
        .or_else(|| tables.iter().find(|table| bare(&table.name) == bare(object)));
    // A kind that tells no columns tells no keys.
    if own.is_some_and(|table| !table.columns.is_empty() && table.primary.is_empty()) {
        faults.extend(keyless.into_iter().map(|section| {
            document.fault_at(
                &format!("/read/{section}"),
                Text::new(format!("{object} 没有主键"), format!("{object} has no primary key")),
                Text::new(
                    format!("在 [read.{section}] 中写出能区分每一行的列：key = [\"…\"]"),
                    format!("name the columns that tell each row apart in [read.{section}]: key = [\"…\"]"),
                ),
            )
        }));
    }
    faults
}
