//! Who has the say for each field.

use std::collections::{BTreeMap, BTreeSet};

use super::super::fault::{meant, nearest};
use super::super::toml::escape;
use super::check::Checker;
use crate::finding::Text;
use crate::standard::{FieldIdx, Required};

impl Checker<'_> {
    /// Who has the say for each field that anybody gives. The parts of the key are the roster's. Where a source of roster or order is
    /// misspelt, what it would give is not missing as well.
    pub(super) fn fields(
        &mut self,
        given: &[BTreeSet<FieldIdx>],
        (roster, order, spelt): (&[usize], &[usize], bool),
        key: &BTreeSet<FieldIdx>,
    ) -> Vec<(FieldIdx, Vec<usize>)> {
        let mut declared = self.declared(given, key);
        let mut fields = Vec::new();
        for (field, plan) in self.plan.indexed() {
            let named = declared.remove(&field);
            let asked = if key.contains(&field) { roster } else { named.as_deref().unwrap_or(order) };
            let giving: Vec<usize> = asked.iter().copied().filter(|place| given[*place].contains(&field)).collect();
            if !giving.is_empty() {
                fields.push((field, giving));
                continue;
            }
            let roles = self.plan.roles;
            let by_hub = [roles.record_key, roles.school_code, roles.collected_at].contains(&Some(field));
            let elsewhere = given.iter().any(|fields| fields.contains(&field));
            let missed = elsewhere || !by_hub && plan.required == Required::Mandatory;
            if spelt && named.is_none() && missed {
                self.nobody(field, elsewhere);
            }
        }
        fields
    }

    /// What `[fields]` declares.
    fn declared(&mut self, given: &[BTreeSet<FieldIdx>], key: &BTreeSet<FieldIdx>) -> BTreeMap<FieldIdx, Vec<usize>> {
        let mut declared = BTreeMap::new();
        for (name, sources) in &self.doc.body.fields {
            let pointer = format!("/fields/{}", escape(name));
            let Some(field) = self.plan.find(name) else {
                let by_label = self.plan.fields.iter().find(|f| *f.label == **name).map(|f| &*f.name);
                let near = by_label.or_else(|| nearest(name, self.plan.fields.iter().map(|f| &*f.name)));
                self.faults.add(
                    &pointer,
                    Text::new(format!("{} 没有字段 {name}", self.plan.name), format!("{} has no field {name}", self.plan.name)),
                    meant(near, Text::new("用 xiaoshu standard show 查看字段", "see xiaoshu standard show for its fields")),
                );
                continue;
            };
            if key.contains(&field) || self.plan.roles.record_key == Some(field) {
                self.faults.add(
                    &pointer,
                    Text::new(
                        format!("{name} 是主键的一部分，由 roster 决定"),
                        format!("{name} is a part of the key, which the roster decides"),
                    ),
                    Text::new("删去此行", "drop the line"),
                );
                continue;
            }
            let sources = self.sources(&pointer, sources);
            for place in sources.iter().filter(|place| !given[**place].contains(&field)) {
                let file = self.documents[*place].file();
                self.faults.add(
                    &pointer,
                    Text::new(format!("{file} 没有映射 {name}"), format!("{file} does not map {name}")),
                    Text::new("在该映射中补上此字段，或不写这个来源", "map the field there, or leave the source out"),
                );
            }
            declared.insert(field, sources);
        }
        declared
    }

    /// That a field would get nothing.
    fn nobody(&mut self, field: FieldIdx, elsewhere: bool) {
        let plan = self.plan.field(field);
        let (name, label) = (&plan.name, &plan.label);
        let (what, remedy) = match elsewhere {
            true => (
                Text::new(
                    format!("字段 {name}（{label}）只由 order 以外的来源提供，不会被采用"),
                    format!("the field {name} ({label}) is mapped only by sources that order leaves out, and would not be used"),
                ),
                Text::new(
                    format!("在 [fields] 中写 {name} = \"来源\"，或把来源加入 order"),
                    format!("write {name} = \"source\" in [fields], or add the source to order"),
                ),
            ),
            false => (
                Text::new(
                    format!("必填字段 {name}（{label}）没有来源提供"),
                    format!("no source gives the mandatory field {name} ({label})"),
                ),
                Text::new("在其中一个来源的映射中补上", "map it in the mapping of one of the sources"),
            ),
        };
        self.faults.add("", what, remedy);
    }
}
