//! GitLab's own rules as pure functions on values, one file per topic, each checked against every case of its block in
//! `tests/gitlab_vectors.json`. Nothing here knows requests, state or time.

pub mod api_address;
pub mod certificate;
pub mod cluster_choice;
pub mod default_namespace;
pub mod deployment_variables;
pub mod environment;
pub mod environment_scope;
pub mod expansion;
pub mod job_variables;
pub mod kubeconfig;
pub mod slug;
pub mod variable;

#[cfg(test)]
pub(crate) mod vectors {
    use serde_json::Value;

    /// One block of the test vectors.
    pub fn block(name: &str) -> Value {
        let all: Value = serde_json::from_str(include_str!("../../../gitlab_vectors.json")).expect("vectors are JSON");
        all.get(name).unwrap_or_else(|| panic!("no block {name}")).clone()
    }

    /// The array at a path of keys inside a value.
    pub fn cases(value: &Value, path: &str) -> Vec<Value> {
        let cases = value.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
        assert!(!cases.is_empty(), "no cases at {path}");
        cases
    }

    /// The text of a key.
    pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
        value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
    }
}
