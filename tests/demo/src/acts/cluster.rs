//! The cluster with what an administrator installs, and the operator in it.

use std::path::Path;

use crate::cluster::Cluster;
use crate::objects;
use crate::operator::Operator;
use crate::report::Report;

/// Starts the control plane and installs the kinds and the operator's files.
pub async fn start(report: &mut Report) -> Option<Cluster> {
    let starting = "a real etcd, kube-apiserver and kube-controller-manager start";
    let cluster = report.step(starting, Cluster::start()).await?;
    report
        .step("kubectl installs the three kinds: kubectl apply --server-side -f crds", async {
            let crds = objects::root().join("crds").display().to_string();
            cluster.kubectl(&["apply", "--server-side", "-f", &crds]).await?;
            let established = ["wait", "--for=condition=Established", "--timeout=30s", "-f", &crds];
            cluster.kubectl(&established).await
        })
        .await?;
    report
        .step("kubectl installs account, rights and policies: kubectl apply -k manifests", async {
            cluster.apply(&objects::root().join("manifests")).await
        })
        .await?;
    Some(cluster)
}

/// Starts the operator.
pub async fn run_operator(report: &mut Report, program: &Path, cluster: &Cluster) -> Option<Operator> {
    let running = "it runs as its ServiceAccount, with the rights of manifests/ and no others";
    report.step(running, Operator::start(program, cluster)).await
}
