//! What may leave, and when.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{Request, Response};
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use super::{super::*, Virtual, at, seconds};
use crate::{
    facts::problems,
    gitlab::{Transport, TransportErrorKind},
    status::Reason,
};

async fn sent(claim: &Claim, timeout: u64) -> Result<(), Refused> {
    claim.guard(seconds(timeout), async { Ok(()) }).await
}

#[tokio::test(start_paused = true)]
async fn a_call_leaves_only_while_the_lease_has_its_whole_time_left() {
    let claim = Claim::none(Arc::new(Virtual::new()));
    assert_eq!(sent(&claim, 0).await, Err(Refused), "before the lease is held");
    claim.extend(at(30));
    assert_eq!(sent(&claim, 30).await, Ok(()));
    tokio::time::advance(seconds(16)).await;
    assert_eq!(sent(&claim, 15).await, Err(Refused));
    assert_eq!(sent(&claim, 14).await, Ok(()));
    claim.extend(at(46));
    assert_eq!(sent(&claim, 15).await, Ok(()), "it was renewed");
    tokio::time::advance(seconds(1000)).await;
    assert_eq!(sent(&claim, 1).await, Err(Refused));
}

#[tokio::test(start_paused = true)]
async fn a_call_under_way_is_dropped_when_the_lease_ends() {
    let claim = Claim::none(Arc::new(Virtual::new()));
    claim.extend(at(30));
    // A call whose own time-out stood still with the machine.
    let (wake, woken) = oneshot::channel::<()>();
    let call = claim.guard(seconds(10), async { woken.await.map_err(|_| Refused) });
    let suspended = async {
        tokio::time::advance(seconds(30)).await;
        wake.send(()).unwrap();
    };
    assert_eq!(tokio::join!(call, suspended).0, Err(Refused));
}

#[tokio::test(start_paused = true)]
async fn who_withdraws_the_claim_waits_for_what_is_under_way_and_lets_nothing_begin() {
    let claim = Claim::none(Arc::new(Virtual::new()));
    claim.extend(at(1000));
    let (end, ended) = oneshot::channel::<()>();
    let copy = claim.clone();
    let call = tokio::spawn(async move { copy.guard(seconds(10), async { ended.await.map_err(|_| Refused) }).await });
    tokio::task::yield_now().await;
    claim.withdraw();
    assert_eq!(sent(&claim, 0).await, Err(Refused));
    claim.extend(at(2000));
    assert_eq!(sent(&claim, 0).await, Err(Refused), "a renewal that comes later changes nothing");
    assert!(tokio::time::timeout(seconds(5), claim.quiet()).await.is_err(), "it is under way");
    end.send(()).unwrap();
    claim.quiet().await;
    assert_eq!(call.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn work_begins_with_the_lease() {
    let claim = Claim::none(Arc::new(Virtual::new()));
    assert!(tokio::time::timeout(seconds(100), claim.begun()).await.is_err());
    claim.extend(at(130));
    claim.begun().await;
    Claim::alone().begun().await;
}

#[tokio::test(start_paused = true)]
async fn both_seams_ask_for_the_claim_and_a_refusal_is_a_problem_that_is_tried_again() {
    let reached = Arc::new(AtomicUsize::new(0));
    let counting = reached.clone();
    let transport = Transport::new(tower::service_fn(move |_: Request<Bytes>| {
        counting.fetch_add(1, Ordering::Relaxed);
        async { Ok(Response::new(Bytes::new())) }
    }));
    let counting = reached.clone();
    let client = kube::Client::new(
        tower::service_fn(move |_: Request<kube::client::Body>| {
            counting.fetch_add(1, Ordering::Relaxed);
            let answer = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}"#;
            async move { Ok::<_, tower::BoxError>(Response::new(kube::client::Body::from(answer.as_bytes().to_vec()))) }
        }),
        "default",
    );
    let claim = Claim::none(Arc::new(Virtual::new()));
    let (guarded, transport) = (claim.kubernetes(&client, seconds(10)), claim.gitlab(transport, seconds(10)));
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(guarded);

    let refused = namespaces.get("a").await.unwrap_err();
    let problem = problems::kubernetes("read a", &refused);
    assert_eq!((problem.reason, problem.retry), (Reason::KubernetesUnavailable, crate::status::Retry::Backoff));
    assert!(problem.message.contains("nothing was sent"), "{problem}");
    let request = || Request::get("http://127.0.0.1/").body(Bytes::new()).unwrap();
    let refused = transport.clone().oneshot(request()).await.unwrap_err();
    assert_eq!(refused.kind, TransportErrorKind::NotSent);
    let error = crate::gitlab::Error::Transport { endpoint: "GET /", source: refused };
    assert_eq!(problems::gitlab("ask", &error).reason, Reason::KubernetesUnavailable);
    assert_eq!(reached.load(Ordering::Relaxed), 0);

    claim.extend(at(10));
    namespaces.get("a").await.unwrap();
    transport.oneshot(request()).await.unwrap();
    assert_eq!(reached.load(Ordering::Relaxed), 2);
}
