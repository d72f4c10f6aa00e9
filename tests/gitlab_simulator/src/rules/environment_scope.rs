//! Environment scopes: which are valid, which names they match, which of several wins.

use std::sync::LazyLock;

use regex::Regex;

/// The longest scope.
pub const LONGEST: usize = 255;

static VALID: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A[a-zA-Z0-9_/${}. *-]+\z").ok());

/// How closely a scope fits a name; the greater, the closer. Between two patterns there is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// `*`.
    Everything,
    /// Another pattern that matches.
    Pattern,
    /// The name itself.
    Exact,
}

/// A scope as GitLab stores it: without blanks at the ends.
pub fn normalise(scope: &str) -> String {
    scope.trim().to_owned()
}

/// What GitLab says against a (normalised) scope; empty when it is good (`HasEnvironmentScope`).
pub fn errors(scope: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if scope.is_empty() {
        errors.push("can't be blank".to_owned());
    }
    if scope.chars().count() > LONGEST {
        errors.push(format!("is too long (maximum is {LONGEST} characters)"));
    }
    if !VALID.as_ref().is_some_and(|valid| valid.is_match(scope)) {
        errors.push("can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', '*' and spaces".to_owned());
    }
    errors
}

/// The rank with which a scope matches an environment; none when it does not. A job without an environment is matched
/// by `*` alone.
pub fn rank(scope: &str, environment: Option<&str>) -> Option<Rank> {
    match environment {
        _ if scope == "*" => Some(Rank::Everything),
        None => None,
        Some(environment) if scope == environment => Some(Rank::Exact),
        Some(environment) => glob(scope, environment).then_some(Rank::Pattern),
    }
}

/// The matching ones of `rows`, least fitting first, otherwise in the given order: later ones override earlier ones.
pub fn matching<'a, T>(rows: &'a [T], scope: impl Fn(&T) -> &str, environment: Option<&str>) -> Vec<&'a T> {
    let mut ranked: Vec<(Rank, &T)> =
        rows.iter().filter_map(|row| rank(scope(row), environment).map(|rank| (rank, row))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, row)| row).collect()
}

/// `*` stands for any run of characters, the slash included; everything else for itself, case included.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::vectors::{block, cases, text};

    #[test]
    fn scopes_are_checked_as_gitlab_does() {
        let block = block("environment_scope_match");
        for scope in cases(&block, "/validity/valid") {
            assert_eq!(errors(scope.as_str().expect("text")), Vec::<String>::new(), "{scope}");
        }
        for scope in cases(&block, "/validity/invalid") {
            let sentence = block["validity"]["error"].as_str().expect("text").to_owned();
            assert!(errors(scope.as_str().expect("text")).contains(&sentence), "{scope}");
        }
        for case in cases(&block, "/validity/normalised") {
            assert_eq!(normalise(text(&case, "in")), text(&case, "out"));
        }
        assert_eq!(errors(&"a".repeat(256)), ["is too long (maximum is 255 characters)"]);
    }

    #[test]
    fn scopes_match_as_in_gitlab() {
        for case in cases(&block("environment_scope_match"), "/match") {
            let matched = rank(text(&case, "scope"), Some(text(&case, "environment"))).is_some();
            assert_eq!(matched, case["matches"], "{case}");
        }
    }

    #[test]
    fn the_closest_scope_comes_last() {
        for case in cases(&block("environment_scope_match"), "/ordered") {
            let scopes = cases(&case, "/scopes");
            let found = matching(&scopes, |scope| scope.as_str().unwrap_or_default(), case["environment"].as_str());
            match case["result_lowest_first"].as_array() {
                Some(expected) => assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{case}"),
                None => assert_eq!(found.last().copied(), Some(&case["most_relevant"]), "{case}"),
            }
        }
    }

    #[test]
    fn several_stars_match_in_order() {
        assert_eq!(rank("a*b*c", Some("a-b-b-c")), Some(Rank::Pattern));
        assert_eq!(rank("a*b*c", Some("a-c-b")), None);
        assert_eq!(rank("ab*bc", Some("abc")), None);
    }
}
