//! Names, keys and identities: one key per stream name, one id per event.
//!
//! The keys of one (seed, replication) come from `ChaCha8`, so that two seeds share no replication. This file does not
//! know which streams exist.

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

    /// The key of the stream called `name`. Its hash selects the `ChaCha` stream, so keys do not depend on one another.
    pub fn key(&self, name: &str) -> StreamKey {
        let mut rng = ChaCha8Rng::from_seed(self.seed);
        rng.set_stream(hash_name(name));
        irregular_key(&mut rng)
    }
}

/// A key as Squares asks for: odd, and within each half eight different hexadecimal digits, none of them 0.
fn irregular_key(rng: &mut ChaCha8Rng) -> StreamKey {
    // The lowest digit first, as it must be odd; then seven others for the low half, eight for the high half.
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
/// For each salt a bijection of the parent: two parents never have the same child. All bits of both change about
/// half of the result (finaliser "moremur" of P. Evensen on the sum of parent and scaled salt).
#[inline]
pub const fn derive_id(parent: u64, salt: u64) -> u64 {
    let x = parent.wrapping_add(salt.wrapping_add(1).wrapping_mul(GOLDEN));
    let x = (x ^ (x >> 27)).wrapping_mul(0x3c79_ac49_2ba7_b653);
    let x = (x ^ (x >> 33)).wrapping_mul(0x1c69_b3f7_4ac4_ae35);
    x ^ (x >> 27)
}
