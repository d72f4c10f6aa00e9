//! The lease goes from one operator to another: by force, and in peace.

use gitlab_simulator::http::faults::{Fault, FaultKind};
use jiff::SignedDuration;

use crate::{
    bed::{Bench, eventually},
    operator::{LEASE, Operator, RETRY_PERIOD},
    record::{Record, gap, one_after_the_other},
};

/// Every variable takes a while, so that a delivery is under way for some seconds.
pub fn slow_variables(bench: &Bench, milliseconds: u64) {
    for method in ["POST", "PUT"] {
        let slow = Fault {
            method: Some(method.into()),
            path: Some("/variables".into()),
            delay_ms: milliseconds,
            ..Fault::new(FaultKind::Delay)
        };
        bench.campus.simulator.add_fault(slow).unwrap();
    }
}

/// Waits until an operator writes variables, as it does for a while.
pub async fn delivering(operator: &Operator) {
    let before = operator.gitlab.calls().len();
    eventually(&format!("{} delivers", operator.name), async || {
        let calls = operator.gitlab.calls();
        let writes = calls[before..].iter().filter(|call| call.method != http::Method::GET).count();
        if writes >= 2 { Ok(()) } else { Err(operator.program.log()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_within_the_lease_time() {
    let bench = Bench::new("killed").await;
    let mut first = Operator::start(&bench, "killed-first").await;
    first.until_it_leads().await;
    let second = Operator::start(&bench, "killed-second").await;
    let mapping = bench.map("web-app").await;
    bench.campus.until_ready(&mapping).await;
    slow_variables(&bench, 300);
    bench.renew(&mapping, "1").await;
    delivering(&first).await;
    first.signal("KILL").await;
    first.ended().await;
    bench.renewed(&mapping, "1").await;

    let records = [Record::of(&bench, &first), Record::of(&bench, &second)];
    one_after_the_other(&records);
    let gap = gap(records[0].last_renewal(), records[1].took_over());
    let (lease, look) = (SignedDuration::try_from(LEASE).unwrap(), SignedDuration::try_from(RETRY_PERIOD * 2).unwrap());
    assert!(gap >= lease, "it was taken after {gap:#}, although it still held");
    assert!(gap < lease + look, "it was taken only after {gap:#}");
    bench.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_leaves_no_gap_and_never_do_two_work() {
    let bench = Bench::new("rolling").await;
    let mapping = bench.map("web-app").await;
    let mut first = Operator::start(&bench, "rolling-first").await;
    first.until_it_leads().await;
    let second = Operator::start(&bench, "rolling-second").await;
    bench.campus.until_ready(&mapping).await;

    // A new one comes, an old one goes, and so again; always in the middle of work.
    slow_variables(&bench, 50);
    let third = Operator::start(&bench, "rolling-third").await;
    bench.renew(&mapping, "1").await;
    delivering(&first).await;
    assert_eq!(first.program.terminate().await.code(), Some(0), "{}", first.program.log());
    let leader = eventually("one of two leads", async || match (second.leads().await?, third.leads().await?) {
        (false, false) => Err(second.program.log()),
        (true, true) => panic!("both lead"),
        (second, _) => Ok(if second { "second" } else { "third" }),
    })
    .await;
    let fourth = Operator::start(&bench, "rolling-fourth").await;
    let (mut leader, other) = if leader == "second" { (second, third) } else { (third, second) };
    bench.renew(&mapping, "2").await;
    delivering(&leader).await;
    assert_eq!(leader.program.terminate().await.code(), Some(0), "{}", leader.program.log());
    bench.renew(&mapping, "3").await;
    bench.renewed(&mapping, "3").await;

    let last = if other.leads().await.unwrap() { other } else { fourth };
    let records = [&first, &leader, &last].map(|operator| Record::of(&bench, operator));
    one_after_the_other(&records);
    for pair in records.windows(2) {
        let gap = gap(pair[0].last_renewal(), pair[1].took_over());
        assert!(gap < SignedDuration::from_secs(1), "from {} to {}: {gap:#}", pair[0].name, pair[1].name);
        assert!(!gap.is_negative(), "{} gave it back after {} had it", pair[0].name, pair[1].name);
        let (worked, gave_back) = (pair[0].work.last().unwrap(), pair[0].last_renewal());
        assert!(worked.answered <= gave_back.received, "giving back was not the last act: {worked:?}");
    }
    bench.finish().await;
}
