//! What the page on upgrades, backups and removal says is so, tried in a real control plane with an operator.

use control_plane::ControlPlane;
use gl_k8s_integrator::api::{ProjectMapping, names};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::{
    Api, ResourceExt as _,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    bed::eventually,
    cluster::kubectl,
    first_mapping::{gitlab, is_ready, until},
    followed::Followed,
    pages::{page, root},
};

const PAGE: &str = "docs/administrators/upgrading.md";

async fn uid(cluster: &ControlPlane, namespace: &str) -> String {
    Api::<Namespace>::all(cluster.admin_client()).get(namespace).await.unwrap().uid().unwrap()
}

/// Something that people deployed.
async fn deploy_into(cluster: &ControlPlane, namespace: &str) {
    let api: Api<ConfigMap> = Api::namespaced(cluster.admin_client(), namespace);
    let metadata = ObjectMeta { name: Some("deployed".into()), ..ObjectMeta::default() };
    api.create(&PostParams::default(), &ConfigMap { metadata, ..ConfigMap::default() }).await.unwrap();
}

async fn is_deployed_in(cluster: &ControlPlane, namespace: &str) -> bool {
    let api: Api<ConfigMap> = Api::namespaced(cluster.admin_client(), namespace);
    api.get_opt("deployed").await.unwrap().is_some()
}

/// All objects of our kinds vanish, as if they had never been: no operator runs that could take notice.
async fn lose_the_kinds(cluster: &ControlPlane) {
    for kind in ["projectmappings", "gitlabinstances", "namespaceclasses"] {
        for name in kubectl(cluster, &["get", kind, "-o", "name"]).await.lines() {
            kubectl(cluster, &["patch", name, "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).await;
        }
        kubectl(cluster, &["delete", kind, "--all", "--timeout=60s"]).await;
    }
}

async fn variables(followed: &Followed) -> Vec<(String, String)> {
    let path = format!("/api/v4/projects/{}/variables?per_page=100", followed.project);
    let variables = gitlab(&followed.simulator, "GET", &path, Value::Null).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = variables.as_array().unwrap().iter();
    let mut found: Vec<_> =
        found.map(|variable| (text(&variable["key"]), text(&variable["environment_scope"]))).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_restored_finds_its_namespaces_and_its_project_again() {
    let mut followed = Followed::start().await;
    let namespace = followed.namespace();
    let before = (uid(&followed.cluster, &namespace).await, variables(&followed).await);
    deploy_into(&followed.cluster, &namespace).await;

    followed.run_from(PAGE, "> kinds.yaml").await;
    followed.stop_operator();
    lose_the_kinds(&followed.cluster).await;
    kubectl(&followed.cluster, &["-n", names::OPERATOR, "delete", "secret", "campus-token"]).await;
    // The path now is another project's; only the number tells them apart.
    let rename = json!({"path": "renamed"});
    gitlab(&followed.simulator, "PUT", &format!("/api/v4/projects/{}", followed.project), rename).await;

    followed.start_operator().await;
    followed.run_from(PAGE, "kubectl apply -f kinds.yaml").await;
    followed.until_ready("the restored mapping is ready").await;
    assert_eq!((uid(&followed.cluster, &namespace).await, variables(&followed).await), before);
    assert!(is_deployed_in(&followed.cluster, &namespace).await);
    let mappings: Api<ProjectMapping> = Api::all(followed.cluster.admin_client());
    let status = mappings.get("web-app").await.unwrap().status.unwrap();
    let recorded: Vec<_> = status.environments.iter().filter_map(|it| it.namespace.as_ref()?.uid.clone()).collect();
    assert!(recorded.contains(&before.0), "the UID is on record again: {recorded:?}");
    followed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_namespaces_are_restored_by_who_has_the_claims_right_and_by_nobody_else() {
    let mut followed = Followed::start().await;
    let cluster = &followed.cluster;
    let namespace = followed.namespace();
    let first = uid(cluster, &namespace).await;
    followed.run_from(PAGE, "> kinds.yaml").await;
    followed.stop_operator();
    let managed = format!("{}={}", names::MANAGED_BY_LABEL, names::MANAGED_BY);
    kubectl(cluster, &["delete", "namespaces", "-l", &managed, "--timeout=120s"]).await;

    // A tool that may do everything with namespaces.
    let of_backup = |name: &str| ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    let post = PostParams::default();
    let backup = Namespace { metadata: of_backup("backup"), ..Namespace::default() };
    Api::all(cluster.admin_client()).create(&post, &backup).await.unwrap();
    let account = ServiceAccount { metadata: of_backup("restore"), ..ServiceAccount::default() };
    Api::namespaced(cluster.admin_client(), "backup").create(&post, &account).await.unwrap();
    for arguments in [
        ["create", "clusterrole", "namespaces", "--verb=*", "--resource=namespaces"],
        ["create", "clusterrolebinding", "namespaces", "--clusterrole=namespaces", "--serviceaccount=backup:restore"],
    ] {
        kubectl(cluster, &arguments).await;
    }
    let file = cluster.folder().join("work/namespaces.yaml");
    let file = file.to_str().unwrap();
    let restore = async || {
        let who = "--as=system:serviceaccount:backup:restore";
        cluster.kubectl().args(["apply", "-f", file, who]).output().await.unwrap()
    };
    let refused = restore().await;
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && words.contains("namespaceclaims.gl-k8s.dev"), "{words}");
    let right = page(PAGE).blocks().into_iter().find(|block| block.text.contains("namespaceclaims")).unwrap();
    followed.apply(&right.text).await;
    eventually("the right has arrived", async || {
        let output = restore().await;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(words) }
    })
    .await;
    let second = uid(cluster, &namespace).await;
    assert_ne!(first, second);

    followed.start_operator().await;
    let recorded = |mapping: &ProjectMapping| {
        let environments = mapping.status.iter().flat_map(|status| &status.environments);
        let mut namespaces = environments.filter_map(|environment| environment.namespace.as_ref());
        is_ready(mapping) && namespaces.any(|recorded| recorded.uid.as_deref() == Some(&second))
    };
    until(&followed.cluster, "the new UID is on record", recorded).await;
    followed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstalled_operator_leaves_the_namespaces_and_what_people_deployed() {
    let followed = Followed::start().await;
    let cluster = &followed.cluster;
    let namespace = followed.namespace();
    deploy_into(cluster, &namespace).await;
    let delete = r#"{"spec":{"deletionPolicy":"Delete"}}"#;
    kubectl(cluster, &["patch", "projectmapping", "web-app", "--type=merge", "-p", delete]).await;

    followed.run_from(PAGE, r#""deletionPolicy":"Retain""#).await;
    kubectl(cluster, &["delete", "projectmappings", "--all", "--timeout=60s"]).await;
    kubectl(cluster, &["delete", "gitlabinstances,namespaceclasses", "--all", "--timeout=60s"]).await;
    followed.stop_operator();
    kubectl(cluster, &["delete", "-k", root().join("manifests").to_str().unwrap(), "--timeout=120s"]).await;
    kubectl(cluster, &["delete", "-f", root().join("crds").to_str().unwrap(), "--timeout=60s"]).await;
    assert_eq!(variables(&followed).await, Vec::new());
    assert!(is_deployed_in(cluster, &namespace).await);
    let managed = format!("{}={}", names::MANAGED_BY_LABEL, names::MANAGED_BY);
    assert!(kubectl(cluster, &["get", "namespaces", "-l", &managed]).await.contains(&namespace));
    followed.run_from(PAGE, "app.kubernetes.io/managed-by-").await;
    assert!(!kubectl(cluster, &["get", "namespaces", "-l", &managed]).await.contains(&namespace));
    followed.end().await;
}

/// The kind ProjectMapping of a version that is still to come.
fn newer_kind() -> String {
    let text = std::fs::read_to_string(root().join("crds/projectmappings.yaml")).unwrap();
    let mut kind: Value = serde_saphyr::from_str(&text).unwrap();
    for part in ["spec", "status"] {
        let schema = &mut kind["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part]["properties"];
        schema["notYetKnown"] = json!({"type": "string"});
    }
    kind.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_operator_keeps_what_is_declared_and_drops_only_what_it_does_not_know_of_a_status() {
    let followed = Followed::start().await;
    let cluster = &followed.cluster;
    let file = cluster.folder().join("newer.json");
    std::fs::write(&file, newer_kind()).unwrap();
    let file = file.to_str().unwrap();
    kubectl(cluster, &["apply", "--server-side", "--force-conflicts", "-f", file]).await;
    let declare = r#"{"spec":{"notYetKnown":"declared"}}"#;
    let shows = async |path: &str| {
        let path = format!("-o=jsonpath={{{path}}}");
        kubectl(cluster, &["get", "projectmapping", "web-app", &path]).await
    };
    eventually("the newer kind is served", async || {
        kubectl(cluster, &["patch", "projectmapping", "web-app", "--type=merge", "-p", declare]).await;
        if shows(".spec.notYetKnown").await == "declared" { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;

    // What the newer operator leaves: a whole status, written as the operator writes it, with more in it.
    let mappings: Api<kube::core::DynamicObject> =
        Api::all_with(cluster.admin_client(), &kube::core::ApiResource::erase::<ProjectMapping>(&()));
    let mut status = mappings.get("web-app").await.unwrap().data["status"].clone();
    status["notYetKnown"] = json!("known");
    let (version, kind) = ("gl-k8s.dev/v1alpha1", "ProjectMapping");
    let patch = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "web-app"}, "status": status});
    let parameters = PatchParams::apply(names::FIELD_MANAGER).force();
    mappings.patch_status("web-app", &parameters, &Patch::Apply(patch)).await.unwrap();

    kubectl(cluster, &["annotate", "projectmapping", "web-app", "gl-k8s.dev/renew=rolled-back"]).await;
    let renewed = |mapping: &ProjectMapping| {
        let handled = mapping.status.as_ref().and_then(|status| status.handled_requests.as_ref()?.renew.clone());
        is_ready(mapping) && handled.as_deref() == Some("rolled-back")
    };
    until(cluster, "the older operator renewed", renewed).await;
    assert_eq!(shows(".status.notYetKnown").await, "");
    assert_eq!(shows(".spec.notYetKnown").await, "declared");

    let crds = root().join("crds");
    let former = ["apply", "--server-side", "--force-conflicts", "-f", crds.to_str().unwrap()];
    kubectl(cluster, &former).await;
    eventually("the former kind is served", async || {
        if shows(".spec.notYetKnown").await.is_empty() { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    followed.until_ready("it is ready with the former kind").await;
    followed.end().await;
}
