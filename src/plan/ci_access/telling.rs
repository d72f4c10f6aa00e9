//! The changes among a project's entries in GitLab, object by object and field by field.

use secrecy::ExposeSecret;

use super::{certificate, variables};
use crate::{
    gitlab::{Cluster, NewVariable, Variable},
    plan::change::{Action, Change, Field, veiled},
};

const MISSING: &str = "GitLab does not hold it";
const DIFFERENT: &str = "GitLab holds something else";
const UNWANTED: &str = "it is ours and no longer wanted";

/// What is to change among the variables.
pub fn of_variables(changes: &variables::Changes) -> Vec<Change> {
    let object = |key: &str, scope: &str| format!("variable {key} ({scope})");
    let created = changes.create.iter().map(|new| {
        Change::gitlab(Action::Create, object(&new.key, &new.environment_scope), MISSING).with(variable(new, None))
    });
    let updated = changes.update.iter().map(|(new, live)| {
        let fields = variable(new, Some(live));
        Change::gitlab(Action::Update, object(&new.key, &new.environment_scope), DIFFERENT).with(fields)
    });
    let removed = changes.remove.iter();
    let removed = removed.map(|(key, scope)| Change::gitlab(Action::Delete, object(key, scope), UNWANTED));
    created.chain(updated).chain(removed).collect()
}

/// Only the token and the kubeconfig are secrets, but a value that somebody else put in the place of another one may be one too.
fn variable(new: &NewVariable, live: Option<&Variable>) -> Vec<Field> {
    let secret = [variables::TOKEN, variables::KUBECONFIG].contains(&new.key.as_str());
    let value = new.value.expose_secret();
    let wanted_value = if secret { veiled(value) } else { value.to_owned() };
    let live_value =
        live.map(|live| live.value.as_ref().map_or("(hidden)".to_owned(), |old| veiled(old.expose_secret())));
    let same = live.and_then(|live| live.value.as_ref()).is_some_and(|old| old.expose_secret() == value);
    let mut fields = Vec::new();
    if !same {
        fields.extend(Field::of("value", live_value, Some(wanted_value)));
    }
    let mut field = |name: &str, before: Option<String>, after: String| {
        fields.extend(Field::of(name, before, Some(after)));
    };
    field("variable_type", live.map(|live| live.variable_type.as_str().into()), new.variable_type.as_str().into());
    field("protected", live.map(|live| live.protected.to_string()), new.protected.to_string());
    field("masked", live.map(|live| live.masked.to_string()), new.masked.to_string());
    field("raw", live.map(|live| live.raw.to_string()), new.raw.to_string());
    let mark = new.description.clone().unwrap_or_default();
    field("description", live.and_then(|live| live.description.clone()), mark);
    fields
}

/// What is to change among the cluster entries.
pub fn of_clusters(changes: &certificate::Changes) -> Vec<Change> {
    let object = |id: i64, scope: &str| format!("cluster entry {id} ({scope})");
    let created = changes.create.iter().map(|new| {
        let object = format!("cluster entry ({})", new.settings.environment_scope);
        Change::gitlab(Action::Create, object, MISSING).with(cluster(new, None))
    });
    let updated = changes.update.iter().map(|(live, new)| {
        let fields = cluster(new, Some(live));
        Change::gitlab(Action::Update, object(live.id, &new.settings.environment_scope), DIFFERENT).with(fields)
    });
    let removed = changes.remove.iter();
    let removed = removed.map(|(id, scope)| Change::gitlab(Action::Delete, object(*id, scope), UNWANTED));
    created.chain(updated).chain(removed).collect()
}

/// The token cannot be read back: it is always written with the rest.
fn cluster(new: &certificate::WantedCluster, live: Option<&Cluster>) -> Vec<Field> {
    let live = live.map(|live| &live.settings);
    let settings = &new.settings;
    let fields = [
        Field::of("name", live.map(|live| live.name.clone()), Some(settings.name.clone())),
        Field::of("enabled", live.map(|live| live.enabled.to_string()), Some(settings.enabled.to_string())),
        Field::of("managed", live.map(|live| live.managed.to_string()), Some(settings.managed.to_string())),
        Field::of(
            "namespace_per_environment",
            live.map(|live| live.namespace_per_environment.to_string()),
            Some(settings.namespace_per_environment.to_string()),
        ),
        Field::of("domain", live.and_then(|live| live.domain.clone()), settings.domain.clone()),
        Field::of("api_url", live.map(|live| live.api_url.clone()), Some(settings.api_url.clone())),
        Field::of("namespace", live.and_then(|live| live.namespace.clone()), settings.namespace.clone()),
        Field::of("ca_cert", live.and_then(|live| live.ca_cert.clone()), settings.ca_cert.clone()),
        Field::of("token", live.map(|_| "(cannot be read)".to_owned()), Some(veiled(new.token.expose_secret()))),
    ];
    fields.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gitlab::VariableType, plan::change::TO_BE_ISSUED};

    fn new(key: &str, value: &str) -> NewVariable {
        NewVariable {
            key: key.into(),
            value: value.into(),
            variable_type: VariableType::EnvVar,
            protected: true,
            masked: true,
            raw: true,
            environment_scope: "production".into(),
            description: Some("mark".into()),
        }
    }

    fn live(new: &NewVariable, value: &str) -> Variable {
        Variable {
            key: new.key.clone(),
            value: Some(value.into()),
            variable_type: new.variable_type,
            protected: false,
            masked: true,
            hidden: false,
            raw: true,
            environment_scope: new.environment_scope.clone(),
            description: Some("mark".into()),
        }
    }

    #[test]
    fn a_variable_is_told_by_what_differs_and_secrets_by_fingerprints() {
        let token = new(variables::TOKEN, "the-new-secret");
        let old = live(&token, "the-old-secret");
        let changes = variables::Changes { update: vec![(token, old)], ..variables::Changes::default() };
        let told = of_variables(&changes);
        let paths: Vec<_> = told[0].fields.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, ["value", "protected"]);
        assert!(!format!("{told:?}").contains("-secret"), "{told:?}");
    }

    #[test]
    fn a_value_that_is_in_the_way_of_ours_is_not_shown() {
        let url = new("KUBE_URL", "https://kube.example.com");
        let old = live(&url, "somebody's-secret");
        let changes = variables::Changes { update: vec![(url, old)], ..variables::Changes::default() };
        let text = format!("{:?}", of_variables(&changes));
        assert!(text.contains("https://kube.example.com") && !text.contains("somebody's"), "{text}");
    }

    #[test]
    fn a_token_that_does_not_exist_yet_is_told_so() {
        let kubeconfig = new(variables::KUBECONFIG, &format!("token: {TO_BE_ISSUED}\n"));
        let changes = variables::Changes { create: vec![kubeconfig], ..variables::Changes::default() };
        assert_eq!(of_variables(&changes)[0].fields[0].after.as_deref(), Some(TO_BE_ISSUED));
    }
}
