//! The floor: just the writes and calls that the operator needs, sent by a client that decides nothing.
//!
//! First the operator works on one mapping, with a recorder before each server. Then it ends, and the bare client sends
//! the same for other mappings, with several numbers of mappings at a time; the best of them then takes all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use futures::{TryStreamExt as _, stream};
use http::Method;
use kube::ResourceExt as _;
use serde::Serialize;
use serde_json::Value;

use super::watching::Mappings;
use crate::audit::counted;
use crate::bare::{self, Server, Types};
use crate::bed::Bed;
use crate::chain::{Chain, Subject};
use crate::objects::{mapping_name, project_path};
use crate::operator::Operator;
use crate::processes::{Usage, child};
use crate::recorder::{Exchange, Journal, Recorder, Side, taken};
use crate::steps::restart::Lists;
use crate::{Arguments, Programs};

/// Numbers of mappings at a time that are tried.
const CONCURRENCIES: [usize; 4] = [4, 8, 16, 32];
/// How many mappings each of them is tried with, for a hundred that are measured.
const TRIED: usize = 20;
/// The learned mapping is done when nothing was requested for this long.
const QUIET: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(60);

/// What the least possible work costs.
#[derive(Clone, Debug, Serialize)]
pub struct Floor {
    /// Seconds for all mappings.
    pub seconds: f64,
    /// With how many mappings at a time that was.
    pub concurrency: usize,
    /// Seconds for a few mappings, by the number at a time.
    pub tried: Vec<(usize, f64)>,
    /// Requests per mapping to the API server, by method; creating the mapping itself included.
    pub kubernetes: std::collections::BTreeMap<String, usize>,
    /// Requests per mapping to GitLab, by method.
    pub gitlab: std::collections::BTreeMap<String, usize>,
    /// CPU seconds of the API server.
    pub api_server_cpu: f64,
    /// CPU seconds of etcd.
    pub etcd_cpu: f64,
    /// CPU seconds of the simulated GitLab.
    pub gitlab_cpu: f64,
    /// CPU seconds of the bare client.
    pub client_cpu: f64,
}

/// Measures it; also gives what the operator lists when it starts.
pub async fn measure(arguments: &Arguments, programs: &Programs) -> anyhow::Result<(Floor, Lists)> {
    let count = arguments.mappings;
    let trial = (count * TRIED).div_ceil(100);
    let candidates = arguments.concurrency.map_or_else(|| CONCURRENCIES.to_vec(), |only| vec![only]);
    let trials = if candidates.len() > 1 { candidates.len() * trial } else { 0 };
    let bed = Bed::start(arguments, programs, 1 + trials + count).await?;
    let (chain, lists) = learn(arguments, programs, &bed).await.context("learning what one mapping takes")?;
    let chain = Arc::new(chain);

    let (mut next, mut tried) = (1, Vec::new());
    if trials > 0 {
        for concurrency in candidates.iter().copied() {
            let took = replay(&bed, &chain, next..next + trial, concurrency).await?;
            tried.push((concurrency, took.as_secs_f64()));
            next += trial;
        }
    }
    let best = tried.iter().min_by(|one, other| one.1.total_cmp(&other.1)).map(|(concurrency, _)| *concurrency);
    let concurrency = best.unwrap_or(candidates[0]);
    let before = Processes::now(&bed)?;
    let took = replay(&bed, &chain, next..next + count, concurrency).await?;
    let spent = Processes::now(&bed)?.since(&before);
    verify(&bed, next + count - 1).await.context("the floor did not bring about what the operator does")?;
    bed.control_plane.stop().await;

    let created = std::iter::once("POST".to_owned());
    let of = |side| chain.methods(side).map(ToString::to_string);
    let floor = Floor {
        seconds: took.as_secs_f64(),
        concurrency,
        tried,
        kubernetes: counted(of(Side::Kubernetes).chain(created)),
        gitlab: counted(of(Side::GitLab)),
        api_server_cpu: spent.api_server.cpu,
        etcd_cpu: spent.etcd.cpu,
        gitlab_cpu: spent.gitlab.cpu,
        client_cpu: spent.client.cpu,
    };
    Ok((floor, lists))
}

/// Lets the operator work on the first mapping and writes down what passes.
async fn learn(arguments: &Arguments, programs: &Programs, bed: &Bed) -> anyhow::Result<(Chain, Lists)> {
    let journal = Journal::default();
    let ca = reqwest::Certificate::from_pem(bed.control_plane.ca_pem().as_bytes())?;
    let to_kubernetes = bare::client().tls_certs_only([ca]).build()?;
    let server = bed.control_plane.server_url();
    let kubernetes = Recorder::start(Side::Kubernetes, server, to_kubernetes, journal.clone()).await?;
    let gitlab = Recorder::start(Side::GitLab, bed.gitlab.url(), bare::client().build()?, journal.clone()).await?;
    bed.declare(gitlab.url()).await?;
    let operator = Operator::start(&programs.operator, arguments, bed, kubernetes.url()).await?;
    let mappings = Mappings::follow(bed.objects("ProjectMapping"));
    let mark = bed.audit.mark().await?;
    bed.audit.quiet(mark, QUIET, LIMIT).await?;

    let created = super::map(bed, 0).await?;
    mappings.until_ready(1, LIMIT).await?;
    let mark = bed.audit.mark().await?;
    bed.audit.quiet(mark, QUIET, LIMIT).await?;
    operator.stop().await?;
    let exchanges = taken(&journal);
    let learned = subject(&created, 0, project_id(&exchanges)?);
    Ok((Chain::learn(&exchanges, &learned)?, Lists::learn(&exchanges)))
}

fn project_id(exchanges: &[Exchange]) -> anyhow::Result<i64> {
    let asked = exchanges.iter().filter(|exchange| exchange.side == Side::GitLab);
    let answers = asked.filter(|exchange| exchange.target.contains(&project_path(0)));
    let mut ids = answers.filter_map(|exchange| serde_json::from_slice::<Value>(&exchange.answer).ok()?["id"].as_i64());
    ids.next().context("the operator did not look the project up")
}

fn subject(created: &kube::api::DynamicObject, number: usize, project_id: i64) -> Subject {
    Subject {
        mapping: mapping_name(number),
        uid: created.uid().unwrap_or_default(),
        version: created.resource_version().unwrap_or_default(),
        project: project_path(number),
        project_id,
    }
}

/// Creates these mappings and sends what each takes. Projects are numbered in the order in which they were made, so that
/// the id of the first tells all.
async fn replay(
    bed: &Bed,
    chain: &Arc<Chain>,
    numbers: std::ops::Range<usize>,
    concurrency: usize,
) -> anyhow::Result<Duration> {
    let (kubernetes, gitlab) = (bed.bare_kubernetes()?, bed.bare_gitlab()?);
    let began = Instant::now();
    list_projects(&gitlab).await?;
    stream::iter(numbers.map(Ok::<_, anyhow::Error>))
        .try_for_each_concurrent(concurrency, |number| {
            let (chain, kubernetes, gitlab) = (chain.clone(), kubernetes.clone(), gitlab.clone());
            async move {
                let created = super::map(bed, number).await?;
                let subject = subject(&created, number, i64::try_from(number)? + 1);
                chain.replay(&subject, &kubernetes, &gitlab).await.with_context(|| subject.mapping.clone())
            }
        })
        .await?;
    Ok(began.elapsed())
}

/// What tells the ids of projects at the least cost: GitLab allows far fewer reads of single projects.
async fn list_projects(gitlab: &Server) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let page = format!("pagination=keyset&order_by=id&sort=asc&per_page=100&id_after={after}");
        let target = format!("/api/v4/projects?membership=true&{page}");
        let (status, body, _) = gitlab.send(&Method::GET, &target, Types::default(), Bytes::new()).await?;
        anyhow::ensure!(status.is_success(), "GET {target}: {status}");
        let projects: Vec<Value> = serde_json::from_slice(&body)?;
        let Some(last) = projects.last() else { return Ok(()) };
        after = last["id"].as_i64().context("a project without id")?;
    }
}

/// The last mapping is as the operator would have left it.
async fn verify(bed: &Bed, number: usize) -> anyhow::Result<()> {
    let mapping = bed.objects("ProjectMapping").get(&mapping_name(number)).await?;
    let conditions = mapping.data["status"]["conditions"].as_array().context("it has no conditions")?;
    anyhow::ensure!(conditions.iter().any(|ready| ready["type"] == "Ready" && ready["status"] == "True"), "not ready");
    let namespaces = mapping.data["status"]["environments"].as_array().map_or(0, Vec::len);
    anyhow::ensure!(namespaces == crate::objects::ENVIRONMENTS.len(), "{namespaces} environments");
    let job = serde_json::json!({"project": format!("{}/{}", crate::objects::GROUP, project_path(number)), "ref": "main",
        "ref_protected": true, "environment": crate::objects::ENVIRONMENTS[0]});
    let seen = bed.gitlab.run_job(job).await?;
    let variables = seen["variables"].as_array().context("a job got no variables")?;
    let value = |key: &str| variables.iter().find(|variable| variable["key"] == key)?["value"].as_str();
    let token = value("KUBE_TOKEN").context("a job got no KUBE_TOKEN")?;
    let namespace = value("KUBE_NAMESPACE").context("a job got no KUBE_NAMESPACE")?;
    let client = bed.control_plane.client_with_token(token);
    let pods = kube::Api::<kube::api::DynamicObject>::namespaced_with(
        client,
        namespace,
        &kube::api::ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk("", "v1", "Pod")),
    );
    pods.list(&kube::api::ListParams::default()).await.context("a job's token opens nothing")?;
    Ok(())
}

/// What all processes have used so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Processes {
    /// kube-apiserver.
    pub api_server: Usage,
    /// etcd.
    pub etcd: Usage,
    /// kube-controller-manager.
    pub controllers: Usage,
    /// The simulated GitLab.
    pub gitlab: Usage,
    /// This program.
    pub client: Usage,
}

impl Processes {
    /// Now.
    pub fn now(bed: &Bed) -> anyhow::Result<Self> {
        Ok(Self {
            api_server: Usage::of(child("kube-apiserver")?)?,
            etcd: Usage::of(child("etcd")?)?,
            controllers: Usage::of(child("kube-controller")?)?,
            gitlab: Usage::of(bed.gitlab.process().context("GitLab has ended")?)?,
            client: Usage::of(std::process::id())?,
        })
    }

    /// The CPU time since `before`, and memory as it is now.
    pub fn since(self, before: &Self) -> Self {
        Self {
            api_server: self.api_server.since(&before.api_server),
            etcd: self.etcd.since(&before.etcd),
            controllers: self.controllers.since(&before.controllers),
            gitlab: self.gitlab.since(&before.gitlab),
            client: self.client.since(&before.client),
        }
    }
}
