//! ANSI colours and the wrapping of prose. Knows nothing of what is written.

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    /// Whether to write escape sequences.
    pub(super) color: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// For headings.
    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// For what matters least.
    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// For what fails.
    pub(super) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    /// For what holds.
    pub(super) fn green(self, text: &str) -> String {
        self.with("32", text)
    }
}

/// `text` in lines of at most `width` characters, broken at spaces; a longer word gets a line of
/// its own.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    // Split at plain spaces and line ends only: narrow spaces and the like hold numbers together.
    for word in text.split([' ', '\n', '\t', '\r']).filter(|w| !w.is_empty()) {
        let len = word.chars().count();
        if used > 0 && used + 1 + len > width {
            lines.push(String::new());
            used = 0;
        }
        let Some(line) = lines.last_mut() else { continue };
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += len;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_wraps_at_words_and_long_words_stand_alone() {
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("abcdefgh i", 3), ["abcdefgh", "i"]);
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("12\u{202f}345 x", 4), ["12\u{202f}345", "x"]);
    }

    #[test]
    fn no_colour_means_no_escape() {
        assert_eq!(Paint { color: false }.red("x"), "x");
        assert_eq!(Paint { color: true }.red("x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
