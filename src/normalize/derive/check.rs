//! What must hold of derivations before a source is opened.

use crate::finding::Text;
use crate::normalize::document::{FieldOptions, MappingDocument, Mode, options};
use crate::normalize::fault::{Faults, MappingFault, meant, nearest};
use crate::normalize::toml::escape;
use crate::standard::{FieldPlan, FieldType, Standard, TablePlan};

impl MappingDocument {
    /// Whether rows are made of the source's rows before they are mapped.
    pub fn derives(&self) -> bool {
        self.body.portrait.is_some() || self.body.groups.is_some() || self.body.timetable.is_some()
    }

    /// Whether rows are lessons by the teaching calendar.
    pub fn is_timetable(&self) -> bool {
        self.body.timetable.is_some()
    }

    /// The query over the hub for the lessons that have landed.
    pub fn landed_lessons(&self) -> Option<&str> {
        self.body.timetable.as_ref()?.landed.as_deref()
    }

    /// The table without which a portrait is not computed.
    pub fn roster(&self) -> Option<&str> {
        self.body.portrait.as_ref().map(|section| section.roster.as_str())
    }

    /// The first day of rows to read, where only the last days are: whole stretches, where rows go together within them.
    pub fn reads_since(&self, since: jiff::civil::Date) -> jiff::civil::Date {
        self.body.groups.as_ref().map_or(since, |groups| groups.within.start(since))
    }

    /// What is wrong with a mapping's derivation, or with its having none. A table of groups takes no single rows and no
    /// free text about persons.
    pub fn derivation_faults(&self, plan: &TablePlan, standard: &Standard) -> Vec<MappingFault> {
        let mut faults = Faults::new(&self.file, &self.spans);
        if self.body.mode == Mode::NotApplicable {
            return Vec::new();
        }
        if plan.anonymous {
            self.anonymous(plan, &mut faults);
        }
        if let Some(section) = &self.body.portrait {
            let known = standard.portrait_items().iter();
            if !known.clone().any(|item| item.of == section.of) {
                faults.add(
                    "/portrait/of",
                    Text::new(format!("没有 {} 的评价项", section.of), format!("there are no items of {}", section.of)),
                    Text::new("见 schemas/portrait/items.csv 的 of 列", "see the column of in schemas/portrait/items.csv"),
                );
            }
            for (name, pointer) in [(&section.must, "/portrait/must")] {
                let Some(name) = name else { continue };
                if !known.clone().any(|item| item.of == section.of && item.item == *name) {
                    faults.add(
                        pointer,
                        Text::new(format!("没有评价项 {name}"), format!("there is no item {name}")),
                        Text::new(
                            "见 schemas/portrait/items.csv 的 item 列",
                            "see the column item in schemas/portrait/items.csv",
                        ),
                    );
                }
            }
            if let Some(name) = section.field.as_ref().filter(|name| plan.find(name).is_none()) {
                faults.add(
                    "/portrait/field",
                    Text::new(format!("{} 没有字段 {name}", plan.name), format!("{} has no field {name}", plan.name)),
                    meant(
                        nearest(name, plan.fields.iter().map(|f| &*f.name)),
                        Text::new("写画像文本所在的字段", "name the field that holds the portrait"),
                    ),
                );
            }
        }
        faults.finish()
    }

    fn anonymous(&self, plan: &TablePlan, faults: &mut Faults<'_>) {
        let Some(groups) = &self.body.groups else {
            faults.add(
                "/table",
                Text::new(
                    format!("{} 只上报汇总数据，映射没有说明每行代表多少人次", plan.name),
                    format!(
                        "{} is reported in groups only, and the mapping does not say how many cases a row stands for",
                        plan.name
                    ),
                ),
                Text::new(
                    "在来源处分组汇总，并加 [groups] count = \"人次列\"，date = \"日期列\"",
                    "group the rows in the query, and add [groups] count = \"column\", date = \"column\"",
                ),
            );
            return;
        };
        for field in plan.fields.iter().filter(|field| is_free_text(field)) {
            let Some(section) = self.body.fields.get(&*field.name) else { continue };
            let FieldOptions { column, template, .. } = options(section);
            let told = column.as_ref().is_some_and(|column| groups.words.contains_key(column));
            if template.is_none() && (column.is_none() || told) {
                continue;
            }
            faults.add(
                &format!("/fields/{}", escape(&field.name)),
                Text::new(
                    format!("{}（{}）是关于个人的自由文本，不上报", field.name, field.label),
                    format!("{} ({}) is free text about persons, which is not reported", field.name, field.label),
                ),
                Text::new(
                    "用 [groups.words] 列 = [\"允许的词\", …] 列出可以上报的词，或写常量 value，或 not_available",
                    "list the words that may be told by [groups.words] column = [\"word\", …], or write a constant value, or not_available",
                ),
            );
        }
    }
}

/// A text about persons that is no code and has no form.
fn is_free_text(field: &FieldPlan) -> bool {
    field.sensitivity.is_sensitive() && field.code_set.is_none() && matches!(field.ty, FieldType::Text(_))
}
