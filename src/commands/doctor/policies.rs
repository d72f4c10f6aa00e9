//! The admission policies: installed as the manifests say, and effective, which only a write that must be refused shows.
//! Every such write is a dry-run: the API server decides on it and stores nothing.

use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    core::v1::{Namespace, Secret},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    checks::Check,
    cluster::{Cluster, account, no_client},
    compare,
    credentials::token_in,
    findings::Finding,
    installed,
};
use crate::{api::names, facts::problems, plan::ownership::is_managed, status::Problem};

const FENCE: &str = "gl-k8s-integrator-fence";
const CLAIMS: &str = "gl-k8s-integrator-claims";
const MINTED_TOKENS: &str = "gl-k8s-integrator-minted-tokens";
const REMEDY: &str = "apply the manifests again: kubectl apply -k manifests";
/// Where foreign things are tried: it exists in every cluster and is nobody's of ours.
const FOREIGN: &str = "kube-system";
/// An account that Kubernetes itself gives the right to write the status of namespaces, and that has no right to claims
/// (bootstrap policy `system:controller:namespace-controller`).
const NAMESPACE_CONTROLLER: &str = "namespace-controller";
/// So many namespaces are looked at for a token.
const SAMPLES: u32 = 10;
const PROBE: &str = "gl-k8s-integrator-doctor";

/// Checks all policies.
pub async fn check(cluster: &Cluster) -> Vec<Finding> {
    let mut findings = check_installed(cluster).await;
    let (fence, claims, minted) = futures::join!(try_fence(cluster), try_claims(cluster), try_minting(cluster));
    findings.extend([judge(FENCE, fence), judge(CLAIMS, claims), judge(MINTED_TOKENS, minted)]);
    findings
}

fn object(name: &str) -> String {
    format!("ValidatingAdmissionPolicy/{name}")
}

async fn check_installed(cluster: &Cluster) -> Vec<Finding> {
    let policies = match installed::policies() {
        Ok(policies) => policies,
        Err(error) => {
            let message = format!("the manifests in this program cannot be read: {error:#}");
            return vec![Finding::error(Check::PolicyInstalled, object("*"), message, "report this fault")];
        }
    };
    let policy_api: Api<ValidatingAdmissionPolicy> = Api::all(cluster.client.clone());
    let binding_api: Api<ValidatingAdmissionPolicyBinding> = Api::all(cluster.client.clone());
    let mut findings = Vec::new();
    for (policy, bindings) in policies {
        let name = policy.name_any();
        let what = format!("read the ValidatingAdmissionPolicy {name}");
        let live = policy_api.get_opt(&name).await.map_err(|error| problems::kubernetes(&what, &error));
        findings.push(judge_installed(&object(&name), &policy.spec, live.map(|live| live.map(|live| live.spec))));
        for binding in bindings {
            let name = binding.name_any();
            let what = format!("read the ValidatingAdmissionPolicyBinding {name}");
            let live = binding_api.get_opt(&name).await.map_err(|error| problems::kubernetes(&what, &error));
            let object = format!("ValidatingAdmissionPolicyBinding/{name}");
            findings.push(judge_installed(&object, &binding.spec, live.map(|live| live.map(|live| live.spec))));
        }
    }
    findings
}

fn judge_installed<S: Serialize>(object: &str, expected: &S, live: Result<Option<S>, Problem>) -> Finding {
    let live = match live {
        Ok(Some(live)) => live,
        Ok(None) => return Finding::error(Check::PolicyInstalled, object, "it is not installed", REMEDY),
        Err(problem) => return Finding::hidden(Check::PolicyInstalled, object, &problem),
    };
    let value = |spec: &S| serde_json::to_value(spec).unwrap_or(Value::Null);
    let differences = compare::differences(&value(expected), &value(&live));
    if differences.is_empty() {
        return Finding::ok(Check::PolicyInstalled, object, "as in the manifests");
    }
    let message = format!("it is not as in the manifests: {}", compare::in_words(&differences));
    Finding::error(Check::PolicyInstalled, object, message, REMEDY)
}

/// What came of a write that has to be refused.
enum Tried {
    /// The API server's answer.
    Answered(Box<Result<(), kube::Error>>),
    /// It could not be tried.
    Not { why: String, remedy: &'static str },
}

impl Tried {
    fn answered<T>(answer: Result<T, kube::Error>) -> Self {
        Self::Answered(Box::new(answer.map(drop)))
    }

    fn without_client(error: &anyhow::Error) -> Self {
        Self::Not { why: no_client(error).message, remedy: "see the kubeconfig" }
    }
}

/// The operator puts a Secret of its own name and its label on a namespace that is not ours.
async fn try_fence(cluster: &Cluster) -> Tried {
    let operator = match cluster.operator() {
        Ok(client) => client,
        Err(error) => return Tried::without_client(&error),
    };
    let dry_run = PatchParams { dry_run: true, ..PatchParams::apply(names::FIELD_MANAGER).force() };
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": names::TOKEN_SECRET}});
    let secrets: Api<Secret> = Api::namespaced(operator.clone(), FOREIGN);
    let written = secrets.patch(names::TOKEN_SECRET, &dry_run, &Patch::Apply(secret)).await;
    if !matches!(&written, Err(error) if is_refused_by(FENCE, error)) {
        return Tried::answered(written);
    }
    let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
    let label = json!({"metadata": {"labels": {names::MANAGED_BY_LABEL: names::MANAGED_BY}}});
    Tried::answered(Api::<Namespace>::all(operator).patch(FOREIGN, &dry_run, &Patch::Merge(label)).await)
}

/// An account without the right to claims puts our label on a namespace.
async fn try_claims(cluster: &Cluster) -> Tried {
    if cluster.as_operator {
        return Tried::Not {
            why: "the operator itself has the right to claims, and may act as nobody else".to_owned(),
            remedy: "run doctor with the kubeconfig of a cluster administrator to have this checked",
        };
    }
    let forger = match cluster.acting_as(&account(FOREIGN, NAMESPACE_CONTROLLER)) {
        Ok(client) => client,
        Err(error) => return Tried::without_client(&error),
    };
    let mut namespace = match Api::<Namespace>::all(cluster.client.clone()).get(FOREIGN).await {
        Ok(namespace) => namespace,
        Err(error) => return Tried::answered::<()>(Err(error)),
    };
    namespace.labels_mut().insert(names::MANAGED_BY_LABEL.to_owned(), names::MANAGED_BY.to_owned());
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    Tried::answered(Api::<Namespace>::all(forger).replace_status(FOREIGN, &dry_run, &namespace).await)
}

/// Somebody other than the operator has Kubernetes mint a token in a managed namespace: a job, or the administrator who
/// runs doctor.
async fn try_minting(cluster: &Cluster) -> Tried {
    let (namespace, token) = match sample(&cluster.client).await {
        Ok(Some(sample)) => sample,
        Ok(None) => {
            return Tried::Not {
                why: "there is no managed namespace with a token to try it in".to_owned(),
                remedy: "run doctor again when a mapping is ready",
            };
        }
        Err(error) => return Tried::answered::<()>(Err(error)),
    };
    let somebody = if cluster.as_operator { cluster.with_token(&token) } else { Ok(cluster.client.clone()) };
    let somebody = match somebody {
        Ok(client) => client,
        Err(error) => return Tried::without_client(&error),
    };
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": PROBE, "annotations": {"kubernetes.io/service-account.name": names::SERVICE_ACCOUNT}}});
    let dry_run = PatchParams { dry_run: true, ..PatchParams::apply(PROBE).force() };
    let secrets: Api<Secret> = Api::namespaced(somebody, &namespace);
    Tried::answered(secrets.patch(PROBE, &dry_run, &Patch::Apply(secret)).await)
}

/// Some managed namespace with its token.
async fn sample(client: &Client) -> Result<Option<(String, SecretString)>, kube::Error> {
    for name in [names::TOKEN_SECRET, names::LEGACY_TOKEN_SECRET] {
        let named = ListParams::default().fields(&format!("metadata.name={name}")).limit(SAMPLES);
        let found = Api::<Secret>::all(client.clone()).list(&named).await?;
        for (namespace, token) in found.items.iter().filter_map(|secret| Some((secret.namespace()?, token_in(secret)?)))
        {
            // Where the label was lost the policy is not in force, and rightly so.
            let live = Api::<Namespace>::all(client.clone()).get_opt(&namespace).await?;
            if live.is_some_and(|live| is_managed(live.metadata.labels.as_ref())) {
                return Ok(Some((namespace, token)));
            }
        }
    }
    Ok(None)
}

fn is_refused_by(policy: &str, error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.message.contains(&format!("ValidatingAdmissionPolicy '{policy}'")))
}

fn judge(policy: &str, tried: Tried) -> Finding {
    let check = Check::PolicyEffective;
    let answer = match tried {
        Tried::Not { why, remedy } => return Finding::unchecked(check, object(policy), why, remedy),
        Tried::Answered(answer) => *answer,
    };
    match answer {
        Ok(()) => Finding::error(
            check,
            object(policy),
            "a write that it must refuse was not refused",
            "apply the manifests again (kubectl apply -k manifests), and see that its binding has the action Deny",
        ),
        Err(error) if is_refused_by(policy, &error) => {
            Finding::ok(check, object(policy), "refuses what it is there to refuse")
        }
        Err(error) => {
            let problem = problems::kubernetes("try a write that the policy must refuse", &error);
            match problem.reason {
                crate::status::Reason::KubernetesForbidden => Finding::unchecked(
                    check,
                    object(policy),
                    format!("something else refused the write first: {}", problem.message),
                    "mend what else doctor finds, or run it with the kubeconfig of a cluster administrator",
                ),
                _ => Finding::problem(check, object(policy), &problem),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;
    use crate::commands::doctor::findings::Level;

    fn refused(message: &str, code: u16) -> Tried {
        let status = Status { message: message.to_owned(), code, ..Status::default() };
        Tried::answered::<()>(Err(kube::Error::Api(Box::new(status))))
    }

    #[test]
    fn only_a_refusal_by_the_policy_itself_shows_that_it_works() {
        let level = |tried| judge(FENCE, tried).level;
        assert_eq!(
            level(refused("x: ValidatingAdmissionPolicy 'gl-k8s-integrator-fence' with binding …", 403)),
            Level::Ok
        );
        assert_eq!(level(refused("ValidatingAdmissionPolicy 'somebody-elses' denied request", 403)), Level::Unchecked);
        assert_eq!(level(refused("User cannot patch secrets", 403)), Level::Unchecked);
        assert_eq!(level(refused("overloaded", 503)), Level::Error);
        assert_eq!(level(Tried::answered(Ok(()))), Level::Error);
        assert_eq!(level(Tried::Not { why: String::new(), remedy: "" }), Level::Unchecked);
    }

    #[test]
    fn the_probed_policies_are_those_of_the_manifests() {
        let mut names: Vec<_> = installed::policies().unwrap().iter().map(|(policy, _)| policy.name_any()).collect();
        names.sort();
        assert_eq!(names, [CLAIMS, FENCE, MINTED_TOKENS]);
    }
}
