//! From rendered rows to the bytes of one message, without an allocation a row: the generated types would need
//! several. A test decodes the result with the generated types.

use prost::Message;
use prost::bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use sha2::{Digest, Sha256};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::record::RecordKey;
use crate::report::transport::{RowHead, WireBatch};
use crate::store::Op;
use crate::wire::smartbrain::v1::{Op as WireOp, ReportResponse};

/// `ReportRequest.batch`.
const BATCH: u32 = 2;

fn text_len(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

fn put_bytes(tag: u32, bytes: &[u8], out: &mut BytesMut) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}

fn record_len(head: &RowHead, row: &[u8]) -> usize {
    text_len(head.key.as_str().len()) + 1 + encoded_len_varint(head.seq) + 2 + text_len(head.hash.0.len()) + text_len(row.len())
}

fn put_record(head: &RowHead, row: &[u8], out: &mut BytesMut) {
    put_bytes(1, head.key.as_str().as_bytes(), out);
    encode_key(2, WireType::Varint, out);
    encode_varint(head.seq, out);
    let op = if head.op == Op::Delete { WireOp::Delete } else { WireOp::Upsert };
    encode_key(3, WireType::Varint, out);
    encode_varint(op as u64, out);
    put_bytes(4, &head.hash.0, out);
    put_bytes(5, row, out);
}

/// The message that carries a batch.
pub(super) fn batch(batch: &WireBatch<'_>, edition: &str) -> Bytes {
    let id = u64::try_from(batch.id.0).unwrap_or_default();
    let rows = || batch.heads.iter().zip(batch.rows);
    let records: usize = rows().map(|(head, row)| text_len(record_len(head, row))).sum();
    let len = 1 + encoded_len_varint(id) + text_len(batch.table.len()) + text_len(edition.len()) + records;
    let mut out = BytesMut::with_capacity(text_len(len));
    encode_key(BATCH, WireType::LengthDelimited, &mut out);
    encode_varint(len as u64, &mut out);
    encode_key(1, WireType::Varint, &mut out);
    encode_varint(id, &mut out);
    put_bytes(2, batch.table.as_bytes(), &mut out);
    put_bytes(3, edition.as_bytes(), &mut out);
    for (head, row) in rows() {
        encode_key(4, WireType::LengthDelimited, &mut out);
        encode_varint(record_len(head, row) as u64, &mut out);
        put_record(head, row, &mut out);
    }
    out.freeze()
}

/// What names a batch beside its id: `BatchRef.digest`.
pub(super) fn digest<'a>(rows: impl Iterator<Item = (&'a RecordKey, u64)>) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for (key, seq) in rows {
        hasher.update(key.as_str());
        hasher.update([0]);
        hasher.update(seq.to_be_bytes());
    }
    let mut out = [0; 16];
    out.copy_from_slice(&hasher.finalize()[..16]);
    out
}

/// Messages out as they were encoded, answers in as the generated type.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ReportResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(item.len());
        out.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(64 << 10, 64 << 10)
    }
}

impl Decoder for Encoded {
    type Item = ReportResponse;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<ReportResponse>, Status> {
        ReportResponse::decode(from).map(Some).map_err(|error| Status::internal(format!("the answer cannot be read: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ContentHash;
    use crate::standard::Domain;
    use crate::store::BatchId;
    use crate::wire::smartbrain::v1::{Batch, Record, ReportRequest, report_request};

    #[test]
    fn the_generated_types_read_what_is_written_by_hand() {
        let head = |i: u8, op| RowHead {
            key: RecordKey::from_bits([i; 16]),
            seq: 1 << 48 | u64::from(i) << 9,
            op,
            hash: ContentHash([i; 16]),
        };
        let heads = [head(1, Op::Upsert), head(2, Op::Delete), head(0, Op::Upsert)];
        let rows = [b"{}".to_vec(), vec![b'x'; 70_000], Vec::new()];
        let wire = WireBatch { id: BatchId(300), table: "T", domain: Domain::ALL[0], rows: &rows, heads: &heads, sign_before: 0 };
        let read = ReportRequest::decode(batch(&wire, "e-1")).unwrap();
        let records = heads.iter().zip(&rows).map(|(head, row)| Record {
            key: head.key.to_string(),
            seq: head.seq,
            op: if head.op == Op::Delete { WireOp::Delete } else { WireOp::Upsert }.into(),
            hash: head.hash.0.to_vec().into(),
            payload: row.clone().into(),
        });
        let want = Batch { id: 300, table: "T".into(), edition: "e-1".into(), records: records.collect() };
        assert_eq!(read.message, Some(report_request::Message::Batch(want)));
    }
}
