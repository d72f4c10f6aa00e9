//! What a CI job can do with the credentials that it finds, and what it cannot.

use anyhow::{Context as _, ensure};

use crate::acts::Stage;
use crate::job::Job;
use crate::report::Report;

/// kubectl from the single variables; `env -u` shows that no kubeconfig helps.
const SINGLE_VARIABLES: &str = r#"env -u KUBECONFIG kubectl --server "$KUBE_URL" --certificate-authority "$KUBE_CA_PEM_FILE" \
    --token "$KUBE_TOKEN" --namespace "$KUBE_NAMESPACE""#;

/// Runs a job of `production` on a protected branch that deploys in both ways; gives the job.
pub async fn deploy(report: &mut Report, stage: &Stage) -> Option<Job> {
    let (gitlab, cluster) = (&stage.gitlab, &stage.cluster);
    let of = ("informatics/web-app", "production");
    let starting = Job::start("job", gitlab, cluster, of, ("main", true));
    let job = report.step("GitLab starts a job of `production` and hands it its variables", starting).await?;
    report.show(&job.listed());

    let line = "kubectl apply -f web.yaml";
    let printed = report.step("the job deploys; kubectl finds all it needs in KUBECONFIG", job.succeeds(line)).await?;
    report.show(&format!("$ {line}\n{printed}"));

    let line = format!("{SINGLE_VARIABLES} apply -f settings.yaml");
    let printed = report.step("the job deploys with the single variables", job.succeeds(&line)).await?;
    report.show(&format!("$ {line}\n{printed}"));

    let there = report.step("the objects are there, and Kubernetes makes pods of them", objects(stage, &job)).await;
    if let Some(printed) = there {
        report.show(&printed);
    }
    let by_cluster = "a job whose GitLab hands out a certificate-based cluster deploys just so";
    report.step(by_cluster, deploy_by_cluster(stage)).await;
    Some(job)
}

/// What the administrator sees of the deployment. The pods stay pending: this cluster has no nodes.
async fn objects(stage: &Stage, job: &Job) -> anyhow::Result<String> {
    let namespace = job.required("KUBE_NAMESPACE")?;
    let created = ["wait", "--for=jsonpath={.status.replicas}=2", "deployment/web", "--timeout=30s"];
    stage.cluster.kubectl(&[&created[..], &["--namespace", namespace]].concat()).await?;
    let shown = ["get", "deployments,pods,services,configmaps", "--namespace", namespace];
    let printed = stage.cluster.kubectl(&shown).await?;
    for name in ["deployment.apps/web", "pod/web-", "service/web", "configmap/web-settings"] {
        ensure!(printed.contains(name), "{name} is missing in {namespace}:\n{printed}");
    }
    Ok(printed)
}

async fn deploy_by_cluster(stage: &Stage) -> anyhow::Result<String> {
    let of = ("medicine/image-viewer", "ICC-K8s");
    let job = Job::start("job-by-cluster", &stage.gitlab, &stage.cluster, of, ("main", true)).await?;
    job.succeeds("kubectl apply -f web.yaml").await
}

/// Shows where the credentials of this job end.
pub async fn refuse(report: &mut Report, stage: &Stage, job: &Job) {
    let namespace = namespace_of_other_project(report, stage).await;
    if let Some(other) = &namespace {
        let reading = format!("kubectl get secrets --namespace {other}");
        let refused =
            report.step("reading in another project's namespace is refused", job.is_forbidden(&reading)).await;
        if let Some(words) = refused {
            report.show(&format!("$ {reading}\n{words}"));
        }
        let writing = format!("kubectl apply -f settings.yaml --namespace {other}");
        report.step("writing in another project's namespace is refused", job.is_forbidden(&writing)).await;
        let writing =
            format!("{} create configmap web-settings", SINGLE_VARIABLES.replace("\"$KUBE_NAMESPACE\"", other));
        report.step("... and with the single variables too", job.is_forbidden(&writing)).await;
    }
    let listing = "kubectl get namespaces";
    report.step("the job cannot even see which namespaces there are", job.is_forbidden(listing)).await;

    let unprotected = async {
        let of = ("informatics/web-app", "production");
        let job = Job::start("job-unprotected", &stage.gitlab, &stage.cluster, of, ("feature", false)).await?;
        for key in ["KUBE_TOKEN", "KUBECONFIG"] {
            ensure!(job.value(key).is_none(), "the job has {key}");
        }
        Ok(job.listed())
    };
    if let Some(listed) = report.step("a job on an unprotected branch has no token", unprotected).await {
        report.show(&listed);
    }
}

/// The namespace of the compiler course, from a job of its own.
async fn namespace_of_other_project(report: &mut Report, stage: &Stage) -> Option<String> {
    let of = ("informatics/compiler-course", "ICC-K8s");
    let asking = async {
        let job = Job::start("job-elsewhere", &stage.gitlab, &stage.cluster, of, ("main", true)).await?;
        job.succeeds("kubectl apply -f settings.yaml").await.context("in its own namespace")?;
        Ok(job.required("KUBE_NAMESPACE")?.to_owned())
    };
    report.step("another project has its own credentials, and deploys with them", asking).await
}
