//! In what two pictures differ.

use serde_json::Value;

/// Where two values differ, and how.
pub fn differences(wanted: &Value, found: &Value) -> Vec<String> {
    let mut all = Vec::new();
    collect("", wanted, found, &mut all);
    all
}

fn collect(place: &str, wanted: &Value, found: &Value, into: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, wanted) in a {
                collect(&format!("{place}/{key}"), wanted, b.get(key).unwrap_or(&Value::Null), into);
            }
            for (key, found) in b.iter().filter(|(key, _)| !a.contains_key(*key)) {
                collect(&format!("{place}/{key}"), &Value::Null, found, into);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (wanted, found)) in a.iter().zip(b).enumerate() {
                collect(&format!("{place}/{at}"), wanted, found, into);
            }
        }
        _ if wanted == found => {}
        _ => {
            let (found, wanted) = (found.to_string(), wanted.to_string());
            let same = found.chars().zip(wanted.chars()).take_while(|(a, b)| a == b).count();
            into.push(format!("{place}: {} instead of {}", around(&found, same), around(&wanted, same)));
        }
    }
}

/// How much of a text is shown before and after the place at which it differs.
const SHOWN: (usize, usize) = (100, 500);

fn around(text: &str, place: usize) -> String {
    let start = place.saturating_sub(SHOWN.0);
    let part: String = text.chars().skip(start).take(SHOWN.0 + SHOWN.1).collect();
    if start > 0 { format!("…{part}") } else { part }
}
