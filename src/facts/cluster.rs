//! What exists in this cluster.

use std::time::Duration;

use k8s_openapi::api::{core::v1::Namespace, rbac::v1::ClusterRole};
use kube::{Api, api::ListParams, core::PartialObjectMeta};

use super::{
    caches::{Cached, Kept},
    problems,
};
use crate::{
    api::names,
    context::{Context, Sight},
    plan::ownership::{Claim, ProjectIdentity},
    status::Problem,
};

/// A namespace that says that it belongs to a project, whatever its managed-by label says.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The namespace.
    pub namespace: Namespace,
    /// What it says.
    pub claim: Claim,
}

impl Claimed {
    /// The namespace's name.
    pub fn name(&self) -> &str {
        self.namespace.metadata.name.as_deref().unwrap_or_default()
    }
}

/// How an object is called in messages and notes.
pub fn describe<K: Cached>(namespace: &str, name: &str) -> String {
    format!("{} {namespace}/{name}", K::kind(&()))
}

/// An object inside a managed namespace.
///
/// # Errors
/// When it cannot be read.
pub async fn object<K: Kept>(context: &Context, namespace: &str, name: &str) -> Result<Option<K>, Problem> {
    let live = async { Api::<K>::namespaced(context.kubernetes.clone(), namespace).get_opt(name).await };
    seen(context, namespace, name, live).await
}

/// The same for whoever deletes: read by a listing, because a single "not found" may be a lie of whatever stands in between,
/// and what lives on would pass for deleted.
///
/// # Errors
/// When it cannot be read.
pub async fn object_surely<K: Kept>(context: &Context, namespace: &str, name: &str) -> Result<Option<K>, Problem> {
    let live = async {
        let named = ListParams::default().fields(&format!("metadata.name={name}"));
        let listing = Api::<K>::namespaced(context.kubernetes.clone(), namespace).list(&named).await?;
        Ok(listing.items.into_iter().next())
    };
    seen(context, namespace, name, live).await
}

/// An object as this pass sees it; `live` asks the API server.
async fn seen<K: Kept>(
    context: &Context,
    namespace: &str,
    name: &str,
    live: impl Future<Output = kube::Result<Option<K>>>,
) -> Result<Option<K>, Problem> {
    let what = describe::<K>(namespace, name);
    if context.hands.noted_gone(&what) {
        return Ok(None);
    }
    match context.sight {
        Sight::Live => live.await.map_err(|error| problems::kubernetes(&format!("read {what}"), &error)),
        Sight::Caches => Ok(context.caches.get(namespace, name)),
        Sight::Nothing => Ok(None),
    }
}

/// All objects of a kind in a namespace that carry our label.
///
/// # Errors
/// When the listing is not complete.
pub async fn ours<K: Kept>(context: &Context, namespace: &str) -> Result<Vec<K>, Problem> {
    match context.sight {
        Sight::Live => {}
        Sight::Caches => return Ok(context.caches.in_namespace(namespace)),
        Sight::Nothing => return Ok(Vec::new()),
    }
    let api: Api<K> = Api::namespaced(context.kubernetes.clone(), namespace);
    let ours = format!("{}={}", names::MANAGED_BY_LABEL, names::MANAGED_BY);
    let what = format!("list {} in {namespace}", K::plural(&()));
    let listing = api.list(&ListParams::default().labels(&ours)).await;
    listing.map(|list| list.items).map_err(|error| problems::kubernetes(&what, &error))
}

/// A namespace.
///
/// # Errors
/// When it cannot be read.
pub async fn namespace(context: &Context, name: &str) -> Result<Option<Namespace>, Problem> {
    if context.sight == Sight::Caches {
        return Ok(context.caches.get(name, name));
    }
    let api: Api<Namespace> = Api::all(context.kubernetes.clone());
    api.get_opt(name).await.map_err(|error| problems::kubernetes(&format!("read the namespace {name}"), &error))
}

/// All namespaces that claim to belong to a project: read live before anything is written or deleted.
///
/// # Errors
/// When the listing is not complete.
pub async fn claims(context: &Context, project: &ProjectIdentity) -> Result<Vec<Claimed>, Problem> {
    let mut claims = claims_of_id(context, project.project_id).await?;
    claims.retain(|claimed| claimed.claim.project == *project);
    Ok(claims)
}

/// The same for the project of this number on any GitLab.
///
/// # Errors
/// When the listing is not complete.
pub async fn claims_of_id(context: &Context, project_id: i64) -> Result<Vec<Claimed>, Problem> {
    let claimed = |namespace: Namespace| Some(Claimed { claim: Claim::read(&namespace)?, namespace });
    if context.sight == Sight::Caches {
        return Ok(context.caches.namespaces_of_project(project_id).into_iter().filter_map(claimed).collect());
    }
    let api: Api<Namespace> = Api::all(context.kubernetes.clone());
    let parameters = ListParams::default().labels(&format!("{}={project_id}", names::PROJECT_ID));
    let listing = api
        .list(&parameters)
        .await
        .map_err(|error| problems::kubernetes("list the namespaces of the project", &error))?;
    Ok(listing.items.into_iter().filter_map(claimed).collect())
}

/// The UID of `kube-system`: tells this cluster from every other one.
///
/// # Errors
/// When it cannot be read.
pub async fn cluster_uid(context: &Context) -> Result<String, Problem> {
    let read = || async {
        let api: Api<Namespace> = Api::all(context.kubernetes.clone());
        let namespace =
            api.get("kube-system").await.map_err(|error| problems::kubernetes("read kube-system", &error))?;
        Ok(namespace.metadata.uid.unwrap_or_default())
    };
    context.memory.cluster_uid().get_or_try_init(read).await.cloned()
}

/// How long it is believed that a role exists.
const ROLE_SEEN: Duration = Duration::from_secs(300);
/// How long it is waited for another one's look at a role.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a ClusterRole exists. Who may not look is told that it does: the API server judges the binding then.
///
/// # Errors
/// When it cannot be read.
pub async fn role_exists(context: &Context, name: &str) -> Result<bool, Problem> {
    let now = context.clock.now();
    let seen = || context.memory.role_was_seen(name, now);
    if seen() {
        return Ok(true);
    }
    // Many namespaces ask at the same moment. Whoever has waited long enough for another one's answer asks for itself.
    let _reading = tokio::time::timeout(PATIENCE, context.memory.reading_roles().lock()).await;
    if seen() {
        return Ok(true);
    }
    let api: Api<PartialObjectMeta<ClusterRole>> = Api::all(context.kubernetes.clone());
    match api.get_opt(name).await {
        Ok(Some(_)) => {
            context.memory.saw_role(name, now.checked_add(ROLE_SEEN).unwrap_or(now));
            Ok(true)
        }
        Ok(None) => Ok(false),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(true),
        Err(error) => Err(problems::kubernetes(&format!("read the ClusterRole {name}"), &error)),
    }
}
