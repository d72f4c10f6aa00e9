//! Each GitLab: reached, new enough, and its token fit for the work and not for more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{checks::Check, findings::Finding};
use crate::{declared::Instance, facts::instance::Access, status::Problem};

/// A token that ends sooner is told of.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Judges what is known of an instance.
pub fn judge(instance: &Instance, access: &Result<Access, Problem>, now: Timestamp) -> Vec<Finding> {
    let object = format!("GitLabInstance/{}", instance.name);
    let access = match access {
        Ok(access) => access,
        Err(problem) => return vec![Finding::problem(Check::InstanceAccess, object, problem)],
    };
    let reached = format!("GitLab {} at {}", access.version, instance.url);
    vec![
        Finding::ok(Check::InstanceAccess, &object, reached),
        judge_end(&object, access.token_expires, access.token_scopes.is_empty(), now),
        judge_user(&object, access.certificate_based_clusters.is_some()),
    ]
}

/// `silent`: GitLab says nothing of such a token.
fn judge_end(object: &str, expires: Option<Timestamp>, silent: bool, now: Timestamp) -> Finding {
    let check = Check::InstanceTokenEnd;
    let Some(end) = expires else {
        if silent {
            let message = "GitLab does not say when a token of this kind ends";
            return Finding::unchecked(check, object, message, "use a personal or group access token");
        }
        return Finding::ok(check, object, "it has no end");
    };
    let soon = now.checked_add(SOON).is_ok_and(|soon| end <= soon);
    if !soon {
        return Finding::ok(check, object, format!("until {end}"));
    }
    let left = end.duration_since(now).max(SignedDuration::ZERO).as_hours() / 24;
    let message = format!("the GitLab token ends on {end}, in {left} days");
    Finding::warning(
        check,
        object,
        message,
        "make a new one in GitLab and put it into the Secret; it is taken up at once",
    )
}

fn judge_user(object: &str, administrator: bool) -> Finding {
    if !administrator {
        return Finding::ok(Check::InstanceTokenUser, object, "not an administrator's");
    }
    Finding::warning(
        Check::InstanceTokenUser,
        object,
        "the GitLab token belongs to an administrator: whoever steals it has all of GitLab",
        "make a user of its own with the role Maintainer in what is mapped, and use its token",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::findings::Level;

    #[test]
    fn a_token_that_ends_soon_is_told_of() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let level = |end: &str| judge_end("x", Some(end.parse().unwrap()), false, now).level;
        assert_eq!(level("2026-01-16T00:00:00Z"), Level::Ok);
        assert_eq!(level("2026-01-14T00:00:00Z"), Level::Warning);
        assert_eq!(level("2025-12-31T00:00:00Z"), Level::Warning);
        assert_eq!(judge_end("x", None, false, now).level, Level::Ok);
        assert_eq!(judge_end("x", None, true, now).level, Level::Unchecked);
    }

    #[test]
    fn an_administrators_token_is_told_of() {
        assert_eq!(judge_user("x", false).level, Level::Ok);
        assert_eq!(judge_user("x", true).level, Level::Warning);
    }
}
