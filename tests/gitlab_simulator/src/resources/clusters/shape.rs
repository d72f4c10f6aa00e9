//! How a cluster is shown (lib/api/entities/cluster.rb, cluster_project.rb, cluster_group.rb). The token never is.

use serde_json::{Value, json};

use crate::entities::{group, joined, project, user};
use crate::state::clusters::Cluster;
use crate::state::owner::Owner;
use crate::state::{State, time};

/// The form of lists and of the instance: without project and group.
pub fn bare(state: &State, cluster: &Cluster) -> Value {
    let management = cluster.management_project.and_then(|id| state.projects.get(&id));
    let cluster_type = match cluster.owner {
        Owner::Instance => "instance_type",
        Owner::Group(_) => "group_type",
        Owner::Project(_) => "project_type",
    };
    json!({
        "id": cluster.id,
        "name": cluster.name,
        "created_at": time(cluster.created_at),
        "domain": cluster.domain,
        "enabled": cluster.enabled,
        "managed": cluster.managed,
        "provider_type": "user",
        "platform_type": "kubernetes",
        "environment_scope": cluster.environment_scope,
        "cluster_type": cluster_type,
        "namespace_per_environment": cluster.namespace_per_environment,
        "user": user::basic_by_id(state, cluster.user_id),
        "platform_kubernetes": {
            "api_url": cluster.platform.api_url,
            "namespace": cluster.platform.namespace,
            "authorization_type": cluster.platform.authorization_type.word(),
            "ca_cert": cluster.platform.ca_cert,
        },
        "provider_gcp": null,
        "management_project": management.map(|found| project::identity(state, found)),
    })
}

/// A single cluster, with the project or group it belongs to.
pub fn shown(state: &State, cluster: &Cluster) -> Value {
    let owner = match cluster.owner {
        Owner::Instance => json!({}),
        Owner::Project(id) => {
            json!({"project": state.projects.get(&id).map(|found| project::basic(state, found))})
        }
        Owner::Group(id) => {
            let found = state.groups.get(&id);
            let shown = found.map(|found| json!({"id": id, "web_url": group::web_url(state, id), "name": found.name}));
            json!({"group": shown})
        }
    };
    joined([bare(state, cluster), owner])
}

/// After a PUT: an instance cluster shows a project, which is null.
pub fn updated(state: &State, cluster: &Cluster) -> Value {
    match cluster.owner {
        Owner::Instance => joined([bare(state, cluster), json!({"project": null})]),
        Owner::Group(_) | Owner::Project(_) => shown(state, cluster),
    }
}
