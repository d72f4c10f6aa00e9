//! Whether an object that exists is what we want it to be, so that nothing is written when nothing changed.
//!
//! A server-side apply that changes nothing still costs the API server more than three reads, so the comparison is
//! made here first: every field that we would apply must stand in the live object, and every field that we applied
//! before (as the live object's `managedFields` tell) must still be wanted.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Map, Value};

use super::quantity;
use crate::api::names::FIELD_MANAGER;

/// What has to happen to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing.
    None,
    /// A server-side apply puts it right.
    Apply,
    /// It cannot be changed in place: delete it (UID and resourceVersion preconditions) and make it anew.
    Replace {
        /// Which field stands in the way.
        why: &'static str,
    },
}

/// Compares what is wanted with what exists; both as JSON of the same kind.
pub fn difference(wanted: &Value, live: Option<&Value>) -> Difference {
    let Some(live) = live else { return Difference::Apply };
    if let Some(why) = stands_in_the_way(wanted, live) {
        return Difference::Replace { why };
    }
    let same_text = match wanted["kind"].as_str() {
        Some("ResourceQuota" | "LimitRange") => quantity::are_equal,
        _ => |_: &str, _: &str| false,
    };
    if contains(live, wanted, same_text) && no_longer_wanted(wanted, live).is_empty() {
        Difference::None
    } else {
        Difference::Apply
    }
}

/// Fields that Kubernetes refuses to change, and objects that are on their way out.
fn stands_in_the_way(wanted: &Value, live: &Value) -> Option<&'static str> {
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return Some("metadata.deletionTimestamp");
    }
    if live["immutable"] == Value::Bool(true) {
        return Some("immutable");
    }
    if wanted["kind"] == "Secret" && wanted["type"] != live["type"] {
        return Some("type");
    }
    if !wanted["roleRef"].is_null() && wanted["roleRef"] != live["roleRef"] {
        return Some("roleRef");
    }
    None
}

/// Whether `live` holds everything in `wanted`. Objects are compared key by key, since the API server fills in
/// defaults; lists element by element, since all lists that we write are atomic or set by us alone. `same_text` says which
/// texts are the same although they are spelt differently.
fn contains(live: &Value, wanted: &Value, same_text: fn(&str, &str) -> bool) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted
            .iter()
            .filter(|(_, value)| !is_empty(value))
            .all(|(key, value)| live.get(key).is_some_and(|live| contains(live, value, same_text))),
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len()
                && live.iter().zip(wanted).all(|(live, wanted)| contains(live, wanted, same_text))
        }
        (Value::String(live), Value::String(wanted)) => live == wanted || same_text(live, wanted),
        (live, wanted) => live == wanted,
    }
}

/// The API server drops nulls, and leaves out empty maps and lists of most types.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// The paths of fields that we applied before, as the live object's `managedFields` tell, and do not want any more.
pub fn no_longer_wanted(wanted: &Value, live: &Value) -> Vec<String> {
    let Ok(entries) = serde_json::from_value::<Vec<ManagedFieldsEntry>>(live["metadata"]["managedFields"].clone())
    else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    for entry in entries.iter().filter(|entry| is_applied_by_us(entry)) {
        if let Some(fields) = entry.fields_v1.as_ref().and_then(|fields| fields.0.as_object()) {
            collect_unwanted("", fields, wanted, &mut paths);
        }
    }
    paths
}

/// Whether an entry of `managedFields` tells what we applied.
pub fn is_applied_by_us(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(FIELD_MANAGER)
        && entry.operation.as_deref() == Some("Apply")
        && entry.subresource.as_deref().unwrap_or("").is_empty()
}

/// Walks `f:name` entries; below `k:`, `v:` and `i:` (elements of lists) the values were compared already.
fn collect_unwanted(above: &str, fields: &Map<String, Value>, wanted: &Value, paths: &mut Vec<String>) {
    for (key, below) in fields {
        let Some(name) = key.strip_prefix("f:") else { continue };
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        let fields = below.as_object();
        match (wanted.get(name), fields) {
            (Some(value), Some(fields)) => collect_unwanted(&path, fields, value, paths),
            (Some(_), None) => {}
            (None, Some(fields)) if fields.keys().any(|key| key.starts_with("f:")) => {
                collect_unwanted(&path, fields, &Value::Null, paths);
            }
            (None, _) => paths.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn quota(hard: Value, owned: Value) -> Value {
        json!({"metadata": {"name": "q", "uid": "1", "managedFields": [
            {"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
             "fieldsV1": {"f:spec": {"f:hard": owned}}}]},
            "spec": {"hard": hard}, "status": {}})
    }

    #[test]
    fn an_equal_object_is_not_written() {
        let wanted = json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "5"}, "scopes": []}});
        assert_eq!(difference(&wanted, Some(&quota(json!({"pods": "5"}), json!({"f:pods": {}})))), Difference::None);
    }

    #[test]
    fn a_quantity_that_the_server_spells_differently_is_not_written() {
        let compare = |kind: &str, cpu: &str| {
            let mut live = quota(json!({"cpu": "500m"}), json!({"f:cpu": {}}));
            live["kind"] = json!(kind);
            let wanted = json!({"kind": kind, "metadata": {"name": "q"}, "spec": {"hard": {"cpu": cpu}}});
            difference(&wanted, Some(&live))
        };
        assert_eq!(compare("ResourceQuota", "0.5"), Difference::None);
        assert_eq!(compare("ResourceQuota", "0.6"), Difference::Apply);
        assert_eq!(compare("NetworkPolicy", "0.5"), Difference::Apply);
    }

    #[test]
    fn a_missing_edited_or_no_longer_wanted_field_is_applied() {
        let wanted = json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "5"}}});
        assert_eq!(difference(&wanted, None), Difference::Apply);
        for (hard, owned) in [
            (json!({"pods": "6"}), json!({"f:pods": {}})),
            (json!({}), json!({})),
            (json!({"pods": "5", "secrets": "9"}), json!({"f:pods": {}, "f:secrets": {}})),
        ] {
            assert_eq!(difference(&wanted, Some(&quota(hard, owned))), Difference::Apply);
        }
    }

    #[test]
    fn a_field_of_somebody_else_is_left_alone() {
        let wanted = json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "5"}}});
        let live = quota(json!({"pods": "5", "secrets": "9"}), json!({"f:pods": {}}));
        assert_eq!(difference(&wanted, Some(&live)), Difference::None);
    }

    #[test]
    fn what_cannot_change_in_place_is_replaced() {
        let binding = |role: &str| json!({"kind": "RoleBinding", "roleRef": {"kind": "ClusterRole", "name": role}});
        assert_eq!(difference(&binding("a"), Some(&binding("b"))), Difference::Replace { why: "roleRef" });
        let secret = |r#type: &str| json!({"kind": "Secret", "type": r#type});
        assert_eq!(difference(&secret("Opaque"), Some(&secret("other"))), Difference::Replace { why: "type" });
        let immutable = json!({"kind": "Secret", "type": "Opaque", "immutable": true});
        assert_eq!(difference(&secret("Opaque"), Some(&immutable)), Difference::Replace { why: "immutable" });
        let going = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert!(matches!(difference(&json!({}), Some(&going)), Difference::Replace { .. }));
    }
}
