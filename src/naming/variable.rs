//! What GitLab accepts of a CI/CD variable.

/// Whether GitLab accepts the text as the key of a CI/CD variable. GitLab trims it before it looks.
///
/// Source: `app/models/concerns/ci/has_variable.rb`.
pub fn is_variable_key(key: &str) -> bool {
    let key = key.trim();
    (1..=255).contains(&key.len()) && key.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// Whether GitLab accepts the text as the value of a masked variable; `raw` is the variable's attribute of that name.
///
/// Source: `app/models/concerns/ci/maskable.rb`. What the expression there calls whitespace is that of ASCII.
pub fn is_maskable(value: &str, raw: bool) -> bool {
    let allowed = |c: char| match raw {
        true => !matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r'),
        false => c.is_ascii_alphanumeric() || "_+=/@:.~-".contains(c),
    };
    value.chars().all(allowed) && value.chars().count() >= 8
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::naming::vectors::cases;

    #[test]
    fn keys_are_accepted_and_refused_as_by_gitlab() {
        for key in cases("/variable_key/valid") {
            assert!(is_variable_key(key.as_str().unwrap()), "{key}");
        }
        for case in cases("/variable_key/invalid") {
            assert!(!is_variable_key(case["key"].as_str().unwrap()), "{case}");
        }
        assert!(!is_variable_key(""));
    }

    #[test]
    fn values_can_be_masked_or_not_as_in_gitlab() {
        for case in cases("/masked_variable/cases") {
            let value = case["value"].as_str().unwrap();
            assert_eq!(is_maskable(value, false), case["maskable_when_raw_false"].as_bool().unwrap(), "{case}");
            assert_eq!(is_maskable(value, true), case["maskable_when_raw_true"].as_bool().unwrap(), "{case}");
        }
    }
}
