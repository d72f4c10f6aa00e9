//! Values in their declared kinds, as lenient as Grape: numbers and booleans also as text, lists also with commas.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::params::Kind;
use crate::state::tokens::today;

/// The value in its declared kind; `None` when it cannot be that.
pub fn coerce(kind: Kind, raw: &Value) -> Option<Value> {
    if raw.is_null() {
        return Some(Value::Null);
    }
    match kind {
        Kind::Text => scalar_text(raw).map(Value::from),
        Kind::Integer => integer(raw),
        Kind::Flag => flag(raw),
        Kind::Time => moment(raw, |at| at.to_string()),
        Kind::Date => moment(raw, |at| today(at).to_string()),
        Kind::Texts => list(raw, |value| scalar_text(value).map(Value::from)),
        Kind::Integers => list(raw, integer),
        Kind::Hash(_) => None,
    }
}

fn scalar_text(raw: &Value) -> Option<String> {
    match raw {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn moment(raw: &Value, shown: impl Fn(Timestamp) -> String) -> Option<Value> {
    let text = raw.as_str()?;
    if text.is_empty() {
        return Some(Value::Null);
    }
    let date = |text: &str| text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let at = text.parse::<Timestamp>().ok().or_else(|| date(text))?;
    Some(Value::from(shown(at)))
}

fn integer(raw: &Value) -> Option<Value> {
    match raw {
        Value::Number(number) => number.as_i64().map(Value::from),
        Value::String(text) if text.is_empty() => Some(Value::Null),
        Value::String(text) => text.parse::<i64>().ok().map(Value::from),
        _ => None,
    }
}

fn flag(raw: &Value) -> Option<Value> {
    match raw {
        Value::Bool(flag) => Some(Value::from(*flag)),
        // Grape's words for a boolean, in small, capitalised or capital letters (a Python client writes `True`).
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "on" | "yes" | "y" => Some(Value::from(true)),
            "false" | "f" | "0" | "off" | "no" | "n" => Some(Value::from(false)),
            "" => Some(Value::Null),
            _ => None,
        },
        Value::Number(number) => match number.as_i64() {
            Some(1) => Some(Value::from(true)),
            Some(0) => Some(Value::from(false)),
            _ => None,
        },
        _ => None,
    }
}

fn list(raw: &Value, element: impl Fn(&Value) -> Option<Value>) -> Option<Value> {
    let elements = match raw {
        Value::Array(list) => list.iter().map(element).collect::<Option<Vec<_>>>()?,
        other => {
            let text = scalar_text(other)?;
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(|part| element(&Value::from(part))).collect::<Option<Vec<_>>>()?
        }
    };
    Some(Value::Array(elements))
}

/// Does `allow_blank: false` refuse the value?
pub fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// The texts that a list of allowed values is compared with.
pub fn each_text(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().filter_map(scalar_text).collect(),
        other => scalar_text(other).into_iter().collect(),
    }
}
