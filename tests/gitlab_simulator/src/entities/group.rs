//! Groups.

use serde_json::{Value, json};

use super::joined;
use crate::state::groups::Group;
use crate::state::members::Share;
use crate::state::{State, time};

/// A group as lists show it.
pub fn group(state: &State, group: &Group) -> Value {
    joined([identity(state, group), settings(), place(state, group)])
}

/// One group: lists' form and what it is shared with.
pub fn detail(state: &State, shown: &Group) -> Value {
    let more = json!({
        "shared_with_groups": shares(state, &shown.shares),
        "runners_token": null,
        "enabled_git_access_protocol": "",
        "prevent_sharing_groups_outside_hierarchy": false,
    });
    joined([group(state, shown), more])
}

/// The groups that a group or project is shared with.
pub fn shares(state: &State, shares: &[Share]) -> Value {
    let shape = |share: &Share| {
        let name = state.groups.get(&share.group_id).map(|group| group.name.clone());
        json!({
            "group_id": share.group_id,
            "group_name": name,
            "group_full_path": state.group_full_path(share.group_id),
            "group_access_level": share.access_level,
            "expires_at": share.expires_at.map(|day| day.to_string()),
        })
    };
    shares.iter().map(shape).collect()
}

fn identity(state: &State, group: &Group) -> Value {
    json!({
        "id": group.id,
        "web_url": web_url(state, group.id),
        "name": group.name,
        "path": group.path,
        "description": group.description,
        "visibility": group.visibility.word(),
    })
}

fn settings() -> Value {
    json!({
        "share_with_group_lock": false,
        "require_two_factor_authentication": false,
        "two_factor_grace_period": 48,
        "project_creation_level": "developer",
        "auto_devops_enabled": null,
        "subgroup_creation_level": "maintainer",
        "emails_disabled": false,
        "emails_enabled": true,
        "show_diff_preview_in_email": true,
        "mentions_disabled": null,
        "lfs_enabled": true,
    })
}

fn place(state: &State, group: &Group) -> Value {
    json!({
        "archived": state.group_is_archived(group.id),
        "math_rendering_limits_enabled": true,
        "lock_math_rendering_limits_enabled": false,
        "default_branch": null,
        "default_branch_protection": 2,
        "avatar_url": null,
        "request_access_enabled": true,
        "full_name": state.group_full_name(group.id),
        "full_path": state.group_full_path(group.id),
        "created_at": time(group.created_at),
        "parent_id": group.parent,
        "organization_id": 1,
        "shared_runners_setting": "enabled",
        "marked_for_deletion_on": group.marked_for_deletion_on.map(|day| day.to_string()),
    })
}

/// The address of a group's page.
pub fn web_url(state: &State, id: u64) -> String {
    format!("{}/groups/{}", state.base_url, state.group_full_path(id))
}
