//! The simulator over a socket, with or without TLS.

use std::io;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::simulator::Simulator;

/// A listening simulator; it stops when this is dropped.
#[derive(Debug)]
pub struct RunningSimulator {
    base_url: String,
    task: JoinHandle<()>,
}

impl RunningSimulator {
    /// The address to call, without a trailing slash: `http://127.0.0.1:40123`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

impl Drop for RunningSimulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Simulator {
    /// Serves on a bound listener, in plain HTTP.
    pub fn serve(&self, listener: TcpListener) -> io::Result<RunningSimulator> {
        self.serve_with(listener, None)
    }

    /// Serves on a bound listener with TLS.
    pub fn serve_tls(&self, listener: TcpListener, tls: Arc<rustls::ServerConfig>) -> io::Result<RunningSimulator> {
        self.serve_with(listener, Some(TlsAcceptor::from(tls)))
    }

    fn serve_with(&self, listener: TcpListener, tls: Option<TlsAcceptor>) -> io::Result<RunningSimulator> {
        let base_url = self.listens_at(&listener, tls.is_some())?;
        let task = tokio::spawn(accept(self.clone(), listener, tls));
        Ok(RunningSimulator { base_url, task })
    }
}

/// Accepts connections until aborted; their tasks end with this one.
async fn accept(simulator: Simulator, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A failed accept concerns one caller (for example one that went away); the listener stays good.
                let Ok((stream, _)) = accepted else { continue };
                // Small answers shall not wait for the peer's acknowledgements; without the option they are only slower.
                let _ = stream.set_nodelay(true);
                let (simulator, tls) = (simulator.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve_connection(simulator, stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve_connection(simulator, stream).await;
                            }
                        }
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(simulator: Simulator, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let service = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let simulator = simulator.clone();
        // An error makes hyper close the connection without an answer.
        async move { simulator.respond(request.map(axum::body::Body::new)).await }
    });
    // An error here means that the peer went away or that a fault cut the connection: nothing to do.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
