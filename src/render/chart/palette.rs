//! Colours and dashes by which variants are told apart, also without colour vision and in black and
//! white.

use plotters::style::RGBColor;

/// Variants drawn at most.
pub(super) const MOST: usize = 7;

/// Colours of Okabe and Ito, "Color Universal Design" (2008), without the yellow that vanishes on
/// white.
const COLOURS: [RGBColor; MOST] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0xe6, 0x9f, 0x00),
];

/// Lengths of strokes and of the gaps between them in pixels; no entry: one stroke.
const DASHES: [&[f64]; MOST] = [
    &[],
    &[8.0, 4.0],
    &[2.0, 3.0],
    &[10.0, 3.0, 2.0, 3.0],
    &[14.0, 4.0],
    &[5.0, 2.0, 5.0, 6.0],
    &[1.0, 5.0],
];

/// Text.
pub(super) const INK: RGBColor = RGBColor(0x1f, 0x29, 0x33);
/// Text that matters less, and axes.
pub(super) const GREY: RGBColor = RGBColor(0x55, 0x60, 0x6b);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe3, 0xe7, 0xeb);
/// Time during which something was broken.
pub(super) const BROKEN: RGBColor = RGBColor(0x9a, 0xa5, 0xb1);
/// Paper.
pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// Colour of the `i`th variant.
pub(super) fn colour(i: usize) -> RGBColor {
    COLOURS[i % MOST]
}

/// Dashes of the `i`th variant in pixels.
pub(super) fn dashes(i: usize) -> &'static [f64] {
    DASHES[i % MOST]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.1, with the gamma curve taken as a square: close enough to
    /// compare contrasts.
    fn luminance(c: RGBColor) -> f64 {
        let part = |v: u8| f64::from(v) / 255.0 * (f64::from(v) / 255.0);
        0.2126 * part(c.0) + 0.7152 * part(c.1) + 0.0722 * part(c.2)
    }

    #[test]
    fn every_line_can_be_seen_on_paper_and_no_two_are_alike() {
        for i in 0..MOST {
            let contrast = 1.05 / (luminance(colour(i)) + 0.05);
            assert!(contrast > 1.9, "variant {i}: {contrast}");
            for j in 0..i {
                assert!(colour(i) != colour(j) && dashes(i) != dashes(j), "{i} {j}");
            }
        }
        assert!(1.05 / (luminance(GREY) + 0.05) > 4.5);
    }
}
