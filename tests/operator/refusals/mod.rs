//! What goes wrong around a mapping: each cause has its own reason and a message that says what to do; nothing is deleted,
//! other mappings go on, and once the cause is gone the mapping becomes ready by itself.

mod adoption;
mod answers;
mod away;
mod certificates;
mod classes;
mod cluster;
mod declarations;
mod entries;
mod environments;
mod instances;
mod namespaces;
mod paths;
mod patience;
mod project;
mod protection;
mod replaced;
mod token;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::{Api, ResourceExt as _, api::ListParams};
use serde_json::{Value, json};

use crate::campus::Campus;

/// One environment is enough where nothing depends on there being two.
pub fn only_production() -> Value {
    json!({"environments": [{"name": "production"}]})
}

/// What a mapping has brought about for `production`, to see later that nothing of it was lost.
pub struct Standing {
    project: i64,
    /// The namespace's name.
    pub namespace: String,
    uid: Option<String>,
    token: String,
}

impl Standing {
    /// The token that GitLab held then.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Campus {
    /// The namespace of an environment of the project `web-app`.
    pub fn namespace_of(&self, project: i64, environment: &str) -> String {
        format!("{}-web-app-{project}-{environment}", self.name)
    }

    /// What stands for the environment `production` of a project whose mapping is ready.
    pub async fn standing(&self, project: i64) -> Standing {
        let variables = self.job(project, "production", true).await;
        let namespace = variables["KUBE_NAMESPACE"].clone();
        let uid = Api::<Namespace>::all(self.admin.clone()).get(&namespace).await.unwrap().uid();
        Standing { project, namespace, uid, token: variables["KUBE_TOKEN"].clone() }
    }

    /// Nothing of it was deleted or replaced: the namespace is the same one, and the token still opens it.
    pub async fn still_stands(&self, standing: &Standing) {
        let namespace = Api::<Namespace>::all(self.admin.clone()).get(&standing.namespace).await.unwrap();
        assert_eq!(namespace.uid(), standing.uid);
        assert_eq!(namespace.metadata.deletion_timestamp, None);
        let pods: Api<Pod> =
            Api::namespaced(self.control_plane.client_with_token(&standing.token), &standing.namespace);
        pods.list(&ListParams::default()).await.unwrap();
    }

    /// The same, and GitLab still holds the token.
    pub async fn still_stands_with_gitlab(&self, standing: &Standing) {
        self.still_stands(standing).await;
        assert_eq!(self.job(standing.project, "production", true).await["KUBE_TOKEN"], standing.token);
    }

    /// Requests that the operator's user sent, whichever of its tokens it used: method and path.
    pub fn requests_of_the_operator(&self) -> Vec<(String, String)> {
        let requests = self.simulator.requests().into_iter();
        let sent = requests.filter(|request| request.user_id.is_some_and(|user| user != 1));
        sent.map(|request| (request.method, request.path)).collect()
    }

    /// What the operator wrote into GitLab.
    pub fn writes_of_the_operator(&self) -> Vec<(String, String)> {
        let mut requests = self.requests_of_the_operator();
        requests.retain(|(method, _)| method != "GET");
        requests
    }

    /// Variables of a project as GitLab shows them to its administrator.
    pub async fn variables(&self, project: i64) -> Vec<Value> {
        let variables = self.gitlab("GET", &format!("/projects/{project}/variables?per_page=100"), Value::Null).await;
        variables.as_array().unwrap().clone()
    }
}

/// A message is for a person: it names the thing and the remedy.
#[track_caller]
pub fn says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "the message should say {word:?}: {message}");
    }
}
