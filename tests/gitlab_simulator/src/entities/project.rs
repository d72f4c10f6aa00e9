//! Projects: identity, basic form, full form.

use serde_json::{Value, json};

use super::{group, joined, user};
use crate::state::projects::{FeatureAccess, Namespace, Project};
use crate::state::{State, time};

/// What other objects say of a project (`ProjectIdentity`).
pub fn identity(state: &State, project: &Project) -> Value {
    json!({
        "id": project.id,
        "description": project.description,
        "name": project.name,
        "name_with_namespace": name_with_namespace(state, project),
        "path": project.path,
        "path_with_namespace": state.project_full_path(project),
        "created_at": time(project.created_at),
    })
}

/// The basic form (`BasicProjectDetails`): `simple=true`, anonymous callers, environments, clusters.
pub fn basic(state: &State, project: &Project) -> Value {
    let path = state.project_full_path(project);
    let host = state.base_url.split_once("://").map_or(state.base_url.as_str(), |(_, host)| host);
    let host = host.split(':').next().unwrap_or(host);
    let more = json!({
        "default_branch": project.default_branch,
        "tag_list": project.topics,
        "topics": project.topics,
        "ssh_url_to_repo": format!("git@{host}:{path}.git"),
        "http_url_to_repo": format!("{}/{path}.git", state.base_url),
        "web_url": format!("{}/{path}", state.base_url),
        "readme_url": null,
        "forks_count": 0,
        "avatar_url": null,
        "star_count": 0,
        "last_activity_at": time(project.last_activity_at),
        "visibility": project.visibility.word(),
        "namespace": namespace(state, project.namespace),
    });
    joined([identity(state, project), more])
}

/// The full form, without `permissions`.
pub fn full(state: &State, project: &Project) -> Value {
    joined([
        basic(state, project),
        links(state, project),
        standing(state, project),
        switches(project),
        features(project),
        history(project),
        pipelines(project),
        merge_requests(),
        json!({"shared_with_groups": group::shares(state, &project.shares)}),
    ])
}

/// The caller's direct and group level, as the full form of one caller's project shows it.
pub fn permissions(direct: Option<u8>, through_group: Option<u8>) -> Value {
    let access = |level: Option<u8>| level.map(|level| json!({"access_level": level, "notification_level": 3}));
    json!({"permissions": {"project_access": access(direct), "group_access": access(through_group)}})
}

/// A project's namespace: a group, or a user's own.
pub fn namespace(state: &State, namespace: Namespace) -> Value {
    match namespace {
        Namespace::Group(id) => {
            let Some(group) = state.groups.get(&id) else { return Value::Null };
            json!({
                "id": group.id, "name": group.name, "path": group.path, "kind": "group",
                "full_path": state.group_full_path(id), "parent_id": group.parent, "avatar_url": null,
                "web_url": group::web_url(state, id),
            })
        }
        Namespace::User(id) => {
            let Some(user) = state.users.get(id) else { return Value::Null };
            json!({
                "id": user.namespace_id, "name": user.name, "path": user.username, "kind": "user",
                "full_path": user.username, "parent_id": null, "avatar_url": null,
                "web_url": format!("{}/{}", state.base_url, user.username),
            })
        }
    }
}

fn name_with_namespace(state: &State, project: &Project) -> String {
    let above = match project.namespace {
        Namespace::Group(id) => state.group_full_name(id),
        Namespace::User(id) => state.users.get(id).map(|user| user.name.clone()).unwrap_or_default(),
    };
    format!("{above} / {}", project.name)
}

fn links(state: &State, project: &Project) -> Value {
    let own = format!("{}/api/v4/projects/{}", state.base_url, project.id);
    json!({
        "container_registry_image_prefix": format!("registry.{}", state.project_full_path(project)),
        "_links": {
            "self": own,
            "issues": format!("{own}/issues"),
            "merge_requests": format!("{own}/merge_requests"),
            "repo_branches": format!("{own}/repository/branches"),
            "labels": format!("{own}/labels"),
            "events": format!("{own}/events"),
            "members": format!("{own}/members"),
            "cluster_agents": format!("{own}/cluster_agents"),
        },
    })
}

/// The mark of deletion is the project's own: below a marked group it stays null.
fn standing(state: &State, project: &Project) -> Value {
    let marked = project.marked_for_deletion_on.map(|day| day.to_string());
    let mut shape = json!({
        "marked_for_deletion_at": marked,
        "marked_for_deletion_on": marked,
        "packages_enabled": true,
        "empty_repo": project.empty_repository,
        "archived": state.project_is_archived(project),
    });
    if let Namespace::User(id) = project.namespace {
        shape["owner"] = user::basic_by_id(state, id);
    }
    shape
}

fn switches(project: &Project) -> Value {
    json!({
        "resolve_outdated_diff_discussions": false,
        "repository_object_format": "sha1",
        "issues_enabled": true,
        "merge_requests_enabled": true,
        "wiki_enabled": true,
        "jobs_enabled": project.features.builds != FeatureAccess::Disabled,
        "snippets_enabled": true,
        "container_registry_enabled": true,
        "service_desk_enabled": false,
        "can_create_merge_request_in": true,
    })
}

fn features(project: &Project) -> Value {
    json!({
        "issues_access_level": "enabled",
        "repository_access_level": project.features.repository.word(),
        "merge_requests_access_level": "enabled",
        "forking_access_level": "enabled",
        "wiki_access_level": "enabled",
        "builds_access_level": project.features.builds.word(),
        "snippets_access_level": "enabled",
        "pages_access_level": "private",
        "analytics_access_level": "enabled",
        "container_registry_access_level": "enabled",
        "security_and_compliance_access_level": "private",
        "releases_access_level": "enabled",
        "environments_access_level": project.features.environments.word(),
        "feature_flags_access_level": "enabled",
        "infrastructure_access_level": project.features.infrastructure.word(),
        "monitor_access_level": "enabled",
        "model_experiments_access_level": "enabled",
        "model_registry_access_level": "enabled",
        "package_registry_access_level": "enabled",
    })
}

fn history(project: &Project) -> Value {
    json!({
        "emails_disabled": false,
        "emails_enabled": true,
        "show_diff_preview_in_email": true,
        "shared_runners_enabled": true,
        "lfs_enabled": true,
        "creator_id": project.creator_id,
        "import_url": null,
        "import_type": null,
        "import_status": "none",
        "import_error": null,
        "open_issues_count": 0,
        "description_html": "",
        "updated_at": time(project.updated_at),
    })
}

fn pipelines(project: &Project) -> Value {
    json!({
        "ci_default_git_depth": 20,
        "ci_delete_pipelines_in_seconds": null,
        "ci_forward_deployment_enabled": true,
        "ci_forward_deployment_rollback_allowed": true,
        "ci_job_token_scope_enabled": false,
        "ci_separated_caches": true,
        "ci_allow_fork_pipelines_to_run_in_parent_project": true,
        "ci_id_token_sub_claim_components": ["project_path", "ref_type", "ref"],
        "build_git_strategy": "fetch",
        "keep_latest_artifact": true,
        "restrict_user_defined_variables": false,
        "ci_pipeline_variables_minimum_override_role": "developer",
        "runner_token_expiration_interval": null,
        "group_runners_enabled": true,
        "resource_group_default_process_mode": "unordered",
        "auto_cancel_pending_pipelines": "enabled",
        "build_timeout": 3600,
        "auto_devops_enabled": false,
        "auto_devops_deploy_strategy": "continuous",
        "ci_push_repository_for_job_token_allowed": false,
        "ci_config_path": project.ci_config_path,
        "public_jobs": true,
    })
}

fn merge_requests() -> Value {
    json!({
        "only_allow_merge_if_pipeline_succeeds": false,
        "allow_merge_on_skipped_pipeline": null,
        "request_access_enabled": true,
        "only_allow_merge_if_all_discussions_are_resolved": false,
        "remove_source_branch_after_merge": true,
        "printing_merge_request_link_enabled": true,
        "merge_method": "merge",
        "squash_option": "default_off",
        "enforce_auth_checks_on_uploads": true,
        "suggestion_commit_message": null,
        "merge_commit_template": null,
        "squash_commit_template": null,
        "issue_branch_template": null,
        "warn_about_potentially_unwanted_characters": true,
        "autoclose_referenced_issues": true,
        "max_artifacts_size": null,
    })
}
