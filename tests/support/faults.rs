//! The ways in which a call can fail, and what the caller sees of each.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Call, Server};

/// A way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The server refuses with this status and does nothing.
    Status(u16),
    /// 429 with `Retry-After`: from GitLab the plain text and the headers of its request throttle.
    Throttled,
    /// 429 of GitLab's application limits: JSON, and `Retry-After` alone.
    ApplicationLimit,
    /// 504 from a proxy in between; the call takes effect.
    LateAnswer,
    /// The connection breaks off before the call arrives.
    Reset,
    /// The connection breaks off after the call took effect.
    AnswerLost,
    /// Nothing comes for as long as the caller waits; the call takes effect.
    TimedOut,
    /// The call takes effect; the answer ends in the middle.
    CutBody,
    /// A proxy answers 200 with a page, and the call does not arrive.
    Html,
    /// The call takes effect; the answer has fields that nobody knows.
    UnknownFields,
}

/// Refusals that both servers know.
const STATUSES: [u16; 8] = [401, 403, 404, 409, 410, 422, 500, 503];

impl Fault {
    /// All ways in which a server's calls can fail.
    pub fn all(server: Server) -> Vec<Self> {
        let mut all: Vec<_> = STATUSES.into_iter().map(Self::Status).collect();
        all.push(Self::Throttled);
        if server == Server::GitLab {
            all.push(Self::ApplicationLimit);
        }
        all.extend([Self::LateAnswer, Self::Reset, Self::AnswerLost, Self::TimedOut]);
        all.extend([Self::CutBody, Self::Html, Self::UnknownFields]);
        all
    }

    /// As it stands in a case's name.
    pub fn name(self) -> String {
        match self {
            Self::Status(status) => return status.to_string(),
            Self::Throttled => "429",
            Self::ApplicationLimit => "429-application-limit",
            Self::LateAnswer => "504-applied",
            Self::Reset => "reset",
            Self::AnswerLost => "answer-lost",
            Self::TimedOut => "timed-out",
            Self::CutBody => "cut-body",
            Self::Html => "html",
            Self::UnknownFields => "unknown-fields",
        }
        .to_owned()
    }

    /// Whether the server does what it is asked.
    pub fn takes_effect(self) -> bool {
        match self {
            Self::LateAnswer | Self::AnswerLost | Self::TimedOut | Self::CutBody | Self::UnknownFields => true,
            Self::Status(_) | Self::Throttled | Self::ApplicationLimit | Self::Reset | Self::Html => false,
        }
    }

    /// What arrives in place of the server's answer; none: nothing arrives at all.
    pub fn instead(self, call: &Call, answer: Option<Response<Vec<u8>>>) -> Option<Response<Vec<u8>>> {
        match self {
            Self::Status(status) => Some(refusal(status, call)),
            Self::Throttled if call.server == Server::Kubernetes => Some(waiting(refusal(429, call))),
            Self::Throttled => Some(throttled()),
            Self::ApplicationLimit => {
                let body =
                    json!({"message": {"error": "This endpoint has been requested too many times. Try again later."}});
                Some(waiting(typed(429, "application/json", body.to_string())))
            }
            Self::LateAnswer => Some(typed(504, "text/html", "<html><body>504 Gateway Time-out</body></html>".into())),
            Self::Html => Some(typed(200, "text/html", "<html><body>Please sign in</body></html>".into())),
            Self::Reset | Self::AnswerLost | Self::TimedOut => None,
            Self::CutBody => answer.map(|answer| answer.map(|mut body| body.split_off(body.len() / 2))),
            Self::UnknownFields => answer.map(|answer| answer.map(with_unknown_fields)),
        }
    }
}

fn typed(status: u16, kind: &str, body: String) -> Response<Vec<u8>> {
    let answer = Response::builder().status(StatusCode::from_u16(status).unwrap()).header("Content-Type", kind);
    answer.body(body.into_bytes()).unwrap()
}

fn waiting(mut answer: Response<Vec<u8>>) -> Response<Vec<u8>> {
    answer.headers_mut().insert("Retry-After", "1".parse().unwrap());
    answer
}

fn throttled() -> Response<Vec<u8>> {
    let mut answer = waiting(typed(429, "text/plain", "Retry later\n".to_owned()));
    let throttle = [
        ("RateLimit-Name", "throttle_authenticated_api"),
        ("RateLimit-Limit", "120"),
        ("RateLimit-Observed", "7201"),
        ("RateLimit-Remaining", "0"),
        ("RateLimit-Reset", "1609844400"),
        ("RateLimit-ResetTime", "Tue, 05 Jan 2021 11:00:00 GMT"),
    ];
    for (name, value) in throttle {
        answer.headers_mut().insert(name, value.parse().unwrap());
    }
    answer
}

/// A refusal in the words of the server that was called.
fn refusal(status: u16, call: &Call) -> Response<Vec<u8>> {
    let body = match call.server {
        Server::Kubernetes => kubernetes_status(status, call),
        Server::GitLab => match status {
            401 => json!({"error": "invalid_token", "error_description":
                "Token was revoked. You have to re-authorize from the user."}),
            403 => json!({"message": "403 Forbidden"}),
            404 if call.path.contains("/projects/") => json!({"message": "404 Project Not Found"}),
            404 => json!({"message": "404 Not Found"}),
            409 => json!({"message": "409 Conflict: Resource lock"}),
            500 => json!({"message": "500 Internal Server Error"}),
            _ => json!({"message": format!("{status} refused")}),
        },
    };
    typed(status, "application/json", body.to_string())
}

fn kubernetes_status(status: u16, call: &Call) -> Value {
    let reason = match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": status, "reason": reason,
        "message": format!("a test refused {call}")})
}

/// A body as a later version of the server might send it.
fn with_unknown_fields(body: Vec<u8>) -> Vec<u8> {
    fn add(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(add),
            Value::Object(fields) => {
                for key in ["metadata", "items", "status", "spec"] {
                    fields.get_mut(key).into_iter().for_each(add);
                }
                fields.insert("ofALaterVersion".to_owned(), json!({"list": [1, null, "text"]}));
            }
            _ => {}
        }
    }
    let Ok(mut value) = serde_json::from_slice(&body) else { return body };
    add(&mut value);
    value.to_string().into_bytes()
}
