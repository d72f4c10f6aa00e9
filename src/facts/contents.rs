//! What a managed namespace holds of what it is to hold.

use futures::{future::try_join_all, try_join};
use k8s_openapi::api::{
    core::v1::{LimitRange, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::ResourceExt as _;

use super::{caches::Kept, cluster};
use crate::{context::Context, plan::namespace::Contents, status::Problem};

/// What exists of [`Contents`]; of what is not wanted, only the policies are known.
pub struct Existing {
    /// One for each that is wanted, in the same order.
    pub network_policies: Vec<Option<NetworkPolicy>>,
    /// All that carry our label.
    pub labelled_policies: Vec<NetworkPolicy>,
    /// The quota.
    pub resource_quota: Option<ResourceQuota>,
    /// The limits.
    pub limit_range: Option<LimitRange>,
    /// The account of jobs.
    pub service_account: Option<ServiceAccount>,
    /// The binding of its role.
    pub role_binding: Option<RoleBinding>,
}

impl Existing {
    /// Reads all at once: somebody's job waits for what is repaired afterwards.
    ///
    /// # Errors
    /// When anything cannot be read.
    pub async fn read(context: &Context, namespace: &str, wanted: &Contents) -> Result<Self, Problem> {
        let account = wanted.account.as_ref();
        let policies = wanted.network_policies.iter().map(|policy| current(context, namespace, Some(policy)));
        let (network_policies, labelled_policies, resource_quota, limit_range, service_account, role_binding) = try_join!(
            try_join_all(policies),
            cluster::ours(context, namespace),
            current(context, namespace, wanted.resource_quota.as_ref()),
            current(context, namespace, wanted.limit_range.as_ref()),
            current(context, namespace, account.map(|account| &account.service_account)),
            current(context, namespace, account.map(|account| &account.role_binding)),
        )?;
        Ok(Self { network_policies, labelled_policies, resource_quota, limit_range, service_account, role_binding })
    }
}

async fn current<K: Kept>(context: &Context, namespace: &str, wanted: Option<&K>) -> Result<Option<K>, Problem> {
    match wanted {
        Some(wanted) => cluster::object(context, namespace, &wanted.name_any()).await,
        None => Ok(None),
    }
}
