//! The record of every request received. Secrets in bodies and queries are replaced by a fingerprint.

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::faults::FaultKind;
use super::form;
use super::request::Request;

/// The longest record; the oldest entries are dropped beyond it.
const LONGEST: usize = 100_000;

/// Parameters whose value is secret.
const SECRETS: [&str; 6] = ["token", "value", "private_token", "access_token", "password", "job_token"];

/// One request and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// Number in the order in which requests were done, from 1, never reset.
    pub number: u64,
    /// Method.
    pub method: String,
    /// Path and query as sent, secrets in the query replaced.
    pub path: String,
    /// The status of the answer, also of one that a fault then lost; none when it had no effect and no answer.
    pub status: Option<u16>,
    /// The token that was presented, if it is known.
    pub token_id: Option<u64>,
    /// The user of that token.
    pub user_id: Option<u64>,
    /// The fault that struck.
    pub fault: Option<FaultKind>,
    /// Parameters of the body; secrets as `sha256:…`.
    pub body: Value,
    #[serde(skip)]
    original: Original,
}

impl Recorded {
    /// The body with its secrets, for tests that must know them. Nothing prints or serialises it.
    pub fn body_with_secrets(&self) -> &Map<String, Value> {
        &self.original.0
    }
}

#[derive(Clone)]
struct Original(Map<String, Value>);

impl fmt::Debug for Original {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Original(…)")
    }
}

/// All requests since the last clearing.
#[derive(Debug, Default)]
pub struct Record {
    entries: VecDeque<Recorded>,
    last: u64,
}

impl Record {
    /// Adds one.
    pub fn add(&mut self, request: &Request, status: Option<u16>, who: Option<(u64, u64)>, fault: Option<FaultKind>) {
        self.last += 1;
        if self.entries.len() == LONGEST {
            self.entries.pop_front();
        }
        self.entries.push_back(Recorded {
            number: self.last,
            method: request.method.to_string(),
            path: target(request),
            status,
            token_id: who.map(|(token, _)| token),
            user_id: who.map(|(_, user)| user),
            fault,
            body: Value::Object(without_secrets(&request.body)),
            original: Original(request.body.clone()),
        });
    }

    /// All, oldest first.
    pub fn all(&self) -> Vec<Recorded> {
        self.entries.iter().cloned().collect()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

/// What stands for a secret in the record: `sha256:` and the digest in hexadecimal.
pub fn fingerprint(secret: &str) -> String {
    let digest = Sha256::digest(secret);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn without_secrets(body: &Map<String, Value>) -> Map<String, Value> {
    body.iter().map(|(key, value)| (key.clone(), without_secret(key, value))).collect()
}

fn without_secret(key: &str, value: &Value) -> Value {
    match value {
        Value::Object(inner) => Value::Object(without_secrets(inner)),
        Value::Array(list) => list.iter().map(|element| without_secret(key, element)).collect(),
        Value::String(text) if SECRETS.contains(&key) => Value::from(fingerprint(text)),
        other => other.clone(),
    }
}

fn target(request: &Request) -> String {
    let pairs = form::pairs(&request.query);
    if !pairs.iter().any(|(key, _)| SECRETS.contains(&key.as_str())) {
        return request.target();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in &pairs {
        let secret = SECRETS.contains(&key.as_str());
        query.append_pair(key, &if secret { fingerprint(value) } else { value.clone() });
    }
    format!("{}?{}", request.path, query.finish())
}
