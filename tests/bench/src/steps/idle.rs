//! A converged operator that has nothing to do.

use std::time::Duration;

use serde::Serialize;

use crate::Arguments;
use crate::audit::by_resource;
use crate::bed::Bed;
use crate::operator::Operator;
use crate::processes::Usage;

/// What doing nothing costs.
#[derive(Clone, Debug, Serialize)]
pub struct Idle {
    /// Real seconds.
    pub seconds: u64,
    /// The operator's CPU seconds in them, and its memory at the end.
    pub operator: Usage,
    /// Reads and watches, by verb and resource.
    pub kubernetes: std::collections::BTreeMap<String, usize>,
    /// Writes to the API server.
    pub kubernetes_writes: usize,
    /// Requests to GitLab.
    pub gitlab: usize,
    /// Writes to GitLab.
    pub gitlab_writes: usize,
}

/// Measures it.
pub async fn measure(arguments: &Arguments, bed: &Bed, operator: &Operator) -> anyhow::Result<Idle> {
    bed.gitlab.forget_requests().await?;
    let mark = bed.audit.mark().await?;
    let before = Usage::of(operator.id()?)?;
    tokio::time::sleep(Duration::from_secs(arguments.idle)).await;
    let requests = bed.audit.since(mark)?;
    let asked = bed.gitlab.requests().await?;
    Ok(Idle {
        seconds: arguments.idle,
        operator: Usage::of(operator.id()?)?.since(&before),
        kubernetes: by_resource(&requests),
        kubernetes_writes: requests.iter().filter(|request| request.is_write()).count(),
        gitlab: asked.len(),
        gitlab_writes: asked.iter().filter(|request| request.method != "GET").count(),
    })
}
