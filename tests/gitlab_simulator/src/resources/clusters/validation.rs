//! What GitLab's models say against a cluster (app/models/clusters/cluster.rb, app/models/clusters/platforms/kubernetes.rb).

use std::sync::LazyLock;

use regex::Regex;
use secrecy::ExposeSecret;

use crate::access::ability::ProjectAbility;
use crate::http::call::Call;
use crate::http::refusal::{ModelErrors, Refusal};
use crate::rules::{api_address, certificate, environment_scope};
use crate::state::State;
use crate::state::clusters::{Cluster, Platform};
use crate::state::owner::Owner;
use crate::state::projects::{Namespace, Project};

const LONGEST_NAME: usize = 2048;
const LONGEST_TOKEN: usize = 8192;
const LONGEST_NAMESPACE: usize = 63;
const RESERVED_NAMESPACE: &str = "gitlab-managed-apps";

static NAMESPACE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\z").ok());
static HOST_NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z").ok());

/// All errors of a new or changed cluster. The platform is looked at only when it is new or changed.
pub fn errors(state: &State, cluster: &Cluster, old: Option<&Cluster>) -> ModelErrors {
    let mut errors = ModelErrors::default();
    if cluster.name.trim().is_empty() {
        errors.add("name", "has to be present");
    } else if cluster.name.chars().count() > LONGEST_NAME {
        errors.add("name", "is too long");
    }
    for sentence in environment_scope::errors(&cluster.environment_scope) {
        errors.add("environment_scope", sentence);
    }
    if has_taken_scope(state, cluster) {
        errors.add("environment_scope", "cannot add duplicated environment scope");
    }
    let domain = cluster.domain.as_deref().unwrap_or_default();
    if !domain.trim().is_empty() && !fits(&HOST_NAME, domain) {
        errors.add("domain", r"contains invalid characters (valid characters: [a-z0-9\-])");
    }
    if old.is_none_or(|old| differ(&old.platform, &cluster.platform)) {
        let old_certificate = old.and_then(|old| old.platform.ca_cert.as_deref());
        platform_errors(state, cluster, old_certificate, &mut errors);
    }
    errors
}

/// A scope is unique among the clusters of one owner and among those of one management project.
fn has_taken_scope(state: &State, cluster: &Cluster) -> bool {
    state.clusters.values().any(|other| {
        let same_management =
            cluster.management_project.is_some() && other.management_project == cluster.management_project;
        other.id != cluster.id
            && other.environment_scope == cluster.environment_scope
            && (other.owner == cluster.owner || same_management)
    })
}

fn differ(old: &Platform, new: &Platform) -> bool {
    old.api_url != new.api_url
        || old.token.expose_secret() != new.token.expose_secret()
        || old.ca_cert != new.ca_cert
        || old.namespace != new.namespace
}

fn platform_errors(state: &State, cluster: &Cluster, old_certificate: Option<&str>, errors: &mut ModelErrors) {
    let platform = &cluster.platform;
    let mut add = |attribute: &str, sentence: String| errors.add(&format!("platform_kubernetes.{attribute}"), sentence);
    if let Some(sentence) = api_address::error(&platform.api_url, &state.settings.outbound_policy()) {
        add("api_url", sentence);
    }
    if platform.api_url.is_empty() {
        add("api_url", "can't be blank".to_owned());
    }
    if platform.api_url.chars().count() > api_address::LONGEST {
        add("api_url", too_long(api_address::LONGEST));
    }
    let token = platform.token.expose_secret();
    if token.is_empty() {
        add("token", "can't be blank".to_owned());
    }
    if token.chars().count() > LONGEST_TOKEN {
        add("token", too_long(LONGEST_TOKEN));
    }
    let pem = platform.ca_cert.as_deref().unwrap_or_default();
    if !pem.is_empty() && old_certificate != Some(pem) && !certificate::is_valid(pem) {
        add("ca_cert", "must be a valid PEM certificate".to_owned());
    }
    if pem.chars().count() > certificate::LONGEST {
        add("ca_cert", too_long(certificate::LONGEST));
    }
    for sentence in namespace_errors(cluster) {
        add("namespace", sentence);
    }
}

fn namespace_errors(cluster: &Cluster) -> Vec<String> {
    let Some(namespace) = cluster.platform.namespace.as_deref() else { return Vec::new() };
    let mut errors = Vec::new();
    if namespace.chars().count() > LONGEST_NAMESPACE {
        errors.push(too_long(LONGEST_NAMESPACE));
    }
    if !fits(&NAMESPACE, namespace) {
        let rule =
            "can contain only lowercase letters, digits, and '-'. Must start with a letter, and cannot end with '-'";
        errors.push(rule.to_owned());
    }
    if namespace == RESERVED_NAMESPACE {
        errors.push("is reserved".to_owned());
    }
    if cluster.managed && !matches!(cluster.owner, Owner::Project(_)) {
        errors.push("only allowed for project cluster".to_owned());
    }
    errors
}

fn too_long(limit: usize) -> String {
    format!("is too long (maximum is {limit} characters)")
}

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// A new management project must lie in the cluster's reach, and the caller must be able to administer clusters there. This
/// is the only error then.
pub fn check_management_project(call: &Call<'_>, owner: Owner, old: Option<u64>) -> Result<(), Refusal> {
    let Some(id) = call.params.id("management_project_id").filter(|id| Some(*id) != old) else { return Ok(()) };
    let within = call.state.projects.get(&id).is_some_and(|project| is_within(call.state, project, owner));
    if within && call.may_in_project(id, ProjectAbility::AdminCluster) {
        return Ok(());
    }
    let sentence = "Project does not exist or you don't have permission to perform this action";
    Err(Refusal::model(ModelErrors::of("management_project_id", sentence)))
}

fn is_within(state: &State, project: &Project, owner: Owner) -> bool {
    match owner {
        Owner::Instance => true,
        Owner::Group(group) => matches!(project.namespace, Namespace::Group(id) if state.group_is_within(id, group)),
        Owner::Project(id) => state.projects.get(&id).is_some_and(|own| own.namespace == project.namespace),
    }
}
