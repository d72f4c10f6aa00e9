//! What a pass would write, as a value: what `plan` prints.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::Value;

use super::{credentials::fingerprint, difference::no_longer_wanted};

/// Stands where a token will be that does not exist before it is issued.
pub const TO_BE_ISSUED: &str = "known after it is issued";
/// Stands where a UID will be.
pub const TO_BE_MADE: &str = "known after it is made";

/// Which server a change is made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum System {
    /// The cluster.
    Kubernetes,
    /// GitLab.
    GitLab,
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Action {
    /// It does not exist yet.
    Create,
    /// It exists and differs.
    Update,
    /// It cannot be changed in place: it is deleted and made anew.
    Replace,
    /// It goes.
    Delete,
    /// A token is issued; nothing is stored by that alone.
    Issue,
}

/// One object that would be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where.
    pub system: System,
    /// What is done.
    pub action: Action,
    /// Kind and name: `RoleBinding web-app-42-production/gitlab-serviceaccount`, `variable KUBE_URL (production)`.
    pub object: String,
    /// Why.
    pub why: String,
    /// What of it differs; empty for a deletion.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// One field that differs. Secrets stand here as fingerprints only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its path: `spec.hard.pods`.
    pub path: String,
    /// What it is now, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it is to be, if it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Field {
    /// A field unless both sides are the same.
    pub fn of(path: impl Into<String>, before: Option<String>, after: Option<String>) -> Option<Self> {
        (before != after).then(|| Self { path: path.into(), before, after })
    }
}

impl Change {
    /// A change of an object in the cluster.
    pub fn kubernetes(action: Action, object: impl Into<String>, why: impl Into<String>) -> Self {
        Self { system: System::Kubernetes, action, object: object.into(), why: why.into(), fields: Vec::new() }
    }

    /// A change of something in GitLab.
    pub fn gitlab(action: Action, object: impl Into<String>, why: impl Into<String>) -> Self {
        Self { system: System::GitLab, ..Self::kubernetes(action, object, why) }
    }

    /// The same with the fields that differ.
    #[must_use]
    pub fn with(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields.extend(fields);
        self
    }
}

/// A secret as it may be shown: by its fingerprint.
pub fn veiled(secret: &str) -> String {
    if secret.contains(TO_BE_ISSUED) {
        return TO_BE_ISSUED.to_owned();
    }
    format!("sha256:{}…", fingerprint(&secret.into()))
}

/// What an apply of `wanted` changes in `live`: every field that is applied and differs, and every field that was applied
/// before and is not wanted any more.
pub fn applied_fields(wanted: &Value, live: Option<&Value>) -> Vec<Field> {
    let veil = if wanted["kind"] == "Secret" { ["data"].as_slice() } else { &[] };
    let mut fields = differing(wanted, live.unwrap_or(&Value::Null), veil);
    let removed = live.map(|live| no_longer_wanted(wanted, live)).unwrap_or_default();
    fields.extend(removed.into_iter().map(|path| Field { path, before: Some("set".into()), after: None }));
    fields
}

/// Every field of `wanted` that differs in `live`. Fields below the top-level keys in `veil` are secrets in base64.
pub fn differing(wanted: &Value, live: &Value, veil: &[&str]) -> Vec<Field> {
    let mut fields = Vec::new();
    walk(&mut Path { parts: Vec::new(), veil }, wanted, live, &mut fields);
    fields
}

struct Path<'a> {
    parts: Vec<String>,
    veil: &'a [&'a str],
}

impl Path<'_> {
    /// What names an object or is told by the server does not change.
    fn is_identity(&self) -> bool {
        let parts: Vec<_> = self.parts.iter().map(String::as_str).collect();
        matches!(parts[..], ["apiVersion" | "kind"] | ["metadata", "name" | "namespace" | "uid"])
            || self.parts.last().is_some_and(|last| last == "lastTransitionTime")
    }

    fn show(&self, value: &Value) -> Option<String> {
        let text = match value {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        if self.parts.first().is_none_or(|top| !self.veil.contains(&top.as_str())) {
            return Some(text);
        }
        let decoded = STANDARD.decode(&text).unwrap_or_else(|_| text.into_bytes());
        Some(veiled(&String::from_utf8_lossy(&decoded)))
    }
}

fn walk(path: &mut Path<'_>, wanted: &Value, live: &Value, fields: &mut Vec<Field>) {
    if path.is_identity() || wanted == live {
        return;
    }
    let mut below = |key: String, wanted: &Value, live: &Value| {
        path.parts.push(key);
        walk(path, wanted, live, fields);
        path.parts.pop();
    };
    match (wanted, live) {
        (Value::Object(wanted), live) => {
            for (key, value) in wanted {
                below(key.clone(), value, &live[key.as_str()]);
            }
        }
        (Value::Array(wanted), live) => {
            let longest = wanted.len().max(live.as_array().map_or(0, Vec::len));
            for at in 0..longest {
                below(at.to_string(), wanted.get(at).unwrap_or(&Value::Null), &live[at]);
            }
        }
        (Value::Null, Value::Object(live)) => {
            live.iter().for_each(|(key, live)| below(key.clone(), &Value::Null, live))
        }
        (Value::Null, Value::Array(live)) => {
            live.iter().enumerate().for_each(|(at, live)| below(at.to_string(), &Value::Null, live));
        }
        (wanted, live) => fields.extend(Field::of(path.parts.join("."), path.show(live), path.show(wanted))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(fields: &[Field]) -> Vec<(&str, Option<&str>, Option<&str>)> {
        fields.iter().map(|f| (f.path.as_str(), f.before.as_deref(), f.after.as_deref())).collect()
    }

    #[test]
    fn only_what_differs_is_told_field_by_field() {
        let wanted = json!({"kind": "ResourceQuota", "metadata": {"name": "q", "labels": {"a": "1"}}, "spec": {"hard": {"pods": "5"}, "scopes": ["A"]}});
        let live = json!({"metadata": {"uid": "u", "labels": {"a": "1", "b": "2"}}, "spec": {"hard": {"pods": "4", "cpu": "1"}, "scopes": ["A", "B"]}});
        let fields = applied_fields(&wanted, Some(&live));
        assert_eq!(paths(&fields), [("spec.hard.pods", Some("4"), Some("5")), ("spec.scopes.1", Some("B"), None)]);
        let new = applied_fields(&wanted, None);
        assert_eq!(paths(&new).len(), 3, "{new:?}");
    }

    #[test]
    fn a_secret_is_told_by_its_fingerprint_only() {
        let secret = |token: &str| json!({"kind": "Secret", "data": {"token": STANDARD.encode(token)}});
        let fields = applied_fields(&secret("the-new-token"), Some(&secret("the-old-token")));
        let text = format!("{fields:?}");
        assert!(
            text.contains("sha256:") && !text.contains("-token") && !text.contains(&STANDARD.encode("the-new")),
            "{text}"
        );
        let issued = applied_fields(&secret(TO_BE_ISSUED), None);
        assert_eq!(paths(&issued), [("data.token", None, Some(TO_BE_ISSUED))]);
    }

    #[test]
    fn a_field_that_was_applied_and_is_not_wanted_is_told() {
        let live = json!({"metadata": {"managedFields": [{"manager": crate::api::names::FIELD_MANAGER, "operation": "Apply",
            "fieldsV1": {"f:spec": {"f:hard": {"f:pods": {}}}}}]}, "spec": {"hard": {"pods": "1"}}});
        let fields = applied_fields(&json!({"kind": "ResourceQuota", "spec": {"hard": {}}}), Some(&live));
        assert_eq!(paths(&fields), [("spec.hard.pods", Some("set"), None)]);
    }
}
