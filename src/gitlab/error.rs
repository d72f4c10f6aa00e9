//! What can come of a call besides success, told apart as far as a reconcile must decide differently.

use std::time::Duration;

use http::{Response, StatusCode, header};
use secrecy::SecretString;
use serde_json::Value;

use super::{
    redaction::presentable,
    transport::{TransportError, TransportErrorKind},
};

/// The most messages taken over from one answer.
const MOST_MESSAGES: usize = 10;

/// Why a call to GitLab gave no result. `endpoint` is the method and the path with placeholders, such as
/// `GET /projects/:id/variables`. Messages hold neither the token nor the secrets of the request, and
/// nothing that differs from one attempt to the next: they become condition messages, which are written only when they change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address of the instance cannot be used.
    #[error("the GitLab address {url:?} cannot be used: {reason}")]
    InvalidBaseUrl {
        /// The address as given, without user, query and fragment.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The token cannot be sent at all.
    #[error(
        "the GitLab token cannot be sent: it is empty or holds characters that no token has; write it into the Secret again"
    )]
    InvalidToken,
    /// 401.
    #[error("{endpoint}: GitLab refused the token: {problem}")]
    Unauthorized {
        /// What was called.
        endpoint: &'static str,
        /// What is wrong with the token.
        problem: TokenProblem,
    },
    /// 403 because of the token's scopes.
    #[error(
        "{endpoint}: the scopes of the GitLab token do not suffice (one of these is needed: {needed}); make a token with the scope api"
    )]
    InsufficientScope {
        /// What was called.
        endpoint: &'static str,
        /// What GitLab says would do; not certain in all releases.
        needed: String,
    },
    /// 403. The role is missing, or the project is archived, or one of its features is switched off.
    #[error(
        "{endpoint}: GitLab forbids it ({message}); the token's user needs the role Maintainer, and the project must be active with CI/CD, environments and repository switched on"
    )]
    Forbidden {
        /// What was called.
        endpoint: &'static str,
        /// GitLab's words.
        message: String,
    },
    /// 404, said by GitLab itself. For a project that may also mean that the token's user cannot see it.
    #[error("{endpoint}: GitLab does not find {what} ({message})")]
    NotFound {
        /// What was called.
        endpoint: &'static str,
        /// What is missing.
        what: Missing,
        /// GitLab's words.
        message: String,
    },
    /// 301: the path that was asked for is a former one.
    #[error("{endpoint}: the project has moved{}; use its new path", id_in_words(.project_id))]
    Moved {
        /// What was called.
        endpoint: &'static str,
        /// The project's id, if GitLab gave it.
        project_id: Option<i64>,
    },
    /// 409.
    #[error("{endpoint}: GitLab reports a conflict: {message}")]
    Conflict {
        /// What was called.
        endpoint: &'static str,
        /// GitLab's words.
        message: String,
    },
    /// 400, 422 or another status that says that the request itself was not acceptable.
    #[error("{endpoint}: GitLab did not accept it (status {status}): {}", .messages.join("; "))]
    Refused {
        /// What was called.
        endpoint: &'static str,
        /// The status.
        status: u16,
        /// GitLab's reasons, one each, such as `platform_kubernetes.api_url: is blocked: …`.
        messages: Vec<String>,
    },
    /// Not now. Nothing was changed in GitLab.
    #[error("{endpoint}: {why}; it is tried again when the time has come")]
    RateLimited {
        /// What was to be called.
        endpoint: &'static str,
        /// When it is worth trying again.
        retry_after: Duration,
        /// Who asks for patience.
        why: Throttle,
    },
    /// 5xx. A request that writes may have taken effect.
    #[error(
        "{endpoint}: GitLab, or what stands in front of it, failed with status {status}; see its logs if this stays"
    )]
    ServerError {
        /// What was called.
        endpoint: &'static str,
        /// The status.
        status: u16,
        /// What it said about trying again.
        retry_after: Option<Duration>,
    },
    /// The answer is not from GitLab's API, such as a login page or the error page of a proxy.
    #[error(
        "{endpoint}: the answer (status {status}) is no JSON; is something other than GitLab's API at this address, or a proxy or login page in between?"
    )]
    NotJson {
        /// What was called.
        endpoint: &'static str,
        /// The status.
        status: u16,
    },
    /// JSON, but not what GitLab 17.0 or newer answers.
    #[error("{endpoint}: the answer is not what GitLab gives ({detail}); is this GitLab 17.0 or newer?")]
    UnexpectedShape {
        /// What was called.
        endpoint: &'static str,
        /// What is wrong with it, without any value from it.
        detail: String,
    },
    /// A status that GitLab's API does not use here.
    #[error("{endpoint}: unexpected status {status}")]
    UnexpectedStatus {
        /// What was called.
        endpoint: &'static str,
        /// The status.
        status: u16,
    },
    /// A redirect. It was not followed, because the token is meant for this address alone.
    #[error(
        "{endpoint}: redirected to {host}, which was not followed, since the token is for this GitLab alone; the instance needs the address that GitLab itself uses, and no login page in front of its API"
    )]
    Redirected {
        /// What was called.
        endpoint: &'static str,
        /// Where to; the host alone.
        host: String,
    },
    /// The answer is larger than the transport accepts.
    #[error("{endpoint}: {source}; is something other than GitLab's API at this address?")]
    BodyTooLarge {
        /// What was called.
        endpoint: &'static str,
        /// How much would have been accepted.
        source: TransportError,
    },
    /// A listing that does not end, or whose pages repeat.
    #[error(
        "{endpoint}: the listing does not end (stopped after {pages} pages); is a proxy dropping the page parameter?"
    )]
    EndlessListing {
        /// What was called.
        endpoint: &'static str,
        /// How many pages were read.
        pages: u32,
    },
    /// No answer. A request that writes may have taken effect.
    #[error("{endpoint}: {source}")]
    Transport {
        /// What was called.
        endpoint: &'static str,
        /// Why there was none.
        source: TransportError,
    },
}

/// What GitLab says is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// GitLab does not know it.
    #[error("it does not know this token; write a valid one into the Secret")]
    Unknown,
    /// Its day has come.
    #[error("it has expired; make a new one and write it into the Secret")]
    Expired,
    /// Somebody revoked it.
    #[error("it was revoked; make a new one and write it into the Secret")]
    Revoked,
}

/// What a 404 says is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The project, or the right to see it.
    #[error("the project, or the token's user may not see it")]
    Project,
    /// Something below a visible project: a cluster, an environment, a variable.
    #[error("the object")]
    Record,
    /// A part of GitLab that is switched off, such as certificate-based clusters.
    #[error("this part of the API, which may be switched off")]
    Feature,
    /// No such endpoint: not a GitLab, or an old one.
    #[error("the endpoint; is the address right, and GitLab not too old?")]
    Route,
    /// Something else.
    #[error("what was asked for")]
    Other,
}

/// Who asks for patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Throttle {
    /// GitLab, by a 429 or a 503 with `Retry-After`.
    #[error("GitLab asks to wait")]
    GitLab,
    /// This program, to stay below GitLab's limits.
    #[error("the budget of requests that keeps below GitLab's limits is used up")]
    OwnBudget,
    /// This program, because as many requests as may be are under way.
    #[error("too many requests to this GitLab are under way, which answers slowly")]
    Busy,
}

impl Error {
    /// Whether GitLab refused to create something because it exists already: a name, a key with its scope, or a cluster's
    /// environment scope. GitLab has no 409 for these.
    pub fn is_already_taken(&self) -> bool {
        let Self::Refused { messages, .. } = self else { return false };
        messages.iter().any(|message| {
            message.contains("has already been taken") || message.contains("cannot add duplicated environment scope")
        })
    }

    /// What an answer that is no success means. `secrets` are kept out of the messages; `retry_after` is what the pace made
    /// of the answer, if it asks to wait.
    pub(super) fn from_answer(
        endpoint: &'static str,
        answer: &Response<bytes::Bytes>,
        secrets: &[&SecretString],
        retry_after: Option<Duration>,
    ) -> Self {
        let status = answer.status();
        if status.is_server_error() {
            return Self::ServerError { endpoint, status: status.as_u16(), retry_after };
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let retry_after = retry_after.unwrap_or_default();
            return Self::RateLimited { endpoint, retry_after, why: Throttle::GitLab };
        }
        if status.is_redirection() {
            return from_redirect(endpoint, answer);
        }
        if !status.is_client_error() {
            return Self::UnexpectedStatus { endpoint, status: status.as_u16() };
        }
        match serde_json::from_slice::<Value>(answer.body()) {
            Ok(Value::Object(body)) => from_refusal(endpoint, status, &Body { body, secrets }),
            _ => Self::NotJson { endpoint, status: status.as_u16() },
        }
    }

    /// What the failure of a transport means.
    pub(super) fn from_transport(endpoint: &'static str, source: TransportError) -> Self {
        match source.kind {
            TransportErrorKind::BodyTooLarge => Self::BodyTooLarge { endpoint, source },
            _ => Self::Transport { endpoint, source },
        }
    }
}

/// A redirect: GitLab's own for a project that has moved, or somebody else's.
fn from_redirect(endpoint: &'static str, answer: &Response<bytes::Bytes>) -> Error {
    let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if answer.status() == StatusCode::MOVED_PERMANENTLY && answer.body().starts_with(b"This resource has been moved") {
        let path = location.split(['?', '#']).next().unwrap_or_default();
        let after = path.split_once("/api/v4/projects/").map(|(_, after)| after);
        let project_id = after.and_then(|after| after.split('/').next()).and_then(|id| id.parse().ok());
        return Error::Moved { endpoint, project_id };
    }
    let host = location.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    Error::Redirected { endpoint, host: host.unwrap_or_else(|| "another path of the same host".to_owned()) }
}

/// A 4xx with an object as its body.
fn from_refusal(endpoint: &'static str, status: StatusCode, body: &Body<'_>) -> Error {
    let error = body.text("error");
    match status {
        StatusCode::UNAUTHORIZED => {
            let description = body.text("error_description").unwrap_or_default().to_lowercase();
            let problem = match error.as_deref() {
                Some("invalid_token") if description.contains("expired") => TokenProblem::Expired,
                Some("invalid_token") if description.contains("revoked") => TokenProblem::Revoked,
                _ => TokenProblem::Unknown,
            };
            Error::Unauthorized { endpoint, problem }
        }
        StatusCode::FORBIDDEN => match error.as_deref() {
            Some("insufficient_scope" | "insufficient_granular_scope") => {
                let needed = body.text("scope").or_else(|| body.text("error_description"));
                Error::InsufficientScope { endpoint, needed: needed.unwrap_or_else(|| "api".to_owned()) }
            }
            _ => Error::Forbidden { endpoint, message: body.message() },
        },
        StatusCode::NOT_FOUND => {
            let what = match (body.body.get("message").and_then(Value::as_str).unwrap_or_default(), error.is_some()) {
                (_, true) => Missing::Route,
                ("404 Project Not Found", _) => Missing::Project,
                ("404 Not found" | "404 Variable Not Found", _) => Missing::Record,
                ("404 Not Found", _) => Missing::Feature,
                _ => Missing::Other,
            };
            Error::NotFound { endpoint, what, message: body.message() }
        }
        StatusCode::CONFLICT => Error::Conflict { endpoint, message: body.message() },
        _ => Error::Refused { endpoint, status: status.as_u16(), messages: body.messages() },
    }
}

/// The body of a refusal, and what must not be taken over from it.
struct Body<'a> {
    body: serde_json::Map<String, Value>,
    secrets: &'a [&'a SecretString],
}

impl Body<'_> {
    /// A text at the top level.
    fn text(&self, key: &str) -> Option<String> {
        self.body.get(key).and_then(Value::as_str).map(|text| self.presentable(text))
    }

    /// All messages in one line.
    fn message(&self) -> String {
        self.messages().join("; ")
    }

    /// The messages, whichever of GitLab's shapes they come in: `message` as a text, a list or an object of lists, or
    /// `error`.
    fn messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        for value in [self.body.get("message"), self.body.get("error")].into_iter().flatten() {
            flatten("", value, &mut messages);
        }
        if messages.is_empty() {
            messages.push("no reason given".to_owned());
        }
        messages.truncate(MOST_MESSAGES);
        messages.into_iter().map(|message| self.presentable(&message)).collect()
    }

    /// A text from the answer as it may be shown.
    fn presentable(&self, text: &str) -> String {
        presentable(text.strip_prefix("400 Bad request - ").unwrap_or(text), self.secrets)
    }
}

/// Collects the texts below a value, each with the way to it. What stands under `base` concerns the record as a whole.
fn flatten(way: &str, value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) if way.is_empty() => into.push(text.clone()),
        Value::String(text) => into.push(format!("{way}: {text}")),
        Value::Array(items) => items.iter().for_each(|item| flatten(way, item, into)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let way = match (way, key.as_str()) {
                    (_, "base") => way.to_owned(),
                    ("", key) => key.to_owned(),
                    (way, key) => format!("{way}.{key}"),
                };
                flatten(&way, value, into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// ` (its id is 42)`.
fn id_in_words(id: &Option<i64>) -> String {
    id.map(|id| format!(" (its id is {id})")).unwrap_or_default()
}
