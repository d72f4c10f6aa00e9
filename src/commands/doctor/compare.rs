//! Whether an object in the cluster is the one that was installed.

use serde_json::Value;

/// What the API server fills in where nothing was said.
const DEFAULTS: [(&str, &str); 4] =
    [("matchPolicy", "Equivalent"), ("scope", "*"), ("strategy", "None"), ("failurePolicy", "Fail")];
/// No more differences than these are told.
const MOST: usize = 3;

/// The places where a live value is not the expected one, a few at most. What the API server fills in by itself is no
/// difference; everything else that was added is.
pub fn differences(expected: &Value, live: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("spec", expected, live, &mut found);
    found
}

/// The differences in a sentence.
pub fn in_words(differences: &[String]) -> String {
    let more = if differences.len() >= MOST { " and perhaps more" } else { "" };
    format!("{}{more}", differences.join(", "))
}

fn walk(way: &str, expected: &Value, live: &Value, found: &mut Vec<String>) {
    if found.len() >= MOST {
        return;
    }
    match (expected, live) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (key, value) in wanted {
                walk(&format!("{way}.{key}"), value, there.get(key).unwrap_or(&Value::Null), found);
            }
            for (key, value) in there.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
                if !is_zero(value) && !is_default(key, value) && found.len() < MOST {
                    found.push(format!("{way}.{key} was added"));
                }
            }
        }
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            for (number, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                let name = wanted.get("name").and_then(Value::as_str).map_or(number.to_string(), str::to_owned);
                walk(&format!("{way}[{name}]"), wanted, there, found);
            }
        }
        (wanted, there) if wanted == there || (is_nothing(wanted) && is_nothing(there)) => {}
        (_, there) if is_nothing(there) => found.push(format!("{way} is missing")),
        _ => found.push(format!("{way} differs")),
    }
}

/// Kubernetes does not tell these from what is absent.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What the API server may write out where nothing was said.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        value => is_nothing(value),
    }
}

fn is_default(key: &str, value: &Value) -> bool {
    DEFAULTS.iter().any(|(known, default)| *known == key && value == default)
        || value.as_object().is_some_and(|fields| fields.iter().all(|(key, value)| is_default(key, value)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_fills_in_is_no_difference() {
        let expected = json!({"rules": [{"verbs": ["CREATE"]}], "failurePolicy": "Fail"});
        let live = json!({"rules": [{"verbs": ["CREATE"], "scope": "*"}], "failurePolicy": "Fail",
            "matchPolicy": "Equivalent", "namespaceSelector": {}, "conversion": {"strategy": "None"}});
        assert_eq!(differences(&expected, &live), Vec::<String>::new());
    }

    #[test]
    fn what_was_changed_added_or_taken_away_is_named() {
        let expected = json!({"a": 1, "list": [{"name": "x", "value": 1}], "b": {"c": "d"}});
        assert_eq!(
            differences(&expected, &json!({"a": 2, "list": expected["list"], "b": expected["b"]})),
            ["spec.a differs"]
        );
        let changed = json!({"a": 1, "list": [{"name": "x", "value": 2}], "b": {}, "more": {"e": 1}});
        assert_eq!(
            differences(&expected, &changed),
            ["spec.b.c is missing", "spec.list[x].value differs", "spec.more was added"]
        );
        let longer = json!({"a": 1, "list": [], "b": expected["b"]});
        assert_eq!(differences(&expected, &longer), ["spec.list is missing"]);
        assert_eq!(differences(&json!({"scope": "*"}), &json!({"scope": "Namespaced"})), ["spec.scope differs"]);
    }
}
