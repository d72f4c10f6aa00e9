//! The jobs in the documents do what the documents say: run by a shell, with what a job of GitLab gets.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use gitlab_simulator::{Options, Simulator};
use gl_k8s_integrator::{
    gitlab::VariableType,
    plan::{
        ci_access::{Access, Endpoint, certificate, variables},
        ownership::Mark,
    },
};
use http::Request;
use http_body_util::BodyExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::{
    cluster::{cluster, kubectl},
    pages::{page, pages},
    yaml::{ci_files, documents},
};

const PAGE: &str = "docs/users/deploying.md";

/// All jobs of the CI files of the page, by name.
fn jobs() -> Map<String, Value> {
    let mut jobs = Map::new();
    for block in ci_files(&page(PAGE)) {
        for document in documents(&block) {
            for (name, job) in document.as_object().unwrap() {
                let before = jobs.insert(name.clone(), job.clone());
                assert!(before.is_none_or(|before| before == *job), "{}: {name} is there twice", block.place);
            }
        }
    }
    jobs
}

/// The lines of a job, those of the jobs that it extends first.
fn script(jobs: &Map<String, Value>, name: &str) -> String {
    let job = &jobs[name];
    let lines = |part: &str| -> Vec<String> {
        let lines = job[part].as_array().cloned().unwrap_or_default();
        lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    let check = job["extends"].as_str().map(|base| script(jobs, base));
    check.into_iter().chain(lines("before_script")).chain(lines("script")).collect::<Vec<_>>().join("\n")
}

/// Runs a script as a runner does: with these variables and nothing else.
fn run(script: &str, folder: &Path, variables: &BTreeMap<String, String>) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-e", "-u", "-c", script]).current_dir(folder).stdin(Stdio::null());
    shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder).envs(variables);
    shell.output().unwrap()
}

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn every_job_with_an_environment_begins_with_the_check() {
    let jobs = jobs();
    let deploys: Vec<_> = jobs.iter().filter(|(_, job)| !job["environment"].is_null()).collect();
    assert!(deploys.len() >= 3, "hardly any jobs were found");
    for (name, job) in deploys {
        assert_eq!(job["extends"], ".kubernetes", "{name}");
        assert!(job["before_script"].is_null(), "{name}: a before_script of its own would replace the check");
    }
}

#[test]
fn every_script_is_a_shell_script() {
    let jobs = jobs();
    for name in jobs.keys().filter(|name| jobs[*name].is_object()) {
        let output = Command::new("sh").args(["-n", "-c", &script(&jobs, name)]).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for page in pages() {
        for block in page.blocks().iter().filter(|block| block.info == "sh") {
            let output = Command::new("sh").args(["-n", "-c", &block.text]).output().unwrap();
            assert!(output.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn the_check_names_the_reason_when_something_is_missing() {
    let jobs = jobs();
    let check = script(&jobs, ".kubernetes");
    let folder = std::env::temp_dir();
    let says = |pairs: &[(&str, &str)], words: &[&str]| {
        let output = run(&check, &folder, &variables(pairs));
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{pairs:?}: {text}");
        assert!(words.iter().all(|word| text.contains(word)), "{pairs:?}: {text}");
    };
    let (environment, branch) = (("CI_ENVIRONMENT_NAME", "production"), ("CI_COMMIT_REF_NAME", "topic"));
    let (protected, unprotected) = (("CI_COMMIT_REF_PROTECTED", "true"), ("CI_COMMIT_REF_PROTECTED", "false"));
    let namespace = ("KUBE_NAMESPACE", "web-app-42-production");
    says(&[branch, protected], &["names no environment"]);
    says(&[branch, protected, environment], &["production", "mapping", "not ready"]);
    says(&[branch, unprotected, environment, namespace], &["topic", "not protected", "production"]);
    says(&[branch, protected, environment, namespace], &["KUBE_TOKEN", "not ready"]);

    let whole = [branch, protected, environment, namespace, ("KUBE_TOKEN", "token")];
    let output = run(&check, &folder, &variables(&whole));
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}

/// A GitLab with the project `web-app`, and perhaps with what the operator delivers for one environment.
struct GitLab {
    simulator: Simulator,
    project: u64,
}

const ROOT: &str = "glpat-root-of-the-documents";

impl GitLab {
    async fn new() -> Self {
        let mut gitlab = Self { simulator: Simulator::new(Options::new(ROOT)), project: 0 };
        let project = gitlab.call("POST", "/api/v4/projects", json!({"name": "web-app", "path": "web-app"})).await;
        gitlab.project = project["id"].as_u64().unwrap();
        gitlab
    }

    async fn with(access: Access<'_>) -> Self {
        let gitlab = Self::new().await;
        let path = format!("/api/v4/projects/{}/variables", gitlab.project);
        for variable in variables::wanted(access) {
            let kind = if variable.variable_type == VariableType::File { "file" } else { "env_var" };
            let body = json!({"key": variable.key, "value": variable.value.expose_secret(), "variable_type": kind,
                "masked": variable.masked, "protected": variable.protected, "raw": variable.raw,
                "environment_scope": variable.environment_scope});
            gitlab.call("POST", &path, body).await;
        }
        gitlab
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let request = Request::builder().method(method).uri(path).header("PRIVATE-TOKEN", ROOT);
        let request = request.header("Content-Type", "application/json");
        let request = request.body(axum::body::Body::from(body.to_string())).unwrap();
        let answer = self.simulator.router().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The variables of a job; of a file variable the file's path, as the runner gives it.
    async fn job(&self, job: Value, folder: &Path) -> BTreeMap<String, String> {
        let mut request = json!({"project": self.project, "ref": "main"});
        request.as_object_mut().unwrap().extend(job.as_object().unwrap().clone());
        let seen = self.call("POST", "/-/simulator/jobs", request).await;
        let mut variables = BTreeMap::new();
        for variable in seen["variables"].as_array().unwrap() {
            let (key, value) = (variable["key"].as_str().unwrap(), variable["value"].as_str().unwrap());
            let value = if variable["file"] == true {
                let file = folder.join(format!("file-{key}"));
                fs::write(&file, value).unwrap();
                file.to_str().unwrap().to_owned()
            } else {
                value.to_owned()
            };
            variables.insert(key.to_owned(), value);
        }
        variables
    }
}

/// The folder that a job works in: what the page shows beside its CI files, and a kubectl. Nothing runs pods here, so `kubectl
/// rollout`, which waits for them, does nothing.
fn checkout(folder: PathBuf, kubectl: &Path) -> PathBuf {
    fs::create_dir_all(folder.join("bin")).unwrap();
    let tool = folder.join("bin/kubectl");
    let wrapper = format!("#!/bin/sh\n[ \"$1\" != rollout ] || exit 0\nexec '{}' \"$@\"\n", kubectl.display());
    fs::write(&tool, wrapper).unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let blocks = page(PAGE).blocks();
    let deployment = blocks.iter().find(|block| block.info == "yaml" && block.text.contains("kind: Deployment"));
    fs::write(folder.join("deployment.yaml"), &deployment.unwrap().text).unwrap();
    folder
}

/// A namespace with an account as the operator makes them; gives the account's token.
async fn namespace(name: &str) -> String {
    let cluster = cluster().await;
    kubectl(cluster, &["create", "namespace", name]).await;
    kubectl(cluster, &["create", "serviceaccount", "gitlab-serviceaccount", "-n", name]).await;
    let subject = format!("--serviceaccount={name}:gitlab-serviceaccount");
    let role = "--clusterrole=gitlab-group-master";
    kubectl(cluster, &["create", "rolebinding", "gitlab-serviceaccount", role, &subject, "-n", name]).await;
    cluster.token_for(name, "gitlab-serviceaccount").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_jobs_deploy_with_what_a_job_gets() {
    let cluster = cluster().await;
    let name = "web-app-42-production";
    let token = SecretString::from(namespace(name).await);
    let endpoint = Endpoint {
        api_server: cluster.server_url().to_owned(),
        ca_pem: Some(cluster.ca_pem().to_owned()),
        ingress_base_domain: None,
    };
    let mark = Mark { cluster: "ICC".into(), cluster_uid: "uid".into(), mapping: "web-app".into() };
    let gitlab = GitLab::with(Access {
        environment: "production",
        namespace: name,
        token: &token,
        endpoint: &endpoint,
        kubeconfig: true,
        protected: true,
        mark: &mark,
    })
    .await;
    let folder = checkout(cluster.folder().join("job"), &cluster.kubectl_path());
    let jobs = jobs();
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let registry = [
        ("CI_REGISTRY", "registry.example.edu"),
        ("CI_DEPLOY_USER", "gitlab+deploy-token-1"),
        ("CI_DEPLOY_PASSWORD", "gldt-x"),
    ];

    let on_main = json!({"environment": "production", "ref_protected": true});
    let mut seen = gitlab.job(on_main, &folder).await;
    seen.extend(variables(&registry));
    seen.extend(variables(&[("PATH", &path), ("CI_COMMIT_SHORT_SHA", "1a2b3c4d")]));
    for name in ["deploy", "deploy-without-kubeconfig", "pull-secret"] {
        let output = run(&script(&jobs, name), &folder, &seen);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        if name == "deploy" {
            kubectl(cluster, &["delete", "deployment", "web", "-n", "web-app-42-production"]).await;
        }
    }
    kubectl(cluster, &["get", "deployment", "web", "-n", name]).await;
    let secret = kubectl(cluster, &["get", "secret", "gitlab-registry", "-n", name, "-o", "jsonpath={.type}"]).await;
    assert_eq!(secret, "kubernetes.io/dockerconfigjson");
    // Again: a pipeline runs more than once.
    let again = run(&script(&jobs, "pull-secret"), &folder, &seen);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));

    // What GitLab really gives in each missing case, not only what we think that it gives.
    let refused = |job: Value, words: &'static str| {
        let (gitlab, folder, jobs, path) = (&gitlab, &folder, &jobs, &path);
        async move {
            let mut seen = gitlab.job(job, folder).await;
            seen.insert("PATH".into(), path.clone());
            let output = run(&script(jobs, "deploy"), folder, &seen);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && text.contains(words), "{words}: {text}");
        }
    };
    refused(json!({"ref_protected": true}), "names no environment").await;
    refused(json!({"ref_protected": true, "environment": "staging"}), "mapping").await;
    refused(json!({"ref_protected": false, "environment": "production"}), "not protected").await;
}

/// A job that asks for another namespace, as the page's example does.
async fn namespace_of_job(gitlab: &GitLab, folder: &Path) -> Option<String> {
    let environment = jobs()["deploy-elsewhere"]["environment"].clone();
    let job = json!({"ref_protected": true, "environment": environment["name"],
        "environment_kubernetes_namespace": environment["kubernetes"]["namespace"]});
    gitlab.job(job, folder).await.remove("KUBE_NAMESPACE")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyword_for_another_namespace_does_what_the_page_says_with_each_method() {
    let cluster = cluster().await;
    let folder = cluster.folder().join("elsewhere");
    fs::create_dir_all(&folder).unwrap();
    let endpoint =
        Endpoint { api_server: "https://icc.example.edu:6443".into(), ca_pem: None, ingress_base_domain: None };
    let (token, mark) = (
        SecretString::from("a-token-of-the-cluster"),
        Mark { cluster: "ICC".into(), cluster_uid: "uid".into(), mapping: "web-app".into() },
    );
    let access = Access {
        environment: "production",
        namespace: "web-app-42-production",
        token: &token,
        endpoint: &endpoint,
        kubeconfig: true,
        protected: true,
        mark: &mark,
    };
    let none = GitLab::new().await;
    assert_eq!(namespace_of_job(&none, &folder).await, None);

    let by_variables = GitLab::with(access).await;
    assert_eq!(namespace_of_job(&by_variables, &folder).await.as_deref(), Some(access.namespace));

    let by_certificate = GitLab::new().await;
    by_certificate.call("POST", "/api/v4/features/certificate_based_clusters", json!({"value": "true"})).await;
    let wanted = certificate::wanted(access).settings;
    let cluster = json!({"name": wanted.name, "managed": wanted.managed, "environment_scope": wanted.environment_scope,
        "platform_kubernetes_attributes":
            {"api_url": wanted.api_url, "token": token.expose_secret(), "namespace": wanted.namespace}});
    let path = format!("/api/v4/projects/{}/clusters/user", by_certificate.project);
    by_certificate.call("POST", &path, cluster).await;
    assert_eq!(namespace_of_job(&by_certificate, &folder).await.as_deref(), Some("somewhere-else"));
}
