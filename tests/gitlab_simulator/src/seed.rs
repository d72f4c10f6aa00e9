//! The seed of the program: JSON lines `{"method","path","body"}`, replayed in order as the administrator.

use std::fmt;

use axum::body::{Body, to_bytes};
use http::{Method, Request as HttpRequest, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use crate::simulator::Simulator;

/// The largest answer shown with a failed line.
const LARGEST_ANSWER: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    method: String,
    path: String,
    #[serde(default)]
    body: Option<Value>,
}

/// A line of the seed that failed.
#[derive(Debug)]
pub struct SeedError {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong: the text itself, or the answer.
    pub reason: String,
}

impl fmt::Display for SeedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {} of the seed failed: {}", self.line, self.reason)
    }
}

impl std::error::Error for SeedError {}

impl Simulator {
    /// Replays a seed with an administrator's token. Stops at the first line that is not answered with success.
    /// Blank lines and lines that start with `#` are skipped. Paths without a leading `/api` or `/-/` are taken below `/api/v4`.
    pub async fn replay(&self, seed: &str, token: &str) -> Result<(), SeedError> {
        for (at, text) in seed.lines().enumerate() {
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            self.replay_line(text, token).await.map_err(|reason| SeedError { line: at + 1, reason })?;
        }
        Ok(())
    }

    async fn replay_line(&self, text: &str, token: &str) -> Result<(), String> {
        let line: Line = serde_json::from_str(text).map_err(|error| format!("no request in JSON: {error}"))?;
        let method: Method = line.method.to_uppercase().parse().map_err(|_| format!("no method: {}", line.method))?;
        let prefix = if line.path.starts_with("/api/") || line.path.starts_with("/-/") { "" } else { "/api/v4" };
        let request = HttpRequest::builder()
            .method(method)
            .uri(format!("{prefix}{}", line.path))
            .header("PRIVATE-TOKEN", token)
            .header(header::CONTENT_TYPE, "application/json")
            .body(line.body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .map_err(|error| format!("no request: {error}"))?;
        let response = self.respond(request).await.map_err(|cut| cut.to_string())?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        Err(describe(status, response.into_body()).await)
    }
}

async fn describe(status: StatusCode, body: Body) -> String {
    let body = to_bytes(body, LARGEST_ANSWER).await.unwrap_or_default();
    format!("{status}: {}", String::from_utf8_lossy(&body))
}
