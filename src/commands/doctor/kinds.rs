//! Our kinds: installed, served, and as this program defines them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::{checks::Check, cluster::Cluster, compare, findings::Finding};
use crate::{
    api::{GROUP, VERSION, crds},
    facts::problems,
    status::Reason,
};

const REMEDY: &str = "install the kinds of this program: gl-k8s-integrator crds | kubectl apply --server-side -f -";

/// Checks each kind.
pub async fn check(cluster: &Cluster) -> Vec<Finding> {
    let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let mut findings = Vec::new();
    for expected in crds::all() {
        let name = expected.metadata.name.clone().unwrap_or_default();
        let object = format!("CustomResourceDefinition/{name}");
        let what = format!("read the CustomResourceDefinition {name}");
        findings.push(match api.get_opt(&name).await {
            Ok(live) => judge(&object, &expected, live.as_ref()),
            Err(error) => {
                let problem = problems::kubernetes(&what, &error);
                let served = served(&cluster.client, &expected.spec.names.plural).await;
                match (problem.reason, served) {
                    (Reason::KubernetesForbidden, Some(false)) => missing(&object),
                    _ => Finding::hidden(Check::Kinds, object, &problem),
                }
            }
        });
    }
    findings
}

/// Whether the API server serves a kind, as everybody may know; `None` when it does not say.
async fn served(client: &Client, plural: &str) -> Option<bool> {
    match client.list_api_group_resources(&format!("{GROUP}/{VERSION}")).await {
        Ok(list) => Some(list.resources.iter().any(|resource| resource.name == plural)),
        Err(kube::Error::Api(status)) if status.code == 404 => Some(false),
        Err(_) => None,
    }
}

fn missing(object: &str) -> Finding {
    Finding::error(Check::Kinds, object, "the kind is not installed", REMEDY)
}

/// Compares a definition with the one in this program.
fn judge(object: &str, expected: &CustomResourceDefinition, live: Option<&CustomResourceDefinition>) -> Finding {
    let Some(live) = live else { return missing(object) };
    let conditions = live.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let established =
        conditions.clone().any(|condition| condition.type_ == "Established" && condition.status == "True");
    if !established {
        let why =
            conditions.filter(|condition| condition.status == "False").find_map(|condition| condition.message.clone());
        let message =
            format!("the API server does not serve the kind: {}", why.as_deref().unwrap_or("not yet established"));
        return Finding::error(Check::Kinds, object, message, REMEDY);
    }
    let differences = compare::differences(&spec(expected), &spec(live));
    if differences.is_empty() {
        return Finding::ok(Check::Kinds, object, "installed and current");
    }
    let message = format!("another version than this program's is installed: {}", compare::in_words(&differences));
    Finding::error(Check::Kinds, object, message, REMEDY)
}

/// The spec with the name that the API server fills in.
fn spec(definition: &CustomResourceDefinition) -> Value {
    let mut spec = definition.spec.clone();
    spec.names.list_kind.get_or_insert_with(|| format!("{}List", spec.names.kind));
    serde_json::to_value(&spec).unwrap_or_else(|error| json!({"unreadable": error.to_string()}))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceDefinitionCondition, CustomResourceDefinitionStatus,
    };

    use super::*;
    use crate::commands::doctor::findings::Level;

    fn established(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
        let condition = CustomResourceDefinitionCondition {
            type_: "Established".into(),
            status: "True".into(),
            ..Default::default()
        };
        definition.status =
            Some(CustomResourceDefinitionStatus { conditions: Some(vec![condition]), ..Default::default() });
        definition
    }

    #[test]
    fn a_kind_is_current_only_when_it_is_there_served_and_the_same() {
        let expected = &crds::all()[0];
        let mut live = established(expected.clone());
        assert_eq!(judge("x", expected, Some(&live)).level, Level::Ok);
        assert_eq!(judge("x", expected, None).message, "the kind is not installed");
        assert_eq!(judge("x", expected, Some(expected)).level, Level::Error, "not established");
        let schema = live.spec.versions[0].schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        schema.properties.as_mut().unwrap().get_mut("spec").unwrap().properties.as_mut().unwrap().remove("url");
        let older = judge("x", expected, Some(&live));
        assert_eq!(older.level, Level::Error);
        assert!(older.message.contains("spec.properties.url is missing"), "{}", older.message);
    }
}
