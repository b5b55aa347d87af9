//! The newest message of each key in a stretch.

use std::collections::HashMap;

use rdkafka::Message;
use xxhash_rust::xxh3::xxh3_128;

use super::topic::{Stretch, Topic};
use crate::source::SourceError;

/// By a hash of the key, the offset of its newest message: about 60 bytes a key of one partition at a time.
pub(super) struct Newest(HashMap<u128, i64>);

impl Newest {
    /// Reads the keys of a stretch.
    pub fn read(topic: &Topic, stretch: &Stretch) -> Result<Self, SourceError> {
        let mut newest = HashMap::new();
        if stretch.begin < stretch.end {
            topic.begin(stretch.partition, stretch.begin)?;
            while let Some(message) = topic.next(stretch)? {
                if let Some(key) = message.key() {
                    newest.insert(xxh3_128(key), message.offset());
                }
                if message.offset() + 1 >= stretch.end {
                    break;
                }
            }
        }
        Ok(Self(newest))
    }

    /// Whether this is the newest message of its key.
    pub fn is(&self, key: Option<&[u8]>, offset: i64) -> bool {
        key.is_none_or(|key| self.0.get(&xxh3_128(key)).is_none_or(|newest| *newest <= offset))
    }
}
