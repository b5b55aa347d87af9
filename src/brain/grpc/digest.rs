//! Digests of what is held, for comparison: the algorithm stands in the protocol file.

use sha2::{Digest, Sha256};
use tonic::Status;

use crate::brain::platform::Platform;
use crate::standard::Standard;
use crate::wire::smartbrain::v1::{CodeSet, GetTableDigestRequest, GetTableDigestResponse, RangeDigest, RecordDigest};

/// Records themselves are named of ranges up to this size.
const RECORDS: usize = 1_000;

pub(super) async fn answer(
    platform: &Platform,
    school: &str,
    asked: &GetTableDigestRequest,
) -> Result<GetTableDigestResponse, Status> {
    let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    if asked.prefix.len() > 64 || !asked.prefix.chars().all(digits) {
        return Err(Status::invalid_argument("prefix must be lower-case hexadecimal digits"));
    }
    let (versions, position) = platform.effects.versions(school, &asked.table).await.map_err(|error| {
        tracing::error!(%error, "a digest could not be made");
        Status::internal("what is held cannot be read")
    })?;
    let mut whole = RangeDigest { prefix: asked.prefix.clone(), count: 0, digest: vec![0; 16].into() };
    let mut parts: Vec<(u64, [u8; 16])> = vec![(0, [0; 16]); 16];
    let (mut sum, mut records) = ([0u8; 16], Vec::new());
    for version in versions {
        let place = hex::encode(Sha256::digest(&version.key));
        let Some(rest) = place.strip_prefix(asked.prefix.as_str()) else { continue };
        let mut hasher = Sha256::new();
        hasher.update(&version.key);
        hasher.update([0]);
        hasher.update(&version.comparable);
        let own = hasher.finalize();
        let xor = |into: &mut [u8; 16]| into.iter_mut().zip(&own).for_each(|(a, b)| *a ^= b);
        whole.count += 1;
        xor(&mut sum);
        if let Some((count, part)) = rest.chars().next().and_then(|c| c.to_digit(16)).and_then(|d| parts.get_mut(d as usize)) {
            *count += 1;
            xor(part);
        }
        if asked.with_records && records.len() <= RECORDS {
            records.push(RecordDigest { key: version.key, seq: version.seq, hash: version.comparable.into() });
        }
    }
    if records.len() > RECORDS {
        return Err(Status::out_of_range("the range holds more than 1000 records: ask for its parts"));
    }
    whole.digest = sum.to_vec().into();
    let part = |(digit, (count, digest)): (usize, (u64, [u8; 16]))| RangeDigest {
        prefix: format!("{}{digit:x}", asked.prefix),
        count,
        digest: digest.to_vec().into(),
    };
    let parts = parts.into_iter().enumerate().filter(|(_, (count, _))| *count > 0).map(part).collect();
    Ok(GetTableDigestResponse { whole: Some(whole), parts, records, position })
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
