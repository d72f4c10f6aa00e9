//! What each method asks for, and what it makes of GitLab's answers.

use bytes::Bytes;
use jiff::civil::date;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::scripted::{Script, answer, answer_with};
use crate::{
    gitlab::{
        ClusterSettings, EnvironmentState, Error, FeatureAccess, FeatureState, NewVariable, ProjectRef, TokenSelf,
        VariableType,
    },
    naming::Tier,
};

fn project(id: i64) -> Value {
    json!({"id": id, "path": "web-app", "path_with_namespace": "team/web-app", "archived": false,
        "marked_for_deletion_on": null, "builds_access_level": "enabled", "environments_access_level": "private",
        "infrastructure_access_level": "disabled", "star_count": 3,
        "permissions": {"project_access": {"access_level": 40, "notification_level": 3}, "group_access": null}})
}

fn variable(key: &str, scope: &str, value: Option<&str>) -> Value {
    json!({"variable_type": "file", "key": key, "value": value, "hidden": value.is_none(), "protected": true,
        "masked": false, "raw": true, "environment_scope": scope, "description": "a mark"})
}

fn wanted(key: &str, scope: &str) -> NewVariable {
    NewVariable {
        key: key.to_owned(),
        value: SecretString::from("a value"),
        variable_type: VariableType::File,
        protected: true,
        masked: false,
        raw: true,
        environment_scope: scope.to_owned(),
        description: Some("a mark".to_owned()),
    }
}

fn cluster(id: i64) -> Value {
    json!({"id": id, "name": "a mark", "domain": null, "enabled": true, "managed": false, "provider_type": "user",
        "environment_scope": "production", "namespace_per_environment": true,
        "platform_kubernetes": {"api_url": "https://kube.example.com:6443", "namespace": "web-42-production",
            "authorization_type": "rbac", "ca_cert": "PEM"}, "management_project": null})
}

fn settings() -> ClusterSettings {
    ClusterSettings {
        name: "a mark".to_owned(),
        enabled: true,
        managed: false,
        namespace_per_environment: true,
        environment_scope: "production".to_owned(),
        domain: None,
        api_url: "https://kube.example.com:6443".to_owned(),
        ca_cert: Some("PEM".to_owned()),
        namespace: Some("web-42-production".to_owned()),
    }
}

#[tokio::test]
async fn a_project_is_found_by_path_and_by_id() {
    let script = Script::new([answer(200, project(42).to_string()), answer(200, project(42).to_string())]);
    let client = script.client();
    let found = client.project(ProjectRef::Path("team/web-app")).await.unwrap();
    assert_eq!(found, client.project(ProjectRef::Id(42)).await.unwrap());
    assert_eq!(script.requests(), ["GET /api/v4/projects/team%2Fweb-app", "GET /api/v4/projects/42"]);
    assert_eq!((found.id, found.path.as_str(), found.path_with_namespace.as_str()), (42, "web-app", "team/web-app"));
    let access = [found.builds_access_level, found.environments_access_level, found.infrastructure_access_level];
    assert_eq!(access, [FeatureAccess::Enabled, FeatureAccess::Private, FeatureAccess::Disabled]);
    let permissions = found.permissions.unwrap();
    assert_eq!((permissions.project_access, permissions.group_access), (Some(40), None));
}

#[tokio::test]
async fn a_project_on_its_way_out_shows_the_day() {
    let mut marked = project(42);
    marked["marked_for_deletion_on"] = "2026-11-30".into();
    marked["archived"] = true.into();
    let script = Script::new([answer(200, marked.to_string())]);
    let found = script.client().project(ProjectRef::Id(42)).await.unwrap();
    assert_eq!((found.archived, found.marked_for_deletion_on), (true, Some(date(2026, 11, 30))));
}

#[tokio::test]
async fn another_project_than_the_one_asked_for_is_never_accepted() {
    let script = Script::new([answer(200, project(43).to_string())]);
    let error = script.client().project(ProjectRef::Id(42)).await.unwrap_err();
    assert!(matches!(error, Error::UnexpectedShape { .. }), "{error:?}");
}

#[tokio::test]
async fn a_project_without_a_word_on_archiving_is_not_taken_for_active() {
    let mut simple = project(42);
    simple.as_object_mut().unwrap().remove("archived");
    let error = Script::new([answer(200, simple.to_string())]).client().project(ProjectRef::Id(42)).await.unwrap_err();
    assert!(error.to_string().contains("missing field `archived`"), "{error}");
}

#[tokio::test]
async fn projects_are_listed_by_keyset_and_a_page_that_leads_nowhere_is_an_error() {
    let page = json!([project(7), project(9)]).to_string();
    let script = Script::new([answer(200, page.clone()), answer(200, "[]"), answer(200, page)]);
    let client = script.client();
    let ids: Vec<_> = client.projects_page(0).await.unwrap().into_iter().map(|project| project.id).collect();
    assert_eq!(ids, [7, 9]);
    assert!(client.projects_page(9).await.unwrap().is_empty());
    let query = "membership=true&pagination=keyset&order_by=id&sort=asc&per_page=100";
    assert_eq!(
        script.requests(),
        [format!("GET /api/v4/projects?{query}"), format!("GET /api/v4/projects?{query}&id_after=9")]
    );
    let error = client.projects_page(9).await.unwrap_err();
    assert!(matches!(error, Error::EndlessListing { .. }), "{error:?}");
}

#[tokio::test]
async fn an_environment_is_found_by_its_exact_name_only() {
    let list = json!([
        {"id": 1, "name": "Production", "slug": "production-iis43c", "tier": "production", "state": "available"},
        {"id": 2, "name": "production", "slug": "production", "tier": "quantum", "state": "stopped", "project": {}},
    ]);
    let script = Script::new([answer(200, list.to_string()), answer(200, list.to_string())]);
    let client = script.client();
    let found = client.environment_by_name(42, "production").await.unwrap().unwrap();
    assert_eq!((found.id, found.slug.as_str(), found.tier), (2, "production", None));
    assert_eq!(found.state, EnvironmentState::Stopped);
    assert!(client.environment_by_name(42, "prod+1").await.unwrap().is_none());
    assert_eq!(script.requests()[1], "GET /api/v4/projects/42/environments?name=prod%2B1&per_page=100&page=1");
}

#[tokio::test]
async fn an_environment_is_created_with_its_tier_or_left_to_gitlabs_guess() {
    let made = json!({"id": 1, "name": "ICC-K8s", "slug": "icc-k8s-abcdef", "tier": "other", "state": "available"});
    let script = Script::new([answer(201, made.to_string()), answer(201, made.to_string())]);
    let client = script.client();
    let found = client.create_environment(42, "ICC-K8s", Some(Tier::Production)).await.unwrap();
    assert_eq!((found.slug.as_str(), found.tier), ("icc-k8s-abcdef", Some(Tier::Other)));
    assert_eq!(script.last_body(), json!({"name": "ICC-K8s", "tier": "production"}));
    client.create_environment(42, "ICC-K8s", None).await.unwrap();
    assert_eq!(script.last_body(), json!({"name": "ICC-K8s"}));
    assert_eq!(script.requests()[1], "POST /api/v4/projects/42/environments");
}

#[tokio::test]
async fn a_listing_is_read_to_its_last_page() {
    let page =
        |keys: &[&str]| json!(keys.iter().map(|key| variable(key, "*", Some("v"))).collect::<Vec<_>>()).to_string();
    let script = Script::new([
        answer_with(200, ("x-next-page", "2"), page(&["A", "B"])),
        answer_with(200, ("x-next-page", ""), page(&["C"])),
    ]);
    let keys: Vec<_> = script.client().variables(42).await.unwrap().into_iter().map(|found| found.key).collect();
    assert_eq!(keys, ["A", "B", "C"]);
    assert_eq!(script.requests()[1], "GET /api/v4/projects/42/variables?per_page=100&page=2");
}

#[tokio::test]
async fn a_listing_without_page_headers_ends_with_the_first_page_that_is_not_full() {
    let page = |from: usize, count: usize| {
        let list: Vec<_> = (from..from + count).map(|n| variable(&format!("K{n}"), "*", Some("v"))).collect();
        answer(200, json!(list).to_string())
    };
    let script = Script::new([page(0, 100), page(100, 3)]);
    assert_eq!(script.client().variables(42).await.unwrap().len(), 103);
}

#[tokio::test]
async fn a_page_that_comes_again_and_again_is_an_error_and_no_endless_loop() {
    let page = json!([variable("A", "*", Some("v"))]).to_string();
    let same = |next: &str| answer_with(200, ("x-next-page", next), page.clone());
    let error = Script::new([same("2"), same("3"), same("4")]).client().variables(42).await.unwrap_err();
    assert!(matches!(error, Error::EndlessListing { .. }), "{error:?}");
    let endless = (1..=600).map(|n| {
        answer_with(
            200,
            ("x-next-page", &(n + 1).to_string()),
            json!([variable(&format!("K{n}"), "*", None)]).to_string(),
        )
    });
    let error = Script::new(endless).client().variables(42).await.unwrap_err();
    assert!(matches!(error, Error::EndlessListing { .. }), "{error:?}");
}

#[tokio::test]
async fn a_listing_that_does_not_lead_on_to_the_next_page_is_not_taken_for_complete() {
    let page = json!([variable("A", "*", Some("v"))]).to_string();
    for next in ["1", "0", "3", "-1", "two"] {
        let script = Script::new([answer_with(200, ("x-next-page", next), page.clone()), answer(200, "[]")]);
        let error = script.client().variables(42).await.unwrap_err();
        assert!(matches!(error, Error::UnexpectedShape { .. }), "{next}: {error:?}");
    }
}

#[tokio::test]
async fn a_listing_of_large_pages_ends_before_it_fills_the_memory() {
    let page = |key: &str| Bytes::from(json!([variable(key, "*", None)]).to_string() + &" ".repeat(1 << 20));
    let pages = [page("A"), page("B")];
    let answers = (1..=100).map(|n| answer_with(200, ("x-next-page", &(n + 1).to_string()), pages[n % 2].clone()));
    let script = Script::new(answers);
    let error = script.client().variables(42).await.unwrap_err();
    assert!(matches!(error, Error::BodyTooLarge { .. }), "{error:?}");
    assert_eq!(script.requests().len(), 64, "what is held stays below 64 MiB");
}

#[tokio::test]
async fn a_listing_with_a_failing_page_is_no_listing() {
    let first = json!([variable("A", "*", Some("v"))]).to_string();
    let script = Script::new([answer_with(200, ("x-next-page", "2"), first), answer(500, "")]);
    assert!(script.client().variables(42).await.is_err());
}

#[tokio::test]
async fn a_variable_is_read_with_its_scope_and_a_hidden_one_has_no_value() {
    let script = Script::new([
        answer(200, variable("KUBECONFIG", "review/a b", Some("v")).to_string()),
        answer(200, variable("KUBECONFIG", "production", None).to_string()),
        answer(404, r#"{"message":"404 Variable Not Found"}"#),
        answer(404, r#"{"message":"404 Project Not Found"}"#),
    ]);
    let client = script.client();
    let found = client.variable(42, "KUBECONFIG", "review/a b").await.unwrap().unwrap();
    assert_eq!(found.value.unwrap().expose_secret(), "v");
    assert_eq!(
        (found.variable_type, found.protected, found.masked, found.raw),
        (VariableType::File, true, false, true)
    );
    assert_eq!(
        script.requests()[0],
        "GET /api/v4/projects/42/variables/KUBECONFIG?filter%5Benvironment_scope%5D=review%2Fa%20b"
    );
    let hidden = client.variable(42, "KUBECONFIG", "production").await.unwrap().unwrap();
    assert!(hidden.hidden && hidden.value.is_none());
    assert!(client.variable(42, "KUBECONFIG", "production").await.unwrap().is_none());
    let gone = client.variable(42, "KUBECONFIG", "production").await;
    assert!(gone.is_err(), "a project out of sight is not a variable that does not exist");
}

#[tokio::test]
async fn a_variable_is_written_whole_and_always_with_its_scope() {
    let made = variable("KUBECONFIG", "production", Some("a value")).to_string();
    let script = Script::new([answer(201, made.clone()), answer(200, made)]);
    let client = script.client();
    let whole = json!({"key": "KUBECONFIG", "value": "a value", "variable_type": "file", "protected": true,
        "masked": false, "raw": true, "environment_scope": "production", "description": "a mark"});
    client.create_variable(42, &wanted("KUBECONFIG", "production")).await.unwrap();
    assert_eq!(script.last_body(), whole);
    client.update_variable(42, &wanted("KUBECONFIG", "production")).await.unwrap();
    assert_eq!(script.last_body(), whole);
    assert_eq!(
        script.requests(),
        [
            "POST /api/v4/projects/42/variables",
            "PUT /api/v4/projects/42/variables/KUBECONFIG?filter%5Benvironment_scope%5D=production"
        ]
    );
}

#[tokio::test]
async fn an_answer_about_another_scope_is_an_error() {
    let other = variable("KUBECONFIG", "*", Some("somebody's")).to_string();
    let script = Script::new([answer(200, other.clone()), answer(200, other)]);
    let client = script.client();
    assert!(client.variable(42, "KUBECONFIG", "production").await.is_err());
    assert!(client.update_variable(42, &wanted("KUBECONFIG", "production")).await.is_err());
}

#[tokio::test]
async fn deleting_what_is_not_there_is_no_error() {
    let script = Script::new([
        answer(204, ""),
        answer(404, r#"{"message":"404 Variable Not Found"}"#),
        answer(404, r#"{"message":"404 Not found"}"#),
        answer(404, r#"{"message":"404 Not Found"}"#),
    ]);
    let client = script.client();
    assert!(client.delete_variable(42, "A", "x").await.unwrap());
    assert!(!client.delete_variable(42, "A", "x").await.unwrap());
    assert!(!client.delete_cluster(42, 24).await.unwrap());
    assert!(client.delete_cluster(42, 24).await.is_err(), "the flag is off, which says nothing about the entry");
    assert_eq!(script.requests()[0], "DELETE /api/v4/projects/42/variables/A?filter%5Benvironment_scope%5D=x");
}

#[tokio::test]
async fn only_gitlabs_own_answer_says_that_something_was_deleted() {
    let page = || answer_with(200, ("Content-Type", "text/html"), "<html>Please sign in</html>");
    let client = Script::new([page(), page(), answer(200, "{}")]).client();
    assert!(client.delete_variable(42, "A", "x").await.is_err());
    assert!(client.delete_cluster(42, 24).await.is_err());
    assert!(client.delete_cluster(42, 24).await.is_err());
}

#[tokio::test]
async fn a_cluster_is_always_written_whole() {
    let script = Script::new([answer(201, cluster(24).to_string()), answer(200, cluster(24).to_string())]);
    let client = script.client();
    let mut whole = json!({"name": "a mark", "enabled": true, "managed": false, "namespace_per_environment": true,
        "environment_scope": "production", "domain": null, "platform_kubernetes_attributes": {
            "api_url": "https://kube.example.com:6443", "ca_cert": "PEM", "namespace": "web-42-production",
            "token": "a token"}});
    let made = client.create_cluster(42, &settings(), &SecretString::from("a token")).await.unwrap();
    assert_eq!((made.id, &made.settings), (24, &settings()));
    assert_eq!(script.last_body(), whole);
    whole["platform_kubernetes_attributes"].as_object_mut().unwrap().remove("token");
    client.update_cluster(42, 24, &settings(), None).await.unwrap();
    assert_eq!(script.last_body(), whole);
    assert_eq!(script.requests(), ["POST /api/v4/projects/42/clusters/user", "PUT /api/v4/projects/42/clusters/24"]);
}

#[tokio::test]
async fn clusters_are_listed_and_read() {
    let script = Script::new([
        answer(200, json!([cluster(24)]).to_string()),
        answer(200, cluster(24).to_string()),
        answer(404, r#"{"message":"404 Not found"}"#),
    ]);
    let client = script.client();
    let listed = client.clusters(42).await.unwrap();
    assert_eq!(listed.first(), client.cluster(42, 24).await.unwrap().as_ref());
    assert!(client.cluster(42, 25).await.unwrap().is_none());
}

#[tokio::test]
async fn a_token_tells_what_it_is_if_it_can() {
    let own = r#"{"id":4,"name":"operator","revoked":false,"scopes":["api"],"user_id":3,"active":true,"expires_at":"2027-01-31"}"#;
    let other = r#"{"message":"400 Bad request - This endpoint requires token type to be a personal access token"}"#;
    let script = Script::new([answer(200, own), answer(400, other)]);
    let client = script.client();
    let TokenSelf::AccessToken(info) = client.token_self().await.unwrap() else { panic!() };
    assert_eq!((info.scopes, info.expires_at), (vec!["api".to_owned()], Some(date(2027, 1, 31))));
    assert_eq!(client.token_self().await.unwrap(), TokenSelf::OtherKind);
}

#[tokio::test]
async fn only_administrators_see_feature_flags() {
    let flags = r#"[{"name":"certificate_based_clusters","state":"on","gates":[]},{"name":"x","state":"sometimes"}]"#;
    let script = Script::new([
        answer(200, flags),
        answer(403, r#"{"message":"403 Forbidden"}"#),
        answer(401, r#"{"message":"401 Unauthorized"}"#),
        answer(500, ""),
    ]);
    let client = script.client();
    let states: Vec<_> = client.features().await.unwrap().unwrap().into_iter().map(|flag| flag.state).collect();
    assert_eq!(states, [FeatureState::On, FeatureState::Unknown]);
    assert_eq!(client.features().await.unwrap(), None);
    assert_eq!(client.features().await.unwrap(), None);
    assert!(client.features().await.is_err());
}
