//! Users as others, they themselves and administrators see them.

use serde_json::{Value, json};

use super::{extend, joined};
use crate::state::users::User;
use crate::state::{State, time};

/// The short form (`UserBasic`), shown to everybody and inside other objects.
pub fn basic(state: &State, user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.username,
        "public_email": user.public_email,
        "name": user.name,
        "state": user.state.word(),
        "locked": false,
        "avatar_url": null,
        "web_url": format!("{}/{}", state.base_url, user.username),
    })
}

/// The short form by id; null when the user is gone.
pub fn basic_by_id(state: &State, id: u64) -> Value {
    state.users.get(id).map_or(Value::Null, |user| basic(state, user))
}

/// One user, shown to another (`User`).
pub fn profile(state: &State, user: &User) -> Value {
    let mut shape = basic(state, user);
    extend(
        &mut shape,
        json!({
            "created_at": time(user.created_at),
            "bio": "",
            "location": "",
            "linkedin": "",
            "twitter": "",
            "discord": "",
            "website_url": "",
            "github": "",
            "job_title": "",
            "pronouns": null,
            "organization": "",
            "bot": user.bot,
            "work_information": null,
            "followers": 0,
            "following": 0,
            "is_followed": false,
            "local_time": null,
        }),
    );
    shape
}

/// The user itself (`UserPublic`).
pub fn public(state: &State, user: &User) -> Value {
    let own = json!({
        "last_sign_in_at": null,
        "confirmed_at": time(user.created_at),
        "last_activity_on": user.last_activity_on.map(|day| day.to_string()),
        "email": user.email,
        "theme_id": 3,
        "color_scheme_id": 1,
        "projects_limit": 100_000,
        "current_sign_in_at": null,
        "identities": [],
        "can_create_group": true,
        "can_create_project": true,
        "two_factor_enabled": false,
        "external": user.external,
        "private_profile": false,
        "commit_email": user.email,
        "shared_runners_minutes_limit": null,
        "extra_shared_runners_minutes_limit": null,
        "scim_identities": [],
    });
    joined([profile(state, user), own])
}

/// What administrators see of anybody (`UserWithAdmin`).
pub fn with_admin(state: &State, user: &User) -> Value {
    let more = json!({
        "is_admin": user.admin,
        "note": null,
        "namespace_id": user.namespace_id,
        "created_by": null,
        "using_license_seat": false,
        "is_auditor": false,
        "provisioned_by_group_id": null,
        "enterprise_group_id": null,
        "enterprise_group_associated_at": null,
    });
    joined([public(state, user), more])
}
