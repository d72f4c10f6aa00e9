//! The client against the GitLab simulator, in this process. The simulator is set up over GitLab's own API.

use std::sync::Arc;

use axum::{Router, body::Body};
use bytes::Bytes;
use gitlab_simulator::{Options, Simulator};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use jiff::{Timestamp, ToSpan};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    gitlab::{
        Client, ClusterSettings, Error, FeatureState, Missing, NewVariable, Pace, ProjectRef, TokenProblem, TokenSelf,
        Transport, VariableType,
    },
    naming::{Tier, environment_slug},
};

const ADMIN: &str = "glpat-administrator-0123456789";

/// A GitLab with the group `team`, the project `team/web-app` and the user `operator`, its maintainer.
struct GitLab {
    router: Router,
    simulator: Simulator,
    group_id: i64,
    project_id: i64,
    operator_id: i64,
    /// The operator's token, with the scope `api`.
    token: String,
}

impl GitLab {
    async fn new() -> Self {
        Self::with(Options::new(ADMIN)).await
    }

    async fn with(options: Options) -> Self {
        let simulator = Simulator::new(options);
        let router = simulator.router();
        let mut gitlab = Self { router, simulator, group_id: 0, project_id: 0, operator_id: 0, token: String::new() };
        let user = json!({"email": "operator@example.com", "username": "operator", "name": "Operator",
            "force_random_password": true, "skip_confirmation": true});
        gitlab.operator_id = gitlab.admin(Method::POST, "/users", user).await["id"].as_i64().unwrap();
        gitlab.group_id = gitlab.admin(Method::POST, "/groups", json!({"name": "Team", "path": "team"})).await["id"]
            .as_i64()
            .unwrap();
        gitlab.project_id = gitlab.project("web-app").await;
        gitlab.token = gitlab.make_token(&["api"]).await;
        gitlab
    }

    /// Makes a project in the group, with the operator as its maintainer; gives its id.
    async fn project(&self, path: &str) -> i64 {
        let project = json!({"name": path, "path": path, "namespace_id": self.group_id});
        let id = self.admin(Method::POST, "/projects", project).await["id"].as_i64().unwrap();
        let member = json!({"user_id": self.operator_id, "access_level": 40});
        self.admin(Method::POST, &format!("/projects/{id}/members"), member).await;
        id
    }

    /// Makes a token for the operator.
    async fn make_token(&self, scopes: &[&str]) -> String {
        let path = format!("/users/{}/personal_access_tokens", self.operator_id);
        let ends = self.simulator.now().to_zoned(jiff::tz::TimeZone::UTC).date() + 30.days();
        let body = json!({"name": "operator", "scopes": scopes, "expires_at": ends.to_string()});
        self.admin(Method::POST, &path, body).await["token"].as_str().unwrap().to_owned()
    }

    /// Calls as the administrator; the call must succeed.
    async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let request = Request::builder()
            .method(&method)
            .uri(format!("http://gitlab.example.edu/api/v4{path}"))
            .header("PRIVATE-TOKEN", ADMIN)
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or(Value::Null)
    }

    async fn switch_clusters(&self, on: bool) {
        self.admin(Method::POST, "/features/certificate_based_clusters", json!({"value": on})).await;
    }

    /// A client that acts with a token.
    fn client_with(&self, token: &str) -> Client {
        let router = self.router.clone();
        let transport = Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            let router = router.clone();
            async move {
                let answer = router.oneshot(request.map(Body::from)).await.unwrap();
                let (head, body) = answer.into_parts();
                Ok(Response::from_parts(head, body.collect().await.unwrap().to_bytes()))
            }
        }));
        let token = SecretString::from(token);
        Client::new("https://gitlab.example.edu", token, transport, Arc::new(Pace::new(|| 0.5))).unwrap()
    }

    /// A client that acts as the operator.
    fn client(&self) -> Client {
        self.client_with(&self.token)
    }
}

fn variable(key: &str, value: &str, scope: &str) -> NewVariable {
    NewVariable {
        key: key.to_owned(),
        value: SecretString::from(value),
        variable_type: VariableType::EnvVar,
        protected: false,
        masked: false,
        raw: true,
        environment_scope: scope.to_owned(),
        description: Some("gl-k8s ICC/0123/web-app".to_owned()),
    }
}

fn cluster(scope: &str) -> ClusterSettings {
    ClusterSettings {
        name: "gl-k8s ICC/0123/web-app".to_owned(),
        enabled: true,
        managed: false,
        namespace_per_environment: false,
        environment_scope: scope.to_owned(),
        domain: Some("icc.example.edu".to_owned()),
        api_url: "https://icc.example.edu:6443".to_owned(),
        ca_cert: None,
        namespace: Some("web-app-1-production".to_owned()),
    }
}

#[tokio::test]
async fn gitlab_and_the_token_say_what_they_are() {
    let gitlab = GitLab::new().await;
    let metadata = gitlab.client().metadata().await.unwrap();
    assert!(metadata.version.at_least(19, 3) && metadata.enterprise, "{metadata:?}");
    let TokenSelf::AccessToken(info) = gitlab.client().token_self().await.unwrap() else { panic!() };
    assert_eq!((info.scopes, info.user_id, info.active), (vec!["api".to_owned()], gitlab.operator_id, true));
    assert!(info.expires_at.is_some());
}

#[tokio::test]
async fn tokens_that_do_not_work_are_told_apart() {
    let start: Timestamp = "2026-11-01T10:00:00Z".parse().unwrap();
    let now = Arc::new(std::sync::Mutex::new(start));
    let clock = Arc::clone(&now);
    let options = Options { clock: Some(Arc::new(move || *clock.lock().unwrap())), ..Options::new(ADMIN) };
    let gitlab = GitLab::with(options).await;
    let problem = async |token: &str| match gitlab.client_with(token).metadata().await {
        Err(Error::Unauthorized { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem("glpat-nobodys").await, TokenProblem::Unknown);

    let revoked = gitlab.make_token(&["api"]).await;
    let TokenSelf::AccessToken(info) = gitlab.client_with(&revoked).token_self().await.unwrap() else { panic!() };
    gitlab.admin(Method::DELETE, &format!("/personal_access_tokens/{}", info.id), Value::Null).await;
    assert_eq!(problem(&revoked).await, TokenProblem::Revoked);

    let small = gitlab.make_token(&["read_user"]).await;
    let error = gitlab.client_with(&small).project(ProjectRef::Id(gitlab.project_id)).await.unwrap_err();
    assert!(matches!(error, Error::InsufficientScope { .. }), "{error:?}");

    *now.lock().unwrap() = start + (40 * 24).hours();
    assert_eq!(problem(&gitlab.token).await, TokenProblem::Expired);
}

#[tokio::test]
async fn a_project_is_found_through_renames_and_not_confused_with_others() {
    let gitlab = GitLab::new().await;
    let client = gitlab.client();
    let found = client.project(ProjectRef::Path("team/web-app")).await.unwrap();
    assert_eq!((found.id, found.archived, found.marked_for_deletion_on), (gitlab.project_id, false, None));

    gitlab.admin(Method::PUT, &format!("/projects/{}", gitlab.project_id), json!({"path": "shop"})).await;
    let error = client.project(ProjectRef::Path("team/web-app")).await.unwrap_err();
    assert!(matches!(error, Error::Moved { project_id: Some(id), .. } if id == gitlab.project_id), "{error:?}");
    let found = client.project(ProjectRef::Id(gitlab.project_id)).await.unwrap();
    assert_eq!((found.path.as_str(), found.path_with_namespace.as_str()), ("shop", "team/shop"));

    let error = client.project(ProjectRef::Id(999_999)).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: Missing::Project, .. }), "{error:?}");
}

#[tokio::test]
async fn a_project_on_its_way_out_says_so() {
    let gitlab = GitLab::new().await;
    let client = gitlab.client();
    gitlab.admin(Method::POST, &format!("/projects/{}/archive", gitlab.project_id), Value::Null).await;
    assert!(client.project(ProjectRef::Id(gitlab.project_id)).await.unwrap().archived);
    let error = client.create_environment(gitlab.project_id, "production", None).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    gitlab.admin(Method::POST, &format!("/projects/{}/unarchive", gitlab.project_id), Value::Null).await;
    gitlab.admin(Method::DELETE, &format!("/projects/{}", gitlab.project_id), Value::Null).await;
    let found = client.project(ProjectRef::Id(gitlab.project_id)).await.unwrap();
    assert!(found.marked_for_deletion_on.is_some());
}

#[tokio::test]
async fn projects_are_listed_to_the_end() {
    let gitlab = GitLab::new().await;
    let mut made = vec![gitlab.project_id];
    for number in 0..130 {
        made.push(gitlab.project(&format!("project-{number}")).await);
    }
    let client = gitlab.client();
    let mut listed = Vec::new();
    for _ in 0..10 {
        let page = client.projects_page(listed.last().copied().unwrap_or(0)).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page.iter().map(|project| project.id));
    }
    assert_eq!(listed, made);
}

#[tokio::test]
async fn environments_are_made_once_and_found_by_name() {
    let gitlab = GitLab::new().await;
    let (client, project) = (gitlab.client(), gitlab.project_id);
    assert_eq!(client.environment_by_name(project, "ICC-K8s").await.unwrap(), None);
    let made = client.create_environment(project, "ICC-K8s", Some(Tier::Production)).await.unwrap();
    assert_eq!((made.slug.clone(), made.tier), (environment_slug("ICC-K8s"), Some(Tier::Production)));
    assert_eq!(client.environment_by_name(project, "ICC-K8s").await.unwrap(), Some(made));
    assert_eq!(client.environment_by_name(project, "icc-k8s").await.unwrap(), None);
    let guessed = client.create_environment(project, "staging", None).await.unwrap();
    assert_eq!(guessed.tier, Some(Tier::Staging));

    assert!(client.create_environment(project, "staging", None).await.unwrap_err().is_already_taken());
    let same_slug = client.create_environment(project, "staging-", None).await.unwrap_err();
    assert!(same_slug.is_already_taken(), "{same_slug}");
    let malformed = client.create_environment(project, "no#name", None).await.unwrap_err();
    assert!(matches!(malformed, Error::Refused { status: 400, .. }) && !malformed.is_already_taken(), "{malformed}");

    let names: Vec<_> = client.environments(project).await.unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["ICC-K8s", "staging"]);
}

#[tokio::test]
async fn variables_of_one_key_are_kept_apart_by_scope() {
    let gitlab = GitLab::new().await;
    let (client, project) = (gitlab.client(), gitlab.project_id);
    for (value, scope) in [("one", "production"), ("two", "review/a b"), ("three", "*")] {
        let made = client.create_variable(project, &variable("KUBE_TOKEN", value, scope)).await.unwrap();
        assert_eq!((made.environment_scope.as_str(), made.value.unwrap().expose_secret()), (scope, value));
    }
    let again = client.create_variable(project, &variable("KUBE_TOKEN", "four", "*")).await.unwrap_err();
    assert!(again.is_already_taken(), "{again}");

    let read = async |scope: &str| {
        let found = client.variable(project, "KUBE_TOKEN", scope).await.unwrap();
        found.map(|found| found.value.unwrap().expose_secret().to_owned())
    };
    let changed = client.update_variable(project, &variable("KUBE_TOKEN", "$new", "review/a b")).await.unwrap();
    assert!(changed.raw && changed.description.as_deref() == Some("gl-k8s ICC/0123/web-app"), "{changed:?}");
    assert_eq!(read("review/a b").await.as_deref(), Some("$new"));
    assert_eq!(read("production").await.as_deref(), Some("one"));
    assert_eq!(read("nowhere").await, None);

    assert!(client.delete_variable(project, "KUBE_TOKEN", "production").await.unwrap());
    assert!(!client.delete_variable(project, "KUBE_TOKEN", "production").await.unwrap());
    assert_eq!(read("*").await.as_deref(), Some("three"));
    let gone = client.update_variable(project, &variable("KUBE_TOKEN", "x", "production")).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { what: Missing::Record, .. }), "{gone:?}");
}

#[tokio::test]
async fn a_value_that_cannot_be_masked_is_refused_without_being_shown() {
    let gitlab = GitLab::new().await;
    let masked = NewVariable { masked: true, ..variable("KUBE_TOKEN", "has a planted blank", "production") };
    let error = gitlab.client().create_variable(gitlab.project_id, &masked).await.unwrap_err();
    assert_eq!(error.to_string().matches("value: is invalid").count(), 1, "{error}");
    assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
}

#[tokio::test]
async fn a_hidden_variable_is_seen_without_its_value() {
    let gitlab = GitLab::new().await;
    let hidden = json!({"key": "KUBE_TOKEN", "value": "0123456789", "masked_and_hidden": true,
        "environment_scope": "production"});
    gitlab.admin(Method::POST, &format!("/projects/{}/variables", gitlab.project_id), hidden).await;
    let found = gitlab.client().variable(gitlab.project_id, "KUBE_TOKEN", "production").await.unwrap().unwrap();
    assert!(found.hidden && found.masked && found.value.is_none(), "{found:?}");
}

#[tokio::test]
async fn hundreds_of_variables_are_all_listed() {
    let gitlab = GitLab::new().await;
    let client = gitlab.client();
    for number in 0..250 {
        client.create_variable(gitlab.project_id, &variable(&format!("KEY_{number}"), "v", "*")).await.unwrap();
    }
    let keys: Vec<_> = client.variables(gitlab.project_id).await.unwrap().into_iter().map(|found| found.key).collect();
    assert_eq!(keys, (0..250).map(|number| format!("KEY_{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn whoever_lacks_the_role_is_forbidden_and_who_sees_nothing_finds_nothing() {
    let gitlab = GitLab::new().await;
    let (client, project) = (gitlab.client(), gitlab.project_id);
    let member = format!("/projects/{project}/members/{}", gitlab.operator_id);
    gitlab.admin(Method::PUT, &member, json!({"access_level": 30})).await;
    let error = client.variables(project).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    gitlab.admin(Method::DELETE, &member, Value::Null).await;
    let error = client.variables(project).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { what: Missing::Project, .. }), "{error:?}");
}

#[tokio::test]
async fn clusters_do_not_exist_while_the_flag_is_off() {
    let gitlab = GitLab::new().await;
    let (client, project) = (gitlab.client(), gitlab.project_id);
    for error in [
        client.clusters(project).await.unwrap_err(),
        client.cluster(project, 1).await.unwrap_err(),
        client.create_cluster(project, &cluster("production"), &SecretString::from("t")).await.unwrap_err(),
        client.delete_cluster(project, 1).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotFound { what: Missing::Feature, .. }), "{error:?}");
    }
    assert_eq!(client.features().await.unwrap(), None, "the operator is no administrator");
    let admin = gitlab.client_with(ADMIN);
    assert_eq!(admin.features().await.unwrap(), Some(Vec::new()));
    gitlab.switch_clusters(true).await;
    let flags = admin.features().await.unwrap().unwrap();
    assert_eq!((flags[0].name.as_str(), flags[0].state), ("certificate_based_clusters", FeatureState::On));
    assert!(client.clusters(project).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_cluster_keeps_every_setting_through_an_update() {
    let gitlab = GitLab::new().await;
    gitlab.switch_clusters(true).await;
    let (client, project) = (gitlab.client(), gitlab.project_id);
    let made = client.create_cluster(project, &cluster("production"), &SecretString::from("first")).await.unwrap();
    assert_eq!(made.settings, cluster("production"));
    let taken = client.create_cluster(project, &cluster("production"), &SecretString::from("t")).await.unwrap_err();
    assert!(taken.is_already_taken(), "{taken}");

    let changed = ClusterSettings { domain: None, namespace: None, name: "other".to_owned(), ..cluster("production") };
    let token = SecretString::from("second");
    let updated = client.update_cluster(project, made.id, &changed, Some(&token)).await.unwrap();
    assert_eq!(updated.settings, changed, "namespace_per_environment too, which a PUT without it would set");
    assert_eq!(client.cluster(project, made.id).await.unwrap(), Some(updated.clone()));
    assert_eq!(client.clusters(project).await.unwrap(), [updated]);

    assert!(client.delete_cluster(project, made.id).await.unwrap());
    assert!(!client.delete_cluster(project, made.id).await.unwrap());
    assert_eq!(client.cluster(project, made.id).await.unwrap(), None);
}

#[tokio::test]
async fn an_address_that_gitlab_may_not_reach_is_refused_with_gitlabs_reason() {
    let gitlab = GitLab::new().await;
    gitlab.switch_clusters(true).await;
    let local = ClusterSettings { api_url: "https://10.0.0.5:6443".to_owned(), ..cluster("production") };
    let token = SecretString::from("t");
    let error = gitlab.client().create_cluster(gitlab.project_id, &local, &token).await.unwrap_err();
    let expected = "platform_kubernetes.api_url: is blocked: Requests to the local network are not allowed";
    assert!(matches!(&error, Error::Refused { messages, .. } if messages == &[expected]), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn reading_many_projects_stays_below_gitlabs_limits() {
    let calendar: Timestamp = "2026-11-01T10:00:00Z".parse().unwrap();
    let start = tokio::time::Instant::now();
    let clock = move || calendar + jiff::SignedDuration::try_from(start.elapsed()).unwrap();
    let gitlab = GitLab::with(Options { clock: Some(Arc::new(clock)), ..Options::new(ADMIN) }).await;
    let client = gitlab.client();
    let mut read = 0;
    while read < 1_500 {
        match client.project(ProjectRef::Id(gitlab.project_id)).await {
            Ok(_) => read += 1,
            Err(Error::RateLimited { retry_after, why: crate::gitlab::Throttle::OwnBudget, .. }) => {
                tokio::time::sleep(retry_after).await;
            }
            Err(other) => panic!("after {read} reads: {other}"),
        }
    }
}
