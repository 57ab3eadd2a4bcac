//! Text becomes meaning, once: from TOML files to resolved blueprints.

mod advice;
mod attributes;
#[cfg(test)]
mod autoscale_tests;
#[cfg(test)]
mod broker_tests;
mod check;
mod codes;
mod codes_meaning;
mod compile;
mod compile_consume;
mod compile_failure;
mod compile_link;
mod compile_message;
mod compile_traffic;
mod compile_trigger;
mod decode;
mod decode_autoscale;
mod decode_broker;
mod decode_failure;
mod decode_guard;
mod decode_handler;
mod decode_link;
mod decode_message;
mod decode_parts;
#[cfg(test)]
mod decode_tests;
mod decode_trigger;
mod decode_verb;
mod diagnostic;
mod document;
#[cfg(test)]
mod document_tests;
mod draft;
mod draw;
#[cfg(test)]
mod every_key_tests;
mod expect;
mod explain;
mod files;
#[cfg(test)]
mod files_tests;
mod flow;
pub mod keys;
mod load;
mod meaning;
#[cfg(test)]
mod meaning_tests;
mod merge;
#[cfg(test)]
mod merge_tests;
mod metric_paths;
mod names;
mod near;
mod normal;
#[cfg(test)]
mod normal_tests;
mod overrides;
#[cfg(test)]
mod overrides_tests;
mod path;
mod pattern;
mod presets;
mod quantities;
mod read;
mod reader;
mod remove;
#[cfg(test)]
mod remove_tests;
mod samples;
mod scan;
mod settings;
#[cfg(test)]
mod settings_tests;
mod shorthand;
#[cfg(test)]
mod shorthand_tests;
mod syntax;
#[cfg(test)]
pub(crate) mod testing;
mod topology;
mod tree;

pub use advice::{Utilisation, utilisations};
pub use diagnostic::{Diagnostic, Severity};
pub use draw::render;
pub use explain::{explain_code, explain_metric};
pub use files::Files;
pub use load::{Failed, LoadOptions, Loaded, explain_file};
pub use metric_paths::metric_paths;
pub use presets::{preset, presets};
pub use tree::{Entry, FileId, Node, Sources, Span, Table, Value};

use crate::model::Blueprint;
use crate::results::{Advice, ScenarioInfo, Topology};

/// A scenario that can be simulated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Title, question, lesson and hash.
    pub info: ScenarioInfo,
    /// Root seed of all random numbers.
    pub seed: u64,
    /// Number of replications, at least 1.
    pub seeds: u64,
    /// `base` first, then in the order of the file.
    pub variants: Vec<Variant>,
}

/// One architecture of a scenario.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Name; `base` is the unmodified file.
    pub name: String,
    /// What is simulated.
    pub blueprint: Blueprint,
    /// How it is judged.
    pub expect: Vec<Expect>,
    /// Remarks of the pre-flight check.
    pub advice: Vec<Advice>,
    /// Its parts, for tables and headings.
    pub topology: Topology,
}

/// One line of `[expect]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// Metric path.
    pub metric: String,
    /// The bound as written.
    pub text: String,
    /// The bound.
    pub bound: Bound,
}

/// What a metric's value is held against, in SI units.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// `< v`
    Less(f64),
    /// `<= v`
    AtMost(f64),
    /// `= v`
    Equals(f64),
    /// `>= v`
    AtLeast(f64),
    /// `> v`
    Greater(f64),
    /// `a..b`, both ends included.
    Range(f64, f64),
    /// An operator of the above on `factor` times the value of the same metric in another variant.
    Relative {
        /// One of `<`, `<=`, `=`, `>=`, `>`.
        operator: String,
        /// For instance 0.5.
        factor: f64,
        /// The other variant.
        variant: String,
    },
}
