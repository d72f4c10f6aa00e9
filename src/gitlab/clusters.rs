//! Certificate-based clusters of a project. While the flag `certificate_based_clusters` is off, every call here is answered
//! with a 404 ([`Missing::Feature`](super::Missing::Feature)).

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::Endpoint,
    client::Client,
    error::{Error, Missing},
};

const LIST: Endpoint = Endpoint::new(Method::GET, "GET /projects/:id/clusters");
const GET: Endpoint = Endpoint::new(Method::GET, "GET /projects/:id/clusters/:cluster_id");
const CREATE: Endpoint = Endpoint::new(Method::POST, "POST /projects/:id/clusters/user");
const UPDATE: Endpoint = Endpoint::new(Method::PUT, "PUT /projects/:id/clusters/:cluster_id");
const DELETE: Endpoint = Endpoint::new(Method::DELETE, "DELETE /projects/:id/clusters/:cluster_id");

/// A cluster entry as GitLab has it. Its token cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub id: i64,
    /// Everything that can be set, but the token.
    pub settings: ClusterSettings,
}

/// What can be set of a cluster entry, but the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Its name, which need not be unique; it carries our mark.
    pub name: String,
    /// Whether jobs get anything from it.
    pub enabled: bool,
    /// Whether GitLab itself makes namespaces and accounts. Ours are not managed.
    pub managed: bool,
    /// Whether a namespace computed by GitLab has the environment's slug.
    pub namespace_per_environment: bool,
    /// Which environments it is for; unique in a project.
    pub environment_scope: String,
    /// The domain that becomes `KUBE_INGRESS_BASE_DOMAIN`.
    pub domain: Option<String>,
    /// The API server as jobs reach it.
    pub api_url: String,
    /// The authority that signed the API server's certificate (PEM).
    pub ca_cert: Option<String>,
    /// What jobs get as `KUBE_NAMESPACE`.
    pub namespace: Option<String>,
}

#[derive(Deserialize)]
struct RawCluster {
    id: i64,
    name: String,
    enabled: bool,
    managed: bool,
    namespace_per_environment: bool,
    environment_scope: String,
    domain: Option<String>,
    platform_kubernetes: RawPlatform,
}

#[derive(Deserialize)]
struct RawPlatform {
    api_url: String,
    ca_cert: Option<String>,
    namespace: Option<String>,
}

impl From<RawCluster> for Cluster {
    fn from(raw: RawCluster) -> Self {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            id: raw.id,
            settings: ClusterSettings {
                name: raw.name,
                enabled: raw.enabled,
                managed: raw.managed,
                namespace_per_environment: raw.namespace_per_environment,
                environment_scope: raw.environment_scope,
                domain: some(raw.domain),
                api_url: raw.platform_kubernetes.api_url,
                ca_cert: some(raw.platform_kubernetes.ca_cert),
                namespace: some(raw.platform_kubernetes.namespace),
            },
        }
    }
}

impl ClusterSettings {
    /// Every attribute, always: a PUT that leaves out `namespace_per_environment` sets it to true.
    fn body(&self, token: Option<&SecretString>) -> Value {
        let mut platform = json!({
            "api_url": self.api_url,
            "ca_cert": self.ca_cert,
            "namespace": self.namespace,
        });
        if let Some(token) = token {
            platform["token"] = token.expose_secret().into();
        }
        json!({
            "name": self.name,
            "enabled": self.enabled,
            "managed": self.managed,
            "namespace_per_environment": self.namespace_per_environment,
            "environment_scope": self.environment_scope,
            "domain": self.domain,
            "platform_kubernetes_attributes": platform,
        })
    }
}

impl Client {
    /// Every cluster entry of the project itself, disabled ones included, by id. Those of its groups are not listed.
    ///
    /// # Errors
    /// [`Error::NotFound`] with [`Missing::Feature`] while the flag is off; the others: see [`Error`].
    pub async fn clusters(&self, project_id: i64) -> Result<Vec<Cluster>, Error> {
        let raw: Vec<RawCluster> = self.all(|| LIST.call(&[&project_id])).await?;
        Ok(raw.into_iter().map(Cluster::from).collect())
    }

    /// One cluster entry of the project.
    ///
    /// # Errors
    /// [`Error::NotFound`] with [`Missing::Feature`] while the flag is off; the others: see [`Error`].
    pub async fn cluster(&self, project_id: i64, cluster_id: i64) -> Result<Option<Cluster>, Error> {
        match self.value::<RawCluster>(&GET.call(&[&project_id, &cluster_id])).await {
            Ok(raw) => Ok(Some(raw.into())),
            Err(Error::NotFound { what: Missing::Record, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Adds a cluster entry. GitLab does not contact the cluster, but refuses addresses that it may not reach.
    ///
    /// # Errors
    /// [`Error::is_already_taken`] when the environment scope is; [`Error::Refused`] with
    /// `platform_kubernetes.api_url: is blocked: …` for an address that the instance's settings refuse; the others: see
    /// [`Error`].
    pub async fn create_cluster(
        &self,
        project_id: i64,
        settings: &ClusterSettings,
        token: &SecretString,
    ) -> Result<Cluster, Error> {
        let call = CREATE.call(&[&project_id]).body(settings.body(Some(token)), vec![token.clone()]);
        self.value::<RawCluster>(&call).await.map(Cluster::from)
    }

    /// Sets every attribute of a cluster entry; without a token it keeps the one that it has.
    ///
    /// # Errors
    /// [`Error::NotFound`] with [`Missing::Record`] when there is none; the others: see [`Error`].
    pub async fn update_cluster(
        &self,
        project_id: i64,
        cluster_id: i64,
        settings: &ClusterSettings,
        token: Option<&SecretString>,
    ) -> Result<Cluster, Error> {
        let secrets = token.into_iter().cloned().collect();
        let call = UPDATE.call(&[&project_id, &cluster_id]).body(settings.body(token), secrets);
        self.value::<RawCluster>(&call).await.map(Cluster::from)
    }

    /// Deletes a cluster entry; the cluster itself notices nothing. False when there was none.
    ///
    /// # Errors
    /// [`Error::NotFound`] with [`Missing::Feature`] while the flag is off; the others: see [`Error`].
    pub async fn delete_cluster(&self, project_id: i64, cluster_id: i64) -> Result<bool, Error> {
        self.delete(&DELETE.call(&[&project_id, &cluster_id])).await
    }
}
