//! Digests of what is held, for comparison, as messages of the protocol.

use sha2::{Digest, Sha256};
use tonic::Status;

use crate::brain::digest::{self, Unanswered};
use crate::brain::platform::Platform;
use crate::standard::Standard;
use crate::wire::smartbrain::v1::{CodeSet, GetTableDigestRequest, GetTableDigestResponse, RangeDigest, RecordDigest};

pub(super) async fn answer(
    platform: &Platform,
    school: &str,
    asked: &GetTableDigestRequest,
) -> Result<GetTableDigestResponse, Status> {
    let effects = platform.effects.as_ref();
    let made = digest::of(effects, school, &asked.table, &asked.prefix, asked.with_records).await;
    let digest = made.map_err(|why| match &why {
        Unanswered::Prefix => Status::invalid_argument(why.to_string()),
        Unanswered::TooMany => Status::out_of_range(why.to_string()),
        Unanswered::Database(error) => {
            tracing::error!(%error, "a digest could not be made");
            Status::internal(why.to_string())
        }
    })?;
    let range = |r: digest::Range| RangeDigest { prefix: r.prefix, count: r.count, digest: r.digest.to_vec().into() };
    let records = digest.records.into_iter();
    Ok(GetTableDigestResponse {
        whole: Some(range(digest.whole)),
        parts: digest.parts.into_iter().map(range).collect(),
        records: records.map(|r| RecordDigest { key: r.key, seq: r.seq, hash: r.comparable.into() }).collect(),
        position: digest.position,
    })
}

/// The code sets by their digests.
pub(super) fn code_sets(standard: &Standard) -> Vec<CodeSet> {
    let one = |set: &std::sync::Arc<crate::standard::CodeSet>| {
        let mut codes: Vec<(&str, &str)> = set.codes().iter().map(|c| (&*c.code, &*c.label)).collect();
        codes.sort_unstable();
        let mut hasher = Sha256::new();
        for (code, label) in &codes {
            hasher.update(format!("{code}\t{label}\n"));
        }
        CodeSet { id: set.id.to_string(), digest: hex::encode(hasher.finalize()), codes: codes.len() as u32 }
    };
    standard.code_sets().map(one).collect()
}
