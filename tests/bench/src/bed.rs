//! What everything stands on: a fresh control plane with the operator's files, and a fresh GitLab with projects.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;
use control_plane::{ControlPlane, Options};
use http::Method;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::audit::Audit;
use crate::bare::Server;
use crate::gitlab::GitLab;
use crate::objects;
use crate::{Arguments, Programs};

/// The operator's namespace, and the name of its ServiceAccount.
pub const OPERATOR: &str = "gl-k8s-integrator";

/// Every request of the operator's account, reads too, without bodies; nothing of anybody else. The bare client acts with
/// the same account, so that the log costs both the same.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    users: [\"system:serviceaccount:gl-k8s-integrator:gl-k8s-integrator\"]
  - level: None
";

/// A control plane and a GitLab that nobody else uses.
pub struct Bed {
    /// The control plane.
    pub control_plane: ControlPlane,
    /// The simulated GitLab.
    pub gitlab: GitLab,
    /// What the API server says about requests of the operator's account.
    pub audit: Audit,
    /// A token of the operator's account.
    pub token: String,
    /// The administrator.
    pub admin: Client,
    _policy: TempDir,
}

impl Bed {
    /// Starts both; GitLab has this many projects.
    pub async fn start(arguments: &Arguments, programs: &Programs, projects: usize) -> anyhow::Result<Self> {
        let policy = TempDir::new().context("cannot create a folder for the audit policy")?;
        let file = policy.path().join("audit-policy.yaml");
        std::fs::write(&file, AUDIT_POLICY).with_context(|| format!("cannot write {}", file.display()))?;
        let flags = vec!["--audit-policy-file".to_owned(), file.display().to_string()];
        let control_plane = ControlPlane::start(&Options { api_server_flags: flags, ..Options::default() }).await?;
        control_plane.kubectl_apply(&root().join("crds")).await?;
        let established = ["wait", "--for=condition=Established", "--timeout=30s", "-f"];
        let waited = control_plane.kubectl().args(established).arg(root().join("crds")).output().await?;
        anyhow::ensure!(waited.status.success(), "{}", String::from_utf8_lossy(&waited.stderr));
        control_plane.kubectl_apply(&root().join("manifests")).await?;
        let admin = control_plane.admin_client();
        let gitlab = GitLab::start(&programs.simulator, &control_plane, projects).await?;
        if arguments.without_limits {
            let off = json!({"project_api_limit": 0, "projects_api_limit": 0});
            gitlab.call(Method::PUT, "/application/settings", off).await?;
        }
        let token = long_token(&admin).await?;
        let audit = Audit::new(control_plane.logs().join("audit.jsonl"));
        Ok(Self { control_plane, gitlab, audit, token, admin, _policy: policy })
    }

    /// Declares the instance at this address, and the class.
    pub async fn declare(&self, gitlab_url: &str) -> anyhow::Result<()> {
        let secret = objects::token_secret(gitlab_url, self.gitlab.token());
        let secrets = Api::<DynamicObject>::namespaced_with(
            self.admin.clone(),
            OPERATOR,
            &ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Secret")),
        );
        create(&secrets, secret).await?;
        create(&self.objects("NamespaceClass"), objects::class()).await?;
        create(&self.objects("GitLabInstance"), objects::instance(gitlab_url, self.control_plane.server_url())).await?;
        Ok(())
    }

    /// Objects of one of the operator's kinds.
    pub fn objects(&self, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("gl-k8s.dev", "v1alpha1", kind));
        Api::all_with(self.admin.clone(), &resource)
    }

    /// The API server, spoken to without any library of Kubernetes, with the operator's rights.
    pub fn bare_kubernetes(&self) -> anyhow::Result<Server> {
        Server::kubernetes(self.control_plane.server_url(), self.control_plane.ca_pem(), &self.token)
    }

    /// GitLab, spoken to in the same way, with the operator's token.
    pub fn bare_gitlab(&self) -> anyhow::Result<Server> {
        Server::gitlab(self.gitlab.url(), self.gitlab.token())
    }

    /// Starts a program that ends with the control plane. Standard error goes to a log of this name.
    pub async fn spawn(&self, name: &str, command: Command, stdout: Stdio) -> anyhow::Result<tokio::process::Child> {
        spawn(&self.control_plane, name, command, stdout).await
    }
}

/// Starts a program that ends with the control plane, however that ends.
pub async fn spawn(
    control_plane: &ControlPlane,
    name: &str,
    mut command: Command,
    stdout: Stdio,
) -> anyhow::Result<tokio::process::Child> {
    let path = control_plane.logs().join(format!("{name}.log"));
    let log = std::fs::File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    control_plane.watch(&mut command).await;
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        // Everything is on the loopback interface.
        command.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
    command.stdin(Stdio::null()).stdout(stdout).stderr(log);
    let program = command.get_program().to_owned();
    tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot execute {}", program.display()))
}

/// Creates an object from JSON; gives it as the server has it.
pub async fn create(api: &Api<DynamicObject>, object: Value) -> anyhow::Result<DynamicObject> {
    Ok(api.create(&PostParams::default(), &serde_json::from_value(object)?).await?)
}

/// The repository: everything that is measured lies in it.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Longer than any measurement takes: nobody renews this token here, as a kubelet does in a cluster.
async fn long_token(admin: &Client) -> anyhow::Result<String> {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 86_400}});
    let path = format!("/api/v1/namespaces/{OPERATOR}/serviceaccounts/{OPERATOR}/token");
    let request =
        http::Request::post(path).header("Content-Type", "application/json").body(request.to_string().into_bytes())?;
    let answer: Value = admin.request(request).await?;
    answer["status"]["token"].as_str().map(str::to_owned).context("the API server issued no token")
}
