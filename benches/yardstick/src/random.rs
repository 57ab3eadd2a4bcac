//! Counter-based draws: draw `id` of a stream is a pure function of (stream key, id), by Squares
//! (B. Widynski, 2020,
//! five rounds, 64 bits). The exponential sampler is a ziggurat of 256 layers: one table look-up,
//! one compare, one
//! multiply in 99 % of draws; a rejection takes the next sub-counter. Only correctly rounded
//! operations and pure-Rust
//! maths, so the same bits on every platform.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const R: f64 = 7.697_117_470_131_05;
const V: f64 = 0.003_949_659_822_581_557_2;
const TWO53: f64 = (1u64 << 53) as f64;
const SUB: u64 = 1 << 56; // sub-counters lie above the ids

#[inline(always)]
fn squares64(counter: u64, key: u64) -> u64 {
    let y = counter.wrapping_mul(key);
    let z = y.wrapping_add(key);
    let round = |x: u64, add: u64| x.wrapping_mul(x).wrapping_add(add);
    let x = round(y, y).rotate_left(32);
    let x = round(x, z).rotate_left(32);
    let x = round(x, y).rotate_left(32);
    let t = round(x, z);
    t ^ (round(t.rotate_left(32), y) >> 32)
}

/// Key of the stream called `name`: odd, and no hexadecimal digit twice or zero in either half but
/// the last, as
/// Squares asks of its keys.
pub fn key(seed: u64, name: &str) -> u64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut h = name
        .bytes()
        .fold(mix(seed.wrapping_add(GOLDEN)), |h, b| mix(h ^ u64::from(b)).wrapping_add(GOLDEN));
    let mut key = 0;
    for _ in 0..2 {
        let mut digits: [u64; 15] = std::array::from_fn(|i| i as u64 + 1);
        for i in 0..8 {
            h = mix(h.wrapping_add(GOLDEN));
            digits.swap(i, i + (h % (15 - i as u64)) as usize);
            key = key << 4 | digits[i];
        }
    }
    key | 1
}

pub struct Zig {
    layer: [(u64, f64); 256],
    y: [f64; 257],
}

impl Zig {
    pub fn new() -> Self {
        let (mut x, mut y) = ([0.0; 257], [0.0; 257]);
        x[0] = V * libm::exp(R);
        x[1] = R;
        y[1] = libm::exp(-R);
        for i in 2..256 {
            y[i] = y[i - 1] + V / x[i - 1];
            x[i] = -libm::log(y[i]);
        }
        y[256] = 1.0;
        Zig { layer: std::array::from_fn(|i| ((x[i + 1] / x[i] * TWO53) as u64, x[i] / TWO53)), y }
    }

    /// Exponential with the given mean in ns, draw `id` of the stream `key`, rounded to whole ns.
    #[inline(always)]
    pub fn ns(&self, key: u64, id: u64, mean: f64) -> u64 {
        let bits = squares64(id, key);
        let (limit, width) = self.layer[(bits & 255) as usize];
        let j = bits >> 11;
        let x = if j < limit { j as i64 as f64 * width } else { self.slow(key, id, bits) };
        (x * mean + 0.5) as i64 as u64 // signed: one machine instruction each way
    }

    #[cold]
    #[inline(never)]
    fn slow(&self, key: u64, id: u64, mut bits: u64) -> f64 {
        let mut counter = id;
        let mut next = || {
            counter = counter.wrapping_add(SUB);
            squares64(counter, key)
        };
        let mut base = 0.0;
        loop {
            let i = (bits & 255) as usize;
            let x = (bits >> 11) as f64 * self.layer[i].1;
            if bits >> 11 < self.layer[i].0 {
                return base + x;
            }
            if i == 0 {
                base += R; // the tail of an exponential is the exponential again
            } else {
                let u = (next() >> 11) as f64 / TWO53;
                if self.y[i] + u * (self.y[i + 1] - self.y[i]) < libm::exp(-x) {
                    return base + x;
                }
            }
            bits = next();
        }
    }
}
