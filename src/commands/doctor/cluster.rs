//! The API server as doctor asks it: who asks, whom the rights are about, and what may be tried without an effect.

use std::fmt::Debug;

use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{
        SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview, SubjectAccessReviewSpec,
    },
};
use kube::{
    Api, Client, Resource,
    api::{ListParams, PostParams},
};
use serde::de::DeserializeOwned;

use super::{installed::OPERATOR, right::Right};
use crate::{
    commands::run::client,
    facts::problems,
    status::{Problem, Reason},
};

/// Concurrent calls of one check.
pub const CONCURRENCY: usize = 16;
/// Objects read at a time.
const PAGE: u32 = 500;

/// The cluster, and who doctor is in it.
pub struct Cluster {
    /// As who doctor runs.
    pub client: Client,
    /// How it got there; other identities go the same way.
    config: kube::Config,
    /// The operator's own namespace.
    pub own_namespace: String,
    /// Whether doctor runs as the operator itself.
    pub as_operator: bool,
}

impl Cluster {
    /// Asks the API server who this is.
    ///
    /// # Errors
    /// When the API server does not answer: then nothing can be checked.
    pub async fn meet(config: kube::Config, own_namespace: &str) -> anyhow::Result<Self> {
        let client = client(config.clone())?;
        let user = whoami(&client).await?.username.unwrap_or_default();
        let as_operator = user == account(own_namespace, OPERATOR);
        Ok(Self { client, config, own_namespace: own_namespace.to_owned(), as_operator })
    }

    /// A client that presents this bearer token at the address that doctor itself uses.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn with_token(&self, token: &secrecy::SecretString) -> anyhow::Result<Client> {
        let mut config = self.config.clone();
        config.auth_info = kube::config::AuthInfo { token: Some(token.clone()), ..kube::config::AuthInfo::default() };
        client(config)
    }

    /// A client that acts as another account, which takes the right to impersonate it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn acting_as(&self, user: &str) -> anyhow::Result<Client> {
        let mut config = self.config.clone();
        config.auth_info.impersonate = Some(user.to_owned());
        client(config)
    }

    /// A client with the operator's rights.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn operator(&self) -> anyhow::Result<Client> {
        if self.as_operator { Ok(self.client.clone()) } else { self.acting_as(&account(&self.own_namespace, OPERATOR)) }
    }

    /// All objects of a kind in the whole cluster, page by page.
    ///
    /// # Errors
    /// When the API server does not give them all.
    pub async fn list<K>(&self) -> kube::Result<Vec<K>>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let api: Api<K> = Api::all_with(self.client.clone(), &());
        let mut parameters = ListParams::default().limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page = api.list(&parameters).await?;
            all.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters = parameters.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// Whether the operator's account may do this, by access review.
    ///
    /// # Errors
    /// When the API server does not say.
    pub async fn operator_may(&self, right: &Right) -> Result<bool, Problem> {
        let failed = |error| problems::kubernetes("review what the operator's account may do", &error);
        let attributes = Some(right.attributes());
        let status = if self.as_operator {
            let spec = SelfSubjectAccessReviewSpec { resource_attributes: attributes, ..Default::default() };
            let review = SelfSubjectAccessReview { spec, ..Default::default() };
            Api::all(self.client.clone()).create(&PostParams::default(), &review).await.map_err(failed)?.status
        } else {
            let own = format!("system:serviceaccounts:{}", self.own_namespace);
            let groups = vec!["system:serviceaccounts".to_owned(), own, "system:authenticated".to_owned()];
            let spec = SubjectAccessReviewSpec {
                user: Some(account(&self.own_namespace, OPERATOR)),
                groups: Some(groups),
                resource_attributes: attributes,
                ..Default::default()
            };
            let review = SubjectAccessReview { spec, ..Default::default() };
            Api::all(self.client.clone()).create(&PostParams::default(), &review).await.map_err(failed)?.status
        };
        Ok(status.is_some_and(|status| status.allowed))
    }
}

/// The user that an account is for the API server.
pub fn account(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// Who the API server takes a client for.
///
/// # Errors
/// When it takes it for nobody, or does not answer.
pub async fn whoami(client: &Client) -> Result<k8s_openapi::api::authentication::v1::UserInfo, kube::Error> {
    let review =
        Api::<SelfSubjectReview>::all(client.clone()).create(&PostParams::default(), &Default::default()).await?;
    Ok(review.status.and_then(|status| status.user_info).unwrap_or_default())
}

/// A failure to set up a client, as a problem of a check.
pub fn no_client(error: &anyhow::Error) -> Problem {
    Problem::new(Reason::InternalError, format!("could not set up a client: {error:#}"))
}
