//! What a path of a group or project may look like.

use std::sync::LazyLock;

use regex::Regex;

#[allow(clippy::expect_used, reason = "a constant expression")]
static SEGMENT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[a-zA-Z0-9_.][a-zA-Z0-9_.\-]*$").expect("a valid expression"));

/// The complaint about a group's path.
pub fn group_path_complaint(path: &str) -> Option<&'static str> {
    let bad_end = [".", ".git", ".atom"].iter().any(|end| path.ends_with(end));
    (bad_end || !SEGMENT.is_match(path)).then_some(
        "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-' or end in '.', '.git' or '.atom'.",
    )
}

/// The complaint about a project's path.
pub fn project_path_complaint(path: &str) -> Option<&'static str> {
    let bad_end = [".git", ".atom"].iter().any(|end| path.ends_with(end));
    (bad_end || !SEGMENT.is_match(path)).then_some(
        "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-', end in '.git' or end in '.atom'",
    )
}

/// A path made of a name when none is given: lower case, everything strange a dash.
pub fn from_name(name: &str) -> String {
    let mut path = String::new();
    for character in name.to_lowercase().chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            path.push(character);
        } else if !path.is_empty() && !path.ends_with('-') {
            path.push('-');
        }
    }
    path.trim_end_matches('-').to_owned()
}
