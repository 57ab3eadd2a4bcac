//! The yardstick: W1, W2 and W3 written by hand for nothing else, on one thread, in safe Rust.
//!
//! It keeps the rules that a real simulator must keep: whole nanoseconds, events ordered by (time,
//! rank, sequence), every draw a pure function of (stream key, event id), portable maths. It
//! records
//! what results.json needs: lag, wait and service histograms, the series of the lag over time,
//! time-weighted backlog, utilisation, throughput, convergence, a digest per component.
//!
//! ```text
//! yardstick w1|w2|w3 [--n N] [--seed S] [--pending M]
//!     one JSON line; exit status 1 if the result contradicts theory
//! yardstick limit [--n N]
//!     the same workloads without statistics, and without an event list
//! ```
mod list;
mod random;
mod stats;
mod w1;
mod w2;
mod w3;

use stats::{Binned, Digest, Histogram, Level, bin_width};
use std::collections::VecDeque;
use w1::{w1, w1_lindley};
use w2::{SUBS, w2, w2_lindley};
use w3::w3;

// ranks at one instant: completions before deliveries before arrivals
const DONE: u64 = 1;
const DELIVER: u64 = 2;
const ARRIVE: u64 = 3;

/// Results of one run; times in ns.
#[derive(Default)]
struct Run {
    jobs: u64,
    events: u64,
    end: u64,
    digest: u64,
    lag_sum: u64,
    stations: Vec<Station>,
    convergence: Option<Histogram>,
}

/// One FIFO server and what is recorded about it.
#[derive(Default)]
struct Station {
    waiting: VecDeque<(u64, u64)>, // job, arrival
    job: u64,
    commit: u64,
    busy: bool,
    applied: u64,
    busy_ns: u64,
    digest: Digest,
    backlog: Level,
    lag: Binned,
    wait: Histogram,
    service: Histogram,
}

impl Station {
    /// `duration`: expected simulated time in ns, which decides the width of the bins.
    fn new(duration: f64) -> Self {
        Station { lag: Binned::new(bin_width(duration)), ..Station::default() }
    }
}

/// All components' digests in the order of their names.
fn combine(source: &Digest, stations: &[Station]) -> u64 {
    let mut all = Digest::default();
    std::iter::once(source)
        .chain(stations.iter().map(|s| &s.digest))
        .for_each(|d| all.step(d.value(), 0, 0));
    all.value()
}

/// Four standard errors of the mean sojourn of M/M/1 at load `rho` with mean service `work` over n
/// jobs.
fn mm1_tolerance(rho: f64, work: f64, n: u64) -> f64 {
    let v = rho * (2.0 + 5.0 * rho - 4.0 * rho * rho + rho.powi(3)) / (1.0 - rho).powi(4);
    4.0 * work * (v / n as f64).sqrt()
}

/// User and system time of this process.
fn cpu_s() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

/// Peak resident memory of this program alone (ru_maxrss would include the program that started
/// it); 0 if unknown.
fn peak_rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Runs, prints one line and returns the sum of all lags (0 if the result contradicts theory).
fn measure(
    workload: &str,
    variant: &str,
    n: u64,
    theory: [f64; 3],
    tol: f64,
    run: impl FnOnce() -> Run,
) -> u64 {
    let wall = std::time::Instant::now();
    let before = cpu_s();
    let r = run();
    let (cpu, wall, rss) = (cpu_s() - before, wall.elapsed().as_secs_f64(), peak_rss());
    let mean = r.lag_sum as f64 / r.jobs as f64 / 1e9;
    let full = variant == "full";
    let per_event = if workload == "w2" { SUBS as u64 } else { 1 };
    let mut ok = r.jobs == per_event * n && (mean - theory[0]).abs() < tol;
    let mut more = String::new();
    if full {
        let k = r.stations.len() as f64;
        let t = r.end as f64 / 1e9;
        let avg = |f: &dyn Fn(&Station) -> f64| r.stations.iter().map(f).sum::<f64>() / k;
        let (p50, p99) =
            (avg(&|s| s.lag.total().quantile(0.5)), avg(&|s| s.lag.total().quantile(0.99)));
        let sum = avg(&|s| s.wait.mean() + s.service.mean());
        let backlog = avg(&|s| s.backlog.area() / r.end as f64);
        let rate = r.jobs as f64 / k / t;
        ok &= (p50 - theory[1]).abs() < tol + 0.01 * theory[1]
            && (p99 - theory[2]).abs() < 6.0 * tol + 0.01 * theory[2];
        if workload != "w3" {
            // Little's law for the waiting room
            let little = rate * avg(&|s| s.wait.mean());
            ok &= (backlog - little).abs() < 1e-6 * little.max(1.0);
        }
        more = format!(
            ",\"p50\":{p50:.6},\"p99\":{p99:.6},\"max\":{:.6},\"sd\":{:.6},\"bins\":{},\
             \"sojourn_mean\":{sum:.6},\"wait_mean\":{:.6},\"service_mean\":{:.6},\
             \"backlog_mean\":{backlog:.4},\"backlog_max\":{},\
             \"rho\":{:.4},\"throughput\":{rate:.2}",
            r.stations.iter().map(|s| s.lag.total().max()).fold(0.0, f64::max),
            avg(&|s| s.lag.total().sd()),
            r.stations[0].lag.series.len(),
            avg(&|s| s.wait.mean()),
            avg(&|s| s.service.mean()),
            r.stations.iter().map(|s| s.backlog.max()).max().unwrap_or(0),
            avg(&|s| s.busy_ns as f64 / r.end as f64),
        );
        if let Some(c) = &r.convergence {
            more += &format!(
                ",\"convergence_mean\":{:.6},\"convergence_p99\":{:.6}",
                c.mean(),
                c.quantile(0.99)
            );
        }
    }
    println!(
        "{{\"program\":\"yardstick\",\"workload\":\"{workload}\",\"variant\":\"{variant}\",\
         \"jobs\":{},\"events\":{},\"cpu_s\":{cpu:.6},\
         \"wall_s\":{wall:.6},\"ns_per_job\":{:.3},\"ns_per_event\":{:.3},\
         \"events_per_s\":{:.0},\"peak_rss_bytes\":{rss},\
         \"mean\":{mean:.6},\"lag_sum_ns\":{},\"theory_mean\":{:.6}{more},\
         \"ok\":{ok},\"digest\":\"{:016x}\"}}",
        r.jobs,
        r.events,
        cpu * 1e9 / r.jobs as f64,
        cpu * 1e9 / r.events as f64,
        r.events as f64 / cpu,
        r.lag_sum,
        theory[0],
        r.digest,
    );
    if ok { r.lag_sum } else { 0 }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| -> u64 {
        match args.iter().position(|a| a == name) {
            None => default,
            Some(i) => match args.get(i + 1).and_then(|v| v.parse::<f64>().ok()) {
                Some(v) => v as u64,
                None => {
                    eprintln!("{name} needs a number");
                    std::process::exit(2)
                }
            },
        }
    };
    let seed = number("--seed", 1);
    let pending = number("--pending", 1_000_000);
    // mean, median, 99th percentile of the lag in seconds, and four standard errors of the mean
    let t1 = [5e-3, 5e-3 * 2f64.ln(), 5e-3 * 100f64.ln()];
    let t2 = [6e-3, 4.9118e-3, 21.1829e-3]; // Exp(2 ms) + Exp(4 ms)
    let t3 = [1.0, 2f64.ln(), 100f64.ln()];
    let (tol1, tol2, tol3) = (
        |n| mm1_tolerance(0.8, 1e-3, n),
        |n| mm1_tolerance(0.8, 0.8e-3, n),
        |n: u64| 4.0 / (n as f64).sqrt(),
    );
    let n1 = number("--n", 10_000_000).max(1);
    let n2 = number("--n", 2_000_000).max(1);
    let ok = match args.first().map(String::as_str) {
        Some("w1") => measure("w1", "full", n1, t1, tol1(n1), || w1::<true>(n1, seed)) > 0,
        Some("w2") => measure("w2", "full", n2, t2, tol2(n2), || w2::<true>(n2, seed)) > 0,
        Some("w3") => measure("w3", "full", n1, t3, tol3(n1), || w3::<true>(n1, seed, pending)) > 0,
        Some("limit") => {
            // the same draws, so all variants of a workload must agree to the last nanosecond
            let n5 = n1 / 5;
            let a = [
                measure("w1", "full", n1, t1, tol1(n1), || w1::<true>(n1, seed)),
                measure("w1", "bare", n1, t1, tol1(n1), || w1::<false>(n1, seed)),
                measure("w1", "lindley", n1, t1, tol1(n1), || w1_lindley(n1, seed)),
            ];
            let b = [
                measure("w2", "full", n5, t2, tol2(n5), || w2::<true>(n5, seed)),
                measure("w2", "bare", n5, t2, tol2(n5), || w2::<false>(n5, seed)),
                measure("w2", "lindley", n5, t2, tol2(n5), || w2_lindley(n5, seed)),
            ];
            let c = [100, pending]
                .map(|m| measure("w3", "bare", n1, t3, tol3(n1), || w3::<false>(n1, seed, m)));
            a.iter().chain(&b).chain(&c).all(|&x| x > 0)
                && a.iter().all(|&x| x == a[0])
                && b.iter().all(|&x| x == b[0])
        }
        _ => {
            eprintln!("usage: yardstick w1|w2|w3|limit [--n N] [--seed S] [--pending M]");
            std::process::exit(2)
        }
    };
    std::process::exit(i32::from(!ok));
}
