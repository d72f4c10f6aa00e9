//! What the API server's log says about the requests of the operator's account.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Deserialize;

use crate::bed::OPERATOR;

/// How often the log is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The last lines may be late.
const LATENESS: Duration = Duration::from_millis(200);

/// The log of one API server.
pub struct Audit {
    log: PathBuf,
}

/// A place in the log.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// One request that was answered, or one watch that began.
#[derive(Clone, Debug)]
pub struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` …
    pub verb: String,
    /// The plural, with the subresource after a slash.
    pub resource: String,
    /// The status of the answer.
    pub status: u16,
    /// When it was answered.
    pub at: Timestamp,
}

impl Request {
    /// Whether it may have changed something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch") && !self.resource.starts_with("selfsubject")
    }

    /// Whether it is about who leads, which goes on for ever.
    pub fn is_about_leading(&self) -> bool {
        self.resource == "leases"
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    stage: String,
    user: User,
    object_ref: Option<Reference>,
    response_status: Option<Status>,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Reference {
    resource: String,
    subresource: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

impl Audit {
    /// The log in this file.
    pub fn new(log: PathBuf) -> Self {
        Self { log }
    }

    /// The end of the log, once it holds all that was answered.
    pub async fn mark(&self) -> anyhow::Result<Mark> {
        tokio::time::sleep(LATENESS).await;
        self.end()
    }

    fn end(&self) -> anyhow::Result<Mark> {
        Ok(Mark(std::fs::metadata(&self.log).context("there is no audit log")?.len()))
    }

    /// All requests since a mark, but for the election of a leader.
    pub fn since(&self, mark: Mark) -> anyhow::Result<Vec<Request>> {
        self.read(mark).map(|(requests, _)| requests)
    }

    fn read(&self, mark: Mark) -> anyhow::Result<(Vec<Request>, Mark)> {
        let mut log = File::open(&self.log).context("there is no audit log")?;
        log.seek(SeekFrom::Start(mark.0))?;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)?;
        // The last line may be half written; then it is read the next time.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let user = format!("system:serviceaccount:{OPERATOR}:{OPERATOR}");
        let mut requests = Vec::new();
        for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Event = serde_json::from_slice(line).context("a line of the audit log cannot be read")?;
            // A watch counts when it begins, everything else when it ends.
            let counts = (event.verb == "watch") == (event.stage == "ResponseStarted");
            if counts && event.user.username == user {
                requests.push(request(event));
            }
        }
        requests.retain(|request| !request.is_about_leading());
        Ok((requests, Mark(mark.0 + whole as u64)))
    }

    /// Waits until nothing was requested for this long; gives when the last request since `mark` was answered. `None`
    /// when there was none.
    pub async fn quiet(
        &self,
        mark: Mark,
        for_this_long: Duration,
        limit: Duration,
    ) -> anyhow::Result<Option<Timestamp>> {
        let deadline = tokio::time::Instant::now() + limit;
        let (mut mark, mut last, mut calm_since) = (mark, None, tokio::time::Instant::now());
        while calm_since.elapsed() < for_this_long {
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "the operator did not come to rest");
            tokio::time::sleep(POLL_INTERVAL).await;
            let (requests, end) = self.read(mark)?;
            mark = end;
            if let Some(latest) = requests.iter().map(|request| request.at).max() {
                last = last.max(Some(latest));
                calm_since = tokio::time::Instant::now();
            }
        }
        Ok(last)
    }
}

fn request(event: Event) -> Request {
    let object = event.object_ref.unwrap_or_default();
    let resource = match object.subresource.as_str() {
        "" => object.resource,
        subresource => format!("{}/{subresource}", object.resource),
    };
    Request {
        verb: event.verb,
        resource,
        status: event.response_status.map(|status| status.code).unwrap_or_default(),
        at: event.stage_timestamp,
    }
}

/// How many requests there were of each verb.
pub fn by_verb(requests: &[Request]) -> BTreeMap<String, usize> {
    counted(requests.iter().map(|request| request.verb.clone()))
}

/// How many requests there were of each verb and resource, those that did not succeed apart, by status.
pub fn by_resource(requests: &[Request]) -> BTreeMap<String, usize> {
    counted(requests.iter().map(|request| match request.status {
        0..400 => format!("{} {}", request.verb, request.resource),
        status => format!("{} {} {status}", request.verb, request.resource),
    }))
}

/// How often each occurs.
pub fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}
