//! What exists in this cluster.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::ListParams};

use super::problems;
use crate::{
    api::names,
    context::Context,
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

/// All namespaces that claim to belong to a project, read live: before anything is written or deleted.
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
    let api: Api<Namespace> = Api::all(context.kubernetes.clone());
    let parameters = ListParams::default().labels(&format!("{}={project_id}", names::PROJECT_ID));
    let listing = api
        .list(&parameters)
        .await
        .map_err(|error| problems::kubernetes("list the namespaces of the project", &error))?;
    let claimed = |namespace: Namespace| Some(Claimed { claim: Claim::read(&namespace)?, namespace });
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
