//! Names of environments: their slugs, and the scopes that variables and clusters are given.

use sha2::{Digest, Sha256};

/// GitLab's bound on the length of a slug.
const SLUG_LENGTH: usize = 24;
/// What of the name remains in front of the suffix when a slug is shortened.
const SHORTENED_LENGTH: usize = 17;
/// The number of base 36 digits in a suffix.
const SUFFIX_LENGTH: usize = 6;

/// The slug that GitLab gives a new environment of this name.
///
/// For an environment that exists, use the slug that GitLab reports: older releases chose it in other ways. The empty name
/// is computed too (GitLab would refuse it).
///
/// Source: `lib/gitlab/slug/environment.rb`.
pub fn environment_slug(name: &str) -> String {
    slug_with_digest(name, &Sha256::digest(name.as_bytes()).into())
}

/// Whether GitLab accepts the text as the environment scope of a variable or cluster. GitLab trims it before it looks.
///
/// Source: `app/models/concerns/has_environment_scope.rb`.
pub fn is_environment_scope(scope: &str) -> bool {
    let scope = scope.trim();
    !scope.is_empty()
        && scope.len() <= 255
        && scope.chars().all(|c| c.is_ascii_alphanumeric() || "-_/${}.* ".contains(c))
}

/// The algorithm, with the SHA-256 of the name given by the caller.
fn slug_with_digest(name: &str, digest: &[u8; 32]) -> String {
    let mut slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .collect();
    if !slug.starts_with(|c: char| c.is_ascii_lowercase()) {
        slug.insert_str(0, "env-");
    }
    squeeze_dashes(&mut slug);
    if slug.len() <= SLUG_LENGTH && slug == name {
        // GitLab takes one dash away, and after the step above there is at most one.
        return slug.trim_end_matches('-').to_owned();
    }
    slug.truncate(SHORTENED_LENGTH);
    if !slug.ends_with('-') {
        slug.push('-');
    }
    slug + &suffix(digest)
}

/// The last six base 36 digits of the number that the digest spells.
fn suffix(digest: &[u8; 32]) -> String {
    let modulus = 36_u64.pow(SUFFIX_LENGTH as u32);
    let mut rest = digest.iter().fold(0_u64, |rest, byte| (rest * 256 + u64::from(*byte)) % modulus);
    let mut digits = [b'0'; SUFFIX_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
        rest /= 36;
    }
    digits.iter().copied().map(char::from).collect()
}

/// Runs of dashes become one.
fn squeeze_dashes(text: &mut String) {
    let mut last = None;
    text.retain(|c| last.replace(c) != Some('-') || c != '-');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::naming::{
        is_dns_label,
        vectors::{VECTORS, cases},
    };

    #[test]
    fn slugs_are_those_that_gitlab_gives() {
        for case in cases("/environment_slug/cases") {
            assert_eq!(environment_slug(case["name"].as_str().unwrap()), case["slug"].as_str().unwrap(), "{case}");
        }
    }

    #[test]
    fn slugs_are_those_of_gitlabs_own_specification_with_its_fixed_digest() {
        let stub = &VECTORS["environment_slug"]["gitlab_spec_cases_with_stubbed_digest"];
        assert_eq!(stub["sha256_hex_stub"].as_str().unwrap(), "a".repeat(64));
        let digest = [0xaa; 32];
        assert_eq!(suffix(&digest), stub["suffix"].as_str().unwrap());
        for case in cases("/environment_slug/gitlab_spec_cases_with_stubbed_digest/cases") {
            let slug = slug_with_digest(case["name"].as_str().unwrap(), &digest);
            assert_eq!(slug, case["slug"].as_str().unwrap(), "{case}");
        }
    }

    #[test]
    fn scopes_are_accepted_and_refused_as_by_gitlab() {
        for scope in cases("/environment_scope_match/validity/valid") {
            assert!(is_environment_scope(scope.as_str().unwrap()), "{scope}");
        }
        for scope in cases("/environment_scope_match/validity/invalid") {
            assert!(!is_environment_scope(scope.as_str().unwrap()), "{scope}");
        }
        for pair in cases("/environment_scope_match/validity/normalised") {
            assert!(is_environment_scope(pair["in"].as_str().unwrap()), "{pair}");
        }
        assert!(is_environment_scope(&"a".repeat(255)));
        assert!(!is_environment_scope(&"a".repeat(256)));
    }

    proptest! {
        #[test]
        fn a_slug_is_always_a_dns_label_of_at_most_24_characters_that_begins_with_a_letter(name in any::<String>()) {
            let slug = environment_slug(&name);
            prop_assert!(slug.len() <= SLUG_LENGTH, "{slug}");
            prop_assert!(is_dns_label(&slug), "{slug}");
            prop_assert!(slug.starts_with(|c: char| c.is_ascii_lowercase()), "{slug}");
        }

        #[test]
        fn a_name_that_is_a_short_slug_already_stays_as_it_is(name in "[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,5}){0,2}") {
            prop_assert_eq!(environment_slug(&name), name);
        }
    }
}
