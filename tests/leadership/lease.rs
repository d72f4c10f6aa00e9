//! Compare-and-swap, as the real API server does it.

use std::{sync::Arc, time::Duration};

use gl_k8s_integrator::{
    context::SystemClock,
    leadership::{LEASE, LeaseStore, Record, Written},
};
use kube::api::DeleteParams;

use crate::bed::{Bench, OWN};

async fn store(bench: &Bench, holder: &str) -> LeaseStore {
    let control_plane = bench.campus.control_plane;
    let token = control_plane.token_for(OWN, OWN).await.unwrap();
    let client = control_plane.client_with_token(&token);
    LeaseStore::new(client, OWN, holder, Duration::from_secs(8), Arc::new(SystemClock))
}

fn done(written: Written) -> Box<k8s_openapi::api::coordination::v1::Lease> {
    match written {
        Written::Done(lease) => lease,
        Written::Conflict => panic!("somebody else was faster"),
    }
}

fn is_conflict(written: Written) -> bool {
    matches!(written, Written::Conflict)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_saw_the_same_only_the_first_one_writes() {
    let bench = Bench::new("compared").await;
    let (first, second) = (store(&bench, "first").await, store(&bench, "second").await);
    assert_eq!((first.read().await.unwrap(), second.read().await.unwrap()), (None, None));
    let made = done(first.create().await.unwrap());
    assert!(is_conflict(second.create().await.unwrap()), "there is one already");

    let seen = second.read().await.unwrap().unwrap();
    let renewed = done(first.hold(&made).await.unwrap());
    assert!(is_conflict(second.hold(&seen).await.unwrap()), "it was renewed meanwhile");
    assert!(is_conflict(first.hold(&made).await.unwrap()), "also for its holder");
    assert_eq!(Record::from(&*renewed).holder.as_deref(), Some("first"));
    assert_ne!(Record::from(&*renewed).version, Record::from(&*made).version);
    let spec = |lease: &k8s_openapi::api::coordination::v1::Lease| lease.spec.clone().unwrap();
    assert_eq!(spec(&renewed).acquire_time, spec(&made).acquire_time);

    let given_back = done(first.release(&renewed).await.unwrap());
    assert_eq!(Record::from(&*given_back).holder, None);
    assert!(is_conflict(second.release(&renewed).await.unwrap()));
    let taken = done(second.hold(&given_back).await.unwrap());
    assert!(is_conflict(first.hold(&given_back).await.unwrap()));
    assert_eq!(Record::from(&*taken).holder.as_deref(), Some("second"));
    assert_eq!((spec(&made).lease_transitions, spec(&taken).lease_transitions), (Some(0), Some(1)));
    assert_ne!(spec(&taken).acquire_time, spec(&made).acquire_time);

    // A Lease that is gone is not made by whoever wants to renew it: others may be waiting for it to be.
    bench.leases.delete(LEASE, &DeleteParams::default()).await.unwrap();
    assert!(is_conflict(second.hold(&taken).await.unwrap()));
    assert_eq!(bench.leases.get_opt(LEASE).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_on_the_lease_stays() {
    let bench = Bench::new("annotated").await;
    let first = store(&bench, "first").await;
    let mut lease = done(first.create().await.unwrap());
    lease.metadata.annotations = Some([("team.example.edu/note".to_owned(), "kept".to_owned())].into());
    bench.leases.replace(LEASE, &Default::default(), &lease).await.unwrap();
    let read = first.read().await.unwrap().unwrap();
    let held = done(first.hold(&read).await.unwrap());
    assert_eq!(held.metadata.annotations, lease.metadata.annotations);
    assert_eq!(held.metadata.labels.unwrap()["app.kubernetes.io/name"], "gl-k8s-integrator");
}
