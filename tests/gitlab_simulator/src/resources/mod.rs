//! One module per GitLab resource: its routes, its handlers, its JSON.

use crate::http::route::RouteTable;

pub mod clusters;
pub mod deploy_tokens;
pub mod environments;
pub mod features;
pub mod metadata;
pub mod variables;
pub mod personal_access_tokens;
pub mod user_accounts;
pub mod users;

/// Every endpoint below `/api/v4`.
pub fn table() -> RouteTable {
    let mut routes = Vec::new();
    routes.extend(clusters::routes());
    routes.extend(deploy_tokens::routes());
    routes.extend(environments::routes());
    routes.extend(features::routes());
    routes.extend(metadata::routes());
    routes.extend(variables::routes());
    routes.extend(users::routes());
    routes.extend(user_accounts::routes());
    routes.extend(personal_access_tokens::routes());
    RouteTable::new(routes)
}
