//! An operator that cannot be sure any more that it leads.

use jiff::{SignedDuration, Timestamp};

use crate::{
    bed::Bench,
    handover::{delivering, slow_variables},
    operator::{LEASE, Operator, RENEW_DEADLINE},
    record::{Record, one_after_the_other},
};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_standstill_past_the_lease_nothing_is_sent() {
    let bench = Bench::new("stopped").await;
    let mapping = bench.map("web-app").await;
    let mut first = Operator::start(&bench, "stopped-first").await;
    bench.campus.until_ready(&mapping).await;
    let second = Operator::start(&bench, "stopped-second").await;
    slow_variables(&bench, 500);
    bench.renew(&mapping, "1").await;
    delivering(&first).await;
    first.signal("STOP").await;
    let stopped = Timestamp::now();
    let taken = Record::as_holder(&bench, &second).await.took_over().clone();
    let expired = Record::of(&bench, &first).last_renewal().answered + SignedDuration::try_from(LEASE).unwrap();
    assert!(taken.received >= expired, "not before it expired");
    delivering(&second).await;
    first.signal("CONT").await;
    let status = first.ended().await;
    assert!(status.code().is_some_and(|code| code != 0), "{status}: {}", first.program.log());
    assert!(first.program.log().contains("the lease could not be renewed"), "{}", first.program.log());
    bench.renewed(&mapping, "1").await;

    let records = [Record::of(&bench, &first), Record::of(&bench, &second)];
    let since: Vec<_> = records[0].work.iter().filter(|deed| deed.received > stopped).collect();
    assert!(since.iter().all(|deed| deed.received < expired), "sent after the lease had expired: {since:#?}");
    assert!(records[0].last_renewal().received < taken.received, "nor did it write the Lease");
    one_after_the_other(&records);
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_cannot_reach_the_api_server_stops_and_ends_before_the_lease_does() {
    let bench = Bench::new("cut-off").await;
    let mapping = bench.map("web-app").await;
    let mut first = Operator::start(&bench, "cut-off-first").await;
    bench.campus.until_ready(&mapping).await;
    let second = Operator::start(&bench, "cut-off-second").await;
    // A delivery takes longer than the lease, and needs nothing of the API server meanwhile.
    slow_variables(&bench, 900);
    bench.renew(&mapping, "1").await;
    delivering(&first).await;
    first.kubernetes.cut();
    let status = first.ended().await;
    let ended = Timestamp::now();
    assert!(status.code().is_some_and(|code| code != 0), "{status}: {}", first.program.log());
    let taken = Record::as_holder(&bench, &second).await.took_over().clone();
    assert!(ended <= taken.received, "it ended at {ended}, and the lease was taken at {}", taken.received);
    bench.campus.simulator.clear_faults();
    bench.renewed(&mapping, "1").await;

    let records = [Record::of(&bench, &first), Record::of(&bench, &second)];
    one_after_the_other(&records);
    let deadline = records[0].last_renewal().answered + SignedDuration::try_from(RENEW_DEADLINE).unwrap();
    let late: Vec<_> = records[0].work.iter().filter(|deed| deed.received > deadline).collect();
    assert!(late.is_empty(), "begun after the renew deadline: {late:#?}");
    bench.finish().await;
}
