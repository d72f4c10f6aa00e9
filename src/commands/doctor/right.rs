//! One right, as access reviews ask for it.

use k8s_openapi::api::authorization::v1::ResourceAttributes;

/// Something that an account may do, or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// What is done.
    pub verb: String,
    /// The API group; empty for the core.
    pub group: String,
    /// The plural.
    pub resource: String,
    /// A part of the resource.
    pub subresource: Option<String>,
    /// One object only.
    pub name: Option<String>,
    /// One namespace only; otherwise the whole cluster.
    pub namespace: Option<String>,
}

impl Right {
    /// `resource` may have a part after a slash.
    pub fn new(verb: &str, group: &str, resource: &str, name: Option<&str>, namespace: Option<&str>) -> Self {
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (resource, None),
        };
        Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource,
            name: name.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
        }
    }

    /// To bind a ClusterRole.
    pub fn to_bind(role: &str) -> Self {
        Self::new("bind", "rbac.authorization.k8s.io", "clusterroles", Some(role), None)
    }

    /// The same for an access review.
    pub fn attributes(&self) -> ResourceAttributes {
        ResourceAttributes {
            verb: Some(self.verb.clone()),
            group: Some(self.group.clone()),
            resource: Some(self.resource.clone()),
            subresource: self.subresource.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            ..ResourceAttributes::default()
        }
    }

    /// What it is about, without the verb: `serviceaccounts/token "x" in the namespace y`.
    pub fn subject(&self) -> String {
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        let part = self.subresource.as_ref().map(|part| format!("/{part}")).unwrap_or_default();
        let name = self.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let place = self.namespace.as_ref().map(|name| format!(" in the namespace {name}")).unwrap_or_default();
        format!("{}{group}{part}{name}{place}", self.resource)
    }
}
