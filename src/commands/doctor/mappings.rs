//! Instances with their mappings: GitLab, the address that jobs get, the projects, and each delivered credential.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use secrecy::SecretString;

use super::{
    bindings::Bindings,
    checks::Check,
    cluster::Cluster,
    credentials::{self, Subject},
    declarations::Declared,
    delivery::{self, Delivered},
    endpoint,
    findings::Finding,
    instances, projects,
};
use crate::{
    api::{CiAccessMethod, EnvironmentStatus, ProjectMapping},
    context::{Context, Settings},
    controllers,
    declared::{Class, Instance, Mapping},
    facts::instance::{self as facts, InstanceFacts},
    gitlab::Project,
    plan::{brake::Brake, ci_access::Endpoint, environments::ReservedNames},
};

/// Mappings that are looked at at the same time: no more than GitLab is asked at once.
const CONCURRENCY: usize = 8;
/// One mapping takes no longer; far above what is normal.
const LONGEST: Duration = Duration::from_secs(120);

/// What is known of an instance once it was looked at.
struct Known<'a> {
    instance: &'a Instance,
    facts: Arc<InstanceFacts>,
    endpoint: Option<Endpoint>,
    projects: BTreeMap<i64, Project>,
}

/// Checks instances, then mappings.
pub async fn check(cluster: &Cluster, declared: &Declared) -> Vec<Finding> {
    let context = context(cluster);
    let now = context.clock.now();
    let looks = declared.instances.values().map(|instance| look_at(cluster, &context, declared, instance, now));
    let looks = stream::iter(looks).buffer_unordered(CONCURRENCY).collect::<Vec<_>>();
    let ((bindings, hidden), looked) = futures::join!(Bindings::read(cluster), looks);
    let mut findings = Vec::from_iter(hidden);
    let mut known = BTreeMap::new();
    for (found, instance) in looked {
        findings.extend(found);
        known.insert(instance.instance.name.as_str(), instance);
    }
    let namespaces: Vec<&str> = declared.mappings.iter().flat_map(|(object, _)| namespaces(object)).collect();
    let examinations = declared.mappings.iter().map(|(object, mapping)| {
        let (known, class) = (known.get(mapping.instance.as_str()), declared.classes.get(&mapping.class));
        Examination { cluster, object, mapping, known, class, namespaces: &namespaces, bindings: &bindings, now }
            .bounded()
    });
    let of_mappings: Vec<Vec<Finding>> = stream::iter(examinations).buffer_unordered(CONCURRENCY).collect().await;
    findings.extend(of_mappings.into_iter().flatten());
    findings
}

/// The namespaces on a mapping's record.
fn namespaces(object: &ProjectMapping) -> impl Iterator<Item = &str> {
    let environments = object.status.iter().flat_map(|status| &status.environments);
    environments.filter_map(|environment| Some(environment.namespace.as_ref()?.name.as_str()))
}

/// The bag in which facts are read; nothing in it is written to.
fn context(cluster: &Cluster) -> Context {
    let settings = Settings {
        own_namespace: cluster.own_namespace.clone(),
        reserved: ReservedNames::new(&cluster.own_namespace, &[]),
        project_refresh: LONGEST,
        bad_news: LONGEST,
        longest_backoff: LONGEST,
        // Nothing may be deleted from here.
        brake: Brake { limit: 0, window: LONGEST },
        ..Settings::default()
    };
    Context::for_reading(cluster.client.clone(), controllers::declarations().0, settings)
}

async fn look_at<'a>(
    cluster: &Cluster,
    context: &Context,
    declared: &Declared,
    instance: &'a Instance,
    now: Timestamp,
) -> (Vec<Finding>, Known<'a>) {
    let token = some_token(cluster, declared, instance);
    let (facts, token) = futures::join!(facts::read(context, instance), token);
    let mut findings = instances::judge(instance, &facts.access, now);
    let endpoint = endpoint::check(cluster, instance, &facts.endpoint, token.as_ref()).await;
    findings.extend(endpoint.findings);
    let ids: Vec<i64> = of_instance(declared, instance).filter_map(|(_, mapping)| mapping.known_project_id()).collect();
    let projects = match &facts.access {
        Ok(access) => projects::in_bulk(access, &ids).await,
        Err(_) => BTreeMap::new(),
    };
    (findings, Known { instance, facts, endpoint: endpoint.usable, projects })
}

fn of_instance<'a>(
    declared: &'a Declared,
    instance: &'a Instance,
) -> impl Iterator<Item = &'a (ProjectMapping, Mapping)> {
    declared.mappings.iter().filter(|(_, mapping)| mapping.instance == instance.name)
}

/// A token that some job of the instance has: what answers at the delivered address must know it.
async fn some_token(cluster: &Cluster, declared: &Declared, instance: &Instance) -> Option<SecretString> {
    const TRIES: usize = 3;
    let namespaces = of_instance(declared, instance).flat_map(|(object, mapping)| {
        let class = declared.classes.get(&mapping.class);
        namespaces(object).filter_map(move |namespace| Some((namespace, class?)))
    });
    for (namespace, class) in namespaces.take(TRIES) {
        if let Ok(Some(token)) = credentials::read(cluster, namespace, class).await {
            return Some(token);
        }
    }
    None
}

/// One mapping and what is needed to look at it.
#[derive(Clone, Copy)]
struct Examination<'a> {
    cluster: &'a Cluster,
    object: &'a ProjectMapping,
    mapping: &'a Mapping,
    known: Option<&'a Known<'a>>,
    class: Option<&'a Class>,
    namespaces: &'a [&'a str],
    bindings: &'a Bindings,
    now: Timestamp,
}

impl Examination<'_> {
    async fn bounded(self) -> Vec<Finding> {
        tokio::time::timeout(LONGEST, self.check()).await.unwrap_or_else(|_| {
            let message = format!("it could not be looked at within {} s", LONGEST.as_secs());
            let remedy = "see whether the API server and GitLab answer slowly, and run doctor for this mapping alone";
            vec![Finding::error(Check::MappingReady, projects::object(&self.mapping.name), message, remedy)]
        })
    }

    async fn check(self) -> Vec<Finding> {
        let mut findings = vec![projects::judge_ready(self.object)];
        if self.mapping.is_ending() {
            return findings;
        }
        let access = self.known.and_then(|known| known.facts.access.as_ref().ok());
        let mut project = None;
        match (access, self.known) {
            (Some(access), Some(known)) => {
                let (found, id) = projects::check(access, self.mapping, &known.projects).await;
                findings.extend(found);
                project = id.map(|id| (access, id));
            }
            _ => findings.push(self.without_gitlab()),
        }
        if self.mapping.ci_access.method == CiAccessMethod::None {
            return findings;
        }
        let Some(class) = self.class else {
            let message = format!("there is no NamespaceClass {} that can be worked with", self.mapping.class);
            let object = projects::object(&self.mapping.name);
            findings.push(Finding::unchecked(Check::CredentialIssued, object, message, "see mapping.ready"));
            return findings;
        };
        let tokens = self.credentials(class, &mut findings).await;
        match (project, self.known) {
            (Some((access, id)), Some(known)) => findings.extend(self.deliveries(access, id, known, &tokens).await),
            (None, _) if access.is_some() => findings.push(self.without_project()),
            _ => {}
        }
        findings
    }

    fn without_project(&self) -> Finding {
        let message = "GitLab cannot be asked what it holds for this project";
        let object = projects::object(&self.mapping.name);
        Finding::unchecked(Check::CredentialDelivered, object, message, "see project.role and project.clusters")
    }

    fn without_gitlab(&self) -> Finding {
        let message = format!(
            "GitLabInstance {} cannot be asked about the project, nor what it holds for it",
            self.mapping.instance
        );
        Finding::unchecked(
            Check::ProjectRole,
            projects::object(&self.mapping.name),
            message,
            "see instance.access and mapping.ready",
        )
    }

    fn environments(&self) -> impl Iterator<Item = (&EnvironmentStatus, &str)> {
        let recorded = self.object.status.iter().flat_map(|status| &status.environments);
        let declared = |name: &str| self.mapping.environments.iter().any(|environment| environment.name == name);
        recorded
            .filter(move |status| declared(&status.name))
            .filter_map(|status| Some((status, status.namespace.as_ref()?.name.as_str())))
    }

    fn name(&self, environment: &str) -> String {
        format!("{}/{environment}", projects::object(&self.mapping.name))
    }

    /// Checks each namespace's credential once; gives the tokens that are on record, by namespace.
    async fn credentials(&self, class: &Class, findings: &mut Vec<Finding>) -> BTreeMap<String, SecretString> {
        let mut seen: BTreeMap<String, Option<SecretString>> = BTreeMap::new();
        for (status, namespace) in self.environments() {
            if seen.contains_key(namespace) {
                continue;
            }
            let object = self.name(&status.name);
            let elsewhere = self.bindings.elsewhere(namespace).chain(self.neighbour(namespace)).collect();
            let subject = Subject {
                object: &object,
                namespace,
                elsewhere: &elsewhere,
                recorded: status.ci_access.as_ref().and_then(|access| access.token_fingerprint.as_deref()),
                class,
                endpoint: self.known.and_then(|known| known.endpoint.as_ref()),
            };
            let (found, token) = credentials::check(self.cluster, subject, self.now).await;
            findings.extend(found);
            seen.insert(namespace.to_owned(), token);
        }
        for environment in &self.mapping.environments {
            if !self.environments().any(|(status, _)| status.name == environment.name) {
                let message = "the environment has no namespace yet";
                let object = self.name(&environment.name);
                findings.push(Finding::error(Check::CredentialIssued, object, message, "see mapping.ready"));
            }
        }
        seen.into_iter().filter_map(|(namespace, token)| Some((namespace, token?))).collect()
    }

    /// The next one in the row of all: over all credentials each namespace is tried from outside.
    fn neighbour(&self, namespace: &str) -> Option<&str> {
        let at = self.namespaces.iter().position(|name| *name == namespace).unwrap_or_default();
        let row = self.namespaces.iter().cycle().skip(at).take(self.namespaces.len());
        row.copied().find(|name| *name != namespace)
    }

    async fn deliveries(
        &self,
        access: &crate::facts::instance::Access,
        project_id: i64,
        known: &Known<'_>,
        tokens: &BTreeMap<String, SecretString>,
    ) -> Vec<Finding> {
        // What is wrong with the endpoint has its own finding.
        let Ok(endpoint) = &known.facts.endpoint else { return Vec::new() };
        let delivered: Vec<_> = self
            .environments()
            .filter_map(|(status, namespace)| {
                Some(Delivered {
                    object: self.name(&status.name),
                    environment: &status.name,
                    namespace,
                    token: tokens.get(namespace)?,
                    cluster_id: status.ci_access.as_ref().and_then(|access| access.cluster_id),
                })
            })
            .collect();
        delivery::check(access, known.instance, self.mapping, project_id, endpoint, &delivered).await
    }
}
