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

/// The levels that lists can be limited to, as parameters spell them.
pub const WORDS: &[&str] = &["10", "15", "20", "25", "30", "40", "50"];

/// The role's name.
pub fn name(level: u8) -> &'static str {
    match level {
        MINIMAL => "Minimal Access",
        GUEST => "Guest",
        PLANNER => "Planner",
        REPORTER => "Reporter",
        SECURITY_MANAGER => "Security Manager",
        DEVELOPER => "Developer",
        MAINTAINER => "Maintainer",
        OWNER => "Owner",
        _ => "No access",
    }
}

/// Does somebody with level `has` hold everything that `needs` holds?
pub fn includes(has: u8, needs: u8) -> bool {
    match has {
        PLANNER => matches!(needs, NONE | MINIMAL | GUEST | PLANNER),
        SECURITY_MANAGER => matches!(needs, NONE | MINIMAL | GUEST | REPORTER | SECURITY_MANAGER),
        _ => has >= needs,
    }
}
