//! The play, act by act.

mod cluster;
mod declaring;
mod deploying;
mod measuring;
mod mistakes;
mod renewing;
mod university;

use std::path::PathBuf;

use crate::cluster::Cluster;
use crate::gitlab::GitLab;
use crate::operator::{self, Operator};
use crate::report::Report;
use crate::{Arguments, beside};

/// What all acts after the first ones stand on.
pub struct Stage {
    cluster: Cluster,
    gitlab: GitLab,
    operator: Operator,
    /// The operator's program.
    program: PathBuf,
}

/// What is left when everything was shown.
pub struct Played {
    /// What still runs; `None` when not all of it could be started.
    pub stage: Option<Stage>,
    /// Whether every step showed what it should.
    pub success: bool,
}

/// Plays everything.
///
/// # Errors
/// When it cannot even begin.
pub async fn play(arguments: &Arguments) -> anyhow::Result<Played> {
    let program = arguments.operator.clone().map_or_else(|| beside("gl-k8s-integrator"), Ok)?;
    let simulator = arguments.simulator.clone().map_or_else(|| beside("gitlab-simulator"), Ok)?;
    let mut report = Report::new("gl-k8s-integrator: a small university on this machine");
    let stage = set_up(&mut report, program, simulator).await;
    if let Some(stage) = &stage {
        shown(&mut report, stage).await;
    }
    let success = report.verdict();
    if let Some(stage) = stage.as_ref().filter(|_| !success) {
        println!("\nThe end of the operator's log:\n{}", operator::last_words(&stage.cluster));
    }
    Ok(Played { stage, success })
}

/// The acts that everything else needs.
async fn set_up(report: &mut Report, program: PathBuf, simulator: PathBuf) -> Option<Stage> {
    report.heading("A Kubernetes cluster that everybody shares");
    let cluster = cluster::start(report).await?;
    report.heading("The university's GitLab");
    let gitlab = university::start(report, &simulator, &cluster).await?;
    report.heading("The operator");
    let operator = cluster::run_operator(report, &program, &cluster).await?;
    Some(Stage { cluster, gitlab, operator, program })
}

/// The acts that show something. A part that fails leaves out what needs it, and the play goes on.
async fn shown(report: &mut Report, stage: &Stage) {
    report.heading("An administrator declares which projects get namespaces");
    if declaring::declare(report, stage).await.is_some() {
        report.heading("Mistakes are refused, each with its reason, and disturb nobody");
        mistakes::make(report, stage).await;
        declaring::table(report, stage, declaring::MAPPINGS.len() + mistakes::MISTAKES.len()).await;
        report.heading("A CI job deploys");
        if let Some(job) = deploying::deploy(report, stage).await {
            report.heading("The credentials open one namespace only, and only on protected branches");
            deploying::refuse(report, stage, &job).await;
            report.heading("An administrator asks for new credentials");
            renewing::renew(report, stage, &job).await;
        }
        report.heading("Numbers, for information");
        measuring::measure(report, stage).await;
    }
}

/// Says how to look around while everything runs.
pub fn say_how_to_look_around(stage: &Stage) {
    println!(
        "
Look around, from another terminal:

   export KUBECONFIG={kubeconfig} PATH={kubectl}:$PATH
   kubectl get gitlabinstances,namespaceclasses,projectmappings
   kubectl describe projectmapping web-app
   kubectl get namespaces --selector app.kubernetes.io/managed-by=gl-k8s-integrator
   kubectl get deployments,quota,limits,networkpolicies --all-namespaces

   what a job of production sees:
   curl {gitlab}/-/simulator/jobs -H 'Content-Type: application/json' \\
      -d '{{\"project\": \"informatics/web-app\", \"environment\": \"production\", \"ref_protected\": true}}'
   what GitLab was asked:         curl {gitlab}/-/simulator/requests
   the operator's metrics:        curl http://{operator}/metrics
   the logs of all programs:      {logs}

Ctrl-C ends everything.",
        kubeconfig = stage.cluster.kubeconfig().display(),
        kubectl = stage.cluster.kubectl_folder().display(),
        gitlab = stage.gitlab.url(),
        operator = stage.operator.address(),
        logs = stage.cluster.logs().display(),
    );
}
