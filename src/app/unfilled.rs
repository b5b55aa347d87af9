//! What `init` leaves for a person to fill in, and nobody has.

use std::sync::Arc;

use super::plan::Plan;
use super::skeleton::NO_CODE;
use super::{CheckStep, Target};
use crate::config::Fault;
use crate::finding::Text;
use crate::normalize::MappingDocument;
use crate::standard::{FieldPlan, TablePlan};

/// The school's code as `init` writes it. Record keys are made of the code that a hub starts with, so that nothing may be
/// collected under this one.
pub(super) fn school(plan: &Plan) -> Vec<Fault> {
    if plan.loaded.settings.school.code != NO_CODE {
        return Vec::new();
    }
    vec![plan.loaded.fault(
        &["school", "code"],
        Text::new("学校标识码还没有填写", "the school's code has not been filled in"),
        Text::new(
            "填写本校十位学校标识码：记录的主键由首次采集时的标识码生成，此后不变",
            "write the school's ten digits: keys of records are made of the code that the first collection has, and stay",
        ),
    )]
}

/// Mandatory fields that mappings leave empty until somebody decides, one step a mapping. The hub runs with them; the rows wait.
pub(super) fn fields(plan: &Plan) -> Vec<CheckStep> {
    let of = |(document, table): (&Arc<MappingDocument>, &Arc<TablePlan>)| step(document, table);
    plan.active().filter_map(of).collect()
}

fn step(document: &MappingDocument, table: &TablePlan) -> Option<CheckStep> {
    let fields = document.undecided(table);
    if fields.is_empty() {
        return None;
    }
    let count = fields.len();
    let (names, labels) = list(&fields);
    Some(CheckStep {
        target: Target::Mapping(document.file().to_owned()),
        what: Text::new(format!("{} 的必填字段", table.name), format!("mandatory fields of {}", table.name)),
        ok: None,
        found: Text::new(
            format!("{count} 个必填字段尚无来源：{labels}；该表各行将隔离等待"),
            format!("{count} mandatory fields have no source yet: {names}; the table's rows wait for them"),
        ),
        remedy: Some(Text::new(
            "在映射文件中为各字段写明来源列或固定值",
            "give each of them a column or a value in the mapping file",
        )),
    })
}

/// Names, and names with labels; of many the first ones.
fn list(fields: &[&FieldPlan]) -> (String, String) {
    const SHOWN: usize = 8;
    let more = if fields.len() > SHOWN { " …" } else { "" };
    let join = |words: Vec<String>, between: &str| words.join(between) + more;
    let shown = || fields.iter().take(SHOWN);
    (
        join(shown().map(|field| field.name.to_string()).collect(), ", "),
        join(shown().map(|field| format!("{}（{}）", field.label, field.name)).collect(), "、"),
    )
}
