//! One module per GitLab resource: its routes, its handlers, its JSON.

use crate::http::route::RouteTable;

pub mod access_tokens;
pub mod clusters;
pub mod deploy_tokens;
pub mod environments;
pub mod features;
pub mod group_lifecycle;
pub mod group_lists;
pub mod groups;
pub mod member_changes;
pub mod members;
pub mod metadata;
mod path_rules;
pub mod personal_access_tokens;
pub mod project_lifecycle;
pub mod project_lists;
pub mod projects;
pub mod settings;
pub mod shares;
pub mod user_accounts;
pub mod users;
pub mod variables;

/// Every endpoint below `/api/v4`.
pub fn table() -> RouteTable {
    let mut routes = Vec::new();
    routes.extend(clusters::routes());
    routes.extend(access_tokens::routes());
    routes.extend(deploy_tokens::routes());
    routes.extend(environments::routes());
    routes.extend(features::routes());
    routes.extend(metadata::routes());
    routes.extend(variables::routes());
    routes.extend(users::routes());
    routes.extend(user_accounts::routes());
    routes.extend(personal_access_tokens::routes());
    routes.extend(groups::routes());
    routes.extend(group_lists::routes());
    routes.extend(group_lifecycle::routes());
    routes.extend(projects::routes());
    routes.extend(project_lists::routes());
    routes.extend(project_lifecycle::routes());
    routes.extend(settings::routes());
    routes.extend(shares::routes());
    routes.extend(members::routes());
    routes.extend(member_changes::routes());
    RouteTable::new(routes)
}
