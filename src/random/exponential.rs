//! Exponential numbers by a ziggurat of 256 layers (G. Marsaglia, W. W. Tsang, "The Ziggurat Method
//! for Generating Random Variables", 2000): in 99 % of draws one look-up, one comparison and one
//! multiplication.
//!
//! A draw is made at mean 1 and scaled, so that a changed mean scales every draw and changes no
//! luck.

use super::Draw;
use super::ziggurat_table::{HEIGHTS, LAYERS};

/// Start of the tail, and right edge of layer 1.
const TAIL: f64 = 7.697_117_470_131_05;

/// An exponential number of mean 1.
#[inline(always)]
pub(super) fn standard_exponential(mut draw: Draw) -> f64 {
    let bits = draw.next_u64();
    let layer = &LAYERS[(bits & 255) as usize];
    let across = bits >> 11;
    if across < layer.inside { across as i64 as f64 * layer.scale } else { edge(draw, bits) }
}

/// What to do with a point that lies outside the rectangle that is wholly under the curve.
#[cold]
#[inline(never)]
fn edge(mut draw: Draw, mut bits: u64) -> f64 {
    let mut base = 0.0;
    loop {
        let i = (bits & 255) as usize;
        let across = bits >> 11;
        let x = across as f64 * LAYERS[i].scale;
        if across < LAYERS[i].inside {
            return base + x;
        }
        if i == 0 {
            // The tail of an exponential is an exponential again.
            base += TAIL;
        } else if HEIGHTS[i] + draw.unit() * (HEIGHTS[i + 1] - HEIGHTS[i]) < libm::exp(-x) {
            return base + x;
        }
        bits = draw.next_u64();
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Z, assert_follows, key, moments};
    use super::*;

    /// Area of each layer.
    const AREA: f64 = 0.003_949_659_822_581_557;

    /// The tables as the method defines them, from the start of the tail and the area of a layer.
    fn tables() -> (Vec<(u64, f64)>, Vec<f64>) {
        let (mut x, mut y) = ([0.0; 257], [0.0; 257]);
        // The lowest layer is as wide as a rectangle of the same area as it and the tail together.
        x[0] = AREA * libm::exp(TAIL);
        x[1] = TAIL;
        y[1] = libm::exp(-TAIL);
        for i in 2..256 {
            y[i] = y[i - 1] + AREA / x[i - 1];
            x[i] = -libm::log(y[i]);
        }
        y[256] = 1.0;
        let places = (1_u64 << 53) as f64;
        let layers = (0..256).map(|i| ((x[i + 1] / x[i] * places) as u64, x[i] / places));
        (layers.collect(), y.to_vec())
    }

    #[test]
    fn the_tables_are_what_the_method_defines() {
        let (layers, heights) = tables();
        let written: Vec<(u64, f64)> = LAYERS.iter().map(|l| (l.inside, l.scale)).collect();
        assert_eq!(written, layers);
        assert_eq!(HEIGHTS.to_vec(), heights);
        // The layers fill the area under the curve: the last ends at its top.
        let places = (1_u64 << 53) as f64;
        let top = HEIGHTS[255] + AREA / (LAYERS[255].scale * places);
        assert!((top - 1.0).abs() < 1e-14, "{top}");
    }

    #[test]
    fn numbers_are_exponential() {
        let numbers: Vec<f64> =
            (0..1_000_000).map(|id| standard_exponential(Draw::new(key(), id, 0))).collect();
        let (mean, variance, error) = moments(&numbers);
        assert!((mean - 1.0).abs() < Z / 1e3, "{mean}");
        assert!((variance - 1.0).abs() < Z * error, "{variance}");
        // The tail, which other code draws, and the border between the two.
        for level in [0.01, 1.0, 5.0, TAIL - 0.5, TAIL, TAIL + 1.0, 10.0] {
            let p = libm::exp(-level);
            let above = numbers.iter().filter(|&&x| x > level).count() as f64;
            let z = (above - 1e6 * p) / libm::sqrt(1e6 * p * (1.0 - p));
            assert!(z.abs() < Z, "{level}: {above}");
        }
        // In units of which rounding does not matter.
        let scaled = numbers.iter().map(|x| x * 1e9).collect();
        assert_follows("exponential", scaled, |x| -libm::expm1(-x / 1e9));
    }
}
