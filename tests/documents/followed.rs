//! A cluster in which somebody followed the README: installed, mapped, ready.

use std::process::Stdio;

use control_plane::ControlPlane;
use gitlab_simulator::{Options, Simulator};
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::kubectl,
    first_mapping::{ROOT, is_ready, set_up, start_operator, until},
    pages::{Block, page, root},
};

/// A control plane of its own, a GitLab, and an operator.
pub struct Followed {
    pub cluster: ControlPlane,
    pub simulator: Simulator,
    pub project: u64,
    stop: CancellationToken,
}

impl Followed {
    /// Everything installed, the README's objects applied, and its mapping ready.
    pub async fn start() -> Self {
        let cluster = ControlPlane::start(&control_plane::Options::default()).await.unwrap();
        cluster.kubectl_apply(&root().join("crds")).await.unwrap();
        kubectl(&cluster, &["apply", "-k", root().join("manifests").to_str().unwrap()]).await;
        kubectl(&cluster, &["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).await;
        let simulator = Simulator::new(Options::new(ROOT));
        let (token, project) = set_up(&simulator).await;
        let mut followed = Self { cluster, simulator, project, stop: CancellationToken::new() };
        followed.start_operator().await;
        for block in page("README.md").blocks().iter().filter(|block| block.info == "yaml") {
            followed.apply(&block.text.replace("glpat-REPLACE-ME", &token)).await;
        }
        followed.until_ready("the README's mapping is ready").await;
        followed
    }

    /// The namespace of the README's environment `production`.
    pub fn namespace(&self) -> String {
        format!("web-app-{}-production", self.project)
    }

    pub async fn start_operator(&mut self) {
        self.stop = CancellationToken::new();
        start_operator(&self.cluster, &self.simulator, self.stop.clone()).await;
    }

    pub fn stop_operator(&self) {
        self.stop.cancel();
    }

    pub async fn until_ready(&self, what: &str) {
        until(&self.cluster, what, is_ready).await;
    }

    pub async fn apply(&self, yaml: &str) {
        let file = self.cluster.folder().join("applied.yaml");
        std::fs::write(&file, yaml).unwrap();
        self.cluster.kubectl_apply(&file).await.unwrap();
    }

    /// Runs a block of commands in an empty folder of the test, as an administrator with kubectl; gives what it printed. The
    /// project's id is put in for the one in the documents.
    pub async fn run(&self, block: &Block) -> String {
        let folder = self.cluster.folder().join("work");
        std::fs::create_dir_all(&folder).unwrap();
        let tools = self.cluster.kubectl_path().parent().unwrap().to_owned();
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let script = block.text.replace("web-app-42-", &format!("web-app-{}-", self.project));
        let output = tokio::process::Command::new("sh")
            .args(["-e", "-c", &script])
            .current_dir(folder)
            .stdin(Stdio::null())
            .env("PATH", path)
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env("KUBECACHEDIR", self.cluster.folder().join("cache"))
            .output()
            .await
            .unwrap();
        let (words, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {words}{errors}", block.place);
        words.into_owned()
    }

    /// The one block of a page that holds a text.
    pub async fn run_from(&self, path: &str, holding: &str) -> String {
        let blocks = page(path).blocks();
        let mut found = blocks.iter().filter(|block| block.info == "sh" && block.text.contains(holding));
        let block = found.next().unwrap_or_else(|| panic!("{path}: no commands with {holding:?}"));
        assert!(found.next().is_none(), "{path}: {holding:?} stands in several blocks");
        self.run(block).await
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.cluster.stop().await;
    }
}
