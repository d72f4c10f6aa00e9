//! Members: a user with a level.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{extend, user};
use crate::state::State;
use crate::state::members::Member;

/// A membership row with the level to show, which for `members/all` is the effective one.
pub fn member(state: &State, member: &Member, access_level: u8, for_admin: bool) -> Value {
    let mut shape = user::basic_by_id(state, member.user_id);
    extend(
        &mut shape,
        json!({
            "access_level": access_level,
            "created_at": seconds(member.created_at),
            "expires_at": member.expires_at.map(|day| day.to_string()),
            "membership_state": "active",
        }),
    );
    if let Some(creator) = member.created_by.and_then(|id| state.users.get(id)) {
        shape["created_by"] = user::basic(state, creator);
    }
    if for_admin && let Some(user) = state.users.get(member.user_id) {
        shape["email"] = Value::from(user.email.as_str());
    }
    shape
}

/// Memberships show whole seconds.
fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}
