//! GitLab's naming rules, to the letter: slugs, namespaces, labels, tiers and what GitLab accepts as a name.
//!
//! Pure functions on text. The reconcilers, the plan and the `name` command use them; the cases they must satisfy stand in
//! `tests/gitlab_vectors.json`.

mod environment;
mod namespace;
mod tier;
mod variable;

pub use environment::{environment_slug, is_environment_scope};
pub use namespace::{full_path_slug, is_dns_label, namespace_name};
pub use tier::{Tier, guess_tier};
pub use variable::{is_maskable, is_variable_key};

/// The longest DNS label, and so the longest name of a namespace and value of a label (RFC 1123).
const DNS_LABEL_LENGTH: usize = 63;

#[cfg(test)]
mod vectors {
    //! The test vectors, as a JSON tree.
    use std::sync::LazyLock;

    pub static VECTORS: LazyLock<serde_json::Value> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../tests/gitlab_vectors.json")).expect("the vectors are JSON")
    });

    /// The list at `pointer`, which must not be empty: a test over no cases would prove nothing.
    pub fn cases(pointer: &str) -> &'static [serde_json::Value] {
        let cases = VECTORS.pointer(pointer).and_then(|list| list.as_array()).expect("a list");
        assert!(!cases.is_empty(), "no cases at {pointer}");
        cases
    }
}
