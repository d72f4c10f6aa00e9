//! The university's GitLab, and the account with which the operator works there.

use std::path::Path;

use anyhow::Context as _;
use http::Method;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::gitlab::GitLab;
use crate::objects;
use crate::operator::{NAME, write_private};
use crate::report::Report;

/// Starts GitLab and hands its token to the operator.
pub async fn start(report: &mut Report, simulator: &Path, cluster: &Cluster) -> Option<GitLab> {
    let seed = objects::path("gitlab.jsonl");
    let starting = "the GitLab simulator starts, and has two groups with five projects";
    let gitlab = report.step(starting, GitLab::start(simulator, &seed, cluster)).await?;
    let handing = "the user `integrator`, a Maintainer, gets a token; kubectl puts it into a Secret";
    report.step(handing, hand_over_token(&gitlab, cluster)).await?;
    Some(gitlab)
}

/// The token goes from GitLab into a Secret of the operator's namespace, by way of a file that goes with the cluster.
async fn hand_over_token(gitlab: &GitLab, cluster: &Cluster) -> anyhow::Result<()> {
    let users = gitlab.call(Method::GET, "/users?username=integrator", Value::Null).await?;
    let id = users[0]["id"].as_i64().context("GitLab has no user `integrator`")?;
    let token = json!({"name": "gl-k8s-integrator", "scopes": ["api"]});
    let token = gitlab.call(Method::POST, &format!("/users/{id}/personal_access_tokens"), token).await?;
    let token = token["token"].as_str().context("GitLab's answer holds no token")?;
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "campus-token", "namespace": NAME},
        "stringData": {"token": token, "url": gitlab.url()},
    });
    let file = cluster.new_folder("university")?.join("token.json");
    write_private(&file, &secret.to_string())?;
    cluster.apply(&file).await?;
    Ok(())
}
