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
