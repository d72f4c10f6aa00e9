//! The accounts that rights are asked for, and the places in which.

#[path = "../support/installed.rs"]
mod installed;

use control_plane::ControlPlane;
use k8s_openapi::api::{
    authorization::v1::{SelfSubjectRulesReview, SelfSubjectRulesReviewSpec, SubjectRulesReviewStatus},
    core::v1::{Namespace, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{Api, Client, api::PostParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub use installed::{OWN, eventually};

/// A managed namespace, with the accounts of a project.
pub const MANAGED: &str = "rights-managed";
/// Another managed namespace.
pub const NEIGHBOUR: &str = "rights-neighbour";
/// A namespace that is nobody's of ours.
pub const FOREIGN: &str = "kube-system";

/// Whose rights are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Operator,
    Job,
    Developer,
    Reporter,
    /// Somebody who is only logged in.
    Anybody,
}

pub const PROJECTS: [Subject; 3] = [Subject::Job, Subject::Developer, Subject::Reporter];

impl Subject {
    fn account(self) -> (&'static str, &'static str) {
        match self {
            Self::Operator => (OWN, OWN),
            Self::Job => (MANAGED, "gitlab-serviceaccount"),
            Self::Developer => (MANAGED, "developer"),
            Self::Reporter => (MANAGED, "reporter"),
            Self::Anybody => (MANAGED, "anybody"),
        }
    }

    fn role(self) -> Option<&'static str> {
        match self {
            Self::Operator | Self::Anybody => None,
            Self::Job => Some("gitlab-group-master"),
            Self::Developer => Some("gitlab-group-developer"),
            Self::Reporter => Some("gitlab-group-reporter"),
        }
    }

    /// A client that acts as this account.
    pub async fn client(self) -> Client {
        let control_plane = bed().await;
        let (namespace, account) = self.account();
        control_plane.client_with_token(&control_plane.token_for(namespace, account).await.unwrap())
    }
}

static ACCOUNTS: OnceCell<()> = OnceCell::const_new();

/// The control plane with all accounts in it.
pub async fn bed() -> &'static ControlPlane {
    let control_plane = installed::bed().await;
    ACCOUNTS.get_or_init(async || make_accounts(&control_plane.admin_client()).await).await;
    control_plane
}

async fn make_accounts(admin: &Client) {
    for name in [MANAGED, NEIGHBOUR] {
        let labels = json!({"app.kubernetes.io/managed-by": "gl-k8s-integrator"});
        make::<Namespace>(&Api::all(admin.clone()), json!({"metadata": {"name": name, "labels": labels}})).await;
    }
    for subject in [Subject::Job, Subject::Developer, Subject::Reporter, Subject::Anybody] {
        let (namespace, name) = subject.account();
        let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), namespace);
        make(&accounts, json!({"metadata": {"name": name}})).await;
        let Some(role) = subject.role() else { continue };
        let binding = json!({"metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]});
        make::<RoleBinding>(&Api::namespaced(admin.clone(), namespace), binding).await;
    }
    let admin = admin.clone();
    eventually("the roles are filled and in force", async || {
        let control_plane = installed::bed().await;
        for (namespace, name) in PROJECTS.map(Subject::account) {
            let token = control_plane.token_for(namespace, name).await.unwrap();
            let seen = rules(&control_plane.client_with_token(&token), MANAGED).await;
            if seen.resource_rules.len() < 10 {
                return Err(format!("{name}: {} rules", seen.resource_rules.len()));
            }
        }
        drop(admin.clone());
        Ok(())
    })
    .await;
}

async fn make<K>(api: &Api<K>, object: Value)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + serde::Serialize,
{
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

/// All rules that the API server has for a client in a namespace, those for the whole cluster included.
pub async fn rules(client: &Client, namespace: &str) -> SubjectRulesReviewStatus {
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let status = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap().status.unwrap();
    assert!(!status.incomplete, "{:?}", status.evaluation_error);
    status
}
