//! Student's t distribution, as far as confidence intervals need it.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// From here on the expansion is exact to 1e-12.
const MANY: u64 = 1000;

/// The t for which a share of 97.5 % lies below it, so that -t..t holds 95 %, with `df` degrees of
/// freedom.
///
/// Infinite for no degree of freedom. Relative error below 1e-11.
pub fn student_t_975(df: u64) -> f64 {
    if df == 0 {
        f64::INFINITY
    } else if df >= MANY {
        expanded(df as f64)
    } else {
        exact(df as u32)
    }
}

/// Inverts the central probability A(t) = 0.95 by halving the angle atan(t / sqrt(df)).
fn exact(df: u32) -> f64 {
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return libm::tan(middle) * libm::sqrt(f64::from(df));
        }
        if central(df, middle) < 0.95 { low = middle } else { high = middle }
    }
}

/// Probability of -t..t for t = tan(angle) sqrt(df): a finite sum for a whole number of degrees of
/// freedom (M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4).
fn central(df: u32, angle: f64) -> f64 {
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    let odd = df % 2 == 1;
    // Odd: cos + (2/3) cos^3 + (2 4)/(3 5) cos^5 ...; even: 1 + (1/2) cos^2 + (1 3)/(2 4) cos^4 ...
    let first = if odd { cos } else { 1.0 };
    let (mut term, mut sum) = (first, if df == 1 { 0.0 } else { first });
    for power in (if odd { 3 } else { 2 }..df - 1).step_by(2) {
        term *= f64::from(power - 1) / f64::from(power) * cos * cos;
        sum += term;
    }
    if odd { FRAC_2_PI * (angle + sin * sum) } else { sin * sum }
}

/// The expansion in powers of 1 / df around the normal quantile (Abramowitz and Stegun, 26.7.5).
fn expanded(df: f64) -> f64 {
    const Z: f64 = 1.959_963_984_540_054;
    const Z2: f64 = Z * Z;
    let g1 = Z * (Z2 + 1.0) / 4.0;
    let g2 = Z * ((5.0 * Z2 + 16.0) * Z2 + 3.0) / 96.0;
    let g3 = Z * (((3.0 * Z2 + 19.0) * Z2 + 17.0) * Z2 - 15.0) / 384.0;
    Z + (g1 + (g2 + g3 / df) / df) / df
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, StudentsT};

    use super::*;

    #[test]
    fn quantiles_have_their_published_values() {
        // NIST/SEMATECH e-Handbook, table 1.3.6.7.2.
        for (df, t) in
            [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (29, 2.045), (100, 1.984)]
        {
            assert!((student_t_975(df) - t).abs() < 5e-4, "{df}: {}", student_t_975(df));
        }
        assert_eq!(student_t_975(0), f64::INFINITY);
        assert!((student_t_975(u64::MAX) - 1.959_963_984_540_054).abs() < 1e-15);
    }

    #[test]
    fn one_and_two_degrees_have_closed_forms() {
        let one = libm::tan(0.475 * std::f64::consts::PI);
        assert!((student_t_975(1) - one).abs() < 1e-12, "{}", student_t_975(1));
        // t = (2 p - 1) / sqrt(2 p (1 - p)).
        let two = 0.95 / libm::sqrt(2.0 * 0.975 * 0.025);
        assert!((student_t_975(2) - two).abs() < 1e-13, "{}", student_t_975(2));
    }

    #[test]
    fn another_implementation_agrees() {
        for df in (1..200).chain([500, 998, 999, 1000, 1001, 5000, 100_000]) {
            let share = StudentsT::new(0.0, 1.0, df as f64).unwrap().cdf(student_t_975(df));
            assert!((share - 0.975).abs() < 1e-11, "{df}: {share}");
        }
    }

    #[test]
    fn the_two_methods_meet() {
        assert!((exact(1000) - expanded(1000.0)).abs() < 1e-11);
        for df in 1..1500 {
            assert!(student_t_975(df) > student_t_975(df + 1), "{df}");
        }
    }
}
