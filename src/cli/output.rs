//! stdout, stderr and colour: the one place that writes to them.
//!
//! stdout holds what was asked for and nothing else. A reader who has seen enough and closed it is
//! no error.

use super::args::{Color, Tone};
use super::status::Failure;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// Writes `text` to stdout.
///
/// # Errors
/// If it cannot be written, unless the reader has closed it.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::unfinished(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes `text` and a newline to stderr. If that fails there is nobody left to tell.
pub(super) fn say(text: &str) {
    let mut stderr = io::stderr().lock();
    let _nobody_is_left_to_tell = writeln!(stderr, "{}", text.trim_end_matches('\n'));
}

/// An error message.
pub(super) fn error(message: &str) {
    if !message.is_empty() {
        say(&format!("error: {message}"));
    }
}

/// Whether stdout takes colours.
pub(super) fn stdout_color(tone: Tone) -> bool {
    color(tone.color, io::stdout().is_terminal())
}

/// Whether stderr takes colours.
pub(super) fn stderr_color(tone: Tone) -> bool {
    color(tone.color, io::stderr().is_terminal())
}

/// Whether somebody watches stderr.
pub(super) fn stderr_is_watched() -> bool {
    io::stderr().is_terminal()
}

fn color(when: Color, terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    decide(when, terminal, set("NO_COLOR").is_some(), set("TERM").is_some_and(|t| t == "dumb"))
}

/// An explicit flag wins over `NO_COLOR` (see no-color.org).
fn decide(when: Color, terminal: bool, no_color: bool, dumb: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !no_color && !dumb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        assert!(decide(Color::Auto, true, false, false));
        assert!(!decide(Color::Auto, false, false, false));
        assert!(!decide(Color::Auto, true, true, false));
        assert!(!decide(Color::Auto, true, false, true));
        assert!(decide(Color::Always, false, true, true));
        assert!(!decide(Color::Never, true, false, false));
    }
}
