//! What can be known without opening the store: settings, standard, mappings.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Context, Failure};
use crate::config::{self, Environment, Fault, Kind, Loaded, Parts};
use crate::finding::Text;
use crate::normalize::{MERGED_SOURCE, MappingDocument, MappingFault, Merge, MergeDocument, Mode};
use crate::record::natural_key_words;
use crate::report;
use crate::source;
use crate::standard::{EditionId, FieldIdx, Standard, TableId, TablePlan};
use crate::store::FeedSpec;
use crate::validate::{ReferencePolicies, ReferencePolicy};

/// The kind of the source that gives the hub's own landed records and ledger.
pub(super) const HUB_SOURCE: &str = "hub";

/// Settings, standard and mappings: what can be known without opening the store.
pub(super) struct Plan {
    pub(super) loaded: Loaded,
    pub(super) standard: Arc<Standard>,
    pub(super) documents: Vec<Arc<MappingDocument>>,
    /// The tables that are put together of what several sources give.
    pub(super) merges: Vec<Merge>,
}

/// The kinds that this build knows, with their settings' schemas.
pub(super) fn parts() -> Parts {
    let schema = |text: &str| serde_json::from_str(text).unwrap_or_default();
    let sources = source::registry().iter().map(|c| Kind { name: c.kind(), schema: schema(c.settings_schema()) });
    let upstreams = report::kinds().iter().map(|k| Kind { name: k.kind(), schema: schema(k.settings_schema()) });
    Parts { sources: sources.collect(), upstreams: upstreams.collect() }
}

/// A mapping's fault as the settings' faults are shown.
pub(super) fn mapping_fault(fault: MappingFault) -> Fault {
    Fault { file: PathBuf::from(fault.file), line: fault.line, column: fault.column, what: fault.what, remedy: fault.remedy }
}

impl Plan {
    /// Reads settings and mappings; every fault at once.
    pub(super) fn load(context: &Context<'_>) -> Result<Self, Failure> {
        let loaded = config::load(&context.settings, context.schemas.as_deref(), &parts(), &Environment::process())
            .map_err(Failure::Settings)?;
        let edition = EditionId::new(loaded.settings.school.edition.as_str());
        let standard = Standard::load(&edition, context.schemas.as_deref()).map_err(|e| Failure::part(&e))?;
        let mut documents = Vec::new();
        let mut faults = Vec::new();
        for file in &loaded.mappings {
            match MappingDocument::parse(&file.path.display().to_string(), &file.text) {
                Ok(document) => documents.push(Arc::new(document)),
                Err(found) => faults.extend(found.into_iter().map(mapping_fault)),
            }
        }
        documents.extend(shipped(&loaded, &standard, &documents));
        faults.extend(documents.iter().flat_map(|document| derivation_faults(&loaded, &standard, document)));
        let (merges, found) = merged(&loaded, &standard, &documents);
        faults.extend(found);
        for merge in &merges {
            match merge.mapping() {
                Ok(document) => documents.push(Arc::new(document)),
                Err(found) => faults.extend(found.into_iter().map(mapping_fault)),
            }
        }
        if faults.is_empty() { Ok(Self { loaded, standard, documents, merges }) } else { Err(Failure::Settings(faults)) }
    }

    /// The mappings that read something, with their tables. What a source gives to a merged table lands in its part, a table of its
    /// own.
    pub(super) fn active(&self) -> impl Iterator<Item = (&Arc<MappingDocument>, &Arc<TablePlan>)> {
        self.documents
            .iter()
            .filter(|document| document.mode() != Mode::NotApplicable)
            .filter_map(|document| Some((document, self.part(document).or_else(|| self.standard.find(document.table()))?)))
    }

    /// The part that a mapping lands in, where its table is merged.
    fn part(&self, document: &MappingDocument) -> Option<&Arc<TablePlan>> {
        let merge = self.merges.iter().find(|merge| *merge.table().name == *document.table())?;
        merge.parts().iter().find(|part| *part.source == *document.source()).map(|part| &part.plan)
    }

    /// A table of the standard, or a part.
    pub(super) fn table(&self, id: TableId) -> &Arc<TablePlan> {
        let parts = self.merges.iter().flat_map(Merge::parts).map(|part| &part.plan);
        parts.into_iter().find(|part| part.id == id).unwrap_or_else(|| self.standard.table(id))
    }

    /// How a table is merged, where it is.
    pub(super) fn merge(&self, document: &MappingDocument) -> Option<&Merge> {
        let merge = self.merges.iter().find(|merge| *merge.table().name == *document.table());
        merge.filter(|_| document.source() == MERGED_SOURCE)
    }

    /// The mapping of a source onto a table, or onto its part of one.
    pub(super) fn mapping(&self, table: &str, source: &str) -> Option<&MappingDocument> {
        let table = table.split_once('@').map_or(table, |(table, _)| table);
        self.documents.iter().find(|d| d.table() == table && d.source() == source).map(|d| &**d)
    }

    /// The department to tell about a table of a source.
    pub(super) fn owner(&self, table: &str, source: &str) -> Option<&str> {
        let document = self.mapping(table, source)?;
        let own = Some(document.owner()).filter(|owner| !owner.is_empty());
        own.or_else(|| self.loaded.settings.sources.get(source)?.owner.as_deref())
    }

    /// The columns of a source whose cells may be shown where a table, or a source's part of it, is: see
    /// [`MappingDocument::shown_columns`].
    pub(super) fn shown_columns(&self, table: &str, source: &str) -> BTreeSet<String> {
        let table = table.split_once('@').map_or(table, |(table, _)| table);
        let own = self.active().filter(|(document, plan)| &*plan.name == table && document.source() == source);
        own.flat_map(|(document, plan)| document.shown_columns(plan)).collect()
    }

    /// A record's natural key in words; `None` when a part of it is sensitive.
    pub(super) fn natural_key_words(&self, table: &str, natural_key: &[u8]) -> Option<String> {
        let (document, plan) = self.active().find(|(_, plan)| &*plan.name == table)?;
        natural_key_words(plan, &document.natural_key(plan), natural_key)
    }

    /// The tables that derived ones may do without, and that this school does not map.
    pub(super) fn unmapped_inputs(&self) -> impl Iterator<Item = &Arc<TablePlan>> {
        let own = self.active().filter(|(document, _)| self.is_derived(document));
        let mut names: BTreeSet<&str> =
            own.flat_map(|(document, _)| document.read().optional.iter().map(String::as_str)).collect();
        for (document, _) in self.active().filter(|(document, _)| document.is_timetable()) {
            names.insert(document.table());
            names.extend(self.standard.teaching_source().into_iter().flat_map(|own| own.tables.iter().map(String::as_str)));
        }
        names.into_iter().filter_map(|name| self.standard.find(name))
    }

    /// Whether a mapping reads the hub's own records.
    pub(super) fn is_derived(&self, document: &MappingDocument) -> bool {
        self.loaded.settings.sources.get(document.source()).is_some_and(|source| source.kind == HUB_SOURCE)
    }

    /// The folder of the store, as a whole path.
    pub(super) fn data_dir(&self, context: &Context<'_>) -> PathBuf {
        let dir = context.data.clone().unwrap_or_else(|| self.loaded.path(&self.loaded.settings.data.dir));
        // Whole, because the source over the store takes relative paths to start from the settings file's folder.
        std::path::absolute(&dir).unwrap_or(dir)
    }

    /// Fields by which records of each table are looked for: targets of references and of look-ups.
    pub(super) fn indexed(&self) -> HashMap<TableId, BTreeSet<FieldIdx>> {
        let mut indexed: HashMap<TableId, BTreeSet<FieldIdx>> = HashMap::new();
        for (document, plan) in self.active() {
            for target in plan.fields.iter().filter_map(|f| f.reference.as_ref()).flat_map(|r| r.targets.iter()) {
                indexed.entry(target.table).or_default().insert(target.field);
            }
            for (table, field) in document.looks_up() {
                let found = self.standard.find(table).and_then(|plan| Some((plan.id, plan.find(field)?)));
                if let Some((table, field)) = found {
                    indexed.entry(table).or_default().insert(field);
                }
            }
        }
        indexed
    }

    /// What to do about references that lead nowhere.
    pub(super) fn policies(&self) -> ReferencePolicies {
        let settings = &self.loaded.settings.references;
        let days = u16::try_from(settings.hold_days).unwrap_or(u16::MAX);
        let policy = |p: config::ReferencePolicy| match p {
            config::ReferencePolicy::Warn => ReferencePolicy::Warn,
            config::ReferencePolicy::Hold => ReferencePolicy::Hold { days },
            config::ReferencePolicy::Refuse => ReferencePolicy::Refuse,
        };
        let fields = settings.fields.iter().map(|(name, p)| (name.clone(), policy(*p))).collect();
        ReferencePolicies { default: policy(settings.policy), fields }
    }
}

/// The merges, each held against the mappings, and what is wrong with them.
fn merged(loaded: &Loaded, standard: &Standard, documents: &[Arc<MappingDocument>]) -> (Vec<Merge>, Vec<Fault>) {
    let (mut merges, mut faults): (Vec<Merge>, Vec<Fault>) = (Vec::new(), Vec::new());
    let mut next = standard.tables().len();
    for file in &loaded.merges {
        let document = MergeDocument::parse(&file.path.display().to_string(), &file.text);
        match document.and_then(|document| {
            let twice = merges.iter().any(|merge| *merge.table().name == *document.table());
            if twice { Err(document.twice()) } else { document.compile(standard, documents, next as u16) }
        }) {
            Ok(merge) => {
                next += merge.parts().len();
                merges.push(merge);
            }
            Err(found) => faults.extend(found.into_iter().map(mapping_fault)),
        }
    }
    if !merges.is_empty() && loaded.settings.sources.contains_key(MERGED_SOURCE) {
        faults.push(loaded.fault(
            &["sources", MERGED_SOURCE],
            Text::new(
                format!("来源名 {MERGED_SOURCE} 留给由多个来源合并的记录"),
                format!("the name {MERGED_SOURCE} is kept for records that are put together of several sources"),
            ),
            Text::new("给该来源另取名称", "give that source another name"),
        ));
    }
    (merges, faults)
}

/// What is wrong with what a mapping makes of rows before they are mapped. Rows that are pushed come one by one.
fn derivation_faults(loaded: &Loaded, standard: &Standard, document: &MappingDocument) -> Vec<Fault> {
    let Some(table) = standard.find(document.table()) else { return Vec::new() };
    let mut faults: Vec<Fault> = document.derivation_faults(table, standard).into_iter().map(mapping_fault).collect();
    let kind = loaded.settings.sources.get(document.source()).and_then(|source| source::connector(&source.kind));
    if document.derives() && kind.is_some_and(|connector| connector.is_pushed()) {
        faults.push(mapping_fault(document.fault(
            "source",
            Text::new(
                format!("{} 由汇总或折叠的行构成，不能由对方推送", document.table()),
                format!("{} is made of rows taken together, which cannot be pushed", document.table()),
            ),
            Text::new("改为由本枢纽读取的来源", "name a source that the hub reads"),
        )));
    }
    faults
}

/// The edition's own mappings of the tables that the hub computes. They need a source of kind `hub`, a mapping of each
/// table that they look names up in, and portraits their roster; those that tell of the hub's own sources need the number
/// of the information system at every source. A mapping of the school's own for the same table goes first.
fn shipped(loaded: &Loaded, standard: &Standard, own: &[Arc<MappingDocument>]) -> Vec<Arc<MappingDocument>> {
    let settings = &loaded.settings;
    let hub = settings.sources.iter().find(|(_, source)| source.kind == HUB_SOURCE).map(|(name, _)| name);
    let numbered = settings.sources.values().all(|source| source.system.is_some());
    let Some(hub) = hub.filter(|_| settings.mappings.shipped) else { return Vec::new() };
    let source = format!("source = \"{hub}\"");
    let parse =
        |(path, text): &(String, String)| MappingDocument::parse(path, &text.replacen("source = \"hub\"", &source, 1)).ok();
    let mut taken: Vec<Arc<MappingDocument>> = Vec::new();
    for document in standard.shipped_mappings().iter().filter_map(parse) {
        let named = |table: &str| own.iter().chain(&taken).any(|document| document.table() == table);
        let mapped = |table: &str| {
            own.iter().chain(&taken).any(|document| document.table() == table && document.mode() != Mode::NotApplicable)
        };
        let inputs = document.looks_up().into_iter().map(|(table, _)| table).chain(document.roster());
        let knows = numbered || document.roster().is_some();
        if knows && !named(document.table()) && inputs.into_iter().all(mapped) {
            taken.push(Arc::new(document));
        }
    }
    taken
}

/// What the store must know of a mapped table.
pub(super) fn feed_spec(document: &MappingDocument, table: &Arc<TablePlan>, indexed: Option<&BTreeSet<FieldIdx>>) -> FeedSpec {
    let indexed = indexed.into_iter().flatten().copied().collect();
    FeedSpec { plan: Arc::clone(table), indexed, key_digest: document.key_digest(table) }
}

impl Plan {
    /// The feed of one mapped table.
    pub(super) fn feed_spec(&self, table: &str) -> Option<FeedSpec> {
        let (document, plan) = self.active().find(|(_, plan)| &*plan.name == table)?;
        Some(feed_spec(document, plan, self.indexed().get(&plan.id)))
    }
}
