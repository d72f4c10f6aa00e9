//! A renewal: GitLab gets a new token, and nobody is left with a dead one.

use anyhow::{Context as _, ensure};
use kube::api::DynamicObject;

use crate::acts::Stage;
use crate::job::Job;
use crate::report::Report;
use crate::waiting::{until, until_ready_is};

const MAPPING: &str = "web-app";
/// Any value that was not used before.
const REQUEST: &str = "gl-k8s.dev/renew=asked-for-in-the-demo";

/// Asks for a renewal by annotation and compares what jobs get before and after.
pub async fn renew(report: &mut Report, stage: &Stage, before: &Job) -> Option<()> {
    let line = ["annotate", "projectmapping", MAPPING, REQUEST];
    let (old, new) =
        report.step("kubectl sets an annotation, and the operator issues a new token", renewed(stage, &line)).await?;
    report.show(&format!(
        "$ kubectl {}\nfingerprint in the status before: {old}\nfingerprint in the status after:  {new}",
        line.join(" ")
    ));
    let comparing = async {
        let of = ("informatics/web-app", "production");
        let after = Job::start("job-after-renewal", &stage.gitlab, &stage.cluster, of, ("main", true)).await?;
        ensure!(after.required("KUBE_TOKEN")? != before.required("KUBE_TOKEN")?, "the job still has the old token");
        after.succeeds("kubectl get deployment web").await
    };
    report.step("the next job finds the new token in GitLab, and it works", comparing).await;
    let old_token = before.succeeds("kubectl get deployment web");
    report.step("a job that began before goes on: the old token works until its own end", old_token).await;
    Some(())
}

/// The fingerprints before and after.
async fn renewed(stage: &Stage, line: &[&str]) -> anyhow::Result<(String, String)> {
    let mappings = stage.cluster.objects("ProjectMapping");
    let before = fingerprint(&mappings.get(MAPPING).await?).context("the status has no fingerprint of the token")?;
    stage.cluster.kubectl(line).await?;
    let value = REQUEST.split_once('=').map(|(_, value)| value);
    let mapping = until(&mappings, MAPPING, |mapping| {
        mapping.data.pointer("/status/handledRequests/renew").and_then(|handled| handled.as_str()) == value
    })
    .await?;
    let after = fingerprint(&mapping).context("the status has no fingerprint of the new token")?;
    ensure!(after != before, "the token is still the same: fingerprint {after}");
    until_ready_is(&mappings, MAPPING, "True", None).await?;
    Ok((before, after))
}

/// The fingerprint of the token of `production`.
fn fingerprint(mapping: &DynamicObject) -> Option<String> {
    let environments = mapping.data.pointer("/status/environments")?.as_array()?;
    let production = environments.iter().find(|environment| environment["name"] == "production")?;
    production.pointer("/ciAccess/tokenFingerprint")?.as_str().map(str::to_owned)
}
