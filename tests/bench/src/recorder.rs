//! A proxy that writes down what passes: between the operator and a server, while it works on one mapping.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Method, StatusCode, header};
use tokio::task::JoinHandle;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The API server.
    Kubernetes,
    /// GitLab.
    GitLab,
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which server.
    pub side: Side,
    /// Method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The type of the request's body.
    pub content_type: Option<String>,
    /// What the client wants to read.
    pub accept: Option<String>,
    /// The request's body.
    pub request: Bytes,
    /// The status of the answer.
    pub status: StatusCode,
    /// The answer's body; empty for a watch.
    pub answer: Bytes,
}

/// Exchanges with both servers, in the order in which they ended: whatever depends on an answer comes after it.
pub type Journal = Arc<Mutex<Vec<Exchange>>>;

/// All exchanges so far.
pub fn taken(journal: &Journal) -> Vec<Exchange> {
    journal.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A proxy before one server; ends when dropped.
pub struct Recorder {
    url: String,
    task: JoinHandle<()>,
}

struct Way {
    side: Side,
    upstream: String,
    http: reqwest::Client,
    journal: Journal,
}

impl Recorder {
    /// Starts it before the server at `upstream`.
    pub async fn start(side: Side, upstream: &str, http: reqwest::Client, journal: Journal) -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let way = Arc::new(Way { side, upstream: upstream.to_owned(), http, journal });
        let router = Router::new().fallback(pass).with_state(way);
        let task = tokio::spawn(async move {
            // It ends by being aborted.
            axum::serve(listener, router).await.ok();
        });
        Ok(Self { url, task })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(State(way): State<Arc<Way>>, request: Request) -> Response {
    carry(&way, request).await.unwrap_or_else(|error| {
        let mut answer = Response::new(Body::from(error.to_string()));
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    })
}

async fn carry(way: &Way, request: Request) -> anyhow::Result<Response> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let sent = way.http.request(parts.method.clone(), format!("{}{target}", way.upstream));
    let mut answer = sent.headers(end_to_end(&parts.headers)).body(body.clone()).send().await?;
    let (status, headers) = (answer.status(), end_to_end(answer.headers()));
    let is_watch = target.contains("watch=true") || target.contains("watch=1");
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut exchange = Exchange {
        side: way.side,
        method: parts.method.clone(),
        target,
        content_type: text(header::CONTENT_TYPE),
        accept: text(header::ACCEPT),
        request: body,
        status,
        answer: Bytes::new(),
    };
    let body = if is_watch && status.is_success() {
        Body::from_stream(stream::unfold(answer, async |mut answer| {
            // A stream that breaks ends for the client as well.
            let chunk = answer.chunk().await.ok().flatten()?;
            Some((Ok::<_, Infallible>(chunk), answer))
        }))
    } else {
        let mut whole = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        exchange.answer = whole.into();
        Body::from(exchange.answer.clone())
    };
    way.journal.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    let mut passed = Response::new(body);
    *passed.status_mut() = status;
    *passed.headers_mut() = headers;
    Ok(passed)
}

/// Headers that concern more than one connection.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for name in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        kept.remove(name);
    }
    kept
}
