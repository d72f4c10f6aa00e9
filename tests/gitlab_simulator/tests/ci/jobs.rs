use serde_json::{Value, json};

use crate::support::{GitLab, id, seen, variable};

async fn add(gitlab: &GitLab, key: &str, value: &str, more: Value) {
    let mut new = json!({"key": key, "value": value});
    new.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    gitlab.on_project("maintainer", "POST /variables", new).await.expect(201);
}

#[tokio::test]
async fn the_environment_exists_with_its_tier_before_the_job_ends() {
    let gitlab = GitLab::new().await;
    let failed = gitlab.job(json!({"environment": "ICC-K8s", "deployment_tier": "staging", "outcome": "failed"})).await;
    assert_eq!((&failed["status"], &failed["failure_reason"]), (&json!("failed"), &json!("script_failure")));
    let list = gitlab.on_project("reporter", "GET /environments?name=ICC-K8s", Value::Null).await.expect(200);
    assert_eq!((&list[0]["tier"], &list[0]["state"]), (&json!("staging"), &json!("available")));
    let guessed = gitlab.job(json!({"environment": "production"})).await;
    assert_eq!(guessed["environment"]["tier"], "production");
    let variables = ["CI_ENVIRONMENT_NAME", "CI_ENVIRONMENT_SLUG", "CI_ENVIRONMENT_TIER", "CI_ENVIRONMENT_ACTION"];
    assert_eq!(variables.map(|key| seen(&guessed, key)), ["production", "production", "production", "start"].map(Some));
}

#[tokio::test(start_paused = true)]
async fn the_environment_is_made_at_the_pipelines_creation_and_variables_are_read_at_the_jobs_start() {
    let gitlab = GitLab::new().await;
    let job = gitlab.job(json!({"environment": "production", "delay_ms": 60_000}));
    let meanwhile = async {
        for _ in 0..10_000 {
            let list = gitlab.on_project("reporter", "GET /environments", Value::Null).await.expect(200);
            if list[0]["name"] == "production" {
                add(&gitlab, "LATE", "set after the pipeline's creation", json!({})).await;
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the environment was never made");
    };
    let (job, ()) = tokio::join!(job, meanwhile);
    assert_eq!(seen(&job, "LATE"), Some("set after the pipeline's creation"));
}

#[tokio::test]
async fn an_environment_that_gitlab_refuses_fails_the_job() {
    let gitlab = GitLab::new().await;
    gitlab.job(json!({"environment": "foo"})).await;
    let job = gitlab.job(json!({"environment": "foo-"})).await;
    assert_eq!(job["failure_reason"], "environment_creation_failure");
    assert_eq!((&job["environment"], &job["variables"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn a_success_sets_tier_and_state_and_nothing_else() {
    let gitlab = GitLab::new().await;
    let new = json!({"name": "production", "description": "kept", "external_url": "https://app.example.com"});
    let id = id(&gitlab.on_project("developer", "POST /environments", new).await.expect(201));
    let stop = format!("POST /environments/{id}/stop");
    gitlab.on_project("developer", &stop, json!({})).await.expect(200);
    let failed =
        gitlab.job(json!({"environment": "production", "deployment_tier": "staging", "outcome": "failed"})).await;
    assert_eq!(
        (&failed["environment"]["state"], &failed["environment"]["tier"]),
        (&json!("stopped"), &json!("production"))
    );
    let done = gitlab.job(json!({"environment": "production", "deployment_tier": "staging"})).await;
    let environment = &done["environment"];
    assert_eq!((&environment["state"], &environment["tier"]), (&json!("available"), &json!("staging")));
    assert_eq!(
        (&environment["description"], &environment["external_url"]),
        (&json!("kept"), &json!("https://app.example.com"))
    );
    let shown = gitlab.on_project("reporter", &format!("GET /environments/{id}"), Value::Null).await.expect(200);
    assert_eq!(shown["last_deployment"]["deployable"]["id"], done["id"]);
}

#[tokio::test]
async fn other_actions_leave_the_state_alone() {
    let gitlab = GitLab::new().await;
    let made = gitlab.job(json!({"environment": "production"})).await;
    let stop = format!("POST /environments/{}/stop", made["environment"]["id"]);
    gitlab.on_project("developer", &stop, json!({})).await.expect(200);
    for action in ["prepare", "verify", "access"] {
        let job = gitlab.job(json!({"environment": "production", "environment_action": action})).await;
        assert_eq!((&job["status"], &job["environment"]["state"]), (&json!("success"), &json!("stopped")), "{action}");
    }
}

#[tokio::test]
async fn a_job_on_an_unprotected_ref_gets_no_protected_variable() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "KUBE_TOKEN", "secret", json!({"protected": true, "environment_scope": "production"})).await;
    let open = gitlab.job(json!({"environment": "production"})).await;
    assert_eq!((seen(&open, "KUBE_TOKEN"), seen(&open, "CI_COMMIT_REF_PROTECTED")), (None, Some("false")));
    let protected = gitlab.job(json!({"environment": "production", "ref_protected": true})).await;
    let token = variable(&protected, "KUBE_TOKEN").expect("the token");
    let expected = json!({"key": "KUBE_TOKEN", "value": "secret", "file": false, "masked": false, "protected": true});
    assert_eq!(token, &expected);
}

#[tokio::test]
async fn scopes_decide_and_the_closest_one_wins() {
    let gitlab = GitLab::new().await;
    for (scope, value) in [("review/app", "exact"), ("*", "all"), ("review/*", "pattern"), ("staging", "other")] {
        add(&gitlab, "KEY", value, json!({"environment_scope": scope})).await;
    }
    let value = async |environment: Value| {
        let job = gitlab.job(json!({"environment": environment})).await;
        seen(&job, "KEY").map(str::to_owned)
    };
    assert_eq!(value(json!("review/app")).await.as_deref(), Some("exact"));
    assert_eq!(value(json!("review/x")).await.as_deref(), Some("pattern"));
    assert_eq!(value(json!("production")).await.as_deref(), Some("all"));
    assert_eq!(value(Value::Null).await.as_deref(), Some("all"));
}

#[tokio::test]
async fn project_beats_subgroup_beats_group_beats_instance_beats_the_job() {
    let gitlab = GitLab::new().await;
    let subgroup = gitlab.new_group("sub", Some(gitlab.group)).await;
    let project = gitlab.new_project("deep", subgroup).await;
    let levels = [
        "POST /admin/ci/variables".to_owned(),
        format!("POST /groups/{}/variables", gitlab.group),
        format!("POST /groups/{subgroup}/variables"),
        format!("POST /projects/{project}/variables"),
    ];
    let keys = ["A", "B", "C", "D"];
    for (at, call) in levels.iter().enumerate() {
        for key in &keys[at..] {
            gitlab.admin(call, json!({"key": key, "value": format!("level {at}")})).await.expect(201);
        }
    }
    let job = json!({"project": "team/sub/deep", "variables": {"A": "job", "X": "job"}});
    let job = gitlab.job(job).await;
    let values: Vec<Option<&str>> = ["X", "A", "B", "C", "D"].iter().map(|key| seen(&job, key)).collect();
    assert_eq!(values, [Some("job"), Some("level 0"), Some("level 1"), Some("level 2"), Some("level 3")]);
}

#[tokio::test]
async fn references_are_expanded_unless_raw() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "HOST", "kube.example.com", json!({})).await;
    add(&gitlab, "URL", "https://${HOST}/$CI_PROJECT_NAME", json!({})).await;
    add(&gitlab, "RAW", "https://${HOST}", json!({"raw": true})).await;
    add(&gitlab, "PRICE", "5$$", json!({})).await;
    add(&gitlab, "CONFIG", "server: $URL", json!({"variable_type": "file"})).await;
    add(&gitlab, "WHERE", "$CONFIG", json!({})).await;
    let job = gitlab.job(json!({})).await;
    assert_eq!(seen(&job, "URL"), Some("https://kube.example.com/web-app"));
    assert_eq!(seen(&job, "RAW"), Some("https://${HOST}"));
    assert_eq!(seen(&job, "PRICE"), Some("5$"));
    assert_eq!(seen(&job, "WHERE"), Some("/builds/team/web-app.tmp/CONFIG"));
    let config = variable(&job, "CONFIG").expect("the file");
    assert_eq!((&config["value"], &config["file"]), (&json!("server: https://kube.example.com/web-app"), &json!(true)));
}

#[tokio::test]
async fn an_environments_name_is_expanded() {
    let gitlab = GitLab::new().await;
    let job = gitlab.job(json!({"environment": "review/$CI_COMMIT_REF_SLUG", "ref": "Fix_1"})).await;
    assert_eq!(job["environment"]["name"], "review/fix-1");
    assert_eq!(seen(&job, "CI_ENVIRONMENT_NAME"), Some("review/fix-1"));
}

#[tokio::test]
async fn a_deploy_token_of_that_name_reaches_jobs_of_the_project_and_of_immediate_children_only() {
    let gitlab = GitLab::new().await;
    let subgroup = gitlab.new_group("sub", Some(gitlab.group)).await;
    let deep = gitlab.new_project("deep", subgroup).await;
    let new = json!({"name": "gitlab-deploy-token", "scopes": ["read_registry"]});
    let made = gitlab.on_group("owner", "POST /deploy_tokens", new).await.expect(201);
    let job = gitlab.job(json!({})).await;
    assert_eq!(seen(&job, "CI_DEPLOY_USER"), made["username"].as_str());
    assert_eq!(seen(&job, "CI_DEPLOY_PASSWORD"), made["token"].as_str());
    assert_eq!(variable(&job, "CI_DEPLOY_PASSWORD").expect("the password")["masked"], true);
    assert_eq!(seen(&gitlab.job(json!({"project": deep})).await, "CI_DEPLOY_USER"), None);
}

#[tokio::test]
async fn an_archived_project_runs_no_jobs_and_bad_requests_say_why() {
    let gitlab = GitLab::new().await;
    let send = async |job: Value| gitlab.try_job(job).await;
    send(json!({"project": 999})).await.refused(404, json!({"error": "404 Project Not Found"}));
    send(json!({"project": gitlab.project, "enviroment": "x"})).await.expect(400);
    gitlab.admin(&format!("POST /projects/{}/archive", gitlab.project), json!({})).await.expect(201);
    send(json!({"project": gitlab.project})).await.expect(403);
}
