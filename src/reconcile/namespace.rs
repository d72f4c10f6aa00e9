//! One managed namespace: claimed, filled, and its account with a living token.

use k8s_openapi::api::{
    core::v1::{LimitRange, Namespace, ResourceQuota},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::ResourceExt as _;

use super::{
    adoption,
    credentials::{self, Credential},
    ending,
    mapping::Pass,
};
use crate::{
    api::{CiAccessMethod, names},
    apply::{events, kubernetes, namespace as namespaces},
    context::Context,
    declared::Class,
    facts::{cluster, contents::Existing},
    plan::{
        self,
        namespace::{Contents, Owner},
        ownership::{NamespaceVerdict, ProjectIdentity, Wish, judge_namespace},
    },
    status::{Problem, Reason},
};

/// What a namespace is to be.
pub(super) struct Job<'a> {
    /// Its name.
    pub name: String,
    /// What it belongs to.
    pub owner: Owner<'a>,
    /// Its class.
    pub class: &'a Class,
    /// The UID that status recorded.
    pub recorded_uid: Option<String>,
    /// How its token is to be treated.
    pub token: credentials::Wish,
}

/// A namespace as it is now.
pub(super) struct Kept {
    /// Its UID.
    pub uid: Option<String>,
    /// The credential that jobs are to get; none with the method `None`.
    pub credential: Option<Credential>,
}

/// Brings a namespace with everything in it to what is wanted.
pub(super) async fn keep(pass: &Pass<'_>, job: &Job<'_>) -> Result<Kept, Problem> {
    let (namespace, is_new) = claim(pass, job).await?;
    let new = is_new.then(|| pass.context.seeing_nothing());
    let pass = &Pass { context: new.as_ref().unwrap_or(pass.context), ..*pass };
    let with_account = pass.mapping.ci_access.method != CiAccessMethod::None;
    if job.token.revoke || !with_account {
        let why = if with_account { "a revocation was asked for" } else { "ciAccess.method is None" };
        let revoked = ending::revoke(pass.context, &job.name, why).await?;
        if revoked && job.token.revoke {
            let note = format!("revoked every token of {}/{}", job.name, names::SERVICE_ACCOUNT);
            events::normal(pass.context, &pass.about(), "Revoked", note).await;
        }
    }
    let contents = plan::namespace::contents(&job.name, job.class, with_account);
    let account_uid = fill(pass, job, &contents).await?;
    let credential = match account_uid {
        Some(uid) => Some(credentials::keep(pass, job, &uid).await?),
        None => None,
    };
    Ok(Kept { uid: namespace.uid(), credential })
}

/// Creates the namespace with its claim, or makes sure that the one that exists is ours. Gives whether it was created.
async fn claim(pass: &Pass<'_>, job: &Job<'_>) -> Result<(Namespace, bool), Problem> {
    let name = &job.name;
    let live = cluster::namespace(pass.context, name).await?;
    let environment = job.owner.environment.map_or("", |(name, _)| name);
    let wish = Wish {
        project: job.owner.project,
        environment,
        mapping: job.owner.mapping,
        recorded_uid: job.recorded_uid.as_deref(),
        adopt: pass.mapping.adopts(name),
    };
    let verdict = judge_namespace(live.as_ref(), wish, &pass.context.declarations);
    let mut wanted = plan::namespace::namespace(name, job.owner, job.class);
    keep_app_label(&mut wanted, live.as_ref(), job.owner);
    match (verdict, live) {
        (NamespaceVerdict::Foreign { owner }, live) => Err(adoption::taken(pass, name, &owner, live.as_ref())),
        (NamespaceVerdict::HalfAdopted { missing }, Some(live)) => Err(adoption::half(pass, &live, missing)),
        (NamespaceVerdict::NotAdopted { why }, _) => Err(adoption::refused(pass, name, &why)),
        (NamespaceVerdict::ClaimLost, _) => Err(claim_lost(name)),
        (_, None) => {
            let created = namespaces::create(pass.context, &wanted).await?;
            let note = format!("created the namespace {name} for {}", described(job.owner.project, environment));
            events::normal(pass.context, &pass.about(), "NamespaceCreated", note).await;
            Ok((created, true))
        }
        (_, Some(live)) if live.metadata.deletion_timestamp.is_some() => {
            let message = format!(
                "the namespace {name} is being deleted and is made anew when it is gone; if that takes long, see its conditions"
            );
            Err(Problem::new(Reason::NamespaceTerminating, message))
        }
        (verdict, Some(live)) => {
            let (namespace, written) = namespaces::update(pass.context, &wanted, live).await?;
            match verdict {
                NamespaceVerdict::Inherited { from } if written => {
                    let note = format!("took the namespace {name} over from the mapping {from}, which is gone");
                    events::normal(pass.context, &pass.about(), "NamespaceInherited", note).await;
                }
                NamespaceVerdict::Adopted => {
                    let note =
                        format!("adopted the namespace {name} for {}", described(job.owner.project, environment));
                    events::normal(pass.context, &pass.about(), "NamespaceAdopted", note).await;
                }
                _ => {}
            }
            Ok((namespace, false))
        }
    }
}

/// Where the project's path is not known now, the label that was made from it stays as it is.
fn keep_app_label(wanted: &mut Namespace, live: Option<&Namespace>, owner: Owner<'_>) {
    let label = live.and_then(|live| live.labels().get(names::GITLAB_APP));
    if let (None, Some(label)) = (owner.project_path, label) {
        wanted.labels_mut().insert(names::GITLAB_APP.to_owned(), label.clone());
    }
}

/// What a namespace that lost our label is told to a person with.
pub(super) fn claim_lost(name: &str) -> Problem {
    let message = format!(
        "the namespace {name} lost the operator's label and is left alone; to give it back: kubectl label namespace {name} {}={}",
        names::MANAGED_BY_LABEL,
        names::MANAGED_BY
    );
    Problem::new(Reason::ClaimLost, message)
}

fn described(project: &ProjectIdentity, environment: &str) -> String {
    let id = project.project_id;
    if environment.is_empty() {
        format!("all environments of project {id}")
    } else {
        format!("the environment {environment} of project {id}")
    }
}

/// Brings the contents to what is wanted and prunes what is ours and no longer wanted. Policies come before the account:
/// nobody can work in the namespace before it is fenced. Gives the UID of the ServiceAccount.
async fn fill(pass: &Pass<'_>, job: &Job<'_>, contents: &Contents) -> Result<Option<String>, Problem> {
    let Contents { account, resource_quota, limit_range, network_policies } = contents;
    let (context, namespace) = (pass.context, job.name.as_str());
    // Kept apart: so many reads at once are most of what a pass would hold in memory, also while it waits for GitLab.
    let existing = Box::pin(Existing::read(context, namespace, contents)).await?;
    let correct = |field: &'static str| move |problem: Problem| in_class(problem, &job.class.name, field);
    for (policy, live) in network_policies.iter().zip(existing.network_policies) {
        kubernetes::ensure(context, policy, live).await.map_err(correct("spec.networkPolicy"))?;
    }
    let unwanted = "the class asks for none any more";
    for ours in existing.labelled_policies {
        if !network_policies.iter().any(|wanted| wanted.metadata.name == ours.metadata.name) {
            kubernetes::prune::<NetworkPolicy>(context, namespace, &ours.name_any(), unwanted).await?;
        }
    }
    if let Some(quota) = resource_quota {
        let ensured = kubernetes::ensure(context, quota, existing.resource_quota).await;
        ensured.map_err(correct("spec.resourceQuota"))?;
    } else {
        kubernetes::prune::<ResourceQuota>(context, namespace, names::RESOURCE_QUOTA, unwanted).await?;
    }
    if let Some(limits) = limit_range {
        let ensured = kubernetes::ensure(context, limits, existing.limit_range).await;
        ensured.map_err(correct("spec.limitRange"))?;
    } else {
        kubernetes::prune::<LimitRange>(context, namespace, names::LIMIT_RANGE, unwanted).await?;
    }
    let Some(account) = account else { return Ok(None) };
    let (service_account, _) = kubernetes::ensure(context, &account.service_account, existing.service_account).await?;
    bind(context, job, &account.role_binding, existing.role_binding).await?;
    Ok(service_account.uid())
}

/// What the API server refuses of a class is to be corrected there.
fn in_class(problem: Problem, class: &str, field: &str) -> Problem {
    if problem.reason == Reason::KubernetesRefused {
        problem.advise(&format!("correct {field} of the NamespaceClass {class}"))
    } else {
        problem
    }
}

/// Binds the class's role. Kubernetes lets bind a role that does not exist, to whoever may bind it by name: the binding
/// would stand, and jobs could do nothing.
async fn bind(
    context: &Context,
    job: &Job<'_>,
    binding: &RoleBinding,
    live: Option<RoleBinding>,
) -> Result<(), Problem> {
    let (role, class) = (&binding.role_ref.name, &job.class.name);
    let binds_it = live.as_ref().is_some_and(|live| live.role_ref == binding.role_ref);
    if !binds_it && !cluster::role_exists(context, role).await? {
        let message = format!(
            "the ClusterRole {role} that the NamespaceClass {class} names does not exist; create it, or let the class name another one"
        );
        return Err(Problem::new(Reason::ClusterRoleNotFound, message));
    }
    let bound = kubernetes::ensure(context, binding, live).await;
    bound.map(drop).map_err(|problem| may_not_bind(problem, role, class))
}

/// The API server names the rights that are missing, and leaves out what an administrator has to do about it.
fn may_not_bind(problem: Problem, role: &str, class: &str) -> Problem {
    if !matches!(problem.reason, Reason::KubernetesForbidden | Reason::KubernetesRefused) {
        return problem;
    }
    let remedy = format!(
        "see that the ClusterRole {role} exists, and give the operator's ServiceAccount {0} a ClusterRole with the verb `bind` on it, or let the NamespaceClass {class} name another one",
        names::OPERATOR
    );
    problem.advise(&remedy)
}
