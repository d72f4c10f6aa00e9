//! One received request, read completely before anything is decided.

use axum::body::Bytes;
use axum::extract::Request as HttpRequest;
use http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};

use super::form;

/// The largest body read; GitLab's own limits lie far above what the simulated endpoints need.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// A request with its parameters decoded from query and body.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method as sent.
    pub method: Method,
    /// Path as sent, still percent-encoded.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Parameters of query and body, the body's winning.
    pub parameters: Map<String, Value>,
    /// Parameters of the body alone, for the record.
    pub body: Map<String, Value>,
    /// Set when the body could not be decoded.
    pub malformed: bool,
}

impl Request {
    /// Reads the whole request. A body that cannot be read or decoded is remembered as malformed.
    pub async fn read(request: HttpRequest) -> Self {
        let (head, body) = request.into_parts();
        let bytes = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(collected) => Some(collected.to_bytes()),
            Err(_) => None,
        };
        let content_type = text_header(&head.headers, header::CONTENT_TYPE.as_str()).unwrap_or_default().to_owned();
        let body = match bytes {
            Some(bytes) => decode(&content_type, bytes).await,
            None => None,
        };
        let malformed = body.is_none();
        let body = body.unwrap_or_default();
        let query = head.uri.query().unwrap_or_default().to_owned();
        let mut parameters = Map::new();
        for (key, value) in form::pairs(&query) {
            form::insert(&mut parameters, &key, Value::String(value));
        }
        form::merge(&mut parameters, body.clone());
        Self {
            method: head.method,
            path: head.uri.path().to_owned(),
            query,
            headers: head.headers,
            parameters,
            body,
            malformed,
        }
    }

    /// A header's text; none when absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        text_header(&self.headers, name)
    }

    /// A parameter of query or body that is a plain text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }

    /// Path and query as in the request line.
    pub fn target(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }
}

fn text_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn decode(content_type: &str, bytes: Bytes) -> Option<Map<String, Value>> {
    if bytes.is_empty() {
        return Some(Map::new());
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/json" => match serde_json::from_slice(&bytes) {
            Ok(Value::Object(object)) => Some(object),
            // What a client sends that has no parameters to write down (Go: a nil pointer).
            Ok(Value::Null) => Some(Map::new()),
            Ok(_) | Err(_) => None,
        },
        "multipart/form-data" => multipart(content_type, bytes).await,
        _ => {
            let mut tree = Map::new();
            for (key, value) in form::pairs(&String::from_utf8_lossy(&bytes)) {
                form::insert(&mut tree, &key, Value::String(value));
            }
            Some(tree)
        }
    }
}

async fn multipart(content_type: &str, bytes: Bytes) -> Option<Map<String, Value>> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let stream = futures::stream::once(async move { Ok::<_, std::convert::Infallible>(bytes) });
    let mut parts = multer::Multipart::new(stream, boundary);
    let mut tree = Map::new();
    while let Some(part) = parts.next_field().await.ok()? {
        let Some(name) = part.name().map(str::to_owned) else { continue };
        let text = part.text().await.ok()?;
        form::insert(&mut tree, &name, Value::String(text));
    }
    Some(tree)
}
