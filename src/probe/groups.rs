//! How far the consumer groups of logs are behind, as an operator sees it: asked at the end of each
//! bin, by what they have committed.
//!
//! Does not listen to events, so that it costs a log nothing between two bins.

use super::borders::Border;
use crate::model::{Blueprint, Lag, LagStatus, lanes};
use crate::units::SimTime;

/// A number that is asked for at the end of each bin; its sum and its largest value are those of
/// the measured phase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sampled {
    sum: f64,
    max: f64,
    /// One value per bin.
    pub(crate) series: Vec<f64>,
}

impl Sampled {
    fn add(&mut self, value: f64, bin: bool, measured: bool) {
        if bin {
            self.series.push(value);
        }
        if measured {
            self.sum += value;
            self.max = self.max.max(value);
        }
    }
}

/// A service that consumes from logs: all of its groups and partitions together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behind {
    /// Messages that are not committed, messages that are not fetched, and age in s of the oldest
    /// that is not committed.
    pub(crate) what: [Sampled; 3],
    /// Of how many samples in the measured phase some partition was not well.
    unwell: u64,
    samples: u64,
}

impl Behind {
    /// Mean and largest of one of [`Behind::what`] in the measured phase.
    pub(crate) fn measured(&self, which: usize) -> (f64, f64) {
        let what = &self.what[which];
        (what.sum / self.samples as f64, what.max)
    }

    /// Share of the measured phase in which some partition was not well.
    pub(crate) fn unwell(&self) -> Result<f64, &'static str> {
        match self.samples {
            0 => Err("the run ended before the measured phase"),
            n => Ok(self.unwell as f64 / n as f64),
        }
    }
}

/// All groups that consume from logs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    /// Lanes that are partitions, with their service.
    lanes: Vec<(u32, u32)>,
    /// What each of `lanes` was like at the end of the measured phase.
    statuses: Vec<LagStatus>,
    /// By service.
    pub(crate) behind: Vec<Option<Behind>>,
    from: SimTime,
    to: SimTime,
}

impl Groups {
    pub(crate) fn new(blueprint: &Blueprint) -> Self {
        let all = lanes(blueprint);
        let numbered = (0..).zip(&all).filter(|(_, lane)| lane.partition.is_some());
        let lanes: Vec<(u32, u32)> = numbered.map(|(at, lane)| (at, lane.service)).collect();
        let mut behind = vec![None; blueprint.services.len()];
        for (_, service) in &lanes {
            behind[*service as usize] = Some(Behind::default());
        }
        Self {
            statuses: vec![LagStatus::Ok; lanes.len()],
            lanes,
            behind,
            from: blueprint.phases.measure_from(),
            to: blueprint.phases.traffic_end(),
        }
    }

    /// Asks `lag` how far each lane is behind, at the end of a bin or of the measured phase.
    pub(crate) fn sample(
        &mut self,
        now: SimTime,
        border: Border,
        lag: impl Fn(u32) -> Option<Lag>,
    ) {
        if self.lanes.is_empty() || !(border.bin || border.to) {
            return;
        }
        let mut sums = vec![([0.0_f64; 3], LagStatus::Ok); self.behind.len()];
        for ((lane, service), status) in self.lanes.iter().zip(&mut self.statuses) {
            let Some(lag) = lag(*lane) else { continue };
            let ([messages, fetch, age], worst) = &mut sums[*service as usize];
            *messages += lag.messages as f64;
            *fetch += lag.fetch as f64;
            *age = age.max(lag.age.as_secs());
            *worst = lag.status.max(*worst);
            if border.to {
                *status = lag.status;
            }
        }
        let measured = self.from < now && now <= self.to;
        for (behind, (values, worst)) in self.behind.iter_mut().zip(sums) {
            let Some(behind) = behind else { continue };
            for (what, value) in behind.what.iter_mut().zip(values) {
                what.add(value, border.bin, measured);
            }
            behind.samples += u64::from(measured);
            behind.unwell += u64::from(measured && worst != LagStatus::Ok);
        }
    }

    /// What a lane was like at the end of the measured phase, if it is a partition.
    pub(crate) fn status(&self, lane: usize) -> Option<LagStatus> {
        let at = self.lanes.binary_search_by_key(&lane, |(lane, _)| *lane as usize);
        at.ok().map(|at| self.statuses[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{blueprint, handler, on, plain_log, service, source, work};
    use crate::model::{BrokerId, Consume};
    use crate::units::SimDuration;

    #[test]
    fn partitions_add_up_and_the_worst_one_judges() {
        let mut hears = handler(on(0), vec![work(1)]);
        hears.consume = Consume::plain(BrokerId(1));
        let mut blueprint = blueprint(10, 1, vec![source(2), service("email", vec![hears])]);
        blueprint.phases.warmup = SimDuration::from_ms(5);
        blueprint.brokers.push(plain_log(2));
        let mut groups = Groups::new(&blueprint);
        let at = |ms: u64| SimTime::ZERO + SimDuration::from_ms(ms);
        let lag = |messages, fetch, ms, status| {
            Some(Lag { messages, fetch, age: SimDuration::from_ms(ms), status })
        };
        let mut sample = |ms: u64, bin, lanes: [Option<Lag>; 2]| {
            let border = Border { bin, from: ms == 5, to: ms == 15 };
            groups.sample(at(ms), border, |lane| lanes[lane as usize]);
        };
        let (ok, warn, stop) = (LagStatus::Ok, LagStatus::Warn, LagStatus::Stop);
        // The warm-up is shown over time and counts for nothing else.
        sample(5, true, [lag(50, 50, 50, stop), lag(0, 0, 0, ok)]);
        sample(10, true, [lag(3, 1, 200, ok), lag(4, 0, 100, ok)]);
        sample(15, true, [lag(1, 1, 40, ok), lag(8, 2, 600, warn)]);
        sample(20, true, [lag(90, 0, 0, ok), lag(0, 0, 0, ok)]);
        let email = groups.behind[1].as_ref().expect("it follows a log");
        assert_eq!(email.what[0].series, [50.0, 7.0, 9.0, 90.0]);
        let measured = [0, 1, 2].map(|which| email.measured(which));
        assert_eq!(measured, [(8.0, 9.0), (2.0, 3.0), (0.4, 0.6)]);
        assert_eq!(email.unwell(), Ok(0.5));
        let statuses = [0, 1, 2].map(|lane| groups.status(lane));
        assert_eq!(statuses, [Some(ok), Some(warn), None]);
        assert!(groups.behind[0].is_none());
    }
}
