//! How old and how wrong a copy is.

/// Mean age of information at the monitor of an M/M/1 station, first come first served.
///
/// (1 / mu) (1 + 1 / rho + rho^2 / (1 - rho)): S. Kaul, R. Yates, M. Gruteser, "Real-time status:
/// how often should one update?", INFOCOM 2012. Infinite without spare capacity.
pub fn mean_age_mm1(arrivals: f64, services: f64) -> f64 {
    let rho = arrivals / services;
    if rho >= 1.0 {
        return f64::INFINITY;
    }
    (1.0 + 1.0 / rho + rho * rho / (1.0 - rho)) / services
}

/// Share of reads of one key that miss a write, where writes are Poisson and every write shows up
/// after `lag`.
///
/// 1 - e^(-writes lag): a read is stale if the key was written within the last `lag`.
pub fn stale_reads_constant_lag(writes: f64, lag: f64) -> f64 {
    -libm::expm1(-writes * lag)
}

/// The same where the lags are independent and exponential: 1 - E e^(-writes L) = writes mean / (1
/// + writes mean).
pub fn stale_reads_exponential_lag(writes: f64, mean_lag: f64) -> f64 {
    let expected = writes * mean_lag;
    expected / (1.0 + expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_age_is_the_published_one() {
        // Kaul, Yates, Gruteser: least near a load of 0.53, there 3.48 service times.
        assert!((mean_age_mm1(0.53, 1.0) - 3.484_8).abs() < 1e-3, "{}", mean_age_mm1(0.53, 1.0));
        assert!(mean_age_mm1(0.50, 1.0) > mean_age_mm1(0.53, 1.0));
        assert!(mean_age_mm1(0.56, 1.0) > mean_age_mm1(0.53, 1.0));
        // (1/100) (1 + 2 + 0.5).
        assert!((mean_age_mm1(50.0, 100.0) - 0.035).abs() < 1e-15);
        assert_eq!(mean_age_mm1(1.0, 1.0), f64::INFINITY);
    }

    #[test]
    fn stale_reads_have_their_known_shares() {
        assert!((stale_reads_constant_lag(1.0, 0.05) - 0.048_770_575).abs() < 1e-9);
        assert!((stale_reads_exponential_lag(1.0, 0.05) - 0.047_619_048).abs() < 1e-9);
        assert_eq!(stale_reads_constant_lag(1.0, 0.0), 0.0);
        // For the same mean a lag that varies harms less, as 1 - e^(-x) bends downwards.
        assert!(stale_reads_exponential_lag(3.0, 1.0) < stale_reads_constant_lag(3.0, 1.0));
    }
}
