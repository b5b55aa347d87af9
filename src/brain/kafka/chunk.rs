//! Some messages: sorted by school and table, judged, written, their verdicts.

use std::collections::HashSet;
use std::time::Duration;

use rdkafka::message::{Message, OwnedMessage};
use serde_json::value::RawValue;

use super::consumer::Interrupted;
use super::outbox::{Manner, Outbox};
use crate::brain::accounts::random_hex;
use crate::brain::clock::{day, whole_second};
use crate::brain::config::Account;
use crate::brain::effects::{NewBatch, Opened, Opening, Said, StreamBatch, StreamRow, Taken, Times};
use crate::brain::error::BrainError;
use crate::brain::faults::{Action, Call, Subject};
use crate::brain::grpc::Tweaks;
use crate::brain::judge::Judged;
use crate::brain::platform::Platform;
use crate::wire::kafka::{DELETE, Head, VerdictMessage, split_key};

/// Schools and epochs that this consumer has announced.
#[derive(Default)]
pub(super) struct Seen(HashSet<(String, u64)>);

/// Records of one table that one hub sent.
struct Group<'a> {
    school: &'a str,
    instance: String,
    head: Head<'a>,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    key: &'a str,
    seq: u64,
    /// The record; `None` deletes.
    value: Option<&'a [u8]>,
}

/// Writes the records of some messages; puts the verdicts on them into the outbox. Those of a hub whose epoch is not the highest seen of
/// its school have no effect and get no verdict: the hub that has taken over may have the same versions under way.
pub(super) async fn write(
    platform: &Platform,
    seen: &mut Seen,
    messages: &[&OwnedMessage],
    most: usize,
    outbox: &mut Outbox,
) -> Result<(), Interrupted> {
    for group in sort(messages, most) {
        take(platform, seen, &group, outbox).await?;
    }
    Ok(())
}

/// By school, epoch and table, in the order of their first messages; what is no record is passed over.
fn sort<'a>(messages: &[&'a OwnedMessage], most: usize) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for &message in messages {
        let place = || format!("{}/{}@{}", message.topic(), message.partition(), message.offset());
        let Some((school, key)) = message.key().and_then(split_key) else {
            tracing::warn!(message = place(), "no record: its key is not <school>:<record key>");
            continue;
        };
        let head = match message.headers().ok_or("headers").and_then(Head::read) {
            Ok(head) if head.school == school => head,
            Ok(_) => {
                tracing::warn!(message = place(), school, "no record: key and header name different schools");
                continue;
            }
            Err(name) => {
                tracing::warn!(message = place(), school, "no record: the header {name} is missing or wrong");
                continue;
            }
        };
        let value = message.payload().filter(|_| head.op != DELETE);
        let row = Row { key, seq: head.seq, value };
        let same = |g: &&mut Group<'_>| {
            g.school == school && g.head.table == head.table && g.head.epoch == head.epoch && g.head.edition == head.edition
        };
        match groups.iter_mut().rev().find(same) {
            Some(group) if group.rows.len() < most => group.rows.push(row),
            _ => groups.push(Group { school, instance: instance(message), head, rows: vec![row] }),
        }
    }
    groups
}

/// The hub's instance, the last part of the source.
fn instance(message: &OwnedMessage) -> String {
    use rdkafka::message::Headers;
    let source = message.headers().and_then(|h| h.iter().find(|h| h.key == "ce_source")).and_then(|h| h.value);
    let source = source.and_then(|v| std::str::from_utf8(v).ok()).unwrap_or_default();
    source.rsplit('/').next().unwrap_or_default().to_owned()
}

async fn take(platform: &Platform, seen: &mut Seen, group: &Group<'_>, outbox: &mut Outbox) -> Result<(), Interrupted> {
    let account = match account(platform, group) {
        Ok(account) => account,
        Err(why) => {
            outbox.put(say(group, &all_refused(group, &why)), Manner::default(), platform.now());
            return Ok(());
        }
    };
    let now = platform.now();
    if !announce(platform, seen, group, now).await? {
        return Ok(());
    }
    let subject = Subject { call: Call::Batch, table: Some(group.head.table), username: Some(&account.username) };
    let (mut tweaks, mut manner, mut lose) = (Tweaks::default(), Manner::default(), false);
    for action in platform.script.take(subject) {
        match &action {
            Action::Slow { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Action::Cut | Action::Status { .. } => return Err(Interrupted::Scripted),
            Action::LoseAnswer => lose = true,
            Action::RepeatAnswer => manner.twice = true,
            Action::ReorderAnswer => manner.after_the_next = true,
            other => tweaks.add(other),
        }
    }
    lose |= tweaks.take.is_some();
    manner.late = i64::try_from(tweaks.late_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    let taken = keep(platform, group, account, &tweaks, now).await;
    platform.calls.count(Call::Batch, taken.is_err());
    match taken? {
        Taken::Superseded { epoch } => superseded(group, epoch),
        // As if the process had ended between the effects and the verdicts.
        Taken::Written(_) if lose => return Err(Interrupted::Scripted),
        Taken::Written(mut said) => {
            said.silent.retain(|at| !tweaks.swallowed.contains(&(*at as usize)));
            outbox.put(say(group, &said), manner, platform.now());
        }
    }
    Ok(())
}

/// The account of the records' school, or why they are refused.
fn account<'a>(platform: &'a Platform, group: &Group<'_>) -> Result<&'a Account, String> {
    let list = platform.accounts.list();
    let own = list.iter().find(|a| a.school() == group.school).or_else(|| list.iter().find(|a| a.school_code.is_empty()));
    let account = own.ok_or("该学校没有账号")?;
    if group.head.edition != platform.config.edition {
        return Err(format!("数据标准版本应为 {}", platform.config.edition));
    }
    if !platform.judge.knows(group.head.table) {
        return Err(format!("数据对象不存在：{}", group.head.table));
    }
    Ok(account)
}

/// Judges and writes.
async fn keep(platform: &Platform, group: &Group<'_>, account: &Account, tweaks: &Tweaks, now: i64) -> Result<Taken, BrainError> {
    let received = whole_second(now);
    let mut rows = judged(platform, group, &account.school_code, &day(received), tweaks);
    rows.truncate(tweaks.take.unwrap_or(usize::MAX));
    let shown = NewBatch {
        batch_id: random_hex(),
        school: group.school.to_owned(),
        username: account.username.clone(),
        system_name: account.system_name.clone(),
        kind: "Kafka".to_owned(),
        table: group.head.table.to_owned(),
        times: Times { received, visible: now, hidden_for: 0 },
        collect_num: 0,
        storage_num: 0,
        remark: None,
        state: None,
        state_info: None,
    };
    let batch = StreamBatch {
        instance: &group.instance,
        epoch: group.head.epoch,
        name: None,
        rows: &rows,
        lost: &[tweaks.lost.as_slice(), &tweaks.swallowed].concat(),
        silent: &tweaks.silent,
        shown,
    };
    platform.effects.take_batch(&batch).await
}

/// Tells the effects of a hub whose epoch is new here; false when a higher one is known.
async fn announce(platform: &Platform, seen: &mut Seen, group: &Group<'_>, at: i64) -> Result<bool, Interrupted> {
    let entry = (group.school.to_owned(), group.head.epoch);
    if seen.0.contains(&entry) {
        return Ok(true);
    }
    let opening = Opening {
        school: group.school,
        instance: &group.instance,
        epoch: group.head.epoch,
        edition: group.head.edition,
        software: "",
        holder: None,
        unsettled: &[],
        oldest: 0,
        at,
    };
    match platform.effects.open_stream(&opening).await? {
        Opened::Superseded { epoch } => {
            superseded(group, epoch);
            Ok(false)
        }
        Opened::Ready { .. } => {
            seen.0.insert(entry);
            Ok(true)
        }
    }
}

fn superseded(group: &Group<'_>, epoch: u64) {
    let (school, table, rows) = (group.school, group.head.table, group.rows.len());
    tracing::warn!(school, table, rows, theirs = group.head.epoch, epoch, "records of a hub that has been taken over: no effect");
}

fn judged(platform: &Platform, group: &Group<'_>, school: &str, today: &str, tweaks: &Tweaks) -> Vec<StreamRow> {
    // What is no JSON at all is judged as something that is no row; deletions are not judged.
    let raw = |row: &Row<'_>| row.value.and_then(|value| serde_json::from_slice::<Box<RawValue>>(value).ok()).unwrap_or_default();
    let raws: Vec<Box<RawValue>> = group.rows.iter().map(raw).collect();
    let values: Vec<&RawValue> = raws.iter().map(AsRef::as_ref).collect();
    let judged = platform.judge.judge(group.head.table, &values, school, today);
    let row = |(place, (row, mut judged)): (usize, (&Row<'_>, Judged))| {
        if row.value.is_none() {
            judged = Judged { key: Some(row.key.to_owned()), deletes: true, ..Judged::default() };
        } else if judged.error.is_none() && judged.key.as_deref() != Some(row.key) {
            judged.error = Some("主键与记录键不一致".to_owned());
        }
        let own = tweaks.refused.iter().find(|(at, _)| *at == place).map(|(_, error)| error.clone());
        if let Some(error) = own.or_else(|| tweaks.refuse_all.clone()) {
            judged.error = Some(error);
        }
        StreamRow { seq: row.seq, judged }
    };
    group.rows.iter().zip(judged).enumerate().map(row).collect()
}

fn all_refused(group: &Group<'_>, why: &str) -> Said {
    let rows = u32::try_from(group.rows.len()).unwrap_or(u32::MAX);
    Said { rows, refused: (0..rows).map(|at| (at, why.to_owned())).collect(), silent: Vec::new() }
}

fn say(group: &Group<'_>, said: &Said) -> Vec<VerdictMessage> {
    let verdict = |(at, row): (u32, &Row<'_>)| {
        let reason = said.refused.iter().find(|(place, _)| *place == at).map(|(_, reason)| reason.clone());
        VerdictMessage {
            school: group.school.to_owned(),
            table: group.head.table.to_owned(),
            key: row.key.to_owned(),
            seq: row.seq,
            outcome: if reason.is_some() { "refused" } else { "stored" }.to_owned(),
            reason,
            field: None,
        }
    };
    (0u32..).zip(&group.rows).filter(|(at, _)| !said.silent.contains(at)).map(verdict).collect()
}
