//! Rules that admission checks (CEL, evaluated by the API server) and that more than one field has, each with its
//! message.
//!
//! A rule that only one field has stands at that field. The API server puts the field's path in front of the message.

/// The field keeps its first value.
pub const IMMUTABLE: (&str, &str) =
    ("self == oldSelf", "is immutable: to change it, delete this object and create it anew");

/// Name of a Secret, ConfigMap or cluster-scoped object.
pub const OBJECT_NAME: (&str, &str) = (
    "!format.dns1123Subdomain().validate(self).hasValue()",
    "must be the name of a Kubernetes object: small letters, digits, '-' and '.', beginning and ending with a letter or digit",
);

/// Key of a ConfigMap.
pub const CONFIG_MAP_KEY: (&str, &str) =
    ("self.matches('^[-._a-zA-Z0-9]+$')", "must be the key of a ConfigMap: letters, digits, '-', '_' and '.'");

/// An absolute URL with a host.
pub const URL: (&str, &str) = (
    "isURL(self) && url(self).getScheme() != '' && url(self).getHostname() != ''",
    "must be a URL such as https://gitlab.example.edu",
);

/// A URL that has nothing but scheme, host, port and path.
pub const PLAIN_URL: (&str, &str) = (
    r"!self.matches('[@?#\\s]') && !self.endsWith('/')",
    "must be a plain URL: no user, no query, no fragment, no space, no trailing slash",
);

/// The object's own name fits a label and a mark in GitLab.
pub const SHORT_OBJECT_NAME: (&str, &str) = (
    "size(self.metadata.name) <= 63",
    "metadata.name must have at most 63 characters: it becomes part of labels and of marks in GitLab",
);

/// Keys that Kubernetes, GitLab or the operator itself use on namespaces.
pub const NO_RESERVED_KEYS: (&str, &str) = (
    "self.all(k, !k.startsWith('gl-k8s.dev/') && !k.startsWith('app.gitlab.com/') && !k.contains('kubernetes.io/') && !k.contains('k8s.io/'))",
    "must not set keys of gl-k8s.dev/, app.gitlab.com/, kubernetes.io/ or k8s.io/: these belong to the operator, GitLab and Kubernetes",
);

/// Keys that are well-formed.
pub const QUALIFIED_KEYS: (&str, &str) = (
    "self.all(k, !format.qualifiedName().validate(k).hasValue())",
    "has a key that is no Kubernetes key: an optional domain and '/', then letters, digits, '-', '_' and '.'",
);
