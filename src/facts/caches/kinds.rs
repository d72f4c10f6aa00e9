//! What is cached: the kinds, and which watch shows what.

use std::{collections::BTreeMap, fmt::Debug};

use k8s_openapi::{
    ByteString, NamespaceResourceScope,
    api::{
        core::v1::{LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::RoleBinding,
    },
};
use kube::Resource;
use serde::{Serialize, de::DeserializeOwned};

use crate::api::names;

/// Every kind that is cached.
pub trait Cached:
    Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Which watch shows objects of this kind and name.
    fn shelf(name: &str) -> Shelf;

    /// Drops what changes by itself and tells nothing about what is wanted.
    fn drop_status(&mut self) {}

    /// What is large and the same in most objects of the kind, though other parts of them differ.
    fn common(&mut self) -> Option<&mut BTreeMap<String, ByteString>> {
        None
    }
}

/// The key of the large common value in [`Cached::common`]: the cluster's certificate.
pub(super) const COMMON: &str = "ca.crt";

/// A kind whose objects we keep inside managed namespaces.
pub trait Kept: Cached + Resource<DynamicType = (), Scope = NamespaceResourceScope> {}
impl<K: Cached + Resource<DynamicType = (), Scope = NamespaceResourceScope>> Kept for K {}

macro_rules! cached {
    ($($kind:ty: $shelf:ident),*) => {$(
        impl Cached for $kind {
            fn shelf(_: &str) -> Shelf {
                Shelf::$shelf
            }
        }
    )*};
}

cached!(ServiceAccount: Accounts, RoleBinding: Bindings, LimitRange: Limits, NetworkPolicy: Policies);

impl Cached for Secret {
    fn shelf(name: &str) -> Shelf {
        if name == names::LEGACY_TOKEN_SECRET { Shelf::LegacySecrets } else { Shelf::Secrets }
    }

    fn common(&mut self) -> Option<&mut BTreeMap<String, ByteString>> {
        self.data.as_mut()
    }
}

impl Cached for ResourceQuota {
    fn shelf(_: &str) -> Shelf {
        Shelf::Quotas
    }

    fn drop_status(&mut self) {
        self.status = None;
    }
}

impl Cached for Namespace {
    fn shelf(_: &str) -> Shelf {
        Shelf::Namespaces
    }

    fn drop_status(&mut self) {
        self.status = None;
    }
}

/// What one watch shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Namespaces with our label.
    Namespaces,
    /// The account that jobs use.
    Accounts,
    /// Its binding.
    Bindings,
    /// Its token.
    Secrets,
    /// Its token that never ends.
    LegacySecrets,
    /// Quotas.
    Quotas,
    /// Limits.
    Limits,
    /// Network policies with our label.
    Policies,
}

pub(super) const SHELVES: usize = Shelf::Policies as usize + 1;
