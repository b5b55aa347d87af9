//! `init`: looks at a source and writes mapping files of what it could mean.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::plan::{HUB_SOURCE, Plan, mapping_fault};
use super::{Context, Failure, InitRequest, named, skeleton};
use crate::finding::Text;
use crate::normalize::{MappingContext, MappingDocument, MappingPlan};
use crate::propose::{self, CodeProposal, FieldProposal, Grouping, Outcome, Place, Proposal, TableProposal, Terms, Through};
use crate::record::Namespace;
use crate::source::{self, Column, ColumnKind, Product, SampleBounds, SourcePlace, TableShape};

/// Answer of `init`. It holds no sampled value but the own values of columns that are no person's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InitAnswer {
    /// The source.
    pub source: String,
    /// The edition proposed for.
    pub edition: String,
    /// The settings file, where there was none and one was written.
    pub settings: Option<PathBuf>,
    /// Tables of the source that were looked at.
    pub looked_at: usize,
    /// Tables whose rows could not be read: of these only names, comments and types speak.
    pub unread: Vec<InitUnread>,
    /// Tables of the standard that are recognised.
    pub tables: Vec<InitTable>,
    /// Mappings to decide on for tables that take groups only.
    pub drafts: Vec<InitDraft>,
    /// Tables of the source that feed nothing.
    pub left: Vec<InitLeft>,
}

/// Tables whose rows could not be read, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitUnread {
    /// The tables.
    pub objects: Vec<String>,
    /// What the source said.
    pub error: String,
}

/// A mapping that counts single rows of the source for a table that takes groups only. Nothing uses it before a person has
/// looked at it and taken `.draft` from its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InitDraft {
    /// The standard's table.
    pub table: String,
    /// Its Chinese name.
    pub label: String,
    /// The source's table.
    pub object: String,
    /// How surely its rows are such cases, 0 to 1.
    pub confidence: f32,
    /// Why it is proposed.
    pub why: Text,
    /// The file.
    pub file: Option<PathBuf>,
    /// What was done about the file.
    pub done: InitDone,
}

/// A table of the source that feeds nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitLeft {
    /// The table.
    pub object: String,
    /// Why.
    pub why: Text,
}

/// One recognised table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InitTable {
    /// The standard's table.
    pub table: String,
    /// Its Chinese name.
    pub label: String,
    /// The source's table.
    pub object: String,
    /// Its rows, where known.
    pub rows: Option<u64>,
    /// How surely the two mean the same, 0 to 1.
    pub confidence: f32,
    /// Lines that stand.
    pub active: usize,
    /// Lines for a person to decide.
    pub decide: usize,
    /// Fields that the table needs, and no column was found for.
    pub open: usize,
    /// The share of all fields that stands.
    pub covered: f32,
    /// The mapping file.
    pub file: Option<PathBuf>,
    /// What was done about the file.
    pub done: InitDone,
    /// The lines.
    pub lines: Vec<InitLine>,
}

/// What was done about a mapping file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InitDone {
    /// Written.
    Written,
    /// Left as it is: there is one already.
    Kept,
    /// Not written: the command was only to show.
    Shown,
    /// Not written: no line is sure enough.
    Unsure,
    /// Not written: the mapping would not pass the check.
    Faulty,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InitLine {
    /// The field.
    pub field: String,
    /// Its label.
    pub label: String,
    /// Whether the table needs it.
    pub needed: bool,
    /// Whether the line stands.
    pub outcome: Outcome,
    /// The column proposed.
    pub column: Option<String>,
    /// How surely, 0 to 1.
    pub confidence: Option<f32>,
    /// How the value is reached, where the column itself does not hold it.
    pub through: Option<Through>,
    /// The part of the value that is wanted.
    pub take: Option<&'static str>,
    /// Why.
    pub reasons: Vec<Text>,
    /// Other columns that could be meant.
    pub others: Vec<String>,
    /// Own values to codes.
    pub codes: Option<CodeProposal>,
}

/// Looks at the source, proposes, and writes what may be written.
pub(super) fn answer(context: &Context<'_>, request: &InitRequest) -> Result<InitAnswer, Failure> {
    let settings = skeleton::written(context, request)?;
    let plan = Plan::load(context)?;
    let name = source_name(&plan, request)?;
    let terms = terms(context, &plan)?;
    let shapes = look(context, &plan, &name)?;
    context.progress.begin(Text::new("比对数据标准", "comparing with the standard"), None);
    let proposal = propose::propose(&plan.standard, &terms, &shapes);
    context.progress.end();
    let folder = request.to.clone().unwrap_or_else(|| plan.loaded.path(&plan.loaded.settings.mappings.dir));
    fs::create_dir_all(&folder).map_err(|e| Failure::io(&folder.display().to_string(), &e))?;
    let writer = Writer { plan: &plan, source: &name, folder: &folder, request };
    let tables = proposal.tables.iter().map(|table| writer.table(table, &shapes)).collect::<Result<_, _>>()?;
    let drafts = proposal.groups.iter().filter_map(|own| writer.draft(own).transpose()).collect::<Result<_, _>>()?;
    Ok(InitAnswer {
        source: name.clone(),
        edition: plan.standard.edition().to_string(),
        settings,
        looked_at: shapes.len(),
        unread: unread(&shapes),
        tables,
        drafts,
        left: left(proposal),
    })
}

/// The tables that could not be read, by reason.
fn unread(shapes: &[TableShape]) -> Vec<InitUnread> {
    let mut out: Vec<InitUnread> = Vec::new();
    for shape in shapes {
        let Some(error) = &shape.unreadable else { continue };
        match out.iter_mut().find(|own| own.error == *error) {
            Some(own) => own.objects.push(shape.name.clone()),
            None => out.push(InitUnread { objects: vec![shape.name.clone()], error: error.clone() }),
        }
    }
    out
}

fn left(proposal: Proposal) -> Vec<InitLeft> {
    proposal.left.into_iter().map(|(object, why)| InitLeft { object, why }).collect()
}

/// The source that is meant; the only one, where none is named.
fn source_name(plan: &Plan, request: &InitRequest) -> Result<String, Failure> {
    let sources = &plan.loaded.settings.sources;
    let mut own = sources.iter().filter(|(_, settings)| settings.kind != HUB_SOURCE).map(|(name, _)| name);
    match (&request.source, own.next(), own.next()) {
        (Some(name), ..) => named::source(plan, name).map(|()| name.clone()),
        (None, Some(only), None) => Ok(only.clone()),
        (None, ..) => {
            let names: Vec<&str> = sources.keys().map(String::as_str).collect();
            Err(Failure::Unknown(Text::new(
                format!("请用 --source 指明来源；设置中有：{}", names.join("、")),
                format!("name a source with --source; the settings have: {}", names.join(", ")),
            )))
        }
    }
}

/// The vocabulary: that of the folder in the place of the built-in one, where it has one.
fn terms(context: &Context<'_>, plan: &Plan) -> Result<Terms, Failure> {
    let file = context.schemas.as_ref().map(|dir| dir.join("propose/terms.csv")).filter(|file| file.is_file());
    let text =
        file.map(|file| fs::read_to_string(&file).map_err(|e| Failure::io(&file.display().to_string(), &e))).transpose()?;
    Terms::new(text.as_deref(), &plan.standard).map_err(|e| Failure::part(&e))
}

fn look(context: &Context<'_>, plan: &Plan, name: &str) -> Result<Vec<TableShape>, Failure> {
    let settings = &plan.loaded.settings.sources[name];
    let Some(connector) = source::connector(&settings.kind) else {
        let kind = &settings.kind;
        return Err(Failure::Unknown(Text::new(format!("没有连接器 {kind}"), format!("there is no connector {kind}"))));
    };
    let shared: Arc<str> = name.into();
    let place = SourcePlace { name: &shared, settings: settings.settings.expose(), base: &plan.loaded.base };
    let mut begun = false;
    let mut seen = |_: &str, _: usize, count: usize| {
        if !std::mem::replace(&mut begun, true) {
            context.progress.begin(Text::new("查看来源的表", "looking at the source's tables"), Some(count as u64));
        }
        context.progress.advance(1);
        true
    };
    source::introspect(connector, &place, SampleBounds::default(), &mut seen).map_err(|e| Failure::part(&e))
}

struct Writer<'a> {
    plan: &'a Plan,
    source: &'a str,
    folder: &'a Path,
    request: &'a InitRequest,
}

impl Writer<'_> {
    fn place(&self) -> Place<'_> {
        let settings = &self.plan.loaded.settings.sources[self.source];
        let product = match settings.kind.as_str() {
            "sqlite" => Some(Product::Sqlite),
            "mysql" => Some(Product::Mysql),
            "postgres" => Some(Product::Postgres),
            "sqlserver" => Some(Product::SqlServer),
            // Names in quotes, as the standard of SQL has them.
            "odbc" => Some(Product::Oracle),
            _ => None,
        };
        Place {
            source: self.source,
            owner: settings.owner.as_deref(),
            numbered: settings.system.is_some(),
            files: settings.settings.expose().get("path").is_some() && settings.kind != "sqlite",
            product,
        }
    }

    /// Writes the draft of a table that takes groups only; `None` where the source cannot count.
    fn draft(&self, own: &Grouping) -> Result<Option<InitDraft>, Failure> {
        let Some(text) = propose::draft(own, &self.place()) else { return Ok(None) };
        let file = self.folder.join(format!("{}.toml.draft", own.plan.name));
        let mapped = self.plan.documents.iter().any(|d| d.table() == &*own.plan.name);
        let (file, done) = if self.request.show {
            (None, InitDone::Shown)
        } else if mapped || (file.exists() && !self.request.force) {
            (file.exists().then_some(file), InitDone::Kept)
        } else {
            fs::write(&file, text).map_err(|e| Failure::io(&file.display().to_string(), &e))?;
            (Some(file), InitDone::Written)
        };
        Ok(Some(InitDraft {
            table: own.plan.name.to_string(),
            label: own.plan.label_zh.to_string(),
            object: own.object.clone(),
            confidence: own.chance,
            why: own.reason.clone(),
            file,
            done,
        }))
    }

    fn table(&self, table: &TableProposal, shapes: &[TableShape]) -> Result<InitTable, Failure> {
        let place = self.place();
        let (file, done) = match propose::mapping_file(table, &place) {
            None => (None, InitDone::Unsure),
            Some(text) if !self.passes(&text, table, shapes) => (None, InitDone::Faulty),
            Some(_) if self.request.show => (None, InitDone::Shown),
            Some(text) => {
                let (file, there) = self.file(table);
                if there && !self.request.force {
                    (Some(file), InitDone::Kept)
                } else {
                    fs::write(&file, text).map_err(|e| Failure::io(&file.display().to_string(), &e))?;
                    (Some(file), InitDone::Written)
                }
            }
        };
        let count = |outcome: Outcome| table.fields.iter().filter(|field| field.outcome == outcome).count();
        let active = count(Outcome::Active);
        Ok(InitTable {
            table: table.plan.name.to_string(),
            label: table.plan.label_zh.to_string(),
            object: table.object.clone(),
            rows: table.rows,
            confidence: table.chance,
            active,
            decide: count(Outcome::Decide),
            open: table.fields.iter().filter(|field| field.outcome == Outcome::Open && field.needed).count(),
            covered: active as f32 / table.fields.len().max(1) as f32,
            file,
            done,
            lines: table.fields.iter().map(|field| line(table, field)).collect(),
        })
    }

    /// The file of the mapping, and whether there is one already: the one that maps this table from this source,
    /// whatever its name.
    fn file(&self, table: &TableProposal) -> (PathBuf, bool) {
        let own = self.plan.documents.iter().find(|d| d.table() == &*table.plan.name && d.source() == self.source);
        if let Some(own) = own.filter(|_| self.request.to.is_none()) {
            return (PathBuf::from(own.file()), true);
        }
        let plain = self.folder.join(format!("{}.toml", table.plan.name));
        let other = |file: &Path| self.plan.documents.iter().any(|d| Path::new(d.file()) == file);
        if !other(&plain) {
            let there = plain.exists();
            return (plain, there);
        }
        let apart = self.folder.join(format!("{}-{}.toml", table.plan.name, self.source));
        let there = apart.exists();
        (apart, there)
    }

    /// Whether the parser takes the text and it fits the columns.
    fn passes(&self, text: &str, table: &TableProposal, shapes: &[TableShape]) -> bool {
        let settings = &self.plan.loaded.settings;
        let code: Arc<str> = settings.school.code.as_str().into();
        let context = MappingContext {
            namespace: Namespace { name: Arc::clone(&code), secret: Arc::from([].as_slice()) },
            school_code: code,
            system: settings.sources[self.source].system.as_deref().unwrap_or_default().into(),
            missing: MappingContext::default_missing(),
            adopted: None,
        };
        let shape = shapes.iter().find(|shape| shape.name == table.object);
        let columns = shape.into_iter().flat_map(|shape| &shape.columns);
        let mut columns: Vec<Column> = columns.map(|own| Column { name: own.name.clone(), kind: own.kind }).collect();
        let joined = table.joined_columns().into_iter();
        columns.extend(joined.map(|name| Column { name: name.into(), kind: ColumnKind::Unknown }));
        let parsed = MappingDocument::parse(&table.plan.name, text);
        let faults = match &parsed {
            Ok(document) => MappingPlan::compile(document, &self.plan.standard, &columns, context).err().unwrap_or_default(),
            Err(faults) => faults.clone(),
        };
        for fault in faults.iter().cloned().map(mapping_fault) {
            tracing::warn!(table = %table.plan.name, line = fault.line, fault = %fault.what.en, "a proposal that does not pass the check");
        }
        faults.is_empty()
    }
}

fn line(table: &TableProposal, field: &FieldProposal) -> InitLine {
    let plan = table.plan.field(field.field);
    InitLine {
        field: plan.name.to_string(),
        label: plan.label.to_string(),
        needed: field.needed,
        outcome: field.outcome,
        column: field.column.as_ref().map(|own| own.column.clone()),
        confidence: field.column.as_ref().map(|own| own.chance),
        through: field.through.clone(),
        take: field.take,
        reasons: field.reasons.clone(),
        others: field.others.iter().map(|own| own.column.clone()).collect(),
        codes: field.codes.clone(),
    }
}
