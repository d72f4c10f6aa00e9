//! A client that knows nothing: it sends bytes and reads bytes, over connections that it keeps.

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

/// One server with the credential for it.
#[derive(Clone)]
pub struct Server {
    http: reqwest::Client,
    base: String,
    credential: (&'static str, HeaderValue),
}

impl Server {
    /// The API server, with a bearer token.
    pub fn kubernetes(base: &str, ca_pem: &str, token: &str) -> anyhow::Result<Self> {
        let ca = reqwest::Certificate::from_pem(ca_pem.as_bytes())?;
        let http = client().tls_certs_only([ca]).build()?;
        Self::with(http, base, ("authorization", &format!("Bearer {token}")))
    }

    /// GitLab.
    pub fn gitlab(base: &str, token: &str) -> anyhow::Result<Self> {
        Self::with(client().build()?, base, ("private-token", token))
    }

    fn with(http: reqwest::Client, base: &str, (name, value): (&'static str, &str)) -> anyhow::Result<Self> {
        let mut value = HeaderValue::from_str(value).context("the token cannot be one")?;
        value.set_sensitive(true);
        Ok(Self { http, base: base.to_owned(), credential: (name, value) })
    }

    /// Sends a request; gives status and body, and the seconds that the server asks to wait.
    pub async fn send(
        &self,
        method: &Method,
        target: &str,
        types: Types<'_>,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Bytes, Option<u64>)> {
        let mut request = self.http.request(method.clone(), format!("{}{target}", self.base));
        request = request.header(self.credential.0, self.credential.1.clone());
        if let Some(content) = types.content {
            request = request.header(header::CONTENT_TYPE, content);
        }
        if let Some(accept) = types.accept {
            request = request.header(header::ACCEPT, accept);
        }
        let answer = request.body(body).send().await.with_context(|| format!("{method} {target}"))?;
        let (status, wait) = (answer.status(), answer.headers().get(header::RETRY_AFTER));
        let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
        Ok((status, answer.bytes().await.with_context(|| format!("{method} {target}"))?, wait))
    }
}

/// What is sent and what is asked for.
#[derive(Clone, Copy, Default)]
pub struct Types<'a> {
    /// `Content-Type`.
    pub content: Option<&'a str>,
    /// `Accept`.
    pub accept: Option<&'a str>,
}

/// HTTP/1.1 without proxy, without limits.
pub fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().http1_only().redirect(reqwest::redirect::Policy::none())
}
