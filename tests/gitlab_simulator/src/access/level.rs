//! GitLab's numbers for roles (lib/gitlab/access.rb).

/// No access.
pub const NONE: u8 = 0;
/// Minimal Access (groups only).
pub const MINIMAL: u8 = 5;
/// Guest.
pub const GUEST: u8 = 10;
/// Planner: beside the chain, not "more than Guest".
pub const PLANNER: u8 = 15;
/// Reporter.
pub const REPORTER: u8 = 20;
/// Security Manager: beside the chain.
pub const SECURITY_MANAGER: u8 = 25;
/// Developer.
pub const DEVELOPER: u8 = 30;
/// Maintainer.
pub const MAINTAINER: u8 = 40;
/// Owner.
pub const OWNER: u8 = 50;

/// Does somebody with level `has` hold everything that `needs` holds?
pub fn includes(has: u8, needs: u8) -> bool {
    match has {
        PLANNER => matches!(needs, NONE | MINIMAL | GUEST | PLANNER),
        SECURITY_MANAGER => matches!(needs, NONE | MINIMAL | GUEST | REPORTER | SECURITY_MANAGER),
        _ => has >= needs,
    }
}
