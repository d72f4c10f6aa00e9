//! CI/CD variables: valid keys, values that can be masked.

use std::sync::LazyLock;

use regex::Regex;

/// The longest key.
pub const LONGEST_KEY: usize = 255;
/// The longest description.
pub const LONGEST_DESCRIPTION: usize = 255;
/// The longest value of an instance variable; other variables have no limit in the model.
pub const LONGEST_INSTANCE_VALUE: usize = 10_000;

const KEY: &str = r"\A[a-zA-Z0-9_]+\z";
const MASKABLE: &str = r"\A[a-zA-Z0-9_+=/@:.~-]{8,}\z";
const MASKABLE_RAW: &str = r"\A\S{8,}\z";

static VALID_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(KEY).ok());
static STRICT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(MASKABLE).ok());
static RAW: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(MASKABLE_RAW).ok());

/// A key as GitLab stores it: without blanks at the ends.
pub fn normalise_key(key: &str) -> String {
    key.trim().to_owned()
}

/// What GitLab says against a (normalised) key; empty when it is good (`Ci::HasVariable`).
pub fn key_errors(key: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if key.is_empty() {
        errors.push("can't be blank".to_owned());
    }
    if key.chars().count() > LONGEST_KEY {
        errors.push(format!("is too long (maximum is {LONGEST_KEY} characters)"));
    }
    if !VALID_KEY.as_ref().is_some_and(|valid| valid.is_match(key)) {
        errors.push("can contain only letters, digits and '_'.".to_owned());
    }
    errors
}

/// May a variable with this value be masked? A raw value may hold any visible characters, others only a few (`Ci::Maskable`).
pub fn is_maskable(value: &str, raw: bool) -> bool {
    let shape = if raw { &RAW } else { &STRICT };
    shape.as_ref().is_some_and(|shape| shape.is_match(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::vectors::{block, cases, text};

    #[test]
    fn the_shapes_are_those_of_the_vectors() {
        assert_eq!(block("variable_key")["regex"], KEY);
        assert_eq!(block("masked_variable")["strict"]["regex"], MASKABLE);
        assert_eq!(block("masked_variable")["raw"]["regex"], MASKABLE_RAW);
        assert_eq!(block("variable_key")["max_length"], LONGEST_KEY as u64);
    }

    #[test]
    fn values_are_maskable_as_in_gitlab() {
        for case in cases(&block("masked_variable"), "/cases") {
            let value = text(&case, "value");
            assert_eq!(is_maskable(value, false), case["maskable_when_raw_false"], "{case}");
            assert_eq!(is_maskable(value, true), case["maskable_when_raw_true"], "{case}");
        }
    }

    #[test]
    fn keys_are_checked_as_gitlab_does() {
        let block = block("variable_key");
        for key in cases(&block, "/valid") {
            assert_eq!(key_errors(key.as_str().expect("text")), Vec::<String>::new(), "{key}");
        }
        for case in cases(&block, "/invalid") {
            assert_eq!(key_errors(text(&case, "key")), [text(&case, "error")], "{case}");
        }
        assert_eq!(normalise_key(" A "), "A");
    }
}
