//! What failed is tried again later and later, never in step with others, and never earlier than a server asked for.

use std::{collections::BTreeMap, time::Duration};

use gitlab_simulator::http::faults::{Fault, FaultKind};
use gl_k8s_integrator::status::Reason;
use serde_json::json;

use crate::operator::Bench;

fn status(status: u16, headers: &[(&str, &str)]) -> Fault {
    let headers: BTreeMap<_, _> = headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Fault { status: Some(status), headers, ..Fault::new(FaultKind::Status) }
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_grow_with_every_failure_and_differ_between_mappings() {
    let bench = Bench::new("backoff").await;
    for name in ["backoff-a", "backoff-b"] {
        bench.mapped(name, name, json!({})).await;
    }
    bench.campus.simulator.add_fault(status(500, &[])).unwrap();
    let operator = bench.operator().await;
    let mut delays: [Vec<Duration>; 2] = Default::default();
    for _ in 0..12 {
        for (name, delays) in ["backoff-a", "backoff-b"].into_iter().zip(&mut delays) {
            let outcome = operator.pass(name).await;
            assert_eq!(outcome.problem, Some(Reason::GitLabFailed));
            delays.push(outcome.again.unwrap());
        }
        operator.advance(Duration::from_secs(600));
    }
    for delays in &delays {
        for (number, delay) in delays.iter().enumerate() {
            let whole = Duration::from_secs(1 << number).min(operator.context.settings.longest_backoff);
            assert!(whole / 2 <= *delay && *delay <= whole, "{number}: {delay:?} of {whole:?}");
        }
    }
    assert_ne!(delays[0], delays[1], "jitter");

    bench.campus.simulator.clear_faults();
    operator.settle("backoff-a").await;
    bench.campus.simulator.add_fault(Fault { path: Some("/variables".into()), ..status(500, &[]) }).unwrap();
    bench.campus.patch_mapping("backoff-a", json!({"spec": {"environments": [{"name": "new"}]}})).await;
    let outcome = operator.pass("backoff-a").await;
    assert!(outcome.again.unwrap() <= Duration::from_secs(1), "a success begins the row anew: {outcome:?}");
}

/// Every way in which GitLab can fail without naming a time, and what is said of it.
fn failures() -> Vec<(Fault, Reason)> {
    let invalid = |description: &str| {
        let body = json!({"error": "invalid_token", "error_description": description});
        Fault { body: Some(body), ..status(401, &[]) }
    };
    let scope = json!({"error": "insufficient_scope", "error_description": "…", "scope": "api"});
    vec![
        (status(500, &[]), Reason::GitLabFailed),
        (status(503, &[]), Reason::GitLabFailed),
        (Fault::new(FaultKind::Cut), Reason::GitLabUnreachable),
        (Fault::new(FaultKind::CutBody), Reason::GitLabUnreachable),
        (Fault::new(FaultKind::Garbage), Reason::GitLabUnexpectedAnswer),
        (status(302, &[("Location", "/users/sign_in")]), Reason::GitLabUnexpectedAnswer),
        (Fault { body: Some(json!({"message": "401 Unauthorized"})), ..status(401, &[]) }, Reason::TokenInvalid),
        (invalid("Token is expired."), Reason::TokenExpired),
        (invalid("Token was revoked."), Reason::TokenRevoked),
        (Fault { body: Some(scope), ..status(403, &[]) }, Reason::TokenScopeInsufficient),
        (Fault { body: Some(json!({"message": "403 Forbidden"})), ..status(403, &[]) }, Reason::ProjectForbidden),
        (Fault { body: Some(json!({"message": "no"})), ..status(422, &[]) }, Reason::GitLabRefused),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_gitlab_fails_with_is_tried_again_later_and_later() {
    let bench = Bench::new("later-and-later").await;
    bench.mapped("later-and-later", "web-app", json!({})).await;
    bench.operator().await.settle("later-and-later").await;
    for (fault, reason) in failures() {
        let operator = bench.operator().await;
        let id = bench.campus.simulator.add_fault(fault.clone()).unwrap();
        bench.campus.patch_mapping("later-and-later", json!({"spec": {"deletionPolicy": "Delete"}})).await;
        let mut delays = Vec::new();
        for number in 0..4 {
            // A comparison is due in each pass, so that GitLab is asked.
            operator.advance(Duration::from_secs(13 * 3600));
            let outcome = operator.pass("later-and-later").await;
            assert_eq!(outcome.problem, Some(reason), "{fault:?}");
            let delay = outcome.again.unwrap();
            let whole = Duration::from_secs(1 << number);
            assert!(whole / 2 <= delay && delay <= whole, "{fault:?}: {delay:?} of {whole:?}");
            delays.push(delay);
        }
        assert!(delays.iter().enumerate().any(|(number, delay)| *delay != Duration::from_secs(1 << number)), "jitter");
        bench.campus.simulator.clear_fault(id);
        operator.settle("later-and-later").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_gitlab_names_is_waited_for() {
    let bench = Bench::new("retry-after").await;
    bench.mapped("retry-after-web", "web-app", json!({})).await;
    let id = bench.campus.simulator.add_fault(status(429, &[("Retry-After", "120")])).unwrap();
    let operator = bench.operator().await;
    let outcome = operator.pass("retry-after-web").await;
    assert_eq!(outcome.problem, Some(Reason::GitLabRateLimited));
    assert!(outcome.again.unwrap() >= Duration::from_secs(119), "{outcome:?}");
    bench.campus.simulator.clear_fault(id);
    bench.campus.simulator.clear_requests();
    for _ in 0..3 {
        let outcome = operator.pass("retry-after-web").await;
        assert_eq!(outcome.problem, Some(Reason::GitLabRateLimited));
        assert!(outcome.again.unwrap() >= Duration::from_secs(60), "{outcome:?}");
    }
    assert!(bench.campus.simulator.requests().is_empty(), "GitLab asked to be left alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_change_can_mend_is_not_asked_for_again_and_again() {
    let bench = Bench::new("on-change").await;
    bench.mapped("on-change-web", "web-app", json!({"class": "on-change-none"})).await;
    let operator = bench.operator().await;
    for _ in 0..2 {
        let outcome = operator.pass("on-change-web").await;
        assert_eq!(outcome.problem, Some(Reason::ClassNotFound));
        assert!(outcome.again.unwrap() >= Duration::from_secs(300), "{outcome:?}");
    }
    assert!(bench.campus.simulator.requests().iter().all(|request| request.user_id == Some(1)));
    bench.campus.declare_class("on-change-none", json!({})).await;
    operator.settle("on-change-web").await;
}
