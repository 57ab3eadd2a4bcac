//! Digests of several runs and components become one. Knows nothing of how a history is hashed.

use sha2::{Digest, Sha256};

/// The first 64 bits of the SHA-256 of what was fed to it, as 16 hexadecimal digits.
fn hex(hash: Sha256) -> String {
    let bits = hash.finalize();
    let first = bits[..8].iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    format!("{first:016x}")
}

/// One component's digest over its replications, in their order.
pub(super) fn over_replications(digests: impl IntoIterator<Item = u64>) -> String {
    let mut hash = Sha256::new();
    for digest in digests {
        hash.update(digest.to_le_bytes());
    }
    hex(hash)
}

/// The digest of all components, by name: their order in the file does not matter.
pub(super) fn over_components<'a>(
    components: impl IntoIterator<Item = (&'a str, &'a String)>,
) -> String {
    let mut sorted: Vec<_> = components.into_iter().collect();
    sorted.sort_unstable();
    let mut hash = Sha256::new();
    for (name, digest) in sorted {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(digest.as_bytes());
    }
    hex(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_replications_matters() {
        assert_ne!(over_replications([1, 2]), over_replications([2, 1]));
        assert_eq!(over_replications([1, 2]).len(), 16);
    }

    #[test]
    fn the_order_of_components_does_not() {
        let (a, b) = ("x".to_owned(), "y".to_owned());
        let one = over_components([("shop", &a), ("email", &b)]);
        let other = over_components([("email", &b), ("shop", &a)]);
        assert_eq!(one, other);
        assert_ne!(one, over_components([("shop", &b), ("email", &a)]));
    }
}
