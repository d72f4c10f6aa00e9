//! A second cluster, or a restored copy of the first, whose mappings name the same projects: another operator, another UID of
//! `kube-system`.

use control_plane::{ControlPlane, Options};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    bed::{eventually, run_operator},
    campus::Campus,
    installed::install,
    refusals::{only_production, says},
};

/// The second cluster with its operator. It ends with the test process.
async fn second() -> &'static ControlPlane {
    static SECOND: OnceCell<ControlPlane> = OnceCell::const_new();
    SECOND
        .get_or_init(async || {
            let control_plane = ControlPlane::start(&Options::default()).await.unwrap();
            install(&control_plane).await;
            run_operator(&control_plane, std::future::pending).await;
            control_plane
        })
        .await
}

/// The same objects in the second cluster as in the first.
async fn copy(campus: &Campus, instance: Value) -> Campus {
    let copy = campus.seen_from(second().await);
    copy.write_token(&copy.token, &copy.url).await;
    copy.declare_instance(&copy.name, instance).await;
    copy.declare_class(&copy.name, json!({})).await;
    copy
}

async fn is_left_alone(name: &str, spec: Value, entry: &str) {
    let soon = json!({"driftInterval": "1s"});
    let campus = Campus::with(name, soon.clone(), json!({})).await;
    campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    let project = campus.project("web-app").await;
    let mapping = format!("{name}-web");
    campus.map(&mapping, "web-app", spec.clone()).await;
    campus.until_ready(&mapping).await;
    let standing = campus.standing(project).await;
    let writes = campus.writes_about(project);
    let entries = (campus.variables(project).await, campus.clusters(project).await);

    let copy = copy(&campus, soon).await;
    let beside = copy.healthy().await;
    copy.map(&mapping, "web-app", spec.clone()).await;
    let message = copy.until_refused(&mapping, "NotOurs").await;
    says(
        &message,
        &[entry, "production", "team/web-app", "another cluster that is called ICC too", &mapping, "remove it"],
    );
    // Both have looked at it again by then, and neither has written anything.
    campus.until_comparisons(project, campus.comparisons(project) + 4).await;
    assert_eq!(campus.writes_about(project), writes);
    assert_eq!((campus.variables(project).await, campus.clusters(project).await), entries);
    campus.until_ready(&mapping).await;
    campus.still_stands_with_gitlab(&standing).await;
    copy.is_untouched(&beside).await;

    // When the first one has let go, the second one is served by itself.
    campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
    campus.until_gone(&mapping).await;
    copy.until_ready(&mapping).await;
    let seen = copy.job(project, "production", true).await;
    assert_eq!(seen["KUBE_URL"], copy.control_plane.server_url());
    let standing = copy.standing(project).await;
    copy.still_stands_with_gitlab(&standing).await;

    // And it is the first one's turn to wait.
    campus.map(&mapping, "web-app", spec).await;
    campus.until_refused(&mapping, "NotOurs").await;
    copy.still_stands_with_gitlab(&standing).await;
    copy.patch_mapping(&mapping, json!({"spec": {"paused": true}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_a_project_that_another_cluster_serves_are_left_to_it_until_it_lets_go() {
    is_left_alone("two-clusters", only_production(), "variable KUBE_").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_entries_of_a_project_that_another_cluster_serves_are_left_to_it_until_it_lets_go() {
    let mut spec = only_production();
    spec["ciAccess"] = json!({"method": "ClusterCertificate"});
    is_left_alone("two-entries", spec, "cluster entry ").await;
}

/// A mapping from before a rule: the definition in the second cluster does not have the rule for names of environments.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_gitlab_itself_refuses_is_named_and_the_other_environments_are_served() {
    let campus = Campus::undeclared("no-rule").await;
    let campus = copy(&campus, json!({})).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(campus.admin.clone());
    let definition = definitions.get("projectmappings.gl-k8s.dev").await.unwrap();
    let mut definition = serde_json::to_value(definition).unwrap();
    let field = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/environments/items/properties/name";
    let field = definition.pointer_mut(field).unwrap().as_object_mut().unwrap();
    assert!(field.remove("x-kubernetes-validations").is_some());
    let definition = serde_json::from_value(definition).unwrap();
    definitions.replace("projectmappings.gl-k8s.dev", &PostParams::default(), &definition).await.unwrap();

    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    let spec = json!({"instance": "no-rule", "class": "no-rule", "project": {"path": "team/web-app"},
        "environments": [{"name": "Prüfung"}, {"name": "staging"}]});
    let mapping = json!({"apiVersion": "gl-k8s.dev/v1alpha1", "kind": "ProjectMapping",
        "metadata": {"name": "no-rule-web"}, "spec": spec});
    eventually("the API server takes the name", async || {
        let applied = Patch::Apply(mapping.clone());
        let parameters = PatchParams::apply("test").force();
        campus.mappings().patch("no-rule-web", &parameters, &applied).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    let message = campus.until_refused("no-rule-web", "EnvironmentRefused").await;
    says(&message, &["environment Prüfung", "team/web-app", "Name can contain only letters", "correct the name"]);
    assert!(campus.job(project, "staging", true).await.contains_key("KUBE_TOKEN"), "the other one is served");
    campus.is_untouched(&healthy).await;
    campus
        .patch_mapping("no-rule-web", json!({"spec": {"environments": [{"name": "exam"}, {"name": "staging"}]}}))
        .await;
    campus.until_ready("no-rule-web").await;
    assert!(campus.job(project, "exam", true).await.contains_key("KUBE_TOKEN"));
    campus.patch_mapping("no-rule-web", json!({"spec": {"paused": true}})).await;
}
