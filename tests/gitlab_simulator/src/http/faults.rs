//! Faults on demand: what a network, a proxy or a tired server does to requests.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::{Answer, Body};

/// What happens to a request that a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Answered with `status`, `headers` and `body`; no effect.
    Status,
    /// Only `delay_ms` later, otherwise as usual.
    Delay,
    /// The connection is cut without an answer; no effect.
    Cut,
    /// The request takes effect, then the connection is cut without an answer.
    LostAnswer,
    /// 200 with `body`, or with JSON that ends in the middle; no effect.
    Garbage,
    /// The request takes effect, and of its answer the head and half of the body come; then the connection is cut.
    CutBody,
    /// 200 with `headers` and a JSON list of `bytes` bytes, sent piece by piece; no effect.
    Large,
}

/// A fault as it is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// Only this method; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// A regular expression looked for in path and query as sent (percent-encoded), not anchored; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many requests are struck; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How many fitting requests pass unharmed before.
    #[serde(default)]
    pub skip: u64,
    /// The status of `status`; 500 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The headers of `status` and `large`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body of `status` and `garbage`: a text is sent as plain text, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// The size of the body of `large`; 100 MiB when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Milliseconds to wait first, with every kind.
    #[serde(default)]
    pub delay_ms: u64,
}

/// The size of a body that is too large, unless the fault names another.
const LARGE: u64 = 100 * 1024 * 1024;
/// What is sent of it at a time.
const PIECE: usize = 64 * 1024;

impl Fault {
    /// A fault of a kind that strikes every request; narrow it by setting fields.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            method: None,
            path: None,
            count: None,
            skip: 0,
            status: None,
            headers: BTreeMap::new(),
            body: None,
            bytes: None,
            delay_ms: 0,
        }
    }

    /// How long to wait first.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// The answer of `status`.
    pub fn status_answer(&self) -> Answer {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok());
        let body = match &self.body {
            None => Body::Empty,
            Some(Value::String(text)) => Body::Text(text.clone()),
            Some(value) => Body::Json(value.clone()),
        };
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Answer { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), headers, body }
    }

    /// The answer of `garbage`.
    pub fn garbage_answer(&self) -> Answer {
        let text = match &self.body {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "{\"id\": 1, \"na".to_owned(),
        };
        Answer::text(StatusCode::OK, text).with_header("Content-Type", "application/json")
    }
}

/// The head of `large`; the body is [`large_body`].
pub fn large_head(fault: &Fault) -> Answer {
    let head = Answer { status: StatusCode::OK, body: Body::Empty, ..fault.status_answer() };
    head.with_header("Content-Type", "application/json")
}

/// A list of zeros, as long as the fault says, made while it is read.
pub fn large_body(fault: &Fault) -> axum::body::Body {
    let pieces = list_of_zeros(fault.bytes.unwrap_or(LARGE)).map(Ok::<_, std::convert::Infallible>);
    axum::body::Body::from_stream(futures::stream::iter(pieces))
}

/// `[0,0,0]` with so many zeros, and a blank before its end if need be, that it has this many bytes, three at least.
fn list_of_zeros(bytes: u64) -> impl Iterator<Item = Bytes> {
    let inside = usize::try_from(bytes).unwrap_or(usize::MAX).max(3) - 3;
    let zeros = Bytes::from(b"0,".repeat(PIECE / 2));
    let pieces = (0..inside / 2 * 2).step_by(PIECE).map(move |at| zeros.slice(..PIECE.min(inside / 2 * 2 - at)));
    let end: &[u8] = if inside % 2 == 0 { b"0]" } else { b"0 ]" };
    std::iter::once(Bytes::from_static(b"[")).chain(pieces).chain(std::iter::once(Bytes::from_static(end)))
}

/// A fault that cannot be: its path is no regular expression, its method or status none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFault(pub String);

impl std::fmt::Display for InvalidFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the fault is invalid: {}", self.0)
    }
}

impl std::error::Error for InvalidFault {}

#[derive(Debug)]
struct Armed {
    id: u64,
    fault: Fault,
    path: Option<Regex>,
    seen: u64,
}

/// The faults in force, oldest first. A request is struck by the first that fits and is not used up.
#[derive(Debug, Default)]
pub struct Faults {
    armed: Vec<Armed>,
    last: u64,
}

impl Faults {
    /// Arms a fault; gives its id.
    pub fn add(&mut self, fault: Fault) -> Result<u64, InvalidFault> {
        let regex = fault.path.as_deref().map(Regex::new).transpose();
        let path = regex.map_err(|error| InvalidFault(error.to_string()))?;
        if let Some(method) = &fault.method {
            method.parse::<Method>().map_err(|_| InvalidFault(format!("no method: {method}")))?;
        }
        if let Some(status) = fault.status {
            StatusCode::from_u16(status).map_err(|_| InvalidFault(format!("no status: {status}")))?;
        }
        self.last += 1;
        self.armed.push(Armed { id: self.last, fault, path, seen: 0 });
        Ok(self.last)
    }

    /// Disarms one, or all.
    pub fn clear(&mut self, id: Option<u64>) {
        self.armed.retain(|armed| id.is_some_and(|id| armed.id != id));
    }

    /// Those in force, with their ids.
    pub fn all(&self) -> Vec<(u64, Fault)> {
        self.armed.iter().map(|armed| (armed.id, armed.fault.clone())).collect()
    }

    /// The fault that strikes this request, if any; counts it.
    pub fn strike(&mut self, method: &Method, target: &str) -> Option<Fault> {
        for armed in &mut self.armed {
            let by_method =
                armed.fault.method.as_deref().is_none_or(|wanted| method.as_str().eq_ignore_ascii_case(wanted));
            let by_path = armed.path.as_ref().is_none_or(|path| path.is_match(target));
            if !by_method || !by_path {
                continue;
            }
            let used_up = armed.fault.count.is_some_and(|count| armed.seen >= armed.fault.skip.saturating_add(count));
            if used_up {
                continue;
            }
            armed.seen += 1;
            if armed.seen > armed.fault.skip {
                return Some(armed.fault.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_is_a_list_of_the_asked_size() {
        for bytes in [3, 4, 5, 6, 1001, 200_000] {
            let text = list_of_zeros(bytes).collect::<Vec<_>>().concat();
            assert_eq!(text.len() as u64, bytes);
            let list: Vec<u8> = serde_json::from_slice(&text).unwrap();
            assert!(list.iter().all(|item| *item == 0), "{bytes}");
        }
    }

    #[test]
    fn a_fault_strikes_after_skipping_and_only_as_often_as_said() {
        let mut faults = Faults::default();
        let fault = Fault {
            method: Some("get".to_owned()),
            path: Some("/projects/7$".to_owned()),
            skip: 1,
            count: Some(2),
            ..Fault::new(FaultKind::Cut)
        };
        faults.add(fault).unwrap();
        let mut strike = |method: &Method, target: &str| faults.strike(method, target).is_some();
        assert!(!strike(&Method::POST, "/api/v4/projects/7"));
        assert!(!strike(&Method::GET, "/api/v4/projects/77"));
        let struck: Vec<bool> = (0..4).map(|_| strike(&Method::GET, "/api/v4/projects/7")).collect();
        assert_eq!(struck, [false, true, true, false]);
    }
}
