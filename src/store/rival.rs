//! What is said of a row whose record another source holds with another content: the fields that differ, never their values.

use std::collections::HashMap;

use super::StoreError;
use super::open_run::OpenRun;
use super::sort::{Fate, Rival};
use crate::finding::{Expected, FieldRef, Found, RuleId, Severity, Text, Violation};
use crate::record::{BatchBuilder, Decoder, RecordBatch};
use crate::standard::FieldIdx;

/// What the store knows of the records that rows of a landing differ from.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Payloads, by seq.
    pub(super) payloads: HashMap<u64, String>,
    /// Names of sources, by number.
    pub(super) names: HashMap<i64, String>,
}

/// The fields in which each row differs from the record that stands. A record key that the row does not bring is none of
/// them, nor is the time of collection.
pub(super) fn differences(
    batch: &RecordBatch,
    rivals: &[Rival],
    payloads: &HashMap<u64, String>,
) -> Result<Vec<Vec<FieldIdx>>, StoreError> {
    let unreadable = || StoreError::Inconsistent("a record that stands cannot be read".to_owned());
    let plan = batch.plan();
    let (mut decoder, mut builder, mut faults) = (Decoder::new(), BatchBuilder::new(plan.clone(), rivals.len()), Vec::new());
    for (at, rival) in rivals.iter().enumerate() {
        let payload = payloads.get(&rival.seq).ok_or_else(unreadable)?;
        decoder.row(payload, plan, at, &mut builder, &mut faults).map_err(|_| unreadable())?;
        builder.end_row();
    }
    let standing = builder.finish();
    let fields = (0..plan.fields.len()).map(|i| FieldIdx(i as u16)).filter(|f| Some(*f) != plan.roles.collected_at);
    let fields: Vec<FieldIdx> = fields.collect();
    let differs = |(at, rival): (usize, &Rival)| {
        let (row, stands) = (batch.row(rival.row as usize), standing.row(at));
        let own_key = plan.roles.record_key.filter(|_| !row.is_adopted());
        let compared = fields.iter().filter(|field| Some(**field) != own_key);
        compared.filter(|field| row.get(**field).text() != stands.get(**field).text()).copied().collect()
    };
    Ok(rivals.iter().enumerate().map(differs).collect())
}

/// One violation a field that differs; `own` is the row's source.
pub(super) fn violations(
    batch: &RecordBatch,
    rival: &Rival,
    fields: &[FieldIdx],
    own: i64,
    names: &HashMap<i64, String>,
) -> Vec<Violation> {
    let name = |source: i64| names.get(&source).map_or("?", String::as_str);
    let (own, holder) = (name(own), name(rival.holder));
    let table = &batch.plan().name;
    let expected = Text::new(
        format!("与来源 {holder} 相同（该记录由其持有，本行来自 {own}）"),
        format!("the same as in source {holder}, which holds the record (this row is of {own})"),
    );
    let fix = Text::new(
        format!("在两个系统之一中更正，一致后自动关闭；如应以 {own} 为准：`xiaoshu takeover {table} --from {holder} --to {own}`"),
        format!(
            "mend it in either system, the row closes by itself once they agree; if {own} has the say: \
             `xiaoshu takeover {table} --from {holder} --to {own}`"
        ),
    );
    let one = |field: &FieldIdx| {
        let field = batch.plan().field(*field);
        Violation {
            rule: RuleId::OTHER_SOURCE,
            severity: Severity::Error,
            field: Some(FieldRef { name: field.name.clone(), label: field.label.clone() }),
            found: Found::Differing,
            expected: Expected::Words(expected.clone()),
            fix: Some(fix.clone()),
        }
    };
    fields.iter().map(one).collect()
}

/// Judges the rows whose records other sources hold: those that say the same after all are counted as such, the others get
/// their violations, in the order of `fate.rivals`.
pub(super) fn judge(
    batch: &RecordBatch,
    fate: &mut Fate,
    run: &OpenRun,
    standing: &Standing,
) -> Result<Vec<Vec<Violation>>, StoreError> {
    let found = differences(batch, &fate.rivals, &standing.payloads)?;
    let fields: HashMap<u32, Vec<FieldIdx>> = fate.rivals.iter().map(|rival| rival.row).zip(found).collect();
    let of = |rival: &Rival| fields.get(&rival.row).map(Vec::as_slice).unwrap_or_default();
    fate.agree(|rival| of(rival).is_empty(), run);
    Ok(fate.rivals.iter().map(|rival| violations(batch, rival, of(rival), run.source, &standing.names)).collect())
}
