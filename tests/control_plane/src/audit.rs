//! Which writes a user sent, from the API server's audit log.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

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

/// The part of `audit.k8s.io/v1` `Event` that is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    verb: String,
    #[serde(rename = "requestURI", default)]
    request_uri: String,
    user: User,
    object_ref: Option<ObjectReference>,
    response_status: Option<ResponseStatus>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

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
    let mut writes = Vec::new();
    for line in BufReader::new(File::open(audit_log)?).lines() {
        // The last line may be half written; then it counts the next time.
        let Ok(event) = serde_json::from_str::<Event>(&line?) else { continue };
        if event.user.username == user {
            writes.push(write(event));
        }
    }
    Ok(writes)
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
