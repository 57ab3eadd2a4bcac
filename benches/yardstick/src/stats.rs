//! What is recorded: log-linear histogram, the same with a series over time, time-weighted level,
//! digest of a history.

const SUB: u32 = 7; // 128 buckets per power of two: a bucket is at most 0.8 % wide

/// Quantiles within 0.4 %; count, sum, sum of squares and max exact.
pub struct Histogram {
    count: Vec<u32>,
    n: u64,
    sum: u64,
    squares: u128,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { count: vec![0; ((65 - SUB) as usize) << SUB], n: 0, sum: 0, squares: 0, max: 0 }
    }
}

#[inline(always)]
fn index(v: u64) -> usize {
    let shift = 63 - SUB - (v | 1 << SUB).leading_zeros();
    ((shift as usize) << SUB) + (v >> shift) as usize
}

/// Lower end of bucket `i` in ns.
fn low(i: usize) -> f64 {
    if i < 2 << SUB {
        return i as f64;
    }
    let shift = (i >> SUB) - 1;
    ((i - (shift << SUB)) << shift) as f64
}

impl Histogram {
    #[inline(always)]
    pub fn record(&mut self, v: u64) {
        self.count[index(v)] += 1;
        self.n += 1;
        self.sum += v;
        self.squares += u128::from(v) * u128::from(v);
        self.max = self.max.max(v);
    }
    /// Mean in seconds.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.n.max(1) as f64 / 1e9
    }
    pub fn sd(&self) -> f64 {
        let n = self.n.max(1) as f64;
        let mean = self.sum as f64 / n;
        (self.squares as f64 / n - mean * mean).max(0.0).sqrt() / 1e9
    }
    pub fn max(&self) -> f64 {
        self.max as f64 / 1e9
    }
    /// Middle of the bucket that holds the q-quantile, in seconds.
    pub fn quantile(&self, q: f64) -> f64 {
        let want = ((q * self.n as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (i, &c) in self.count.iter().enumerate() {
            seen += u64::from(c);
            if seen >= want {
                return (low(i) + low(i + 1)) / 2.0 / 1e9;
            }
        }
        0.0
    }
    /// Adds everything of `other` and empties it.
    fn take(&mut self, other: &mut Histogram) {
        let used = index(other.max) + 1;
        for (a, b) in self.count[..used].iter_mut().zip(&mut other.count[..used]) {
            *a += std::mem::take(b);
        }
        self.n += std::mem::take(&mut other.n);
        self.sum += std::mem::take(&mut other.sum);
        self.squares += std::mem::take(&mut other.squares);
        self.max = self.max.max(std::mem::take(&mut other.max));
    }
}

/// A histogram and its series over time for the price of one record: samples go into the open bin
/// only, and a bin
/// that ends is read (count, mean, p99, max) and added to the total.
pub struct Binned {
    open: Histogram,
    total: Histogram,
    end: u64,
    width: u64,
    pub series: Vec<(u64, f64, f64, f64)>,
}

impl Binned {
    pub fn new(width: u64) -> Self {
        Binned {
            open: Histogram::default(),
            total: Histogram::default(),
            end: width,
            width,
            series: Vec::new(),
        }
    }
    #[inline(always)]
    pub fn record(&mut self, now: u64, v: u64) {
        while now >= self.end {
            self.close();
        }
        self.open.record(v);
    }
    #[cold]
    #[inline(never)]
    fn close(&mut self) {
        self.series.push((
            self.open.n,
            self.open.mean(),
            self.open.quantile(0.99),
            self.open.max(),
        ));
        self.total.take(&mut self.open);
        self.end += self.width;
    }
    /// Closes the last bin.
    pub fn finish(&mut self) -> &Histogram {
        if self.open.n > 0 {
            self.close();
        }
        &self.total
    }
    pub fn total(&self) -> &Histogram {
        &self.total
    }
}

impl Default for Binned {
    fn default() -> Self {
        Binned::new(20_000_000_000)
    }
}

/// The smallest 1, 2 or 5 x 10^k s that gives at most 600 bins, in ns.
pub fn bin_width(duration_ns: f64) -> u64 {
    let mut power = 1.0;
    loop {
        for m in [1.0, 2.0, 5.0] {
            if duration_ns <= 600.0 * m * power {
                return (m * power) as u64;
            }
        }
        power *= 10.0;
    }
}

/// A level that changes at instants, averaged over time.
#[derive(Default)]
pub struct Level {
    value: u64,
    since: u64,
    area: u64,
    max: u64,
}

impl Level {
    #[inline(always)]
    pub fn set(&mut self, now: u64, value: u64) {
        self.area += self.value * (now - self.since);
        self.since = now;
        self.value = value;
        self.max = self.max.max(value);
    }
    pub fn area(&self) -> f64 {
        self.area as f64
    }
    pub fn max(&self) -> u64 {
        self.max
    }
}

/// Hash of one component's history, the sequence of (time, kind, event id): one wide multiply per
/// event.
#[derive(Default)]
pub struct Digest(u64);

impl Digest {
    #[inline(always)]
    pub fn step(&mut self, time: u64, kind: u64, id: u64) {
        let word = kind << 56 ^ id ^ 0xa076_1d64_78bd_642f;
        let p = u128::from(self.0 ^ time) * u128::from(word);
        self.0 = (p as u64) ^ (p >> 64) as u64 ^ word;
    }
    pub fn value(&self) -> u64 {
        self.0
    }
}
