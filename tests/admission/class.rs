//! The rules of `NamespaceClass`.

use serde_json::{Value, json};

use crate::{
    bed::{CLASSES, bed},
    rules::{refused, try_all},
};

fn valid() -> Value {
    json!({"metadata": {"name": "rules-of-classes"}, "spec": {}})
}

fn many(count: usize) -> Vec<Value> {
    vec![json!({"podSelector": {}}); count]
}

#[tokio::test]
async fn a_malformed_class_is_refused_with_the_reason() {
    let bed = bed().await;
    let accepted = [
        (
            "/spec/serviceAccount",
            json!({"clusterRole": "team:deployers", "token": {"kind": "Rotated", "lifetime": "1h"}}),
        ),
        ("/spec/serviceAccount/token", json!({"kind": "Legacy"})),
        (
            "/spec/resourceQuota",
            json!({"hard": {"pods": 10, "requests.cpu": "2", "limits.memory": "4Gi", "count/jobs.batch": 5,
                "requests.example.edu/gpu": 1, "requests.storage": "1.5Gi"}, "scopes": ["NotTerminating"]}),
        ),
        (
            "/spec/limitRange",
            json!({"limits": [
                {"type": "Container", "default": {"cpu": "500m", "memory": "512Mi"}, "defaultRequest": {"cpu": "0.1"}},
                {"type": "PersistentVolumeClaim", "max": {"storage": "10Gi"}},
            ]}),
        ),
        ("/spec/networkPolicy", json!({"mode": "Open"})),
        ("/spec/networkPolicy", json!({"ingressFrom": ["ingress-nginx", "monitoring"]})),
        ("/spec/networkPolicy", json!({"mode": "Custom", "policies": many(16)})),
        (
            "/spec/networkPolicy",
            json!({"mode": "Custom", "policies": [{"podSelector": {}, "policyTypes": ["Ingress"],
                "ingress": [{"ports": [{"port": 80}, {"port": "web"}]}]}]}),
        ),
        ("/spec/podSecurity", json!({"enforce": "baseline", "warn": "restricted"})),
        ("/spec/podSecurity", json!({"enforce": "privileged"})),
        ("/spec/labels", json!({"course": "vs", "example.edu/term": "2026-w", "empty": ""})),
        ("/spec/annotations", json!({"example.edu/contact": "Room 7, ask for the lecturer"})),
    ];
    let quantity = "must be a Kubernetes quantity such as 500m, 2 or 4Gi, and not negative";
    let reserved = "must not set keys of gl-k8s.dev/, app.gitlab.com/, kubernetes.io/ or k8s.io/";
    let malformed_key = "has a key that is no Kubernetes key";
    let on_create = [
        refused("/spec", Value::Null, "spec: Required value"),
        refused("/spec/serviceAccount", json!({"clusterRole": "a/b"}), "must be the name of a ClusterRole"),
        refused("/spec/serviceAccount/token", json!({"kind": "Eternal"}), "Unsupported value: \"Eternal\""),
        refused("/spec/serviceAccount/token", json!({"lifetime": "59m"}), "must be at least 1h"),
        refused("/spec/serviceAccount/token", json!({"lifetime": "soon"}), "must be hours, minutes and seconds"),
        refused(
            "/spec/serviceAccount/token",
            json!({"kind": "Legacy", "lifetime": "1h"}),
            "a Legacy token never ends by itself",
        ),
        refused("/spec/resourceQuota", json!({"hard": {"pods": "lots"}}), quantity),
        refused("/spec/resourceQuota", json!({"hard": {"pods": "-1"}}), quantity),
        refused("/spec/resourceQuota", json!({"hard": {"pods": -1}}), "spec.resourceQuota.hard.pods"),
        refused("/spec/resourceQuota", json!({"hard": {"requests.memory": "4GiB"}}), quantity),
        refused("/spec/resourceQuota", json!({"hard": {"requests.memorry": "4Gi"}}), "names what Kubernetes can limit"),
        refused("/spec/resourceQuota", json!({"hard": {"requests.cpu": 0.5}}), "must be of type integer,string"),
        refused("/spec/limitRange", json!({"limits": []}), "spec.limitRange.limits"),
        refused("/spec/limitRange", json!({"limits": [{"type": "Node"}]}), "Unsupported value: \"Node\""),
        refused("/spec/limitRange", json!({"limits": [{"type": "Pod", "max": {"cpu": "x"}}]}), quantity),
        refused(
            "/spec/limitRange",
            json!({"limits": [{"type": "Container", "defaultRequest": {"cpu": "-1"}}]}),
            quantity,
        ),
        refused("/spec/limitRange", json!({"limits": [{"type": "Pod", "min": {"cpu": "x"}}]}), quantity),
        refused("/spec/limitRange", json!({"limits": [{"type": "Container", "default": {"cpu": "x"}}]}), quantity),
        refused(
            "/spec/limitRange",
            json!({"limits": [{"type": "Pod", "maxLimitRequestRatio": {"cpu": "x"}}]}),
            quantity,
        ),
        refused("/spec/networkPolicy", json!({"mode": "Closed"}), "Unsupported value: \"Closed\""),
        refused(
            "/spec/networkPolicy",
            json!({"mode": "Open", "ingressFrom": ["a"]}),
            "ingressFrom is only for mode: Isolated",
        ),
        refused(
            "/spec/networkPolicy",
            json!({"mode": "Custom", "ingressFrom": ["a"], "policies": many(1)}),
            "ingressFrom is only for mode: Isolated",
        ),
        refused("/spec/networkPolicy", json!({"ingressFrom": ["Team A"]}), "must be the name of a namespace"),
        refused("/spec/networkPolicy", json!({"ingressFrom": ["a", "a"]}), "Duplicate value"),
        refused("/spec/networkPolicy", json!({"policies": many(1)}), "policies is only for mode: Custom"),
        refused("/spec/networkPolicy", json!({"mode": "Custom"}), "mode: Custom needs 1 to 16 policies"),
        refused(
            "/spec/networkPolicy",
            json!({"mode": "Custom", "policies": []}),
            "mode: Custom needs 1 to 16 policies",
        ),
        refused("/spec/networkPolicy", json!({"mode": "Custom", "policies": many(17)}), "must have at most 16 items"),
        refused("/spec/podSecurity", json!({"enforce": "strict"}), "Unsupported value: \"strict\""),
        refused("/spec/podSecurity", json!({}), "needs enforce, warn or both"),
        refused("/spec/labels", json!({"gl-k8s.dev/project-id": "1"}), reserved),
        refused("/spec/labels", json!({"app.gitlab.com/env": "x"}), reserved),
        refused("/spec/labels", json!({"app.kubernetes.io/managed-by": "x"}), reserved),
        refused("/spec/labels", json!({"pod-security.kubernetes.io/enforce": "privileged"}), reserved),
        refused("/spec/labels", json!({"k8s.io/x": "x"}), reserved),
        refused("/spec/labels", json!({"-x": "x"}), malformed_key),
        refused("/spec/labels", json!({"course": "Distributed Systems"}), "must be the value of a label"),
        refused("/spec/labels", json!({"course": "x".repeat(64)}), "Too long"),
        refused("/spec/annotations", json!({"gl-k8s.dev/mapping": "x"}), reserved),
        refused("/spec/annotations", json!({"scheduler.alpha.kubernetes.io/node-selector": "x"}), reserved),
        refused("/spec/annotations", json!({"a/b/c": "x"}), malformed_key),
    ];
    try_all(&bed, &CLASSES, &valid(), &accepted, &on_create, &[]).await;
}
