//! What GitLab holds for an environment: the same token that stands in the namespace, and the same address.

use secrecy::{ExposeSecret as _, SecretString};

use super::{checks::Check, findings::Finding};
use crate::{
    api::CiAccessMethod,
    declared::{Instance, Mapping},
    facts::{instance::Access, problems},
    gitlab::{Cluster, Variable},
    plan::{
        ci_access::{Access as JobAccess, Endpoint, certificate, variables},
        credentials::fingerprint,
        ownership::Mark,
    },
};

const REMEDY: &str = "ask for a new delivery: kubectl annotate projectmapping NAME --overwrite gl-k8s.dev/renew=\"$(date -Iseconds)\"; if it stays, see the mapping's conditions";

/// What was delivered to one environment.
pub struct Delivered<'a> {
    /// The name in findings.
    pub object: String,
    /// The environment.
    pub environment: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The token in it.
    pub token: &'a SecretString,
    /// GitLab's id of the cluster entry on record.
    pub cluster_id: Option<i64>,
}

/// Checks all environments of a mapping.
pub async fn check(
    access: &Access,
    instance: &Instance,
    mapping: &Mapping,
    project_id: i64,
    endpoint: &Endpoint,
    delivered: &[Delivered<'_>],
) -> Vec<Finding> {
    let failed = |error| problems::gitlab("read what was delivered", &error);
    let mut findings = Vec::new();
    // Only what is compared is computed from it, and no mark is.
    let mark =
        Mark { cluster: instance.cluster_name.clone(), cluster_uid: String::new(), mapping: mapping.name.clone() };
    match mapping.ci_access.method {
        CiAccessMethod::None => {}
        CiAccessMethod::Variables => {
            // One listing for all environments: GitLab's paid editions write an audit event for each read.
            let live = access.client.variables(project_id).await.map_err(failed);
            for delivered in delivered {
                findings.push(match &live {
                    Ok(live) => judge_with(mapping, endpoint, &mark, delivered).variables(live),
                    Err(problem) => Finding::problem(Check::CredentialDelivered, &delivered.object, problem),
                });
            }
        }
        CiAccessMethod::ClusterCertificate => {
            for delivered in delivered {
                let live = match delivered.cluster_id {
                    Some(id) => access.client.cluster(project_id, id).await.map_err(failed),
                    None => Ok(None),
                };
                findings.push(match live {
                    Ok(live) => judge_with(mapping, endpoint, &mark, delivered).cluster(live.as_ref()),
                    Err(problem) => Finding::problem(Check::CredentialDelivered, &delivered.object, &problem),
                });
            }
        }
    }
    findings
}

struct Judge<'a> {
    object: &'a str,
    wanted: JobAccess<'a>,
}

fn judge_with<'a>(
    mapping: &Mapping,
    endpoint: &'a Endpoint,
    mark: &'a Mark,
    delivered: &'a Delivered<'_>,
) -> Judge<'a> {
    let wanted = JobAccess {
        environment: delivered.environment,
        namespace: delivered.namespace,
        token: delivered.token,
        endpoint,
        kubeconfig: mapping.ci_access.kubeconfig,
        protected: false,
        mark,
    };
    Judge { object: &delivered.object, wanted }
}

impl Judge<'_> {
    fn error(&self, message: String) -> Finding {
        Finding::error(Check::CredentialDelivered, self.object, message, REMEDY)
    }

    /// Compares values only: marks and protection are the operator's business, which it tells in its conditions.
    fn variables(&self, live: &[Variable]) -> Finding {
        let (mut missing, mut other, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
        for wanted in variables::wanted(self.wanted) {
            let found =
                live.iter().find(|live| live.key == wanted.key && live.environment_scope == wanted.environment_scope);
            match found.map(|live| live.value.as_ref()) {
                None => missing.push(wanted.key),
                Some(None) => hidden.push(wanted.key),
                Some(Some(value)) if value.expose_secret() == wanted.value.expose_secret() => {}
                Some(Some(value)) if wanted.key == variables::TOKEN => {
                    other.push(format!("{} (fingerprint {})", wanted.key, fingerprint(value)));
                }
                Some(Some(_)) => other.push(wanted.key),
            }
        }
        if !missing.is_empty() || !other.is_empty() {
            let part =
                |words: &str, keys: Vec<String>| (!keys.is_empty()).then(|| format!("{words}: {}", keys.join(", ")));
            let parts = [part("missing in GitLab", missing), part("another value in GitLab", other)];
            return self.error(parts.into_iter().flatten().collect::<Vec<_>>().join("; "));
        }
        if hidden.is_empty() {
            return Finding::ok(
                Check::CredentialDelivered,
                self.object,
                "GitLab's variables hold this token and address",
            );
        }
        let message = format!("GitLab does not show the value of {}", hidden.join(", "));
        let remedy = "delete the hidden variables in GitLab, and the operator delivers visible ones";
        Finding::unchecked(Check::CredentialDelivered, self.object, message, remedy)
    }

    fn cluster(&self, live: Option<&Cluster>) -> Finding {
        let Some(live) = live else { return self.error("GitLab has no cluster entry of ours".to_owned()) };
        let wanted = certificate::wanted(self.wanted).settings;
        let same = [
            ("the address", live.settings.api_url == wanted.api_url),
            ("the CA certificate", live.settings.ca_cert.as_deref().map(str::trim) == wanted.ca_cert.as_deref()),
            ("the namespace", live.settings.namespace == wanted.namespace),
            ("the environment scope", live.settings.environment_scope == wanted.environment_scope),
            ("that it is enabled", live.settings.enabled),
        ];
        let wrong: Vec<_> = same.iter().filter(|(_, same)| !same).map(|(what, _)| *what).collect();
        if wrong.is_empty() {
            let message = format!("the cluster entry {} is right; GitLab does not show its token", live.id);
            return Finding::ok(Check::CredentialDelivered, self.object, message);
        }
        self.error(format!("wrong in GitLab's cluster entry {}: {}", live.id, wrong.join(", ")))
    }
}
