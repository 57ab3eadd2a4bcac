//! Exponential numbers by a ziggurat of 256 layers (G. Marsaglia, W. W. Tsang, "The Ziggurat Method for Generating
//! Random Variables", 2000): in 99 % of draws one look-up, one comparison and one multiplication.
//!
//! A draw is made at mean 1 and scaled, so that a changed mean scales every draw and changes no luck.

use super::Draw;
use super::ziggurat_table::{HEIGHTS, LAYERS};

/// Start of the tail, and right edge of layer 1.
pub(super) const TAIL: f64 = 7.697_117_470_131_05;

/// An exponential number of mean 1.
#[inline]
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
