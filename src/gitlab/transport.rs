//! How requests travel: the seam that every call goes through, and the adapter that production puts there.

use std::{error::Error as StdError, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use tower::util::BoxCloneSyncService;

/// What carries requests to a GitLab and brings the answers back. Tests hand in a simulator or a script; layers can count,
/// delay, cut and fail calls.
pub type Transport = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, TransportError>;

/// No complete answer came back. Says why in words, which never hold the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct TransportError {
    /// What went wrong.
    pub kind: TransportErrorKind,
    detail: String,
}

impl TransportError {
    /// A failure of a kind, with details for a person.
    pub fn new(kind: TransportErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// The ways in which a request can fail without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportErrorKind {
    /// The host name has no address.
    NameNotResolved,
    /// Nobody listens there, or the way is blocked.
    Connect,
    /// No trusted, encrypted connection could be made.
    Tls,
    /// No complete answer in time.
    TimedOut,
    /// The answer is larger than [`HttpOptions::body_limit`].
    BodyTooLarge,
    /// The connection broke off.
    Cut,
    /// It was not sent at all, because something in this process forbade it.
    NotSent,
    /// Anything else.
    Other,
}

impl std::fmt::Display for TransportErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NameNotResolved => "the host name could not be resolved",
            Self::Connect => "no connection could be made",
            Self::Tls => "no trusted TLS connection could be made",
            Self::TimedOut => "no complete answer in time",
            Self::BodyTooLarge => "the answer is too large",
            Self::Cut => "the connection broke off",
            Self::NotSent => "the request was held back",
            Self::Other => "the request failed",
        })
    }
}

/// Settings of the transport over HTTP.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Certificates (PEM) of authorities to trust besides those of the platform.
    pub extra_ca_pem: Option<String>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a request may take as a whole, the body of the answer included.
    pub total_timeout: Duration,
    /// The largest accepted body of an answer, in bytes.
    pub body_limit: usize,
    /// Whether requests go through a proxy.
    pub proxy: Proxy,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            extra_ca_pem: None,
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            body_limit: 8 * 1024 * 1024,
            proxy: Proxy::FromEnvironment,
        }
    }
}

/// Whether requests go through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    FromEnvironment,
    /// Never.
    None,
}

/// The transport of production: HTTP/1.1 over TLS with the platform's trusted authorities. Redirects are handed back, not
/// followed, so that the token stays with the host that it was meant for.
///
/// # Errors
/// When a certificate cannot be read or the platform has no trusted authorities.
pub fn http_transport(options: &HttpOptions) -> Result<Transport, TransportError> {
    // Whoever comes second finds the same provider installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("gl-k8s-integrator/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .http1_only()
        .connect_timeout(options.connect_timeout)
        .timeout(options.total_timeout);
    if options.proxy == Proxy::None {
        builder = builder.no_proxy();
    }
    if let Some(pem) = &options.extra_ca_pem {
        builder = builder.tls_certs_merge(authorities(pem)?);
    }
    let client = builder.build().map_err(|error| failure(error, "setting up HTTPS"))?;
    let limit = options.body_limit;
    Ok(Transport::new(tower::service_fn(move |request| carry(client.clone(), request, limit))))
}

/// The certificates in a PEM text; at least one.
fn authorities(pem: &str) -> Result<Vec<reqwest::Certificate>, TransportError> {
    let refused =
        |detail: String| TransportError::new(TransportErrorKind::Tls, format!("reading the CA certificate: {detail}"));
    let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|error| refused(in_words(&error.without_url())))?;
    if certificates.is_empty() {
        return Err(refused("it holds no PEM block CERTIFICATE".to_owned()));
    }
    Ok(certificates)
}

/// Sends one request and reads the whole answer.
async fn carry(
    client: reqwest::Client,
    request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, TransportError> {
    let request = reqwest::Request::try_from(request).map_err(|error| failure(error, "building the request"))?;
    let mut answer = client.execute(request).await.map_err(|error| failure(error, "sending the request"))?;
    let too_large = || {
        TransportError::new(TransportErrorKind::BodyTooLarge, format!("more than the {limit} bytes that are accepted"))
    };
    if answer.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failure(error, "reading the answer"))? {
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    let mut response = Response::new(body.freeze());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// Tells the ways to fail apart. The URL is left out: the caller says which endpoint it was.
fn failure(error: reqwest::Error, doing: &str) -> TransportError {
    let error = error.without_url();
    let kind = if error.is_timeout() {
        TransportErrorKind::TimedOut
    } else if is_about_tls(&error) {
        TransportErrorKind::Tls
    } else if error.is_dns() {
        TransportErrorKind::NameNotResolved
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_body() || error.is_decode() || error.is_request() {
        TransportErrorKind::Cut
    } else {
        TransportErrorKind::Other
    };
    TransportError::new(kind, format!("{doing}: {}", in_words(&error)))
}

/// Whether TLS is at the bottom of it.
pub(crate) fn is_about_tls(error: &(dyn StdError + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<rustls::Error>())
}

/// What the libraries say around a cause without saying anything more than our own words do.
const WRAPPINGS: &[&str] = &[
    "error sending request",
    "client error (Connect)",
    "client error (SendRequest)",
    "dns error",
    "error decoding response body",
    "request or response body error",
];

/// An error and its causes in one line, down to the one that a person can do something about.
pub(crate) fn in_words(error: &(dyn StdError + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in causes(error) {
        let text = cause.to_string();
        let says_nothing = WRAPPINGS.contains(&text.as_str()) && cause.source().is_some();
        if !says_nothing && !words.last().is_some_and(|last| last.contains(&text)) {
            words.push(text);
        }
    }
    words.join(": ")
}

/// An error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // An I/O error does not give what it wraps as its source, but the source of that.
        match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}
