//! Lists of groups: all, subgroups, descendants (lib/api/groups.rb).

use super::project_lists::{level_at_least, matches_archived};
use crate::access::level;
use crate::entities::group as entity;
use crate::http::call::Call;
use crate::http::paging::{self, Row};
use crate::http::params::{Fallback, Kind, Param};
use crate::http::refusal::Outcome;
use crate::http::route::{Door, Limit, Route};
use crate::state::groups::{Group, Visibility};

const LIST: &[Param] = &[
    Param::optional("skip_groups", Kind::Integers),
    Param::optional("all_available", Kind::Flag),
    Param::optional("archived", Kind::Flag),
    Param::optional("active", Kind::Flag),
    Param::optional("visibility", Kind::Text).values(Visibility::WORDS),
    Param::optional("search", Kind::Text),
    Param::optional("owned", Kind::Flag),
    Param::optional("order_by", Kind::Text)
        .values(&["name", "path", "id", "similarity"])
        .default(Fallback::Text("name")),
    Param::optional("sort", Kind::Text).values(&["asc", "desc"]).default(Fallback::Text("asc")),
    Param::optional("min_access_level", Kind::Integer).values(level::WORDS),
    Param::optional("top_level_only", Kind::Flag),
    Param::optional("marked_for_deletion_on", Kind::Date),
    Param::optional("statistics", Kind::Flag),
    Param::optional("pagination", Kind::Text).values(&["legacy", "keyset"]),
    Param::optional("cursor", Kind::Text),
];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/groups", list).door(Door::Open).limited(Limit::Groups).params(LIST).paged(),
        Route::get("/groups/:id/subgroups", subgroups).door(Door::Open).params(LIST).paged(),
        Route::get("/groups/:id/descendant_groups", descendants).door(Door::Open).params(LIST).paged(),
    ]
}

fn list(call: &mut Call<'_>) -> Outcome {
    let all = call.params.flag("all_available").unwrap_or(call.is_admin());
    let mine = |group: &Group| call.caller.is_none() || all || is_mine(call, group);
    let top_level = call.params.is_true("top_level_only");
    let groups = call.state.groups.values();
    let found = groups.filter(|group| mine(group) && (!top_level || group.parent.is_none())).collect();
    page(call, found)
}

fn subgroups(call: &mut Call<'_>) -> Outcome {
    let id = call.group()?;
    let found = call.state.groups.values().filter(|group| group.parent == Some(id)).collect();
    page(call, found)
}

fn descendants(call: &mut Call<'_>) -> Outcome {
    let id = call.group()?;
    let below = |group: &&Group| group.id != id && call.state.group_is_within(group.id, id);
    let found = call.state.groups.values().filter(below).collect();
    page(call, found)
}

/// Is the caller a member of it, or of a project below it?
fn is_mine(call: &Call<'_>, group: &Group) -> bool {
    call.level_in_group(group.id) > level::NONE || call.is_member_below(group)
}

fn page(call: &Call<'_>, groups: Vec<&Group>) -> Outcome {
    let order = call.params.text("order_by").unwrap_or("name").to_owned();
    let descending = call.params.text("sort") == Some("desc");
    let key = |group: &Group| match order.as_str() {
        "path" => group.path.to_lowercase(),
        "id" => format!("{:020}", group.id),
        _ => group.name.to_lowercase(),
    };
    let mut rows: Vec<Row<u64>> = groups
        .into_iter()
        .filter(|group| fits(call, group))
        .map(|group| Row { key: key(group), id: group.id, value: group.id })
        .collect();
    // Ties go by id ascending in either direction.
    rows.sort_by(|a, b| {
        let by_key = a.key.cmp(&b.key);
        (if descending { by_key.reverse() } else { by_key }).then(a.id.cmp(&b.id))
    });
    let shape = |call: &Call<'_>, row: &Row<u64>| {
        call.state.groups.get(&row.value).map(|group| entity::group(call.state, group)).unwrap_or_default()
    };
    // An authenticated groups list ignores the wish for keyset pages.
    let keyset = call.params.text("pagination") == Some("keyset") && call.caller.is_none();
    if keyset && order == "name" && !descending {
        return paging::cursor(call, &rows, descending, shape);
    }
    if call.caller.is_none() {
        paging::refuse_far_offset(call, "Group")?;
    }
    paging::offset(call, &rows, shape)
}

fn fits(call: &Call<'_>, group: &Group) -> bool {
    let params = &call.params;
    let skipped = params.integers("skip_groups").iter().any(|id| u64::try_from(*id) == Ok(group.id));
    let own_level = || call.level_in_group(group.id);
    let found = params.present("search").is_none_or(|text| {
        let text = text.to_lowercase();
        group.name.to_lowercase().contains(&text) || group.path.to_lowercase().contains(&text)
    });
    let visibility = params.text("visibility").is_none_or(|word| group.visibility.word() == word);
    let marked = params.date("marked_for_deletion_on").is_none_or(|day| group.marked_for_deletion_on == Some(day));
    !skipped
        && call.sees_group(group)
        && found
        && visibility
        && marked
        && matches_archived(params, call.state.group_is_archived(group.id), call.state.group_is_marked(group.id))
        && (!params.is_true("owned") || own_level() == level::OWNER)
        && level_at_least(params, own_level)
}
