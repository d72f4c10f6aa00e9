//! How an election begins, and that there need not be one.

use crate::{
    bed::{Bench, eventually},
    operator::Operator,
    record::{Record, one_after_the_other},
};

#[tokio::test(flavor = "multi_thread")]
async fn of_three_that_come_at_once_one_leads_and_all_are_ready() {
    let bench = Bench::new("at-once").await;
    let mapping = bench.map("web-app").await;
    let operators = futures::future::join_all(
        ["at-once-first", "at-once-second", "at-once-third"].map(|name| Operator::launch_in_election(&bench, name)),
    )
    .await;
    for operator in &operators {
        operator.program.ready().await;
    }
    bench.campus.until_ready(&mapping).await;
    let mut leaders = Vec::new();
    for operator in &operators {
        leaders.extend(operator.leads().await.unwrap().then_some(operator.name));
    }
    assert_eq!(leaders.len(), 1, "{leaders:?}");

    let (leading, waiting): (Vec<_>, Vec<_>) = operators
        .iter()
        .map(|operator| Record::of(&bench, operator))
        .partition(|record| leaders.contains(&record.name));
    one_after_the_other(&leading);
    for operator in &operators {
        // Mapping, class and instance were there before it; which of them it saw first must make no difference.
        assert!(!operator.program.log().contains("NotFound"), "{}", operator.program.log());
    }
    for record in waiting {
        assert!(record.lease.is_empty() && record.work.is_empty(), "{}: {:#?}", record.name, record.work);
    }
    let lease = bench.leases.get(gl_k8s_integrator::leadership::LEASE).await.unwrap().spec.unwrap();
    let holder = lease.holder_identity.unwrap();
    assert_eq!(holder.split('_').next(), Some(leaders[0]), "the Lease names the pod");
    assert_eq!((lease.lease_duration_seconds, lease.lease_transitions), (Some(8), Some(0)));
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_election_one_works_and_touches_no_lease() {
    let bench = Bench::new("alone").await;
    let mapping = bench.map("web-app").await;
    let mut alone = Operator::launch(&bench, "alone", &["--leader-elect=false"]).await;
    alone.program.ready().await;
    bench.campus.until_ready(&mapping).await;
    assert_eq!(alone.leads().await, Ok(true));
    assert_eq!(alone.program.terminate().await.code(), Some(0));
    let record = Record::of(&bench, &alone);
    assert!(!record.work.is_empty() && record.lease.is_empty() && record.conflicts == 0);
    assert_eq!(bench.leases.get_opt(gl_k8s_integrator::leadership::LEASE).await.unwrap(), None);
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_lease_is_given_to_another_one_ends() {
    let bench = Bench::new("deposed").await;
    let mut first = Operator::start(&bench, "deposed-first").await;
    first.until_it_leads().await;
    eventually("another one stands in the Lease", async || {
        let mut lease =
            bench.leases.get(gl_k8s_integrator::leadership::LEASE).await.map_err(|error| error.to_string())?;
        lease.spec.as_mut().unwrap().holder_identity = Some("somebody-else".to_owned());
        let written = bench.leases.replace(gl_k8s_integrator::leadership::LEASE, &Default::default(), &lease).await;
        written.map(drop).map_err(|error| error.to_string())
    })
    .await;
    let status = first.ended().await;
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
    assert!(first.program.log().contains("somebody-else"), "{}", first.program.log());
    bench.finish().await;
}
