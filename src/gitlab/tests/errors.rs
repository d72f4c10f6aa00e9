//! What each of GitLab's ways to refuse is taken for. The bodies are GitLab's own.

use std::time::Duration;

use secrecy::SecretString;

use super::scripted::{Answer, Script, TOKEN, answer, answer_with, broken};
use crate::gitlab::{Error, Missing, NewVariable, Throttle, TokenProblem, TransportErrorKind, VariableType};

/// The error that reading the metadata gives for an answer.
async fn error_for(given: Answer) -> Error {
    Script::new([given]).client().metadata().await.unwrap_err()
}

/// The reasons that GitLab gave in a 400.
async fn reasons(body: &'static str) -> Vec<String> {
    match error_for(answer(400, body)).await {
        Error::Refused { status: 400, messages, .. } => messages,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn refused_tokens_are_told_apart() {
    let expired = r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#;
    let revoked =
        r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#;
    for (body, expected) in [
        (r#"{"message":"401 Unauthorized"}"#, TokenProblem::Unknown),
        (expired, TokenProblem::Expired),
        (revoked, TokenProblem::Revoked),
    ] {
        let error = error_for(answer(401, body)).await;
        assert!(matches!(error, Error::Unauthorized { problem, .. } if problem == expected), "{error:?}");
    }
}

#[tokio::test]
async fn a_token_with_too_small_a_scope_is_no_missing_role() {
    let scope = r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#;
    let error = error_for(answer(403, scope)).await;
    assert!(matches!(&error, Error::InsufficientScope { needed, .. } if needed == "api read_api"), "{error:?}");
    let granular = r#"{"error":"insufficient_granular_scope","error_description":"needs create_cluster"}"#;
    assert!(matches!(error_for(answer(403, granular)).await, Error::InsufficientScope { .. }));
    let role = error_for(answer(403, r#"{"message":"403 Forbidden - not here"}"#)).await;
    assert!(matches!(&role, Error::Forbidden { message, .. } if message == "403 Forbidden - not here"), "{role:?}");
}

#[tokio::test]
async fn what_is_missing_is_told_apart_by_gitlabs_spelling() {
    for (body, expected) in [
        (r#"{"message":"404 Project Not Found"}"#, Missing::Project),
        (r#"{"message":"404 Not found"}"#, Missing::Record),
        (r#"{"message":"404 Variable Not Found"}"#, Missing::Record),
        (r#"{"message":"404 Not Found"}"#, Missing::Feature),
        (r#"{"error":"404 Not Found"}"#, Missing::Route),
        (r#"{"message":"404 User Not Found"}"#, Missing::Other),
    ] {
        let error = error_for(answer(404, body)).await;
        assert!(matches!(error, Error::NotFound { what, .. } if what == expected), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn a_404_from_something_else_is_not_taken_for_gitlabs() {
    for body in ["<html><title>404</title></html>", "", "not found", "[]", "\"404 Project Not Found\""] {
        let error = error_for(answer(404, body)).await;
        assert!(matches!(error, Error::NotJson { status: 404, .. }), "{body}: {error:?}");
    }
}

#[tokio::test]
async fn every_shape_of_a_refusal_becomes_readable_reasons() {
    assert_eq!(
        reasons(r#"{"error":"name is missing, api_url is missing"}"#).await,
        ["name is missing, api_url is missing"]
    );
    assert_eq!(
        reasons(r#"{"message":"400 Bad request - Search query is less than 3 characters"}"#).await,
        ["Search query is less than 3 characters"]
    );
    assert_eq!(
        reasons(r#"{"message":["Name has already been taken","Slug has already been taken"]}"#).await,
        ["Name has already been taken", "Slug has already been taken"]
    );
    let blocked =
        r#"{"message":{"platform_kubernetes.api_url":["is blocked: Requests to the local network are not allowed"]}}"#;
    assert_eq!(
        reasons(blocked).await,
        ["platform_kubernetes.api_url: is blocked: Requests to the local network are not allowed"]
    );
    let base = r#"{"message":{"base":["Maximum number of project ci variables (8000) exceeded"],"platform_kubernetes.base":["no"]}}"#;
    assert_eq!(
        reasons(base).await,
        ["Maximum number of project ci variables (8000) exceeded", "platform_kubernetes.base: no"]
    );
    assert_eq!(reasons("{}").await, ["no reason given"]);
    let other = error_for(answer(405, r#"{"error":"405 Not Allowed"}"#)).await;
    assert!(matches!(other, Error::Refused { status: 405, .. }), "{other:?}");
    let conflict = error_for(answer(409, r#"{"message":"409 Conflict: Resource lock"}"#)).await;
    assert!(matches!(&conflict, Error::Conflict { message, .. } if message.contains("Resource lock")), "{conflict:?}");
}

#[tokio::test]
async fn what_exists_already_is_recognised_in_every_wording() {
    for body in [
        r#"{"message":["Name has already been taken","Slug has already been taken"]}"#,
        r#"{"message":["Slug has already been taken"]}"#,
        r#"{"message":{"key":["(KUBECONFIG) has already been taken"]}}"#,
        r#"{"message":{"environment_scope":["cannot add duplicated environment scope"]}}"#,
    ] {
        assert!(error_for(answer(400, body)).await.is_already_taken(), "{body}");
    }
    assert!(!error_for(answer(400, r#"{"message":{"value":["is invalid"]}}"#)).await.is_already_taken());
    assert!(!error_for(answer(403, r#"{"message":"403 has already been taken"}"#)).await.is_already_taken());
}

#[tokio::test(start_paused = true)]
async fn both_kinds_of_429_say_when_to_come_back() {
    let application = r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#;
    for body in [application, "Retry later\n"] {
        let error = error_for(answer_with(429, ("retry-after", "79"), body)).await;
        let Error::RateLimited { retry_after, why: Throttle::GitLab, .. } = error else { panic!("{error:?}") };
        assert_eq!(retry_after, Duration::from_secs(79));
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_without_a_time_still_gives_one() {
    let error = error_for(answer(429, "Retry later\n")).await;
    assert!(matches!(error, Error::RateLimited { retry_after, .. } if retry_after > Duration::ZERO), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_trouble_has_the_same_words_every_time() {
    let words = async |seconds: &str| error_for(answer_with(429, ("retry-after", seconds), "")).await.to_string();
    assert_eq!(words("30").await, words("29").await);
}

#[tokio::test(start_paused = true)]
async fn an_organisation_that_is_read_only_for_a_while_says_for_how_long() {
    let body =
        r#"{"message":"This organization is currently in read-only mode. Write operations are temporarily disabled."}"#;
    let error = error_for(answer_with(503, ("retry-after", "60"), body)).await;
    let Error::ServerError { status: 503, retry_after: Some(time), .. } = error else { panic!("{error:?}") };
    assert_eq!(time, Duration::from_secs(60));
}

#[tokio::test]
async fn a_login_page_is_no_answer_of_gitlab() {
    let error = error_for(answer(200, "<!DOCTYPE html><html>Sign in</html>")).await;
    assert!(matches!(error, Error::NotJson { status: 200, .. }), "{error:?}");
    let redirect = answer_with(302, ("location", "https://login.example.edu/saml?request=abc"), "");
    let error = error_for(redirect).await;
    assert!(matches!(&error, Error::Redirected { host, .. } if host == "login.example.edu"), "{error:?}");
    assert!(!error.to_string().contains("abc"), "{error}");
}

#[tokio::test]
async fn json_of_another_kind_is_reported_without_its_values() {
    for body in [
        r#"{"version":{"secret-looking":"s3cr3t-value"}}"#,
        r#"["s3cr3t-value"]"#,
        r#"{"version":"s3cr3t-value"}"#,
        r#"{"version":"19.3.0","enterprise":"s3cr3t-value"}"#,
    ] {
        let error = error_for(answer(200, body)).await;
        assert!(matches!(error, Error::UnexpectedShape { .. }), "{body}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    }
    let error = error_for(answer(200, "{}")).await;
    assert!(error.to_string().contains("missing field `version`"), "{error}");
}

#[tokio::test]
async fn a_moved_project_gives_its_id() {
    let location = "https://gitlab.example.edu/api/v4/projects/42?statistics=false";
    let body = format!("This resource has been moved permanently to {location}");
    let error = error_for(answer_with(301, ("location", location), body)).await;
    assert!(matches!(error, Error::Moved { project_id: Some(42), .. }), "{error:?}");
    let elsewhere = answer_with(301, ("location", "https://other.example.edu/api/v4/projects/7"), "<html></html>");
    let error = error_for(elsewhere).await;
    assert!(matches!(error, Error::Redirected { .. }), "a proxy's redirect proves nothing about a project: {error:?}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_its_own_error() {
    let error = error_for(broken(TransportErrorKind::BodyTooLarge)).await;
    assert!(matches!(error, Error::BodyTooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn no_message_repeats_the_token_or_a_secret_of_the_request() {
    let value = "eyJhbGciOiJSUzI1NiJ9.planted-value.signature";
    let variable = NewVariable {
        key: "KUBE_TOKEN".to_owned(),
        value: SecretString::from(value),
        variable_type: VariableType::EnvVar,
        protected: true,
        masked: true,
        raw: true,
        environment_scope: "production".to_owned(),
        description: None,
    };
    for status in [400, 403, 404, 409, 422] {
        let body = format!(r#"{{"message":{{"value":["{value} is wrong","{TOKEN} is no token"]}}}}"#);
        let client = Script::new([answer(status, body)]).client();
        let error = client.create_variable(42, &variable).await.unwrap_err();
        let shown = format!("{error} {error:?} {client:?} {variable:?}");
        assert!(!shown.contains("planted-value") && !shown.contains(TOKEN), "{shown}");
        assert!(shown.contains("is no token"), "{shown}");
    }
}

#[tokio::test]
async fn no_message_repeats_a_part_of_a_secret_however_it_is_cut_or_escaped() {
    let value = "users:\n- user:\n    token: \"eyJhbGciOiJSUzI1NiJ9.planted-value.signature\"\n";
    let variable = NewVariable {
        key: "KUBECONFIG".to_owned(),
        value: SecretString::from(value),
        variable_type: VariableType::File,
        protected: true,
        masked: false,
        raw: true,
        environment_scope: "production".to_owned(),
        description: None,
    };
    for shown in [value.to_owned(), value[30..].to_owned(), format!("ü{value:?}"), format!("x{}y", &value[40..60])] {
        let body =
            serde_json::json!({"message": {"value": [format!("is too long: {shown} (the limit is 10)")]}}).to_string();
        let client = Script::new([answer(400, body)]).client();
        let error = client.create_variable(42, &variable).await.unwrap_err().to_string();
        assert!(!error.contains("planted") && !error.contains("eyJ") && !error.contains("signature"), "{error}");
        assert!(error.contains("is too long: ") && error.contains("(the limit is 10)"), "{error}");
    }
}

#[tokio::test]
async fn a_short_value_does_not_make_gitlabs_words_unreadable() {
    let client =
        Script::new([answer(400, r#"{"message":{"key":["(KUBE_NAMESPACE) has already been taken"]}}"#)]).client();
    let variable = NewVariable {
        key: "KUBE_NAMESPACE".to_owned(),
        value: SecretString::from("e"),
        variable_type: VariableType::EnvVar,
        protected: false,
        masked: false,
        raw: true,
        environment_scope: "production".to_owned(),
        description: None,
    };
    let error = client.create_variable(42, &variable).await.unwrap_err();
    assert!(error.is_already_taken(), "{error}");
}

#[tokio::test]
async fn endless_or_hostile_messages_are_cut() {
    let body = format!(r#"{{"message":["{}","line\u001b[31m\nbreak"]}}"#, "x".repeat(100_000));
    let Error::Refused { messages, .. } = error_for(answer(400, body)).await else { panic!() };
    assert!(messages[0].len() <= 500);
    assert!(!messages[1].contains(['\n', '\u{1b}']), "{messages:?}");
}
