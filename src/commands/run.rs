//! `gl-k8s-integrator run`: the operator.

use std::{error::Error as _, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use kube::{Api, Client, Resource, api::ListParams, client::ClientBuilder, config::KubeconfigError};
use serde::de::DeserializeOwned;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tower::timeout::TimeoutLayer;

use super::rules::RulesArgs;
use crate::{
    api::{GitLabInstance, NamespaceClass, Period, PeriodError, ProjectMapping, names},
    context::{Chance, Context, Settings, SystemClock},
    controllers::{self, Limits, Watching},
    facts::declarations::Declarations,
    gitlab::{HttpOptions, http_transport},
    leadership::{Candidate, Claim, LeaseStore, SinceBoot, Tenure, Timing, TimingError},
    server::{self, Metrics, Readiness},
    telemetry::{self, LogFormat},
};

/// What `run` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    rules: RulesArgs,
    /// Where /livez, /readyz and /metrics are served
    #[arg(long, env = "GL_K8S_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// After which time a project is read from GitLab again, to notice a rename, a transfer or an archiving
    #[arg(long, env = "GL_K8S_PROJECT_REFRESH", default_value = "10m", value_name = "PERIOD", value_parser = refresh)]
    project_refresh: Period,
    /// Whether a lease decides which of several operators works; false only where there is never more than one
    #[arg(long, env = "GL_K8S_LEADER_ELECT", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    leader_elect: bool,
    /// How long other operators wait without a sign of the leader before one of them takes over
    #[arg(long, env = "GL_K8S_LEADER_ELECT_LEASE_DURATION", default_value = "30s", value_name = "PERIOD", value_parser = period)]
    leader_elect_lease_duration: Period,
    /// How long the leader may fail to renew its lease before it ends; shorter than the lease
    #[arg(long, env = "GL_K8S_LEADER_ELECT_RENEW_DEADLINE", default_value = "20s", value_name = "PERIOD", value_parser = period)]
    leader_elect_renew_deadline: Period,
    /// How often the leader renews its lease; at most half of the renew deadline
    #[arg(long, env = "GL_K8S_LEADER_ELECT_RETRY_PERIOD", default_value = "5s", value_name = "PERIOD", value_parser = period)]
    leader_elect_retry_period: Period,
    /// How logs are written
    #[arg(long, env = "GL_K8S_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
    /// What is logged: a level, or a list such as info,gl_k8s_integrator::gitlab=debug
    #[arg(long, env = "GL_K8S_LOG", default_value = "info", value_name = "FILTER", value_parser = telemetry::filter)]
    log: String,
}

impl RunArgs {
    /// The periods of the election; none without one.
    ///
    /// # Errors
    /// When they do not fit together.
    pub fn election(&self) -> Result<Option<Timing>, TimingError> {
        let timing = Timing::new(
            self.leader_elect_lease_duration.duration(),
            self.leader_elect_renew_deadline.duration(),
            self.leader_elect_retry_period.duration(),
        )?;
        Ok(self.leader_elect.then_some(timing))
    }
}

fn period(text: &str) -> Result<Period, String> {
    text.parse().map_err(|error: PeriodError| error.to_string())
}

fn refresh(text: &str) -> Result<Period, String> {
    let period: Period = text.parse().map_err(|error: PeriodError| error.to_string())?;
    if period.duration() < SHORTEST_REFRESH {
        return Err("give at least 10s, or GitLab is asked without end".to_owned());
    }
    Ok(period)
}

/// A shorter one would ask GitLab without end.
const SHORTEST_REFRESH: Duration = Duration::from_secs(10);
/// Without an election, no call to the API server takes longer until its answer begins, and no call to GitLab as a whole.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long what is under way may take once the end was asked for. Then nothing more is sent, and only the calls that have
/// left are waited for. With the time that these may take it is less than `terminationGracePeriodSeconds` in the manifests.
const SHUTDOWN: Duration = Duration::from_secs(20);

/// Runs the operator until a signal.
///
/// # Errors
/// When it cannot start: the API server cannot be reached, the kinds are not installed, the address is taken.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    telemetry::init(args.log_format, &args.log)?;
    let stop = CancellationToken::new();
    let signals = stop_on_signals(stop.clone())?;
    let timing = args.election()?;
    let call_timeout = timing.map_or(CALL_TIMEOUT, |timing| timing.call_timeout());
    let client = client_within(configuration().await?, call_timeout)?;
    let readiness = Readiness::new();
    let ready = readiness.wait_for("watches");
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let listener = server::listen(args.listen)
        .await
        .with_context(|| format!("could not listen on {}; give another address with --listen", args.listen))?;
    let router = server::router(readiness, metrics.clone());
    let server = tokio::spawn(server::serve(listener, router, stop.clone()));
    let result = operate(&args, client, metrics, ready, stop.clone()).await;
    stop.cancel();
    signals.abort();
    // Who fails ends at once: a lost lease leaves no time.
    if result.is_ok() {
        server.await.ok();
    }
    result
}

/// Where the API server is and who we are for it, found as kubectl finds it.
pub(super) async fn configuration() -> anyhow::Result<kube::Config> {
    let hint = "could not find the API server; run in a cluster, or set KUBECONFIG to a kubeconfig file";
    kube::Config::infer().await.map_err(|error| match error.source().and_then(|source| source.downcast_ref()) {
        // Its own words quote the file, tokens included.
        Some(KubeconfigError::Parse(unreadable)) => {
            let place = unreadable.location().map(|at| format!(" (line {})", at.line())).unwrap_or_default();
            anyhow!("{hint}: the kubeconfig file cannot be read{place}; its content is not shown")
        }
        _ => anyhow!("{hint}: {error}"),
    })
}

/// A client with a time limit on every call and without blind repetition: whatever fails is seen by the reconcile.
///
/// # Errors
/// When the configuration cannot be used.
pub fn client(config: kube::Config) -> anyhow::Result<Client> {
    client_within(config, CALL_TIMEOUT)
}

fn client_within(mut config: kube::Config, timeout: Duration) -> anyhow::Result<Client> {
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config).context("could not set up the client of the API server")?;
    Ok(builder.with_layer(&TimeoutLayer::new(timeout)).build())
}

async fn operate(
    args: &RunArgs,
    client: Client,
    metrics: Arc<Metrics>,
    ready: server::ReadyHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let Some(installed) = stop.run_until_cancelled(all_installed(&client)).await else { return Ok(()) };
    installed?;
    let chance = Arc::new(Chance::from_system());
    let mut tenure = tenure(args, &client, &metrics, &chance)?;
    let (declarations, writers) = controllers::declarations();
    let context = context(args, &client, tenure.claim(), declarations.clone(), metrics, chance)?;
    let watching = Watching { client, writers, limits: Limits::default() };
    let mut work = tokio::spawn(controllers::run(context, watching, tenure.claim().clone(), stop.clone()));
    let announce = async {
        declarations.ready().await.context("a watch of our own kinds ended before it had begun")?;
        drop(ready);
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "running");
        stop.cancelled().await;
        anyhow::Ok(())
    };
    tokio::select! {
        biased;
        lost = tenure.lost() => bail!(lost),
        announced = announce => announced?,
        () = stop.cancelled() => {}
        // A process that lives but does nothing would go unnoticed.
        ended = &mut work => bail!("the controllers ended by themselves ({ended:?}); start the program again"),
    }
    tracing::info!("stopping; what is under way is finished");
    tokio::select! {
        lost = tenure.lost() => bail!(lost),
        finished = tokio::time::timeout(SHUTDOWN, work) => if finished.is_err() {
            tracing::warn!("something took too long; it is done after the next start");
        },
    }
    Ok(tenure.lay_down().await?)
}

/// By what this process may work: the lease, or that it is the only one.
fn tenure(args: &RunArgs, client: &Client, metrics: &Arc<Metrics>, chance: &Arc<Chance>) -> anyhow::Result<Tenure> {
    let Some(timing) = args.election()? else {
        metrics.set_leader(true);
        return Ok(Tenure::alone());
    };
    let identity = format!("{}_{:016x}", pod_name(), chance.number());
    let store =
        LeaseStore::new(client.clone(), args.rules.own_namespace(), &identity, timing.lease(), Arc::new(SystemClock));
    let (clock, metrics, chance) = (Arc::new(SinceBoot), metrics.clone(), chance.clone());
    Ok(Tenure::stand(Candidate { identity, timing, clock, chance, metrics }, store))
}

fn pod_name() -> String {
    std::env::var("POD_NAME").unwrap_or_else(|_| names::FIELD_MANAGER.to_owned())
}

/// What the work needs. Every call that it makes asks for the claim.
fn context(
    args: &RunArgs,
    client: &Client,
    claim: &Claim,
    declarations: Declarations,
    metrics: Arc<Metrics>,
    chance: Arc<Chance>,
) -> anyhow::Result<Arc<Context>> {
    let timeout = args.election()?.map_or(CALL_TIMEOUT, |timing| timing.call_timeout());
    let kubernetes = claim.kubernetes(client, timeout);
    let claim = claim.clone();
    let connect = move |_: &str, ca: Option<&str>| {
        let extra_ca_pem = ca.map(str::to_owned);
        let options = HttpOptions { extra_ca_pem, total_timeout: timeout, ..HttpOptions::default() };
        Ok(claim.gitlab(http_transport(&options)?, timeout))
    };
    let settings =
        Settings { instance: pod_name(), project_refresh: args.project_refresh.duration(), ..args.rules.settings() };
    let context = Context::new(kubernetes, Arc::new(connect), declarations, settings);
    Ok(Arc::new(Context { chance, metrics, ..context }))
}

/// Whether all kinds of ours are installed; otherwise says how to install them.
pub(super) async fn all_installed(client: &Client) -> anyhow::Result<()> {
    installed::<GitLabInstance>(client).await?;
    installed::<NamespaceClass>(client).await?;
    installed::<ProjectMapping>(client).await
}

/// Whether a kind of ours can be listed; otherwise says how to install it.
async fn installed<K>(client: &Client) -> anyhow::Result<()>
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let kind = K::kind(&());
    let listed = Api::<K>::all_with(client.clone(), &()).list(&ListParams::default().limit(1)).await;
    match listed {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            bail!(
                "the kind {kind} is not installed; install it: gl-k8s-integrator crds | kubectl apply --server-side -f -"
            )
        }
        Err(error) => Err(error).with_context(|| {
            format!("could not list the kind {kind}; see that the API server runs and that manifests/ is applied")
        }),
    }
}

fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate()).context("could not wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not wait for Ctrl-C")?;
    Ok(tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    }))
}
