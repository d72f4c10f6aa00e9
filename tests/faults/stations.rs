//! The workloads. A mapping goes through them one after the other, so that each begins where the one before it ended.

use std::time::Duration;

use gl_k8s_integrator::reconcile::Key;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::{subject::Subject, world::World};

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Station {
    /// A mapping with two environments.
    Create,
    /// Nothing changes; everything is compared.
    Compare,
    /// A renewal is asked for.
    Renew,
    /// A revocation is asked for.
    Revoke,
    /// From variables to cluster entries.
    ToCertificate,
    /// And back.
    ToVariables,
    /// Jobs get nothing any more.
    ToNone,
    /// And get everything again.
    FromNone,
    /// Another class with another role: the binding is made anew.
    ChangeRole,
    /// A class with tokens that do not end, and the first role again.
    ToLegacy,
    /// And back.
    ToRotated,
    /// The project gets another path.
    Rename,
    /// An environment leaves the mapping; its namespace stays.
    LeaveAndRetain,
    /// The mapping is deleted; its namespaces stay.
    DeleteAndRetain,
    /// A mapping of the same project is made again.
    CreateAgain,
    /// An environment leaves the mapping; its namespace goes.
    LeaveAndDelete,
    /// The mapping is deleted with its namespaces.
    DeleteAll,
    /// A mapping with two environments and one namespace.
    CreateShared,
    /// An environment leaves it: the shared token is revoked.
    LeaveShared,
    /// It is deleted with its namespace.
    DeleteShared,
    /// An instance and a class, without any mapping.
    Declare,
    /// A mapping that names them, and that both count.
    CreateDeclared,
    /// All three are deleted in one go.
    DeleteTogether,
}

use Station as S;

/// The ways that mappings go. Wherever a workload stands, it calls the same and leaves the same. Those with many calls come
/// early, so that few mappings go on when only the others are left to do.
pub const WAYS: [&[Station]; 4] = [
    &[
        S::Create,
        S::ToNone,
        S::FromNone,
        S::Revoke,
        S::ChangeRole,
        S::ToLegacy,
        S::ToRotated,
        S::ToCertificate,
        S::ToVariables,
        S::Renew,
        S::Rename,
        S::Compare,
    ],
    &[S::Create, S::LeaveAndRetain, S::DeleteAndRetain, S::CreateAgain, S::LeaveAndDelete, S::DeleteAll],
    &[S::CreateShared, S::LeaveShared, S::DeleteShared],
    &[S::Declare, S::CreateDeclared, S::DeleteTogether],
];

/// What becomes of the tokens that GitLab held before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// Whatever GitLab holds is alive at every moment.
    StayAlive,
    /// Those of these environments are dead in the end.
    Die(&'static [&'static str]),
}

impl Station {
    /// As it stands in a case's name.
    pub fn name(self) -> &'static str {
        match self {
            S::Create => "create",
            S::Compare => "compare",
            S::Renew => "renew",
            S::Revoke => "revoke",
            S::ToCertificate => "to-certificate",
            S::ToVariables => "to-variables",
            S::ToNone => "to-none",
            S::FromNone => "from-none",
            S::ChangeRole => "change-role",
            S::ToLegacy => "to-legacy",
            S::ToRotated => "to-rotated",
            S::Rename => "rename",
            S::LeaveAndRetain => "leave-and-retain",
            S::DeleteAndRetain => "delete-and-retain",
            S::CreateAgain => "create-again",
            S::LeaveAndDelete => "leave-and-delete",
            S::DeleteAll => "delete-all",
            S::CreateShared => "create-shared",
            S::LeaveShared => "leave-shared",
            S::DeleteShared => "delete-shared",
            S::Declare => "declare",
            S::CreateDeclared => "create-declared",
            S::DeleteTogether => "delete-together",
        }
    }

    /// How long after a look at everything the operator is to notice what only GitLab knows; none where it is woken.
    pub fn noticed_after(self) -> Option<Duration> {
        match self {
            S::Rename => Some(Duration::from_secs(3600)),
            S::Compare => Some(Duration::from_secs(6 * 3600)),
            _ => None,
        }
    }

    /// What becomes of the tokens that GitLab held before.
    pub fn tokens(self) -> Tokens {
        match self {
            S::Revoke
            | S::ToNone
            | S::DeleteAndRetain
            | S::DeleteAll
            | S::DeleteShared
            | S::LeaveShared
            | S::DeleteTogether => Tokens::Die(&["production", "staging"]),
            S::LeaveAndRetain | S::LeaveAndDelete => Tokens::Die(&["staging"]),
            _ => Tokens::StayAlive,
        }
    }

    /// Whether namespaces are deleted with all that is in them.
    pub fn deletes_namespaces(self) -> bool {
        matches!(self, S::LeaveAndDelete | S::DeleteAll | S::DeleteShared | S::DeleteTogether)
    }

    /// What the operator looks at in each round, in this order.
    pub fn keys(self, subject: &Subject) -> Vec<Key> {
        let mapping = Key::Mapping(subject.mapping.clone());
        let (instance, class) = (Key::Instance(subject.instance.clone()), Key::Class(subject.class.clone()));
        match self {
            S::Declare => vec![instance, class],
            S::CreateDeclared => vec![mapping, instance, class],
            // So that both see first that somebody still needs them.
            S::DeleteTogether => vec![instance, class, mapping],
            _ => vec![mapping],
        }
    }

    /// Does what people do.
    pub async fn begin(self, world: &World, subject: &mut Subject) {
        let campus = &world.bench.campus;
        let patch = match self {
            S::Compare => return,
            S::Create => {
                world.declare_instance(subject).await;
                return world.map(subject, json!({})).await;
            }
            S::CreateAgain => return world.map(subject, json!({"deletionPolicy": "Delete"})).await,
            S::CreateShared => {
                world.declare_instance(subject).await;
                let shared = json!({"namespaces": "PerProject", "deletionPolicy": "Delete"});
                return world.map(subject, shared).await;
            }
            S::Declare => {
                world.declare_class(subject).await;
                return world.declare_instance(subject).await;
            }
            S::CreateDeclared => {
                let fields = json!({"class": subject.class, "deletionPolicy": "Delete"});
                return world.map(subject, fields).await;
            }
            S::DeleteTogether => {
                subject.serves(&[]);
                return world.delete_together(subject).await;
            }
            S::Rename => return subject.rename(campus).await,
            S::DeleteAndRetain | S::DeleteAll | S::DeleteShared => {
                subject.serves(&[]);
                campus.mappings().delete(&subject.mapping, &DeleteParams::default()).await.unwrap();
                return;
            }
            S::LeaveAndRetain | S::LeaveAndDelete | S::LeaveShared => {
                subject.serves(&["production"]);
                json!({"spec": {"environments": [{"name": "production", "tier": "production"}]}})
            }
            S::Renew => annotation("gl-k8s.dev/renew"),
            S::Revoke => annotation("gl-k8s.dev/revoke"),
            S::ToCertificate => json!({"spec": {"ciAccess": {"method": "ClusterCertificate"}}}),
            S::ToVariables => json!({"spec": {"ciAccess": {"method": "Variables"}}}),
            S::ToNone => {
                subject.serves(&[]);
                json!({"spec": {"ciAccess": {"method": "None"}}})
            }
            S::FromNone => {
                subject.serves(&["production", "staging"]);
                json!({"spec": {"ciAccess": {"method": "Variables"}}})
            }
            S::ChangeRole => json!({"spec": {"class": world.classes.other_role}}),
            S::ToLegacy => json!({"spec": {"class": world.classes.legacy}}),
            S::ToRotated => json!({"spec": {"class": campus.name}}),
        };
        campus.patch_mapping(&subject.mapping, patch).await;
    }
}

fn annotation(key: &str) -> Value {
    json!({"metadata": {"annotations": {key: "1"}}})
}
