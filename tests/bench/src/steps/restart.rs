//! The operator started again with everything converged, against a bare paged list of the same kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use futures::future::try_join_all;
use http::Method;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::audit::{by_resource, by_verb};
use crate::bare::{Server, Types};
use crate::bed::Bed;
use crate::operator::Operator;
use crate::processes::Usage;
use crate::recorder::{Exchange, Side};
use crate::{Arguments, Programs};

/// The operator has come to rest when it asked for nothing for this long.
const QUIET: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(300);
/// How many objects a page of the bare list has: what `kubectl` asks for.
const PAGE: usize = 500;

/// What a restart costs.
#[derive(Clone, Debug, Serialize)]
pub struct Restart {
    /// Seconds from the start of the process until its last request was answered.
    pub seconds: f64,
    /// Seconds from the start of the process until `/readyz` says so.
    pub ready_seconds: f64,
    /// Seconds of a bare paged list of the same kinds, all at once.
    pub list_seconds: f64,
    /// Objects in that list.
    pub listed: usize,
    /// Requests to the API server by verb.
    pub kubernetes: BTreeMap<String, usize>,
    /// The same by verb and resource.
    pub kubernetes_resources: BTreeMap<String, usize>,
    /// Writes to the API server.
    pub kubernetes_writes: usize,
    /// Requests to GitLab.
    pub gitlab: usize,
    /// Writes to GitLab.
    pub gitlab_writes: usize,
    /// The operator's process since its start.
    pub operator: Usage,
}

/// What the operator lists or watches across the cluster.
#[derive(Clone, Debug, Default)]
pub struct Lists(BTreeSet<List>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct List {
    target: String,
    accept: String,
}

impl Lists {
    /// Learns them from the start of an operator.
    pub fn learn(exchanges: &[Exchange]) -> Self {
        let asked =
            exchanges.iter().filter(|exchange| exchange.side == Side::Kubernetes && exchange.method == Method::GET);
        Self(asked.filter_map(List::learn).collect())
    }

    /// Reads all of it, all kinds at once; gives how many objects there were.
    async fn read(&self, server: &Server) -> anyhow::Result<usize> {
        Ok(try_join_all(self.0.iter().map(|list| list.read(server))).await?.iter().sum())
    }
}

impl List {
    fn learn(exchange: &Exchange) -> Option<Self> {
        let (path, query) = exchange.target.split_once('?')?;
        let parameters: Vec<_> = query.split('&').filter(|parameter| !parameter.is_empty()).collect();
        let is = |names: &[&str], parameter: &&str| names.iter().any(|name| parameter.starts_with(name));
        let is_page = parameters.iter().any(|parameter| is(&["limit=", "watch="], parameter));
        // A list of one is a question whether a kind exists.
        if !is_page || path.contains("/leases") || parameters.contains(&"limit=1") {
            return None;
        }
        let selectors: Vec<_> =
            parameters.into_iter().filter(|parameter| is(&["labelSelector=", "fieldSelector="], parameter)).collect();
        let accept = exchange.accept.clone().unwrap_or_else(|| "application/json".to_owned());
        let accept = accept.replace("as=PartialObjectMetadata;", "as=PartialObjectMetadataList;");
        let target = [format!("{path}?limit={PAGE}")].into_iter().chain(selectors.into_iter().map(str::to_owned));
        Some(Self { target: target.collect::<Vec<_>>().join("&"), accept })
    }

    async fn read(&self, server: &Server) -> anyhow::Result<usize> {
        let (mut count, mut further) = (0, String::new());
        loop {
            let target = format!("{}{further}", self.target);
            let types = Types { content: None, accept: Some(&self.accept) };
            let (status, body, _) = server.send(&Method::GET, &target, types, Bytes::new()).await?;
            if !status.is_success() {
                bail!("GET {target}: {status}: {}", String::from_utf8_lossy(&body));
            }
            let page: Value = serde_json::from_slice(&body)?;
            count += page["items"].as_array().map_or(0, Vec::len);
            match page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => further = format!("&continue={token}"),
                None => return Ok(count),
            }
        }
    }
}

/// Measures it; gives the operator that runs then.
pub async fn measure(
    arguments: &Arguments,
    programs: &Programs,
    bed: &Bed,
    operator: Operator,
    lists: &Lists,
) -> anyhow::Result<(Restart, Operator)> {
    operator.stop().await?;
    let server = bed.bare_kubernetes()?;
    // The first makes the connections and warms the API server's caches for both.
    lists.read(&server).await?;
    let began = Instant::now();
    let listed = lists.read(&server).await?;
    let list_seconds = began.elapsed().as_secs_f64();

    bed.gitlab.forget_requests().await?;
    let mark = bed.audit.mark().await?;
    let began = Timestamp::now();
    let api_server = bed.control_plane.server_url().to_owned();
    let operator = Operator::start(&programs.operator, arguments, bed, &api_server).await?;
    let ready_seconds = operator.started.elapsed().as_secs_f64();
    let last = bed.audit.quiet(mark, QUIET, LIMIT).await?.context("the operator asked for nothing")?;
    let requests = bed.audit.since(mark)?;
    let asked = bed.gitlab.requests().await?;
    let restart = Restart {
        seconds: last.duration_since(began).as_secs_f64(),
        ready_seconds,
        list_seconds,
        listed,
        kubernetes: by_verb(&requests),
        kubernetes_resources: by_resource(&requests),
        kubernetes_writes: requests.iter().filter(|request| request.is_write()).count(),
        gitlab: asked.len(),
        gitlab_writes: asked.iter().filter(|request| request.method != "GET").count(),
        operator: Usage::of(operator.id()?)?,
    };
    Ok((restart, operator))
}
