//! The partition of a school.

/// Kafka's own murmur2, as the Java client's default partitioner computes it.
pub fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ (data.len() as u32);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a school's records: what the Java client's default partitioner gives for the school code as key. All
/// records of a school thus stay in order.
pub fn partition_of(school: &str, partitions: i32) -> i32 {
    let hash = (murmur2(school.as_bytes()) & 0x7fff_ffff) as i32;
    hash.checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{murmur2, partition_of};

    #[test]
    fn as_the_java_client_computes_it() {
        let cases = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (text, want) in cases {
            assert_eq!(murmur2(text.as_bytes()) as i32, want, "{text}");
        }
    }

    #[test]
    fn always_a_partition_that_there_is() {
        for school in 4_199_000_000u64..4_199_000_200 {
            for partitions in [1, 3, 7] {
                assert!((0..partitions).contains(&partition_of(&school.to_string(), partitions)));
            }
        }
        assert_eq!(partition_of("4199000001", 0), 0);
    }
}
