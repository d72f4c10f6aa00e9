//! What people are told by events: everything, and what comes again soon as a number.

use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::json;

use crate::operator::{Bench, Operator};

#[tokio::test(flavor = "multi_thread")]
async fn of_each_namespace_that_is_made_people_are_told() {
    let bench = Bench::new("told-made").await;
    let project = bench.mapped("told-made", "web-app", json!({})).await;
    bench.operator().await.settle("told-made").await;
    let mut notes = bench.events("told-made").await.remove("Normal NamespaceCreated").unwrap_or_default();
    notes.sort();
    assert_eq!(notes.len(), 2, "{notes:?}");
    for (note, environment) in notes.iter().zip(["production", "staging"]) {
        assert!(note.contains(&format!("web-app-{project}-{environment}")), "{note}");
    }
}

/// How often each event says that the class is unknown.
async fn told(bench: &Bench, mapping: &str) -> Vec<i32> {
    let events: Api<Event> = Api::namespaced(bench.campus.admin.clone(), "default");
    let about = ListParams::default().fields(&format!("regarding.name={mapping}"));
    let events = events.list(&about).await.unwrap().items.into_iter();
    let about_class = events.filter(|event| event.reason.as_deref() == Some("ClassNotFound"));
    let mut counts: Vec<_> = about_class.map(|event| event.series.map_or(1, |series| series.count)).collect();
    counts.sort_unstable();
    counts
}

async fn loses_its_class_and_finds_it_again(bench: &Bench, operator: &Operator, mapping: &str) {
    for class in ["told-again-none", "told-again"] {
        bench.campus.patch_mapping(mapping, json!({"spec": {"class": class}})).await;
        operator.pass(mapping).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_again_soon_is_counted_and_later_told_anew() {
    let bench = Bench::new("told-again").await;
    bench.mapped("told-again-web", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle("told-again-web").await;
    for _ in 0..3 {
        loses_its_class_and_finds_it_again(&bench, &operator, "told-again-web").await;
    }
    assert_eq!(told(&bench, "told-again-web").await, [3]);

    operator.advance(Duration::from_secs(600));
    loses_its_class_and_finds_it_again(&bench, &operator, "told-again-web").await;
    assert_eq!(told(&bench, "told-again-web").await, [1, 3], "too long ago to be the same story");

    let events: Api<Event> = Api::namespaced(bench.campus.admin.clone(), "default");
    events
        .delete_collection(
            &Default::default(),
            &ListParams::default().fields("reason=ClassNotFound,regarding.name=told-again-web"),
        )
        .await
        .unwrap();
    loses_its_class_and_finds_it_again(&bench, &operator, "told-again-web").await;
    assert_eq!(told(&bench, "told-again-web").await, [1], "events end after a while; then a new one tells");
}
