//! Results as bytes: terminal report, JSON, CSV, Markdown, charts and a page.
//!
//! Pure: opens no file, knows no clock and no terminal. Everything is drawn from
//! [`crate::results::Results`] alone, so a saved `results.json` can be drawn again years later, to
//! the same bytes on every platform.

mod chart;
mod coupling;
mod csv;
mod failures;
mod findings;
mod html;
mod json;
mod markdown;
mod matrix;
mod metastable;
mod study;
mod tables;
mod terminal;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verdict;
mod view;
mod wording;

pub use chart::{Chart, charts};
pub use csv::{lag_csv, metrics_csv, series_csv};
pub use html::html;
pub use json::{ReadError, json, parse_json};
pub use markdown::markdown;
pub use terminal::{TerminalOptions, terminal, terminal_comparison};
