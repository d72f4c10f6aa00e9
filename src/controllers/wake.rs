//! Who wakes whom: a change of an object is a change for everything that names it.

use std::sync::Arc;

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::{Resource, ResourceExt as _, runtime::reflector::ObjectRef};

use super::{Watched, by_name};
use crate::{
    api::{Condition, GitLabInstance, Key, NamespaceClass, ProjectMapping},
    context::Context,
    status::{Reason, is_ready, ready},
};

/// Takes what the watches see and puts names into the queues. The channels hold names only, which the queues merge.
pub struct Hub {
    context: Arc<Context>,
    instances: UnboundedSender<ObjectRef<GitLabInstance>>,
    classes: UnboundedSender<ObjectRef<NamespaceClass>>,
    mappings: UnboundedSender<ObjectRef<ProjectMapping>>,
}

/// What the queues are woken by.
pub(super) struct Woken {
    pub instances: UnboundedReceiver<ObjectRef<GitLabInstance>>,
    pub classes: UnboundedReceiver<ObjectRef<NamespaceClass>>,
    pub mappings: UnboundedReceiver<ObjectRef<ProjectMapping>>,
}

pub(super) fn hub(context: Arc<Context>) -> (Hub, Woken) {
    let (instances, woken_instances) = unbounded();
    let (classes, woken_classes) = unbounded();
    let (mappings, woken_mappings) = unbounded();
    (
        Hub { context, instances, classes, mappings },
        Woken { instances: woken_instances, classes: woken_classes, mappings: woken_mappings },
    )
}

impl Hub {
    /// Wakes a mapping whose objects changed. Its delays after failures stay: the change may be its own.
    pub fn touched(&self, name: &str) {
        // A closed channel means that the program is ending.
        let _ = self.mappings.unbounded_send(by_name(name));
    }

    /// Wakes a mapping at once and lets it begin again with the shortest delay.
    pub fn mapping(&self, name: &str) {
        self.context.memory.reset_failures(&Key::Mapping(name.to_owned()));
        self.touched(name);
    }

    fn instance(&self, name: &str) {
        let _ = self.instances.unbounded_send(by_name(name));
    }

    fn class(&self, name: &str) {
        let _ = self.classes.unbounded_send(by_name(name));
    }

    /// An administrator labelled a namespace that says nothing about itself: that is an act of an adoption.
    pub fn unclaimed(&self, namespace: &str) {
        for mapping in self.context.declarations.mappings_in_want_of(namespace) {
            self.mapping(&mapping.name_any());
        }
    }

    /// A Secret or ConfigMap in the operator's own namespace changed: connections made with it are made anew.
    pub fn own_object(&self, kind: OwnKind, name: &str) {
        for instance in self.context.declarations.instances.state() {
            let spec = &instance.spec;
            let concerned = match kind {
                OwnKind::Secret => spec.token_secret_ref.name == name,
                OwnKind::ConfigMap => {
                    let ca = spec.cluster.ca_certificate.config_map.iter();
                    let maps = spec.ca_certificate.iter().map(|ca| &ca.config_map).chain(ca);
                    name == crate::api::names::CLUSTER_ROOT_CA.0 || maps.into_iter().any(|map| map.name == name)
                }
            };
            if concerned {
                let instance = instance.name_any();
                self.context.memory.forget_instance(&instance);
                self.context.memory.reset_failures(&Key::Instance(instance.clone()));
                self.instance(&instance);
                self.mappings_of_instance(&instance);
            }
        }
    }

    fn mappings_of_instance(&self, name: &str) {
        for mapping in self.context.declarations.mappings_of_instance(name) {
            self.mapping(&mapping.name_any());
        }
    }
}

/// What in the operator's own namespace is watched.
#[derive(Clone, Copy, Debug)]
pub enum OwnKind {
    /// Tokens.
    Secret,
    /// CA certificates.
    ConfigMap,
}

/// A kind of ours whose changes concern others.
pub trait Wakes: Watched {
    /// Tells the others. `before` is what the watch showed last; `now` is `None` when the object is gone.
    fn wake(hub: &Hub, before: Option<&Self>, now: Option<&Self>);
}

fn generation<K: Resource>(object: Option<&K>) -> Option<(Option<String>, Option<i64>)> {
    object.map(|object| (object.meta().uid.clone(), object.meta().generation))
}

/// Status and reason of the condition `Ready`.
fn state<K: Watched>(object: &K) -> Option<(&str, &str)> {
    let condition = ready(object.conditions()?)?;
    Some((&condition.status, &condition.reason))
}

impl Watched for GitLabInstance {
    fn conditions(&self) -> Option<&[Condition]> {
        Some(&self.status.as_ref()?.conditions)
    }
}

impl Wakes for GitLabInstance {
    fn wake(hub: &Hub, before: Option<&Self>, now: Option<&Self>) {
        let same_state = before.and_then(state) == now.and_then(state);
        if generation(before) == generation(now) && same_state {
            return;
        }
        if let Some(object) = now.or(before) {
            hub.mappings_of_instance(&object.name_any());
        }
    }
}

impl Watched for NamespaceClass {
    fn conditions(&self) -> Option<&[Condition]> {
        Some(&self.status.as_ref()?.conditions)
    }
}

impl Wakes for NamespaceClass {
    fn wake(hub: &Hub, before: Option<&Self>, now: Option<&Self>) {
        if generation(before) == generation(now) {
            return;
        }
        if let Some(object) = now.or(before) {
            for mapping in hub.context.declarations.mappings_of_class(&object.name_any()) {
                hub.mapping(&mapping.name_any());
            }
        }
    }
}

impl Watched for ProjectMapping {
    fn conditions(&self) -> Option<&[Condition]> {
        Some(&self.status.as_ref()?.conditions)
    }
}

impl Wakes for ProjectMapping {
    fn wake(hub: &Hub, before: Option<&Self>, now: Option<&Self>) {
        let counted = |object: Option<&Self>| {
            object.map(|object| (object.spec.class.clone(), object.conditions().is_some_and(is_ready)))
        };
        if counted(before) != counted(now) {
            for object in [before, now].into_iter().flatten() {
                hub.instance(&object.spec.instance);
                hub.class(&object.spec.class);
            }
        }
        if now.is_none() {
            // The next in line may name the same GitLab through another instance.
            let refused = Some(Reason::AlreadyMapped.as_str());
            for other in hub.context.declarations.mappings.state() {
                if state(&*other).map(|(_, reason)| reason) == refused {
                    hub.mapping(&other.name_any());
                }
            }
        }
    }
}
