//! Lists of projects: all, and those below a group (lib/api/projects.rb, lib/api/groups.rb).

use http::StatusCode;
use serde_json::Value;

use crate::access::level;
use crate::entities::{extend, project as entity};
use crate::http::call::Call;
use crate::http::paging::{self, Row};
use crate::http::params::{Fallback, Kind, Param, Params};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Limit, Route};
use crate::state::groups::Visibility;
use crate::state::members::Source;
use crate::state::projects::{Namespace, Project};
use crate::state::time;

const ORDERS: &[&str] = &[
    "id",
    "name",
    "path",
    "created_at",
    "updated_at",
    "last_activity_at",
    "similarity",
    "star_count",
    "storage_size",
    "repository_size",
    "wiki_size",
    "packages_size",
];

const FILTERS: &[Param] = &[
    Param::optional("order_by", Kind::Text).values(ORDERS).default(Fallback::Text("created_at")),
    Param::optional("sort", Kind::Text).values(&["asc", "desc"]).default(Fallback::Text("desc")),
    Param::optional("archived", Kind::Flag),
    Param::optional("active", Kind::Flag),
    Param::optional("visibility", Kind::Text).values(Visibility::WORDS),
    Param::optional("search", Kind::Text),
    Param::optional("owned", Kind::Flag),
    Param::optional("starred", Kind::Flag),
    Param::optional("with_issues_enabled", Kind::Flag),
    Param::optional("with_merge_requests_enabled", Kind::Flag),
    Param::optional("min_access_level", Kind::Integer).values(level::WORDS),
    Param::optional("simple", Kind::Flag),
];

const OF_INSTANCE: &[Param] = &[
    Param::optional("search_namespaces", Kind::Flag),
    Param::optional("imported", Kind::Flag),
    Param::optional("membership", Kind::Flag),
    Param::optional("with_programming_language", Kind::Text),
    Param::optional("id_after", Kind::Integer),
    Param::optional("id_before", Kind::Integer),
    Param::optional("last_activity_after", Kind::Time),
    Param::optional("last_activity_before", Kind::Time),
    Param::optional("updated_after", Kind::Time),
    Param::optional("updated_before", Kind::Time),
    Param::optional("topic", Kind::Texts),
    Param::optional("marked_for_deletion_on", Kind::Date),
    Param::optional("statistics", Kind::Flag),
    Param::optional("pagination", Kind::Text).values(&["legacy", "keyset"]),
];

const OF_GROUP: &[Param] = &[
    Param::optional("with_shared", Kind::Flag).default(Fallback::Flag(true)),
    Param::optional("include_subgroups", Kind::Flag).default(Fallback::Flag(false)),
    Param::optional("include_ancestor_groups", Kind::Flag).default(Fallback::Flag(false)),
];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/projects", list)
            .door(Door::Open)
            .limited(Limit::Projects)
            .params(FILTERS)
            .params(OF_INSTANCE)
            .paged(),
        Route::get("/groups/:id/projects", list_of_group)
            .door(Door::Open)
            .limited(Limit::GroupProjects)
            .params(FILTERS)
            .params(OF_GROUP)
            .paged(),
    ]
}

fn list(call: &mut Call<'_>) -> Outcome {
    let by_update = call.params.text("order_by") == Some("updated_at");
    let of_update = call.params.has("updated_after") || call.params.has("updated_before");
    if of_update && !by_update {
        return Err(Refusal::bad_request("`updated_at` filter and `updated_at` sorting must be paired"));
    }
    let found: Vec<u64> = call
        .state
        .projects
        .values()
        .filter(|project| fits(call, project) && fits_instance(call, project))
        .map(|project| project.id)
        .collect();
    if call.params.text("pagination") == Some("keyset") {
        return keyset(call, found);
    }
    let simple = call.params.is_true("simple") || call.caller.is_none();
    page(
        call,
        found,
        move |call, project| if simple { entity::basic(call.state, project) } else { with_permissions(call, project) },
    )
}

fn keyset(call: &Call<'_>, mut ids: Vec<u64>) -> Outcome {
    if call.params.text("order_by") != Some("id") {
        let reason = "Keyset pagination is not yet available for this type of request";
        return Err(Refusal::error(StatusCode::METHOD_NOT_ALLOWED, reason));
    }
    let descending = call.params.text("sort") != Some("asc");
    if descending {
        ids.reverse();
    }
    let simple = call.params.is_true("simple") || call.caller.is_none();
    paging::keyset_by_id(call, &ids, descending, |call, id| match call.state.projects.get(id) {
        Some(project) if simple => entity::basic(call.state, project),
        Some(project) => with_permissions(call, project),
        None => Value::Null,
    })
}

fn list_of_group(call: &mut Call<'_>) -> Outcome {
    let id = call.group()?;
    let (subgroups, ancestors) =
        (call.params.is_true("include_subgroups"), call.params.is_true("include_ancestor_groups"));
    let shared = if call.params.is_true("with_shared") { shared_with(call, id) } else { Vec::new() };
    let within = |project: &Project| {
        let Namespace::Group(group) = project.namespace else { return false };
        group == id
            || (subgroups && call.state.group_is_within(group, id))
            || (ancestors && call.state.group_is_within(id, group))
    };
    let chosen = |project: &&Project| (within(project) || shared.contains(&project.id)) && fits(call, project);
    let found = call.state.projects.values().filter(chosen).map(|project| project.id).collect();
    let simple = call.params.is_true("simple") || call.caller.is_none();
    page(
        call,
        found,
        move |call, project| {
            if simple { entity::basic(call.state, project) } else { entity::full(call.state, project) }
        },
    )
}

/// The visible projects that invited this group.
pub fn shared_with(call: &Call<'_>, group: u64) -> Vec<u64> {
    let invited = |project: &&Project| project.shares.iter().any(|share| share.group_id == group);
    let projects = call.state.projects.values().filter(invited).filter(|project| call.sees_project(project));
    projects.map(|project| project.id).collect()
}

/// The full form with the caller's rights.
pub fn with_permissions(call: &Call<'_>, project: &Project) -> Value {
    let mut shape = entity::full(call.state, project);
    let user = call.caller.map(|caller| caller.user);
    let mut members = call.state.direct_members(Source::Project(project.id), call.now);
    let direct = members.find(|member| Some(member.user_id) == user).map(|member| member.access_level);
    let through_group = match project.namespace {
        Namespace::Group(group) => Some(call.level_in_group(group)).filter(|level| *level > level::NONE),
        Namespace::User(_) => None,
    };
    extend(&mut shape, entity::permissions(direct, through_group));
    shape
}

fn page(call: &Call<'_>, ids: Vec<u64>, shape: impl Fn(&Call<'_>, &Project) -> Value) -> Outcome {
    let order = call.params.text("order_by").unwrap_or("created_at");
    let descending = call.params.text("sort") != Some("asc");
    let key = |project: &Project| match order {
        "name" => project.name.to_lowercase(),
        "path" => project.path.to_lowercase(),
        "updated_at" => time(project.updated_at),
        "last_activity_at" => time(project.last_activity_at),
        _ => format!("{:020}", project.id),
    };
    let projects = ids.iter().filter_map(|id| call.state.projects.get(id));
    let mut rows: Vec<Row<u64>> =
        projects.map(|project| Row { key: key(project), id: project.id, value: project.id }).collect();
    paging::sort(&mut rows, descending);
    paging::offset(call, &rows, |call, row| {
        call.state.projects.get(&row.value).map(|project| shape(call, project)).unwrap_or_default()
    })
}

fn fits(call: &Call<'_>, project: &Project) -> bool {
    let params = &call.params;
    let archived = call.state.project_is_archived(project);
    let found = params.present("search").is_none_or(|text| is_found(call, project, text));
    let visibility = params.text("visibility").is_none_or(|word| project.visibility.word() == word);
    call.sees_project(project)
        && found
        && visibility
        && !params.is_true("starred")
        && matches_archived(params, archived, call.state.project_is_marked(project))
        && (!params.is_true("owned") || call.level_in_project(project) == level::OWNER)
        && level_at_least(params, || call.level_in_project(project))
}

fn fits_instance(call: &Call<'_>, project: &Project) -> bool {
    let params = &call.params;
    let id = i64::try_from(project.id).unwrap_or(i64::MAX);
    let between = |at, after: &str, before: &str| {
        params.time(after).is_none_or(|after| at > after) && params.time(before).is_none_or(|before| at < before)
    };
    let topics = params.texts("topic");
    params.integer("id_after").is_none_or(|after| id > after)
        && params.integer("id_before").is_none_or(|before| id < before)
        && between(project.last_activity_at, "last_activity_after", "last_activity_before")
        && between(project.updated_at, "updated_after", "updated_before")
        && topics.iter().all(|topic| project.topics.iter().any(|own| own.eq_ignore_ascii_case(topic)))
        && params.date("marked_for_deletion_on").is_none_or(|day| project.marked_for_deletion_on == Some(day))
        && !params.is_true("imported")
        && params.present("with_programming_language").is_none()
        && (!params.is_true("membership") || call.level_in_project(project) > level::NONE)
}

fn is_found(call: &Call<'_>, project: &Project, text: &str) -> bool {
    let text = text.to_lowercase();
    let own = [project.name.as_str(), project.path.as_str(), project.description.as_deref().unwrap_or_default()];
    own.iter().any(|own| own.to_lowercase().contains(&text))
        || (call.params.is_true("search_namespaces")
            && call.state.project_full_path(project).to_lowercase().contains(&text))
}

/// The filters `archived` and `active` (neither archived nor marked for deletion), of groups and projects.
pub fn matches_archived(params: &Params, archived: bool, marked: bool) -> bool {
    let active = !archived && !marked;
    params.flag("archived").is_none_or(|wanted| wanted == archived)
        && params.flag("active").is_none_or(|wanted| wanted == active)
}

/// The filter `min_access_level`: the caller's own level.
pub fn level_at_least(params: &Params, own: impl Fn() -> u8) -> bool {
    params.integer("min_access_level").is_none_or(|wanted| i64::from(own()) >= wanted)
}
