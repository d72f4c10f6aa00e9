//! The control plane with everything installed, and the few calls that all tests share.

use std::{future::Future, path::Path, time::Duration};

use control_plane::ControlPlane;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::actors;

/// The shared control plane and an administrator's client for it.
pub struct Bed {
    pub control_plane: &'static ControlPlane,
    pub admin: Client,
}

static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// Installs CRDs and manifests once, as an administrator would, and waits until the API server enforces them.
pub async fn bed() -> Bed {
    let control_plane = ControlPlane::shared().await;
    let bed = Bed { control_plane, admin: control_plane.admin_client() };
    INSTALLED.get_or_init(async || install(&bed).await).await;
    bed
}

async fn install(bed: &Bed) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    bed.control_plane.kubectl_apply(&root.join("crds")).await.unwrap();
    bed.control_plane.kubectl_apply(&root.join("manifests")).await.unwrap();
    let established = bed
        .control_plane
        .kubectl()
        .args(["wait", "--for=condition=Established", "--timeout=60s", "crd"])
        .args(["gitlabinstances.gl-k8s.dev", "namespaceclasses.gl-k8s.dev", "projectmappings.gl-k8s.dev"])
        .output()
        .await
        .unwrap();
    assert!(established.status.success(), "{}", String::from_utf8_lossy(&established.stderr));
    eventually("the aggregated role is filled", async || {
        let role = bed.get(&CLUSTER_ROLES.resource(), None, "gitlab-group-master").await;
        role.data["rules"].as_array().is_some_and(|rules| !rules.is_empty())
    })
    .await;
    policies_work(bed).await;
}

/// Policies take effect a moment after they are stored: tries one thing that each of them refuses.
async fn policies_work(bed: &Bed) {
    let operator = bed.operator().await;
    let creator = actors::with_rules(bed, "policy-probe", &json!([actors::rule("", "namespaces", "create")])).await;
    bed.managed_namespace("policy-probe-managed").await;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let namespaces = |client: &Client| NAMESPACES.api(client, None);
    let secrets = SECRETS.api(&bed.admin, Some("policy-probe-managed"));
    eventually("the policies are enforced", async || {
        let unmanaged = object(json!({"metadata": {"name": "policy-probe-1"}}));
        let claimed = object(managed("policy-probe-2"));
        let minted = object(token_secret("policy-probe", "default"));
        namespaces(&operator).create(&dry_run, &unmanaged).await.is_err()
            && namespaces(&creator).create(&dry_run, &claimed).await.is_err()
            && secrets.create(&dry_run, &minted).await.is_err()
    })
    .await;
}

impl Bed {
    /// A client with the operator's account.
    pub async fn operator(&self) -> Client {
        let token = self.control_plane.token_for("gl-k8s-integrator", "gl-k8s-integrator").await.unwrap();
        self.control_plane.client_with_token(&token)
    }

    pub async fn get(&self, resource: &ApiResource, namespace: Option<&str>, name: &str) -> DynamicObject {
        api(&self.admin, resource, namespace).get(name).await.unwrap()
    }

    /// A namespace without any mark.
    pub async fn unmanaged_namespace(&self, name: &str) {
        self.make(&NAMESPACES, None, json!({"metadata": {"name": name}})).await;
    }

    /// A namespace that carries a claim.
    pub async fn managed_namespace(&self, name: &str) {
        self.make(&NAMESPACES, None, managed(name)).await;
    }

    /// Creates an object as administrator.
    pub async fn make(&self, kind: &Kind, namespace: Option<&str>, content: Value) -> DynamicObject {
        let made = kind.api(&self.admin, namespace).create(&PostParams::default(), &kind.object(content)).await;
        made.unwrap_or_else(|error| panic!("cannot make {}: {error}", kind.kind))
    }
}

/// A kind of object, for calls that do not need its type.
#[derive(Clone, Copy)]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
}

pub const NAMESPACES: Kind = Kind { group: "", version: "v1", kind: "Namespace", plural: "namespaces" };
pub const SECRETS: Kind = Kind { group: "", version: "v1", kind: "Secret", plural: "secrets" };
pub const SERVICE_ACCOUNTS: Kind = Kind { group: "", version: "v1", kind: "ServiceAccount", plural: "serviceaccounts" };
pub const QUOTAS: Kind = Kind { group: "", version: "v1", kind: "ResourceQuota", plural: "resourcequotas" };
pub const LIMIT_RANGES: Kind = Kind { group: "", version: "v1", kind: "LimitRange", plural: "limitranges" };
pub const NETWORK_POLICIES: Kind =
    Kind { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy", plural: "networkpolicies" };
pub const ROLE_BINDINGS: Kind =
    Kind { group: "rbac.authorization.k8s.io", version: "v1", kind: "RoleBinding", plural: "rolebindings" };
pub const CLUSTER_ROLES: Kind =
    Kind { group: "rbac.authorization.k8s.io", version: "v1", kind: "ClusterRole", plural: "clusterroles" };
pub const CLUSTER_ROLE_BINDINGS: Kind = Kind {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    kind: "ClusterRoleBinding",
    plural: "clusterrolebindings",
};
pub const INSTANCES: Kind =
    Kind { group: "gl-k8s.dev", version: "v1alpha1", kind: "GitLabInstance", plural: "gitlabinstances" };
pub const CLASSES: Kind =
    Kind { group: "gl-k8s.dev", version: "v1alpha1", kind: "NamespaceClass", plural: "namespaceclasses" };
pub const MAPPINGS: Kind =
    Kind { group: "gl-k8s.dev", version: "v1alpha1", kind: "ProjectMapping", plural: "projectmappings" };

impl Kind {
    pub fn resource(&self) -> ApiResource {
        let kind = GroupVersionKind::gvk(self.group, self.version, self.kind);
        ApiResource::from_gvk_with_plural(&kind, self.plural)
    }

    pub fn api(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        api(client, &self.resource(), namespace)
    }

    /// The object with its type written in, as server-side apply needs it.
    pub fn object(&self, mut content: Value) -> DynamicObject {
        let api_version =
            if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) };
        content["apiVersion"] = json!(api_version);
        content["kind"] = json!(self.kind);
        object(content)
    }

    /// Forced server-side apply, as the operator writes.
    pub async fn apply(&self, client: &Client, namespace: &str, content: Value) -> Result<DynamicObject, kube::Error> {
        let applied = self.object(content);
        let name = applied.metadata.name.clone().unwrap();
        let parameters = PatchParams::apply("gl-k8s-integrator").force();
        self.api(client, Some(namespace)).patch(&name, &parameters, &Patch::Apply(&applied)).await
    }
}

fn api(client: &Client, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

pub fn object(content: Value) -> DynamicObject {
    serde_json::from_value(content).unwrap()
}

/// A namespace with a claim, as the operator creates it.
pub fn managed(name: &str) -> Value {
    json!({"metadata": {
        "name": name,
        "labels": {
            "app.kubernetes.io/managed-by": "gl-k8s-integrator",
            "gl-k8s.dev/instance": "campus",
            "gl-k8s.dev/project-id": "42",
            "app.gitlab.com/app": "team-web-app",
            "app.gitlab.com/env": "production",
        },
        "annotations": {
            "gl-k8s.dev/gitlab-url": "https://gitlab.example.edu",
            "gl-k8s.dev/environment": "production",
            "gl-k8s.dev/mapping": "web-app",
        },
    }})
}

/// A Secret that Kubernetes fills with a token of this account.
pub fn token_secret(name: &str, account: &str) -> Value {
    json!({
        "metadata": {"name": name, "annotations": {"kubernetes.io/service-account.name": account}},
        "type": "kubernetes.io/service-account-token",
    })
}

/// What the API server said when it refused.
pub fn refusal<T: std::fmt::Debug>(answer: Result<T, kube::Error>) -> String {
    match answer {
        Err(kube::Error::Api(status)) => status.message.clone(),
        other => panic!("should have been refused: {other:?}"),
    }
}

/// Waits until something is so, at most a minute.
pub async fn eventually<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok(), "not within a minute: {what}");
}
