//! The standard normal distribution, by libm only.

/// 99 % quantile of the standard normal distribution.
pub(super) const Z99: f64 = 2.326_347_874_040_841;

/// Probability of at most `z`.
pub(super) fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// Density at `z`.
pub(super) fn normal_density(z: f64) -> f64 {
    const SCALE: f64 = 0.398_942_280_401_432_7; // 1 / sqrt(2 pi)
    SCALE * libm::exp(-0.5 * z * z)
}

/// The value below which a share `p` lies; infinite at 0 and 1. Relative error about 1e-16.
///
/// Algorithm AS 241, PPND16 (M. J. Wichura, "The Percentage Points of the Normal Distribution",
/// Applied Statistics 37, 1988): a rational function of the 7th degree in the middle and two others
/// in the tails.
pub(super) fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * polynomial(&CENTRE.0, r) / polynomial(&CENTRE.1, r);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return q.signum() * f64::INFINITY;
    }
    let r = libm::sqrt(-libm::log(tail));
    let z = if r <= 5.0 {
        polynomial(&NEAR.0, r - 1.6) / polynomial(&NEAR.1, r - 1.6)
    } else {
        polynomial(&FAR.0, r - 5.0) / polynomial(&FAR.1, r - 5.0)
    };
    z.copysign(q)
}

/// Coefficients from the constant upwards.
fn polynomial(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

type Rational = ([f64; 8], [f64; 8]);

const CENTRE: Rational = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
);

const NEAR: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);

const FAR: Rational = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_6e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

#[cfg(test)]
mod tests {
    use statrs::distribution::{Continuous, ContinuousCDF, Normal};

    use super::*;

    #[test]
    fn quantiles_have_their_published_values() {
        // Check values of Wichura's paper, and the usual ones.
        for (p, z) in [
            (0.25, -0.674_489_750_196_081_7),
            (0.001, -3.090_232_306_167_813_5),
            (1e-20, -9.262_340_089_798_408),
            (0.975, 1.959_963_984_540_054),
            (0.99, Z99),
            (0.5, 0.0),
        ] {
            assert!(
                (normal_quantile(p) - z).abs() <= 4e-15 * z.abs(),
                "{p}: {}",
                normal_quantile(p)
            );
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
    }

    #[test]
    fn the_quantile_inverts_the_distribution_function() {
        for i in -3700..=800 {
            let z = f64::from(i) / 100.0;
            let back = normal_quantile(normal_cdf(z));
            // Near 1 the probability itself has few digits left.
            let tolerance = 1e-13 * (1.0 + z.abs())
                + 2e-16 / normal_density(z).max(2e-16) * if z > 0.0 { 1.0 } else { 0.0 };
            assert!((back - z).abs() < tolerance, "{z}: {back}");
        }
    }

    #[test]
    fn another_implementation_agrees() {
        let normal = Normal::standard();
        for i in -600..=600 {
            let z = f64::from(i) / 100.0;
            let (cdf, density) = (normal_cdf(z), normal_density(z));
            assert!((cdf - normal.cdf(z)).abs() < 1e-9 * cdf, "{z}: {cdf}");
            assert!((density - normal.pdf(z)).abs() < 1e-14, "{z}: {density}");
        }
    }
}
