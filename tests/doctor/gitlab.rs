//! GitLab and its token, broken one by one.

use gitlab_simulator::http::faults::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::bed::{CLUSTERS, Cluster, LEGACY, VARIABLES, in_the_cluster};

const INSTANCE: &str = "GitLabInstance/well";

/// What cannot be looked at while GitLab cannot be worked with.
fn unasked() -> Vec<(&'static str, &'static str, &'static str)> {
    ["ProjectMapping/well-shop", "ProjectMapping/well-web", "ProjectMapping/well-wiki"]
        .map(|object| ("Unchecked", "project.role", object))
        .to_vec()
}

async fn user(cluster: &Cluster) -> i64 {
    let users = cluster.campus.gitlab("GET", "/users?username=integrator", Value::Null).await;
    users[0]["id"].as_i64().unwrap()
}

/// Another token of the operator's user, written into the Secret.
async fn another_token(cluster: &Cluster, fields: Value) -> Value {
    let mut body = json!({"name": "another", "scopes": ["api"]});
    crate::campus::merge(&mut body, fields);
    let path = format!("/users/{}/personal_access_tokens", user(cluster).await);
    let token = cluster.campus.gitlab("POST", &path, body).await;
    cluster.campus.write_token(token["token"].as_str().unwrap(), &cluster.campus.url).await;
    token
}

async fn first_token(cluster: &Cluster) {
    cluster.campus.write_token(&cluster.campus.token, &cluster.campus.url).await;
}

#[test]
fn a_gitlab_that_is_away_or_something_else_is_told_and_the_rest_is_checked_all_the_same() {
    in_the_cluster(async |cluster| {
        for (fault, word) in [
            (Fault::new(FaultKind::Cut), "GitLabUnreachable"),
            (Fault { body: Some(json!("<html></html>")), ..Fault::new(FaultKind::Garbage) }, "no JSON"),
            (Fault { status: Some(502), ..Fault::new(FaultKind::Status) }, "502"),
        ] {
            cluster.campus.simulator.add_fault(fault).unwrap();
            let seen = cluster.doctor(&[]).await;
            cluster.campus.simulator.clear_faults();
            let mut expected = unasked();
            expected.push(("Error", "instance.access", INSTANCE));
            seen.found(&expected);
            let words = seen.words("instance.access");
            assert!(words.contains(word) || word == "GitLabUnreachable" && words.contains("broke off"), "{words}");
            let made = seen.report["findings"].as_array().unwrap();
            assert!(made.iter().any(|finding| finding["check"] == "credential.confined"), "credentials are checked");
        }
    });
}

#[test]
fn a_gitlab_that_is_too_old_is_told() {
    in_the_cluster(async |cluster| {
        let body = json!({"version": "16.11.0-ee", "revision": "x", "enterprise": true});
        let old = Fault { path: Some("/metadata".into()), body: Some(body), ..Fault::new(FaultKind::Garbage) };
        cluster.campus.simulator.add_fault(old).unwrap();
        let seen = cluster.doctor(&[]).await;
        cluster.campus.simulator.clear_faults();
        let mut expected = unasked();
        expected.push(("Error", "instance.access", INSTANCE));
        seen.found(&expected);
        assert!(seen.words("instance.access").contains("17.0"));
    });
}

#[test]
fn a_token_that_is_missing_wrong_misplaced_revoked_or_too_narrow_is_told() {
    in_the_cluster(async |cluster| {
        let campus = &cluster.campus;
        let mut expected = unasked();
        expected.push(("Error", "instance.access", INSTANCE));
        let told = async |word: &str| {
            let seen = cluster.doctor(&[]).await;
            seen.found(&expected);
            assert!(seen.words("instance.access").contains(word), "{}", seen.words("instance.access"));
        };
        campus.write_token("glpat-nobody-knows-this", &campus.url).await;
        told("does not know this token").await;
        campus.write_token(&campus.token, "https://elsewhere.example.edu").await;
        told("is not the URL").await;
        another_token(&cluster, json!({"scopes": ["read_api"]})).await;
        told("`api` is needed").await;
        let revoked = another_token(&cluster, json!({})).await;
        campus.gitlab("DELETE", &format!("/personal_access_tokens/{}", revoked["id"]), Value::Null).await;
        told("revoked").await;
        cluster.kubectl(&["delete", "secret", "well", "-n", "gl-k8s-integrator"]).await;
        told("does not exist").await;
        first_token(&cluster).await;
    });
}

#[test]
fn a_token_that_ends_soon_and_an_administrators_are_warned_of() {
    in_the_cluster(async |cluster| {
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let soon = today.checked_add(jiff::Span::new().days(5)).unwrap();
        another_token(&cluster, json!({"expires_at": soon.to_string()})).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Warning", "instance.token-end", INSTANCE)]);
        assert!(seen.words("instance.token-end").contains(&soon.to_string()));
        assert_eq!(cluster.doctor(&["--strict"]).await.code, Some(2));
        cluster.campus.write_token(crate::campus::ROOT, &cluster.campus.url).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Warning", "instance.token-user", INSTANCE)]);
        first_token(&cluster).await;
    });
}

#[test]
fn a_role_below_maintainer_is_told_for_each_project() {
    in_the_cluster(async |cluster| {
        let campus = &cluster.campus;
        let group = campus.group;
        let member = format!("/groups/{group}/members/{}", user(&cluster).await);
        campus.gitlab("PUT", &member, json!({"access_level": 30})).await;
        let seen = cluster.doctor(&[]).await;
        let objects = ["ProjectMapping/well-shop", "ProjectMapping/well-web", "ProjectMapping/well-wiki"];
        let expected: Vec<_> = objects
            .iter()
            .flat_map(|object| [("Error", "project.role", *object), ("Unchecked", "credential.delivered", *object)])
            .collect();
        seen.found(&expected);
        assert!(seen.words("project.role").contains("only the access level 30"), "{}", seen.words("project.role"));

        // By way of an invited group it suffices, although the project itself does not show it.
        let invited = json!({"name": "Operators", "path": "operators"});
        let invited = campus.gitlab("POST", "/groups", invited).await["id"].as_i64().unwrap();
        let as_owner = json!({"user_id": user(&cluster).await, "access_level": 50});
        campus.gitlab("POST", &format!("/groups/{invited}/members"), as_owner).await;
        let share = json!({"group_id": invited, "group_access": 40});
        campus.gitlab("POST", &format!("/groups/{group}/share"), share).await;
        cluster.doctor(&[]).await.found(&[]);
        campus.gitlab("DELETE", &format!("/groups/{group}/share/{invited}"), Value::Null).await;
        campus.gitlab("PUT", &member, json!({"access_level": 40})).await;
    });
}

#[test]
fn the_flag_is_missed_only_where_a_mapping_needs_it() {
    in_the_cluster(async |cluster| {
        let flag = "/features/certificate_based_clusters";
        cluster.campus.gitlab("POST", flag, json!({"value": false})).await;
        let seen = cluster.doctor(&[]).await;
        let object = "ProjectMapping/well-shop";
        seen.found(&[("Error", "project.clusters", object), ("Unchecked", "credential.delivered", object)]);
        cluster.doctor(&[VARIABLES, LEGACY]).await.found(&[]);
        cluster.campus.gitlab("POST", flag, json!({"value": true})).await;
        assert!(cluster.projects.contains_key(CLUSTERS));
    });
}

#[test]
fn a_project_that_is_gone_is_told() {
    in_the_cluster(async |cluster| {
        let project = format!("/projects/{}$", cluster.projects[LEGACY]);
        let gone = Fault {
            path: Some(project),
            status: Some(404),
            body: Some(json!({"message": "404 Project Not Found"})),
            ..Fault::new(FaultKind::Status)
        };
        cluster.campus.simulator.add_fault(gone).unwrap();
        let seen = cluster.doctor(&[]).await;
        cluster.campus.simulator.clear_faults();
        let object = "ProjectMapping/well-wiki";
        seen.found(&[("Error", "project.role", object), ("Unchecked", "credential.delivered", object)]);
    });
}
