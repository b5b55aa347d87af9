//! A merge held against the standard and the mappings of its sources.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::document::{MappingDocument, Mode};
use super::super::fault::{Faults, MappingFault, meant, nearest};
use super::document::{MergeDocument, Sources};
use super::{Merge, MergedPart};
use crate::finding::Text;
use crate::standard::{FieldIdx, KeyPart, NaturalKey, Standard, TableId, TablePlan};

/// What is held against one another, and what is wrong with it.
pub(super) struct Checker<'a> {
    pub(super) doc: &'a MergeDocument,
    pub(super) plan: &'a Arc<TablePlan>,
    pub(super) documents: Vec<&'a MappingDocument>,
    pub(super) faults: Faults<'a>,
}

impl MergeDocument {
    /// Holds it against the standard and all mappings. `first_id` is the number of its first part's plan, beyond those of the
    /// standard.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once.
    pub fn compile(
        &self,
        standard: &Standard,
        documents: &[Arc<MappingDocument>],
        first_id: u16,
    ) -> Result<Merge, Vec<MappingFault>> {
        let mut faults = Faults::new(&self.file, &self.spans);
        let Some(plan) = standard.find(&self.body.table) else {
            let near = nearest(&self.body.table, standard.tables().iter().map(|t| &*t.name));
            faults.add(
                "/table",
                Text::new(format!("标准中没有表 {}", self.body.table), format!("the standard has no table {}", self.body.table)),
                meant(near, Text::new("用 xiaoshu standard show 查看表名", "see xiaoshu standard show for the tables")),
            );
            return Err(faults.finish());
        };
        let own = documents.iter().map(|d| &**d).filter(|d| d.table() == self.table() && d.mode() != Mode::NotApplicable);
        Checker { doc: self, plan, documents: own.collect(), faults }.merge(first_id)
    }
}

impl MergeDocument {
    /// That another file merges the same table.
    pub fn twice(&self) -> Vec<MappingFault> {
        let mut faults = Faults::new(&self.file, &self.spans);
        faults.add(
            "/table",
            Text::new(
                format!("另一个文件已说明 {} 如何合并", self.table()),
                format!("another file merges {} already", self.table()),
            ),
            Text::new("一张表只能有一个合并文件：合并或删除其一", "one file per table: put them together or remove one"),
        );
        faults.finish()
    }
}

impl Checker<'_> {
    fn merge(mut self, first_id: u16) -> Result<Merge, Vec<MappingFault>> {
        self.whole_table();
        let body = &self.doc.body;
        let roster = self.sources("/roster", &body.roster);
        let order = self.sources("/order", &body.order);
        let key = self.key(&roster);
        let given: Vec<BTreeSet<FieldIdx>> = self.documents.iter().map(|d| d.given_fields(self.plan).collect()).collect();
        // Where a source is misspelt, what it would give is not missing as well.
        let spelt = roster.len() == body.roster.names().len() && order.len() == body.order.names().len();
        let fields = self.fields(&given, (&roster, &order, spelt), &key.fields());
        if spelt {
            self.unused(&roster, &fields);
        }
        if !self.faults.is_empty() {
            return Err(self.faults.finish());
        }
        let part =
            |(at, document): (usize, &&MappingDocument)| MergedPart {
                source: document.source().into(),
                plan: Arc::new(self.plan.part(TableId(first_id.saturating_add(at as u16)), document.source(), &key, &|field| {
                    given[at].contains(&field)
                })),
                given: given[at].clone(),
            };
        let first = roster.first().and_then(|at| self.documents.get(*at));
        Ok(Merge {
            file: self.doc.file.clone(),
            owner: body.owner.clone(),
            table: Arc::clone(self.plan),
            parts: self.documents.iter().enumerate().map(part).collect(),
            fields,
            key: first.and_then(|document| document.body.key.fields.clone()),
            adopts: roster.iter().any(|at| self.documents[*at].adopts(self.plan)),
            roster,
        })
    }

    /// What must hold for any merge of the table.
    fn whole_table(&mut self) {
        let name = &self.plan.name;
        if self.plan.anonymous {
            self.faults.add(
                "/table",
                Text::new(
                    format!("{name} 的行代表一组人，不能由多个来源拼合"),
                    format!("the rows of {name} stand for groups of persons and cannot be put together"),
                ),
                Text::new("删去此文件，只留一个来源的映射", "remove this file and map one source alone"),
            );
        }
        if self.documents.len() < 2 {
            self.faults.add(
                "/table",
                Text::new(
                    format!("映射到 {name} 的来源只有 {} 个，没有可合并的", self.documents.len()),
                    format!("{} source(s) map {name}: there is nothing to merge", self.documents.len()),
                ),
                Text::new(
                    "为每个来源各写一个映射文件，或删去此文件",
                    "write a mapping file for each source, or remove this file",
                ),
            );
        }
    }

    /// The places of the sources named, each once.
    pub(super) fn sources(&mut self, pointer: &str, named: &Sources) -> Vec<usize> {
        let mut found = Vec::new();
        for (i, name) in named.names().iter().enumerate() {
            let at = match named {
                Sources::One(_) => pointer.to_owned(),
                Sources::Several(_) => format!("{pointer}/{i}"),
            };
            match self.documents.iter().position(|document| document.source() == name) {
                Some(place) if found.contains(&place) => self.faults.add(
                    &at,
                    Text::new(format!("{name} 写了两次"), format!("{name} stands twice")),
                    Text::new("只留一处", "keep one of them"),
                ),
                Some(place) => found.push(place),
                None => {
                    let known: Vec<&str> = self.documents.iter().map(|document| document.source()).collect();
                    let otherwise = Text::new(
                        format!("映射到该表的来源：{}；或为 {name} 写映射文件", known.join("、")),
                        format!("the table is mapped by: {}; or write a mapping file for {name}", known.join(", ")),
                    );
                    self.faults.add(
                        &at,
                        Text::new(
                            format!("来源 {name} 没有到 {} 的映射", self.plan.name),
                            format!("no mapping of the source {name} is onto {}", self.plan.name),
                        ),
                        meant(nearest(name, known.iter().copied()), otherwise),
                    );
                }
            }
        }
        found
    }

    /// The natural key that all parts are joined by.
    fn key(&mut self, roster: &[usize]) -> NaturalKey {
        let first = roster.first().and_then(|at| self.documents.get(*at)).or(self.documents.first()).copied();
        let Some(first) = first else { return self.plan.key.clone() };
        let key = first.natural_key(self.plan);
        for document in &self.documents {
            if document.natural_key(self.plan).parts != key.parts {
                self.faults.add(
                    "/table",
                    Text::new(
                        format!("{} 与 {} 的自然主键不同，记录对不上", first.file(), document.file()),
                        format!(
                            "{} and {} give the table different natural keys, so records never meet",
                            first.file(),
                            document.file()
                        ),
                    ),
                    Text::new("[key] fields 在各映射中写成一样", "write the same [key] fields in all mappings"),
                );
            }
            let by_id = document.body.key.source_id.is_some() || key.parts.is_empty() || key.parts.contains(&KeyPart::SourceId);
            if by_id {
                self.faults.add(
                    "/table",
                    Text::new(
                        format!("{} 以来源自己的行标识为主键，各系统的记录对不上", document.file()),
                        format!(
                            "{} has the source's own row id in its key, so records of two systems never meet",
                            document.file()
                        ),
                    ),
                    Text::new(
                        "用各来源都有的字段作主键：[key] fields = [...]，不写 source_id",
                        "make the key of fields that all sources have: [key] fields = [...], without source_id",
                    ),
                );
            }
        }
        key
    }

    /// Sources that map the table and are asked for nothing.
    fn unused(&mut self, roster: &[usize], fields: &[(FieldIdx, Vec<usize>)]) {
        for (place, document) in self.documents.iter().enumerate() {
            if roster.contains(&place) || fields.iter().any(|(_, order)| order.contains(&place)) {
                continue;
            }
            let (source, file) = (document.source(), document.file());
            self.faults.add(
                "/table",
                Text::new(
                    format!("来源 {source} 映射了该表（{file}），但不在 roster、order 和 [fields] 中"),
                    format!("the source {source} maps the table ({file}), and neither roster, order nor [fields] names it"),
                ),
                Text::new("写明它决定哪些字段，或删去该映射", "say which fields it decides, or remove that mapping"),
            );
        }
    }
}
