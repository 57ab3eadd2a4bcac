//! What a run cost on this machine: the only output that may depend on it.

use serde::Serialize;
use std::time::Instant;

/// A stopwatch over the simulation.
pub(super) struct Stopwatch {
    wall: Instant,
    cpu_s: Option<f64>,
}

/// The JSON object of `--timings`. `null`: not known on this system.
#[derive(Debug, Serialize)]
struct Timings {
    events: u64,
    wall_s: f64,
    cpu_s: Option<f64>,
    events_per_s: Option<f64>,
    peak_rss_bytes: Option<u64>,
}

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "--timings is about the wall clock")]
    pub(super) fn start() -> Self {
        Self { wall: Instant::now(), cpu_s: cpu_s() }
    }

    /// What `events` simulated events cost since the start, as one line of JSON.
    pub(super) fn report(&self, events: u64) -> String {
        let wall_s = self.wall.elapsed().as_secs_f64();
        let timings = Timings {
            events,
            wall_s,
            cpu_s: cpu_s().zip(self.cpu_s).map(|(now, start)| now - start),
            events_per_s: (wall_s > 0.0).then(|| events as f64 / wall_s),
            peak_rss_bytes: peak_rss_bytes(),
        };
        serde_json::to_string(&timings).unwrap_or_default()
    }
}

/// Processor time of this process so far, all threads together, in seconds.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not tell")]
fn cpu_s() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[cfg(not(unix))]
fn cpu_s() -> Option<f64> {
    None
}

/// Largest resident memory of this process so far, as the kernel counts it.
fn peak_rss_bytes() -> Option<u64> {
    vm_hwm(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// The `VmHWM` line of `/proc/self/status`, which is in KiB.
fn vm_hwm(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_memory_is_read_from_the_kernel() {
        assert_eq!(vm_hwm("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2_097_152));
        assert_eq!(vm_hwm("Name:\tx\n"), None);
    }

    #[test]
    fn the_report_is_one_json_object() {
        let report = Stopwatch::start().report(7);
        let value: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
        let keys: Vec<_> = value.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(keys, ["cpu_s", "events", "events_per_s", "peak_rss_bytes", "wall_s"]);
    }
}
