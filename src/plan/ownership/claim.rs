//! What a namespace says about itself.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;

use super::ProjectIdentity;
use crate::api::names;

/// The claim on a namespace, read from its labels and annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which project the namespace belongs to.
    pub project: ProjectIdentity,
    /// The environment's exact name; empty for a per-project namespace.
    pub environment: String,
    /// The mapping that wrote the claim last.
    pub mapping: String,
}

impl Claim {
    /// Reads the claim of a namespace; `None` when a part is missing or malformed. The managed-by label is not looked at.
    pub fn read(namespace: &Namespace) -> Option<Self> {
        let labels = namespace.metadata.labels.as_ref()?;
        let annotations = namespace.metadata.annotations.as_ref()?;
        Some(Self {
            project: ProjectIdentity {
                gitlab_url: annotations.get(names::GITLAB_URL_ANNOTATION)?.clone(),
                project_id: labels.get(names::PROJECT_ID)?.parse().ok()?,
            },
            environment: annotations.get(names::ENVIRONMENT_ANNOTATION)?.clone(),
            mapping: annotations.get(names::MAPPING_ANNOTATION)?.clone(),
        })
    }
}

/// Whether the namespace carries our managed-by label.
pub fn is_managed(labels: Option<&BTreeMap<String, String>>) -> bool {
    labels.and_then(|labels| labels.get(names::MANAGED_BY_LABEL)).is_some_and(|value| value == names::MANAGED_BY)
}

/// Whether the namespace carries any of our marks besides the managed-by label, be they complete or not.
pub fn is_marked(namespace: &Namespace) -> bool {
    let ours = |map: &Option<BTreeMap<String, String>>| {
        map.iter().flatten().any(|(key, _)| key.starts_with(names::MARK_PREFIX))
    };
    ours(&namespace.metadata.labels) || ours(&namespace.metadata.annotations)
}
