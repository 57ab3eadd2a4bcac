//! Waiting and sojourn times of single stations in the long run.
//!
//! A station that cannot keep up waits infinitely long. Sources: L. Kleinrock, "Queueing Systems",
//! vol. 1, 1975; D. Gross, C. Harris, "Fundamentals of Queueing Theory".

/// Erlang's loss formula B: share of arrivals that find all `servers` busy where nobody waits.
///
/// `offered` is arrival rate times mean service time, at least 0. By the recursion B(0) = 1,
/// B(k) = a B(k-1) / (k + a B(k-1)).
pub fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, k| offered * blocked / (f64::from(k) + offered * blocked))
}

/// Erlang's delay formula C: share of arrivals that must wait for one of `servers`; 1 without spare
/// capacity.
///
/// C = c B / (c - a (1 - B)).
pub fn erlang_c(servers: u32, offered: f64) -> f64 {
    let c = f64::from(servers);
    if offered >= c {
        return 1.0;
    }
    let blocked = erlang_b(servers, offered);
    c * blocked / (c - offered * (1.0 - blocked))
}

/// M/M/c, first come first served: Poisson arrivals, exponential service. M/M/1 with one server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MMc {
    /// Arrivals per unit of time.
    pub arrivals: f64,
    /// Services per unit of time of one busy server.
    pub services: f64,
    /// Number of servers, at least 1.
    pub servers: u32,
}

impl MMc {
    /// Offered load per server; the share of time that a server is busy if that is at most 1.
    pub fn utilisation(&self) -> f64 {
        self.arrivals / (f64::from(self.servers) * self.services)
    }

    /// Share of arrivals that wait.
    pub fn wait_probability(&self) -> f64 {
        erlang_c(self.servers, self.arrivals / self.services)
    }

    /// Capacity to spare, the rate at which a wait decays; at most 0 if there is none.
    fn spare(&self) -> f64 {
        f64::from(self.servers) * self.services - self.arrivals
    }

    /// Mean wait: C / (c mu - lambda).
    pub fn mean_wait(&self) -> f64 {
        let spare = self.spare();
        if spare <= 0.0 { f64::INFINITY } else { self.wait_probability() / spare }
    }

    /// The wait that a share `q` of arrivals does not exceed: P(W > t) = C e^(-(c mu - lambda) t).
    pub fn wait_quantile(&self, q: f64) -> f64 {
        let spare = self.spare();
        if spare <= 0.0 {
            return f64::INFINITY;
        }
        (libm::log(self.wait_probability() / (1.0 - q)) / spare).max(0.0)
    }

    /// Mean time from arrival to departure.
    pub fn mean_sojourn(&self) -> f64 {
        self.mean_wait() + 1.0 / self.services
    }

    /// The time from arrival to departure that a share `q` in 0..1 of arrivals does not exceed.
    ///
    /// With one server it is exponential; with several the sum of a wait and an independent
    /// service, inverted by halving.
    pub fn sojourn_quantile(&self, q: f64) -> f64 {
        if self.spare() <= 0.0 {
            return f64::INFINITY;
        }
        if self.servers == 1 {
            return -libm::log1p(-q) / self.spare();
        }
        smallest(|t| 1.0 - self.sojourn_above(t) >= q, self.mean_sojourn())
    }

    /// P(T > t) = e^(-mu t) + C mu (e^(-theta t) - e^(-mu t)) / (mu - theta), theta = c mu -
    /// lambda.
    fn sojourn_above(&self, t: f64) -> f64 {
        let (mu, theta) = (self.services, self.spare());
        let served = libm::exp(-mu * t);
        // The quotient tends to t e^(-mu t) as theta tends to mu.
        let difference = (mu - theta) * t;
        let convolved = if difference.abs() < 1e-8 {
            t * served
        } else if difference < 1.0 {
            t * served * libm::expm1(difference) / difference
        } else {
            t * (libm::exp(-theta * t) - served) / difference
        };
        served + self.wait_probability() * mu * convolved
    }
}

/// The smallest t >= 0 at which `holds`, which stays true from there on; `guess` > 0 sets the
/// scale.
fn smallest(holds: impl Fn(f64) -> bool, guess: f64) -> f64 {
    let (mut low, mut high) = (0.0, guess);
    while !holds(high) {
        low = high;
        high *= 2.0;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return high;
        }
        if holds(middle) { high = middle } else { low = middle }
    }
}

/// Mean wait of M/G/1 (Pollaczek and Khinchine): lambda (variance + mean^2) / (2 (1 - lambda
/// mean)).
pub fn mg1_mean_wait(arrivals: f64, service_mean: f64, service_variance: f64) -> f64 {
    let utilisation = arrivals * service_mean;
    if utilisation >= 1.0 {
        return f64::INFINITY;
    }
    arrivals * (service_variance + service_mean * service_mean) / (2.0 * (1.0 - utilisation))
}

/// Mean wait of M/D/1, where every service takes the same time.
pub fn md1_mean_wait(arrivals: f64, service: f64) -> f64 {
    mg1_mean_wait(arrivals, service, 0.0)
}

/// D/M/1: arrivals at fixed intervals, exponential service (Kleinrock, chapter 6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DM1 {
    /// Time from arrival to arrival.
    pub interval: f64,
    /// Services per unit of time of the busy server.
    pub services: f64,
}

impl DM1 {
    /// Share of arrivals that wait: the smallest root of sigma = e^(-mu interval (1 - sigma)); 1
    /// without spare capacity.
    ///
    /// By Newton's method from 0: the curve is convex, so the steps approach the root from below.
    pub fn sigma(&self) -> f64 {
        let load = self.services * self.interval;
        if load <= 1.0 {
            return 1.0;
        }
        let mut sigma = 0.0;
        loop {
            let curve = libm::exp(-load * (1.0 - sigma));
            let next = sigma + (curve - sigma) / (1.0 - load * curve);
            if next <= sigma || next >= 1.0 {
                return sigma;
            }
            sigma = next;
        }
    }

    /// Mean wait: sigma / (mu (1 - sigma)).
    pub fn mean_wait(&self) -> f64 {
        let sigma = self.sigma();
        sigma / (self.services * (1.0 - sigma))
    }

    /// Mean time from arrival to departure: 1 / (mu (1 - sigma)).
    pub fn mean_sojourn(&self) -> f64 {
        1.0 / (self.services * (1.0 - self.sigma()))
    }

    /// The time from arrival to departure, exponential, that a share `q` does not exceed.
    pub fn sojourn_quantile(&self, q: f64) -> f64 {
        -libm::log1p(-q) * self.mean_sojourn()
    }
}

/// Mean of the longest of `n` independent exponential times: mean (1 + 1/2 + ... + 1/n).
pub fn max_exponential_mean(n: u32, mean: f64) -> f64 {
    // The smallest summands first.
    mean * (1..=n).rev().fold(0.0, |sum, k| sum + 1.0 / f64::from(k))
}

/// The value that the longest of `n` independent exponential times does not exceed with probability
/// `q`.
///
/// From P(max <= t) = (1 - e^(-t / mean))^n.
pub fn max_exponential_quantile(n: u32, mean: f64, q: f64) -> f64 {
    // 1 - q^(1/n) without cancellation.
    let above = -libm::expm1(libm::log(q) / f64::from(n));
    -mean * libm::log(above)
}

/// Little's law: mean number present = arrival rate times mean time in the system (J. Little,
/// 1961).
pub fn little_number(arrivals: f64, time_in_system: f64) -> f64 {
    arrivals * time_in_system
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64, relative: f64) {
        assert!((value - expected).abs() <= relative * expected.abs(), "{value} for {expected}");
    }

    #[test]
    fn erlang_formulas_have_their_known_values() {
        near(erlang_b(1, 1.0), 0.5, 1e-15);
        // 1/2! / (1 + 1 + 1/2).
        near(erlang_b(2, 1.0), 0.2, 1e-15);
        // Tables of Erlang B: 10 erlangs on 15 trunks lose 3.65 %.
        near(erlang_b(15, 10.0), 0.0365, 1e-3);
        near(erlang_b(0, 3.0), 1.0, 0.0);
        near(erlang_c(1, 0.8), 0.8, 1e-15);
        // Two servers: 2 rho^2 / (1 + rho).
        near(erlang_c(2, 1.5), 2.0 * 0.75 * 0.75 / 1.75, 1e-15);
        assert_eq!((erlang_c(2, 2.0), erlang_c(2, 5.0)), (1.0, 1.0));
    }

    /// Erlang C from the probabilities of the states instead of the recursion.
    #[test]
    fn erlang_c_follows_from_the_states() {
        for servers in 1..30_u32 {
            for tenth in 1..10 {
                let offered = f64::from(servers) * f64::from(tenth) / 10.0;
                let mut terms = vec![1.0];
                for k in 1..=servers {
                    terms.push(terms[k as usize - 1] * offered / f64::from(k));
                }
                let all_busy = terms[servers as usize] / (1.0 - f64::from(tenth) / 10.0);
                let fewer: f64 = terms[..servers as usize].iter().sum();
                near(erlang_c(servers, offered), all_busy / (fewer + all_busy), 1e-12);
            }
        }
    }

    #[test]
    fn one_server_has_its_closed_forms() {
        // 800/s on 1 ms: mean 5 ms, median 3.466 ms, p99 23.03 ms.
        let station = MMc { arrivals: 800.0, services: 1000.0, servers: 1 };
        near(station.utilisation(), 0.8, 1e-15);
        near(station.mean_wait(), 0.004, 1e-12);
        near(station.mean_sojourn(), 0.005, 1e-12);
        near(station.sojourn_quantile(0.5), 0.003_465_735_9, 1e-8);
        near(station.sojourn_quantile(0.99), 0.023_025_850_9, 1e-8);
        near(station.wait_quantile(0.9), libm::log(8.0) / 200.0, 1e-12);
        assert_eq!(station.wait_quantile(0.1), 0.0);
    }

    #[test]
    fn several_servers_agree_with_recomputed_values() {
        // The eye clinic of Gross and Harris: 6 patients an hour, 20 minutes each, three doctors.
        let station = MMc { arrivals: 6.0, services: 3.0, servers: 3 };
        near(station.wait_probability(), 4.0 / 9.0, 1e-14);
        near(station.mean_wait(), 4.0 / 27.0, 1e-14);
        near(station.mean_sojourn(), 4.0 / 27.0 + 1.0 / 3.0, 1e-14);
    }

    #[test]
    fn the_sojourn_of_several_servers_is_wait_plus_service() {
        // c mu - lambda below, at, just beside and above mu.
        for arrivals in [5.5, 4.0, 4.000_000_001, 3.0, 0.01] {
            let station = MMc { arrivals, services: 2.0, servers: 3 };
            // The mean is the integral of the share above t.
            let step = 1e-3;
            let integral: f64 = (0..60_000)
                .map(|i| station.sojourn_above((f64::from(i) + 0.5) * step) * step)
                .sum();
            near(integral, station.mean_sojourn(), 1e-6);
            for q in [0.01, 0.5, 0.9, 0.999] {
                near(station.sojourn_above(station.sojourn_quantile(q)), 1.0 - q, 1e-9);
            }
        }
        // One server by the general formula.
        let station = MMc { arrivals: 0.8, services: 1.0, servers: 1 };
        near(station.sojourn_above(station.sojourn_quantile(0.99)), 0.01, 1e-12);
    }

    #[test]
    fn a_station_without_spare_capacity_waits_for_ever() {
        let station = MMc { arrivals: 2.0, services: 1.0, servers: 2 };
        assert_eq!(station.mean_wait(), f64::INFINITY);
        assert_eq!(station.wait_quantile(0.1), f64::INFINITY);
        assert_eq!(station.sojourn_quantile(0.1), f64::INFINITY);
        assert_eq!(mg1_mean_wait(1.0, 1.0, 0.0), f64::INFINITY);
        let even = DM1 { interval: 1.0, services: 1.0 };
        assert_eq!((even.sigma(), even.mean_wait()), (1.0, f64::INFINITY));
    }

    #[test]
    fn general_service_agrees_with_its_special_cases() {
        let exponential = MMc { arrivals: 0.8, services: 1.0, servers: 1 };
        near(mg1_mean_wait(0.8, 1.0, 1.0), exponential.mean_wait(), 1e-14);
        near(md1_mean_wait(0.8, 1.0), 0.5 * exponential.mean_wait(), 1e-14);
        near(md1_mean_wait(0.5, 1.0), 0.5, 1e-15);
    }

    #[test]
    fn sigma_solves_its_equation() {
        for interval in [1.000_001, 1.01, 1.25, 2.0, 10.0, 100.0] {
            let station = DM1 { interval, services: 1.0 };
            let sigma = station.sigma();
            near(libm::exp(-interval * (1.0 - sigma)), sigma, 1e-12);
            assert!(sigma < 1.0, "{interval}");
        }
        // Known: load 0.5 gives 0.2031878700.
        let station = DM1 { interval: 2.0, services: 1.0 };
        near(station.sigma(), 0.203_187_870, 1e-8);
        near(station.mean_wait() + 1.0, station.mean_sojourn(), 1e-14);
        near(station.sojourn_quantile(0.5), station.mean_sojourn() * libm::log(2.0), 1e-14);
    }

    #[test]
    fn the_longest_of_several_is_known() {
        near(max_exponential_mean(1, 2.0), 2.0, 1e-15);
        near(max_exponential_mean(3, 1.0), 11.0 / 6.0, 1e-15);
        near(max_exponential_mean(10, 10.0), 29.289_682_539_682_54, 1e-14);
        near(max_exponential_quantile(1, 1.0, 0.99), libm::log(100.0), 1e-13);
        let t = max_exponential_quantile(5, 1.0, 0.9);
        near(libm::pow(1.0 - libm::exp(-t), 5.0), 0.9, 1e-13);
    }

    #[test]
    fn little_multiplies() {
        near(little_number(800.0, 0.005), 4.0, 1e-15);
    }
}
