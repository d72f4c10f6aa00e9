//! The transport of production, over real sockets.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tower::{Service, ServiceExt};

use crate::gitlab::{HttpOptions, Proxy, TransportError, TransportErrorKind, http_transport};

/// What a test server does with one connection, after it has read the request.
#[derive(Clone)]
enum Act {
    /// Answers with these bytes and closes.
    Answer(String),
    /// Answers with these bytes and keeps the connection open.
    AnswerAndHang(String),
}

/// Reads the head of a request, hands it on, and acts.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, act: Act, heads: mpsc::UnboundedSender<String>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let _ = heads.send(String::from_utf8_lossy(&head).to_lowercase());
    let (Act::Answer(bytes) | Act::AnswerAndHang(bytes)) = &act;
    let _ = stream.write_all(bytes.as_bytes()).await;
    let _ = stream.flush().await;
    match act {
        Act::Answer(_) => drop(stream.shutdown().await),
        Act::AnswerAndHang(_) => std::future::pending().await,
    }
}

/// A server that does the same with every connection; gives its port and the heads of the requests.
async fn server(act: Act, tls: Option<TlsAcceptor>) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heads) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (act, sender, tls) = (act.clone(), sender.clone(), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, act, sender).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, act, sender).await;
                        }
                    }
                }
            });
        }
    });
    (port, heads)
}

fn options() -> HttpOptions {
    HttpOptions { proxy: Proxy::None, ..HttpOptions::default() }
}

async fn get(options: &HttpOptions, url: &str) -> Result<http::Response<Bytes>, TransportError> {
    let request = Request::get(url).header("PRIVATE-TOKEN", "glpat-planted").body(Bytes::new()).unwrap();
    http_transport(options).unwrap().ready().await.unwrap().call(request).await
}

async fn failure(options: &HttpOptions, url: &str) -> TransportErrorKind {
    let error = get(options, url).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("glpat-planted"), "{error}");
    error.kind
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nX-Next-Page: 2\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn an_answer_arrives_with_status_headers_and_body_and_the_program_names_itself() {
    let (port, mut heads) = server(Act::Answer(ok("{}")), None).await;
    let answer = get(&options(), &format!("http://127.0.0.1:{port}/api/v4/metadata")).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-next-page"], &answer.body()[..]),
        (200, &http::HeaderValue::from_static("2"), &b"{}"[..])
    );
    let head = heads.recv().await.unwrap();
    assert!(head.contains("private-token: glpat-planted"), "{head}");
    assert!(head.contains(concat!("user-agent: gl-k8s-integrator/", env!("CARGO_PKG_VERSION"))), "{head}");
}

#[tokio::test]
async fn a_redirect_is_handed_back_and_the_other_host_sees_nothing() {
    let (other, mut seen_by_other) = server(Act::Answer(ok("{}")), None).await;
    for status in [301, 302, 303, 307, 308] {
        let redirect =
            format!("HTTP/1.1 {status} Elsewhere\r\nLocation: http://localhost:{other}/x\r\nContent-Length: 0\r\n\r\n");
        let (port, _heads) = server(Act::Answer(redirect), None).await;
        let answer = get(&options(), &format!("http://127.0.0.1:{port}/")).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
    assert!(seen_by_other.try_recv().is_err(), "the redirect was followed");
}

#[tokio::test]
async fn an_answer_above_the_limit_is_refused_whether_its_length_is_announced_or_not() {
    let options = HttpOptions { body_limit: 1_000, ..options() };
    let fitting = "x".repeat(1_000);
    let (port, _heads) = server(Act::Answer(ok(&fitting)), None).await;
    assert_eq!(get(&options, &format!("http://127.0.0.1:{port}/")).await.unwrap().body().len(), 1_000);
    let large = "x".repeat(1_001);
    for answer in [ok(&large), format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{large}")] {
        let (port, _heads) = server(Act::Answer(answer), None).await;
        let error = get(&options, &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::BodyTooLarge);
        assert!(error.to_string().contains("1000 bytes"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_stops_answering_is_given_up() {
    let options = HttpOptions { total_timeout: Duration::from_millis(300), ..options() };
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"] {
        let (port, _heads) = server(Act::AnswerAndHang(begun.to_owned()), None).await;
        assert_eq!(failure(&options, &format!("http://127.0.0.1:{port}/")).await, TransportErrorKind::TimedOut);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_no_answer() {
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"] {
        let (port, _heads) = server(Act::Answer(begun.to_owned()), None).await;
        assert_eq!(failure(&options(), &format!("http://127.0.0.1:{port}/")).await, TransportErrorKind::Cut);
    }
}

#[tokio::test]
async fn nobody_listening_and_an_unknown_name_are_told_apart() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(failure(&options(), &format!("http://127.0.0.1:{port}/")).await, TransportErrorKind::Connect);
    assert_eq!(failure(&options(), "https://gitlab.invalid/").await, TransportErrorKind::NameNotResolved);
}

#[tokio::test]
async fn a_failure_is_told_by_its_cause_and_not_by_what_is_wrapped_around_it() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = get(&options(), &format!("http://127.0.0.1:{port}/")).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "no connection could be made: sending the request: tcp connect error: Connection refused (os error 111)"
    );
}

/// A server certificate for 127.0.0.1, and the authority that signed it.
fn certificate() -> (TlsAcceptor, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), authority.pem())
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_where_it_was_given() {
    let (tls, authority) = certificate();
    let (port, mut heads) = server(Act::Answer(ok("{}")), Some(tls)).await;
    let url = format!("https://127.0.0.1:{port}/");
    assert_eq!(failure(&options(), &url).await, TransportErrorKind::Tls);
    let (_, other) = certificate();
    assert_eq!(failure(&HttpOptions { extra_ca_pem: Some(other), ..options() }, &url).await, TransportErrorKind::Tls);
    assert!(heads.try_recv().is_err(), "the token was sent to a server that is not trusted");
    let trusting = HttpOptions { extra_ca_pem: Some(authority), ..options() };
    assert_eq!(get(&trusting, &url).await.unwrap().status().as_u16(), 200);
}

#[test]
fn a_certificate_that_is_none_is_refused_when_the_transport_is_made() {
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = http_transport(&HttpOptions { extra_ca_pem: Some(pem.to_owned()), ..options() }).unwrap_err();
        assert_eq!(error.kind, TransportErrorKind::Tls, "{error}");
    }
}
