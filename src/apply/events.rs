//! Kubernetes Events: what a person should know, once, not on every pass.

use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::{
    api::{Condition, names},
    context::Context,
    memory::SeriesKey,
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
    if let Err(error) = write(context, about, type_, reason, note).await {
        tracing::warn!(reason, %error, "could not write an event");
    }
}

/// Counts it with the event that told of the same a short while ago; writes a new one, if there is none any more.
async fn write(
    context: &Context,
    about: &ObjectReference,
    type_: EventType,
    reason: &str,
    note: String,
) -> kube::Result<()> {
    let now = context.clock.now();
    // Events about what is in no namespace belong into this one (kube-apiserver, validateV1EventSeries).
    let namespace = about.namespace.as_deref().unwrap_or("default");
    let events = Api::<Event>::namespaced(context.kubernetes.clone(), namespace);
    let key = SeriesKey::new(about, type_.as_str(), reason, &note);
    if let Some(told) = context.memory.told_again(key, now) {
        let series = json!({"series": {"count": told.count, "lastObservedTime": MicroTime(now)}});
        match events.patch(&told.name, &PatchParams::default(), &Patch::Merge(series)).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            written => return written.map(drop),
        }
    }
    let event = Event {
        metadata: ObjectMeta {
            // The API server cuts it where it is too long and ends it by chance.
            generate_name: about.name.as_ref().map(|name| format!("{name}-")),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        type_: Some(type_.as_str().to_owned()),
        reason: Some(reason.to_owned()),
        note: Some(note),
        action: Some("Reconcile".to_owned()),
        regarding: Some(about.clone()),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(names::FIELD_MANAGER.to_owned()),
        reporting_instance: Some(context.settings.instance.clone()),
        ..Event::default()
    };
    let written = events.create(&PostParams::default(), &event).await?;
    context.memory.told_first(key, written.name_any(), now);
    Ok(())
}

#[derive(Clone, Copy)]
enum EventType {
    Normal,
    Warning,
}

impl EventType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}
