//! Waiting and sojourn times of single stations in the long run.
//!
//! A station that cannot keep up waits infinitely long. Sources: L. Kleinrock, "Queueing Systems", vol. 1, 1975;
//! D. Gross, C. Harris, "Fundamentals of Queueing Theory".

/// Erlang's loss formula B: share of arrivals that find all `servers` busy where nobody waits.
///
/// `offered` is arrival rate times mean service time, at least 0. By the recursion B(0) = 1,
/// B(k) = a B(k-1) / (k + a B(k-1)).
pub fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, k| offered * blocked / (f64::from(k) + offered * blocked))
}

/// Erlang's delay formula C: share of arrivals that must wait for one of `servers`; 1 without spare capacity.
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
    /// With one server it is exponential; with several the sum of a wait and an independent service, inverted by
    /// halving.
    pub fn sojourn_quantile(&self, q: f64) -> f64 {
        if self.spare() <= 0.0 {
            return f64::INFINITY;
        }
        if self.servers == 1 {
            return -libm::log1p(-q) / self.spare();
        }
        smallest(|t| 1.0 - self.sojourn_above(t) >= q, self.mean_sojourn())
    }

    /// P(T > t) = e^(-mu t) + C mu (e^(-theta t) - e^(-mu t)) / (mu - theta), theta = c mu - lambda.
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

/// The smallest t >= 0 at which `holds`, which stays true from there on; `guess` > 0 sets the scale.
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

/// Mean wait of M/G/1 (Pollaczek and Khinchine): lambda (variance + mean^2) / (2 (1 - lambda mean)).
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
    /// Share of arrivals that wait: the smallest root of sigma = e^(-mu interval (1 - sigma)); 1 without spare
    /// capacity.
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

/// The value that the longest of `n` independent exponential times does not exceed with probability `q`.
///
/// From P(max <= t) = (1 - e^(-t / mean))^n.
pub fn max_exponential_quantile(n: u32, mean: f64, q: f64) -> f64 {
    // 1 - q^(1/n) without cancellation.
    let above = -libm::expm1(libm::log(q) / f64::from(n));
    -mean * libm::log(above)
}

/// Little's law: mean number present = arrival rate times mean time in the system (J. Little, 1961).
pub fn little_number(arrivals: f64, time_in_system: f64) -> f64 {
    arrivals * time_in_system
}
