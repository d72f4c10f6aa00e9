use serde_json::{Value, json};

use crate::support::{CA, GitLab, id};

const NEW: &str = "POST /clusters/user";
const DUPLICATE: &str = "cannot add duplicated environment scope";

fn cluster(scope: &str) -> Value {
    json!({
        "name": "campus", "environment_scope": scope, "managed": false,
        "platform_kubernetes_attributes": {"api_url": "https://kube.example.com:6443", "token": " TOKEN ", "ca_cert": CA},
    })
}

async fn add(gitlab: &GitLab, scope: &str) -> u64 {
    id(&gitlab.on_project("maintainer", NEW, cluster(scope)).await.expect(201))
}

#[tokio::test]
async fn while_the_flag_is_off_every_endpoint_but_discovery_answers_404() {
    let gitlab = GitLab::new().await;
    let off = || json!({"message": "404 Not Found"});
    for call in ["GET /clusters", "POST /clusters/user", "PUT /clusters/1", "DELETE /clusters/1", "GET /clusters/1"] {
        gitlab.on_project("owner", call, json!({})).await.refused(404, off());
        gitlab.on_group("owner", call, json!({})).await.refused(404, off());
    }
    for call in ["GET /admin/clusters", "POST /admin/clusters/add"] {
        gitlab.admin(call, json!({})).await.refused(404, off());
    }
    let absent = json!({"message": "404 Project Not Found"});
    gitlab.on_project("stranger", "GET /clusters", Value::Null).await.refused(404, absent);
    let call = format!("GET /discover-cert-based-clusters?group_id={}", gitlab.group);
    gitlab.as_user("owner", &call, Value::Null).await.refused(200, json!({"groups": {}, "projects": {}}));
}

#[tokio::test]
async fn the_token_never_comes_back() {
    let gitlab = GitLab::with_clusters().await;
    let made = gitlab.on_project("maintainer", NEW, cluster("production")).await.expect(201);
    let call = format!("/clusters/{}", made["id"]);
    let shown = gitlab.on_project("developer", &format!("GET {call}"), Value::Null).await.expect(200);
    let list = gitlab.on_project("developer", "GET /clusters", Value::Null).await.expect(200);
    let changed = gitlab.on_project("maintainer", &format!("PUT {call}"), json!({"name": "x"})).await.expect(200);
    for body in [&made, &shown, &list, &changed] {
        assert!(!body.to_string().contains("TOKEN"), "{body}");
    }
    assert_eq!(made["platform_kubernetes"]["ca_cert"], CA.trim());
    assert_eq!(made["project"]["path_with_namespace"], "team/web-app");
    assert_eq!(made["user"]["username"], "maintainer");
    assert_eq!(made["cluster_type"], "project_type");
    assert_eq!((list[0].get("project"), shown["project"]["id"].as_u64()), (None, Some(gitlab.project)));
}

#[tokio::test]
async fn a_put_that_omits_it_sets_namespace_per_environment() {
    let gitlab = GitLab::with_clusters().await;
    let mut new = cluster("*");
    new["namespace_per_environment"] = json!(false);
    let made = gitlab.on_project("maintainer", NEW, new).await.expect(201);
    assert_eq!(made["namespace_per_environment"], false);
    let call = format!("PUT /clusters/{}", made["id"]);
    let changed = gitlab.on_project("maintainer", &call, json!({"enabled": false})).await.expect(200);
    assert_eq!((&changed["namespace_per_environment"], &changed["enabled"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn a_blank_token_in_a_put_changes_nothing() {
    let gitlab = GitLab::with_clusters().await;
    let cluster = add(&gitlab, "*").await;
    let blank = json!({"platform_kubernetes_attributes": {"token": " "}});
    gitlab.on_project("maintainer", &format!("PUT /clusters/{cluster}"), blank).await.expect(200);
    let job = gitlab.job(json!({"environment": "production"})).await;
    assert_eq!(crate::support::seen(&job, "KUBE_TOKEN"), Some("TOKEN"));
}

#[tokio::test]
async fn a_scope_is_unique_within_project_group_and_instance() {
    let gitlab = GitLab::with_clusters().await;
    let duplicate = || json!({"message": {"environment_scope": [DUPLICATE]}});
    let first = add(&gitlab, "production").await;
    let second = add(&gitlab, "staging").await;
    gitlab.on_project("maintainer", NEW, cluster(" production ")).await.refused(400, duplicate());
    let call = format!("PUT /clusters/{second}");
    gitlab.on_project("maintainer", &call, json!({"environment_scope": "production"})).await.refused(400, duplicate());
    let unchanged = json!({"environment_scope": "production"});
    gitlab.on_project("maintainer", &format!("PUT /clusters/{first}"), unchanged).await.expect(200);
    gitlab.on_group("maintainer", NEW, cluster("production")).await.expect(201);
    gitlab.on_group("maintainer", NEW, cluster("production")).await.refused(400, duplicate());
    gitlab.admin("POST /admin/clusters/add", cluster("production")).await.expect(201);
    gitlab.admin("POST /admin/clusters/add", cluster("production")).await.refused(400, duplicate());
}

#[tokio::test]
async fn each_kind_of_cluster_is_shown_in_its_own_form() {
    let gitlab = GitLab::with_clusters().await;
    let group = gitlab.on_group("maintainer", NEW, cluster("*")).await.expect(201);
    let url = "https://gitlab.example.com/groups/team";
    assert_eq!(group["group"], json!({"id": gitlab.group, "web_url": url, "name": "team"}));
    assert_eq!((&group["cluster_type"], group.get("project")), (&json!("group_type"), None));
    let instance = gitlab.admin("POST /admin/clusters/add", cluster("*")).await.expect(201);
    assert_eq!((&instance["cluster_type"], instance.get("project")), (&json!("instance_type"), None));
    let call = format!("/admin/clusters/{}", instance["id"]);
    let changed = gitlab.admin(&format!("PUT {call}"), json!({"domain": "example.com"})).await.expect(200);
    assert_eq!((&changed["project"], &changed["domain"]), (&Value::Null, &json!("example.com")));
    assert!(changed.as_object().expect("an object").contains_key("project"));
    let list = gitlab.admin("GET /admin/clusters?per_page=1", Value::Null).await;
    assert_eq!(list.headers["x-per-page"], "1");
    assert_eq!(list.expect(200)[0]["id"], instance["id"]);
}

#[tokio::test]
async fn missing_parameters_name_what_is_inside_the_hash() {
    let gitlab = GitLab::with_clusters().await;
    let platform = "platform_kubernetes_attributes";
    let error = format!(
        "name is missing, {platform} is missing, {platform}[api_url] is missing, {platform}[api_url] is empty, \
         {platform}[token] is missing"
    );
    gitlab.on_project("reporter", NEW, json!({})).await.refused(400, json!({"error": error}));
    gitlab.on_project("developer", NEW, cluster("*")).await.refused(403, json!({"message": "403 Forbidden"}));
    gitlab.on_project("reporter", "GET /clusters", Value::Null).await.refused(403, json!({"message": "403 Forbidden"}));
}

#[tokio::test]
async fn a_local_address_is_refused_unless_the_setting_allows_it() {
    let gitlab = GitLab::with_clusters().await;
    let mut local = cluster("*");
    local["platform_kubernetes_attributes"]["api_url"] = json!("https://10.0.0.1:6443");
    let sentence = "is blocked: Requests to the local network are not allowed";
    let refused = json!({"message": {"platform_kubernetes.api_url": [sentence]}});
    gitlab.on_project("maintainer", NEW, local.clone()).await.refused(400, refused);
    let range = json!({"outbound_local_requests_whitelist": ["10.0.0.0/24"]});
    gitlab.admin("PUT /application/settings", range).await.expect(200);
    let made = gitlab.on_project("maintainer", NEW, local.clone()).await.expect(201);
    gitlab.on_project("maintainer", &format!("DELETE /clusters/{}", made["id"]), Value::Null).await.expect(204);
    let none = json!({"outbound_local_requests_whitelist": []});
    gitlab.admin("PUT /application/settings", none).await.expect(200);
    gitlab.on_project("maintainer", NEW, local.clone()).await.expect(400);
    let allow = json!({"allow_local_requests_from_web_hooks_and_services": true});
    gitlab.admin("PUT /application/settings", allow).await.expect(200);
    gitlab.on_project("maintainer", NEW, local).await.expect(201);
}

#[tokio::test]
async fn what_the_models_refuse_comes_as_an_object_with_dotted_keys() {
    let gitlab = GitLab::with_clusters().await;
    let mut wrong = cluster("!!");
    wrong["name"] = json!(" ");
    wrong["domain"] = json!("http://not.a.valid.hostname");
    wrong["platform_kubernetes_attributes"]["ca_cert"] = json!("no certificate");
    wrong["platform_kubernetes_attributes"]["namespace"] = json!("gitlab-managed-apps");
    let errors = gitlab.on_project("maintainer", NEW, wrong).await.expect(400)["message"].clone();
    assert_eq!(errors["name"], json!(["has to be present"]));
    assert_eq!(errors["platform_kubernetes.ca_cert"], json!(["must be a valid PEM certificate"]));
    assert_eq!(errors["platform_kubernetes.namespace"], json!(["is reserved"]));
    assert!(errors["environment_scope"].is_array() && errors["domain"].is_array());
}

#[tokio::test]
async fn a_namespace_is_lower_cased_and_refused_on_managed_group_clusters() {
    let gitlab = GitLab::with_clusters().await;
    let mut new = cluster("*");
    new["platform_kubernetes_attributes"]["namespace"] = json!("Team-A");
    let made = gitlab.on_group("maintainer", NEW, new.clone()).await.expect(201);
    assert_eq!(made["platform_kubernetes"]["namespace"], "team-a");
    let call = format!("PUT /clusters/{}", made["id"]);
    let blank = json!({"platform_kubernetes_attributes": {"namespace": ""}});
    let changed = gitlab.on_group("maintainer", &call, blank).await.expect(200);
    assert_eq!(changed["platform_kubernetes"]["namespace"], Value::Null);
    new["managed"] = json!(true);
    new["environment_scope"] = json!("managed");
    let refused = json!({"message": {"platform_kubernetes.namespace": ["only allowed for project cluster"]}});
    gitlab.on_group("maintainer", NEW, new).await.refused(400, refused);
}

#[tokio::test]
async fn a_management_project_must_be_in_reach() {
    let gitlab = GitLab::with_clusters().await;
    let outside = gitlab.new_group("outside", None).await;
    let far = gitlab.new_project("far", outside).await;
    let mut new = cluster("*");
    new["management_project_id"] = json!(far);
    let sentence = "Project does not exist or you don't have permission to perform this action";
    let refused = json!({"message": {"management_project_id": [sentence]}});
    gitlab.on_project("maintainer", NEW, new.clone()).await.refused(400, refused);
    new["management_project_id"] = json!(gitlab.project);
    let made = gitlab.on_project("maintainer", NEW, new.clone()).await.expect(201);
    assert_eq!(made["management_project"]["path_with_namespace"], "team/web-app");
    let duplicate = json!({"message": {"environment_scope": [DUPLICATE]}});
    gitlab.on_group("maintainer", NEW, new).await.refused(400, duplicate);
}

#[tokio::test]
async fn clusters_of_an_archived_project_cannot_be_withdrawn_but_added() {
    let gitlab = GitLab::with_clusters().await;
    let cluster_id = add(&gitlab, "*").await;
    gitlab.admin(&format!("POST /projects/{}/archive", gitlab.project), json!({})).await.expect(201);
    let below = format!("/projects/{}/clusters", gitlab.project);
    let forbidden = || json!({"message": "403 Forbidden"});
    gitlab.admin(&format!("PUT {below}/{cluster_id}"), json!({"enabled": false})).await.refused(403, forbidden());
    gitlab.admin(&format!("DELETE {below}/{cluster_id}"), Value::Null).await.refused(403, forbidden());
    gitlab.admin(&format!("POST {below}/user"), cluster("other")).await.expect(201);
}

#[tokio::test]
async fn infrastructure_off_refuses_everybody() {
    let gitlab = GitLab::with_clusters().await;
    let off = json!({"infrastructure_access_level": "disabled"});
    gitlab.admin(&format!("PUT /projects/{}", gitlab.project), off).await.expect(200);
    let call = format!("GET /projects/{}/clusters", gitlab.project);
    gitlab.admin(&call, Value::Null).await.refused(403, json!({"message": "403 Forbidden"}));
}

#[tokio::test]
async fn a_cluster_of_another_owner_is_not_found() {
    let gitlab = GitLab::with_clusters().await;
    let cluster = add(&gitlab, "*").await;
    let absent = || json!({"message": "404 Not found"});
    gitlab.on_group("owner", &format!("GET /clusters/{cluster}"), Value::Null).await.refused(404, absent());
    gitlab.on_project("owner", &format!("DELETE /clusters/{cluster}"), Value::Null).await.expect(204);
    gitlab.on_project("owner", &format!("DELETE /clusters/{cluster}"), Value::Null).await.refused(404, absent());
}

#[tokio::test]
async fn discovery_finds_clusters_below_a_group() {
    let gitlab = GitLab::with_clusters().await;
    let of_project = add(&gitlab, "*").await;
    let of_group = id(&gitlab.on_group("maintainer", NEW, cluster("*")).await.expect(201));
    let call = format!("GET /discover-cert-based-clusters?group_id={}", gitlab.group);
    let found = gitlab.as_user("maintainer", &call, Value::Null).await.expect(200);
    assert_eq!(
        found,
        json!({"groups": {"team": [{"id": of_group, "name": "campus"}]},
               "projects": {"team/web-app": [{"id": of_project, "name": "campus"}]}})
    );
    let absent = json!({"message": "404 Group Not Found"});
    gitlab.as_user("stranger", &call, Value::Null).await.refused(404, absent);
}
