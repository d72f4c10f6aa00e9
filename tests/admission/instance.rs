//! The rules of `GitLabInstance`.

use serde_json::{Value, json};

use crate::{
    bed::{INSTANCES, bed},
    rules::{refused, try_all},
};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";
const PLAIN: &str = "spec.url: Invalid value: \"https://";

fn valid() -> Value {
    json!({
        "metadata": {"name": "rules-of-instances"},
        "spec": {
            "url": "https://gitlab.example.edu",
            "tokenSecretRef": {"name": "campus-token"},
            "cluster": {"name": "ICC", "apiServer": "https://icc.example.edu:6443"},
        },
    })
}

#[tokio::test]
async fn a_malformed_instance_is_refused_with_the_reason() {
    let bed = bed().await;
    let accepted = [
        ("/metadata/name", json!("n".repeat(63))),
        ("/spec/url", json!("https://gitlab.example.edu:8443/gitlab")),
        ("/spec/url", json!("http://localhost:3000")),
        ("/spec/url", json!("http://127.0.0.1:3000")),
        ("/spec/url", json!("http://[::1]:3000")),
        ("/spec/namespacePrefix", json!("")),
        ("/spec/namespacePrefix", json!("gl-")),
        ("/spec/namespacePrefix", json!(format!("{}-", "p".repeat(19)))),
        ("/spec/driftInterval", json!("1h30m")),
        ("/spec/caCertificate", json!({"configMap": {"name": "ca", "key": "ca.crt"}})),
        ("/spec/cluster/name", json!("ICC K8s (Gebäude 7)")),
        ("/spec/cluster/ingressBaseDomain", json!("icc.example.edu")),
        ("/spec/cluster/caCertificate", json!({"source": "PublicTrust"})),
        ("/spec/cluster/caCertificate", json!({"source": "Inline", "inline": PEM})),
        ("/spec/cluster/caCertificate", json!({"source": "ConfigMap", "configMap": {"name": "ca", "key": "ca.crt"}})),
    ];
    let on_create = [
        refused("/metadata/name", json!("n".repeat(64)), "metadata.name must have at most 63 characters"),
        refused("/spec/url", Value::Null, "spec.url: Required value"),
        refused("/spec/url", json!("gitlab.example.edu"), "must be a URL such as"),
        refused("/spec/url", json!("/gitlab"), "must be a URL such as"),
        refused("/spec/url", json!("https:///gitlab"), "must be a URL such as"),
        refused(
            "/spec/url",
            json!("http://gitlab.example.edu"),
            "must begin with https://; http:// is only for a loopback host",
        ),
        refused("/spec/url", json!("http://127.0.0.1.example.edu"), "http:// is only for a loopback host"),
        refused("/spec/url", json!("http://localhost.example.edu"), "http:// is only for a loopback host"),
        refused("/spec/url", json!("ssh://gitlab.example.edu"), "must begin with https://"),
        refused("/spec/url", json!("https://gitlab.example.edu/"), "must be a plain URL: no user, no query"),
        refused("/spec/url", json!("https://user-1@gitlab.example.edu"), PLAIN),
        refused("/spec/url", json!("https://gitlab.example.edu?private_token=x"), PLAIN),
        refused("/spec/url", json!("https://gitlab.example.edu#x"), PLAIN),
        refused("/spec/url", json!("https://gitlab.example.edu/a b"), PLAIN),
        refused("/spec/url", json!(format!("https://{}.example.edu", "a".repeat(255))), "spec.url: Too long"),
        refused("/spec/tokenSecretRef", Value::Null, "spec.tokenSecretRef: Required value"),
        refused("/spec/tokenSecretRef/name", json!("Campus_Token"), "must be the name of a Kubernetes object"),
        refused("/spec/tokenSecretRef/name", json!("other-namespace/token"), "must be the name of a Kubernetes object"),
        refused("/spec/caCertificate", json!({}), "spec.caCertificate.configMap: Required value"),
        refused(
            "/spec/caCertificate",
            json!({"configMap": {"name": "ca"}}),
            "spec.caCertificate.configMap.key: Required",
        ),
        refused(
            "/spec/caCertificate",
            json!({"configMap": {"name": "ca", "key": "a/b"}}),
            "must be the key of a ConfigMap",
        ),
        refused(
            "/spec/caCertificate",
            json!({"configMap": {"name": "A", "key": "a"}}),
            "must be the name of a Kubernetes object",
        ),
        refused(
            "/spec/cluster/caCertificate",
            json!({"source": "ConfigMap", "configMap": {"name": "A", "key": "a/b"}}),
            "must be the key",
        ),
        refused("/spec/cluster/name", json!(""), "spec.cluster.name"),
        refused("/spec/cluster/name", json!("n".repeat(64)), "spec.cluster.name: Too long"),
        refused("/spec/cluster/name", json!("a/b"), "must contain no '/' and no control characters"),
        refused("/spec/cluster/name", json!("a\nb"), "must contain no '/' and no control characters"),
        refused("/spec/cluster/name", json!("a\u{85}b"), "must contain no '/' and no control characters"),
        refused("/spec/cluster/name", json!(" ICC"), "must not begin or end with a space"),
        refused("/spec/cluster/apiServer", json!("http://icc.example.edu"), "spec.cluster.apiServer: Invalid value"),
        refused("/spec/cluster/apiServer", json!("icc.example.edu:6443"), "must begin with https://"),
        refused("/spec/cluster/apiServer", json!("https://"), "must be a URL such as"),
        refused("/spec/cluster/apiServer", json!("https://icc.example.edu/"), "must be a plain URL"),
        refused(
            "/spec/cluster/ingressBaseDomain",
            json!("*.icc.example.edu"),
            "must be a domain name in small letters",
        ),
        refused("/spec/cluster/caCertificate", json!({"source": "Guess"}), "Unsupported value: \"Guess\""),
        refused(
            "/spec/cluster/caCertificate",
            json!({"source": "Inline"}),
            "source: Inline needs the certificates in inline",
        ),
        refused("/spec/cluster/caCertificate", json!({"inline": PEM}), "inline is only for source: Inline"),
        refused(
            "/spec/cluster/caCertificate",
            json!({"source": "Inline", "inline": "x"}),
            "must be one or more certificates as PEM",
        ),
        refused("/spec/cluster/caCertificate", json!({"source": "Inline", "inline": KEY}), "and no private key"),
        refused(
            "/spec/cluster/caCertificate",
            json!({"source": "ConfigMap"}),
            "source: ConfigMap needs name and key in configMap",
        ),
        refused(
            "/spec/cluster/caCertificate",
            json!({"source": "PublicTrust", "configMap": {"name": "ca", "key": "ca.crt"}}),
            "configMap is only for source: ConfigMap",
        ),
        refused("/spec/namespacePrefix", json!("gl"), "must be empty, or begin with a small letter or digit"),
        refused("/spec/namespacePrefix", json!("-gl-"), "must be empty, or begin with a small letter or digit"),
        refused("/spec/namespacePrefix", json!("GL-"), "must be empty, or begin with a small letter or digit"),
        refused("/spec/namespacePrefix", json!(format!("{}-", "p".repeat(20))), "spec.namespacePrefix: Too long"),
        refused("/spec/driftInterval", json!("1d"), "must be hours, minutes and seconds like 24h, 1h30m or 90s"),
        refused("/spec/driftInterval", json!("-6h"), "must be hours, minutes and seconds"),
        refused("/spec/driftInterval", json!("0s"), "must be at least 1s"),
    ];
    let on_change = [
        refused(
            "/spec/url",
            json!("https://other.example.edu"),
            "spec.url: Invalid value: \"https://other.example.edu\": is immutable",
        ),
        refused("/spec/cluster", json!({"name": "other"}), "spec.cluster.name: Invalid value: \"other\": is immutable"),
        refused("/spec/namespacePrefix", json!("gl-"), "spec.namespacePrefix: Invalid value: \"gl-\": is immutable"),
    ];
    try_all(&bed, &INSTANCES, &valid(), &accepted, &on_create, &on_change).await;
}
