//! Environments: valid names, the tier guessed from a name.

use std::sync::LazyLock;

use regex::Regex;

/// The longest name.
pub const LONGEST_NAME: usize = 255;

/// The tiers by their names in the API.
pub const TIERS: &[&str] = &["production", "staging", "testing", "development", "other"];

/// Substrings that give a tier away, in the order in which GitLab looks for them (`Environment#guess_tier`).
const HINTS: &[(&str, &[&str])] = &[
    ("development", &["dev", "review", "trunk"]),
    ("testing", &["test", "tst", "int", "acpt", "accept", "qa", "qc", "control", "quality"]),
    ("staging", &["stg", "stag", "modl", "model", "pre", "demo", "non"]),
    ("production", &["prd", "prod", "live"]),
];

static VALID: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\A[a-zA-Z0-9_${}. -](?:[a-zA-Z0-9_/${}. -]*[a-zA-Z0-9_${}. -])?\z").ok());

/// What GitLab says against a name, without the word `Name`; empty when it is good.
pub fn name_errors(name: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if name.trim().is_empty() {
        errors.push("can't be blank".to_owned());
    }
    if name.chars().count() > LONGEST_NAME {
        errors.push(format!("is too long (maximum is {LONGEST_NAME} characters)"));
    }
    if !VALID.as_ref().is_some_and(|valid| valid.is_match(name)) {
        errors.push(
            "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, \
             but it cannot start or end with '/'"
                .to_owned(),
        );
    }
    errors
}

/// The tier of an environment whose tier nobody said.
pub fn guess_tier(name: &str) -> &'static str {
    let name = name.to_lowercase();
    let hinted = HINTS.iter().find(|(_, hints)| hints.iter().any(|hint| name.contains(hint)));
    hinted.map_or("other", |(tier, _)| tier)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::vectors::{block, cases, text};

    #[test]
    fn tiers_are_guessed_as_gitlab_guesses() {
        for case in cases(&block("environment_tier_guess"), "/cases") {
            assert_eq!(guess_tier(text(&case, "name")), text(&case, "tier"), "{case}");
        }
    }

    #[test]
    fn names_are_checked_as_gitlab_does() {
        for good in ["production", "review/fix-foo", "a b.c_${X}", "-", "a"] {
            assert_eq!(name_errors(good), Vec::<String>::new(), "{good}");
        }
        for bad in ["/a", "a/", "/", "a*b", "été", "a\n"] {
            assert_eq!(name_errors(bad).len(), 1, "{bad}");
        }
        assert_eq!(name_errors("").len(), 2);
        assert_eq!(name_errors(&"a".repeat(256)), ["is too long (maximum is 255 characters)"]);
    }
}
