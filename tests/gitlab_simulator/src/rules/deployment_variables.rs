//! The variables that a certificate-based cluster injects into a deployment job.

use super::default_namespace::{self, default_namespace};
use super::job_variables::JobVariable;
use super::kubeconfig::{self, Platform};

/// A namespace that GitLab has made in a managed cluster.
#[derive(Clone, Copy, Debug)]
pub struct Provisioned<'a> {
    /// Its name.
    pub namespace: &'a str,
    /// The service account in it.
    pub service_account: &'a str,
    /// That account's token.
    pub token: &'a str,
}

/// The chosen cluster and the job it serves.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Address of the API server.
    pub api_url: &'a str,
    /// The cluster's own token.
    pub token: &'a str,
    /// CA certificate.
    pub ca_pem: Option<&'a str>,
    /// Base domain for ingresses.
    pub domain: Option<&'a str>,
    /// Does GitLab manage namespaces and accounts?
    pub managed: bool,
    /// Is the job's project the cluster's management project?
    pub management_project: bool,
    /// The namespace already made for this environment (managed clusters only).
    pub provisioned: Option<Provisioned<'a>>,
    /// `environment:kubernetes:namespace` of the job.
    pub requested_namespace: Option<&'a str>,
    /// What the default namespace is computed from.
    pub default: default_namespace::Input<'a>,
}

/// The variables of the platform in GitLab's order (`app/models/clusters/platforms/kubernetes.rb`), with the older
/// kubeconfig. An unmanaged cluster gives its own token; a managed one only what it has provisioned.
pub fn deployment_variables(input: &Input<'_>) -> Vec<JobVariable> {
    let mut variables = vec![JobVariable::public("KUBE_URL", input.api_url)];
    let ca_pem = input.ca_pem.filter(|pem| !pem.is_empty());
    if let Some(pem) = ca_pem {
        variables.push(JobVariable::public("KUBE_CA_PEM", pem));
        variables.push(JobVariable { file: true, ..JobVariable::public("KUBE_CA_PEM_FILE", pem) });
    }
    if !input.managed || input.management_project {
        let namespace = own_namespace(input);
        variables.push(JobVariable::secret("KUBE_TOKEN", input.token));
        variables.push(JobVariable::public("KUBE_NAMESPACE", &namespace));
        variables.push(legacy_kubeconfig(input, &namespace, input.token));
    } else if let Some(provisioned) = input.provisioned {
        variables.push(JobVariable::public("KUBE_SERVICE_ACCOUNT", provisioned.service_account));
        variables.push(JobVariable::public("KUBE_NAMESPACE", provisioned.namespace));
        variables.push(JobVariable::secret("KUBE_TOKEN", provisioned.token));
        variables.push(legacy_kubeconfig(input, provisioned.namespace, provisioned.token));
    }
    if let Some(domain) = input.domain.filter(|domain| !domain.is_empty()) {
        variables.push(JobVariable::public("KUBE_INGRESS_BASE_DOMAIN", domain));
    }
    variables
}

/// The later KUBECONFIG, which wins: the job's own text, with the older one merged in. None without a context.
pub fn job_kubeconfig(agent_server: &str, job_token: &str, input: Option<&Input<'_>>) -> Option<JobVariable> {
    let context = input.and_then(context);
    let platform = match (input, &context) {
        (Some(input), Some((namespace, token))) => Some(platform(input, namespace, token)),
        _ => None,
    };
    kubeconfig::of_job(agent_server, job_token, &[], platform.as_ref()).map(kubeconfig_variable)
}

fn context(input: &Input<'_>) -> Option<(String, String)> {
    if !input.managed || input.management_project {
        return Some((own_namespace(input), input.token.to_owned()));
    }
    input.provisioned.map(|provisioned| (provisioned.namespace.to_owned(), provisioned.token.to_owned()))
}

fn own_namespace(input: &Input<'_>) -> String {
    let requested = input.requested_namespace.filter(|namespace| !namespace.is_empty());
    requested.map_or_else(|| default_namespace(input.default), str::to_owned)
}

fn platform<'a>(input: &Input<'a>, namespace: &'a str, token: &'a str) -> Platform<'a> {
    Platform { api_url: input.api_url, namespace, token, ca_pem: input.ca_pem }
}

fn legacy_kubeconfig(input: &Input<'_>, namespace: &str, token: &str) -> JobVariable {
    let text = kubeconfig::legacy(&Platform { api_url: input.api_url, namespace, token, ca_pem: input.ca_pem });
    kubeconfig_variable(text)
}

fn kubeconfig_variable(text: String) -> JobVariable {
    JobVariable { public: false, file: true, ..JobVariable::public("KUBECONFIG", &text) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::slug::environment_slug;
    use crate::rules::vectors::{block, cases, text};

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    const KAS: &str = "https://kas.example.com/k8s-proxy";

    /// The variables of a scenario: what the cluster leaves out is as in the first scenario, without CA.
    fn variables(scenario: &Value, slug: &str) -> Vec<JobVariable> {
        let cluster = &scenario["cluster"];
        let flag = |key: &str| cluster[key].as_bool().unwrap_or(key == "namespace_per_environment");
        let with_namespace = text(scenario, "name").contains("already provisioned");
        let provisioned = with_namespace.then_some(Provisioned {
            namespace: "web-app-42-production",
            service_account: "web-app-42-production-service-account",
            token: "ACCOUNT-TOKEN",
        });
        let input = Input {
            api_url: cluster["api_url"].as_str().unwrap_or("https://kube.example.com:6443"),
            token: cluster["token"].as_str().unwrap_or("TOKEN"),
            ca_pem: cluster["ca_cert"].as_str().map(|_| PEM),
            domain: cluster["domain"].as_str(),
            managed: flag("managed"),
            management_project: cluster["management_project"].is_string(),
            provisioned,
            requested_namespace: scenario["ci_yaml_namespace"].as_str(),
            default: default_namespace::Input {
                project_path: "web-app",
                project_id: 42,
                environment_slug: slug,
                managed: flag("managed"),
                namespace_per_environment: flag("namespace_per_environment"),
                platform_namespace: cluster["platform_namespace"].as_str(),
            },
        };
        let mut variables = deployment_variables(&input);
        variables.extend(job_kubeconfig(KAS, "JOBTOKEN", Some(&input)));
        variables
    }

    fn in_order(scenario: &Value, variables: &[JobVariable]) {
        let texts = block("kubeconfig")["texts"].clone();
        let expected: Vec<Value> = cases(scenario, "/variables_in_order")
            .into_iter()
            .map(|mut variable| {
                let value = match text(&variable, "value") {
                    "<PEM>" => json!(PEM),
                    "<kubeconfig.legacy_with_ca>" => texts["legacy_with_ca"].clone(),
                    value if value.starts_with("<kubeconfig.job_legacy_only") => texts["job_legacy_only"].clone(),
                    value => json!(value),
                };
                variable["value"] = value;
                variable
            })
            .collect();
        let made: Vec<Value> = variables
            .iter()
            .map(|v| {
                json!({"key": v.key, "value": v.value, "public": v.public, "file": v.file, "masked": v.masked, "raw": v.raw})
            })
            .collect();
        assert_eq!(made, expected);
    }

    fn keys_once(variables: &[JobVariable]) -> Vec<&str> {
        let mut keys = Vec::new();
        for variable in variables {
            if !keys.contains(&variable.key.as_str()) {
                keys.push(variable.key.as_str());
            }
        }
        keys
    }

    #[test]
    fn every_scenario_gives_gitlabs_variables() {
        let block = block("deployment_variables");
        for scenario in cases(&block, "/scenarios") {
            if scenario["expect_none"] == json!(true) {
                // No environment or no flag: there is no chosen cluster, hence no input.
                assert_eq!(job_kubeconfig(KAS, "JOBTOKEN", None), None);
                continue;
            }
            let variables = variables(&scenario, &environment_slug("production"));
            if scenario["variables_in_order"].is_array() {
                in_order(&scenario, &variables);
            }
            if scenario["keys_in_order"].is_array() {
                let expected = cases(&scenario, "/keys_in_order");
                assert_eq!(keys_once(&variables), expected.iter().filter_map(Value::as_str).collect::<Vec<_>>());
            }
            for (key, value) in scenario["expect"].as_object().into_iter().flatten() {
                let value = match value.as_str().expect("text") {
                    "token from Secret web-app-42-production-token, not the cluster token" => "ACCOUNT-TOKEN",
                    "the cluster (admin) token" => "TOKEN",
                    "default namespace computed from project and environment" => "web-app-42-production",
                    value => value,
                };
                let made = variables.iter().rfind(|variable| variable.key == *key);
                assert_eq!(made.map(|variable| variable.value.as_str()), Some(value), "{scenario}");
            }
            for absent in scenario["absent"].as_array().into_iter().flatten() {
                assert!(!keys_once(&variables).contains(&absent.as_str().expect("text")), "{absent}: {scenario}");
            }
        }
    }

    #[test]
    fn flags_are_those_of_the_vectors() {
        let everything = json!({"name": "all", "cluster": {"ca_cert": "<PEM>", "domain": "apps.example.com"}});
        let flags = block("deployment_variables")["flags"].clone();
        for variable in variables(&everything, "production") {
            let expected = &flags[&variable.key];
            let made = json!([variable.public, variable.file, variable.masked]);
            assert_eq!(made, json!([expected["public"], expected["file"], expected["masked"]]), "{}", variable.key);
        }
    }
}
