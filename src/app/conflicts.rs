//! `conflicts`: where the sources of merged tables say different things about the same record.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::hub::Hub;
use super::opening::hub_settings;
use super::plan::HUB_SOURCE;
use super::{Failure, named};
use crate::finding::Text;
use crate::normalize::{Disagreement, MERGED_SOURCE, Merge};
use crate::record::KeySpec;
use crate::source::{self, Begin, ReadSpec, SourceBatch, SourcePlace};

/// Records named of each field and pair of sources.
const SAMPLES: usize = 5;
/// Rows read at a time.
const ROWS: usize = 1_000;

/// Answer of `conflicts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictsAnswer {
    /// The merged tables asked for.
    pub tables: Vec<ConflictTable>,
}

/// A merged table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictTable {
    /// The table.
    pub table: String,
    /// Its Chinese name.
    pub label: String,
    /// Records about which sources disagree in any field.
    pub records: u64,
    /// Field by field, those with the most records first.
    pub fields: Vec<ConflictField>,
}

/// A field about which two sources disagree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictField {
    /// The field.
    pub field: String,
    /// Its Chinese name.
    pub label: String,
    /// The source whose value stands.
    pub used: String,
    /// The source that says otherwise.
    pub other: String,
    /// How many records.
    pub records: u64,
    /// Some of them; never a value.
    pub samples: Vec<ConflictSample>,
    /// What the departments have to do.
    pub text: Text,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConflictSample {
    /// The record key, as the platform has it.
    pub key: String,
    /// The natural key in words; `None` when a part of it is sensitive.
    pub natural_key: Option<String>,
}

/// What was counted of one field and pair of sources.
#[derive(Default)]
struct Tally {
    records: u64,
    samples: Vec<ConflictSample>,
}

/// Reads the parts that have landed and counts where they differ.
pub(super) fn answer(hub: &Hub, table: Option<&str>) -> Result<ConflictsAnswer, Failure> {
    if let Some(table) = table {
        named::table(&hub.plan, table)?;
        if !hub.plan.merges.iter().any(|merge| *merge.table().name == *table) {
            return Err(Failure::Unknown(Text::new(
                format!("表 {table} 不是由多个来源合并的；来源之间的差异见 `xiaoshu status`"),
                format!("the table {table} is not merged of several sources; `xiaoshu status` shows how sources differ"),
            )));
        }
    }
    let around = hub.pipeline.around();
    let settings = hub.runtime.block_on(hub_settings(&hub.plan, hub.store.as_ref(), &around.feeds));
    let settings = settings.map_err(|e| Failure::part(&e))?;
    let asked = hub.plan.merges.iter().filter(|merge| table.is_none_or(|table| *merge.table().name == *table));
    let tables = asked.map(|merge| one(hub, merge, &settings));
    Ok(ConflictsAnswer { tables: tables.collect::<Result<_, _>>()? })
}

fn one(hub: &Hub, merge: &Merge, settings: &serde_json::Value) -> Result<ConflictTable, Failure> {
    let plan = merge.table();
    let mut found =
        ConflictTable { table: plan.name.to_string(), label: plan.label_zh.to_string(), records: 0, fields: Vec::new() };
    let Some((query, pairs)) = merge.disagreements() else { return Ok(found) };
    let name: Arc<str> = MERGED_SOURCE.into();
    let place = SourcePlace { name: &name, settings, base: &hub.plan.loaded.base };
    let read = ReadSpec { query: Some(query), ..ReadSpec::default() };
    let connector =
        source::connector(HUB_SOURCE).ok_or_else(|| Failure::Unknown(Text::new("缺少 hub 连接器", "no connector hub")))?;
    let mut source = connector.open(&place, &read, Begin::AFRESH).map_err(|e| Failure::part(&e))?;
    let keys = keys(hub, merge)?;
    let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
    while let Some(batch) = source.next_batch(ROWS).map_err(|e| Failure::part(&e))? {
        for row in 0..batch.len() {
            found.records += 1;
            let differing = (0..pairs.len()).filter(|pair| batch.cell(row, pair + 2) == Some("1"));
            for pair in differing {
                let tally = tallies.entry(pair).or_default();
                tally.records += 1;
                if tally.samples.len() < SAMPLES {
                    tally.samples.push(sample(hub, merge, &keys, &batch, row));
                }
            }
        }
    }
    let mut fields: Vec<_> = tallies.into_iter().map(|(pair, tally)| field(hub, merge, pairs[pair], tally)).collect();
    fields.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.field.cmp(&b.field)));
    found.fields = fields;
    Ok(found)
}

/// How record keys of the table are minted, for tables that have no field for them.
fn keys(hub: &Hub, merge: &Merge) -> Result<KeySpec, Failure> {
    let school = hub.runtime.block_on(super::trying::school(&hub.plan, hub.store.as_ref())).map_err(|e| Failure::part(&e))?;
    Ok(KeySpec { key: merge.table().key.clone(), namespace: school.namespace, system: "".into() })
}

fn sample(hub: &Hub, merge: &Merge, keys: &KeySpec, batch: &SourceBatch, row: usize) -> ConflictSample {
    let natural_key = batch.cell(row, 0).and_then(|digits| hex::decode(digits).ok()).unwrap_or_default();
    let minted = || keys.record_key(merge.table(), &natural_key).as_str().to_owned();
    ConflictSample {
        key: batch.cell(row, 1).map_or_else(minted, str::to_owned),
        natural_key: hub.plan.natural_key_words(&merge.table().name, &natural_key),
    }
}

fn field(hub: &Hub, merge: &Merge, pair: Disagreement, tally: Tally) -> ConflictField {
    let plan = merge.table().field(pair.field);
    let named = |part: usize| {
        let source = &merge.parts()[part].source;
        let owner = hub.plan.owner(&merge.table().name, source);
        (
            source.to_string(),
            owner.map_or(source.to_string(), |owner| format!("{source}，{owner}")),
            owner.unwrap_or(source).to_owned(),
        )
    };
    let ((used, used_zh, used_owner), (other, other_zh, other_owner)) = (named(pair.used), named(pair.other));
    let (name, label, records) = (&plan.name, &plan.label, tally.records);
    let text = Text::new(
        format!(
            "{label}（{name}）：{records} 条，采用（{used_zh}）的值，而（{other_zh}）另有说法；请两部门核对，在错的系统中更正，一致后自动消失"
        ),
        format!(
            "{name}: {records} record(s); the value of {used} ({used_owner}) stands, {other} ({other_owner}) says otherwise; look into it \
             and correct the system that is wrong: it goes by itself once they agree"
        ),
    );
    ConflictField { field: name.to_string(), label: label.to_string(), used, other, records, samples: tally.samples, text }
}
