//! The projects of an instance in bulk. GitLab allows far fewer reads of single projects (400 a minute) than there may be
//! mappings, so that facts which only need refreshing come from listings, and so do many new projects at once.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::{
    api::names,
    context::Context,
    declared::Instance,
    gitlab::{Client, Error, Project},
};

/// Below this number single reads are cheaper than a listing of all projects that the token's user is a member of.
const FEW: usize = 10;
/// A survey reads at most this many pages of 100 projects; what lies behind is read singly.
const PAGES: usize = 200;

/// Reads the mapped projects of an instance in bulk when that is due; each mapping finds them at its next pass. A project
/// that is missing from the listing says nothing: it is read by id when its own time comes.
///
/// # Errors
/// When the listing is not complete; what was read so far counts.
pub async fn survey(context: &Context, instance: &Instance, client: &Client) -> Result<(), Error> {
    let mut mapped: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for mapping in context.declarations.mappings_of_instance(&instance.name) {
        if let Some(id) = mapping.annotations().get(names::PROJECT_ID).and_then(|id| id.parse().ok()) {
            mapped.entry(id).or_default().push(mapping.name_any());
        }
    }
    let now = context.clock.now();
    let refresh = context.settings.project_refresh;
    let (Some(first), Some(last)) = (mapped.keys().next().copied(), mapped.keys().next_back().copied()) else {
        return Ok(());
    };
    let next = now.checked_add(refresh / 2).unwrap_or(now);
    if mapped.len() < FEW || !context.memory.survey_is_due(&instance.name, now, next) {
        return Ok(());
    }
    // Later than the next survey, so that single reads are left to projects that no survey finds.
    let due = now.checked_add(refresh + refresh / 2).unwrap_or(now);
    let mut after = first - 1;
    for _ in 0..PAGES {
        let page = client.projects_page(after).await?;
        let Some(end) = page.last().map(|project| project.id) else { break };
        for project in page {
            for mapping in mapped.get(&project.id).into_iter().flatten() {
                context.memory.update_mapping(mapping, |memory| {
                    memory.project = Some(project.clone());
                    memory.project_due = Some(due);
                });
            }
        }
        if end >= last {
            break;
        }
        after = end;
    }
    Ok(())
}

/// How long a listing is believed about the path of a project that no mapping has recorded yet.
const BELIEVED: Duration = Duration::from_secs(30);
/// A page of a listing is worth it when it saves this many single reads.
const WORTH: usize = 4;

/// Projects that were found in bulk for mappings which do not know theirs yet.
#[derive(Debug, Default)]
pub struct Arrivals {
    found: HashMap<String, Project>,
    absent: HashSet<String>,
    believed_until: Option<Timestamp>,
    /// Pages that the last listing had.
    pages: usize,
}

impl Arrivals {
    /// What is known of a path: a project, or that the listing lacks it. `None` when no listing was asked.
    fn known(&self, path: &str) -> Option<Option<&Project>> {
        self.found.get(path).map(Some).or_else(|| self.absent.contains(path).then_some(None))
    }

    fn forget_old(&mut self, now: Timestamp) {
        if self.believed_until.is_some_and(|until| now >= until) {
            *self = Self { pages: self.pages, ..Self::default() };
        }
    }
}

/// Finds a project by its path while many mappings of the instance wait for theirs: one listing tells of all of them.
/// `None` says nothing about the project: it is read by its path then.
pub async fn arrival(context: &Context, instance: &str, client: &Client, path: &str) -> Option<Project> {
    let slot = context.memory.arrivals(instance);
    let mut arrivals = slot.lock().await;
    let now = context.clock.now();
    arrivals.forget_old(now);
    if let Some(known) = arrivals.known(path) {
        return known.cloned();
    }
    let mut waiting = waiting(context, instance);
    waiting.retain(|path| arrivals.known(path).is_none());
    if waiting.len() < FEW.max(WORTH * arrivals.pages) || !waiting.contains(path) {
        return None;
    }
    if let Err(error) = list_arrivals(client, &mut waiting, &mut arrivals).await {
        tracing::debug!(instance, %error, "could not list the instance's projects; they are read one by one");
    }
    arrivals.absent.extend(waiting);
    arrivals.believed_until = now.checked_add(BELIEVED).ok();
    arrivals.found.get(path).cloned()
}

/// The paths of projects whose mappings have not recorded an id.
fn waiting(context: &Context, instance: &str) -> HashSet<String> {
    let mappings = context.declarations.mappings_of_instance(instance);
    let new = mappings.iter().filter(|mapping| !mapping.annotations().contains_key(names::PROJECT_ID));
    new.filter_map(|mapping| mapping.spec.project.path.clone()).collect()
}

/// Takes what it finds out of `waiting`. A listing that becomes longer than it is worth is left.
async fn list_arrivals(client: &Client, waiting: &mut HashSet<String>, arrivals: &mut Arrivals) -> Result<(), Error> {
    let most = waiting.len();
    let mut after = 0;
    arrivals.pages = 0;
    while !waiting.is_empty() && arrivals.pages < most {
        arrivals.pages += 1;
        let page = client.projects_page(after).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for project in page {
            if waiting.remove(&project.path_with_namespace) {
                arrivals.found.insert(project.path_with_namespace.clone(), project);
            }
        }
    }
    Ok(())
}
