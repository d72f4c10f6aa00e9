//! A project is archived or marked for deletion while its jobs have credentials, and then its mapping is deleted. GitLab then
//! lets go of variables, but of no cluster entry: that it refuses to everybody.

use std::time::Duration;

use gl_k8s_integrator::{reconcile::Outcome, status::Reason};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::operator::{Bench, Operator};

const MINUTE: Duration = Duration::from_secs(60);

fn by_cluster_entries() -> Value {
    json!({"ciAccess": {"method": "ClusterCertificate"}})
}

struct Frozen {
    bench: Bench,
    operator: Operator,
    mapping: String,
    project: i64,
    token: String,
}

impl Frozen {
    /// A mapping that is deleted after its project met this call.
    async fn by(name: &str, method: &str, call: &str) -> Self {
        let bench = Bench::new(name).await;
        let mapping = format!("{name}-web");
        bench.campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
        let project = bench.mapped(&mapping, "web-app", by_cluster_entries()).await;
        let operator = bench.operator().await;
        operator.settle(&mapping).await;
        let neighbour = format!("{name}-neighbour");
        bench.mapped(&neighbour, "neighbour", json!({})).await;
        operator.settle(&neighbour).await;
        let token = bench.token(project, "production").await;
        bench.campus.gitlab(method, &format!("/projects/{project}{call}"), Value::Null).await;
        bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
        Self { bench, operator, mapping, project, token }
    }

    /// The credentials are dead, and the mapping says why GitLab keeps its copies.
    async fn waits(&self, words: &[&str]) {
        let message = self.operator.meets(&self.mapping, Reason::Deleting).await;
        for word in words.iter().chain(&["team/web-app", "GitLab lets nobody change it", "an hour after the deletion"])
        {
            assert!(message.contains(word), "{word:?}: {message}");
        }
        let namespace = self.bench.campus.namespace(self.project, "-production");
        assert!(self.bench.opens(&self.token, &namespace).await.is_err());
        assert!(self.bench.campus.object::<ServiceAccount>(&namespace, "gitlab-serviceaccount").await.is_none());
        self.operator.rests(&format!("{}-neighbour", self.bench.campus.name)).await;
    }

    /// Delays grow with each attempt, up to a minute.
    async fn is_tried_with_growing_delays(&self) {
        let mut delays = Vec::new();
        for _ in 0..8 {
            let Outcome { again, problem, .. } = self.operator.pass(&self.mapping).await;
            assert_eq!(problem, Some(Reason::Deleting));
            delays.push(again.unwrap());
        }
        assert!(delays[6] > 10 * delays[0], "{delays:?}");
        assert!(delays.iter().all(|delay| *delay <= MINUTE), "{delays:?}");
    }

    async fn exists(&self) -> bool {
        self.bench.campus.mappings().get_opt(&self.mapping).await.unwrap().is_some()
    }

    async fn entries(&self) -> usize {
        let path = format!("/projects/{}/clusters?per_page=100", self.project);
        self.bench.campus.gitlab("GET", &path, Value::Null).await.as_array().unwrap().len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_mapping_whose_project_is_archived_waits_until_it_is_unarchived() {
    let frozen = Frozen::by("end-archived", "POST", "/archive").await;
    frozen.waits(&["is archived", "unarchive it"]).await;
    frozen.is_tried_with_growing_delays().await;
    assert!(frozen.exists().await);
    frozen.bench.campus.gitlab("POST", &format!("/projects/{}/unarchive", frozen.project), Value::Null).await;
    frozen.operator.advance(MINUTE);
    frozen.operator.settle(&frozen.mapping).await;
    assert!(!frozen.exists().await);
    assert_eq!(frozen.entries().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_mapping_whose_project_is_marked_for_deletion_is_given_up_after_an_hour() {
    let frozen = Frozen::by("end-marked", "DELETE", "").await;
    frozen.waits(&["is marked for deletion", "restore it"]).await;
    frozen.operator.advance(61 * MINUTE);
    frozen.operator.settle(&frozen.mapping).await;
    assert!(!frozen.exists().await);
    let events = frozen.bench.events(&frozen.mapping).await;
    let left = events["Warning LeftInGitLab"].join("\n");
    for word in ["cluster entry", "dead tokens", "marked for deletion"] {
        assert!(left.contains(word), "{word}: {left}");
    }
    // Restored later, it has entries of nobody; a new mapping takes them over.
    frozen.bench.campus.gitlab("POST", &format!("/projects/{}/restore", frozen.project), Value::Null).await;
    frozen.bench.campus.map("end-marked-again", "web-app", by_cluster_entries()).await;
    frozen.operator.settle("end-marked-again").await;
    frozen.bench.gitlab_holds_living_tokens(frozen.project, &["production", "staging"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_a_project_that_is_archived_go_with_their_mapping() {
    let bench = Bench::new("end-variables").await;
    let project = bench.mapped("archived-variables", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle("archived-variables").await;
    bench.campus.gitlab("POST", &format!("/projects/{project}/archive"), Value::Null).await;
    bench.campus.mappings().delete("archived-variables", &DeleteParams::default()).await.unwrap();
    operator.settle("archived-variables").await;
    assert!(bench.campus.mappings().get_opt("archived-variables").await.unwrap().is_none());
    let left = bench.campus.gitlab("GET", &format!("/projects/{project}/variables"), Value::Null).await;
    assert_eq!(left, json!([]));
}
