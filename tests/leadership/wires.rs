//! What lies between one operator and the two servers, so that it is known who called, and so that one can be cut off alone.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::Request};
use gitlab_simulator::Simulator;
use http::Method;
use jiff::Timestamp;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tower::ServiceExt as _;

/// A call to GitLab.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub received: Timestamp,
    pub answered: Timestamp,
}

/// A proxy on the way to GitLab, as `HTTP_PROXY` names one.
pub struct GitLabWire {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    task: JoinHandle<()>,
}

impl GitLabWire {
    pub async fn to(simulator: &Simulator) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let (record, router) = (calls.clone(), simulator.router());
        let proxy = Router::new().fallback(move |request: Request| {
            let (record, router) = (record.clone(), router.clone());
            async move {
                let (method, path) = (request.method().clone(), request.uri().path().to_owned());
                let received = Timestamp::now();
                // Recorded before the answer, which may find nobody any more.
                let number = {
                    let mut record = record.lock().unwrap();
                    record.push(Call { method, path, received, answered: received });
                    record.len() - 1
                };
                let answer = router.oneshot(request).await.unwrap();
                record.lock().unwrap()[number].answered = Timestamp::now();
                answer
            }
        });
        let task = tokio::spawn(async move { axum::serve(listener, proxy).await.unwrap() });
        Self { url, calls, task }
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

/// A way to the API server that can be cut: then nothing arrives any more in either direction, and no connection ends.
pub struct KubernetesWire {
    pub url: String,
    cut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl KubernetesWire {
    pub async fn to(server_url: &str) -> Self {
        let server = server_url.trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let cut = watch::Sender::new(false);
        let state = cut.clone();
        let task = tokio::spawn(async move {
            loop {
                let (from, _) = listener.accept().await.unwrap();
                tokio::spawn(carry(from, server.clone(), state.subscribe()));
            }
        });
        Self { url, cut, task }
    }

    /// From now on the API server is away for whoever uses this wire.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }
}

async fn carry(mut from: TcpStream, server: String, mut cut: watch::Receiver<bool>) {
    let through = async {
        if let Ok(mut to) = TcpStream::connect(&server).await {
            // A connection that breaks off is an end like any other.
            copy_bidirectional(&mut from, &mut to).await.ok();
        }
    };
    tokio::select! {
        () = through => return,
        _ = cut.wait_for(|cut| *cut) => {}
    }
    // Keeps the connection and says nothing, until the test ends.
    std::future::pending::<()>().await;
}

impl Drop for GitLabWire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for KubernetesWire {
    fn drop(&mut self) {
        self.task.abort();
    }
}
