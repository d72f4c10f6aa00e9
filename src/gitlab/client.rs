//! Sends calls to one GitLab.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use super::{
    call::Call,
    error::{Error, Missing},
    json,
    pace::Pace,
    transport::{Transport, TransportError, TransportErrorKind},
};

/// How often a read is repeated that failed on the way.
const RETRIES: u32 = 2;
/// The longest that one request may take whatever carries it. Above the transport's own bound, which gives better messages.
const LONGEST_REQUEST: Duration = Duration::from_secs(40);

/// Is told of every request that was sent.
pub trait Observer: Send + Sync {
    /// A request to an instance ended. `endpoint` has placeholders instead of names and ids; `status` is `None` when no
    /// answer came.
    fn request(&self, instance: &str, endpoint: &'static str, status: Option<u16>, seconds: f64);
}

/// A client of one GitLab, acting with one token. Clones share everything; the methods stand in the files of the resources.
#[derive(Clone)]
pub struct Client {
    api: Arc<str>,
    token: Arc<Token>,
    transport: Transport,
    pace: Arc<Pace>,
    observer: Option<(Arc<str>, Arc<dyn Observer>)>,
}

struct Token {
    header: HeaderValue,
    secret: SecretString,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the GitLab at `base_url` (such as `https://gitlab.example.edu`, without a slash at the end). All clients
    /// of one instance share its `pace`.
    ///
    /// # Errors
    /// [`Error::InvalidBaseUrl`] unless it is https, or http on a loopback host, without user, query or fragment;
    /// [`Error::InvalidToken`] when the token cannot be one.
    pub fn new(base_url: &str, token: SecretString, transport: Transport, pace: Arc<Pace>) -> Result<Self, Error> {
        check_base_url(base_url)
            .map_err(|reason| Error::InvalidBaseUrl { url: without_secrets(base_url).to_owned(), reason })?;
        let text = token.expose_secret().trim();
        let mut header = HeaderValue::from_str(text).map_err(|_| Error::InvalidToken)?;
        if text.is_empty() {
            return Err(Error::InvalidToken);
        }
        header.set_sensitive(true);
        let token = Token { header, secret: SecretString::from(text) };
        Ok(Self { api: format!("{base_url}/api/v4").into(), token: token.into(), transport, pace, observer: None })
    }

    /// The same client, which tells `observer` of its requests under the instance's name.
    #[must_use]
    pub fn observed(mut self, instance: &str, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some((instance.into(), observer));
        self
    }

    /// The address of this GitLab, for messages.
    pub fn url(&self) -> &str {
        self.api.strip_suffix("/api/v4").unwrap_or(&self.api)
    }

    /// Calls and reads the answer.
    pub(super) async fn value<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let answer = self.send(call).await?;
        json::decode(call.label, &answer)
    }

    /// Deletes a record; false when there was none. Only GitLab's own 204 is believed: a proxy's page with the status 200 says
    /// nothing about what became of it.
    pub(super) async fn delete(&self, call: &Call) -> Result<bool, Error> {
        match self.send(call).await {
            Ok(answer) if answer.status() == StatusCode::NO_CONTENT => Ok(true),
            Ok(answer) => Err(Error::UnexpectedStatus { endpoint: call.label, status: answer.status().as_u16() }),
            Err(Error::NotFound { what: Missing::Record, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Calls; an answer that is a success is handed back, everything else is an error. Reads are repeated when they failed on
    /// the way; what writes never is, for it may have taken effect.
    pub(super) async fn send(&self, call: &Call) -> Result<Response<Bytes>, Error> {
        let mut attempt = 0;
        loop {
            let result = self.attempt(call).await;
            let again = call.method == Method::GET && attempt < RETRIES && failed_on_the_way(&result);
            if !again {
                return result;
            }
            tokio::time::sleep(self.pace.before_retry(attempt)).await;
            attempt += 1;
        }
    }

    /// Sends once, when it is this request's turn.
    async fn attempt(&self, call: &Call) -> Result<Response<Bytes>, Error> {
        let endpoint = call.label;
        let permit = self.pace.turn(endpoint).await.map_err(|(retry_after, why)| Error::RateLimited {
            endpoint,
            retry_after,
            why,
        })?;
        let start = Instant::now();
        let result = self.carry(self.request(call)?).await;
        drop(permit);
        let status = result.as_ref().ok().map(|answer| answer.status().as_u16());
        let seconds = start.elapsed().as_secs_f64();
        tracing::debug!(endpoint, status, seconds, "asked GitLab");
        if let Some((instance, observer)) = &self.observer {
            observer.request(instance, endpoint, status, seconds);
        }
        let answer = result.map_err(|source| Error::from_transport(endpoint, source))?;
        if answer.status().is_success() {
            self.pace.served();
            return Ok(answer);
        }
        let waits = self.heed(&answer);
        let secrets: Vec<&SecretString> = call.secrets.iter().chain([&self.token.secret]).collect();
        Err(Error::from_answer(endpoint, &answer, &secrets, waits))
    }

    /// Lets the pace know when an answer asks to wait; gives for how long.
    fn heed(&self, answer: &Response<Bytes>) -> Option<Duration> {
        let retry_after = retry_after(answer.headers());
        match answer.status() {
            StatusCode::TOO_MANY_REQUESTS => Some(self.pace.told_to_wait(retry_after)),
            StatusCode::SERVICE_UNAVAILABLE if retry_after.is_some() => Some(self.pace.told_to_wait(retry_after)),
            status => {
                if status.is_client_error() {
                    self.pace.served();
                }
                None
            }
        }
    }

    /// Hands a request to the transport, within the time that any transport has.
    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut transport = self.transport.clone();
        let exchange = async { transport.ready().await?.call(request).await };
        tokio::time::timeout(LONGEST_REQUEST, exchange).await.unwrap_or_else(|_| {
            let detail = format!("nothing after {} s", LONGEST_REQUEST.as_secs());
            Err(TransportError::new(TransportErrorKind::TimedOut, detail))
        })
    }

    /// The HTTP request of a call.
    fn request(&self, call: &Call) -> Result<Request<Bytes>, Error> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.api, call.path_and_query()))
            .header("PRIVATE-TOKEN", self.token.header.clone())
            .header(header::ACCEPT, "application/json");
        let mut body = Bytes::new();
        if let Some(json) = &call.body {
            request = request.header(header::CONTENT_TYPE, "application/json");
            body = json.to_string().into();
        }
        request.body(body).map_err(|_| {
            let detail = "the path or a name in it is too long for a URL";
            Error::from_transport(call.label, TransportError::new(TransportErrorKind::Other, detail))
        })
    }
}

/// Whether a read is worth repeating at once: the connection broke off, or a proxy could not reach GitLab. Not when GitLab
/// named a time, and not after a time-out: that was long enough.
fn failed_on_the_way(result: &Result<Response<Bytes>, Error>) -> bool {
    match result {
        Err(Error::Transport { source, .. }) => source.kind == TransportErrorKind::Cut,
        Err(Error::ServerError { status, retry_after, .. }) => matches!(status, 502..=504) && retry_after.is_none(),
        _ => false,
    }
}

/// The seconds in `Retry-After`. A date (which GitLab does not send) counts as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An address without user, password, query and fragment, for messages.
fn without_secrets(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    url.rsplit_once('@').map_or(url, |(_, rest)| rest)
}

/// Whether an address can be a GitLab's: the same rule that admission applies to `GitLabInstance`.
fn check_base_url(url: &str) -> Result<(), &'static str> {
    if url.contains(['?', '#', '@']) {
        return Err("it holds a user, a query or a fragment");
    }
    if url.ends_with('/') {
        return Err("it ends with a slash");
    }
    let uri: http::Uri = url.parse().map_err(|_| "it is no URL")?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or("it names no host")?;
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(host) => Ok(()),
        _ => Err("it is not https (http is accepted for a loopback host only)"),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
