//! One cluster for all tests: mappings that an operator made ready before it ended, so that nothing mends what a test
//! breaks. Each test has the cluster for itself and leaves it as it was.

#[path = "../support/installed.rs"]
mod installed;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use control_plane::ControlPlane;
use kube::Api;
use serde_json::{Value, json};
use tokio::{
    runtime::Runtime,
    sync::{Mutex, OnceCell},
};

use crate::{
    campus::Campus,
    process::{Program, finished, texts},
};

pub use installed::{OWN, bed, eventually};

/// One runtime for all tests: the simulator lives in it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static ALONE: Mutex<()> = Mutex::const_new(());
static CLUSTER: OnceCell<Arc<Cluster>> = OnceCell::const_new();

/// The mappings, by what they deliver.
pub const VARIABLES: &str = "well-web";
pub const CLUSTERS: &str = "well-shop";
pub const LEGACY: &str = "well-wiki";

/// The cluster in which all is well.
pub struct Cluster {
    pub control_plane: &'static ControlPlane,
    pub campus: Campus,
    /// Project ids by mapping.
    pub projects: BTreeMap<String, i64>,
    operator: PathBuf,
}

/// Nothing goes on asking for a GitLab: the operator has ended.
pub fn retire(_: String) {}

/// Runs a test alone in the cluster. First doctor must find nothing, so that what it finds later is what the test broke.
pub fn in_the_cluster<F: Future<Output = ()>>(test: impl FnOnce(Arc<Cluster>) -> F) {
    RUNTIME.block_on(async {
        let _alone = ALONE.lock().await;
        let cluster = CLUSTER.get_or_init(async || Arc::new(Cluster::new().await)).await.clone();
        cluster.until_found(&[]).await;
        test(cluster).await;
    });
}

impl Cluster {
    async fn new() -> Self {
        let campus = Campus::new("well").await;
        campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
        campus.declare_class("well-legacy", json!({"serviceAccount": {"token": {"kind": "Legacy"}}})).await;
        let mut program = Program::start(campus.control_plane, &[]).await;
        let mut projects = BTreeMap::new();
        for (mapping, path, spec) in [
            (VARIABLES, "web-app", json!({})),
            (CLUSTERS, "shop", json!({"ciAccess": {"method": "ClusterCertificate"}, "namespaces": "PerProject"})),
            (LEGACY, "wiki", json!({"class": "well-legacy", "environments": [{"name": "production"}]})),
        ] {
            projects.insert(mapping.to_owned(), campus.project(path).await);
            campus.map(mapping, path, spec).await;
        }
        for mapping in [VARIABLES, CLUSTERS, LEGACY] {
            campus.until_ready(mapping).await;
        }
        assert_eq!(program.terminate().await.code(), Some(0));
        let operator = campus.control_plane.folder().join("operator-kubeconfig");
        std::fs::write(&operator, crate::process::kubeconfig_with(campus.control_plane, &program.token)).unwrap();
        Self { control_plane: campus.control_plane, campus, projects, operator }
    }

    /// Doctor as an administrator.
    pub async fn doctor(&self, arguments: &[&str]) -> Seen {
        let kubeconfig = self.control_plane.kubeconfig().to_str().unwrap();
        self.doctor_with(&[("KUBECONFIG", kubeconfig)], arguments).await
    }

    /// Doctor with the operator's own account.
    pub async fn doctor_as_operator(&self, arguments: &[&str]) -> Seen {
        self.doctor_with(&[("KUBECONFIG", self.operator.to_str().unwrap())], arguments).await
    }

    pub async fn doctor_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Seen {
        let output = finished(&[&["doctor", "-o", "json"], arguments].concat(), environment, "").await;
        let (text, errors) = texts(&output);
        self.holds_no_secret(&format!("{text}{errors}")).await;
        Seen::of(&output)
    }

    /// Neither GitLab's token nor any job's nor a part of them.
    pub async fn holds_no_secret(&self, text: &str) {
        let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::all(self.campus.admin.clone());
        let tokens = secrets
            .list(&Default::default())
            .await
            .unwrap()
            .items
            .into_iter()
            .filter_map(|secret| String::from_utf8(secret.data?.remove("token")?.0).ok());
        for token in tokens.chain([self.campus.token.clone()]) {
            assert!(!text.contains(&token[token.len() - 12..]), "a part of a secret is shown");
        }
    }

    /// The namespace of an environment.
    pub async fn namespace(&self, mapping: &str, environment: &str) -> String {
        let status = self.campus.mappings().get(mapping).await.unwrap().status.unwrap();
        let found = status.environments.into_iter().find(|status| status.name == environment).unwrap();
        found.namespace.unwrap().name
    }

    /// kubectl as an administrator.
    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.control_plane.kubectl().args(arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes an object anew that kubectl gave as JSON.
    pub async fn create(&self, json: &str) {
        let mut object: Value = serde_json::from_str(json).unwrap();
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            object["metadata"].as_object_mut().unwrap().remove(field);
        }
        let file = self.control_plane.folder().join("again.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.kubectl(&["create", "-f", file.to_str().unwrap()]).await;
    }

    /// Lets an operator make the credentials of a mapping anew.
    pub async fn revoke(&self, mapping: &str) {
        let mut program = Program::start(self.control_plane, &[]).await;
        let wish = jiff::Timestamp::now().to_string();
        let request = json!({"metadata": {"annotations": {"gl-k8s.dev/revoke": wish}}});
        self.campus.patch_mapping(mapping, request).await;
        eventually("the credentials are made anew", async || {
            let status = self.campus.mappings().get(mapping).await.unwrap().status.unwrap();
            let ready = gl_k8s_integrator::status::is_ready(&status.conditions);
            let handled = status.handled_requests.unwrap_or_default().revoke;
            if ready && handled.as_deref() == Some(&wish) { Ok(()) } else { Err(format!("{handled:?}")) }
        })
        .await;
        assert_eq!(program.terminate().await.code(), Some(0));
    }

    /// Gives everything in `manifests/` and `crds/` back.
    pub async fn install_again(&self) {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["crds", "manifests"] {
            let mut apply = self.control_plane.kubectl();
            let flag = if folder == "crds" { "-f" } else { "-k" };
            apply.args(["apply", "--server-side", "--force-conflicts", flag]).arg(root.join(folder));
            let output = apply.output().await.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// Waits until doctor finds exactly these things: what a policy or a role says takes effect a moment later.
    pub async fn until_found(&self, expected: &[(&str, &str, &str)]) -> Seen {
        eventually(&format!("doctor finds {expected:?}"), async || {
            let seen = self.doctor(&[]).await;
            if seen.findings() == wanted(expected) { Ok(seen) } else { Err(format!("{:#?}", seen.findings())) }
        })
        .await
    }
}

/// What doctor said.
pub struct Seen {
    pub code: Option<i32>,
    pub report: Value,
    pub errors: String,
}

fn wanted(expected: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let owned =
        |(level, check, object): &(&str, &str, &str)| ((*level).to_owned(), (*check).to_owned(), (*object).to_owned());
    let mut wanted: Vec<_> = expected.iter().map(owned).collect();
    wanted.sort();
    wanted
}

impl Seen {
    pub fn of(output: &std::process::Output) -> Self {
        let (text, errors) = texts(output);
        let report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{errors}"));
        Self { code: output.status.code(), report, errors }
    }

    /// Everything that is not well: level, check, object; sorted.
    pub fn findings(&self) -> Vec<(String, String, String)> {
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
        let all = self.report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] != "Ok");
        let mut found: Vec<_> =
            all.map(|finding| (text(finding, "level"), text(finding, "check"), text(finding, "object"))).collect();
        found.sort();
        found
    }

    /// Exactly these findings, and no others; each with a remedy.
    pub fn found(&self, expected: &[(&str, &str, &str)]) {
        assert_eq!(self.findings(), wanted(expected), "{:#?}", self.all_not_well());
        let errors = expected.iter().any(|(level, ..)| *level == "Error");
        assert_eq!(self.code, Some(if errors { 2 } else { 0 }), "{}", self.errors);
        for finding in self.report["findings"].as_array().unwrap() {
            assert_eq!(finding["level"] == "Ok", finding["remedy"].is_null(), "{finding}");
        }
    }

    fn all_not_well(&self) -> Vec<&Value> {
        self.report["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] != "Ok").collect()
    }

    /// Message and remedy of a finding.
    pub fn words(&self, check: &str) -> String {
        let of_check = self.all_not_well().into_iter().filter(|finding| finding["check"] == check);
        of_check.map(|finding| format!("{} {}", finding["message"], finding["remedy"])).collect()
    }
}
