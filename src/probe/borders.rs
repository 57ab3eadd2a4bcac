//! What the standard probes do at the ends of bins and phases: sums become rates, samples become
//! quantiles. Nothing of it happens between two borders.

use super::history::History;
use super::parts::Totals;
use super::recorder::Counts;
use super::recovery::Recovery;
use super::standard::{Probes, sum};
use crate::units::SimTime;

/// Which border an instant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Border {
    /// The open bin ends.
    pub(crate) bin: bool,
    /// The measured phase begins.
    pub(crate) from: bool,
    /// The measured phase ends.
    pub(crate) to: bool,
}

impl<H: History> Probes<H> {
    /// Cuts bins and phases at `now`, after everything that happened then.
    pub(crate) fn boundary(&mut self, now: SimTime, border: Border) {
        let width = now.since(self.bin_start).ns() as f64;
        if border.bin {
            self.longest = self.longest.max(width);
        }
        for at in 0..self.stations.len() {
            self.station_boundary(at, now, border);
        }
        let bin_s = self.longest / 1e9;
        self.demands.iter_mut().for_each(|d| d.boundary(border, width, bin_s));
        self.waiting.boundary(now, border, width);
        if border.bin && now > self.bin_start {
            self.close_bin();
            self.bin_start = now;
            self.bins += 1;
        }
    }

    fn station_boundary(&mut self, at: usize, now: SimTime, border: Border) {
        let s = &mut self.stations[at];
        s.backlog.settle(now);
        s.busy.settle(now);
        s.riding.settle(now);
        let width = now.since(self.bin_start).ns() as f64;
        if let Some(sizes) = &mut s.sizes {
            sizes.boundary(now, border, width);
        }
        let totals = Totals {
            backlog: s.backlog.area(),
            busy: s.busy.area(),
            workers: s.busy.area() - s.riding.area(),
            capacity: s.sizes.as_ref().map_or(0, |sizes| sizes.capacity()),
            attempted: s.attempted,
            good: s.good,
            attempts: s.arrivals + s.further,
            repeats: s.repeats,
        };
        if border.from {
            s.from = totals;
            s.backlog.forget_max();
            s.inflight_max = s.backlog.value() + s.busy.value();
        }
        if border.to {
            s.to = totals;
            s.measured_max = (s.backlog.max(), s.inflight_max);
        }
        if border.bin && width > 0.0 {
            let last = std::mem::replace(&mut s.last, totals);
            s.series.backlog.push((totals.backlog - last.backlog) as f64 / width);
            let rho = s.utilisation(&last, &totals, width, false);
            s.series.rho.push(rho);
            let per_s = |n: u64| n as f64 / (self.longest / 1e9);
            s.series.throughput.push(per_s(totals.attempted - last.attempted));
            s.series.goodput.push(per_s(totals.good - last.good));
            s.series.offered.push(per_s(totals.attempts - last.attempts));
        }
    }

    fn close_bin(&mut self) {
        for (s, heard) in self.stations.iter_mut().zip(&self.heard_by) {
            if let Some(incidents) = &mut s.incidents {
                incidents.close(&sum(&self.deliveries, heard));
            }
            if heard.is_empty() {
                continue;
            }
            self.scratch.clear();
            for &delivery in heard {
                self.deliveries[delivery as usize].lag.close(&mut self.scratch);
            }
            let [p50, p99] = self.scratch.quantiles([0.5, 0.99]);
            s.series.lag_p50.push(p50);
            s.series.lag_p99.push(p99);
            if let Some(recovery) = &mut s.recovery {
                let open = sum(&self.deliveries, heard).open() > 0;
                recovery.close(&self.scratch, 0, open);
            }
        }
        for d in &mut self.demands {
            self.scratch.clear();
            d.latency.close(&mut self.scratch);
            let [p50, p99] = self.scratch.quantiles([0.5, 0.99]);
            d.series.p50.push(p50);
            d.series.p99.push(p99);
            if let Some(recovery) = &mut d.recovery {
                recovery.close(&self.scratch, d.failed_in_bin, d.asked > d.answered.1);
            }
        }
    }

    /// What was usual before the first failure, to tell what is late after it.
    #[cold]
    #[inline(never)]
    pub(super) fn first_failure(&mut self) {
        let mut samples = Counts::default();
        for (s, heard) in self.stations.iter_mut().zip(&self.heard_by) {
            if heard.is_empty() {
                continue;
            }
            samples.clear();
            for &d in heard {
                self.deliveries[d as usize].lag.so_far(&mut samples);
            }
            let [usual] = samples.quantiles([0.99]);
            s.recovery = Some(Box::new(Recovery::new(self.bins, usual, 0.0)));
        }
        for d in &mut self.demands {
            samples.clear();
            d.latency.so_far(&mut samples);
            let [usual] = samples.quantiles([0.99]);
            let (good, all) = d.answered;
            let failing = if all == 0 { 0.0 } else { (all - good) as f64 / all as f64 };
            d.recovery = Some(Box::new(Recovery::new(self.bins, usual, failing)));
        }
    }
}
