//! What tests hold.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::{Mutex, OnceCell};

use crate::access::Access;
use crate::audit::{self, AuditedWrite, DatedWrite};
use crate::binaries::Binaries;
use crate::error::StartError;
use crate::group::ServerGroup;
use crate::kubectl::{self, KubectlError};
use crate::servers::API_SERVER;
use crate::start::{self, Started};

/// What can differ between control planes.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder with the binaries; by default what [`Binaries::find`] finds.
    pub binaries: Option<PathBuf>,
    /// Further flags of kube-apiserver; a flag given twice counts as given last.
    pub api_server_flags: Vec<String>,
    /// How long the API server, and after it the controllers, may take until they work. One minute by default, twenty
    /// times what a quiet machine with two cores needs.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { binaries: None, api_server_flags: Vec::new(), ready_within: Duration::from_secs(60) }
    }
}

/// A running control plane. All its processes end, and its folder goes, when it is dropped or its owner ends, however
/// that happens: a small watchdog process notices.
#[derive(Debug)]
pub struct ControlPlane {
    group: Mutex<ServerGroup>,
    binaries: Binaries,
    options: Options,
    access: Access,
    port: u16,
    logs: PathBuf,
    audit_log: PathBuf,
    kubectl_cache: PathBuf,
    folder: PathBuf,
}

/// The one control plane of a test binary, or why it did not start. It is never dropped: the watchdog ends it.
static SHARED: OnceCell<Result<ControlPlane, StartError>> = OnceCell::const_new();

impl ControlPlane {
    /// Starts etcd, the API server and the controller manager with new keys, on free ports, and returns when the API
    /// server is ready and the controllers work: some four seconds on two cores.
    ///
    /// # Errors
    /// [`StartError`]; the logs of a server that failed are kept, and the error says where.
    pub async fn start(options: &Options) -> Result<Self, StartError> {
        let binaries = match &options.binaries {
            Some(folder) => Binaries::in_folder(folder)?,
            None => Binaries::find()?,
        };
        let Started { group, access, port } = start::start(&binaries, options).await?;
        let folder = group.folder().clone();
        Ok(Self {
            group: Mutex::new(group),
            binaries,
            options: options.clone(),
            access,
            port,
            logs: folder.logs(),
            audit_log: folder.audit_log(),
            kubectl_cache: folder.in_state("kubectl-cache"),
            folder: folder.state(),
        })
    }

    /// The control plane that all tests of this binary share; the first caller starts it. Tests keep out of each
    /// other's way by names.
    ///
    /// # Panics
    /// When it does not start, with the reason: for every caller, without trying again.
    pub async fn shared() -> &'static Self {
        match SHARED.get_or_init(async || Self::start(&Options::default()).await).await {
            Ok(control_plane) => control_plane,
            Err(error) => panic!("{error}"),
        }
    }

    /// Base URL of the API server, `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn server_url(&self) -> &str {
        &self.access.server_url
    }

    /// The certificate of the CA that signed the API server's certificate.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.access.ca_pem
    }

    /// The administrator's kubeconfig file.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.access.admin_kubeconfig
    }

    /// The folder with one log per server and the audit log.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// A folder that only this user can read and that goes with the control plane: for files that shall not outlive it,
    /// kubeconfigs and tokens for example.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the process of this command end with the control plane, however that ends. For programs that work with it
    /// and must not stay behind when their starter is killed.
    pub async fn watch(&self, command: &mut std::process::Command) {
        self.group.lock().await.watch(command);
    }

    /// Configuration of an administrator's client (user `admin`, group `system:masters`).
    #[must_use]
    pub fn admin_config(&self) -> kube::Config {
        self.access.admin_config()
    }

    /// A new administrator's client. Clients belong to the runtime in which they are made, and every `#[tokio::test]`
    /// has its own: do not share them between tests.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn admin_client(&self) -> Client {
        client(self.admin_config())
    }

    /// Configuration of a client that knows the CA and presents this bearer token, as a CI job does.
    #[must_use]
    pub fn client_config_with_token(&self, token: &str) -> kube::Config {
        self.access.config_with_token(token)
    }

    /// A new client that presents this bearer token.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn client_with_token(&self, token: &str) -> Client {
        client(self.client_config_with_token(token))
    }

    /// A token of this service account, valid for one hour, from the `TokenRequest` API.
    ///
    /// # Errors
    /// The API server's, for example when there is no such service account.
    pub async fn token_for(&self, namespace: &str, service_account: &str) -> Result<String, kube::Error> {
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let answer = Api::<ServiceAccount>::namespaced(self.admin_client(), namespace)
            .create_token_request(service_account, &PostParams::default(), &request)
            .await?;
        Ok(answer.status.map(|status| status.token).unwrap_or_default())
    }

    /// The path of kubectl.
    #[must_use]
    pub fn kubectl_path(&self) -> PathBuf {
        self.binaries.kubectl()
    }

    /// kubectl as the administrator, whatever the environment says, with its cache in the control plane's folder; it is
    /// killed when its future is dropped.
    #[must_use]
    pub fn kubectl(&self) -> tokio::process::Command {
        kubectl::command(&self.binaries.kubectl(), self.kubeconfig(), &self.kubectl_cache)
    }

    /// `kubectl apply` of a file, of a folder with manifests, or of a folder with a `kustomization.yaml`. Returns what
    /// kubectl printed.
    ///
    /// # Errors
    /// With kubectl's own words.
    pub async fn kubectl_apply(&self, path: &Path) -> Result<String, KubectlError> {
        kubectl::apply(self.kubectl(), path).await
    }

    /// All writes that this user sent so far, in the order in which the API server answered them, refused ones too: for
    /// the question whether a program wrote anything. A service account's user is
    /// `system:serviceaccount:NAMESPACE:NAME`. The last answers can be missing for some milliseconds.
    ///
    /// # Errors
    /// When the audit log cannot be read.
    pub fn writes_by(&self, user: &str) -> std::io::Result<Vec<AuditedWrite>> {
        audit::writes_by(&self.audit_log, user)
    }

    /// The same for one token of a service account, with the server's own times: for the question which of several
    /// programs with the same account wrote when.
    ///
    /// # Errors
    /// When the audit log cannot be read, or this is no token of a service account.
    pub fn writes_with_token(&self, token: &str) -> std::io::Result<Vec<DatedWrite>> {
        audit::writes_with_token(&self.audit_log, token)
    }

    /// Ends the API server only, at once and without a farewell to its clients, as a crash would. Not for the
    /// [shared](Self::shared) control plane, where other tests need it.
    pub async fn stop_api_server(&self) {
        self.group.lock().await.kill(API_SERVER);
    }

    /// Starts the API server again after [`Self::stop_api_server`], on the same port and with the same data, and waits
    /// until it is ready.
    ///
    /// # Errors
    /// [`StartError`], for example when another process took the port meanwhile.
    pub async fn start_api_server(&self) -> Result<(), StartError> {
        let mut group = self.group.lock().await;
        group.kill(API_SERVER);
        start::restart_api_server(&mut group, &self.binaries, &self.options, &self.access, self.port).await
    }

    /// Ends all processes and removes the folder; returns when that is done. Dropping does the same, but blocks its
    /// thread.
    pub async fn stop(self) {
        // A panic in there would be a panic of Drop, which has been reported already.
        tokio::task::spawn_blocking(move || drop(self)).await.ok();
    }
}

fn client(config: kube::Config) -> Client {
    match Client::try_from(config) {
        Ok(client) => client,
        // The same configuration has worked when the control plane started.
        Err(error) => panic!("cannot make a client for the control plane: {error}"),
    }
}
