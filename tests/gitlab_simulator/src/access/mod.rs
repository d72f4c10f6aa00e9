//! Who may do what: levels, memberships, visibility, abilities. GitLab answers 404 to those who may not see
//! and 403 to those whose role is too small.

pub mod ability;
pub mod level;
pub mod lookup;
pub mod membership;
