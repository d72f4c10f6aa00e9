//! Following the README leads to a mapping that is ready, in a control plane of its own with an operator.

use std::{process::Stdio, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use control_plane::ControlPlane;
use gitlab_simulator::{Options, Simulator};
use gl_k8s_integrator::{
    api::ProjectMapping,
    commands::run::client,
    context::{Chance, Context, Settings},
    controllers::{self, Limits, Watching},
    gitlab::{Transport, TransportError},
    leadership::Claim,
};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::Api;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::{
    bed::{OWN, eventually},
    cluster::kubectl,
    pages::{page, root},
};

pub const ROOT: &str = "glpat-root-of-the-readme";

pub async fn gitlab(simulator: &Simulator, method: &str, path: &str, body: Value) -> Value {
    let request = Request::builder().method(method).uri(path).header("PRIVATE-TOKEN", ROOT);
    let request = request.header("Content-Type", "application/json").body(Body::from(body.to_string())).unwrap();
    let answer = simulator.router().oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
    serde_json::from_slice(&bytes).unwrap()
}

/// What the installation guide asks for in GitLab: a user with the role Maintainer and a token with the scope `api`. Gives
/// the token and the project's id.
pub async fn set_up(simulator: &Simulator) -> (String, u64) {
    let user = json!({"username": "k8s-integrator", "name": "Integrator", "email": "integrator@gitlab.example.edu",
        "password": "correct-horse-battery", "skip_confirmation": true});
    let user = gitlab(simulator, "POST", "/api/v4/users", user).await["id"].clone();
    let group =
        gitlab(simulator, "POST", "/api/v4/groups", json!({"name": "Team", "path": "team"})).await["id"].clone();
    let member = json!({"user_id": user, "access_level": 40});
    gitlab(simulator, "POST", &format!("/api/v4/groups/{group}/members"), member).await;
    let project = json!({"name": "web-app", "path": "web-app", "namespace_id": group});
    let project = gitlab(simulator, "POST", "/api/v4/projects", project).await["id"].as_u64().unwrap();
    let path = format!("/api/v4/users/{user}/personal_access_tokens");
    let token = gitlab(simulator, "POST", &path, json!({"name": "operator", "scopes": ["api"]})).await;
    (token["token"].as_str().unwrap().to_owned(), project)
}

/// Whatever URL an instance has leads to the simulator.
fn transport(simulator: &Simulator) -> Transport {
    let router = simulator.router();
    Transport::new(tower::service_fn(move |request: Request<Bytes>| {
        let router = router.clone();
        async move {
            let (head, body) = router.oneshot(request.map(Body::from)).await.unwrap().into_parts();
            Ok::<_, TransportError>(Response::from_parts(head, body.collect().await.unwrap().to_bytes()))
        }
    }))
}

pub async fn start_operator(cluster: &ControlPlane, simulator: &Simulator, stop: CancellationToken) {
    let token = cluster.token_for(OWN, OWN).await.unwrap();
    let kubernetes = client(cluster.client_config_with_token(&token)).unwrap();
    let (declarations, writers) = controllers::declarations();
    let gitlab = transport(simulator);
    let connect = Arc::new(move |_: &str, _: Option<&str>| Ok(gitlab.clone()));
    let settings =
        Settings { bad_news: Duration::from_secs(1), longest_backoff: Duration::from_secs(2), ..Settings::default() };
    let context = Context::new(kubernetes, connect, declarations, settings);
    let context = Context { chance: Arc::new(Chance::seeded(1)), ..context };
    let watching = Watching { client: context.kubernetes.clone(), writers, limits: Limits::default() };
    tokio::spawn(controllers::run(Arc::new(context), watching, Claim::alone(), stop));
}

/// The commands of a shell block on a page, with kubectl as an administrator.
pub async fn run_block(cluster: &ControlPlane, page_path: &str, holding: &str) {
    let blocks = page(page_path).blocks();
    let block = blocks.iter().find(|block| block.info == "sh" && block.text.contains(holding)).unwrap();
    let tools = cluster.kubectl_path().parent().unwrap().to_owned();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let output = tokio::process::Command::new("sh")
        .args(["-e", "-c", &block.text])
        .current_dir(root())
        .stdin(Stdio::null())
        .env("PATH", path)
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("KUBECACHEDIR", cluster.folder().join("cache"))
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&output.stderr));
}

pub async fn until(cluster: &ControlPlane, what: &str, holds: impl Fn(&ProjectMapping) -> bool) {
    let mappings: Api<ProjectMapping> = Api::all(cluster.admin_client());
    eventually(what, async || {
        let mapping = mappings.get("web-app").await.map_err(|error| error.to_string())?;
        if holds(&mapping) { Ok(()) } else { Err(format!("{:#?}", mapping.status)) }
    })
    .await;
}

pub fn is_ready(mapping: &ProjectMapping) -> bool {
    let conditions = mapping.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_and_the_installation_guide_lead_to_a_mapping_that_is_ready() {
    let cluster = ControlPlane::start(&control_plane::Options::default()).await.unwrap();
    run_block(&cluster, "docs/administrators/install.md", "kubectl apply -k manifests").await;
    kubectl(&cluster, &["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).await;
    let simulator = Simulator::new(Options::new(ROOT));
    let (token, project) = set_up(&simulator).await;
    let stop = CancellationToken::new();
    start_operator(&cluster, &simulator, stop.clone()).await;

    for block in page("README.md").blocks().iter().filter(|block| block.info == "yaml") {
        let file = cluster.folder().join("readme.yaml");
        std::fs::write(&file, block.text.replace("glpat-REPLACE-ME", &token)).unwrap();
        cluster.kubectl_apply(&file).await.unwrap();
    }
    until(&cluster, "the README's mapping is ready", is_ready).await;

    // What the README says that kubectl shows.
    let shown = kubectl(&cluster, &["get", "projectmappings"]).await;
    let namespace = format!("web-app-{project}-production");
    assert!(shown.contains("TOKEN EXPIRES") && shown.contains(&namespace) && shown.contains("True"), "{shown}");
    let described = kubectl(&cluster, &["describe", "projectmapping", "web-app"]).await;
    assert!(described.contains("NamespaceCreated"), "{described}");
    let selector = "involvedObject.kind=ProjectMapping";
    let events = kubectl(&cluster, &["get", "events", "-n", "default", "--field-selector", selector]).await;
    assert!(events.contains("TokenIssued"), "{events}");
    assert!(kubectl(&cluster, &["get", "gl-k8s"]).await.contains("gitlabinstance.gl-k8s.dev/campus"));

    let job = json!({"project": project, "ref_protected": true, "environment": "production"});
    let seen = gitlab(&simulator, "POST", "/-/simulator/jobs", job).await["variables"].to_string();
    for key in ["KUBECONFIG", "KUBE_NAMESPACE", "KUBE_TOKEN", "KUBE_URL", "KUBE_CA_PEM_FILE", "KUBE_CA_PEM"] {
        assert!(seen.contains(&format!("\"{key}\"")), "{key}: {seen}");
    }

    run_block(&cluster, "docs/administrators/operations.md", "gl-k8s.dev/renew").await;
    let handled = |mapping: &ProjectMapping| mapping.status.as_ref()?.handled_requests.clone();
    until(&cluster, "the renewal is done", |mapping| handled(mapping).is_some_and(|done| done.renew.is_some())).await;
    run_block(&cluster, "docs/administrators/operations.md", "gl-k8s.dev/revoke").await;
    until(&cluster, "the revocation is done", |mapping| handled(mapping).is_some_and(|done| done.revoke.is_some()))
        .await;
    until(&cluster, "the mapping is ready again", is_ready).await;

    // The first step of a removal waits for the end of each mapping.
    kubectl(&cluster, &["delete", "projectmappings", "--all", "--timeout=60s"]).await;
    kubectl(&cluster, &["delete", "gitlabinstances,namespaceclasses", "--all", "--timeout=60s"]).await;
    let job = json!({"project": project, "ref_protected": true, "environment": "production"});
    let seen = gitlab(&simulator, "POST", "/-/simulator/jobs", job).await["variables"].to_string();
    assert!(!seen.contains("KUBE_"), "{seen}");
    kubectl(&cluster, &["get", "namespace", &namespace]).await;
    stop.cancel();
    cluster.stop().await;
}
