//! The kubeconfig texts that GitLab hands to jobs, byte for byte: the older one of a certificate-based cluster, and the
//! one of the job, which lists the agent server and takes the older one's entries in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What the older kubeconfig is made of.
#[derive(Clone, Copy, Debug)]
pub struct Platform<'a> {
    /// Address of the API server.
    pub api_url: &'a str,
    /// Namespace of the context.
    pub namespace: &'a str,
    /// Bearer token.
    pub token: &'a str,
    /// CA certificate as PEM text.
    pub ca_pem: Option<&'a str>,
}

/// An agent for Kubernetes that the job may use.
#[derive(Clone, Copy, Debug)]
pub struct Agent<'a> {
    /// The agent's id.
    pub id: u64,
    /// Its name.
    pub name: &'a str,
    /// Full path of the project that configures it.
    pub config_project: &'a str,
    /// Namespace of the context, when configured.
    pub namespace: Option<&'a str>,
}

/// The kubeconfig of a certificate-based cluster alone (`lib/gitlab/kubernetes.rb`, `to_kubeconfig`).
pub fn legacy(platform: &Platform<'_>) -> String {
    format!(
        "---\napiVersion: v1\nclusters:\n{}contexts:\n{}current-context: gitlab-deploy\nkind: Config\nusers:\n{}",
        cluster_entry(platform),
        context_entry(platform),
        user_entry(platform)
    )
}

/// The kubeconfig of a job: none when it would hold no context
/// (`app/services/ci/generate_kubeconfig_service.rb`, `lib/gitlab/kubernetes/kubeconfig/template.rb`).
pub fn of_job(
    agent_server: &str,
    job_token: &str,
    agents: &[Agent<'_>],
    platform: Option<&Platform<'_>>,
) -> Option<String> {
    if agents.is_empty() && platform.is_none() {
        return None;
    }
    let mut clusters = format!("- name: gitlab\n  cluster:\n    server: {}\n", scalar(agent_server));
    let (mut users, mut contexts, mut current) = (String::new(), String::new(), "");
    for agent in agents {
        let user = format!("agent:{}", agent.id);
        let token = scalar(&format!("ci:{}:{job_token}", agent.id));
        users += &format!("- name: {user}\n  user:\n    token: {token}\n");
        let name = scalar(&format!("{}:{}", agent.config_project, agent.name));
        contexts += &format!("- name: {name}\n  context:\n    cluster: gitlab\n");
        if let Some(namespace) = agent.namespace {
            contexts += &format!("    namespace: {}\n", scalar(namespace));
        }
        contexts += &format!("    user: {user}\n");
    }
    if let Some(platform) = platform {
        clusters += &cluster_entry(platform);
        users += &user_entry(platform);
        contexts += &context_entry(platform);
        current = "current-context: gitlab-deploy\n";
    }
    Some(format!(
        "---\napiVersion: v1\nkind: Config\nclusters:\n{clusters}users:\n{users}contexts:\n{contexts}{current}"
    ))
}

fn cluster_entry(platform: &Platform<'_>) -> String {
    let mut entry = format!("- name: gitlab-deploy\n  cluster:\n    server: {}\n", scalar(platform.api_url));
    if let Some(pem) = platform.ca_pem.filter(|pem| !pem.is_empty()) {
        entry += &format!("    certificate-authority-data: {}\n", STANDARD.encode(pem));
    }
    entry
}

fn context_entry(platform: &Platform<'_>) -> String {
    let namespace = scalar(platform.namespace);
    format!(
        "- name: gitlab-deploy\n  context:\n    cluster: gitlab-deploy\n    namespace: {namespace}\n    user: gitlab-deploy\n"
    )
}

fn user_entry(platform: &Platform<'_>) -> String {
    format!("- name: gitlab-deploy\n  user:\n    token: {}\n", scalar(platform.token))
}

/// A YAML scalar: plain where that is certainly read back as this text, else quoted.
fn scalar(text: &str) -> String {
    let plain_characters = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@+=~".contains(c));
    let plain_start = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain_colons = !text.ends_with(':');
    let word = text.to_ascii_lowercase();
    let reserved = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&word.as_str());
    if plain_characters && plain_start && plain_colons && !reserved {
        return text.to_owned();
    }
    if text.chars().any(char::is_control) {
        return serde_json::Value::from(text).to_string();
    }
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::vectors::block;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    const SERVER: &str = "https://kas.example.com/k8s-proxy";

    fn platform(ca_pem: Option<&'static str>) -> Platform<'static> {
        Platform {
            api_url: "https://kube.example.com:6443",
            namespace: "web-app-42-production",
            token: "TOKEN",
            ca_pem,
        }
    }

    fn agents() -> [Agent<'static>; 2] {
        [
            Agent { id: 12, name: "prod", config_project: "infra/agents", namespace: Some("team-a") },
            Agent { id: 13, name: "dev", config_project: "infra/agents", namespace: None },
        ]
    }

    #[test]
    fn every_text_is_gitlabs_to_the_byte() {
        let texts = block("kubeconfig")["texts"].clone();
        let with_ca = platform(Some(PEM));
        let job = |agents: &[Agent<'_>], platform| of_job(SERVER, "JOBTOKEN", agents, platform);
        let made = [
            ("legacy_with_ca", Some(legacy(&with_ca))),
            ("legacy_without_ca", Some(legacy(&platform(None)))),
            ("job_legacy_only", job(&[], Some(&with_ca))),
            ("job_agent_only", job(&agents(), None)),
            ("job_agent_and_legacy", job(&agents()[..1], Some(&with_ca))),
            ("job_no_cluster_no_agent", job(&[], None)),
        ];
        assert_eq!(texts.as_object().map(serde_json::Map::len), Some(made.len()), "every text is tried");
        for (name, text) in made {
            assert_eq!(text.as_deref(), texts[name].as_str(), "{name}");
        }
    }

    #[test]
    fn what_yaml_would_read_as_something_else_is_quoted() {
        assert_eq!(scalar("5"), "'5'");
        assert_eq!(scalar("true"), "'true'");
        assert_eq!(scalar("it's"), "'it''s'");
        assert_eq!(scalar("a\nb"), "\"a\\nb\"");
        assert_eq!(scalar("eyJhbGci.x-y_z"), "eyJhbGci.x-y_z");
    }
}
