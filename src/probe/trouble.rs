//! From what probes saw of failures to their record: windows, what each cost, who recovered when.

use super::measure::TroubleRecord;
use super::recovery::{Ends, Recovery};
use super::run::End;
use super::standard::Probes;
use super::windows::Window;
use crate::model::Blueprint;
use crate::results::{self, FailureCost, FailureWindow};
use crate::units::{SimDuration, SimTime};

/// Windows of which it is told what they cost.
const TOLD: usize = 50;

/// What is known of the failures of a run that has ended.
pub(crate) struct Trouble<'a> {
    blueprint: &'a Blueprint,
    probes: &'a Probes,
    bin_s: f64,
    /// When the last cause ended, or why there is no such instant.
    ends: Result<Ends, &'static str>,
}

impl<'a> Trouble<'a> {
    pub(crate) fn new(
        blueprint: &'a Blueprint,
        probes: &'a Probes,
        bin: SimDuration,
        end: &End,
    ) -> Self {
        let traffic = blueprint.phases.traffic_end();
        let windows = &probes.windows;
        let stays = |w: &&Window| w.from < traffic && w.to.is_none_or(|to| to > traffic);
        let within = windows.kept.iter().filter_map(|w| w.to.filter(|&to| to <= traffic));
        // Where not all windows are kept, the last end counts.
        let many = windows.ended.filter(|_| windows.all > windows.kept.len() as u64);
        let ends = match (windows.kept.iter().find(stays), within.chain(many).max()) {
            (Some(_), _) => Err("a failure was not over when the traffic ended"),
            (None, None) => Err("nothing was broken while there was traffic"),
            (None, Some(cause)) => Ok(Ends {
                cause: cause.min(traffic).as_secs(),
                traffic: traffic.as_secs(),
                rest: end.converged,
            }),
        };
        Self { blueprint, probes, bin_s: bin.as_secs(), ends }
    }

    /// How long it took from the end of the last cause until a client or subscriber had recovered.
    pub(crate) fn time(&self, recovery: Option<&Recovery>) -> Result<f64, &'static str> {
        let ends = self.ends?;
        recovery.ok_or("nothing was broken")?.time(ends, self.bin_s)
    }

    pub(crate) fn record(&self) -> TroubleRecord {
        let windows = &self.probes.windows;
        let all = windows.kept.iter().enumerate();
        TroubleRecord {
            windows: all.map(|(at, window)| self.window(at, window)).collect(),
            more: windows.all - windows.kept.len() as u64,
            recoveries: self.felt().filter_map(|(name, r)| self.recovery(name, r)).collect(),
        }
    }

    /// All clients and subscribers, with what was late.
    fn felt(&self) -> impl Iterator<Item = (&'a str, &'a Recovery)> {
        let clients = self.blueprint.clients.iter().zip(&self.probes.demands);
        let services = self.blueprint.services.iter().zip(&self.probes.stations);
        clients
            .map(|(client, d)| (client.name.as_str(), &d.recovery))
            .chain(services.map(|(service, s)| (service.name.as_str(), &s.recovery)))
            .filter_map(|(name, recovery)| Some((name, recovery.as_deref()?)))
    }

    /// How somebody got over it who noticed.
    fn recovery(&self, name: &str, recovery: &Recovery) -> Option<results::Recovery> {
        let noticed = recovery.bins.iter().any(|bin| bin.late > 0);
        let time = self.time(Some(recovery));
        let never = self.ends.is_ok() && time.is_err();
        (noticed || never).then(|| results::Recovery {
            name: name.to_owned(),
            threshold: recovery.threshold as f64 / 1e9,
            cause_end: self.ends.ok().map(|ends| ends.cause),
            recovered: self.ends.ok().zip(time.ok()).map(|(ends, time)| ends.cause + time),
        })
    }

    fn window(&self, at: usize, window: &Window) -> FailureWindow {
        FailureWindow {
            name: self.blueprint.failures[window.failure as usize].name.clone(),
            from: window.from.as_secs(),
            to: window.to.map(SimTime::as_secs),
            costs: if at < TOLD { self.costs(window) } else { Vec::new() },
        }
    }

    fn costs(&self, window: &Window) -> Vec<FailureCost> {
        let [before, after] = &window.answers;
        let now = self.probes.answers();
        let after = if window.to.is_some() { after } else { &now };
        let mut costs = Vec::new();
        for (client, (before, after)) in self.blueprint.clients.iter().zip(before.iter().zip(after))
        {
            let requests = after.1 - before.1;
            let failed = requests - (after.0 - before.0);
            if failed > 0 {
                let name = client.name.clone();
                costs.push(FailureCost { name, requests, failed, late: 0 });
            }
        }
        let later = self.probes.windows.kept.iter().map(|w| w.from).filter(|&t| t > window.from);
        let next = later.min().map_or(f64::INFINITY, SimTime::as_secs);
        for (service, station) in self.blueprint.services.iter().zip(&self.probes.stations) {
            let Some(recovery) = &station.recovery else { continue };
            let late = recovery.late_between(window.from.as_secs(), next, self.bin_s);
            if late > 0 {
                let name = service.name.clone();
                costs.push(FailureCost { name, late, ..FailureCost::default() });
            }
        }
        costs
    }
}
