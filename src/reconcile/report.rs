//! The status of a mapping while it is worked out, and what a person reads from it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource as _, ResourceExt as _};

use super::{Finding, brake::Held};
use crate::{
    api::{
        EnvironmentStatus, MappingSummary, NamespaceStatus, ProjectMapping, ProjectMappingStatus, ProjectStatus,
        TokenStatus,
    },
    apply::{declared::write_status, events},
    context::Context,
    facts::project::ProjectFacts,
    server::{MappingSeries, TokenSeries},
    status::{Problem, READY, Reason, Verdict, merge},
};

const PROJECT_FOUND: &str = "ProjectFound";
const NAMESPACES_READY: &str = "NamespacesReady";
const NAMESPACE_READY: &str = "NamespaceReady";
const DELIVERED: &str = "CiAccessDelivered";

/// What one pass found out about a mapping. Begins with what status says and is written once, at the end, if it differs.
pub(super) struct Report {
    old: ProjectMappingStatus,
    status: ProjectMappingStatus,
    generation: Option<i64>,
    general: Option<Problem>,
    project: Option<Verdict>,
    namespaces: Vec<(String, Problem)>,
    deliveries: Vec<(String, Problem)>,
    notes: Vec<(String, Problem)>,
    looked_at_namespaces: bool,
    looked_at_delivery: Option<Reason>,
    due: Vec<Duration>,
}

impl Report {
    /// Begins with what stands in the object.
    pub fn new(object: &ProjectMapping) -> Self {
        let old = object.status.clone().unwrap_or_default();
        Self {
            status: old.clone(),
            old,
            generation: object.metadata.generation,
            general: None,
            project: None,
            namespaces: Vec::new(),
            deliveries: Vec::new(),
            notes: Vec::new(),
            looked_at_namespaces: false,
            looked_at_delivery: None,
            due: Vec::new(),
        }
    }

    /// The status as it will be.
    pub fn status(&self) -> &ProjectMappingStatus {
        &self.status
    }

    /// The status as it will be, to change it.
    pub fn status_mut(&mut self) -> &mut ProjectMappingStatus {
        &mut self.status
    }

    /// Whether the last pass already saw this spec.
    pub fn spec_is_new(&self) -> bool {
        self.old.observed_generation != self.generation
    }

    /// What the last pass recorded of its environments.
    pub fn recorded_environments(&self) -> &[EnvironmentStatus] {
        &self.old.environments
    }

    /// The UID that was recorded for a namespace.
    pub fn recorded_uid(&self, namespace: &str) -> Option<String> {
        let recorded = self.old.environments.iter().filter_map(|environment| environment.namespace.as_ref());
        recorded.filter(|recorded| recorded.name == namespace).find_map(|recorded| recorded.uid.clone())
    }

    /// What is known of an environment.
    pub fn environment_status(&self, name: &str) -> Option<&EnvironmentStatus> {
        self.status.environments.iter().find(|environment| environment.name == name)
    }

    /// The status of an environment, made if it is new.
    pub fn environment(&mut self, name: &str) -> &mut EnvironmentStatus {
        let at = self.status.environments.iter().position(|environment| environment.name == name);
        let at = at.unwrap_or_else(|| {
            let new = EnvironmentStatus { name: name.to_owned(), ..EnvironmentStatus::default() };
            self.status.environments.push(new);
            self.status.environments.len() - 1
        });
        &mut self.status.environments[at]
    }

    /// Records the namespace of an environment.
    pub fn namespace(&mut self, environment: &str, slug: &str, name: &str, uid: Option<String>) {
        let status = self.environment(environment);
        status.slug = Some(slug.to_owned());
        status.namespace = Some(NamespaceStatus { name: name.to_owned(), uid });
    }

    /// Records what is known of the project.
    pub fn project(&mut self, facts: &ProjectFacts) {
        let before = self.status.project.take().unwrap_or_default();
        self.status.project =
            Some(ProjectStatus { id: Some(facts.id), path: facts.path.clone().or(before.path), state: facts.state });
        self.project = Some(match &facts.problem {
            None => {
                let path = facts.path.as_deref().unwrap_or_default();
                Verdict::yes(PROJECT_FOUND, Reason::Active, format!("{path} (id {})", facts.id))
            }
            Some(problem) if is_about_the_project(problem.reason) => Verdict::no(PROJECT_FOUND, problem),
            Some(problem) => Verdict::unknown(PROJECT_FOUND, problem),
        });
        if let Some(problem) = &facts.problem {
            self.stopped(problem.clone());
        }
    }

    /// Something keeps the whole mapping from being as declared; the first such problem is the one that is shown.
    pub fn stopped(&mut self, problem: Problem) {
        if self.project.is_none() {
            self.project = Some(if is_about_the_project(problem.reason) {
                Verdict::no(PROJECT_FOUND, &problem)
            } else {
                Verdict::unknown(PROJECT_FOUND, &problem)
            });
        }
        self.general.get_or_insert(problem);
    }

    /// The namespaces of this mapping were looked at in this pass.
    pub fn looked_at_namespaces(&mut self) {
        self.looked_at_namespaces = true;
    }

    /// What was delivered was looked at in this pass, and is as wanted where no problem says otherwise.
    pub fn looked_at_delivery(&mut self, reason: Reason) {
        self.looked_at_delivery = Some(reason);
    }

    /// An environment has no proper namespace. The first problem of an environment counts.
    pub fn namespace_failed(&mut self, environment: &str, problem: Problem) {
        if !self.namespaces.iter().any(|(name, _)| name == environment) {
            self.namespaces.push((environment.to_owned(), problem));
        }
    }

    /// The credentials of an environment were not delivered.
    pub fn delivery_failed(&mut self, environment: &str, problem: Problem) {
        if !self.deliveries.iter().any(|(name, _)| name == environment) {
            self.deliveries.push((environment.to_owned(), problem));
        }
    }

    /// Something remains to be done that does not keep the mapping from being ready.
    pub fn note(&mut self, environment: &str, problem: Problem) {
        self.notes.push((environment.to_owned(), problem));
    }

    /// Whether the namespace of an environment has a problem.
    pub fn has_namespace_problem(&self, environment: &str) -> bool {
        self.namespaces.iter().any(|(name, _)| name == environment)
    }

    /// Whether the delivery of an environment has a problem.
    pub fn has_delivery_problem(&self, environment: &str) -> bool {
        self.deliveries.iter().any(|(name, _)| name == environment)
    }

    /// The mapping is to be looked at again after this time at the latest.
    pub fn due_in(&mut self, wait: Duration) {
        self.due.push(wait);
    }

    /// These namespaces wait for a person who releases their deletion, and no others.
    pub fn hold(&mut self, held: &[Held]) {
        self.status.held_deletions = held.iter().map(|held| held.namespace.clone()).collect();
        self.status.held_deletions.sort();
    }

    /// Whether the deletion of a namespace waits for a person.
    pub fn is_held(&self, namespace: &str) -> bool {
        self.status.held_deletions.iter().any(|held| held == namespace)
    }

    /// Nothing of the mapping is left in GitLab. While its namespaces wait for a person, GitLab is not asked again.
    pub fn withdrawn(&mut self) {
        for environment in &mut self.status.environments {
            environment.token = None;
            environment.ci_access = None;
        }
    }

    /// Whether an earlier pass of a mapping that is held took everything out of GitLab.
    pub fn is_withdrawn(&self) -> bool {
        let nothing = |environment: &EnvironmentStatus| environment.ci_access.is_none();
        !self.old.held_deletions.is_empty() && self.old.environments.iter().all(nothing)
    }

    /// The environment is no longer the mapping's.
    pub fn drop_environment(&mut self, name: &str) {
        self.status.environments.retain(|environment| environment.name != name);
    }

    /// The reason that is shown as the mapping's state, if something is wrong.
    pub fn worst(&self) -> Option<Reason> {
        let headline = self.headline();
        (headline.status != Some(true)).then_some(headline.reason)
    }

    /// What is shown as the mapping's state: the first problem, or that all is well.
    fn headline(&self) -> Verdict {
        let first = self.general.as_ref().or_else(|| Some(&self.namespaces.first()?.1));
        match first.or_else(|| Some(&self.deliveries.first()?.1)) {
            Some(problem) => Verdict::no(READY, problem),
            None => {
                let message = match self.status.environments.len() {
                    1 => "1 environment is as declared".to_owned(),
                    count => format!("{count} environments are as declared"),
                };
                Verdict::yes(READY, Reason::Ready, message)
            }
        }
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let mut verdicts = vec![self.headline()];
        verdicts.extend(self.project.clone());
        if self.looked_at_namespaces {
            verdicts.push(joined(NAMESPACES_READY, &self.namespaces, Reason::Ready));
        }
        if let Some(reason) = self.looked_at_delivery {
            verdicts.push(match (self.deliveries.is_empty(), self.notes.first()) {
                (true, Some((_, note))) => Verdict::yes(DELIVERED, note.reason, note.message.clone()),
                _ => joined(DELIVERED, &self.deliveries, reason),
            });
        }
        verdicts
    }

    fn finish(&mut self, now: Timestamp) {
        let generation = self.generation;
        self.status.observed_generation = generation;
        self.status.conditions = merge(&self.old.conditions, &self.verdicts(), generation, now);
        let (namespaces, deliveries) = (self.namespaces.clone(), self.deliveries.clone());
        let delivered = self.looked_at_delivery;
        let looked_at = self.looked_at_namespaces;
        for environment in &mut self.status.environments {
            let problem = |list: &[(String, Problem)]| {
                list.iter().find(|(name, _)| *name == environment.name).map(|(_, problem)| problem.clone())
            };
            let mut verdicts = Vec::new();
            if looked_at {
                verdicts.push(one(NAMESPACE_READY, problem(&namespaces), Reason::Ready));
            }
            if let Some(reason) = delivered {
                verdicts.push(one(DELIVERED, problem(&deliveries), reason));
            }
            environment.conditions = merge(&environment.conditions, &verdicts, generation, now);
        }
        self.status.summary = Some(self.summary());
    }

    fn summary(&self) -> MappingSummary {
        let mut names: Vec<&str> = self
            .status
            .environments
            .iter()
            .filter_map(|environment| Some(environment.namespace.as_ref()?.name.as_str()))
            .collect();
        names.sort_unstable();
        names.dedup();
        let expiry = |environment: &EnvironmentStatus| environment.token.as_ref()?.expires_at.clone();
        MappingSummary {
            namespaces: Some(if names.is_empty() {
                "0".to_owned()
            } else {
                format!("{}: {}", names.len(), names.join(", "))
            }),
            next_token_expiry: self.status.environments.iter().filter_map(expiry).min_by_key(|time| time.0),
            reason: Some(self.headline().reason.as_str().to_owned()),
        }
    }

    /// Writes the status if it differs, tells people of a change of state, and says what is due.
    pub async fn write(mut self, context: &Context, object: &ProjectMapping) -> Result<Finding, Problem> {
        self.finish(context.clock.now());
        if write_status(context, object, Some(&self.old), &self.status).await? {
            events::of_ready(context, &object.object_ref(&()), &self.old.conditions, &self.status.conditions).await;
        }
        context.metrics.set_mapping(&object.name_any(), self.series(object));
        let worst = self.general.take().or_else(|| Some(self.namespaces.first()?.1.clone()));
        let problem = worst.or_else(|| Some(self.deliveries.first()?.1.clone()));
        let problem = problem.or_else(|| Some(self.notes.first()?.1.clone()));
        Ok(Finding { problem, due: self.due.into_iter().min() })
    }

    fn series(&self, object: &ProjectMapping) -> MappingSeries {
        let token = |environment: &EnvironmentStatus| {
            let token = environment.token.as_ref()?;
            let issued = token.issued_at.as_ref().map(|issued| issued.0.as_second());
            let ends = token.expires_at.as_ref()?.0.as_second();
            Some(TokenSeries { environment: environment.name.clone(), issued, ends })
        };
        let environments = self.status.environments.iter();
        let delivered = self.status.conditions.iter().find(|condition| condition.type_ == DELIVERED);
        MappingSeries {
            instance: object.spec.instance.clone(),
            state: self.headline().reason.as_str().to_owned(),
            undelivered: delivered.filter(|it| it.status != "True").map(|it| it.reason.clone()),
            tokens: if self.lets_tokens_end() { Vec::new() } else { environments.filter_map(token).collect() },
        }
    }

    /// Whether the tokens end without anybody having to care, because nobody may use the project now.
    fn lets_tokens_end(&self) -> bool {
        use Reason::{ProjectArchived, ProjectGone, ProjectMarkedForDeletion};
        matches!(self.headline().reason, ProjectArchived | ProjectMarkedForDeletion | ProjectGone)
    }

    /// Records when a token was issued and when it ends.
    pub fn token(&mut self, environment: &str, issued: Option<Timestamp>, expires: Option<Timestamp>) {
        // An empty object would be kept as null by server-side apply, which the schema refuses.
        self.environment(environment).token = (issued.is_some() || expires.is_some())
            .then(|| TokenStatus { issued_at: issued.map(Time), expires_at: expires.map(Time) });
    }
}

fn one(kind: &'static str, problem: Option<Problem>, good: Reason) -> Verdict {
    problem.map_or_else(|| Verdict::yes(kind, good, ""), |problem| Verdict::no(kind, &problem))
}

fn joined(kind: &'static str, problems: &[(String, Problem)], good: Reason) -> Verdict {
    let Some((_, first)) = problems.first() else { return Verdict::yes(kind, good, "") };
    let messages: Vec<_> =
        problems.iter().map(|(environment, problem)| format!("{environment}: {}", problem.message)).collect();
    Verdict { message: messages.join("; "), ..Verdict::no(kind, first) }
}

/// Whether a reason says something about the project itself, not about the way to GitLab.
fn is_about_the_project(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ProjectNotFound
            | Reason::ProjectGone
            | Reason::ProjectArchived
            | Reason::ProjectMarkedForDeletion
            | Reason::ProjectForbidden
            | Reason::AlreadyMapped
    )
}
