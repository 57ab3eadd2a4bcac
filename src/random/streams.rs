//! Names, keys and identities: one key per stream name, one id per event.
//!
//! The keys of one (seed, replication) come from `ChaCha8`, so that two seeds share no replication.
//! This file does not know which streams exist.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::StreamKey;

/// Bits added per unit of salt: 2^64 divided by the golden ratio, odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The keys of one replication.
#[derive(Clone, Debug)]
pub struct Streams {
    seed: [u8; 32],
}

impl Streams {
    /// The keys of replication `replication` (0 is the first) of root seed `seed`.
    pub fn new(seed: u64, replication: u64) -> Self {
        let mut bytes = *b"................tidelag streams ";
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&replication.to_le_bytes());
        Self { seed: bytes }
    }

    /// The key of the stream called `name`. Its hash selects the `ChaCha` stream, so keys do not
    /// depend on one another.
    pub fn key(&self, name: &str) -> StreamKey {
        let mut rng = ChaCha8Rng::from_seed(self.seed);
        rng.set_stream(hash_name(name));
        irregular_key(&mut rng)
    }
}

/// A key as Squares asks for: odd, and within each half eight different hexadecimal digits, none of
/// them 0.
fn irregular_key(rng: &mut ChaCha8Rng) -> StreamKey {
    // The lowest digit first, as it must be odd; then seven others for the low half, eight for the
    // high half.
    let last = 2 * pick(rng, 8) + 1;
    let others: Vec<u64> = (1..16).filter(|&digit| digit != last).collect();
    let low = join(rng, others, 7) << 4 | last;
    let high = join(rng, (1..16).collect(), 8);
    StreamKey::from_raw(high << 32 | low)
}

/// `count` different ones of `digits` in random order, as a number.
fn join(rng: &mut ChaCha8Rng, mut digits: Vec<u64>, count: usize) -> u64 {
    (0..count).fold(0, |number, _| {
        let at = pick(rng, digits.len() as u64) as usize;
        number << 4 | digits.swap_remove(at)
    })
}

/// Uniform in `0..n` for small `n`; the bias of at most n / 2^64 does not matter for a key.
fn pick(rng: &mut ChaCha8Rng, n: u64) -> u64 {
    ((u128::from(rng.next_u64()) * u128::from(n)) >> 64) as u64
}

/// A fixed 64-bit hash of a name: FNV-1a (Fowler, Noll, Vo), the same for ever and everywhere.
pub fn hash_name(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The id of what `parent` gave rise to; `salt` tells its children apart.
///
/// For each salt a bijection of the parent: two parents never have the same child. All bits of both
/// change about half of the result (finaliser "moremur" of P. Evensen on the sum of parent and
/// scaled salt).
#[inline]
pub const fn derive_id(parent: u64, salt: u64) -> u64 {
    let x = parent.wrapping_add(salt.wrapping_add(1).wrapping_mul(GOLDEN));
    let x = (x ^ (x >> 27)).wrapping_mul(0x3c79_ac49_2ba7_b653);
    let x = (x ^ (x >> 33)).wrapping_mul(0x1c69_b3f7_4ac4_ae35);
    x ^ (x >> 27)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_hash_to_the_known_answers() {
        // Test vectors of the authors of FNV.
        assert_eq!(hash_name(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash_name("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash_name("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn keys_are_irregular_as_squares_asks() {
        for seed in 0..20 {
            for i in 0..100 {
                let key = Streams::new(seed, 0).key(&format!("s{i}")).raw();
                assert_eq!(key % 2, 1, "{key:x}");
                for half in [key >> 32, key & 0xffff_ffff] {
                    let digits: BTreeSet<u64> = (0..8).map(|i| half >> (4 * i) & 15).collect();
                    assert!(digits.len() == 8 && !digits.contains(&0), "{key:x}");
                }
            }
        }
    }

    #[test]
    fn every_digit_of_a_key_is_as_likely_as_it_can_be() {
        let streams = Streams::new(1, 0);
        let mut counts = [[0_u32; 16]; 16];
        for i in 0..3000 {
            let key = streams.key(&format!("s{i}")).raw();
            for (place, counts) in counts.iter_mut().enumerate() {
                counts[(key >> (4 * place) & 15) as usize] += 1;
            }
        }
        for (place, counts) in counts.iter().enumerate() {
            for (digit, &n) in counts.iter().enumerate() {
                let p = match (place, digit) {
                    (_, 0) => 0.0,
                    (0, digit) => (digit % 2) as f64 / 8.0,
                    // A digit that may be the last one is a little rarer elsewhere in the low half.
                    (1..8, digit) if digit % 2 == 1 => 7.0 / 8.0 / 14.0,
                    (1..8, _) => 1.0 / 14.0,
                    _ => 1.0 / 15.0,
                };
                let tolerance = 4.5 * libm::sqrt(3000.0 * p * (1.0 - p));
                assert!((f64::from(n) - 3000.0 * p).abs() <= tolerance, "{place} {digit}: {n}");
            }
        }
    }

    #[test]
    fn seeds_and_replications_share_no_key() {
        let mut keys = BTreeSet::new();
        for seed in 0..30 {
            for replication in 0..30 {
                for name in ["shop/emits.E", "billing/on.E/takes"] {
                    assert!(keys.insert(Streams::new(seed, replication).key(name).raw()));
                }
            }
        }
    }

    #[test]
    fn first_keys_are_fixed() {
        let key = |seed, replication, name: &str| Streams::new(seed, replication).key(name).raw();
        let keys = [key(1, 0, "a"), key(1, 0, "b"), key(1, 1, "a"), key(2, 0, "a")];
        insta::assert_snapshot!(keys.map(|key| format!("{key:x}")).join("\n"), @r"
        4d6eafc27e6f2a5b
        b6a573e96719a8ed
        647b83ec8c3274f9
        21c6487df24918ad
        ");
    }

    #[test]
    fn first_identities_are_fixed() {
        let ids = [derive_id(0, 0), derive_id(0, 1), derive_id(1, 0)];
        insta::assert_snapshot!(ids.map(|id| format!("{id:x}")).join("\n"), @r"
        b70fb2cc55af013f
        48351dbe177366f6
        90fa784dff59df1d
        ");
    }

    #[test]
    fn one_bit_of_parent_or_salt_changes_half_of_the_id() {
        for bit in 0..64 {
            let flips = |f: &dyn Fn(u64) -> u64| {
                f64::from((0..1000).map(|i| (f(i) ^ derive_id(i, i)).count_ones()).sum::<u32>())
                    / 1e3
            };
            let (parent, salt) =
                (flips(&|i| derive_id(i ^ 1 << bit, i)), flips(&|i| derive_id(i, i ^ 1 << bit)));
            assert!((parent - 32.0).abs() < 1.0, "parent bit {bit}: {parent}");
            assert!((salt - 32.0).abs() < 1.0, "salt bit {bit}: {salt}");
        }
    }

    #[test]
    fn small_parents_and_salts_have_different_children() {
        let ids: BTreeSet<u64> =
            (0..300).flat_map(|p| (0..300).map(move |s| derive_id(p, s))).collect();
        assert_eq!(ids.len(), 90_000);
        assert_ne!(derive_id(derive_id(1, 2), 3), derive_id(derive_id(1, 3), 2));
    }

    proptest! {
        #[test]
        fn two_parents_never_have_the_same_child(a: u64, b: u64, salt: u64) {
            prop_assert_eq!(a == b, derive_id(a, salt) == derive_id(b, salt));
        }
    }
}
