//! The hub put together: settings, standard, store, mappings, jobs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::RngCore;
use tokio::runtime::Runtime;

use super::{Context, Failure};
use crate::config::{self, Environment, Fault, Kind, Loaded, Parts};
use crate::finding::Text;
use crate::normalize::{MappingDocument, MappingFault, Mode};
use crate::pipeline::{BatchRoom, Job, Observer, Pipeline, School, Silent, Surroundings};
use crate::record::Namespace;
use crate::report;
use crate::source::{self, Connector};
use crate::standard::{EditionId, FieldIdx, Standard, TableId, TablePlan};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{FeedId, FeedSpec, Millis, Store, StoreError};
use crate::validate::{Checks, ReferencePolicies, ReferencePolicy};

/// The kind of the source that gives the hub's own landed records and ledger.
pub(super) const HUB_SOURCE: &str = "hub";

/// Tells the time.
pub(super) type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// The system's clock.
pub(super) fn system_clock() -> Clock {
    Arc::new(|| jiff::Timestamp::now().as_millisecond())
}

/// Settings, standard and mappings: what can be known without opening the store.
pub(super) struct Plan {
    pub(super) loaded: Loaded,
    pub(super) standard: Arc<Standard>,
    pub(super) documents: Vec<Arc<MappingDocument>>,
}

/// A hub with its store open.
pub(super) struct Hub {
    pub(super) plan: Plan,
    pub(super) runtime: Runtime,
    pub(super) store: Arc<dyn Store>,
    pub(super) pipeline: Pipeline,
    pub(super) clock: Clock,
    /// Tables that cannot be read until somebody decides: table and why.
    pub(super) parked: Vec<(Arc<str>, String)>,
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
        if faults.is_empty() { Ok(Self { loaded, standard, documents }) } else { Err(Failure::Settings(faults)) }
    }

    /// The mappings that read something, with their tables.
    pub(super) fn active(&self) -> impl Iterator<Item = (&Arc<MappingDocument>, &Arc<TablePlan>)> {
        self.documents
            .iter()
            .filter(|document| document.mode() != Mode::NotApplicable)
            .filter_map(|document| Some((document, self.standard.find(document.table())?)))
    }

    /// The department to tell about a table of a source.
    pub(super) fn owner(&self, table: &str, source: &str) -> Option<&str> {
        let document = self.documents.iter().find(|d| d.table() == table && d.source() == source)?;
        let own = Some(document.owner()).filter(|owner| !owner.is_empty());
        own.or_else(|| self.loaded.settings.sources.get(source)?.owner.as_deref())
    }

    /// The columns of a source that feed sensitive fields of a table.
    pub(super) fn sensitive_columns(&self, table: &str, source: &str) -> BTreeSet<String> {
        let own = self.active().filter(|(document, plan)| &*plan.name == table && document.source() == source);
        own.flat_map(|(document, plan)| document.sensitive_columns(plan)).collect()
    }

    /// Whether a mapping reads the hub's own records.
    pub(super) fn is_derived(&self, document: &MappingDocument) -> bool {
        self.loaded.settings.sources.get(document.source()).is_some_and(|source| source.kind == HUB_SOURCE)
    }

    /// The folder of the store.
    pub(super) fn data_dir(&self, context: &Context<'_>) -> PathBuf {
        context.data.clone().unwrap_or_else(|| self.loaded.path(&self.loaded.settings.data.dir))
    }

    /// Fields by which records of each table are looked for: targets of references and of look-ups.
    fn indexed(&self) -> HashMap<TableId, BTreeSet<FieldIdx>> {
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
    fn policies(&self) -> ReferencePolicies {
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

/// The edition's own mappings of the tables that describe the hub. They need a source of kind `hub`, the number of the
/// information system at every source, and a mapping of each table that they look names up in; a mapping of the
/// school's own for the same table goes first.
fn shipped(loaded: &Loaded, standard: &Standard, own: &[Arc<MappingDocument>]) -> Vec<Arc<MappingDocument>> {
    let settings = &loaded.settings;
    let hub = settings.sources.iter().find(|(_, source)| source.kind == HUB_SOURCE).map(|(name, _)| name);
    let numbered = settings.sources.values().all(|source| source.system.is_some());
    let Some(hub) = hub.filter(|_| numbered && settings.mappings.shipped) else { return Vec::new() };
    let source = format!("source = \"{hub}\"");
    let parse =
        |(path, text): &(String, String)| MappingDocument::parse(path, &text.replacen("source = \"hub\"", &source, 1)).ok();
    let mapped = |table: &str| own.iter().any(|document| document.table() == table);
    let fits =
        |document: &MappingDocument| !mapped(document.table()) && document.looks_up().iter().all(|(table, _)| mapped(table));
    standard.shipped_mappings().iter().filter_map(parse).filter(fits).map(Arc::new).collect()
}

impl Hub {
    /// Opens the store and puts the jobs together.
    pub(super) fn open(context: &Context<'_>, plan: Plan, clock: Clock, observer: Arc<dyn Observer>) -> Result<Self, Failure> {
        let runtime = Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
        let store = open_store(context, &plan, &runtime)?;
        Self::with_store(plan, runtime, store, clock, observer)
    }

    /// The same over a store that is open already.
    pub(super) fn with_store(
        plan: Plan,
        runtime: Runtime,
        store: Arc<dyn Store>,
        clock: Clock,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Failure> {
        let school = runtime.block_on(school(&plan, store.as_ref())).map_err(|e| Failure::part(&e))?;
        let (feeds, parked) = runtime.block_on(open_feeds(&plan, store.as_ref())).map_err(|e| Failure::part(&e))?;
        let hub_settings = runtime.block_on(hub_settings(&plan, store.as_ref(), &feeds)).map_err(|e| Failure::part(&e))?;
        let around = Surroundings {
            store: Arc::clone(&store),
            standard: Arc::clone(&plan.standard),
            school,
            feeds,
            runtime: runtime.handle().clone(),
            clock: Arc::clone(&clock),
            observer,
            room: BatchRoom::default(),
        };
        let jobs = jobs(&plan, &around, &hub_settings)?;
        Ok(Self { plan, runtime, store, pipeline: Pipeline::new(jobs, around), clock, parked })
    }

    /// A hub to look at, over a store that is open for reading only: it has no jobs and writes nothing.
    pub(super) fn looked_at(plan: Plan, runtime: Runtime, store: Arc<dyn Store>, clock: Clock) -> Result<Self, Failure> {
        let (feeds, parked) = runtime.block_on(open_feeds(&plan, store.as_ref())).map_err(|e| Failure::part(&e))?;
        let code: Arc<str> = plan.loaded.settings.school.code.as_str().into();
        // Without jobs no record key is made, so the namespace stays out.
        let namespace = Namespace { name: Arc::clone(&code), secret: Arc::from([].as_slice()) };
        let around = Surroundings {
            store: Arc::clone(&store),
            standard: Arc::clone(&plan.standard),
            school: School { code, namespace },
            feeds,
            runtime: runtime.handle().clone(),
            clock: Arc::clone(&clock),
            observer: Arc::new(Silent),
            room: BatchRoom::default(),
        };
        Ok(Self { plan, runtime, store, pipeline: Pipeline::new(Vec::new(), around), clock, parked })
    }
}

/// Opens the store of the settings.
pub(super) fn open_store(context: &Context<'_>, plan: &Plan, runtime: &Runtime) -> Result<Arc<dyn Store>, Failure> {
    let dir = plan.data_dir(context);
    match runtime.block_on(SqliteStore::open(&dir, SqliteOptions::default())) {
        Ok(store) => Ok(Arc::new(store)),
        Err(StoreError::Locked { path, lock }) => Err(busy(&path, &lock)),
        Err(error) => Err(Failure::part(&error)),
    }
}

/// Opens the store of the settings for reading only, beside the service if one runs; `None` when there is none yet.
pub(super) fn open_store_to_read(
    context: &Context<'_>,
    plan: &Plan,
    runtime: &Runtime,
) -> Result<Option<Arc<dyn Store>>, Failure> {
    let dir = plan.data_dir(context);
    match runtime.block_on(SqliteStore::open_read_only(&dir, SqliteOptions::default())) {
        Ok(store) => Ok(Some(Arc::new(store))),
        Err(StoreError::Absent(_)) => Ok(None),
        Err(error) => Err(Failure::part(&error)),
    }
}

/// What to say where nothing has been read yet.
pub(super) fn nothing_yet(dir: &Path) -> Text {
    let dir = dir.display();
    Text::new(
        format!("数据目录 {dir} 中还没有任何数据：先运行 `xiaoshu run`（或 `xiaoshu run --once --only collect`）"),
        format!("nothing is in the data folder {dir} yet: start `xiaoshu run` (or `xiaoshu run --once --only collect`) first"),
    )
}

fn busy(path: &str, lock: &str) -> Failure {
    Failure::Busy(Text::new(
        format!(
            "数据目录 {path} 正由另一个进程写入（锁文件 {lock}）。请先停止服务（如 `systemctl stop xiaoshu`）再执行，\
             或用 `--data` 指定另一个目录。仅查看的命令（status、quarantine list/show/export、不带操作的 release、approve、rekey）无需停止服务"
        ),
        format!(
            "the store {path} is in use by another process (lock file {lock}). Stop the service first (for instance \
             `systemctl stop xiaoshu`), or name another folder with `--data`. Commands that only look (status, quarantine \
             list/show/export, and release, approve and rekey that decide nothing) work beside it"
        ),
    ))
}

async fn school(plan: &Plan, store: &dyn Store) -> Result<School, StoreError> {
    let code: Arc<str> = plan.loaded.settings.school.code.as_str().into();
    let name = store.init_meta("key_namespace", code.as_bytes()).await?;
    let mut secret = [0u8; 32];
    rand::rng().fill_bytes(&mut secret);
    let secret = store.init_meta("school_secret", &secret).await?;
    let namespace = Namespace { name: String::from_utf8_lossy(&name).into(), secret: secret.into() };
    Ok(School { code, namespace })
}

/// Opens the feed of every mapped table. A table whose key changed is parked; the others go on.
async fn open_feeds(plan: &Plan, store: &dyn Store) -> Result<(HashMap<TableId, FeedId>, Vec<(Arc<str>, String)>), StoreError> {
    let indexed = plan.indexed();
    let mut feeds = HashMap::new();
    let mut parked = Vec::new();
    for (document, table) in plan.active() {
        if feeds.contains_key(&table.id) {
            continue;
        }
        let spec = feed_spec(document, table, indexed.get(&table.id));
        match store.open_feed(&spec).await {
            Ok(feed) => {
                feeds.insert(table.id, feed);
            }
            // Not read yet, and this process only looks.
            Err(StoreError::Absent(_)) => {}
            Err(StoreError::Inconsistent(why)) => parked.push((table.name.clone(), why)),
            Err(error) => return Err(error),
        }
    }
    Ok((feeds, parked))
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

/// Settings of the connector over the hub's own records: a view a table, the ledger, and the catalogue of mappings.
async fn hub_settings(plan: &Plan, store: &dyn Store, feeds: &HashMap<TableId, FeedId>) -> Result<serde_json::Value, StoreError> {
    let plans: Vec<_> = feeds.iter().map(|(table, feed)| (*feed, Arc::clone(plan.standard.table(*table)))).collect();
    let (database, mut prelude) = store.views(&plans).await?;
    prelude.extend(super::catalogue::sql(plan));
    Ok(serde_json::json!({ "kind": HUB_SOURCE, "database": database, "prelude": prelude }))
}

fn jobs(plan: &Plan, around: &Surroundings, hub_settings: &serde_json::Value) -> Result<Vec<Job>, Failure> {
    let policies = plan.policies();
    let mapped: HashSet<Arc<str>> = plan.active().map(|(_, table)| table.name.clone()).collect();
    let mut jobs = Vec::new();
    let mut faults = Vec::new();
    for (document, table) in plan.active() {
        let Some(feed) = around.feeds.get(&table.id).copied() else { continue };
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
            document: Arc::clone(document),
        });
    }
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

type Reader = (&'static dyn Connector, Arc<serde_json::Value>, Arc<str>);

fn reader(plan: &Plan, document: &MappingDocument, hub_settings: &serde_json::Value) -> Option<Reader> {
    let (name, settings) = plan.loaded.settings.sources.get_key_value(document.source())?;
    let system = settings.system.as_deref().unwrap_or(name).into();
    let mut own = settings.settings.expose().clone();
    if let (true, Some(own), Some(supplied)) = (settings.kind == HUB_SOURCE, own.as_object_mut(), hub_settings.as_object()) {
        own.extend(supplied.clone());
    }
    Some((source::connector(&settings.kind)?, Arc::new(own), system))
}

/// The mapped tables that must be read before: those it refers to or looks up, and for derived tables those that its
/// query names.
fn needs(plan: &Plan, document: &MappingDocument, table: &TablePlan, mapped: &HashSet<Arc<str>>) -> BTreeSet<Arc<str>> {
    let targets = table.fields.iter().filter_map(|f| f.reference.as_ref()).flat_map(|r| r.targets.iter());
    let mut needs: BTreeSet<Arc<str>> = targets.map(|t| plan.standard.table(t.table).name.clone()).collect();
    needs.extend(document.looks_up().into_iter().map(|(table, _)| Arc::from(table)));
    if plan.is_derived(document) {
        let query = document.read().query.as_deref().unwrap_or_default();
        let named: HashSet<&str> = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let ledger = named.iter().any(|word| word.starts_with("hub_"));
        needs.extend(mapped.iter().filter(|name| ledger || named.contains(&***name)).cloned());
    }
    needs.retain(|name| mapped.contains(name) && **name != *table.name);
    needs
}

/// A run's error as a command's failure; mapping faults are listed one by one.
pub(super) fn pipeline_failure(error: crate::pipeline::PipelineError) -> Failure {
    match error {
        crate::pipeline::PipelineError::Mapping { faults, .. } => {
            Failure::Settings(faults.into_iter().map(mapping_fault).collect())
        }
        other => Failure::part(&other),
    }
}
