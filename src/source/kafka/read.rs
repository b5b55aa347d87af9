//! Reading a topic: columns, then row after row.

use std::borrow::Cow;
use std::sync::Arc;

use rdkafka::Message as _;
use serde::{Deserialize, Serialize};

use super::newest::Newest;
use super::row::{self, Message};
use super::settings::Settings;
use super::topic::{Stretch, Topic};
use crate::finding::{Place, Text};
use crate::source::bytes::push_text;
use crate::source::json::cell;
use crate::source::{Column, ColumnKind, Outline, Position, Source, SourceBatch, SourceBatchBuilder, SourceError};

/// A batch of long cells ends early.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A position: the stretches of the reading as they were when it began, and the place reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Mark {
    stretches: Vec<Stretch>,
    partition: i32,
    offset: i64,
}

/// A topic being read.
pub(super) struct KafkaSource {
    topic: Topic,
    columns: Arc<[Column]>,
    stretches: Vec<Stretch>,
    /// The stretch being read, and where reading goes on in it.
    at: usize,
    offset: i64,
    newest: Option<Newest>,
    resumed: bool,
    complete: bool,
}

impl KafkaSource {
    /// Finds the columns; goes on behind `resume` if it is one of this topic.
    pub fn open(topic: Topic, settings: &Settings, resume: Option<&Position>) -> Result<Self, SourceError> {
        let columns = columns(&topic, settings)?;
        let mut stretches = topic.stretches.clone();
        let (mut at, mut offset, mut resumed) = (0, stretches.first().map_or(0, |s| s.begin), false);
        // A mark beyond what is there is of another topic of the same name: everything is read again.
        let fits = |mark: &Mark| {
            mark.stretches.len() == stretches.len()
                && mark.stretches.iter().zip(&stretches).all(|(then, now)| then.partition == now.partition && then.end <= now.end)
        };
        let mark = resume.and_then(|position| serde_json::from_slice::<Mark>(&position.0).ok()).filter(fits);
        if let Some(mark) = mark
            && let Some(place) = mark.stretches.iter().position(|s| s.partition == mark.partition)
        {
            // What compaction has taken meanwhile is not there to begin at.
            for (stretch, then) in stretches.iter_mut().zip(&mark.stretches) {
                stretch.end = then.end;
            }
            (at, offset, resumed) = (place, mark.offset.max(stretches[place].begin), true);
        }
        Ok(Self { topic, columns, stretches, at, offset, newest: None, resumed, complete: false })
    }

    fn position(&self, stretch: &Stretch) -> Position {
        let mark = Mark { stretches: self.stretches.clone(), partition: stretch.partition, offset: self.offset };
        Position(serde_json::to_vec(&mark).unwrap_or_default())
    }

    /// Fills a batch from the stretch being read; false when the stretch has ended.
    fn fill(&mut self, stretch: &Stretch, batch: &mut SourceBatchBuilder, max_rows: usize) -> Result<bool, SourceError> {
        if self.offset >= stretch.end {
            return Ok(false);
        }
        if self.newest.is_none() {
            self.newest = Some(Newest::read(&self.topic, stretch)?);
            self.topic.begin(stretch.partition, self.offset)?;
        }
        let Some(newest) = &self.newest else { return Ok(false) };
        while batch.len() < max_rows && batch.bytes() < BATCH_BYTES {
            let Some(message) = self.topic.next(stretch)? else {
                self.offset = stretch.end;
                return Ok(false);
            };
            self.offset = message.offset() + 1;
            if newest.is(message.key(), message.offset()) {
                let place = Place::Key(format!("{}@{}", stretch.partition, message.offset()).into());
                push(&self.columns, message.payload(), place, batch);
            }
            if self.offset >= stretch.end {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn push(columns: &[Column], value: Option<&[u8]>, place: Place, batch: &mut SourceBatchBuilder) {
    match row::read(value) {
        Message::Deleted => {}
        Message::Broken => {
            batch.fault(
                None,
                Text::new(
                    "消息不是 JSON 对象；请核对该主题的消息格式",
                    "the message is no JSON object; check what the topic's producer writes",
                ),
            );
            batch.end_row(place);
        }
        Message::Row(members, _) => {
            for (at, column) in columns.iter().enumerate() {
                match members.get(&*column.name).and_then(|value| cell(value)) {
                    Some(text) => push_text(batch, at, &text),
                    None => batch.push(None),
                }
            }
            batch.end_row(place);
        }
    }
}

/// The columns as set, or as the first messages of the partitions have them.
fn columns(topic: &Topic, settings: &Settings) -> Result<Arc<[Column]>, SourceError> {
    let column = |name: &str| Column { name: name.into(), kind: ColumnKind::Unknown };
    if let Some(fields) = settings.fields(&topic.name) {
        return Ok(fields.iter().map(|name| column(name)).collect());
    }
    let mut names: Vec<String> = Vec::new();
    let each = settings.sample().div_ceil(topic.stretches.len().max(1));
    for stretch in topic.stretches.iter().filter(|s| s.begin < s.end) {
        topic.begin(stretch.partition, stretch.begin)?;
        for _ in 0..each {
            let Some(message) = topic.next(stretch)? else { break };
            if let Message::Row(_, order) = row::read(message.payload()) {
                let fresh: Vec<Cow<'_, str>> = order.into_iter().filter(|name| !names.contains(&name.to_string())).collect();
                names.extend(fresh.into_iter().map(Cow::into_owned));
            }
            if message.offset() + 1 >= stretch.end {
                break;
            }
        }
    }
    if names.is_empty() {
        return Err(SourceError::Settings {
            source_name: topic.source.clone(),
            what: format!("topic {} holds no message that would tell its columns", topic.name),
            remedy: format!("name them in the source's settings: fields = {{ \"{}\" = [\"…\"] }}", topic.name),
        });
    }
    Ok(names.iter().map(|name| column(name)).collect())
}

impl Source for KafkaSource {
    fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    fn object(&self) -> &Arc<str> {
        &self.topic.name
    }

    fn outline(&self) -> Outline {
        Outline::promised(&self.columns)
    }

    fn next_batch(&mut self, max_rows: usize) -> Result<Option<SourceBatch>, SourceError> {
        while let Some(stretch) = self.stretches.get(self.at).copied() {
            let mut batch = SourceBatchBuilder::new(self.columns.clone(), max_rows.min(4096));
            let more = self.fill(&stretch, &mut batch, max_rows.max(1))?;
            let position = self.position(&stretch);
            if !more {
                self.at += 1;
                self.newest = None;
                self.offset = self.stretches.get(self.at).map_or(0, |next| next.begin);
            }
            if !batch.is_empty() {
                return Ok(Some(batch.finish(position)));
            }
        }
        self.complete = self.topic.compacted && !self.resumed;
        Ok(None)
    }

    fn committed(&mut self, _position: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    fn is_complete(&self) -> bool {
        self.complete
    }
}
