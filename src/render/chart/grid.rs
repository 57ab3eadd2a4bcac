//! A grid of cells with numbers in them: rows and columns by name, what counts shaded.

use super::figure::{Canvas, Failure, LEFT_EDGE, UNIT, WIDTH, cut, font, text, text_width};
use super::palette::{self, GREY, GRID, INK};
use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBAColor, ShapeStyle};

/// Height of a number in a cell, in pixels.
const LINE: i32 = 20;
/// Space above the grid for its name and the names of its columns, in pixels.
const ABOVE: i32 = 54;
/// Space between two rows, and below the last, in pixels.
const GAP: i32 = 10;

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Something that should have arrived did not.
    Loss,
    /// Something happened again.
    Repetition,
    /// As before, but it need not matter.
    Harmless,
}

impl Mark {
    fn colour(self) -> RGBAColor {
        match self {
            Self::Loss => palette::colour(1).mix(0.3),
            Self::Repetition => palette::colour(0).mix(0.3),
            Self::Harmless => palette::colour(0).mix(0.1),
        }
    }
}

/// A number in a cell.
#[derive(Clone, Debug)]
pub(super) struct Number {
    /// What it counts.
    pub(super) name: &'static str,
    /// The number.
    pub(super) text: String,
    /// Shaded so; nothing if there is nothing.
    pub(super) mark: Option<Mark>,
}

/// A grid.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    /// What it shows.
    pub(super) title: String,
    /// Names of the columns.
    pub(super) columns: Vec<String>,
    /// Name of each row and its cells.
    pub(super) rows: Vec<(String, Vec<Vec<Number>>)>,
}

impl Grid {
    fn row_height(&self) -> i32 {
        let cells = self.rows.iter().flat_map(|(_, cells)| cells);
        cells.map(Vec::len).max().unwrap_or(0) as i32 * LINE + GAP
    }

    /// Height in pixels.
    pub(super) fn height(&self) -> i32 {
        ABOVE + self.row_height() * self.rows.len() as i32 + GAP
    }

    pub(super) fn paint(&self, root: &Canvas<'_>, top: i32) -> Result<(), Failure> {
        let middle = |h_pos| Pos { h_pos, v_pos: VPos::Center };
        let (start, end) = (middle(HPos::Left), middle(HPos::Right));
        let bold = font(13.0, INK, true, start);
        text(root, &cut(&self.title, 100), (LEFT_EDGE, top + 14), &bold)?;
        let names = self.rows.iter().map(|(name, _)| text_width(name, 13.0)).max().unwrap_or(0);
        let left = LEFT_EDGE + names.min(WIDTH / 3) + 28;
        let width = (WIDTH - left - LEFT_EDGE) / (self.columns.len().max(1) as i32);
        let letters = |pixels: i32, size: f64| (f64::from(pixels) / (size * 0.56)) as usize;
        for (k, name) in self.columns.iter().enumerate() {
            let at = (left + width * k as i32 + 8, top + ABOVE - 12);
            let name = cut(name, letters(width - 16, 13.0));
            text(root, &name, at, &font(13.0, INK, true, start))?;
        }
        let height = self.row_height();
        for (k, (name, cells)) in self.rows.iter().enumerate() {
            let y = top + ABOVE + height * k as i32;
            let rule = [
                (LEFT_EDGE * UNIT, (y - GAP / 2) * UNIT),
                ((WIDTH - LEFT_EDGE) * UNIT, (y - GAP / 2) * UNIT),
            ];
            let style =
                ShapeStyle { color: GRID.mix(1.0), filled: false, stroke_width: UNIT as u32 };
            root.draw(&PathElement::new(rule.to_vec(), style))?;
            let name = cut(name, letters(left - LEFT_EDGE - 8, 13.0));
            text(root, &name, (LEFT_EDGE, y + LINE / 2), &font(13.0, INK, true, start))?;
            for (k, cell) in cells.iter().enumerate() {
                let x = left + width * k as i32;
                for (line, number) in cell.iter().enumerate() {
                    let y = y + LINE * line as i32;
                    number.paint(root, (x, y, width), start, end)?;
                }
            }
        }
        Ok(())
    }
}

impl Number {
    /// At a place (left edge, upper edge, width in pixels).
    fn paint(
        &self,
        root: &Canvas<'_>,
        at: (i32, i32, i32),
        start: Pos,
        end: Pos,
    ) -> Result<(), Failure> {
        let (x, y, width) = at;
        if let Some(mark) = self.mark {
            let corners = [(x * UNIT, y * UNIT), ((x + width - 8) * UNIT, (y + LINE - 2) * UNIT)];
            root.draw(&Rectangle::new(corners, mark.colour().filled()))?;
        }
        let colour = if self.mark.is_some() { INK } else { GREY };
        let middle = y + LINE / 2 - 1;
        if !self.name.is_empty() {
            text(root, self.name, (x + 8, middle), &font(12.0, colour, false, start))?;
        }
        let bold = self.mark.is_some();
        text(root, &self.text, (x + width - 16, middle), &font(12.0, colour, bold, end))
    }
}
