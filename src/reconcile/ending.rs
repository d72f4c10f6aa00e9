//! Ends: of an environment that left its mapping, and of a mapping. Credentials go first, then what is ours in GitLab,
//! then the finalizer; what people deployed goes only where the mapping says so and UID and claim agree.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::{
    core::v1::{Secret, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::ResourceExt as _;

use super::{
    brake::{self, Held, Permit},
    mapping::Pass,
    namespace::claim_lost,
    report::Report,
};
use crate::{
    api::{CiAccessMethod, DeletionPolicy, EnvironmentStatus, names},
    apply::{events, gitlab as apply, kubernetes, namespace as namespaces},
    context::Context,
    declared::Instance,
    facts::{self, cluster, cluster::Claimed, instance, problems},
    gitlab::Client,
    plan::{
        ci_access::{certificate, variables},
        ownership::{Mark, ProjectIdentity, is_managed},
    },
    status::{Problem, Reason},
};

/// How long a mapping waits for a GitLab that does not let go of what is ours. By then every token is dead.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long at least one process tries, whatever its clock says.
const LEAST_PATIENCE: Duration = Duration::from_secs(600);

/// Ends every token of the namespace's account, also those that a tenant minted: with the account they die. The binding
/// goes first. True when there was something.
pub(super) async fn revoke(context: &Context, namespace: &str, why: &str) -> Result<bool, Problem> {
    let binding = kubernetes::delete::<RoleBinding>(context, namespace, names::ROLE_BINDING, why).await?;
    let account = kubernetes::delete::<ServiceAccount>(context, namespace, names::SERVICE_ACCOUNT, why).await?;
    let secret = kubernetes::delete::<Secret>(context, namespace, names::TOKEN_SECRET, why).await?;
    let legacy = kubernetes::delete::<Secret>(context, namespace, names::LEGACY_TOKEN_SECRET, why).await?;
    Ok(binding || account || secret || legacy)
}

/// Leaves one namespace: revokes, and deletes it if the mapping says so, both locks agree and the brake lets it go. Gives it
/// if it waits for a person.
pub(super) async fn leave(
    pass: &Pass<'_>,
    claimed: &Claimed,
    recorded_uid: Option<&str>,
) -> Result<Option<Held>, Problem> {
    let (context, name) = (pass.context, claimed.name());
    let live = &claimed.namespace;
    if !is_managed(live.metadata.labels.as_ref()) {
        tell_claim_lost(pass, name).await;
        return Ok(None);
    }
    if live.metadata.deletion_timestamp.is_some() {
        return Ok(None);
    }
    let ending = pass.mapping.is_ending();
    let why = if ending { "the mapping is deleted" } else { "the mapping declares the environment no longer" };
    if revoke(context, name, why).await? {
        let note = format!("revoked every token of {name}/{}", names::SERVICE_ACCOUNT);
        events::normal(context, &pass.about(), "Revoked", note).await;
    }
    if pass.mapping.deletion_policy == DeletionPolicy::Retain {
        return Ok(None);
    }
    if recorded_uid.is_some() && live.metadata.uid.as_deref() == recorded_uid {
        if let Permit::Held(held) = brake::ask(pass, live).await? {
            return Ok(Some(held));
        }
        namespaces::delete(context, live, &format!("{why}, and its deletionPolicy is Delete")).await?;
        events::normal(context, &pass.about(), "NamespaceDeleted", format!("deleted the namespace {name}")).await;
    } else {
        let note = format!(
            "kept the namespace {name} although deletionPolicy is Delete: its UID is not the one on record; delete it by hand if it is not needed"
        );
        let topic = format!("kept {name}");
        events::warning_once(context, &pass.about(), "NamespaceKept", &topic, note).await;
    }
    Ok(None)
}

async fn tell_claim_lost(pass: &Pass<'_>, namespace: &str) {
    let message = claim_lost(namespace).message;
    let topic = format!("claim lost {namespace}");
    events::warning_once(pass.context, &pass.about(), "ClaimLost", &topic, message).await;
}

/// Whether a mapping has ended, or what it waits for.
pub(super) enum End {
    /// The finalizer may go.
    Done,
    /// GitLab does not let go of something yet; it is tried again.
    Waiting(Problem),
    /// A person has to decide on the deletion of namespaces. What GitLab does not let go of, if anything.
    Held(Problem, Option<Problem>),
}

/// Ends a mapping.
pub(super) async fn end(pass: &Pass<'_>, report: &mut Report) -> Result<End, Problem> {
    let Some(project_id) = pass.mapping.resolved_project_id else { return Ok(End::Done) };
    let instance = pass.context.declarations.instance(&pass.mapping.instance);
    let claims = claims_of(pass, project_id, instance.as_ref().ok().map(|instance| instance.url.as_str())).await?;
    let never_worked = claims.is_empty() && report.recorded_environments().is_empty();
    let mut held = Vec::new();
    for claimed in &claims {
        held.extend(leave(pass, claimed, report.recorded_uid(claimed.name()).as_deref()).await?);
    }
    tell_of_lost_ones(pass, report, &claims).await?;
    brake::hold(pass, &held, report);
    let left = if never_worked { Ok(()) } else { let_go(pass, instance, project_id, report).await };
    Ok(match (brake::explain(pass, &held), left) {
        (Some(problem), left) => End::Held(problem, left.err()),
        (None, Ok(())) => End::Done,
        (None, Err(problem)) => End::Waiting(problem),
    })
}

/// Takes what is ours out of GitLab; gives up after a time.
async fn let_go(
    pass: &Pass<'_>,
    instance: Result<Instance, Problem>,
    project_id: i64,
    report: &mut Report,
) -> Result<(), Problem> {
    if report.is_withdrawn() {
        return Ok(());
    }
    let left = match instance {
        Ok(instance) => withdraw(pass, &instance, project_id, report).await,
        Err(problem) => Err(problem),
    };
    let Err(problem) = left else {
        report.withdrawn();
        return Ok(());
    };
    if !patience_is_over(pass) {
        return Err(problem);
    }
    if pass.context.memory.tell_once(&pass.mapping.name, "left in GitLab") {
        let note = format!(
            "gave up removing what this mapping left in GitLab: {problem}. In project {project_id} there stayed, with dead tokens, {}",
            what_stays(report.recorded_environments())
        );
        events::warning(pass.context, &pass.about(), "LeftInGitLab", note).await;
    }
    Ok(())
}

/// Whether GitLab had its hour. The deletion was dated by the API server's clock; if ours is ahead of it, there are still a few
/// minutes in which this process tries.
fn patience_is_over(pass: &Pass<'_>) -> bool {
    let now = pass.context.clock.now();
    let mut since = now;
    pass.context.memory.update_mapping(&pass.mapping.name, |memory| {
        since = *memory.withdrawal_fails_since.get_or_insert(now);
    });
    let lasts = |since: Timestamp, patience| now.duration_since(since) >= span(patience);
    pass.mapping.deletion_requested.is_some_and(|since| lasts(since, PATIENCE)) && lasts(since, LEAST_PATIENCE)
}

/// What status has on record in GitLab, for a person who has to remove it by hand.
fn what_stays(environments: &[EnvironmentStatus]) -> String {
    let of_one = |environment: &EnvironmentStatus| {
        let access = environment.ci_access.as_ref()?;
        let variables = access.entries.iter().map(|entry| entry.key.as_str());
        let variables = variables.filter(|_| access.method == Some(CiAccessMethod::Variables)).map(str::to_owned);
        let pending_variables = access.pending_removal.iter().filter_map(|entry| entry.key.clone());
        let ids = access.cluster_id.into_iter().chain(access.pending_removal.iter().filter_map(|entry| entry.id));
        let all: Vec<_> =
            variables.chain(pending_variables).chain(ids.map(|id| format!("cluster entry {id}"))).collect();
        (!all.is_empty()).then(|| format!("for {}: {}", environment.name, all.join(", ")))
    };
    let stays: Vec<_> = environments.iter().filter_map(of_one).collect();
    if stays.is_empty() { "nothing that is on record".to_owned() } else { stays.join("; ") }
}

fn span(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

/// The namespaces whose claim names this mapping. Without its instance, the mapping's name alone has to do.
async fn claims_of(pass: &Pass<'_>, project_id: i64, url: Option<&str>) -> Result<Vec<Claimed>, Problem> {
    let claims = cluster::claims_of_id(pass.context, project_id).await?;
    let ours = |claimed: &Claimed| {
        claimed.claim.mapping == pass.mapping.name
            && claimed.namespace.labels().get(names::INSTANCE_LABEL) == Some(&pass.mapping.instance)
            && url.is_none_or(|url| claimed.claim.project.gitlab_url == url)
    };
    Ok(claims.into_iter().filter(ours).collect())
}

/// Namespaces on record that no longer claim to be ours are skipped, and a person is told.
async fn tell_of_lost_ones(pass: &Pass<'_>, report: &Report, claims: &[Claimed]) -> Result<(), Problem> {
    let recorded = report.recorded_environments().iter().filter_map(|environment| environment.namespace.as_ref());
    for recorded in recorded.filter(|recorded| !claims.iter().any(|claimed| claimed.name() == recorded.name)) {
        let live = cluster::namespace(pass.context, &recorded.name).await?;
        let lost = live.is_some_and(|live| live.metadata.uid == recorded.uid && recorded.uid.is_some());
        if lost {
            tell_claim_lost(pass, &recorded.name).await;
        }
    }
    Ok(())
}

/// Takes everything with this mapping's mark out of GitLab.
async fn withdraw(pass: &Pass<'_>, instance: &Instance, project_id: i64, report: &Report) -> Result<(), Problem> {
    let facts = instance::read(pass.context, instance).await;
    let access = facts.access.as_ref().map_err(Clone::clone)?;
    let mark = Mark {
        cluster: instance.cluster_name.clone(),
        cluster_uid: facts::cluster::cluster_uid(pass.context).await?,
        mapping: pass.mapping.name.clone(),
    };
    let result = withdraw_marked(pass, &access.client, project_id, &mark, report).await;
    let Err(problem) = result else { return Ok(()) };
    if problem.reason == Reason::TokenInvalid {
        pass.context.memory.forget_instance(&instance.name);
    }
    Err(facts::project::why_refused(&access.client, project_id, problem).await)
}

async fn withdraw_marked(
    pass: &Pass<'_>,
    client: &Client,
    project_id: i64,
    mark: &Mark,
    report: &Report,
) -> Result<(), Problem> {
    let failed = |what: &str, error| problems::gitlab(what, &error);
    let others = &pass.context.declarations;
    let live = client.variables(project_id).await.map_err(|error| failed("read the project's variables", error))?;
    let changes = variables::changes(&[], &live, mark, &|_, _| None, &|_| false, others);
    let mut left = apply::variables(&pass.context.hands, client, project_id, &changes)
        .await
        .map_err(|error| failed("remove variables", error))?
        .not_removed;
    if may_have_clusters(pass, report) {
        let live = client.clusters(project_id).await.map_err(|error| failed("read cluster entries", error))?;
        let changes = certificate::changes(&[], &live, mark, &|_| None, &|_| false, others);
        let carried = apply::clusters(&pass.context.hands, client, project_id, &changes).await;
        left.extend(carried.map_err(|error| failed("remove cluster entries", error))?.not_removed);
    }
    left.into_iter().next().map_or(Ok(()), |left| Err(left.problem))
}

fn may_have_clusters(pass: &Pass<'_>, report: &Report) -> bool {
    pass.mapping.ci_access.method == CiAccessMethod::ClusterCertificate
        || report
            .recorded_environments()
            .iter()
            .filter_map(|status| status.ci_access.as_ref())
            .any(|status| status.cluster_id.is_some() || status.pending_removal.iter().any(|entry| entry.id.is_some()))
}

/// Whether a claim is one of an environment that this mapping declares no longer.
pub(super) fn has_left(pass: &Pass<'_>, identity: &ProjectIdentity, claimed: &Claimed) -> bool {
    let mapping = pass.mapping;
    let declared = match mapping.layout {
        crate::api::NamespaceLayout::PerProject => claimed.claim.environment.is_empty(),
        crate::api::NamespaceLayout::PerEnvironment => {
            mapping.environments.iter().any(|environment| environment.name == claimed.claim.environment)
        }
    };
    claimed.claim.mapping == mapping.name && claimed.claim.project == *identity && !declared
}
