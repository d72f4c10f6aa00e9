//! The method `Variables`: CI/CD variables with the environment's scope.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{Access, Foreign};
use crate::{
    api::DeliveredEntry,
    gitlab::{NewVariable, Variable, VariableType},
    plan::{
        change::TO_BE_ISSUED,
        credentials::hex,
        ownership::{EntryVerdict, Mark, OtherMappings, judge_entry},
    },
};

/// The variable with the token.
pub const TOKEN: &str = "KUBE_TOKEN";
/// The variable with the kubeconfig.
pub const KUBECONFIG: &str = "KUBECONFIG";
/// Every key that this method may write: marks are looked for on these alone.
pub const KEYS: [&str; 7] =
    ["KUBE_URL", "KUBE_NAMESPACE", "KUBE_CA_PEM", "KUBE_CA_PEM_FILE", "KUBE_INGRESS_BASE_DOMAIN", TOKEN, KUBECONFIG];

/// What tells one content from another in status, without telling the content. Protection and the mark are left out:
/// they are compared when GitLab is read.
pub fn content_fingerprint(wanted: &NewVariable) -> String {
    let value = wanted.value.expose_secret();
    // A token that a plan only announces has none yet.
    if value.contains(TO_BE_ISSUED) {
        return TO_BE_ISSUED.to_owned();
    }
    fingerprint(value, wanted.variable_type, wanted.masked)
}

/// What status records of a variable once it was delivered.
pub fn entry(wanted: &NewVariable) -> DeliveredEntry {
    DeliveredEntry { key: wanted.key.clone(), fingerprint: content_fingerprint(wanted) }
}

fn same_place(wanted: &NewVariable, live: &Variable) -> bool {
    live.key == wanted.key && live.environment_scope == wanted.environment_scope
}

fn fingerprint(value: &str, variable_type: VariableType, masked: bool) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{variable_type:?} {masked} "));
    digest.update(value.as_bytes());
    hex(&digest.finalize()[..8])
}

/// The variables of one environment. Only `KUBE_TOKEN` and `KUBECONFIG` are secrets and follow the protection rule.
/// They come last, so that a job that starts in the middle of a first delivery finds no token without its namespace. All are
/// `raw`, so that nothing in a value is expanded.
pub fn wanted(access: Access<'_>) -> Vec<NewVariable> {
    let variable = |key: &str, value: &str, variable_type| NewVariable {
        key: key.to_owned(),
        value: value.into(),
        variable_type,
        masked: false,
        protected: false,
        raw: true,
        environment_scope: access.environment.to_owned(),
        description: Some(access.mark.to_string()),
    };
    let text = |key, value: &str| variable(key, value, VariableType::EnvVar);
    let mut wanted = vec![text("KUBE_URL", &access.endpoint.api_server), text("KUBE_NAMESPACE", access.namespace)];
    if let Some(pem) = &access.endpoint.ca_pem {
        wanted.push(text("KUBE_CA_PEM", pem));
        wanted.push(variable("KUBE_CA_PEM_FILE", pem, VariableType::File));
    }
    if let Some(domain) = &access.endpoint.ingress_base_domain {
        wanted.push(text("KUBE_INGRESS_BASE_DOMAIN", domain));
    }
    let token = text(TOKEN, access.token.expose_secret());
    wanted.push(NewVariable { masked: true, protected: access.protected, ..token });
    if access.kubeconfig {
        let kubeconfig = variable(KUBECONFIG, kubeconfig(access).expose_secret(), VariableType::File);
        wanted.push(NewVariable { protected: access.protected, ..kubeconfig });
    }
    wanted
}

/// The kubeconfig with the context `gitlab-deploy`, as GitLab's certificate-based integration writes it
/// (lib/gitlab/kubernetes.rb, `to_kubeconfig`).
fn kubeconfig(access: Access<'_>) -> SecretString {
    let ca = access
        .endpoint
        .ca_pem
        .as_ref()
        .map_or_else(String::new, |pem| format!("    certificate-authority-data: {}\n", STANDARD.encode(pem)));
    format!(
        "---\napiVersion: v1\nclusters:\n- name: gitlab-deploy\n  cluster:\n    server: {server}\n{ca}contexts:\n\
         - name: gitlab-deploy\n  context:\n    cluster: gitlab-deploy\n    namespace: {namespace}\n    \
         user: gitlab-deploy\ncurrent-context: gitlab-deploy\nkind: Config\nusers:\n- name: gitlab-deploy\n  user:\n    \
         token: {token}\n",
        server = access.endpoint.api_server,
        namespace = access.namespace,
        token = access.token.expose_secret(),
    )
    .into()
}

/// What has to change among a project's variables.
#[derive(Debug, Default)]
pub struct Changes {
    /// Missing ones.
    pub create: Vec<NewVariable>,
    /// Ours, but different: as they should be, and as they are.
    pub update: Vec<(NewVariable, Variable)>,
    /// Ours, but no longer wanted: key and scope.
    pub remove: Vec<(String, String)>,
    /// In the way, and not ours.
    pub foreign: Vec<Foreign>,
}

/// Compares what is wanted with a complete listing of the project's variables.
///
/// `recorded` gives the fingerprint that status recorded for a scope and key; `undecided` are scopes of environments
/// that could not be worked out in this pass, whose entries stay as they are.
pub fn changes(
    wanted: &[NewVariable],
    live: &[Variable],
    mark: &Mark,
    recorded: &dyn Fn(&str, &str) -> Option<String>,
    undecided: &dyn Fn(&str) -> bool,
    others: &dyn OtherMappings,
) -> Changes {
    let mut changes = Changes::default();
    let verdict = |live: &Variable| {
        let value =
            live.value.as_ref().map(|value| fingerprint(value.expose_secret(), live.variable_type, live.masked));
        let as_recorded = value.is_some() && value == recorded(&live.environment_scope, &live.key);
        judge_entry(live.description.as_deref(), mark, as_recorded, others)
    };
    for want in wanted {
        match live.iter().find(|live| same_place(want, live)).map(|live| (live, verdict(live))) {
            None => changes.create.push(want.clone()),
            Some((_, EntryVerdict::NotOurs { owner })) => changes.foreign.push(Foreign {
                what: format!("variable {}", want.key),
                scope: want.environment_scope.clone(),
                owner,
            }),
            Some((live, EntryVerdict::Ours)) if equal(want, live, recorded) => {}
            Some((live, EntryVerdict::Ours | EntryVerdict::Remark)) => {
                changes.update.push((want.clone(), live.clone()))
            }
        }
    }
    changes.remove = live
        .iter()
        .filter(|live| KEYS.contains(&live.key.as_str()))
        .filter(|live| !undecided(&live.environment_scope) && !wanted.iter().any(|want| same_place(want, live)))
        .filter(|live| !matches!(verdict(live), EntryVerdict::NotOurs { .. }))
        .map(|live| (live.key.clone(), live.environment_scope.clone()))
        .collect();
    changes
}

/// A hidden variable reads back without its value: then what status recorded has to do.
fn equal(want: &NewVariable, live: &Variable, recorded: &dyn Fn(&str, &str) -> Option<String>) -> bool {
    let value = match &live.value {
        Some(value) => value.expose_secret() == want.value.expose_secret(),
        None => recorded(&want.environment_scope, &want.key).as_deref() == Some(&content_fingerprint(want)),
    };
    value
        && live.variable_type == want.variable_type
        && live.masked == want.masked
        && live.protected == want.protected
        && live.raw
        && live.description == want.description
}

/// Whether one of our secrets in this scope is protected now; one counts that a mapping left here that is gone.
pub fn is_protected_now(live: &[Variable], scope: &str, mark: &Mark, others: &dyn OtherMappings) -> bool {
    live.iter()
        .filter(|live| live.environment_scope == scope && [TOKEN, KUBECONFIG].contains(&live.key.as_str()))
        .filter(|live| live.protected)
        .any(|live| match judge_entry(live.description.as_deref(), mark, false, others) {
            EntryVerdict::Ours | EntryVerdict::Remark => true,
            EntryVerdict::NotOurs { .. } => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ci_access::Endpoint, ownership::Others};

    fn mark() -> Mark {
        Mark { cluster: "ICC".into(), cluster_uid: "u1".into(), mapping: "web".into() }
    }

    fn with_access<T>(token: &str, ca: Option<&str>, act: impl FnOnce(Access<'_>) -> T) -> T {
        let (mark, token) = (mark(), SecretString::from(token));
        let endpoint = Endpoint {
            api_server: "https://kube.example.com:6443".into(),
            ca_pem: ca.map(Into::into),
            ingress_base_domain: Some("icc.example.edu".into()),
        };
        act(Access {
            environment: "production",
            namespace: "web-app-42-production",
            token: &token,
            endpoint: &endpoint,
            kubeconfig: true,
            protected: true,
            mark: &mark,
        })
    }

    fn all(token: &str) -> Vec<NewVariable> {
        with_access(token, Some("PEM"), wanted)
    }

    fn as_live(want: &NewVariable) -> Variable {
        Variable {
            key: want.key.clone(),
            value: Some(want.value.clone()),
            variable_type: want.variable_type,
            protected: want.protected,
            masked: want.masked,
            hidden: false,
            raw: true,
            environment_scope: want.environment_scope.clone(),
            description: want.description.clone(),
        }
    }

    fn writes_nothing(changes: &Changes) -> bool {
        changes.create.is_empty() && changes.update.is_empty() && changes.remove.is_empty()
    }

    fn compare(wanted: &[NewVariable], live: &[Variable], recorded: Option<&str>) -> Changes {
        let recorded = recorded.map(str::to_owned);
        changes(wanted, live, &mark(), &|_, _| recorded.clone(), &|scope| scope == "undecided", &Others(&["other"]))
    }

    #[test]
    fn the_kubeconfig_is_gitlabs_own() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/gitlab_vectors.json")).unwrap();
        let texts = &vectors["kubeconfig"]["texts"];
        let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
        let text = |ca| with_access("TOKEN", ca, |access| kubeconfig(access).expose_secret().to_owned());
        assert_eq!(text(Some(pem)), texts["legacy_with_ca"].as_str().unwrap());
        assert_eq!(text(None), texts["legacy_without_ca"].as_str().unwrap());
    }

    #[test]
    fn only_the_secrets_are_protected_and_only_the_token_is_masked() {
        let wanted = all("TOKEN");
        let keys = |test: fn(&NewVariable) -> bool| {
            wanted.iter().filter(|want| test(want)).map(|want| want.key.clone()).collect::<Vec<_>>()
        };
        assert_eq!(keys(|_| true), KEYS);
        assert_eq!(keys(|want| want.protected), [TOKEN, KUBECONFIG]);
        assert_eq!(keys(|want| want.masked), [TOKEN]);
        assert_eq!(keys(|want| want.variable_type == VariableType::File), ["KUBE_CA_PEM_FILE", KUBECONFIG]);
    }

    #[test]
    fn what_is_as_wanted_is_not_written() {
        let wanted = all("TOKEN");
        let live: Vec<_> = wanted.iter().map(as_live).collect();
        let changes = compare(&wanted, &live, None);
        assert!(writes_nothing(&changes) && changes.foreign.is_empty(), "{changes:?}");
        let mut hidden = live.clone();
        hidden[0].value = None;
        assert!(writes_nothing(&compare(&wanted[..1], &hidden[..1], Some(&content_fingerprint(&wanted[0])))));
        assert_eq!(compare(&wanted[..1], &hidden[..1], None).update.len(), 1);
    }

    #[test]
    fn each_edited_attribute_is_put_back() {
        let wanted = all("TOKEN");
        let edits: [fn(&mut Variable); 5] = [
            |live| live.value = Some("edited".into()),
            |live| live.protected = !live.protected,
            |live| live.masked = !live.masked,
            |live| live.raw = false,
            |live| {
                live.variable_type = match live.variable_type {
                    VariableType::File => VariableType::EnvVar,
                    VariableType::EnvVar => VariableType::File,
                }
            },
        ];
        for edit in edits {
            for want in &wanted {
                let mut live = as_live(want);
                edit(&mut live);
                assert_eq!(compare(std::slice::from_ref(want), &[live], None).update.len(), 1, "{}", want.key);
            }
        }
    }

    #[test]
    fn a_lost_mark_is_restored_only_on_what_we_recorded() {
        let want = &all("TOKEN")[0];
        let mut live = as_live(want);
        live.description = None;
        let changes = compare(std::slice::from_ref(want), &[live.clone()], Some(&content_fingerprint(want)));
        assert_eq!((changes.update.len(), changes.foreign.len()), (1, 0));
        let changes = compare(std::slice::from_ref(want), &[live], Some("something else"));
        assert_eq!((changes.update.len(), changes.foreign.len()), (0, 1));
    }

    #[test]
    fn ours_that_are_no_longer_wanted_go_and_nothing_else() {
        let live: Vec<_> = all("TOKEN").iter().map(as_live).collect();
        assert_eq!(compare(&[], &live, None).remove.len(), KEYS.len());
        let spoil: [fn(&mut Variable); 4] = [
            |live| live.description = None,
            |live| live.description = Some(Mark { mapping: "other".into(), ..mark() }.to_string()),
            |live| live.key = "SOMETHING_ELSE".into(),
            |live| live.environment_scope = "undecided".into(),
        ];
        for spoil in spoil {
            let mut live = live[0].clone();
            spoil(&mut live);
            assert!(compare(&[], &[live.clone()], None).remove.is_empty(), "{live:?}");
        }
    }

    #[test]
    fn protection_of_our_own_secrets_is_remembered() {
        let live = as_live(all("TOKEN").iter().find(|want| want.key == TOKEN).unwrap());
        let now = |live: &Variable, scope: &str| {
            is_protected_now(std::slice::from_ref(live), scope, &mark(), &Others(&["other"]))
        };
        let of = |mapping: &str| Some(Mark { mapping: mapping.to_owned(), ..mark() }.to_string());
        assert!(now(&live, "production"));
        assert!(!now(&live, "staging"));
        assert!(
            now(&Variable { description: of("gone"), ..live.clone() }, "production"),
            "a gone mapping's is ours now"
        );
        for description in [of("other"), None] {
            assert!(!now(&Variable { description, ..live.clone() }, "production"));
        }
        assert!(!now(&Variable { protected: false, ..live }, "production"));
    }
}
