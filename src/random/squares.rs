//! Numbers that belong to something: a draw is a pure function of (stream key, event id, attempt), whatever was drawn
//! before it.
//!
//! The generator is Squares with 64-bit output and five rounds (B. Widynski, "Squares: A Fast Counter-Based RNG",
//! arXiv 2004.06278). It does not know where keys and ids come from.

/// Steps from attempt to attempt: 2^64 divided by the golden ratio, odd, so that small ids never meet.
const ATTEMPT: u64 = 0x9e37_79b9_7f4a_7c15;
/// Steps from one number of a draw to the next: 2^64 divided by the root of x^4 = x + 1, odd.
const NEXT: u64 = 0xd1b5_4a32_d192_ed03;

/// Key of one stream of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamKey(u64);

impl StreamKey {
    /// The key with these bits, for tests. Squares wants an odd key with irregular hexadecimal digits, as
    /// [`Streams`](super::Streams) makes them.
    pub const fn from_raw(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits of the key.
    pub const fn raw(self) -> u64 {
        self.0
    }
}

/// Number `counter` of the stream `key`.
#[inline]
pub(super) const fn squares64(counter: u64, key: u64) -> u64 {
    let y = counter.wrapping_mul(key);
    let z = y.wrapping_add(key);
    let x = square_add(y, y).rotate_left(32);
    let x = square_add(x, z).rotate_left(32);
    let x = square_add(x, y).rotate_left(32);
    let t = square_add(x, z);
    t ^ (square_add(t.rotate_left(32), y) >> 32)
}

#[inline]
const fn square_add(x: u64, add: u64) -> u64 {
    x.wrapping_mul(x).wrapping_add(add)
}

/// The sequence of numbers that belongs to (stream key, event id, attempt).
///
/// Number `j` is `squares64(id + attempt * A + j * B, key)` in wrapping arithmetic, where A and B are two odd
/// constants far from each other. Nearly always one number is enough; samplers that reject take the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    key: u64,
    counter: u64,
}

impl Draw {
    /// The sequence of `attempt` (0 is the first) of event `id` in the stream `key`.
    #[inline]
    pub const fn new(key: StreamKey, id: u64, attempt: u32) -> Self {
        Self { key: key.0, counter: id.wrapping_add((attempt as u64).wrapping_mul(ATTEMPT)) }
    }

    /// The next 64 uniform bits.
    #[inline]
    pub const fn next_u64(&mut self) -> u64 {
        let bits = squares64(self.counter, self.key);
        self.counter = self.counter.wrapping_add(NEXT);
        bits
    }

    /// Uniform in the open interval 0..1: an odd multiple of 2^-53, so neither end occurs.
    #[inline]
    pub const fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next_u64() >> 11 | 1) as f64 * SCALE
    }

    /// Uniform in `0..n`, without bias; 0 if `n` is 0.
    ///
    /// The high half of a 64 x 32 bit product, redrawn where one result would get one number too many (D. Lemire,
    /// "Fast Random Integer Generation in an Interval", 2019). It rises with the number drawn.
    #[inline]
    pub const fn below(&mut self, n: u32) -> u32 {
        loop {
            let product = self.next_u64() as u128 * n as u128;
            let low = product as u64;
            // 2^64 mod n, worked out only in the rare case that it matters.
            if low >= n as u64 || n == 0 || low >= (n as u64).wrapping_neg() % n as u64 {
                return (product >> 64) as u32;
            }
        }
    }
}
