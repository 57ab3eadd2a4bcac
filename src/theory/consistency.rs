//! How old and how wrong a copy is.

/// Mean age of information at the monitor of an M/M/1 station, first come first served.
///
/// (1 / mu) (1 + 1 / rho + rho^2 / (1 - rho)): S. Kaul, R. Yates, M. Gruteser, "Real-time status: how often should one
/// update?", INFOCOM 2012. Infinite without spare capacity.
pub fn mean_age_mm1(arrivals: f64, services: f64) -> f64 {
    let rho = arrivals / services;
    if rho >= 1.0 {
        return f64::INFINITY;
    }
    (1.0 + 1.0 / rho + rho * rho / (1.0 - rho)) / services
}

/// Share of reads of one key that miss a write, where writes are Poisson and every write shows up after `lag`.
///
/// 1 - e^(-writes lag): a read is stale if the key was written within the last `lag`.
pub fn stale_reads_constant_lag(writes: f64, lag: f64) -> f64 {
    -libm::expm1(-writes * lag)
}

/// The same where the lags are independent and exponential: 1 - E e^(-writes L) = writes mean / (1 + writes mean).
pub fn stale_reads_exponential_lag(writes: f64, mean_lag: f64) -> f64 {
    let expected = writes * mean_lag;
    expected / (1.0 + expected)
}
