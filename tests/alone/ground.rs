//! A GitLab with mappings that say `Delete`, and the cluster's record of deletions for one test alone.

use std::time::Duration;

use gl_k8s_integrator::{api::ProjectMapping, plan::brake::Brake};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, ResourceExt as _, api::DeleteParams};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    bed::{OWN, bed},
    operator::{Bench, Operator},
};

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The record's name.
pub const RECORD: &str = "gl-k8s-integrator-deletions";

/// See the module.
pub struct Ground {
    pub bench: Bench,
    _alone: MutexGuard<'static, ()>,
}

impl Ground {
    /// With a brake that lets so many namespaces go within ten minutes.
    pub async fn new(name: &str, limit: usize) -> Self {
        let alone = ONE_AT_A_TIME.lock().await;
        let admin = bed().await.admin_client();
        let mappings: Api<ProjectMapping> = Api::all(admin.clone());
        let left: Vec<_> = mappings.list(&Default::default()).await.unwrap().iter().map(|one| one.name_any()).collect();
        assert!(left.is_empty(), "left of another test: {left:?}");
        Api::<ConfigMap>::namespaced(admin, OWN).delete(RECORD, &DeleteParams::default()).await.ok();
        let mut bench = Bench::new(name).await;
        bench.brake = Brake { limit, window: Duration::from_secs(600) };
        Self { bench, _alone: alone }
    }

    /// A ready mapping of a project of its own with these environments, which says `Delete`.
    pub async fn mapped(&self, operator: &Operator, mapping: &str, environments: &[&str]) -> i64 {
        let environments: Vec<_> = environments.iter().map(|name| json!({"name": name})).collect();
        let spec = json!({"deletionPolicy": "Delete", "environments": environments});
        let project = self.bench.mapped(mapping, mapping, spec).await;
        operator.settle(mapping).await;
        project
    }

    /// Asks for the deletion of a mapping, as an administrator.
    pub async fn delete(&self, mapping: &str) {
        self.bench.campus.mappings().delete(mapping, &DeleteParams::default()).await.unwrap();
    }

    /// The namespaces of a project that are neither gone nor going.
    pub async fn standing(&self, project: i64) -> Vec<String> {
        let api: Api<Namespace> = Api::all(self.bench.campus.admin.clone());
        let labels = kube::api::ListParams::default().labels(&format!("gl-k8s.dev/project-id={project}"));
        let all = api.list(&labels).await.unwrap().into_iter();
        all.filter(|one| one.metadata.deletion_timestamp.is_none()).map(|one| one.name_any()).collect()
    }

    /// Whether a mapping is still there.
    pub async fn exists(&self, mapping: &str) -> bool {
        self.bench.campus.mappings().get_opt(mapping).await.unwrap().is_some()
    }

    /// How many deletions are on record.
    pub async fn on_record(&self) -> usize {
        let api: Api<ConfigMap> = Api::namespaced(self.bench.campus.admin.clone(), OWN);
        api.get_opt(RECORD).await.unwrap().and_then(|record| record.data).map_or(0, |data| data.len())
    }

    /// Runs the command that a message gives after these words, as a shell would.
    pub async fn runs_what_it_says(&self, message: &str, words: &str) {
        let command = message.split_once(words).unwrap_or_else(|| panic!("{words:?} is not said: {message}")).1;
        let command = command.split(" ;").next().unwrap().trim();
        let binary = self.bench.campus.control_plane.kubectl();
        let script = command.replacen("kubectl", "\"$@\"", 1);
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", &script, "sh"]).arg(binary.as_std().get_program()).args(binary.as_std().get_args());
        for (name, value) in binary.as_std().get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        let done = shell.output().await.unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Ends every mapping that is left, and says so where one does not end.
    pub async fn clear(&self, operator: &Operator) {
        for mapping in self.bench.campus.mappings().list(&Default::default()).await.unwrap() {
            let name = mapping.name_any();
            self.bench.campus.patch_mapping(&name, json!({"spec": {"deletionPolicy": "Retain"}})).await;
            self.delete(&name).await;
            operator.settle(&name).await;
            assert!(!self.exists(&name).await);
        }
    }

    /// The keys of a project's variables in GitLab.
    pub async fn variables(&self, project: i64) -> usize {
        let path = format!("/projects/{project}/variables?per_page=100");
        self.bench.campus.gitlab("GET", &path, Value::Null).await.as_array().unwrap().len()
    }
}
