//! The nearest of several words, for "did you mean".

use strsim::damerau_levenshtein;

/// The word nearest to `word`, if it is near: at most two edits, or a third of the length for long
/// words.
pub(super) fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = (length / 3).max(2);
    let lower = word.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for other in among {
        // The distance is at least the difference in length, which spares most of the work.
        let bound = best.map_or(limit, |(distance, _)| distance.saturating_sub(1));
        if other.chars().count().abs_diff(length) > bound {
            continue;
        }
        let distance =
            if other == word { 0 } else { damerau_levenshtein(&lower, &other.to_lowercase()) };
        // A word that shares nothing is no help, however short it is.
        if distance <= bound && distance < length.max(other.chars().count()) {
            best = Some((distance, other));
        }
    }
    best.map(|(_, other)| other)
}

/// "did you mean `x`?"
pub(super) fn did_you_mean<'a>(
    word: &str,
    among: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, among).map(|other| format!("did you mean `{other}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_transposed_missing_and_wrong_letters() {
        let words = ["instances", "workers", "zone", "on"];
        assert_eq!(nearest("instnaces", words), Some("instances"));
        assert_eq!(nearest("worker", words), Some("workers"));
        assert_eq!(nearest("Workers", words), Some("workers"));
        assert_eq!(nearest("zoen", words), Some("zone"));
    }

    #[test]
    fn is_silent_where_nothing_is_near() {
        assert_eq!(nearest("colour", ["instances", "workers", "on"]), None);
        assert_eq!(nearest("xy", ["on", "at"]), None);
        assert_eq!(nearest("OrderPlacedd", ["Shipment"]), None);
    }

    #[test]
    fn prefers_the_nearest_and_the_first_of_equals() {
        assert_eq!(nearest("billin", ["billings", "billing"]), Some("billing"));
        assert_eq!(nearest("ab", ["abc", "abd"]), Some("abc"));
    }
}
