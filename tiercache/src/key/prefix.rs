//! The spelling of prefixes, namespaces and L2 keys.

use super::digest::Digest;
use crate::error::Error;

/// What may stand in a prefix, for messages.
const ALPHABET: &str = "ASCII letters, digits, `_`, `-` and `.`";

/// Checks the prefix of a key: segments of letters, digits, `_ - .`, with `:` between them.
///
/// # Errors
///
/// `ErrorKind::Config`; the text names the character that is wrong and what is allowed.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), Error> {
    if let Some(wrong) = prefix.chars().find(|&c| c != ':' && !is_allowed(c)) {
        return Err(Error::config(format!(
            "prefix {prefix:?} contains {wrong:?}; allowed are {ALPHABET}, and `:` between segments"
        )));
    }
    if prefix.split(':').any(str::is_empty) {
        return Err(Error::config(format!(
            "prefix {prefix:?} has an empty segment; write at least one character before, between and after `:`"
        )));
    }
    Ok(())
}

/// Checks a namespace: one segment of letters, digits, `_ - .`.
///
/// # Errors
///
/// `ErrorKind::Config`; the text names the character that is wrong and what is allowed.
pub(crate) fn check_namespace(namespace: &str) -> Result<(), Error> {
    if let Some(wrong) = namespace.chars().find(|&c| !is_allowed(c)) {
        return Err(Error::config(format!("namespace {namespace:?} contains {wrong:?}; allowed are {ALPHABET}")));
    }
    if namespace.is_empty() {
        return Err(Error::config("the namespace is empty; give it a name, or leave it out for `tiercache`"));
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The key in L2: `{namespace}:{prefix}:{64 hex digits}`.
pub(crate) fn l2_key(namespace: &str, prefix: &str, digest: &Digest) -> String {
    let mut key = String::with_capacity(namespace.len() + prefix.len() + 66);
    key.push_str(namespace);
    key.push(':');
    key.push_str(prefix);
    key.push(':');
    digest.push_hex(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_segments_of_the_alphabet() {
        for good in ["user", "user:v2", "a.b-c_D9:x", "0"] {
            assert!(check_prefix(good).is_ok(), "{good}");
        }
        for bad in ["", ":", "a:", ":a", "a::b", "a b", "a*", "ü", "a\n", "a{b}", "a/b"] {
            assert!(check_prefix(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_namespace_is_one_segment() {
        assert!(check_namespace("shop-1").is_ok());
        for bad in ["", "a:b", "a b", "a*"] {
            assert!(check_namespace(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_message_names_the_character_and_the_alphabet() {
        let text = check_prefix("user:*").expect_err("a star is not allowed").to_string();
        assert_eq!(
            text,
            "prefix \"user:*\" contains '*'; allowed are ASCII letters, digits, `_`, `-` and `.`, and `:` between \
             segments"
        );
        let text = check_namespace("a:b").expect_err("a colon is not allowed").to_string();
        assert_eq!(text, "namespace \"a:b\" contains ':'; allowed are ASCII letters, digits, `_`, `-` and `.`");
    }

    #[test]
    fn an_l2_key_is_namespace_prefix_and_hex() {
        let key = l2_key("shop", "user:v2", &Digest::new([0xab; 32]));
        assert_eq!(key, format!("shop:user:v2:{}", "ab".repeat(32)));
        assert_eq!(key.capacity(), key.len());
    }
}
