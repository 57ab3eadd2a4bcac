//! Durations on the hot path: a log-linear histogram that costs one add, and exact sums.
//!
//! Buckets are those of an HDR histogram of two digits (128 per power of two, at most 0.8 % wide),
//! so what is counted here can be handed over to one without a further error. Only the powers of
//! two that occur take memory.

use super::measure::Tally;
use hdrhistogram::Histogram;

/// 128 buckets per power of two.
const BITS: u32 = 7;
const OCTAVE: usize = 1 << BITS;

#[inline]
fn bucket(ns: u64) -> usize {
    let shift = 63 - BITS - (ns | 1 << BITS).leading_zeros();
    ((shift as usize) << BITS) + (ns >> shift) as usize
}

/// Smallest duration of a bucket, in ns.
fn low(bucket: usize) -> u64 {
    let shift = (bucket >> BITS).saturating_sub(1);
    ((bucket - (shift << BITS)) as u64) << shift
}

/// Middle of a bucket, in ns.
fn middle(bucket: usize) -> f64 {
    let width = 1u64 << (bucket >> BITS).saturating_sub(1);
    low(bucket) as f64 + (width - 1) as f64 / 2.0
}

/// Number of samples by duration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    buckets: Vec<u32>,
    /// Bucket of the first element.
    first: usize,
    samples: u64,
}

impl Counts {
    #[inline(always)]
    pub(crate) fn record(&mut self, ns: u64) {
        self.samples += 1;
        let at = bucket(ns);
        match self.buckets.get_mut(at.wrapping_sub(self.first)) {
            Some(count) => *count += 1,
            None => *self.grown(at) += 1,
        }
    }

    /// The counter of `bucket`, after making room for its power of two.
    #[cold]
    #[inline(never)]
    fn grown(&mut self, bucket: usize) -> &mut u32 {
        let start = bucket / OCTAVE * OCTAVE;
        if self.buckets.is_empty() {
            self.first = start;
        }
        if start < self.first {
            let more = self.first - start;
            self.buckets.splice(0..0, std::iter::repeat_n(0, more));
            self.first = start;
        }
        let len = (start + OCTAVE - self.first).max(self.buckets.len());
        self.buckets.resize(len, 0);
        &mut self.buckets[bucket - self.first]
    }

    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// Samples in higher buckets than `ns` is.
    pub(crate) fn above(&self, ns: u64) -> u64 {
        let past = (bucket(ns) + 1).saturating_sub(self.first).min(self.buckets.len());
        self.buckets[past..].iter().map(|&n| u64::from(n)).sum()
    }

    /// Adds everything of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        for (bucket, count) in other.iter() {
            let at = bucket.wrapping_sub(self.first);
            match self.buckets.get_mut(at) {
                Some(mine) => *mine += count,
                None => *self.grown(bucket) += count,
            }
        }
        self.samples += other.samples;
    }

    /// Forgets all samples but keeps the memory.
    pub(crate) fn clear(&mut self) {
        if self.samples > 0 {
            self.buckets.fill(0);
            self.samples = 0;
        }
    }

    /// Buckets with samples, ascending.
    fn iter(&self) -> impl Iterator<Item = (usize, u32)> {
        let first = self.first;
        self.buckets.iter().enumerate().filter(|(_, c)| **c > 0).map(move |(i, c)| (first + i, *c))
    }

    /// Nearest-rank quantiles in seconds, for ascending `q`; NaN without samples.
    pub(crate) fn quantiles<const N: usize>(&self, q: [f64; N]) -> [f64; N] {
        let mut found = [f64::NAN; N];
        let rank = |q: f64| ((q * self.samples as f64).ceil() as u64).max(1);
        let (mut seen, mut next) = (0, 0);
        for (bucket, count) in self.iter() {
            seen += u64::from(count);
            while next < N && seen >= rank(q[next]) {
                found[next] = middle(bucket) / 1e9;
                next += 1;
            }
        }
        found
    }
}

/// Samples with exact count, sum, sum of squares and maximum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) counts: Counts,
    pub(crate) sum: u128,
    squares: u128,
    max: u64,
}

impl Recorder {
    #[inline(always)]
    pub(crate) fn record(&mut self, ns: u64) {
        self.counts.record(ns);
        self.sum += u128::from(ns);
        self.squares += u128::from(ns) * u128::from(ns);
        self.max = self.max.max(ns);
    }

    /// Adds everything of `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.sum += other.sum;
        self.squares += other.squares;
        self.max = self.max.max(other.max);
    }

    fn clear(&mut self) {
        self.counts.clear();
        self.sum = 0;
        self.squares = 0;
        self.max = 0;
    }

    /// As a tally of which `expected` samples should have completed.
    pub(crate) fn tally(&self, expected: u64) -> Box<Tally> {
        // Wide enough for what was recorded and no wider: there may be ten thousand of these.
        let mut histogram = Histogram::<u64>::new_with_bounds(1, self.max.max(2), 2)
            .expect("the bounds are in order and two digits are valid");
        histogram.auto(true);
        for (bucket, count) in self.counts.iter() {
            histogram.saturating_record_n(low(bucket), u64::from(count));
        }
        Box::new(Tally {
            histogram,
            count: self.counts.samples,
            sum: self.sum,
            squares: self.squares,
            max: self.max,
            censored: expected - self.counts.samples,
        })
    }
}

/// Samples in all and over time, for the price of one record: what is recorded goes into the open
/// bin, and a bin that ends is read and added to the total.
#[derive(Clone, Debug, Default)]
pub(crate) struct Binned {
    open: Recorder,
    /// Samples of the open bin that are shown over time but not measured (warm-up, drain).
    unmeasured: Counts,
    pub(crate) total: Recorder,
}

impl Binned {
    #[inline(always)]
    pub(crate) fn record(&mut self, ns: u64, measured: bool) {
        if measured {
            self.open.record(ns);
        } else {
            self.unmeasured.record(ns);
        }
    }

    /// Adds the measured samples so far to `samples`.
    pub(crate) fn so_far(&self, samples: &mut Counts) {
        samples.add(&self.total.counts);
        samples.add(&self.open.counts);
    }

    /// Adds the samples of the open bin to `bin` and closes it.
    pub(crate) fn close(&mut self, bin: &mut Counts) {
        if self.open.counts.samples > 0 {
            bin.add(&self.open.counts);
            self.total.add(&self.open);
            self.open.clear();
        }
        if self.unmeasured.samples > 0 {
            bin.add(&self.unmeasured);
            self.unmeasured.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_holds_its_duration_and_is_narrow(ns in 0u64..1 << 62) {
            let b = bucket(ns);
            prop_assert!(low(b) <= ns && ns < low(b + 1));
            prop_assert!((low(b + 1) - low(b)) as f64 <= 1.0f64.max(0.0079 * ns as f64));
            prop_assert!((middle(b) - ns as f64).abs() <= 0.5f64.max(0.004 * ns as f64));
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_samples(
            samples in prop::collection::vec(0u64..1 << 40, 1..300),
            q in 0.0f64..1.0,
        ) {
            let mut counts = Counts::default();
            for &ns in &samples {
                counts.record(ns);
            }
            let mut sorted = samples.clone();
            sorted.sort_unstable();
            let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
            let exact = sorted[rank - 1] as f64 / 1e9;
            let [found] = counts.quantiles([q]);
            prop_assert!((found - exact).abs() <= 1e-9f64.max(0.004 * exact), "{found} {exact}");
        }

        #[test]
        fn bins_add_up_to_the_total(
            samples in prop::collection::vec((0u64..1 << 40, any::<bool>(), any::<bool>()), 0..200),
        ) {
            let (mut binned, mut plain, mut shown) =
                (Binned::default(), Recorder::default(), Counts::default());
            for &(ns, measured, close) in &samples {
                binned.record(ns, measured);
                if measured {
                    plain.record(ns);
                }
                if close {
                    binned.close(&mut shown);
                }
            }
            binned.close(&mut shown);
            prop_assert_eq!(shown.samples(), samples.len() as u64);
            let (a, b) = (binned.total.tally(plain.counts.samples()), plain.tally(plain.counts.samples()));
            prop_assert_eq!((a.count, a.sum, a.squares, a.max), (b.count, b.sum, b.squares, b.max));
            prop_assert_eq!(a.histogram, b.histogram);
        }
    }

    #[test]
    fn a_tally_carries_its_samples_into_an_hdr_histogram() {
        let mut recorder = Recorder::default();
        (1..=1000).for_each(|ms| recorder.record(ms * 1_000_000));
        let tally = recorder.tally(1010);
        assert_eq!((tally.count, tally.censored), (1000, 10));
        let p50 = tally.histogram.value_at_quantile(0.5) as f64 / 1e6;
        assert!((p50 - 500.0).abs() < 4.0, "{p50}");
    }
}
