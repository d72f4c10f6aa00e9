use serde_json::{Value, json};

use crate::support::GitLab;

const CONFLICT: &str = "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'";

async fn add(gitlab: &GitLab, key: &str, scope: &str, value: &str) {
    let body = json!({"key": key, "value": value, "environment_scope": scope});
    gitlab.on_project("maintainer", "POST /variables", body).await.expect(201);
}

async fn add_to_group(gitlab: &GitLab, key: &str, scope: &str, value: &str) {
    let body = json!({"key": key, "value": value, "environment_scope": scope});
    gitlab.on_group("owner", "POST /variables", body).await.expect(201);
}

#[tokio::test]
async fn a_new_variable_has_gitlabs_defaults() {
    let gitlab = GitLab::new().await;
    let made =
        gitlab.on_project("maintainer", "POST /variables", json!({"key": " KEY ", "value": ""})).await.expect(201);
    assert_eq!(
        made,
        json!({"variable_type": "env_var", "key": "KEY", "value": "", "hidden": false, "protected": false,
               "masked": false, "raw": false, "environment_scope": "*", "description": null})
    );
    let list = gitlab.on_project("maintainer", "GET /variables", Value::Null).await;
    assert_eq!(list.headers["x-total"], "1");
    assert_eq!(list.expect(200), json!([made]));
}

#[tokio::test]
async fn several_scopes_of_a_key_conflict_without_a_filter() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "KEY", "*", "1").await;
    add(&gitlab, "KEY", "production", "2").await;
    let refused = json!({"message": CONFLICT});
    for call in ["GET /variables/KEY", "DELETE /variables/KEY", "GET /variables/KEY?filter[environment_scope]="] {
        gitlab.on_project("maintainer", call, Value::Null).await.refused(409, refused.clone());
    }
    gitlab.on_project("maintainer", "PUT /variables/KEY", json!({"value": "3"})).await.refused(409, refused);
    let filtered = "GET /variables/KEY?filter[environment_scope]=production";
    assert_eq!(gitlab.on_project("maintainer", filtered, Value::Null).await.expect(200)["value"], "2");
}

#[tokio::test]
async fn the_filter_compares_scopes_as_texts() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "KEY", "review/*", "1").await;
    let absent = json!({"message": "404 Variable Not Found"});
    let call = "GET /variables/KEY?filter[environment_scope]=review/x";
    gitlab.on_project("maintainer", call, Value::Null).await.refused(404, absent.clone());
    let change = json!({"value": "2", "filter": {"environment_scope": "*"}});
    gitlab.on_project("maintainer", "PUT /variables/KEY", change).await.refused(404, absent);
    let call = "DELETE /variables/KEY?filter[environment_scope]=review/*";
    gitlab.on_project("maintainer", call, Value::Null).await.expect(204);
}

#[tokio::test]
async fn a_groups_put_with_a_filter_that_matches_nothing_overwrites_another_scope() {
    let gitlab = GitLab::new().await;
    add_to_group(&gitlab, "KEY", "production", "precious").await;
    add_to_group(&gitlab, "KEY", "staging", "other").await;
    let change = json!({"value": "new", "filter": {"environment_scope": "nowhere"}});
    let changed = gitlab.on_group("owner", "PUT /variables/KEY", change).await.expect(200);
    assert_eq!((&changed["environment_scope"], &changed["value"]), (&json!("production"), &json!("new")));
    let changed = gitlab.on_group("owner", "PUT /variables/KEY", json!({"value": "newer"})).await.expect(200);
    assert_eq!(changed["environment_scope"], "production", "without a filter the first one is taken");
    let call = "GET /variables/KEY?filter[environment_scope]=staging";
    assert_eq!(gitlab.on_group("owner", call, Value::Null).await.expect(200)["value"], "other");
    gitlab.on_group("owner", "GET /variables/KEY", Value::Null).await.refused(409, json!({"message": CONFLICT}));
}

#[tokio::test]
async fn each_owner_says_404_in_its_own_words() {
    let gitlab = GitLab::new().await;
    let none = || Value::Null;
    let said = |kind: &str| json!({"message": format!("404 {kind} Not Found")});
    gitlab.on_project("maintainer", "GET /variables/NO", none()).await.refused(404, said("Variable"));
    gitlab.on_group("owner", "DELETE /variables/NO", none()).await.refused(404, said("GroupVariable"));
    gitlab.on_group("owner", "PUT /variables/NO", json!({"value": "x"})).await.refused(404, said("GroupVariable"));
    gitlab.admin("GET /admin/ci/variables/NO", none()).await.refused(404, said("InstanceVariable"));
}

#[tokio::test]
async fn the_role_is_checked_before_the_parameters() {
    let gitlab = GitLab::new().await;
    let forbidden = || json!({"message": "403 Forbidden"});
    gitlab.on_project("developer", "POST /variables", json!({})).await.refused(403, forbidden());
    gitlab.on_group("maintainer", "GET /variables", Value::Null).await.refused(403, forbidden());
    let missing = json!({"error": "key is missing, value is missing"});
    gitlab.on_project("maintainer", "POST /variables", json!({})).await.refused(400, missing);
    let invisible = json!({"message": "404 Project Not Found"});
    gitlab.on_project("stranger", "GET /variables", Value::Null).await.refused(404, invisible);
    gitlab.as_user("owner", "GET /admin/ci/variables", Value::Null).await.refused(403, forbidden());
    let call = format!("GET /projects/{}/variables", gitlab.project);
    gitlab.call("wrong", &call, Value::Null).await.refused(401, json!({"message": "401 Unauthorized"}));
}

#[tokio::test]
async fn a_hidden_value_reads_back_as_null_for_ever() {
    let gitlab = GitLab::new().await;
    let new = json!({"key": "KEY", "value": "abcdefgh", "masked_and_hidden": true});
    let made = gitlab.on_project("maintainer", "POST /variables", new).await.expect(201);
    assert_eq!((&made["value"], &made["masked"], &made["hidden"]), (&Value::Null, &json!(true), &json!(true)));
    let sentence = "The visibility setting cannot be changed for masked and hidden variables.";
    let refused = json!({"message": {"base": [sentence]}});
    gitlab.on_project("maintainer", "PUT /variables/KEY", json!({"masked": false})).await.refused(400, refused);
    let change =
        json!({"value": "ijklmnop", "protected": true, "raw": true, "description": "d", "environment_scope": "x"});
    let changed = gitlab.on_project("maintainer", "PUT /variables/KEY", change).await.expect(200);
    assert_eq!((&changed["value"], &changed["environment_scope"]), (&Value::Null, &json!("x")));
}

#[tokio::test]
async fn an_existing_variable_cannot_become_hidden() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "KEY", "*", "abcdefgh").await;
    let changed =
        gitlab.on_project("maintainer", "PUT /variables/KEY", json!({"masked_and_hidden": true})).await.expect(200);
    assert_eq!((&changed["hidden"], &changed["value"]), (&json!(false), &json!("abcdefgh")));
}

#[tokio::test]
async fn a_value_that_cannot_be_masked_is_refused() {
    let gitlab = GitLab::new().await;
    let invalid = json!({"message": {"value": ["is invalid"]}});
    let new = json!({"key": "KEY", "value": "a b c d e f", "masked": true});
    gitlab.on_project("maintainer", "POST /variables", new).await.refused(400, invalid.clone());
    let new = json!({"key": "KEY", "value": "{\"a\":\"b\"}", "masked": true, "raw": true});
    gitlab.on_project("maintainer", "POST /variables", new).await.expect(201);
    gitlab.on_project("maintainer", "PUT /variables/KEY", json!({"raw": false})).await.refused(400, invalid);
}

#[tokio::test]
async fn keys_are_unique_per_scope_and_checked() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "KEY", "*", "1").await;
    let taken = json!({"message": {"key": ["(KEY) has already been taken"]}});
    gitlab
        .on_project("maintainer", "POST /variables", json!({"key": "KEY", "value": "2"}))
        .await
        .refused(400, taken.clone());
    add(&gitlab, "KEY", "production", "2").await;
    let collide = json!({"environment_scope": "*", "filter": {"environment_scope": "production"}});
    gitlab.on_project("maintainer", "PUT /variables/KEY", collide).await.refused(400, taken);
    let wrong = json!({"message": {"key": ["can contain only letters, digits and '_'."]}});
    gitlab.on_project("maintainer", "POST /variables", json!({"key": "A-B", "value": ""})).await.refused(400, wrong);
    let kind = json!({"error": "variable_type does not have a valid value"});
    let new = json!({"key": "A", "value": "", "variable_type": "secret"});
    gitlab.on_project("maintainer", "POST /variables", new).await.refused(400, kind);
}

#[tokio::test]
async fn a_put_is_partial_and_never_renames() {
    let gitlab = GitLab::new().await;
    let new = json!({"key": "KEY", "value": "1", "protected": true, "variable_type": "file", "description": "d"});
    gitlab.on_project("maintainer", "POST /variables", new).await.expect(201);
    let change = json!({"key": "OTHER", "environment_scope": "production"});
    let changed = gitlab.on_project("maintainer", "PUT /variables/KEY", change).await.expect(200);
    assert_eq!(
        changed,
        json!({"variable_type": "file", "key": "KEY", "value": "1", "hidden": false, "protected": true,
               "masked": false, "raw": false, "environment_scope": "production", "description": "d"})
    );
    let old = "GET /variables/KEY?filter[environment_scope]=*";
    gitlab.on_project("maintainer", old, Value::Null).await.expect(404);
}

#[tokio::test]
async fn a_group_variable_loses_its_scope_without_a_licence() {
    let gitlab = GitLab::with_version("19.3.0").await;
    let new = json!({"key": "KEY", "value": "1", "environment_scope": "production"});
    assert_eq!(gitlab.on_group("owner", "POST /variables", new.clone()).await.expect(201)["environment_scope"], "*");
    let project = gitlab.on_project("maintainer", "POST /variables", new).await.expect(201);
    assert_eq!(project["environment_scope"], "production");
}

#[tokio::test]
async fn instance_variables_know_neither_scope_nor_hiding_and_are_few() {
    let gitlab = GitLab::new().await;
    for at in 0..25 {
        let new =
            json!({"key": format!("KEY_{at}"), "value": "v", "environment_scope": "x", "masked_and_hidden": true});
        let made = gitlab.admin("POST /admin/ci/variables", new).await.expect(201);
        assert_eq!((made.get("environment_scope"), made.get("hidden"), &made["value"]), (None, None, &json!("v")));
    }
    let full = json!({"message": {"base": ["Maximum number of ci instance level variables (25) exceeded"]}});
    gitlab.admin("POST /admin/ci/variables", json!({"key": "MORE", "value": ""})).await.refused(400, full);
    let long = json!({"value": "x".repeat(10_001)});
    let too_long =
        json!({"message": {"value": ["The value of the provided variable exceeds the 10000 character limit"]}});
    gitlab.admin("PUT /admin/ci/variables/KEY_0", long).await.refused(400, too_long);
    gitlab.admin("DELETE /admin/ci/variables/KEY_0", Value::Null).await.expect(204);
}

#[tokio::test]
async fn a_project_holds_no_more_than_8000_variables() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "KEY", "*", "1").await;
    {
        let mut state = gitlab.simulator.state();
        let sample = state.variables.values().next().expect("the variable").clone();
        for id in 1_000_000..1_007_999 {
            let mut copy = sample.clone();
            (copy.id, copy.key) = (id, format!("KEY_{id}"));
            state.variables.insert((copy.owner, id), copy);
        }
    }
    let full = json!({"message": {"base": ["Maximum number of project ci variables (8000) exceeded"]}});
    gitlab.on_project("maintainer", "POST /variables", json!({"key": "MORE", "value": ""})).await.refused(400, full);
}

#[tokio::test]
async fn an_archived_project_still_takes_variables_but_an_archived_group_does_not() {
    let gitlab = GitLab::new().await;
    gitlab.admin(&format!("POST /projects/{}/archive", gitlab.project), json!({})).await.expect(201);
    add(&gitlab, "KEY", "*", "1").await;
    gitlab.admin(&format!("POST /groups/{}/archive", gitlab.group), json!({})).await.expect(201);
    let frozen = gitlab.on_group("owner", "POST /variables", json!({"key": "KEY", "value": ""})).await;
    frozen.refused(403, json!({"message": "403 Forbidden"}));
}

#[tokio::test]
async fn a_switched_off_feature_refuses_even_the_administrator() {
    let gitlab = GitLab::new().await;
    let call = format!("PUT /projects/{}", gitlab.project);
    gitlab.admin(&call, json!({"builds_access_level": "disabled"})).await.expect(200);
    let call = format!("GET /projects/{}/variables", gitlab.project);
    gitlab.admin(&call, Value::Null).await.refused(403, json!({"message": "403 Forbidden"}));
}
