//! One batch of a stream: judged, written, its verdict.

use std::sync::Arc;

use serde_json::value::RawValue;
use tonic::Status;

use crate::brain::accounts::random_hex;
use crate::brain::clock::{day, seconds, whole_second};
use crate::brain::effects::{KeptVerdict, NewBatch, Said, StreamBatch, StreamRow, Taken, Times};
use crate::brain::faults::Action;
use crate::brain::judge::{Judged, RowJudge};
use crate::brain::platform::Platform;
use crate::wire::smartbrain::v1::{Batch, Op, Outcome, Record, Verdict, Verdicts};

/// What scripted faults change about a batch.
#[derive(Default)]
pub(in crate::brain) struct Tweaks {
    pub(in crate::brain) refused: Vec<(usize, String)>,
    pub(in crate::brain) refuse_all: Option<String>,
    pub(in crate::brain) lost: Vec<usize>,
    pub(in crate::brain) silent: Vec<usize>,
    pub(in crate::brain) swallowed: Vec<usize>,
    pub(in crate::brain) late_seconds: u64,
    pub(in crate::brain) take: Option<usize>,
}

impl Tweaks {
    /// Takes what an action changes about the rows; the others are the session's.
    pub(in crate::brain) fn add(&mut self, action: &Action) {
        match action {
            Action::Refuse { message, .. } => self.refuse_all = Some(message.clone()),
            Action::RefuseRows { rows, error } => self.refused.extend(rows.iter().map(|row| (*row, error.clone()))),
            Action::DropRows { rows } => self.lost.extend(rows),
            Action::SwallowRows { rows } => self.swallowed.extend(rows),
            Action::WithholdVerdicts { rows } => self.silent.extend(rows),
            Action::AnswerLate { seconds, .. } => self.late_seconds += seconds,
            Action::TakePart { rows } => self.take = Some(*rows),
            _ => {}
        }
    }
}

/// Who sent it.
pub(super) struct Sender<'a> {
    pub(super) account: usize,
    pub(super) school: &'a str,
    pub(super) instance: &'a str,
    pub(super) epoch: u64,
}

/// Judges and writes a batch.
pub(super) async fn take(
    platform: &Platform,
    from: &Sender<'_>,
    mut batch: Batch,
    tweaks: Tweaks,
) -> Result<KeptVerdict, Status> {
    let received = whole_second(platform.now());
    let delay = seconds(platform.config.results.delay_s).saturating_add(seconds(tweaks.late_seconds));
    let visible = platform.now().saturating_add(delay);
    let account = platform.accounts.get(from.account).clone();
    let digest = digest(&batch.records);
    let part = tweaks.take.is_some();
    batch.records.truncate(tweaks.take.unwrap_or(usize::MAX));
    let (id, table) = (batch.id, batch.table.clone());
    if !platform.judge.knows(&table) {
        let rows = u32::try_from(batch.records.len()).unwrap_or(u32::MAX);
        let refused = (0..rows).map(|at| (at, format!("数据对象不存在：{table}"))).collect();
        return Ok(KeptVerdict { id, visible, said: Said { rows, refused, silent: Vec::new() } });
    }
    let judge = Arc::clone(&platform.judge);
    let today = day(received);
    // Judged off the network threads: a batch may hold thousands.
    let judging = tokio::task::spawn_blocking(move || judged(judge.as_ref(), batch, &account.school_code, &today));
    let mut rows = judging.await.map_err(|_| Status::internal("rows could not be judged"))?;
    for (place, row) in rows.iter_mut().enumerate() {
        let own = tweaks.refused.iter().find(|(at, _)| *at == place).map(|(_, error)| error.clone());
        if let Some(error) = own.or_else(|| tweaks.refuse_all.clone()) {
            row.judged.error = Some(error);
        }
    }
    let account = platform.accounts.get(from.account);
    let shown = NewBatch {
        batch_id: random_hex(),
        school: from.school.to_owned(),
        username: account.username.clone(),
        system_name: account.system_name.clone(),
        kind: "gRPC".to_owned(),
        table,
        times: Times { received, visible, hidden_for: 0 },
        collect_num: 0,
        storage_num: 0,
        remark: None,
        state: None,
        state_info: None,
    };
    let write = StreamBatch {
        instance: from.instance,
        epoch: from.epoch,
        name: (!part).then_some((id, digest)),
        rows: &rows,
        lost: &[tweaks.lost.as_slice(), &tweaks.swallowed].concat(),
        silent: &tweaks.silent,
        shown,
    };
    match platform.effects.take_batch(&write).await {
        Ok(Taken::Written(mut said)) => {
            said.silent.retain(|at| !tweaks.swallowed.contains(&(*at as usize)));
            Ok(KeptVerdict { id, visible, said })
        }
        Ok(Taken::Superseded { epoch }) => Err(superseded(epoch)),
        Err(error) => {
            tracing::error!(%error, "a batch could not be kept");
            Err(Status::unavailable("the platform's database does not answer"))
        }
    }
}

/// A hub with a higher epoch has the school.
pub(super) fn superseded(epoch: u64) -> Status {
    Status::failed_precondition(format!("epoch {epoch} has been seen of this school: another hub has taken over"))
}

/// `BatchRef.digest`.
fn digest(records: &[Record]) -> [u8; 16] {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for record in records {
        hasher.update(&record.key);
        hasher.update([0]);
        hasher.update(record.seq.to_be_bytes());
    }
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize()[..16]);
    out
}

fn judged(judge: &dyn RowJudge, batch: Batch, school: &str, today: &str) -> Vec<StreamRow> {
    // What is no JSON at all is judged as something that is no row.
    let read = |record: &'_ Record| serde_json::from_slice::<Box<RawValue>>(&record.payload).ok();
    let raws: Vec<Box<RawValue>> = batch.records.iter().map(|record| read(record).unwrap_or_default()).collect();
    let rows: Vec<&RawValue> = raws.iter().map(|raw| raw.as_ref()).collect();
    let judged = judge.judge(&batch.table, &rows, school, today);
    batch
        .records
        .into_iter()
        .zip(judged)
        .map(|(record, judged)| StreamRow { seq: record.seq, judged: row(&record, judged) })
        .collect()
}

/// What the record says beside its row goes with the verdict on the row.
fn row(record: &Record, mut judged: Judged) -> Judged {
    match record.op() {
        Op::Delete => {
            // What is deleted need not follow the standard any more.
            (judged.deletes, judged.error) = (true, None);
            judged.key = Some(record.key.clone());
        }
        Op::Upsert | Op::Unspecified => {
            if judged.error.is_none() && judged.key.as_deref() != Some(record.key.as_str()) {
                judged.error = Some("主键与记录键不一致".to_owned());
            }
        }
    }
    judged
}

/// What is said, as a message.
pub(super) fn message(kept: &KeptVerdict) -> Verdicts {
    let said = &kept.said;
    let refused = said.refused.iter().map(|(ordinal, reason)| Verdict {
        ordinal: *ordinal,
        outcome: Outcome::Refused.into(),
        reason: reason.clone(),
        field: String::new(),
    });
    let mut verdicts: Vec<Verdict> = refused.collect();
    if !said.silent.is_empty() {
        let named = |at: &u32| said.silent.contains(at) || said.refused.iter().any(|(refused, _)| refused == at);
        let stored = (0..said.rows).filter(|at| !named(at));
        verdicts.extend(stored.map(|ordinal| Verdict { ordinal, outcome: Outcome::Stored.into(), ..Verdict::default() }));
    }
    Verdicts { batch_id: kept.id, rest_stored: said.silent.is_empty(), verdicts }
}
