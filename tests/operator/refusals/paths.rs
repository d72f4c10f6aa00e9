//! Paths of projects that no namespace can be called after.

use gl_k8s_integrator::api::ProjectMapping;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::PostParams};
use serde_json::json;

use super::{only_production, says};
use crate::campus::Campus;

/// A project of this path is mapped; gives the namespace of `production`.
async fn namespace_of(campus: &Campus, mapping: &str, path: &str, name: &str) -> (i64, String) {
    let project = json!({"name": name, "path": path, "namespace_id": campus.group});
    let project = campus.gitlab("POST", "/projects", project).await["id"].as_i64().unwrap();
    campus.map(mapping, path, only_production()).await;
    campus.until_ready(mapping).await;
    let namespace = campus.job(project, "production", true).await["KUBE_NAMESPACE"].clone();
    let labels = Api::<Namespace>::all(campus.admin.clone()).get(&namespace).await.unwrap().metadata.labels.unwrap();
    assert_eq!(labels["gl-k8s.dev/project-id"], project.to_string());
    assert!(labels["app.gitlab.com/app"].len() <= 63);
    let standing = campus.standing(project).await;
    campus.still_stands_with_gitlab(&standing).await;
    (project, namespace)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_path_of_255_characters_loses_its_end_and_nothing_else() {
    let campus = Campus::new("long").await;
    let path = format!("web-{}", "a".repeat(251));
    let (project, namespace) = namespace_of(&campus, "long-web", &path, "long").await;
    assert_eq!(namespace.len(), 63);
    assert!(
        namespace.starts_with("long-web-aaaa") && namespace.ends_with(&format!("-{project}-production")),
        "{namespace}"
    );
    let other = format!("web-{}b", "a".repeat(250));
    let (other, beside) = namespace_of(&campus, "long-other", &other, "long too").await;
    assert_ne!(beside, namespace);
    assert!(beside.ends_with(&format!("-{other}-production")), "{beside}");
}

#[tokio::test(flavor = "multi_thread")]
async fn upper_case_dots_and_underscores_in_a_path_become_what_gitlab_makes_of_them() {
    let campus = Campus::new("dots").await;
    let (project, namespace) = namespace_of(&campus, "dots-web", "Web.App_2.0", "Web App 2.0").await;
    assert_eq!(namespace, format!("dots-web-app-2-0-{project}-production"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_in_another_case_finds_the_project() {
    let campus = Campus::new("case").await;
    let project = campus.project("Web-App").await;
    let mut spec = only_production();
    spec["project"] = json!({"path": "TEAM/web-app"});
    campus.map("case-web", "web-app", spec).await;
    let mapping = campus.until_ready("case-web").await;
    let seen = mapping.status.unwrap().project.unwrap();
    assert_eq!((seen.id, seen.path.as_deref()), (Some(project), Some("team/Web-App")), "as GitLab spells it");
    campus.map("case-other", "Web-App", only_production()).await;
    says(&campus.until_refused("case-other", "AlreadyMapped").await, &["case-web", "team/Web-App"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn umlauts_are_for_the_names_of_projects_and_a_path_with_them_is_refused_with_the_rule() {
    let campus = Campus::new("umlauts").await;
    let (project, namespace) = namespace_of(&campus, "umlauts-web", "uebung", "Übung für Anfänger").await;
    assert_eq!(namespace, format!("umlauts-uebung-{project}-production"));
    let object = json!({"apiVersion": "gl-k8s.dev/v1alpha1", "kind": "ProjectMapping", "metadata": {"name": "umlauts-path"},
        "spec": {"instance": "umlauts", "class": "umlauts", "project": {"path": "team/übung"},
            "environments": [{"name": "production"}]}});
    let mapping: ProjectMapping = serde_json::from_value(object).unwrap();
    let refusal = campus.mappings().create(&PostParams::default(), &mapping).await.unwrap_err().to_string();
    says(&refusal, &["spec.project.path", "team/web-app"]);
}
