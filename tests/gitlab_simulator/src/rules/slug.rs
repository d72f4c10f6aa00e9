//! Slugs: of environments (at most 24 characters, with a digest where the name does not survive) and of project paths.

use sha2::{Digest, Sha256};

const LONGEST_ENVIRONMENT_SLUG: usize = 24;
const KEPT_BEFORE_SUFFIX: usize = 17;
const SUFFIX_LENGTH: u32 = 6;
const LONGEST_PATH_SLUG: usize = 63;

/// The slug that GitLab gives a new environment (`lib/gitlab/slug/environment.rb`).
pub fn environment_slug(name: &str) -> String {
    slug_with_digest(name, Sha256::digest(name.as_bytes()).as_slice())
}

fn slug_with_digest(name: &str, digest: &[u8]) -> String {
    let lowered: String = name.to_lowercase().chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    let prefixed =
        if lowered.starts_with(|c: char| c.is_ascii_lowercase()) { lowered } else { format!("env-{lowered}") };
    let collapsed = collapse_dashes(&prefixed);
    if collapsed.len() <= LONGEST_ENVIRONMENT_SLUG && collapsed == name {
        return collapsed.strip_suffix('-').unwrap_or(&collapsed).to_owned();
    }
    let mut slug: String = collapsed.chars().take(KEPT_BEFORE_SUFFIX).collect();
    if !slug.ends_with('-') {
        slug.push('-');
    }
    slug + &suffix(digest)
}

/// Lowercase, everything outside a-z 0-9 a dash, at most 63 characters, no dashes at the ends
/// (`gems/gitlab-utils`, `slugify`): `CI_PROJECT_PATH_SLUG` and the like.
pub fn path_slug(text: &str) -> String {
    let lowered = text.to_lowercase();
    let dashed = lowered.chars().map(|c| if is_plain(c) { c } else { '-' });
    let cut: String = dashed.take(LONGEST_PATH_SLUG).collect();
    cut.trim_matches('-').to_owned()
}

fn is_plain(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn collapse_dashes(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '-' || !collapsed.ends_with('-') {
            collapsed.push(c);
        }
    }
    collapsed
}

/// The last six base-36 digits of the digest read as one big number.
fn suffix(digest: &[u8]) -> String {
    let modulus = 36_u64.pow(SUFFIX_LENGTH);
    let mut rest = digest.iter().fold(0_u64, |rest, byte| (rest * 256 + u64::from(*byte)) % modulus);
    let mut digits = Vec::new();
    for _ in 0..SUFFIX_LENGTH {
        digits.push(char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize]));
        rest /= 36;
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::vectors::{block, cases, text};

    #[test]
    fn every_environment_slug_is_gitlabs() {
        for case in cases(&block("environment_slug"), "/cases") {
            assert_eq!(environment_slug(text(&case, "name")), text(&case, "slug"), "{case}");
        }
    }

    #[test]
    fn gitlabs_own_examples_hold_with_its_stubbed_digest() {
        let block = block("environment_slug");
        for case in cases(&block, "/gitlab_spec_cases_with_stubbed_digest/cases") {
            assert_eq!(slug_with_digest(text(&case, "name"), &[0xaa; 32]), text(&case, "slug"), "{case}");
        }
    }

    #[test]
    fn every_path_slug_is_gitlabs() {
        for case in cases(&block("project_full_path_slug"), "/cases") {
            assert_eq!(path_slug(text(&case, "full_path")), text(&case, "slug"), "{case}");
        }
    }
}
