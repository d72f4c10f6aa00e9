//! One mapping changed among many: it gets a third environment.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde_json::json;

use super::watching::Mappings;
use crate::Arguments;
use crate::bed::Bed;
use crate::numbers::Spread;
use crate::objects::{ENVIRONMENTS, mapping_name};

/// Every so many repairs there is one change: it takes longer.
const RARER: usize = 5;
const LIMIT: Duration = Duration::from_secs(60);

/// How long a change takes.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// From sending the change until the mapping is ready again, its new namespace and credentials included.
    pub each: Spread,
}

/// Measures it, one after the other.
pub async fn measure(arguments: &Arguments, bed: &Bed) -> anyhow::Result<Change> {
    let api = bed.objects("ProjectMapping");
    let mappings = Mappings::follow(api.clone());
    mappings.until_ready(arguments.mappings, LIMIT).await?;
    let environments: Vec<_> = ENVIRONMENTS.into_iter().chain(["review"]).map(|name| json!({"name": name})).collect();
    let patch = Patch::Merge(json!({"spec": {"environments": environments}}));
    let mut durations = Vec::new();
    for number in spread_over(arguments.mappings, arguments.repairs.div_ceil(RARER)) {
        let name = mapping_name(number);
        let began = Instant::now();
        let changed = api.patch(&name, &PatchParams::default(), &patch).await?;
        let generation = changed.metadata.generation.context("a mapping without generation")?;
        let ready = mappings.until_generation(&name, generation, LIMIT).await?;
        durations.push(ready.saturating_duration_since(began));
    }
    Ok(Change { each: Spread::of(durations) })
}

/// Some of many numbers, evenly.
pub fn spread_over(all: usize, some: usize) -> impl Iterator<Item = usize> {
    let some = some.min(all);
    (0..some).map(move |index| index * all / some)
}
