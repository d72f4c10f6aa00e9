//! The JSON objects that several resources show, as GitLab's entities (lib/api/entities).

use serde_json::{Map, Value};

pub mod group;
pub mod member;
pub mod project;
pub mod token;
pub mod user;

/// Adds the keys of one object to another.
pub fn extend(target: &mut Value, more: Value) {
    if let (Value::Object(target), Value::Object(more)) = (target, more) {
        target.extend(more);
    }
}

/// An object of several parts, in their order.
pub fn joined(parts: impl IntoIterator<Item = Value>) -> Value {
    let mut whole = Value::Object(Map::new());
    for part in parts {
        extend(&mut whole, part);
    }
    whole
}
