//! Which writes a user sent, from the API server's audit log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

/// One write that the API server answered: create, update, patch or delete, also when it was refused or changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedWrite {
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The plural, with the subresource after a slash: `serviceaccounts/token`.
    pub resource: String,
    /// Empty for objects without a namespace.
    pub namespace: String,
    /// Empty for a name that the server generates, and for collections.
    pub name: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Whether it was a dry-run, which stores nothing.
    pub dry_run: bool,
}

/// A write, and when the API server had to do with it, by its own clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedWrite {
    /// What was written.
    pub write: AuditedWrite,
    /// When the request came.
    pub received: Timestamp,
    /// When it was answered.
    pub answered: Timestamp,
}

/// The part of `audit.k8s.io/v1` `Event` that is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    #[serde(rename = "requestURI", default)]
    request_uri: String,
    user: User,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
    object_ref: Option<ObjectReference>,
    response_status: Option<ResponseStatus>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
    #[serde(default)]
    extra: BTreeMap<String, Vec<String>>,
}

/// Where the API server notes which of a service account's tokens was used.
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectReference {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

/// All writes of this user in the log, in its order.
pub(crate) fn writes_by(audit_log: &Path, user: &str) -> io::Result<Vec<AuditedWrite>> {
    Ok(events(audit_log, |event| event.user.username == user)?.into_iter().map(write).collect())
}

/// All writes that were sent with this token of a service account, in the order of the log.
pub(crate) fn writes_with_token(audit_log: &Path, token: &str) -> io::Result<Vec<DatedWrite>> {
    let credential = credential(token).ok_or_else(|| io::Error::other("this is no token of a service account"))?;
    let of_token = |event: &Event| event.user.extra.get(CREDENTIAL).is_some_and(|used| used.contains(&credential));
    let dated = |event: Event| DatedWrite {
        received: event.request_received_timestamp,
        answered: event.stage_timestamp,
        write: write(event),
    };
    Ok(events(audit_log, of_token)?.into_iter().map(dated).collect())
}

/// What the API server calls this token: the claim `jti` in it.
fn credential(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        jti: String,
    }
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Some(format!("JTI={}", claims.jti))
}

fn events(audit_log: &Path, wanted: impl Fn(&Event) -> bool) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    for line in BufReader::new(File::open(audit_log)?).lines() {
        // The last line may be half written; then it counts the next time.
        let Ok(event) = serde_json::from_str::<Event>(&line?) else { continue };
        if wanted(&event) {
            events.push(event);
        }
    }
    Ok(events)
}

fn write(event: Event) -> AuditedWrite {
    let object = event.object_ref.unwrap_or_default();
    let resource = match object.subresource.as_str() {
        "" => object.resource,
        subresource => format!("{}/{subresource}", object.resource),
    };
    AuditedWrite {
        verb: event.verb,
        resource,
        namespace: object.namespace,
        name: object.name,
        status: event.response_status.map(|status| status.code).unwrap_or_default(),
        dry_run: event.request_uri.contains("dryRun=All"),
    }
}
