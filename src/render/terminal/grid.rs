//! Tables as aligned columns without borders. A table that is too wide is cut into blocks of columns, each of which
//! repeats the first column. Half-widths stand below their values.

use crate::render::tables::Table;
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, Table as Grid, Width, presets,
};

/// Left margin of every table.
const MARGIN: &str = "  ";

/// Blank columns between two columns.
const GAP: u16 = 2;

/// The table as blocks of lines, the first line of each being its head.
pub(super) fn blocks(table: &Table, width: usize) -> Vec<Vec<String>> {
    cuts(table, width).iter().map(|columns| draw(table, columns, true, width)).collect()
}

/// The rows without a head, all columns in one block.
pub(super) fn body(table: &Table, width: usize) -> Vec<String> {
    if table.rows.is_empty() {
        return Vec::new();
    }
    let columns: Vec<usize> = (0..table.head.len()).collect();
    draw(table, &columns, false, width)
}

/// Cell text: the value, and below it the half-width where it has one.
fn cell(table: &Table, row: usize, column: usize) -> String {
    let Some(reading) = table.rows.get(row).and_then(|r| r.get(column)) else {
        return String::new();
    };
    match &reading.half {
        Some(half) => format!("{}\n± {half}", reading.text),
        None => reading.text.clone(),
    }
}

fn draw(table: &Table, columns: &[usize], head: bool, width: usize) -> Vec<String> {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if head {
        grid.set_header(columns.iter().map(|c| table.head[*c].clone()));
    }
    for row in 0..table.rows.len() {
        grid.add_row(columns.iter().map(|c| cell(table, row, *c)));
    }
    let widths = grid.column_max_content_widths();
    let total: usize = widths.iter().map(|w| usize::from(*w) + usize::from(GAP)).sum();
    let last = columns.len() - 1;
    for (i, column) in columns.iter().enumerate() {
        let words = table.is_words(*column);
        let Some(drawn) = grid.column_mut(i) else { continue };
        drawn.set_padding((0, if i == last { 0 } else { GAP }));
        drawn.set_cell_alignment(if words { CellAlignment::Left } else { CellAlignment::Right });
    }
    // Even one block may be too wide, for a long name or on a narrow screen: then the cells wrap.
    let room = width.saturating_sub(MARGIN.len());
    if total.saturating_sub(usize::from(GAP)) > room {
        grid.set_content_arrangement(ContentArrangement::Dynamic);
        grid.set_width(room as u16);
        if let Some(first) = grid.column_mut(0) {
            first.set_constraint(ColumnConstraint::UpperBoundary(Width::Percentage(40)));
        }
    }
    grid.lines().map(|line| format!("{MARGIN}{}", line.trim_end())).collect()
}

/// Which columns stand together so that each block fits into `width`.
fn cuts(table: &Table, width: usize) -> Vec<Vec<usize>> {
    let mut grid = Grid::new();
    grid.set_header(table.head.clone());
    for row in 0..table.rows.len() {
        grid.add_row((0..table.head.len()).map(|c| cell(table, row, c)));
    }
    let widths: Vec<usize> = grid
        .column_max_content_widths()
        .iter()
        .map(|w| usize::from(*w) + usize::from(GAP))
        .collect();
    let first = widths.first().copied().unwrap_or(0);
    // The last column of a block has no gap behind it.
    let room = (width + usize::from(GAP)).saturating_sub(MARGIN.len());
    let mut blocks = vec![vec![0]];
    let mut used = first;
    for (column, w) in widths.iter().enumerate().skip(1) {
        let alone = blocks.last().is_some_and(|b| b.len() == 1);
        if used + w > room && !alone {
            blocks.push(vec![0]);
            used = first;
        }
        if let Some(block) = blocks.last_mut() {
            block.push(column);
        }
        used += w;
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::wording::Reading;

    fn table() -> Table {
        Table {
            head: ["name", "a", "b"].map(str::to_owned).to_vec(),
            words: vec![0],
            rows: vec![
                vec![Reading::plain("x"), Reading::plain("1"), Reading::plain("22")],
                vec![
                    Reading::plain("long"),
                    Reading { text: "333".to_owned(), half: Some("4".to_owned()) },
                    Reading::plain("5"),
                ],
            ],
            ..Table::default()
        }
    }

    #[test]
    fn numbers_are_right_and_half_widths_below() {
        let blocks = blocks(&table(), 80);
        assert_eq!(
            blocks,
            [["  name    a   b", "  x       1  22", "  long  333   5", "        ± 4"]]
        );
    }

    #[test]
    fn a_wide_table_is_cut_and_repeats_its_first_column() {
        let blocks = blocks(&table(), 14);
        assert_eq!(blocks[0][0], "  name    a");
        assert_eq!(blocks[1][0], "  name   b");
    }
}
