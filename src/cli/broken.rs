//! When an invariant of ours breaks: what is said, and the command that makes it break again.

use super::status::Failure;
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};

/// Message and place of every panic so far.
static PANICS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// From now on a panic is kept for the report and prints nothing by itself.
pub(super) fn keep_quiet() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).push((message(info), place));
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "it gave no message".to_owned())
}

/// Message and place of the last panic.
pub(super) fn last() -> String {
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    panics.last().map(|(message, place)| format!("{message}\n  at {place}")).unwrap_or_default()
}

/// Where the panic with this message happened, if it is known.
fn place_of(message: &str) -> Option<String> {
    let panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    panics.iter().find(|(said, _)| said == message).map(|(_, place)| place.clone())
}

/// The failure of a run in which an invariant broke; `message` is what the panic said.
pub(super) fn invariant(context: &str, message: &str, replay: &str) -> Failure {
    let place = place_of(message).map(|place| format!("\n  at {place}")).unwrap_or_default();
    ours(&format!("{context}: {message}{place}"), replay)
}

/// The failure of anything that can only be a bug of ours.
pub(super) fn ours(what: &str, replay: &str) -> Failure {
    Failure::broken(format!(
        "an invariant of tidelag broke. This is a bug of tidelag, not of your scenario.\n  \
         {what}\nThis command makes it happen again; please report it with the scenario:\n  \
         {replay}"
    ))
}

/// A command line that a POSIX shell reads as these words.
pub(super) fn command_line<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| quote(word.as_ref())).collect();
    quoted.join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::status::Status;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        let words = ["tidelag", "run", "my file.toml", "--set", "duration=\"1s\"", "it's", ""];
        assert_eq!(
            command_line(words),
            r#"tidelag run 'my file.toml' --set 'duration="1s"' 'it'\''s' ''"#
        );
    }

    #[test]
    fn a_broken_invariant_says_whose_bug_it_is_and_how_to_replay_it() {
        let failure = invariant("variant base, replication 2", "1 is not 2", "tidelag run a.toml");
        assert_eq!(failure.status, Status::Broken);
        for part in ["bug of tidelag", "variant base, replication 2: 1 is not 2", "run a.toml"] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }
}
