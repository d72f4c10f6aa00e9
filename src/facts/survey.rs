//! The projects of an instance in bulk. GitLab allows far fewer reads of single projects (400 a minute) than there may be
//! mappings, so that facts which only need refreshing come from listings.

use std::collections::BTreeMap;

use kube::ResourceExt as _;

use crate::{
    api::names,
    context::Context,
    declared::Instance,
    gitlab::{Client, Error},
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
