//! Mean and 95 % interval of independent values, one per replication (Student's t). Knows nothing
//! of what they mean.

use crate::theory::student_t_975;

/// Mean of the values, added up in the order given.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Half the width of the 95 % t-interval of the mean: t(0.975, n - 1) s / √n. None with fewer than
/// two values.
pub(super) fn half_width(values: &[f64]) -> Option<f64> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    let variance = squares / (n - 1) as f64;
    Some(student_t_975(n as u64 - 1) * (variance / n as f64).sqrt())
}

/// 95 % t-interval of the mean, None with fewer than two values. Equal values give an interval of
/// no width.
pub(super) fn interval(values: &[f64]) -> Option<[f64; 2]> {
    if values.len() > 1 && values.iter().all(|v| v == &values[0]) {
        return Some([values[0], values[0]]);
    }
    let (mean, half) = (mean(values), half_width(values)?);
    Some([mean - half, mean + half])
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{ContinuousCDF, StudentsT};

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(interval(&[3.0]), None);
    }

    #[test]
    fn equal_values_have_an_interval_of_no_width() {
        assert_eq!(interval(&[0.1, 0.1, 0.1]), Some([0.1, 0.1]));
    }

    #[test]
    fn the_interval_is_students() {
        let values = [1.0, 2.0, 4.0, 9.0];
        let t = StudentsT::new(0.0, 1.0, 3.0).expect("valid").inverse_cdf(0.975);
        // Mean 4, squared deviations 9 + 4 + 0 + 25.
        let half = t * (38.0_f64 / 3.0 / 4.0).sqrt();
        let [low, high] = interval(&values).expect("there are four");
        assert!((low - (4.0 - half)).abs() < 1e-6 && (high - (4.0 + half)).abs() < 1e-6);
    }

    #[test]
    fn every_small_number_of_replications_matches_statrs() {
        for n in 2..200_u32 {
            let values: Vec<f64> = (0..n).map(f64::from).collect();
            let t = StudentsT::new(0.0, 1.0, f64::from(n - 1)).expect("valid").inverse_cdf(0.975);
            let sd = (f64::from(n) * f64::from(n + 1) / 12.0).sqrt();
            let expected = t * sd / f64::from(n).sqrt();
            let found = half_width(&values).expect("at least two");
            assert!((found / expected - 1.0).abs() < 1e-6, "{n}: {found} against {expected}");
        }
    }
}
