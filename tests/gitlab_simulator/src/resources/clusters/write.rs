//! From parameters to a cluster.

use secrecy::SecretString;

use crate::http::call::Call;
use crate::http::params::Params;
use crate::http::refusal::Refusal;
use crate::rules::environment_scope;
use crate::state::clusters::{AuthorizationType, Cluster, Platform};
use crate::state::owner::Owner;

/// A new cluster; it is not stored and has no id yet.
pub fn new(call: &Call<'_>, owner: Owner) -> Result<Cluster, Refusal> {
    let given = call.params.hash("platform_kubernetes_attributes").unwrap_or_default();
    let authorization_type = given.text("authorization_type").and_then(AuthorizationType::parse);
    let mut cluster = Cluster {
        id: 0,
        owner,
        name: String::new(),
        enabled: true,
        managed: true,
        namespace_per_environment: true,
        environment_scope: "*".to_owned(),
        domain: None,
        management_project: None,
        user_id: call.user_id()?,
        platform: Platform {
            api_url: String::new(),
            token: SecretString::from(""),
            ca_cert: None,
            namespace: None,
            authorization_type: authorization_type.unwrap_or(AuthorizationType::Rbac),
        },
        created_at: call.now,
        updated_at: call.now,
    };
    assign(call, &mut cluster);
    Ok(cluster)
}

/// Takes over what was given.
pub fn assign(call: &Call<'_>, cluster: &mut Cluster) {
    let params = &call.params;
    if params.has("name") {
        cluster.name = params.text("name").unwrap_or_default().to_owned();
    }
    cluster.enabled = params.flag("enabled").unwrap_or(cluster.enabled);
    cluster.managed = params.flag("managed").unwrap_or(cluster.managed);
    cluster.namespace_per_environment =
        params.flag("namespace_per_environment").unwrap_or(cluster.namespace_per_environment);
    if params.has("environment_scope") {
        cluster.environment_scope = environment_scope::normalise(params.text("environment_scope").unwrap_or_default());
    }
    if params.has("domain") {
        cluster.domain = params.text("domain").map(str::to_owned);
    }
    if params.has("management_project_id") {
        cluster.management_project = params.id("management_project_id");
    }
    if let Some(given) = params.hash("platform_kubernetes_attributes") {
        assign_platform(&given, &mut cluster.platform);
    }
}

/// Token and certificate are trimmed, a blank token is ignored, a namespace is lower-cased and null when blank.
fn assign_platform(given: &Params, platform: &mut Platform) {
    if given.has("api_url") {
        platform.api_url = given.text("api_url").unwrap_or_default().trim().to_owned();
    }
    if let Some(token) = given.present("token") {
        platform.token = SecretString::from(token.trim());
    }
    if given.has("ca_cert") {
        platform.ca_cert = given.text("ca_cert").map(|pem| pem.trim().to_owned());
    }
    if given.has("namespace") {
        platform.namespace = given.present("namespace").map(str::to_lowercase);
    }
}
