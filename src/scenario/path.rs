//! Dotted paths into a scenario, such as `service.email.workers`, written as TOML writes keys.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::scan::outline;

/// One part of a path, and its bytes in the text of the path.
pub(crate) type Part = (String, Range<usize>);

/// The parts of the dotted path `text`; none if it is no such path.
pub(crate) fn parse_path(text: &str) -> Option<Vec<Part>> {
    let line = format!("{text} = 0");
    // A second line could bring a head along.
    if text.contains(['\n', '\r']) || outline(&line).too_deep.is_some() {
        return None;
    }
    let tree = DeTable::parse(&line).ok()?;
    let mut parts = Vec::new();
    let mut table = tree.get_ref();
    loop {
        let mut entries = table.iter();
        let (key, value) = entries.next()?;
        if entries.next().is_some() {
            return None;
        }
        parts.push((key.get_ref().to_string(), key.span()));
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            // The value must be ours, and not one that the text brought along.
            _ if value.span().start == line.len() - 1 => return Some(parts),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<Vec<String>> {
        Some(parse_path(text)?.into_iter().map(|(part, _)| part).collect())
    }

    #[test]
    fn paths_are_split_at_their_dots() {
        assert_eq!(parts("a.b-c.d_1").unwrap(), ["a", "b-c", "d_1"]);
        assert_eq!(parts("a . \"b.c\".'d'").unwrap(), ["a", "b.c", "d"]);
        for no in ["", ".", "a.", "a..b", "a b", "[a]", "a=1", "a=1\nb", "a #", "a = {b", "a\n"] {
            assert_eq!(parts(no), None, "{no:?}");
        }
        assert_eq!(parts(&"a.".repeat(100_000)), None);
    }

    #[test]
    fn each_part_knows_its_bytes() {
        assert_eq!(parse_path("ab.\"c\"").unwrap()[1].1, 3..6);
    }
}
