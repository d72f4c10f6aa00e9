//! A transport for tests that gives answers from a list and keeps what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;

use crate::gitlab::{Client, Pace, Transport, TransportError, TransportErrorKind};

pub const TOKEN: &str = "glpat-scripted-token-0123456789";

/// What comes back for a request.
pub type Answer = Result<Response<Bytes>, TransportError>;

/// The answers still to give, and the requests received.
#[derive(Clone, Default)]
pub struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Script {
    pub fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), requests: Arc::default() }
    }

    pub fn client(&self) -> Client {
        let script = self.clone();
        let transport = Transport::new(tower::service_fn(move |request| {
            let script = script.clone();
            async move {
                script.requests.lock().unwrap().push(request);
                let ended = || Err(TransportError::new(TransportErrorKind::Other, "the script has ended"));
                script.answers.lock().unwrap().pop_front().unwrap_or_else(ended)
            }
        }));
        let pace = Arc::new(Pace::new(|| 0.5));
        Client::new("https://gitlab.example.edu", SecretString::from(TOKEN), transport, pace).unwrap()
    }

    /// `METHOD path?query` of each request so far.
    pub fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|request| format!("{} {}", request.method(), request.uri().path_and_query().unwrap()))
            .collect()
    }

    /// The body of the last request.
    pub fn last_body(&self) -> serde_json::Value {
        serde_json::from_slice(self.requests.lock().unwrap().last().unwrap().body()).unwrap()
    }

    /// The headers of the last request.
    pub fn last_headers(&self) -> http::HeaderMap {
        self.requests.lock().unwrap().last().unwrap().headers().clone()
    }
}

/// An answer with a body.
pub fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    Ok(Response::builder().status(status).body(body.into()).unwrap())
}

/// An answer with a header and a body.
pub fn answer_with(status: u16, header: (&'static str, &str), body: impl Into<Bytes>) -> Answer {
    Ok(Response::builder().status(status).header(header.0, header.1).body(body.into()).unwrap())
}

/// No answer.
pub fn broken(kind: TransportErrorKind) -> Answer {
    Err(TransportError::new(kind, "scripted"))
}
