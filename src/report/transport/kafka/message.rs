//! A record as a message: key, value, headers.

use jiff::Timestamp;
use rdkafka::message::{Header, OwnedHeaders};

use crate::report::transport::{Identity, RowHead};
use crate::store::{Millis, Op};
use crate::wire::kafka::{CLOUD_EVENTS, DELETE, Head, UPSERT};

/// What the messages of one batch have in common.
pub(super) struct Envelope<'a> {
    identity: &'a Identity,
    table: &'a str,
    source: String,
    time: String,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(identity: &'a Identity, table: &'a str, now: Millis) -> Self {
        let source = format!("/schools/{}/hubs/{}", identity.school, identity.instance);
        let time = Timestamp::from_millisecond(now).map(|t| t.to_string()).unwrap_or_default();
        Self { identity, table, source, time }
    }

    /// The headers of a record: CloudEvents' in binary mode, then those that consumers go by.
    pub(super) fn headers(&self, row: &RowHead) -> OwnedHeaders {
        let op = if row.op == Op::Delete { DELETE } else { UPSERT };
        let id = format!("{}/{}/{}", self.table, row.key, row.seq);
        let kind = format!("smartbrain.v1.record.{op}");
        let all = [
            ("ce_specversion", CLOUD_EVENTS),
            ("ce_id", &id),
            ("ce_source", &self.source),
            ("ce_type", &kind),
            ("ce_subject", self.table),
            ("ce_time", &self.time),
            ("content-type", "application/json"),
        ];
        let headers = OwnedHeaders::new_with_capacity(all.len() + 7);
        let headers = all.into_iter().fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        let hash = hex::encode(row.hash.0);
        let head = Head {
            school: &self.identity.school,
            table: self.table,
            edition: &self.identity.edition,
            epoch: self.identity.epoch,
            seq: row.seq,
            op,
            hash: &hash,
        };
        head.write(headers)
    }
}
