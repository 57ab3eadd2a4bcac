//! Tables as aligned columns without borders. Half-widths stand beside their values if all fits,
//! else below them. A table that is still too wide is cut into blocks of columns, each of which
//! repeats the first column.

use crate::render::tables::Table;
use crate::render::wording::Reading;
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, Table as Grid, Width, presets,
};

/// Left margin of every table.
const MARGIN: &str = "  ";

/// Lines that stand together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Heads of the columns.
    pub(super) head: Vec<String>,
    /// Rows.
    pub(super) body: Vec<String>,
}

/// How a table is set.
#[derive(Clone, Copy, Debug)]
struct Setting {
    /// Blank columns between two columns.
    gap: u16,
    /// Whether half-widths stand beside their values.
    beside: bool,
}

/// The table as blocks that fit into `width`.
pub(super) fn blocks(table: &Table, width: usize) -> Vec<Block> {
    let room = width.saturating_sub(MARGIN.len());
    let (setting, cuts) = arrange(table, room);
    cuts.iter().map(|columns| draw(table, columns, setting, room)).collect()
}

/// The rows without a head, all columns in one block.
pub(super) fn body(table: &Table, width: usize) -> Vec<String> {
    if table.rows.is_empty() {
        return Vec::new();
    }
    let columns: Vec<usize> = (0..table.head.len()).collect();
    let headless = Table { head: vec![String::new(); table.head.len()], ..table.clone() };
    let room = width.saturating_sub(MARGIN.len());
    draw(&headless, &columns, Setting { gap: 2, beside: true }, room).body
}

/// The roomiest setting in which all columns fit side by side; if there is none, the columns in
/// blocks.
fn arrange(table: &Table, room: usize) -> (Setting, Vec<Vec<usize>>) {
    let settings = [(2, true), (2, false), (1, false)].map(|(gap, beside)| Setting { gap, beside });
    for setting in settings {
        let cut = cuts(&widths(table, setting), setting, room);
        if cut.len() == 1 {
            return (setting, cut);
        }
    }
    let setting = settings[1];
    (setting, cuts(&widths(table, setting), setting, room))
}

/// Cell text: the value and its half-width where it has one.
fn cell(reading: &Reading, setting: Setting) -> String {
    match &reading.half {
        Some(_) if setting.beside => reading.line(),
        Some(half) => format!("{}\n± {half}", reading.text),
        None => reading.text.clone(),
    }
}

/// Width of each column.
fn widths(table: &Table, setting: Setting) -> Vec<usize> {
    let mut grid = Grid::new();
    grid.set_header(table.head.clone());
    for row in &table.rows {
        grid.add_row(row.iter().map(|r| cell(r, setting)));
    }
    grid.column_max_content_widths().into_iter().map(usize::from).collect()
}

/// Which columns stand together so that each block fits into `room`.
fn cuts(widths: &[usize], setting: Setting, room: usize) -> Vec<Vec<usize>> {
    let gap = usize::from(setting.gap);
    let first = widths.first().copied().unwrap_or(0);
    let mut blocks = vec![vec![0]];
    let mut used = first;
    for (column, width) in widths.iter().enumerate().skip(1) {
        let alone = blocks.last().is_some_and(|b| b.len() == 1);
        if used + gap + width > room && !alone {
            blocks.push(vec![0]);
            used = first;
        }
        if let Some(block) = blocks.last_mut() {
            block.push(column);
        }
        used += gap + width;
    }
    blocks
}

fn draw(table: &Table, columns: &[usize], setting: Setting, room: usize) -> Block {
    let mut grid = Grid::new();
    grid.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    grid.set_header(columns.iter().map(|c| table.head[*c].clone()));
    for row in &table.rows {
        grid.add_row(
            columns.iter().map(|c| row.get(*c).map_or(String::new(), |r| cell(r, setting))),
        );
    }
    let widths = grid.column_max_content_widths();
    let last = columns.len() - 1;
    let total =
        widths.iter().map(|w| usize::from(*w)).sum::<usize>() + last * usize::from(setting.gap);
    for (i, column) in columns.iter().enumerate() {
        let words = table.is_words(*column);
        let Some(drawn) = grid.column_mut(i) else { continue };
        drawn.set_padding((0, if i == last { 0 } else { setting.gap }));
        drawn.set_cell_alignment(if words { CellAlignment::Left } else { CellAlignment::Right });
    }
    // Even one block may be too wide, for a long name or on a narrow screen: then the cells wrap.
    if total > room {
        grid.set_content_arrangement(ContentArrangement::Dynamic);
        grid.set_width(room as u16);
        if let Some(first) = grid.column_mut(0) {
            first.set_constraint(ColumnConstraint::UpperBoundary(Width::Percentage(40)));
        }
    }
    let lines: Vec<String> =
        grid.lines().map(|line| format!("{MARGIN}{}", line.trim_end())).collect();
    let heads = columns.iter().map(|c| table.head[*c].lines().count()).max().unwrap_or(1).max(1);
    let (head, body) = lines.split_at(heads.min(lines.len()));
    Block { head: head.to_vec(), body: body.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::wording::plain;

    fn table() -> Table {
        Table {
            head: ["name", "a", "b\nc"].map(str::to_owned).to_vec(),
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

    fn text(blocks: &[Block]) -> String {
        let lines: Vec<&str> =
            blocks.iter().flat_map(|b| b.head.iter().chain(&b.body)).map(String::as_str).collect();
        plain(&lines.join("\n"))
    }

    #[test]
    fn numbers_are_right_and_half_widths_beside_them() {
        assert_eq!(
            text(&blocks(&table(), 80)),
            "  name        a   b\n                  c\n  x           1  22\n  long  333 ± 4   5"
        );
    }

    #[test]
    fn with_less_room_half_widths_stand_below() {
        let all = blocks(&table(), 16);
        assert_eq!(
            text(&all),
            "  name    a   b\n              c\n  x       1  22\n  long  333   5\n        ± 4"
        );
        assert_eq!((all.len(), all[0].head.len()), (1, 2));
    }

    #[test]
    fn a_wide_table_is_cut_and_repeats_its_first_column() {
        let blocks = blocks(&table(), 12);
        assert_eq!(blocks[0].head, ["  name    a"]);
        assert_eq!(blocks[1].head, ["  name   b", "         c"]);
    }
}
