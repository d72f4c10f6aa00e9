//! Kubernetes Events: what a person should know, once, not on every pass.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};

use crate::{
    api::Condition,
    context::Context,
    status::{Reason, ready},
};

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Something good happened.
pub async fn normal(context: &Context, about: &ObjectReference, reason: &str, note: impl Into<String>) {
    publish(context, about, EventType::Normal, reason, note.into()).await;
}

/// Something needs a person.
pub async fn warning(context: &Context, about: &ObjectReference, reason: &str, note: impl Into<String>) {
    publish(context, about, EventType::Warning, reason, note.into()).await;
}

/// Tells people when the condition `Ready` changed its state or reason; that something goes on by itself is no news.
pub async fn of_ready(context: &Context, about: &ObjectReference, before: &[Condition], now: &[Condition]) {
    let Some(current) = ready(now) else { return };
    if ready(before).is_some_and(|old| old.status == current.status && old.reason == current.reason) {
        return;
    }
    if current.status == "True" {
        normal(context, about, &current.reason, &current.message).await;
    } else if current.reason != Reason::Progressing.as_str() {
        warning(context, about, &current.reason, &current.message).await;
    }
}

/// The same, but only once while this program runs: what does not change need not be told on every pass.
pub async fn warning_once(context: &Context, about: &ObjectReference, reason: &str, topic: &str, note: String) {
    let mapping = about.name.as_deref().unwrap_or_default();
    if context.hands.work() && context.memory.tell_once(mapping, topic) {
        warning(context, about, reason, note).await;
    }
}

/// An event that cannot be written is logged; it never fails the work that it tells of.
async fn publish(context: &Context, about: &ObjectReference, type_: EventType, reason: &str, mut note: String) {
    if !context.hands.work() {
        return;
    }
    let end = (0..=note.len().min(LONGEST_NOTE)).rev().find(|at| note.is_char_boundary(*at)).unwrap_or(0);
    note.truncate(end);
    tracing::info!(
        object = about.name.as_deref().unwrap_or_default(),
        kind = about.kind.as_deref().unwrap_or_default(),
        reason,
        "{note}"
    );
    let event = Event { type_, reason: reason.into(), note: Some(note), action: "Reconcile".into(), secondary: None };
    if let Err(error) = context.events.publish(&event, about).await {
        tracing::warn!(reason, %error, "could not write an event");
    }
}
