//! The control plane with everything installed, and the operator running in it with the rights of its manifests.

use std::{
    fmt::Write as _,
    future::Future,
    io,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use control_plane::ControlPlane;
use gl_k8s_integrator::{
    api::{GitLabInstance, ProjectMapping},
    commands::run::client,
    context::{Chance, Context, Settings, SystemClock},
    controllers::{self, Limits, Watching},
    leadership::Claim,
    plan::{brake::Brake, environments::ReservedNames},
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;
use tokio::sync::{OnceCell, mpsc};
use tokio_util::sync::CancellationToken;

use crate::installed;
pub use crate::installed::OWN;

/// The user that the operator is for the API server.
pub const OPERATOR: &str = "system:serviceaccount:gl-k8s-integrator:gl-k8s-integrator";
static STARTED: OnceCell<()> = OnceCell::const_new();
static RETIRED: OnceLock<mpsc::UnboundedSender<String>> = OnceLock::new();
static LOGS: OnceLock<Logs> = OnceLock::new();

/// Everything that the operator logged.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All logs so far.
pub fn logs() -> String {
    LOGS.get().map(|logs| String::from_utf8_lossy(&logs.0.lock().unwrap()).into_owned()).unwrap_or_default()
}

/// The control plane with the operator at work.
pub async fn bed() -> &'static ControlPlane {
    let control_plane = installed::bed().await;
    STARTED.get_or_init(async || start_operator(control_plane).await).await;
    control_plane
}

async fn start_operator(control_plane: &ControlPlane) {
    let writer = LOGS.get_or_init(Logs::default).clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let admin = control_plane.admin_config();
    let (retired, names) = mpsc::unbounded_channel();
    RETIRED.get_or_init(|| retired);
    run_operator(control_plane, || put_away_retired(client(admin).unwrap(), names)).await;
}

/// Runs an operator in a control plane, in a thread with a runtime of its own, which ends with the test process; and
/// something beside it. Returns when it works.
pub async fn run_operator<F: Future<Output = ()>>(
    control_plane: &ControlPlane,
    beside: impl FnOnce() -> F + Send + 'static,
) {
    let token = control_plane.token_for(OWN, OWN).await.unwrap();
    let config = control_plane.client_config_with_token(&token);
    let (started, running) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async move {
            let (context, writers) = context(config, Arc::new(SystemClock));
            let declarations = context.declarations.clone();
            let watching = Watching { client: context.kubernetes.clone(), writers, limits: Limits::default() };
            let work = controllers::run(context, watching, Claim::alone(), CancellationToken::new());
            let ready = async {
                declarations.ready().await.unwrap();
                started.send(()).unwrap();
                std::future::pending::<()>().await;
            };
            tokio::join!(work, ready, beside());
        });
    });
    tokio::time::timeout(Duration::from_secs(30), running).await.unwrap().unwrap();
}

/// Lets the operator rest about a test that is over: takes away what names its GitLab, which would be asked in vain for ever.
pub fn retire(url: String) {
    if let Some(retired) = RETIRED.get() {
        retired.send(url).ok();
    }
}

async fn put_away_retired(admin: kube::Client, mut urls: mpsc::UnboundedReceiver<String>) {
    let instances: Api<GitLabInstance> = Api::all(admin.clone());
    let mappings: Api<ProjectMapping> = Api::all(admin);
    while let Some(url) = urls.recv().await {
        let (Ok(all), Ok(users)) =
            (instances.list(&ListParams::default()).await, mappings.list(&ListParams::default()).await)
        else {
            continue;
        };
        for instance in all.items.iter().filter(|instance| instance.spec.url == url) {
            let name = instance.name_any();
            for mapping in users.items.iter().filter(|mapping| mapping.spec.instance == name) {
                put_away(&mappings, &mapping.name_any()).await;
            }
            instances.delete(&name, &DeleteParams::default()).await.ok();
        }
    }
}

/// Paused, so that nothing is done about its end, and then without the finalizer. One that is gone by now needs none of it.
async fn put_away(mappings: &Api<ProjectMapping>, name: &str) {
    for patch in [json!({"spec": {"paused": true}}), json!({"metadata": {"finalizers": null}})] {
        mappings.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.ok();
    }
    mappings.delete(name, &DeleteParams::default()).await.ok();
}

/// What the operator works with, but for the process around it.
pub fn context(
    config: kube::Config,
    clock: Arc<dyn gl_k8s_integrator::context::Clock>,
) -> (Arc<Context>, controllers::Writers) {
    let (declarations, writers) = controllers::declarations();
    let settings = Settings {
        reserved: ReservedNames::new(OWN, &["reserved-*".into()]),
        // Longer than any test waits: what a watch is to bring about is not brought about by the clock. Tests of what
        // only GitLab knows set a short `driftInterval`.
        project_refresh: Duration::from_secs(300),
        bad_news: Duration::from_millis(500),
        longest_backoff: Duration::from_secs(2),
        // The tests of a binary share one record of deletions; tests/alone has one of its own.
        brake: Brake { limit: usize::MAX, ..Settings::default().brake },
        ..Settings::default()
    };
    let context = Context::new(client(config).unwrap(), Arc::new(crate::way::connect), declarations, settings);
    let context = Context { clock, chance: Arc::new(Chance::seeded(1)), ..context };
    (Arc::new(context), writers)
}

/// Waits until something holds; says what it waited for, what it saw last and what the operator logged when it never does.
pub async fn eventually<F: Future<Output = Result<T, String>>, T>(what: &str, probe: impl FnMut() -> F) -> T {
    let mut message = match installed::until(what, probe).await {
        Ok(value) => return value,
        Err(vain) => vain,
    };
    let logs = logs();
    let tail: Vec<_> = logs.lines().rev().take(40).collect();
    for line in tail.into_iter().rev() {
        let _ = writeln!(message, "{line}");
    }
    panic!("{message}");
}
