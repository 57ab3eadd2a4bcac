//! Numbers that belong to something: a draw is a pure function of (stream key, event id, attempt),
//! whatever was drawn before it.
//!
//! The generator is Squares with 64-bit output and five rounds (B. Widynski, "Squares: A Fast
//! Counter-Based RNG", arXiv 2004.06278). It does not know where keys and ids come from.

/// Steps from attempt to attempt: 2^64 divided by the golden ratio, odd, so that small ids never
/// meet.
const ATTEMPT: u64 = 0x9e37_79b9_7f4a_7c15;
/// Steps from one number of a draw to the next: 2^64 divided by the root of x^4 = x + 1, odd.
const NEXT: u64 = 0xd1b5_4a32_d192_ed03;

/// Key of one stream of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamKey(u64);

impl StreamKey {
    /// The key with these bits, for tests. Squares wants an odd key with irregular hexadecimal
    /// digits, as [`Streams`](super::Streams) makes them.
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
/// Number `j` is `squares64(id + attempt * A + j * B, key)` in wrapping arithmetic, where A and B
/// are two odd constants far from each other. Nearly always one number is enough; samplers that
/// reject take the next.
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
    /// The high half of a 64 x 32 bit product, redrawn where one result would get one number too
    /// many (D. Lemire, "Fast Random Integer Generation in an Interval", 2019). It rises with the
    /// number drawn.
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

#[cfg(test)]
mod tests {
    use super::super::Streams;
    use super::*;

    /// Sum of (seen - expected)^2 / expected over equally likely classes.
    fn chi_square(counts: &[u64]) -> f64 {
        let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
        counts.iter().map(|&n| (n as f64 - expected) * (n as f64 - expected) / expected).sum()
    }

    /// How far a chi-square statistic lies from its mean, in standard deviations.
    fn chi_square_z(counts: &[u64]) -> f64 {
        let df = (counts.len() - 1) as f64;
        (chi_square(counts) - df) / libm::sqrt(2.0 * df)
    }

    /// Numbers of one key and sequential ids, and of one id and many keys.
    fn sequences() -> Vec<(&'static str, Vec<u64>)> {
        const N: u64 = 100_000;
        let streams = Streams::new(1, 0);
        let key = streams.key("service/billing/takes");
        let keys: Vec<StreamKey> = (0..N / 5).map(|i| streams.key(&format!("s{i}"))).collect();
        let per_key = |id| keys.iter().map(|&key| Draw::new(key, id, 0).next_u64()).collect();
        let of_id = |f: &dyn Fn(u64) -> Draw| (0..N).map(|i| f(i).next_u64()).collect();
        let mut draw = Draw::new(key, 0, 0);
        vec![
            ("sequential ids", of_id(&|i| Draw::new(key, i, 0))),
            ("ids far apart", of_id(&|i| Draw::new(key, i << 40, 0))),
            ("derived ids", of_id(&|i| Draw::new(key, super::super::derive_id(7, i), 0))),
            ("attempts", of_id(&|i| Draw::new(key, 5, i as u32))),
            ("one draw", (0..N).map(|_| draw.next_u64()).collect()),
            ("keys at id 0", per_key(0)),
            ("keys at id 1", per_key(1)),
            ("keys at a derived id", per_key(super::super::derive_id(3, 9))),
        ]
    }

    /// Made with the author's algorithm by two other implementations (crates that test it with this
    /// key).
    #[test]
    fn the_generator_gives_the_known_answers() {
        const KEY: u64 = 0x548c_9dec_bce6_5297;
        let known = [
            0x36d8_8366_cee6_33a5,
            0x9447_16e0_0e60_dfaa,
            0xc8a8_f4e0_6786_54bf,
            0x35cc_666a_ab11_c80d,
            0x7094_eab1_cbae_8747,
            0xa2a1_b6f5_6e92_a96f,
            0xd884_957d_4800_7552,
            0xe61f_37b9_7d59_3453,
            0xe4d4_5c47_62b1_0dad,
            0xb0db_d071_f201_dd2a,
        ];
        for (counter, number) in known.into_iter().enumerate() {
            assert_eq!(squares64(counter as u64, KEY), number, "counter {counter}");
        }
    }

    #[test]
    fn bytes_are_equally_likely() {
        for (name, numbers) in sequences() {
            for byte in 0..8 {
                let mut counts = [0; 256];
                for number in &numbers {
                    counts[usize::from(number.to_le_bytes()[byte])] += 1;
                }
                let z = chi_square_z(&counts);
                assert!(z.abs() < 4.5, "{name}, byte {byte}: z = {z}");
            }
        }
    }

    #[test]
    fn bits_are_balanced() {
        for (name, numbers) in sequences() {
            let n = numbers.len() as f64;
            for bit in 0..64 {
                let ones = numbers.iter().filter(|&number| number >> bit & 1 == 1).count();
                let z = (ones as f64 - 0.5 * n) / libm::sqrt(0.25 * n);
                assert!(z.abs() < 4.5, "{name}, bit {bit}: z = {z}");
            }
        }
    }

    #[test]
    fn neighbours_are_uncorrelated() {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        for (name, numbers) in sequences() {
            let unit: Vec<f64> = numbers.iter().map(|n| (n >> 11) as f64 * SCALE - 0.5).collect();
            for lag in [1, 2, 3, 7, 64] {
                let pairs = unit.iter().zip(&unit[lag..]);
                let sum: f64 = pairs.map(|(a, b)| a * b).sum();
                let z = 12.0 * sum / libm::sqrt((unit.len() - lag) as f64);
                assert!(z.abs() < 4.5, "{name}, lag {lag}: z = {z}");
            }
            // Pairs of neighbours in a 16 x 16 grid.
            let mut counts = [0; 256];
            for pair in numbers.chunks_exact(2) {
                counts[(pair[0] >> 60 << 4 | pair[1] >> 60) as usize] += 1;
            }
            let z = chi_square_z(&counts);
            assert!(z.abs() < 4.5, "{name}, pairs: z = {z}");
        }
    }

    #[test]
    fn one_step_of_the_id_changes_half_of_the_bits() {
        let key = Streams::new(1, 0).key("x");
        let differences = (0..10_000).map(|id| {
            let (mut a, mut b) = (Draw::new(key, id, 0), Draw::new(key, id + 1, 0));
            (a.next_u64() ^ b.next_u64()).count_ones()
        });
        let mean = f64::from(differences.sum::<u32>()) / 10_000.0;
        assert!((mean - 32.0).abs() < 0.16, "{mean}"); // four standard errors of 4 / sqrt(10000)
    }

    #[test]
    fn attempts_and_later_numbers_do_not_meet_other_ids() {
        let key = StreamKey::from_raw(0x548c_9dec_bce6_5297);
        let mut seen = std::collections::BTreeSet::new();
        for id in 0..200 {
            for attempt in 0..20 {
                let mut draw = Draw::new(key, id, attempt);
                for _ in 0..5 {
                    assert!(seen.insert(draw.counter), "id {id}, attempt {attempt}");
                    draw.next_u64();
                }
            }
        }
        assert_eq!(Draw::new(key, 42, 0).counter, 42);
    }

    #[test]
    fn unit_numbers_lie_strictly_between_0_and_1() {
        let mut draw = Draw::new(Streams::new(1, 0).key("x"), 0, 0);
        let mut sum = 0.0;
        for _ in 0..100_000 {
            let u = draw.unit();
            assert!(u > 0.0 && u < 1.0);
            sum += u;
        }
        assert!((sum / 1e5 - 0.5).abs() < 4.0 * 0.2887 / 316.0, "{sum}");
        // The end of the formula: the greatest 53 bits.
        assert!((u64::MAX >> 11 | 1) as f64 / ((1_u64 << 53) as f64) < 1.0);
    }

    #[test]
    fn numbers_below_n_are_equally_likely() {
        let key = Streams::new(1, 0).key("x");
        for n in [1, 2, 3, 7, 100] {
            let mut counts = vec![0; n as usize];
            for id in 0..100_000 {
                counts[Draw::new(key, id, 0).below(n) as usize] += 1;
            }
            let z = if n == 1 { 0.0 } else { chi_square_z(&counts) };
            assert!(z.abs() < 4.5, "n = {n}: z = {z}");
        }
        // 3 x 2^30 splits 2^32 unevenly: a biased method would give the low third too much.
        let n = 3 << 30;
        let low = (0..100_000).filter(|&id| Draw::new(key, id, 0).below(n) < 1 << 30).count();
        assert!((low as f64 - 33_333.3).abs() < 4.0 * 149.1, "{low}");
        assert_eq!(Draw::new(key, 1, 0).below(0), 0);
    }

    #[test]
    fn first_numbers_are_fixed() {
        let mut draw = Draw::new(StreamKey::from_raw(0x548c_9dec_bce6_5297), 1, 2);
        let numbers = format!("{:x} {} {}", draw.next_u64(), draw.unit(), draw.below(1000));
        insta::assert_snapshot!(numbers, @"85a550318f9257a5 0.03737082145049031 78");
    }
}
