//! GitLab's two independent layers of rate limits (lib/gitlab/rack_attack.rb, lib/api/helpers/rate_limiter.rb).
//!
//! Request throttles: off by default, plain-text 429, headers on every answer. Application limits: on by default,
//! JSON 429, no headers. Windows of both are fixed and aligned to the epoch, so all clients start anew at once.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::json;

use super::answer::Answer;
use super::auth::Caller;
use super::refusal::Refusal;
use super::request::Request;
use super::route::Limit;
use crate::state::settings::Settings;

/// Counts per key in the current window; a new window forgets the old one.
#[derive(Debug, Default)]
pub struct Counters(BTreeMap<(String, String), (i64, u64)>);

impl Counters {
    /// Counts one more; gives the count within the window of this many seconds.
    fn count(&mut self, name: &str, who: &str, now: Timestamp, period: i64) -> u64 {
        let window = now.as_second().div_euclid(period.max(1));
        let slot = self.0.entry((name.to_owned(), who.to_owned())).or_insert((window, 0));
        if slot.0 != window {
            *slot = (window, 0);
        }
        slot.1 += 1;
        slot.1
    }
}

/// The request throttle that applies to a request, after counting it.
#[derive(Clone, Debug)]
pub struct Throttle {
    name: &'static str,
    limit: u64,
    period: i64,
    observed: u64,
    now: Timestamp,
    text: String,
}

impl Throttle {
    /// Counts the request against the throttle that is switched on for it, if any.
    pub fn apply(
        counters: &mut Counters,
        settings: &Settings,
        request: &Request,
        user: Option<u64>,
        now: Timestamp,
    ) -> Option<Self> {
        let name = applicable(settings, request, user.is_some())?;
        let limit = settings.number(&format!("{name}_requests_per_period"));
        let period = i64::try_from(settings.number(&format!("{name}_period_in_seconds"))).unwrap_or(i64::MAX).max(1);
        let who = user.map_or_else(|| "address".to_owned(), |user| user.to_string());
        let observed = counters.count(name, &who, now, period);
        let text = settings.text("rate_limiting_response_text").unwrap_or("Retry later").to_owned();
        Some(Self { name, limit, period, observed, now, text })
    }

    /// Too many?
    pub fn is_exceeded(&self) -> bool {
        self.observed > self.limit
    }

    /// The seconds until the window ends.
    fn seconds_left(&self) -> i64 {
        self.period - self.now.as_second().rem_euclid(self.period)
    }

    /// Adds the headers that every answer carries while a throttle applies.
    pub fn mark(&self, answer: Answer) -> Answer {
        let per_minute = (self.limit.saturating_mul(60)).div_ceil(self.period.unsigned_abs());
        answer
            .with_header("RateLimit-Name", self.name)
            .with_header("RateLimit-Limit", per_minute.to_string())
            .with_header("RateLimit-Observed", self.observed.to_string())
            .with_header("RateLimit-Remaining", self.limit.saturating_sub(self.observed).to_string())
            .with_header("RateLimit-Reset", (self.now.as_second() + self.seconds_left()).to_string())
    }

    /// The 429 in plain text.
    pub fn refusal(&self) -> Answer {
        let left = self.seconds_left();
        let reset = self.now.saturating_add(jiff::SignedDuration::from_secs(left)).unwrap_or(self.now);
        self.mark(Answer::text(StatusCode::TOO_MANY_REQUESTS, format!("{}\n", self.text)))
            .with_header("Retry-After", left.to_string())
            .with_header("RateLimit-ResetTime", http_date(reset))
    }
}

fn applicable(settings: &Settings, request: &Request, authenticated: bool) -> Option<&'static str> {
    if !request.path.starts_with("/api/") {
        return None;
    }
    let on = |name: &str| settings.flag(&format!("{name}_enabled"));
    if !authenticated {
        return Some("throttle_unauthenticated_api").filter(|name| on(name));
    }
    let of_files = request.path.starts_with("/api/v4/projects/") && request.path.contains("/repository/files/");
    if of_files && on("throttle_authenticated_files_api") {
        return Some("throttle_authenticated_files_api");
    }
    Some("throttle_authenticated_api").filter(|name| on(name))
}

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Refuses with the JSON 429 when an endpoint's application limit is exceeded.
pub fn check_application_limit(
    counters: &mut Counters,
    settings: &Settings,
    limit: Limit,
    caller: Option<&Caller>,
    source: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    if limit == Limit::User && caller.is_none_or(|caller| caller.admin) {
        return Ok(());
    }
    let (name, period) = quota(limit, caller.is_some());
    let quota = settings.number(name);
    let mut who = caller.map_or_else(|| "address".to_owned(), |caller| caller.user.to_string());
    if limit == Limit::MembersDelete {
        who = format!("{who} {source}");
    }
    let observed = if quota == 0 { 0 } else { counters.count(name, &who, now, period) };
    if observed <= quota {
        return Ok(());
    }
    let body = json!({"message": {"error": "This endpoint has been requested too many times. Try again later."}});
    let answer = Answer::json(StatusCode::TOO_MANY_REQUESTS, body).with_header("Retry-After", period.to_string());
    Err(Refusal::early(answer))
}

/// The setting that holds the quota, and the window in seconds.
fn quota(limit: Limit, authenticated: bool) -> (&'static str, i64) {
    match limit {
        Limit::Projects if authenticated => ("projects_api_limit", 600),
        Limit::Projects => ("projects_api_rate_limit_unauthenticated", 600),
        Limit::Project => ("project_api_limit", 60),
        Limit::Groups => ("groups_api_limit", 60),
        Limit::Group => ("group_api_limit", 60),
        Limit::GroupProjects => ("group_projects_api_limit", 60),
        // One quota for projects and groups together.
        Limit::MembersAll => ("project_members_api_limit", 60),
        Limit::MembersDelete => ("members_delete_limit", 60),
        Limit::User => ("users_get_by_id_limit", 600),
    }
}
