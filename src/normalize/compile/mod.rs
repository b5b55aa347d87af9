//! A mapping document against the standard and the source's columns.

mod field;
mod option_check;

use std::sync::Arc;

use super::adopt::Adopt;
use super::document::{AdoptSection, MappingDocument, Mode, options};
use super::fault::{Faults, MappingFault, meant, nearest};
use super::filter::Filter;
use super::key;
use super::plan::{MappingContext, MappingPlan};
use super::toml::escape;
use crate::finding::Text;
use crate::record::KeySpec;
use crate::source::Column;
use crate::standard::{FieldIdx, KeyPart, NaturalKey, TablePlan};

/// What every part of the compilation needs.
pub(super) struct Compiler<'a> {
    doc: &'a MappingDocument,
    tables: &'a [Arc<TablePlan>],
    plan: &'a Arc<TablePlan>,
    /// `None` while the source cannot be read: any column may be there then.
    columns: Option<&'a [Column]>,
    ctx: &'a MappingContext,
    faults: Faults<'a>,
}

pub(super) fn compile(
    doc: &MappingDocument,
    tables: &[Arc<TablePlan>],
    columns: Option<&[Column]>,
    ctx: MappingContext,
) -> Result<MappingPlan, Vec<MappingFault>> {
    let mut faults = Faults::new(&doc.file, &doc.spans);
    let Some(plan) = tables.iter().find(|t| *t.name == *doc.body.table) else {
        faults.add(
            "/table",
            Text::new(format!("标准中没有表 {}", doc.body.table), format!("the standard has no table {}", doc.body.table)),
            meant(
                nearest(&doc.body.table, tables.iter().map(|t| &*t.name)),
                Text::new("用 xiaoshu standard show 查看表名", "see xiaoshu standard show for the tables"),
            ),
        );
        return Err(faults.finish());
    };
    compile_onto(doc, (plan, tables), columns, ctx)
}

/// The same onto a plan that need not be among the tables.
pub(super) fn compile_onto(
    doc: &MappingDocument,
    (plan, tables): (&Arc<TablePlan>, &[Arc<TablePlan>]),
    columns: Option<&[Column]>,
    ctx: MappingContext,
) -> Result<MappingPlan, Vec<MappingFault>> {
    let mut faults = Faults::new(&doc.file, &doc.spans);
    if doc.body.mode == Mode::NotApplicable {
        faults.add(
            "/mode",
            Text::new("不适用的表没有可读取的内容", "a table that does not apply has nothing to read"),
            Text::new("不要为它安排读取", "do not schedule it"),
        );
        return Err(faults.finish());
    }
    let mut compiler = Compiler { doc, tables, plan, columns, ctx: &ctx, faults };
    let filters = compiler.filters();
    let missing = doc.body.missing_words(&ctx.missing).to_vec();
    compiler.unknown_fields();
    let fields = plan.indexed().map(|(idx, f)| compiler.field(idx, f, &missing)).collect();
    let source_id = doc.body.key.source_id.as_deref().and_then(|name| compiler.column(name, "/key/source_id"));
    let natural = compiler.natural_key(doc.body.key.source_id.is_some());
    let adopt = compiler.adopt();
    if !compiler.faults.is_empty() {
        return Err(compiler.faults.finish());
    }
    let key = KeySpec { key: natural, namespace: ctx.namespace, system: ctx.system };
    Ok(MappingPlan { plan: Arc::clone(plan), key, filters, missing, fields, source_id, adopt, digest: doc.digest() })
}

impl Compiler<'_> {
    /// The place of a column; a fault when the source has none of that name.
    fn column(&mut self, name: &str, pointer: &str) -> Option<usize> {
        let Some(columns) = self.columns else { return Some(0) };
        let same: Vec<usize> = columns.iter().enumerate().filter(|(_, c)| *c.name == *name).map(|(i, _)| i).collect();
        match same[..] {
            [at] => Some(at),
            [] => {
                let list: Vec<&str> = columns.iter().map(|c| &*c.name).take(40).collect();
                self.faults.add(
                    pointer,
                    Text::new(format!("来源没有列 {name}"), format!("the source has no column {name}")),
                    meant(
                        nearest(name, columns.iter().map(|c| &*c.name)),
                        Text::new(format!("来源的列：{}", list.join("、")), format!("its columns: {}", list.join(", "))),
                    ),
                );
                None
            }
            _ => {
                self.faults.add(
                    pointer,
                    Text::new(format!("来源有多列名为 {name}"), format!("the source has several columns {name}")),
                    Text::new("在来源中改名，或用 query 起别名", "rename them in the source, or give aliases in a query"),
                );
                None
            }
        }
    }

    fn filters(&mut self) -> Vec<Filter> {
        let mut filters = Vec::new();
        for (i, section) in self.doc.body.filters.iter().enumerate() {
            let column = self.column(&section.column, &format!("/where/{i}/column"));
            if section.is.is_none() && section.is_not.is_none() && section.missing.is_none() {
                self.faults.add(
                    &format!("/where/{i}"),
                    Text::new("筛选没有条件", "the filter has no condition"),
                    Text::new("补上 is、is_not 或 missing", "add is, is_not or missing"),
                );
            }
            let Some(column) = column else { continue };
            let boxed = |list: &Option<Vec<String>>| list.clone().map(Vec::into_boxed_slice);
            filters.push(Filter { column, is: boxed(&section.is), is_not: boxed(&section.is_not), missing: section.missing });
        }
        filters
    }

    fn unknown_fields(&mut self) {
        for name in self.doc.body.fields.keys() {
            if self.plan.find(name).is_some() {
                continue;
            }
            let by_label = self.plan.fields.iter().find(|f| *f.label == **name).map(|f| &*f.name);
            let near = by_label.or_else(|| nearest(name, self.plan.fields.iter().map(|f| &*f.name)));
            self.faults.add(
                &format!("/fields/{}", escape(name)),
                Text::new(format!("{} 没有字段 {name}", self.plan.name), format!("{} has no field {name}", self.plan.name)),
                meant(near, Text::new("用 xiaoshu standard show 查看字段", "see xiaoshu standard show for its fields")),
            );
        }
    }

    fn natural_key(&mut self, has_source_id: bool) -> NaturalKey {
        let natural = match &self.doc.body.key.fields {
            Some(expressions) => key::parse(self.plan, expressions, &mut self.faults),
            None => self.plan.key.clone(),
        };
        let preferred = !natural.preferred.is_empty() && (has_source_id || natural.parts.is_empty());
        let parts = if preferred { &natural.preferred } else { &natural.parts };
        if parts.is_empty() && self.doc.body.key.fields.is_none() {
            self.faults.add(
                "/table",
                Text::new(format!("{} 没有自然主键", self.plan.name), format!("{} has no natural key", self.plan.name)),
                Text::new("补上 [key] fields = [...]", "add [key] fields = [...]"),
            );
        }
        for part in parts {
            self.key_part(*part, has_source_id);
        }
        natural
    }

    fn key_part(&mut self, part: KeyPart, has_source_id: bool) {
        let field = match part {
            KeyPart::SourceId => {
                if !has_source_id {
                    self.faults.add(
                        "/key",
                        Text::new("主键用到 @id，但没有说明来源的标识列", "the key uses @id, but no column is named for it"),
                        Text::new("补上 [key] source_id = \"列\"", "add [key] source_id = \"column\""),
                    );
                } else if self.ctx.system.is_empty() {
                    self.faults.add(
                        "/key",
                        Text::new("主键用到 @id，但来源没有系统编号", "the key uses @id, but the source has no system number"),
                        Text::new("在来源的设置中写 system", "name the system in the source's settings"),
                    );
                }
                return;
            }
            KeyPart::Field(f) | KeyPart::Date(f) | KeyPart::SchoolYear(f) => f,
        };
        if self.is_fed(field) {
            return;
        }
        let (name, label) = (self.plan.field(field).name.clone(), self.plan.field(field).label.clone());
        self.faults.add(
            "/fields",
            Text::new(format!("主键字段 {name}（{label}）没有映射"), format!("the key field {name} ({label}) is not mapped")),
            Text::new("映射该字段，或在 [key] fields 中另定主键", "map it, or name another key in [key] fields"),
        );
    }

    /// Whether a field gets a value from the mapping or from the hub.
    fn is_fed(&self, field: FieldIdx) -> bool {
        let roles = self.plan.roles;
        let section = self.doc.body.fields.get(&*self.plan.field(field).name).map(options);
        section.is_some_and(|o| o.not_available.is_none())
            || roles.school_code == Some(field)
            || roles.collected_at == Some(field)
    }

    fn adopt(&mut self) -> Option<Adopt> {
        let mapped = self.mapped_record_key();
        let Some(section) = &self.doc.body.key.adopt else { return mapped.map(Adopt::Column) };
        if mapped.is_some() {
            self.faults.add(
                "/key/adopt",
                Text::new("主键字段已映射，又设了 adopt", "the key field is mapped and adopt is set too"),
                Text::new("只留一处", "keep one of them"),
            );
        }
        match section {
            AdoptSection { column: Some(column), file: None, matching, key: None } if matching.is_empty() => {
                self.column(column, "/key/adopt/column").map(Adopt::Column)
            }
            AdoptSection { column: None, file: Some(_), matching, key: Some(key) } if !matching.is_empty() => {
                self.adopt_file(matching, key)
            }
            _ => {
                self.faults.add(
                    "/key/adopt",
                    Text::new("adopt 的写法不对", "adopt is not written right"),
                    Text::new(
                        "写 { column = \"列\" } 或 { file = \"文件\", match = [\"字段\"], key = \"列\" }",
                        "write { column = \"column\" } or { file = \"file\", match = [\"FIELD\"], key = \"column\" }",
                    ),
                );
                None
            }
        }
    }

    fn adopt_file(&mut self, matching: &[String], key: &str) -> Option<Adopt> {
        let mut fields = Vec::new();
        for (i, name) in matching.iter().enumerate() {
            match self.plan.find(name) {
                Some(field) => fields.push(field),
                None => self.faults.add(
                    &format!("/key/adopt/match/{i}"),
                    Text::new(format!("{} 没有字段 {name}", self.plan.name), format!("{} has no field {name}", self.plan.name)),
                    meant(
                        nearest(name, self.plan.fields.iter().map(|f| &*f.name)),
                        Text::new("match 中写标准的字段名", "match names fields of the standard"),
                    ),
                ),
            }
        }
        if fields.len() < matching.len() {
            return None;
        }
        match (&self.ctx.adopted, self.columns) {
            (Some(text), _) => Adopt::from_csv(self.plan, fields.into(), key, text, &mut self.faults),
            (None, None) => None,
            (None, Some(_)) => {
                self.faults.add(
                    "/key/adopt/file",
                    Text::new("键文件不能读取", "the key file cannot be read"),
                    Text::new("检查文件名和权限", "check its name and the rights to it"),
                );
                None
            }
        }
    }

    /// The column mapped onto the record key's own field: existing keys, adopted.
    fn mapped_record_key(&mut self) -> Option<usize> {
        let field = self.plan.roles.record_key?;
        let name = self.plan.field(field).name.clone();
        let section = options(self.doc.body.fields.get(&*name)?);
        let pointer = format!("/fields/{name}");
        match section.column {
            Some(column) => self.column(&column, &pointer),
            None => {
                self.faults.add(
                    &pointer,
                    Text::new(
                        "主键由中枢计算，只能映射到已有主键的列",
                        "the hub computes the key; only a column with existing keys may be mapped",
                    ),
                    Text::new("删去此行，或写列名", "drop the line, or name the column"),
                );
                None
            }
        }
    }
}
