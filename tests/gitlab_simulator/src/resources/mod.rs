//! One module per GitLab resource: its routes, its handlers, its JSON.

use crate::http::route::RouteTable;

pub mod deploy_tokens;
pub mod metadata;

/// Every endpoint below `/api/v4`.
pub fn table() -> RouteTable {
    let mut routes = Vec::new();
    routes.extend(deploy_tokens::routes());
    routes.extend(metadata::routes());
    RouteTable::new(routes)
}
