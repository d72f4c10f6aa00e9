//! Changes that a plan tells of and calls that a pass makes, in the same words.

use gl_k8s_integrator::plan::change::{Action, Change, System};

use crate::seams::Call;

/// What is sent for a change: method and the end of the path.
pub fn sent(change: &Change) -> Vec<String> {
    let object = change.object.replace(" (status)", "");
    let (kind, name) = object.split_once(' ').unwrap();
    let (place, name) = name.rsplit_once('/').unwrap_or(("", name));
    let plural = match kind {
        "NetworkPolicy" => "networkpolicies".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    if change.system == System::GitLab {
        let name = name.trim_start_matches("entry ");
        let (name, _scope) = name.split_once(' ').unwrap_or((name, ""));
        return vec![match (change.action, kind) {
            (Action::Create, "cluster") => "POST user".to_owned(),
            (Action::Create, _) => format!("POST {plural}"),
            (Action::Update, _) => format!("PUT {name}"),
            (_, _) => format!("DELETE {name}"),
        }];
    }
    match (change.action, kind) {
        (Action::Issue, _) => vec!["POST token".to_owned()],
        (Action::Create, "Namespace") => vec!["POST namespaces".to_owned()],
        (Action::Create | Action::Update, _) if change.object.ends_with("(status)") => vec!["PATCH status".to_owned()],
        (Action::Create | Action::Update, _) => vec![format!("PATCH {place}/{plural}/{name}")],
        (Action::Replace, _) => {
            vec![format!("DELETE {place}/{plural}/{name}"), format!("PATCH {place}/{plural}/{name}")]
        }
        (Action::Delete, _) => vec![format!("DELETE {place}/{plural}/{name}")],
    }
}

/// The same of a call that was made.
pub fn made(call: &Call) -> String {
    let path = call.path.split('?').next().unwrap();
    let parts: Vec<_> = path.rsplit('/').collect();
    let end = match parts[..] {
        ["status" | "token" | "user" | "variables" | "environments", ..] => parts[0].to_owned(),
        [name, "variables" | "clusters", ..] => name.to_owned(),
        [name, plural @ ("namespaces" | "projectmappings"), ..] => format!("/{plural}/{name}"),
        ["namespaces", ..] => "namespaces".to_owned(),
        [name, plural, namespace, ..] => format!("{namespace}/{plural}/{name}"),
        _ => path.to_owned(),
    };
    format!("{} {end}", call.method)
}
