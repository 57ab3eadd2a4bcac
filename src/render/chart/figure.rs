//! A figure as data - panels, curves, bands, shaded times - and how it is drawn.
//!
//! Knows nothing of metrics. Everything is drawn at four units per pixel, because coordinates are
//! whole numbers.

use super::axis::Axis;
use super::grid::Grid;
use super::palette::{self, BROKEN, GREY, GRID, INK, PAPER};
use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle, TRANSPARENT, TextStyle};

/// Units per pixel.
pub(super) const UNIT: i32 = 4;
/// Width of a figure in pixels.
pub(super) const WIDTH: i32 = 880;
/// Space left of what is not a plot, in pixels.
pub(super) const LEFT_EDGE: i32 = 16;
/// Space left of a plot, for the labels of its vertical axis, in pixels.
const LEFT: i32 = 76;
/// Space right of a plot in pixels.
const RIGHT: i32 = 44;
/// Height of a plot in pixels.
const PLOT: i32 = 150;
/// Space above a plot, for its name and the names of shaded times, in pixels.
const ABOVE: i32 = 48;
/// Space below a plot, for the labels of its horizontal axis, in pixels.
const BELOW: i32 = 24;

pub(super) type Failure = DrawingAreaErrorKind<std::io::Error>;
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Plot<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

/// A line of one variant, in pieces where values are missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    /// Place of the variant in the legend.
    pub(super) variant: usize,
    /// The line.
    pub(super) pieces: Vec<Vec<(f64, f64)>>,
    /// Lower and upper edge of the band, in pieces.
    pub(super) band: Vec<Vec<(f64, f64, f64)>>,
}

/// A time that is shaded.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shade {
    /// Start.
    pub(super) from: f64,
    /// End; the same as the start marks an instant.
    pub(super) to: f64,
    /// What it is; written above the plot.
    pub(super) label: String,
}

/// A horizontal line across a plot.
#[derive(Clone, Debug)]
pub(super) struct Guide {
    /// Where.
    pub(super) at: f64,
    /// What it is; written right of the plot.
    pub(super) label: &'static str,
}

/// A bar of one variant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bar {
    /// Place of the variant in the legend.
    pub(super) variant: usize,
    /// Left edge.
    pub(super) from: f64,
    /// Right edge.
    pub(super) to: f64,
    /// Height.
    pub(super) mean: f64,
    /// Where the line above it ends.
    pub(super) peak: f64,
}

/// One plot.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// What it shows.
    pub(super) title: String,
    /// Quantity and unit of the vertical axis.
    pub(super) y_name: String,
    /// Horizontal axis.
    pub(super) x: Axis,
    /// Vertical axis.
    pub(super) y: Axis,
    /// Lines.
    pub(super) curves: Vec<Curve>,
    /// Bars.
    pub(super) bars: Vec<Bar>,
    /// Horizontal guides.
    pub(super) guides: Vec<Guide>,
    /// Shaded times.
    pub(super) shades: Vec<Shade>,
}

/// A whole figure.
#[derive(Clone, Debug, Default)]
pub(super) struct Figure {
    /// What was found.
    pub(super) title: String,
    /// What is drawn, in small print.
    pub(super) subtitle: String,
    /// Names of the variants; none are shown if there is only one.
    pub(super) legend: Vec<String>,
    /// Quantity and unit of the horizontal axis.
    pub(super) x_name: String,
    /// Plots, one below the other.
    pub(super) panels: Vec<Panel>,
    /// Grids, one below the other.
    pub(super) grids: Vec<Grid>,
}

/// A text style: size in pixels, colour, anchor.
pub(super) fn font(size: f64, colour: RGBColor, bold: bool, pos: Pos) -> TextStyle<'static> {
    // The backend divides sizes by 1.24 (its idea of a line's height).
    let font = ("sans-serif", size * 1.24 * f64::from(UNIT)).into_font();
    let font = if bold { font.style(FontStyle::Bold) } else { font };
    font.color(&colour).pos(pos)
}

/// A guess of a text's width in pixels: there is no font to ask.
pub(super) fn text_width(text: &str, size: f64) -> i32 {
    (text.chars().count() as f64 * size * 0.56).ceil() as i32
}

fn stroke(colour: RGBColor, alpha: f64, pixels: f64) -> ShapeStyle {
    ShapeStyle {
        color: colour.mix(alpha),
        filled: false,
        stroke_width: (pixels * f64::from(UNIT)) as u32,
    }
}

const START: Pos = Pos { h_pos: HPos::Left, v_pos: VPos::Center };

impl Figure {
    /// The figure as SVG, or nothing if there is nothing to draw.
    pub(super) fn draw(&self) -> Option<String> {
        if self.panels.is_empty() && self.grids.is_empty() {
            return None;
        }
        let title = wrap(&self.title, 78);
        let legend = self.legend_rows();
        let top = 16 + 24 * title.len() as i32 + 20 + 20 * legend.len() as i32;
        let each = ABOVE + PLOT + BELOW;
        let below = if self.panels.is_empty() { 4 } else { 26 };
        let grids: i32 = self.grids.iter().map(Grid::height).sum();
        let height = top + each * self.panels.len() as i32 + grids + below;
        let mut svg = String::new();
        let size = ((WIDTH * UNIT) as u32, (height * UNIT) as u32);
        {
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            self.paint(&root, &title, &legend, top).ok()?;
            root.present().ok()?;
        }
        Some(with_size(&svg, &self.title, height))
    }

    fn paint(
        &self,
        root: &Canvas<'_>,
        title: &[String],
        legend: &[Vec<usize>],
        top: i32,
    ) -> Result<(), Failure> {
        root.fill(&PAPER)?;
        let mut y = 22;
        for line in title {
            text(root, line, (16, y), &font(18.0, INK, true, START))?;
            y += 24;
        }
        text(root, &self.subtitle, (16, y - 2), &font(12.0, GREY, false, START))?;
        for row in legend {
            y += 20;
            self.legend(root, row, y)?;
        }
        let each = ABOVE + PLOT + BELOW;
        for (i, panel) in self.panels.iter().enumerate() {
            panel.paint(root, top + each * i as i32)?;
        }
        let mut bottom = top + each * self.panels.len() as i32;
        for grid in &self.grids {
            grid.paint(root, bottom)?;
            bottom += grid.height();
        }
        let middle = Pos::new(HPos::Center, VPos::Center);
        let centre = (LEFT + WIDTH - RIGHT) / 2;
        text(root, &self.x_name, (centre, bottom + 8), &font(12.0, GREY, false, middle))
    }

    /// The variants of each row of the legend.
    fn legend_rows(&self) -> Vec<Vec<usize>> {
        let mut rows: Vec<Vec<usize>> = Vec::new();
        if self.legend.len() < 2 {
            return rows;
        }
        let drawn = |i: usize| self.panels.iter().any(|p| p.draws(i));
        let mut used = WIDTH;
        for (i, name) in self.legend.iter().enumerate().filter(|(i, _)| drawn(*i)) {
            let width = 60 + text_width(name, 13.0);
            if used + width > WIDTH - 32 {
                rows.push(Vec::new());
                used = 0;
            }
            used += width;
            if let Some(row) = rows.last_mut() {
                row.push(i);
            }
        }
        rows
    }

    fn legend(&self, root: &Canvas<'_>, row: &[usize], y: i32) -> Result<(), Failure> {
        let mut x = 16;
        for variant in row {
            if self.panels.iter().any(|p| !p.bars.is_empty()) {
                let corners =
                    [((x + 16) * UNIT, (y - 6) * UNIT), ((x + 34) * UNIT, (y + 6) * UNIT)];
                root.draw(&Rectangle::new(corners, palette::colour(*variant).filled()))?;
            } else {
                let (from, to) = ((x * UNIT, y * UNIT), ((x + 34) * UNIT, y * UNIT));
                line(root, &[from, to], *variant, 2.5)?;
            }
            let name = &self.legend[*variant];
            text(root, name, (x + 40, y), &font(13.0, INK, false, START))?;
            x += 60 + text_width(name, 13.0);
        }
        Ok(())
    }
}

impl Panel {
    /// A plot without anything in it.
    pub(super) fn new(title: String, y_name: String, x: Axis, y: Axis) -> Self {
        let (curves, bars, guides, shades) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { title, y_name, x, y, curves, bars, guides, shades }
    }

    /// Whether it shows something of a variant.
    fn draws(&self, variant: usize) -> bool {
        let mut variants = self.curves.iter().map(|c| c.variant);
        variants.any(|v| v == variant) || self.bars.iter().any(|b| b.variant == variant)
    }

    fn paint(&self, root: &Canvas<'_>, top: i32) -> Result<(), Failure> {
        text(root, &cut(&self.title, 100), (LEFT, top + 12), &font(13.0, INK, true, START))?;
        text(root, &self.y_name, (16, top + ABOVE - 17), &font(12.0, GREY, false, START))?;
        self.name_shades(root, top + ABOVE - 17)?;
        let corner = (0, (top + ABOVE) * UNIT);
        let width = ((WIDTH - RIGHT) * UNIT) as u32;
        let area = root.clone().shrink(corner, (width, ((PLOT + BELOW) * UNIT) as u32));
        let mut plot = ChartBuilder::on(&area)
            .set_label_area_size(LabelAreaPosition::Left, LEFT * UNIT)
            .set_label_area_size(LabelAreaPosition::Bottom, BELOW * UNIT)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let shades = self.shades.iter().map(|s| {
            let corners = [(s.from, self.y.low()), (s.to, self.y.high())];
            Rectangle::new(corners, BROKEN.mix(0.3).filled())
        });
        plot.draw_series(shades)?;
        let instants = self.shades.iter().filter(|s| s.from == s.to);
        plot.draw_series(instants.map(|s| {
            let ends = vec![(s.from, self.y.low()), (s.from, self.y.high())];
            PathElement::new(ends, stroke(BROKEN, 1.0, 1.5))
        }))?;
        let numbers = font(12.0, GREY, false, START);
        plot.configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(stroke(GRID, 1.0, 1.0))
            .axis_style(stroke(GREY, 1.0, 1.0))
            .label_style(numbers)
            .set_all_tick_mark_size(4 * UNIT)
            .draw()?;
        self.paint_guides(root, &mut plot)?;
        for bar in &self.bars {
            bar.paint(root, &mut plot)?;
        }
        for curve in &self.curves {
            curve.paint(root, &mut plot)?;
        }
        Ok(())
    }

    fn paint_guides(&self, root: &Canvas<'_>, plot: &mut Plot<'_, '_>) -> Result<(), Failure> {
        for guide in &self.guides {
            let ends = [(self.x.low(), guide.at), (self.x.high(), guide.at)];
            let right = plot.backend_coord(&ends[1]);
            let left = plot.backend_coord(&ends[0]);
            for piece in dash(&[left, right], &[3.0, 3.0]) {
                root.draw(&PathElement::new(piece, stroke(GREY, 0.9, 1.0)))?;
            }
            let at = (right.0 / UNIT + 5, right.1 / UNIT);
            text(root, guide.label, at, &font(11.0, GREY, false, START))?;
        }
        Ok(())
    }

    /// Names of the shaded times above the plot, as far as they do not run into each other.
    fn name_shades(&self, root: &Canvas<'_>, y: i32) -> Result<(), Failure> {
        let width = f64::from(WIDTH - LEFT - RIGHT);
        let span = self.x.high() - self.x.low();
        let mut free = 26 + text_width(&self.y_name, 12.0);
        for shade in &self.shades {
            let share = ((shade.from - self.x.low()) / span).clamp(0.0, 1.0);
            let needed = text_width(&shade.label, 11.0);
            let x = (LEFT + (share * width) as i32).min(WIDTH - 8 - needed).max(8);
            if x >= free {
                text(root, &shade.label, (x, y), &font(11.0, GREY, false, START))?;
                free = x + needed + 10;
            }
        }
        Ok(())
    }
}

impl Bar {
    fn paint(&self, root: &Canvas<'_>, plot: &mut Plot<'_, '_>) -> Result<(), Failure> {
        let colour = palette::colour(self.variant);
        let middle = f64::midpoint(self.from, self.to);
        let line = [(middle, self.mean), (middle, self.peak)].map(|p| plot.backend_coord(&p));
        root.draw(&PathElement::new(line.to_vec(), stroke(colour, 0.8, 1.5)))?;
        let corners = [(self.from, 0.0), (self.to, self.mean)].map(|p| plot.backend_coord(&p));
        root.draw(&Rectangle::new(corners, colour.filled()))
    }
}

impl Curve {
    fn paint(&self, root: &Canvas<'_>, plot: &mut Plot<'_, '_>) -> Result<(), Failure> {
        let colour = palette::colour(self.variant);
        for piece in &self.band {
            let upper = piece.iter().map(|(x, _, high)| (*x, *high));
            let lower = piece.iter().rev().map(|(x, low, _)| (*x, *low));
            let outline: Vec<(i32, i32)> =
                upper.clone().chain(lower).map(|p| plot.backend_coord(&p)).collect();
            if piece.len() > 1 {
                root.draw(&Polygon::new(outline, colour.mix(0.16).filled()))?;
            }
            let edge: Vec<(i32, i32)> = upper.map(|p| plot.backend_coord(&p)).collect();
            root.draw(&PathElement::new(thin(&edge), stroke(colour, 0.55, 0.75)))?;
        }
        for piece in &self.pieces {
            let points: Vec<(i32, i32)> = piece.iter().map(|p| plot.backend_coord(p)).collect();
            match points.as_slice() {
                [] => {}
                [one] => root.draw(&Circle::new(*one, 3 * UNIT, colour.filled()))?,
                many => line(root, many, self.variant, 2.0)?,
            }
        }
        Ok(())
    }
}

pub(super) fn text(
    root: &Canvas<'_>,
    text: &str,
    at: (i32, i32),
    style: &TextStyle<'_>,
) -> Result<(), Failure> {
    root.draw(&Text::new(text.to_owned(), (at.0 * UNIT, at.1 * UNIT), style.clone()))
}

/// A line in the colour and the dashes of a variant.
fn line(
    root: &Canvas<'_>,
    points: &[(i32, i32)],
    variant: usize,
    pixels: f64,
) -> Result<(), Failure> {
    let style = stroke(palette::colour(variant), 1.0, pixels);
    for piece in dash(&thin(points), palette::dashes(variant)) {
        root.draw(&PathElement::new(piece, style))?;
    }
    Ok(())
}

/// Leaves out points that lie where the one before lies.
fn thin(points: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut kept = points.to_vec();
    kept.dedup();
    kept
}

/// Cuts a line into strokes. `pattern` holds the lengths of strokes and gaps in pixels; empty: one
/// stroke.
fn dash(points: &[(i32, i32)], pattern: &[f64]) -> Vec<Vec<(i32, i32)>> {
    let mut cuts = pattern.iter().cycle().map(|px| px * f64::from(UNIT));
    let (Some(mut left), Some(first)) = (cuts.next(), points.first()) else {
        return vec![points.to_vec()];
    };
    let mut solid = true;
    let mut pieces = Vec::new();
    let mut piece = vec![*first];
    for pair in points.windows(2) {
        let [from, to] = [pair[0], pair[1]].map(|(x, y)| (f64::from(x), f64::from(y)));
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = (dx * dx + dy * dy).sqrt();
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let share = done / length;
            let at = ((from.0 + dx * share).round() as i32, (from.1 + dy * share).round() as i32);
            if solid {
                piece.push(at);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![at];
            }
            solid = !solid;
            left = cuts.next().unwrap_or(f64::INFINITY);
        }
        left -= length - done;
        if solid {
            piece.push(pair[1]);
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// Words in lines of at most `width` characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let full = lines.last().is_some_and(|line| {
            !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width
        });
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// At most `most` characters of a text.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// Gives the drawing its size in pixels and a name for those who do not see it.
fn with_size(svg: &str, title: &str, height: i32) -> String {
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    let escaped: String = title
        .chars()
        .map(|c| match c {
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '&' => "&amp;".to_owned(),
            c => c.to_string(),
        })
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\">\n<title>{escaped}</title>{body}",
        WIDTH * UNIT,
        height * UNIT
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_on_around_corners() {
        let strokes = dash(&[(0, 0), (40, 0), (40, 40)], &[8.0, 4.0]);
        assert_eq!(strokes, [vec![(0, 0), (32, 0)], vec![(40, 8), (40, 40)]]);
        assert_eq!(dash(&[(0, 0), (9, 9)], &[]), [[(0, 0), (9, 9)]]);
        assert!(dash(&[(0, 0), (0, 0)], &[1.0]).len() <= 1);
    }

    #[test]
    fn titles_wrap_and_are_escaped() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!((cut("abcd", 4), cut("abcde", 4)), ("abcd".to_owned(), "abc…".to_owned()));
        let svg = with_size("<svg a=\"b\">\n</svg>", "a < b & c", 10);
        assert!(svg.contains("<title>a &lt; b &amp; c</title>\n</svg>"), "{svg}");
    }
}
