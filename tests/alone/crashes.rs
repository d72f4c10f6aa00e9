//! Neither crashes nor two operators at once get more through than the limit.

use futures::future::join_all;
use gl_k8s_integrator::status::Reason;
use http::Method;

use crate::{
    ground::{Ground, RECORD},
    operator::Operator,
    seams::{Call, Fate, faults::Fault},
};

fn keeps_the_record(call: &Call) -> bool {
    call.method == Method::PATCH && call.path.contains(RECORD)
}

fn deletes_a_namespace(call: &Call) -> bool {
    let name = call.path.strip_prefix("/api/v1/namespaces/").map(|rest| rest.split('?').next().unwrap_or_default());
    call.method == Method::DELETE && name.is_some_and(|name| !name.contains('/'))
}

/// Mappings with one namespace each, to be deleted.
async fn doomed(ground: &Ground, operator: &Operator, count: usize) -> Vec<(String, i64)> {
    let mut all = Vec::new();
    for number in 0..count {
        let name = format!("{}-{number}", ground.bench.campus.name);
        let project = ground.mapped(operator, &name, &["production"]).await;
        ground.delete(&name).await;
        all.push((name, project));
    }
    all
}

async fn standing(ground: &Ground, doomed: &[(String, i64)]) -> usize {
    let mut count = 0;
    for (_, project) in doomed {
        count += ground.standing(*project).await.len();
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_ends_at_every_deletion_gets_no_further_than_the_limit() {
    let ground = Ground::new("loop", 2).await;
    let first = ground.bench.operator().await;
    let doomed = doomed(&ground, &first, 4).await;
    // Each one ends right after its permission is on record, or right after the deletion.
    for (number, (name, _)) in doomed.iter().enumerate() {
        for picks in [keeps_the_record, deletes_a_namespace] {
            let operator = ground.bench.operator().await;
            operator.seams.last_is(1, picks);
            tokio::select! {
                outcome = operator.pass(name) => {
                    assert!(number > 1, "{name} did not get so far: {outcome:?}");
                    assert_eq!(outcome.problem, Some(Reason::DeletionHeld), "{name}");
                }
                () = operator.seams.death() => assert!(number < 2, "{name} got through"),
            }
        }
    }
    assert_eq!((standing(&ground, &doomed).await, ground.on_record().await), (2, 2), "what is tried again counts once");
    let last = ground.bench.operator().await;
    for (name, _) in &doomed[..2] {
        last.settle(name).await;
        assert!(!ground.exists(name).await);
    }
    ground.clear(&last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_at_the_same_moment_share_the_limit_even_those_of_two_operators() {
    let ground = Ground::new("at-once", 3).await;
    let operators = [ground.bench.operator().await, ground.bench.operator().await];
    let doomed = doomed(&ground, &operators[0], 8).await;
    let passes = doomed.iter().enumerate().map(|(number, (name, _))| operators[number % 2].pass(name));
    join_all(passes).await;
    // Who met the record while the other one wrote it tries again.
    for (name, _) in &doomed {
        operators[0].pass(name).await;
    }
    assert_eq!((standing(&ground, &doomed).await, ground.on_record().await), (5, 3));
    ground.clear(&operators[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_put_on_record_is_not_deleted() {
    let ground = Ground::new("no-record", 3).await;
    let operator = ground.bench.operator().await;
    let doomed = doomed(&ground, &operator, 1).await;
    let (name, project) = &doomed[0];
    for status in [403, 409, 500] {
        operator
            .seams
            .judge(move |call| if keeps_the_record(call) { Fate::Fails(Fault::Status(status)) } else { Fate::Passes });
        let expected = if status == 403 { Reason::KubernetesForbidden } else { Reason::KubernetesUnavailable };
        let message = operator.meets(name, expected).await;
        assert!(message.contains(RECORD), "{message}");
        assert_eq!(ground.standing(*project).await.len(), 1);
    }
    operator.seams.judge(|_| Fate::Passes);
    operator.settle(name).await;
    assert_eq!(ground.standing(*project).await, Vec::<String>::new());
}
