//! Where a keyed event goes: Kafka's murmur2, so that a key meets the partition it meets there.

/// Seed of Kafka's partitioner.
const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;

/// murmur2 of `bytes`, 32 bits, with Kafka's seed.
pub(super) fn murmur2(bytes: &[u8]) -> u32 {
    let mut h = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k = (k ^ k >> 24).wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |t, b| t << 8 | u32::from(*b));
        h = (h ^ tail).wrapping_mul(M);
    }
    h = (h ^ h >> 13).wrapping_mul(M);
    h ^ h >> 15
}

/// The partition of a key, which is hashed as its eight bytes, most significant first: what Kafka's
/// serializer makes of a long.
#[inline]
pub(super) fn partition_of(key: u64, partitions: u32) -> u32 {
    (murmur2(&key.to_be_bytes()) & 0x7fff_ffff) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn hashes_are_those_of_kafka() {
        for (text, hash) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()) as i32, hash, "{text}");
        }
    }

    #[test]
    fn keys_spread_evenly() {
        let mut hits = [0u32; 12];
        (0..12_000).for_each(|key| hits[partition_of(key, 12) as usize] += 1);
        // Binomial with mean 1000 and deviation 30.
        assert!(hits.iter().all(|n| n.abs_diff(1000) < 150), "{hits:?}");
    }
}
