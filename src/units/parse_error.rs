//! The error of a string that does not say what it should.

use std::fmt;
use std::ops::Range;

/// What is wrong with a string, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Bytes of the string that are wrong.
    pub at: Range<usize>,
    /// What is wrong, for instance "unknown unit `parsecs`".
    pub message: String,
    /// How to mend it, for instance "use one of ns, us, ms, s, m, h, d".
    pub help: Option<String>,
}

impl ParseError {
    /// An error at `at` without help.
    pub fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: None }
    }

    /// The same error with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same error `offset` bytes further on, for a part of a longer string.
    #[must_use]
    pub fn shift(mut self, offset: usize) -> Self {
        self.at = self.at.start + offset..self.at.end + offset;
        self
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}
