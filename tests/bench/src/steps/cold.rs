//! The operator, from nothing to all mappings ready.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;

use super::CREATED_AT_ONCE;
use super::floor::Processes;
use super::watching::Mappings;
use crate::audit::{by_resource, by_verb, counted};
use crate::bed::Bed;
use crate::gitlab;
use crate::numbers::Spread;
use crate::objects::mapping_name;
use crate::operator::Operator;
use crate::processes::Usage;
use crate::{Arguments, Programs};

/// The operator has come to rest when it asked for nothing for this long.
const QUIET: Duration = Duration::from_secs(3);
const LIMIT: Duration = Duration::from_secs(900);

/// What the operator needs.
#[derive(Clone, Debug, Serialize)]
pub struct Cold {
    /// Seconds from the first mapping's creation until the last is ready.
    pub seconds: f64,
    /// From a mapping's creation until it is ready.
    pub each: Spread,
    /// Requests to the API server by verb, all of them, until the operator rested.
    pub kubernetes: BTreeMap<String, usize>,
    /// The same by verb and resource.
    pub kubernetes_resources: BTreeMap<String, usize>,
    /// Requests to GitLab by method.
    pub gitlab: BTreeMap<String, usize>,
    /// The same by method and endpoint.
    pub gitlab_endpoints: BTreeMap<String, usize>,
    /// The operator's CPU seconds until it rested, and its memory then.
    pub operator: Usage,
    /// The operator's memory before there was any mapping, in megabytes.
    pub memory_without_mappings: f64,
    /// The other processes, until the operator rested.
    pub others: Processes,
}

/// A cold start, and what goes on after it.
pub struct Started {
    /// What was measured.
    pub cold: Cold,
    /// Where it was measured.
    pub bed: Bed,
    /// The operator, converged.
    pub operator: Operator,
}

/// Measures it.
pub async fn measure(arguments: &Arguments, programs: &Programs) -> anyhow::Result<Started> {
    let (bed, operator) = super::operating(arguments, programs, arguments.mappings).await?;
    let begin = bed.audit.mark().await?;
    bed.audit.quiet(begin, QUIET, LIMIT).await?;
    let mappings = Mappings::follow(bed.objects("ProjectMapping"));
    bed.gitlab.forget_requests().await?;
    let mark = bed.audit.mark().await?;
    let idle = Usage::of(operator.id()?)?;
    let before = Processes::now(&bed)?;

    let began = Instant::now();
    let created: HashMap<String, Instant> = stream::iter(0..arguments.mappings)
        .map(|number| {
            let bed = &bed;
            async move { super::map(bed, number).await.map(|_| (mapping_name(number), Instant::now())) }
        })
        .buffer_unordered(CREATED_AT_ONCE)
        .try_collect()
        .await?;
    let ready = mappings.until_ready(arguments.mappings, LIMIT).await?;
    let end = ready.values().max().copied().unwrap_or(began);
    bed.audit.quiet(mark, QUIET, LIMIT).await?;

    let requests = bed.audit.since(mark)?;
    let asked = bed.gitlab.requests().await?;
    let each = ready.iter().filter_map(|(name, at)| Some(at.saturating_duration_since(*created.get(name)?))).collect();
    let cold = Cold {
        seconds: end.duration_since(began).as_secs_f64(),
        each: Spread::of(each),
        kubernetes: by_verb(&requests),
        kubernetes_resources: by_resource(&requests),
        gitlab: counted(asked.iter().map(|request| request.method.clone())),
        gitlab_endpoints: counted(asked.iter().map(endpoint)),
        operator: Usage::of(operator.id()?)?.since(&idle),
        memory_without_mappings: idle.memory,
        others: Processes::now(&bed)?.since(&before),
    };
    Ok(Started { cold, bed, operator })
}

/// A request with placeholders instead of ids and names, and with its status unless that is a success.
fn endpoint(request: &gitlab::Request) -> String {
    let path = request.path.split('?').next().unwrap_or_default();
    let segments: Vec<_> = path.split('/').skip(3).collect();
    let general = segments.iter().enumerate().map(|(index, segment)| {
        let after = |name: &str| index > 0 && segments[index - 1] == name;
        if after("variables") {
            ":key"
        } else if segment.contains('%') || segment.parse::<u64>().is_ok() {
            ":id"
        } else {
            segment
        }
    });
    let path = general.collect::<Vec<_>>().join("/");
    match request.status {
        Some(status) if !(200..300).contains(&status) => format!("{} {path} {status}", request.method),
        _ => format!("{} {path}", request.method),
    }
}
