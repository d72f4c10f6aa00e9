//! A CI job: what GitLab's runner makes of the variables that GitLab hands to it, and the shell in which the script runs.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::cluster::{Cluster, finished};
use crate::gitlab::GitLab;
use crate::objects;
use crate::operator::write_private;

/// A job that has its variables, its files and a checkout of its repository.
pub struct Job {
    variables: Vec<Variable>,
    folder: PathBuf,
    path: String,
}

/// One variable as the script sees it.
struct Variable {
    key: String,
    /// The content of the file for a file variable.
    value: String,
    /// The path of the file for a file variable.
    in_environment: String,
    is_file: bool,
    is_secret: bool,
}

impl Job {
    /// Lets GitLab start a job, and prepares its folder as a runner does. `name` is the folder's.
    pub async fn start(
        name: &str,
        gitlab: &GitLab,
        cluster: &Cluster,
        (project, environment): (&str, &str),
        (branch, is_protected): (&str, bool),
    ) -> anyhow::Result<Self> {
        let report = gitlab.run_job(project, environment, branch, is_protected).await?;
        if report["status"] != "success" {
            bail!("GitLab did not run the job: {}", report["failure_reason"]);
        }
        let folder = cluster.new_folder(name)?;
        let files = cluster.new_folder(&format!("{name}/files"))?;
        let seen = report["variables"].as_array().context("GitLab's answer has no variables")?;
        let variables = seen.iter().map(|seen| Variable::prepare(seen, &files)).collect::<Result<_, _>>()?;
        copy_repository(&folder)?;
        let path = std::env::var("PATH").unwrap_or_default();
        Ok(Self { variables, folder, path: format!("{}:{path}", cluster.kubectl_folder().display()) })
    }

    /// The value of a variable.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.variables.iter().find(|variable| variable.key == key).map(|variable| variable.value.as_str())
    }

    /// The value of a variable that has to be there.
    pub fn required(&self, key: &str) -> anyhow::Result<&str> {
        self.value(key).with_context(|| format!("the job has no variable {key}"))
    }

    /// What the script gets from the operator, one line each, secrets left out.
    pub fn listed(&self) -> String {
        let ours = self.variables.iter().filter(|variable| variable.key.starts_with("KUBE"));
        ours.map(|variable| format!("{:<26}{}\n", variable.key, variable.shown())).collect()
    }

    /// Runs a line of a script in the job's shell.
    pub async fn run(&self, line: &str) -> anyhow::Result<Output> {
        let mut shell = Command::new("sh");
        shell.args(["-euc", line]).env_clear().current_dir(&self.folder);
        shell.env("PATH", &self.path).env("HOME", &self.folder);
        shell.envs(self.variables.iter().map(|variable| (&variable.key, &variable.in_environment)));
        finished(line, &mut shell).await
    }

    /// Runs a line that has to succeed; gives what it printed.
    pub async fn succeeds(&self, line: &str) -> anyhow::Result<String> {
        let output = self.run(line).await?;
        if !output.status.success() {
            bail!("`{line}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a line that the API server has to refuse because of missing rights; gives the refusal.
    pub async fn is_forbidden(&self, line: &str) -> anyhow::Result<String> {
        let output = self.run(line).await?;
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if output.status.success() {
            bail!("`{line}` succeeded, which it must not: {}", String::from_utf8_lossy(&output.stdout).trim());
        }
        if !words.contains("(Forbidden)") && !words.contains("is forbidden") {
            bail!("`{line}` failed for another reason than missing rights: {words}");
        }
        Ok(words)
    }
}

impl Variable {
    /// A file variable becomes a file, and the environment holds its path.
    fn prepare(seen: &Value, files: &Path) -> anyhow::Result<Self> {
        let text = |field: &str| seen[field].as_str().map(str::to_owned);
        let key = text("key").context("a variable has no key")?;
        let value = text("value").with_context(|| format!("the variable {key} has no value"))?;
        let is_file = seen["file"] == true;
        let mut in_environment = value.clone();
        if is_file {
            let file = files.join(&key);
            write_private(&file, &value)?;
            in_environment = file.display().to_string();
        }
        let is_secret = seen["masked"] == true || key == "KUBE_TOKEN" || key == "KUBECONFIG";
        Ok(Self { key, value, in_environment, is_file, is_secret })
    }

    fn shown(&self) -> String {
        let value = match (self.is_secret, self.value.lines().count()) {
            (true, _) => "(secret)",
            (false, 0 | 1) => self.value.as_str(),
            (false, _) => "-----BEGIN CERTIFICATE----- ...",
        };
        if self.is_file { format!("a file with {value}") } else { value.to_owned() }
    }
}

/// The checkout.
fn copy_repository(folder: &Path) -> anyhow::Result<()> {
    let repository = objects::path("repository");
    let files = std::fs::read_dir(&repository).with_context(|| format!("cannot read {}", repository.display()))?;
    for file in files {
        let file = file?;
        std::fs::copy(file.path(), folder.join(file.file_name()))
            .with_context(|| format!("cannot copy {}", file.path().display()))?;
    }
    Ok(())
}
