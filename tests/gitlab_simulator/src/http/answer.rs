//! What the simulator answers: a status, headers and one of the body shapes that GitLab uses.

use axum::body::Body as HttpBody;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

/// The body of an [`Answer`].
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// No body at all, as after DELETE.
    Empty,
    /// JSON, which is the rule.
    Json(Value),
    /// Plain text: redirects of moved projects and the request throttle.
    Text(String),
}

/// One answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers besides the content type.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Body,
}

impl Answer {
    /// JSON with any status.
    pub fn json(status: StatusCode, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    /// 200 with JSON: GET and PUT.
    pub fn ok(body: Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with JSON: the rule for POST.
    pub fn created(body: Value) -> Self {
        Self::json(StatusCode::CREATED, body)
    }

    /// 202 with JSON: a deletion that only marks.
    pub fn accepted(body: Value) -> Self {
        Self::json(StatusCode::ACCEPTED, body)
    }

    /// 204 without a body: the rule for DELETE.
    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: Vec::new(), body: Body::Empty }
    }

    /// Plain text with any status.
    pub fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: Body::Text(body.into()) }
    }

    /// The same answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The answer as the HTTP server sends it. A header that HTTP cannot carry is left out.
    pub fn into_response(self) -> Response {
        let (content_type, body) = match self.body {
            Body::Empty => (None, HttpBody::empty()),
            Body::Json(value) => (Some("application/json"), HttpBody::from(value.to_string())),
            Body::Text(text) => (Some("text/plain"), HttpBody::from(text)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, value) in self.headers {
            let name = HeaderName::try_from(name);
            let value = HeaderValue::try_from(value);
            match (name, value) {
                (Ok(header::CONTENT_TYPE), Ok(value)) => {
                    headers.insert(header::CONTENT_TYPE, value);
                }
                (Ok(name), Ok(value)) => {
                    headers.append(name, value);
                }
                _ => {}
            }
        }
        response
    }
}
