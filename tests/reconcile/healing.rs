//! A call that fails once is made good by the next pass.

use futures::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    crashes::{Work, finished},
    operator::Bench,
    seams::{Call, Fate, Server},
};

fn counts(call: &Call) -> bool {
    call.server == Server::Kubernetes && call.is_write() && !call.is_event()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_write_to_the_api_server_may_fail_once() {
    let bench = Bench::new("fail-once").await;
    let work = Work { before: None, change: json!({"spec": {}}), deleted: false };
    let (wanted, writes) = work.undisturbed(&bench).await;
    let writes = writes.iter().filter(|call| counts(call)).count();
    let (bench, work) = (&bench, &work);
    let cases = stream::iter(1..=writes).map(|number| async move {
        let fate = [Fate::Refused(409), Fate::Refused(500), Fate::AnswerLost][number % 3];
        let subject = work.begin(bench, &format!("fail-{number}")).await;
        let operator = bench.operator().await;
        let mut seen = 0;
        operator.seams.judge(move |call| {
            seen += usize::from(counts(call));
            if seen == number && counts(call) { fate } else { Fate::Passes }
        });
        operator.settle(&subject.mapping).await;
        (number, fate, finished(bench, operator, &subject).await)
    });
    let cases: Vec<_> = cases.buffer_unordered(4).collect().await;
    for (number, fate, picture) in cases {
        assert!(picture == wanted, "write {number} met {fate:?}:\n{picture:#}\ninstead of\n{wanted:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_fails_every_few_calls_only_delays_the_work() {
    let bench = Bench::new("fail-often").await;
    let work = Work { before: None, change: json!({"spec": {}}), deleted: false };
    let (wanted, _) = work.undisturbed(&bench).await;
    for every in [37, 23, 17] {
        let subject = work.begin(&bench, &format!("every-{every}")).await;
        let operator = bench.operator().await;
        let mut seen = 0;
        operator.seams.judge(move |call| {
            seen += usize::from(call.server == Server::Kubernetes);
            match seen % (3 * every) {
                0 => Fate::Refused(500),
                at if at == every => Fate::AnswerLost,
                at if at == 2 * every && call.is_write() => Fate::Refused(409),
                _ => Fate::Passes,
            }
        });
        operator.settle(&subject.mapping).await;
        operator.seams.judge(|_| Fate::Passes);
        let picture = finished(&bench, operator, &subject).await;
        assert!(picture == wanted, "every {every}th call failed:\n{picture:#}\ninstead of\n{wanted:#}");
    }
}
