//! The jobs: one for each mapping that reads something.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Failure;
use super::plan::{HUB_SOURCE, Plan, mapping_fault};
use crate::finding::Text;
use crate::normalize::{MappingDocument, Merge, MergedPart};
use crate::pipeline::{Job, OwnRecords, Part, Privacy, Surroundings};
use crate::source::{self, Connector};
use crate::standard::{TableId, TablePlan};
use crate::store::FeedId;
use crate::validate::Checks;

/// Puts the jobs together; every mapping without a source at once. A table that the store does not know has no job, unless
/// a feed is given in its place.
pub(super) fn jobs(
    plan: &Plan,
    around: &Surroundings,
    hub_settings: &serde_json::Value,
    unknown: Option<FeedId>,
) -> Result<Vec<Job>, Failure> {
    let policies = plan.policies();
    let mapped: HashSet<Arc<str>> = plan.active().map(|(_, table)| table.name.clone()).collect();
    let mut jobs = Vec::new();
    let mut faults = Vec::new();
    for (document, table) in plan.active() {
        let Some(feed) = around.feeds.get(&table.id).copied().or(unknown) else { continue };
        let Some((connector, settings, system)) = reader(plan, document, hub_settings) else {
            faults.push(mapping_fault(document.fault(
                "source",
                Text::new(
                    format!("没有名为 {} 的数据源", document.source()),
                    format!("there is no source named {}", document.source()),
                ),
                Text::new("在设置文件中增加 [sources.…]，或更正名称", "add [sources.…] to the settings, or mend the name"),
            )));
            continue;
        };
        jobs.push(Job {
            source: document.source().into(),
            connector,
            settings,
            base: plan.loaded.base.clone(),
            system,
            object: document.read().object.as_deref().unwrap_or("query").into(),
            feed,
            adopted: adopted(plan, document)?,
            row_columns: document.row_columns(table),
            plan: Arc::clone(table),
            checks: Checks::compile(table, &plan.standard, &policies),
            needs: needs(plan, document, table, &mapped),
            merged_of: merged_of(plan, document, &around.feeds),
            document: Arc::clone(document),
            privacy: Privacy {
                portraits: plan.loaded.settings.privacy.portraits.clone(),
                smallest_group: plan.loaded.settings.privacy.smallest_group,
            },
            own: source::connector(HUB_SOURCE)
                .filter(|_| document.is_timetable())
                .map(|connector| OwnRecords { connector, settings: Arc::new(hub_settings.clone()) }),
        });
    }
    faults.extend(super::incremental::unable(plan).into_iter().map(mapping_fault));
    if faults.is_empty() { Ok(jobs) } else { Err(Failure::Settings(faults)) }
}

/// The file with keys to adopt that a mapping names, as text.
pub(super) fn adopted(plan: &Plan, document: &MappingDocument) -> Result<Option<String>, Failure> {
    let Some(file) = document.adopt_file() else { return Ok(None) };
    let path = plan.loaded.path(std::path::Path::new(file));
    std::fs::read_to_string(&path).map(Some).map_err(|error| {
        Failure::Settings(vec![mapping_fault(document.fault(
            "key",
            Text::new(
                format!("键文件 {} 不可读：{error}", path.display()),
                format!("the key file {} cannot be read: {error}", path.display()),
            ),
            Text::new(
                "更正 adopt 的 file（相对于设置文件所在目录，UTF-8）",
                "mend file of adopt (relative to the settings file's folder, UTF-8)",
            ),
        ))])
    })
}

/// The parts that a merged table is put together of.
fn merged_of(plan: &Plan, document: &MappingDocument, feeds: &HashMap<TableId, FeedId>) -> Vec<Part> {
    let Some(merge) = plan.merge(document) else { return Vec::new() };
    let part = |part: &MergedPart| {
        let kind = plan.loaded.settings.sources.get(&*part.source).and_then(|source| source::connector(&source.kind));
        Some(Part {
            source: Arc::clone(&part.source),
            feed: feeds.get(&part.plan.id).copied()?,
            mapping_digest: plan.mapping(document.table(), &part.source)?.digest(),
            pushed: kind.is_some_and(|connector| connector.is_pushed()),
        })
    };
    merge.parts().iter().filter_map(part).collect()
}

type Reader = (&'static dyn Connector, Arc<serde_json::Value>, Arc<str>);

fn reader(plan: &Plan, document: &MappingDocument, hub_settings: &serde_json::Value) -> Option<Reader> {
    if plan.merge(document).is_some() {
        return Some((source::connector(HUB_SOURCE)?, Arc::new(hub_settings.clone()), document.source().into()));
    }
    let (name, settings) = plan.loaded.settings.sources.get_key_value(document.source())?;
    let system = settings.system.as_deref().unwrap_or(name).into();
    let mut own = settings.settings.expose().clone();
    if let (true, Some(own), Some(supplied)) = (settings.kind == HUB_SOURCE, own.as_object_mut(), hub_settings.as_object()) {
        own.extend(supplied.clone());
    }
    Some((source::connector(&settings.kind)?, Arc::new(own), system))
}

/// The mapped tables that must be read before: those it refers to or looks up, and for derived tables those that its
/// query names. What is computed of others is not waited for where a roster answers as well: it may be computed of this one.
fn needs(plan: &Plan, document: &MappingDocument, table: &TablePlan, mapped: &HashSet<Arc<str>>) -> BTreeSet<Arc<str>> {
    let computed: HashSet<&str> =
        plan.active().filter(|(document, _)| document.roster().is_some()).map(|(document, _)| document.table()).collect();
    let mut needs: BTreeSet<Arc<str>> = BTreeSet::new();
    for reference in table.fields.iter().filter_map(|f| f.reference.as_ref()) {
        let targets = reference.targets.iter().map(|t| plan.standard.table(t.table).name.clone());
        let (made, read): (Vec<_>, Vec<_>) = targets.filter(|t| mapped.contains(t)).partition(|t| computed.contains(&**t));
        needs.extend(if read.is_empty() { made } else { read });
    }
    needs.extend(document.looks_up().into_iter().map(|(table, _)| Arc::from(table)));
    if plan.is_derived(document) {
        let query = document.read().query.as_deref().unwrap_or_default();
        let named: HashSet<&str> = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let ledger = named.iter().any(|word| word.starts_with("hub_"));
        needs.extend(mapped.iter().filter(|name| ledger || named.contains(&***name)).cloned());
    }
    needs.extend(plan.merge(document).into_iter().flat_map(Merge::parts).map(|part| Arc::clone(&part.plan.name)));
    if let Some(calendar) = plan.standard.teaching_source().filter(|_| document.is_timetable()) {
        needs.extend(calendar.tables.iter().map(|name| Arc::from(name.as_str())));
    }
    needs.retain(|name| mapped.contains(name) && **name != *table.name);
    needs
}
