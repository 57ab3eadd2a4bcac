//! A cheap look at a TOML text before and beside the real parse: how deep it nests, and which
//! table or key each line writes.
//!
//! It splits text into the same tokens as the parser, so that nothing hides from it in a string
//! or a comment, but it knows no grammar and reports no mistake but too much nesting.

use std::ops::Range;

/// Brackets that may be open at once, and parts that a dotted key may have.
///
/// A scenario needs five or six. Trees are walked and freed by recursion, so that the limit also
/// bounds the stack: at most `MAX_DEPTH * MAX_DEPTH + 2 * MAX_DEPTH` levels.
pub(crate) const MAX_DEPTH: usize = 16;

/// Bytes times multi-line strings of a text. The parser looks through the rest of the text at each
/// of them, so that this bounds its work to about a second.
const MAX_LOOKS: usize = 1 << 32;

/// Bytes of a text whose lines are remembered: what a scenario of several thousand services has.
const MAX_OUTLINED: usize = 1 << 20;

/// What one line outside of brackets writes.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// `[a.b]`, `[[a.b]]` or `a.b = 1`.
    pub(crate) kind: Kind,
    /// Parts of the key, each with its place; for a line below a header without the header's.
    pub(crate) keys: Vec<(String, Range<usize>)>,
}

/// Kinds of a [`Statement`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `a.b = 1`
    #[default]
    Pair,
    /// `[a.b]`
    Head,
    /// `[[a.b]]`
    ListHead,
}

/// What the lines of a text write, and where it first asks too much.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outline {
    /// Headers and keys outside of brackets, in order; of the first [`MAX_OUTLINED`] bytes only.
    pub(crate) statements: Vec<Statement>,
    /// The bracket or the part of a key that is one too many.
    pub(crate) too_deep: Option<Range<usize>>,
    /// The multi-line string that is one too many.
    pub(crate) too_slow: Option<Range<usize>>,
}

/// Looks at `text`, until it asks too much.
pub(crate) fn outline(text: &str) -> Outline {
    let mut scan = Scan { bytes: text.as_bytes(), text, at: 0, outline: Outline::default() };
    if text.starts_with('\u{feff}') {
        scan.at = 3;
    }
    scan.run();
    scan.outline
}

struct Scan<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    outline: Outline,
}

impl Scan<'_> {
    fn run(&mut self) {
        let mut open: Vec<u8> = Vec::new();
        let mut line = Line::default();
        let mut dots = 0;
        let mut long_strings = 0;
        while self.at < self.bytes.len() {
            let start = self.at;
            let byte = self.bytes[start];
            self.skip_token();
            let token = start..self.at;
            match byte {
                b'.' => dots += 1,
                b'#' | b'\r' => continue,
                b' ' | b'\t' | b'"' | b'\'' => {}
                _ if is_word(byte) => {}
                _ => dots = 0,
            }
            match byte {
                b'[' | b'{' => open.push(byte),
                b']' if open.last() == Some(&b'[') => _ = open.pop(),
                b'}' if open.last() == Some(&b'{') => _ = open.pop(),
                _ => {}
            }
            if open.len() > MAX_DEPTH || dots >= MAX_DEPTH {
                self.outline.too_deep = Some(token);
                break;
            }
            long_strings += usize::from(self.bytes[start..].starts_with(b"\"\"\""));
            if self.bytes.len().saturating_mul(long_strings) > MAX_LOOKS {
                self.outline.too_slow = Some(token);
                break;
            }
            if byte == b'\n' && open.is_empty() {
                self.finish(&mut line);
            } else {
                line.take(byte, &self.text[token.clone()], token);
            }
        }
        self.finish(&mut line);
    }

    fn finish(&mut self, line: &mut Line) {
        let line = std::mem::take(line);
        if !line.keys.is_empty() && self.at <= MAX_OUTLINED {
            self.outline.statements.push(Statement { kind: line.kind, keys: line.keys });
        }
    }

    /// Moves behind the token that starts here.
    fn skip_token(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += match rest[0] {
            quote @ (b'"' | b'\'') => string_length(rest, quote),
            b'#' => length_until(rest, |b| b == b'\n' || b == b'\r'),
            byte if is_word(byte) => length_until(rest, |b| !is_word(b) && b != b'"' && b != b'\''),
            _ => 1,
        };
    }
}

/// The part of a line in front of `=`, or in the brackets of a header.
#[derive(Default)]
struct Line {
    kind: Kind,
    done: bool,
    keys: Vec<(String, Range<usize>)>,
}

impl Line {
    fn take(&mut self, byte: u8, token: &str, at: Range<usize>) {
        if self.done || matches!(byte, b' ' | b'\t' | b'.' | b'\r' | b'#') {
            return;
        }
        if byte == b'[' && self.keys.is_empty() {
            self.kind = if self.kind == Kind::Pair { Kind::Head } else { Kind::ListHead };
        } else if is_word(byte) || byte == b'"' || byte == b'\'' {
            self.keys.push((token.trim_matches(['"', '\'']).to_owned(), at));
        } else {
            self.done = true;
        }
    }
}

/// A byte of a bare key or of a value without quotes.
fn is_word(byte: u8) -> bool {
    !matches!(
        byte,
        b'.' | b'=' | b',' | b'[' | b']' | b'{' | b'}' | b' ' | b'\t' | b'#' | b'\r' | b'\n'
    ) && byte != b'"'
        && byte != b'\''
}

fn length_until(rest: &[u8], end: impl Fn(u8) -> bool) -> usize {
    rest.iter().position(|&b| end(b)).unwrap_or(rest.len()).max(1)
}

/// Length of the string at the start of `rest`, quotes included; one on a single line ends with
/// the line at the latest.
fn string_length(rest: &[u8], quote: u8) -> usize {
    let long = rest.len() >= 3 && rest[1] == quote && rest[2] == quote;
    let escapes = quote == b'"';
    let mut at = if long { 3 } else { 1 };
    while at < rest.len() {
        match rest[at] {
            b'\\' if escapes && rest.get(at + 1) != Some(&b'\n') => at += 2,
            b'\n' if !long => return at,
            byte if byte == quote => {
                if !long {
                    return at + 1;
                }
                if rest[at..].starts_with(&[quote; 3]) {
                    // Up to two quotes may stand in front of the closing three.
                    let run = rest[at..].iter().take(5).take_while(|b| **b == quote).count();
                    return at + run;
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let outline = outline(text);
        let path = |s: &Statement| {
            let keys: Vec<&str> = s.keys.iter().map(|(k, _)| k.as_str()).collect();
            match s.kind {
                Kind::Pair => keys.join("/"),
                Kind::Head => format!("[{}]", keys.join("/")),
                Kind::ListHead => format!("[[{}]]", keys.join("/")),
            }
        };
        outline.statements.iter().map(path).collect()
    }

    #[test]
    fn each_line_tells_what_it_writes() {
        let text = "a = 1 # b = 2\n[c.'d.e']\n\"f.g\" . h = { i = 1 }\n[[k]]\nl = [\n  m,\n]\n\
                    n = \"\"\"\nx = 1\n\"\"\"\no = 'it''\np=2";
        assert_eq!(lines(text), ["a", "[c/d.e]", "f.g/h", "[[k]]", "l", "n", "o", "p"]);
    }

    #[test]
    fn strings_and_comments_do_not_nest() {
        let dots = ".".repeat(100);
        let brackets = "[".repeat(100);
        for quote in ["'", "\"", "'''", "\"\"\""] {
            let text = format!("a = {quote}{dots}{brackets}{quote} # {brackets}\nb = 1");
            assert!(outline(&text).too_deep.is_none(), "{text}");
        }
        assert!(outline("a = \"\\\"[[[[[[[[[[[[[[[[[[[[[[[[\"").too_deep.is_none());
    }

    #[test]
    fn brackets_and_dots_are_bounded() {
        let deep = |n: usize| format!("a = {}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(outline(&deep(MAX_DEPTH)).too_deep, None);
        let first_too_many = 4 + MAX_DEPTH;
        assert_eq!(
            outline(&deep(MAX_DEPTH + 1)).too_deep,
            Some(first_too_many..first_too_many + 1)
        );
        let key = |n: usize| format!("[{}]", vec!["a"; n].join("."));
        assert_eq!(outline(&key(MAX_DEPTH)).too_deep, None);
        assert!(outline(&key(MAX_DEPTH + 1)).too_deep.is_some());
        assert!(outline(&"a={b=".repeat(100_000)).too_deep.is_some());
        assert!(outline(&"a . 'b' .".repeat(100_000)).too_deep.is_some());
    }
}
