//! What is known of a GitLab instance: how jobs reach this cluster, and whether GitLab can be worked with.

use std::{sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Time, tz::TimeZone};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use secrecy::SecretString;

use super::problems;
use crate::{
    context::Context,
    declared::{ClusterCa, ConfigMapKey, Instance},
    gitlab::{Client, FeatureState, Pace, TokenSelf, TransportError},
    memory::Remembered,
    plan::ci_access::Endpoint,
    status::{Problem, Reason, Retry},
};

/// What is known of an instance. Each half is usable without the other.
pub struct InstanceFacts {
    /// How jobs reach this cluster.
    pub endpoint: Result<Endpoint, Problem>,
    /// GitLab, if it can be worked with.
    pub access: Result<Access, Problem>,
}

/// A GitLab that can be worked with.
pub struct Access {
    /// The client with its token.
    pub client: Client,
    /// GitLab's version.
    pub version: String,
    /// When the token ends, if GitLab says so.
    pub token_expires: Option<Timestamp>,
    /// The token's scopes, if GitLab says so.
    pub token_scopes: Vec<String>,
    /// The id of the user that the token acts as, if GitLab says so.
    pub token_user: Option<i64>,
    /// Whether certificate-based clusters are on; only an administrator's token may know.
    pub certificate_based_clusters: Option<bool>,
}

/// How long good facts are believed. A changed spec, Secret or CA ends it at once.
const FRESH: Duration = Duration::from_secs(300);
/// The flag that certificate-based clusters need.
const FLAG: &str = "certificate_based_clusters";

/// How long a pass waits for another one that reads the facts for the first time: with more patience the mappings of a GitLab that
/// hangs would hold all places, and those of other instances would wait with them.
const PATIENCE: Duration = Duration::from_secs(2);

/// The facts of an instance, read if they are not fresh. Only one reads at a time; the others take what was known before.
pub async fn read(context: &Context, instance: &Instance) -> Arc<InstanceFacts> {
    let slot = context.memory.instance(&instance.name);
    let of = (instance.uid.clone(), instance.generation);
    let fresh = || slot.known(&of).filter(|known| context.clock.now() < known.stale_at);
    if let Some(known) = fresh() {
        return known.facts;
    }
    let _reading = match (slot.reading().try_lock(), slot.known(&of)) {
        (Ok(reading), _) => reading,
        (Err(_), Some(former)) => return former.facts,
        (Err(_), None) => match tokio::time::timeout(PATIENCE, slot.reading().lock()).await {
            Ok(reading) => reading,
            Err(_) => return unanswered(instance),
        },
    };
    if let Some(known) = fresh() {
        return known.facts;
    }
    let facts = Arc::new(InstanceFacts {
        endpoint: endpoint(context, instance).await,
        access: access(context, instance).await,
    });
    let keep = match (&facts.access, &facts.endpoint) {
        (Ok(_), Ok(_)) => FRESH,
        (Err(Problem { retry: Retry::NotBefore(wait), .. }), _) => *wait,
        _ => context.settings.bad_news,
    };
    let now = context.clock.now();
    slot.keep(Remembered { facts: facts.clone(), of, stale_at: now.checked_add(keep).unwrap_or(now) });
    facts
}

/// What is said of an instance while the first answer of its GitLab is waited for.
fn unanswered(instance: &Instance) -> Arc<InstanceFacts> {
    let message = format!("GitLab at {} was asked and has not answered yet; it is tried again by itself", instance.url);
    let problem = Problem::new(Reason::Progressing, message);
    Arc::new(InstanceFacts { endpoint: Err(problem.clone()), access: Err(problem) })
}

async fn endpoint(context: &Context, instance: &Instance) -> Result<Endpoint, Problem> {
    let ca_pem = match &instance.cluster_ca {
        ClusterCa::PublicTrust => None,
        ClusterCa::Inline(pem) => Some(pem.clone()),
        ClusterCa::ConfigMap(reference) => Some(certificate(context, instance, reference).await?),
    };
    Ok(Endpoint {
        api_server: instance.api_server.clone(),
        ca_pem,
        ingress_base_domain: instance.ingress_base_domain.clone(),
    })
}

async fn certificate(context: &Context, instance: &Instance, at: &ConfigMapKey) -> Result<String, Problem> {
    let namespace = &context.settings.own_namespace;
    let api: Api<ConfigMap> = Api::namespaced(context.kubernetes.clone(), namespace);
    let what = format!("read the ConfigMap {}/{} of GitLabInstance {}", namespace, at.name, instance.name);
    let found = api.get_opt(&at.name).await.map_err(|error| problems::kubernetes(&what, &error))?;
    let pem = found.and_then(|map| map.data?.remove(&at.key));
    pem.map(|pem| pem.trim().to_owned()).filter(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----")).ok_or_else(
        || {
            let message = format!(
                "the ConfigMap {}/{} that GitLabInstance {} names does not exist, or holds no PEM certificate under the key {}; create it, or correct the reference",
                namespace, at.name, instance.name, at.key
            );
            Problem::until_changed(Reason::CaCertificateMissing, message)
        },
    )
}

async fn access(context: &Context, instance: &Instance) -> Result<Access, Problem> {
    let token = token(context, instance).await?;
    let ca = match &instance.gitlab_ca {
        Some(reference) => Some(certificate(context, instance, reference).await?),
        None => None,
    };
    let transport =
        (context.connect)(&instance.url, ca.as_deref()).map_err(|error| no_connection(context, instance, &error))?;
    let chance = context.chance.clone();
    let pace = context.memory.pace(&instance.name, || Pace::new(move || chance.fraction()));
    let client = Client::new(&instance.url, token, transport, pace)
        .map_err(|error| naming_the_secret(context, instance, problems::gitlab(&using(instance), &error)))?
        .observed(&instance.name, context.metrics.clone());
    inspect(context, instance, client).await
}

/// What is attempted, for messages.
fn using(instance: &Instance) -> String {
    format!("use GitLab at {}", instance.url)
}

/// The only thing that can be wrong before anything is sent is a certificate.
fn no_connection(context: &Context, instance: &Instance, error: &TransportError) -> Problem {
    match &instance.gitlab_ca {
        Some(at) => {
            let message = format!(
                "could not use the CA certificate for {} from the ConfigMap {}/{} (key {}): {error}; put the PEM certificate of the authority there that signed GitLab's certificate",
                instance.url, context.settings.own_namespace, at.name, at.key
            );
            Problem::until_changed(Reason::CaCertificateMissing, message)
        }
        None => {
            let message = format!("could not set up the connection to {}: {error}", instance.url);
            Problem::new(Reason::GitLabUnreachable, message)
        }
    }
}

/// A problem of the token says where the token stands.
fn naming_the_secret(context: &Context, instance: &Instance, problem: Problem) -> Problem {
    let of_the_token = matches!(
        problem.reason,
        Reason::TokenInvalid | Reason::TokenExpired | Reason::TokenRevoked | Reason::TokenScopeInsufficient
    );
    if !of_the_token {
        return problem;
    }
    let secret = format!("{}/{}", context.settings.own_namespace, instance.token_secret);
    problem.advise(&format!("it stands under the key `token` of the Secret {secret}"))
}

/// The token is sent only to the URL that stands beside it in the Secret, so that whoever may change the instance object
/// cannot send it elsewhere.
async fn token(context: &Context, instance: &Instance) -> Result<SecretString, Problem> {
    let namespace = &context.settings.own_namespace;
    let name = &instance.token_secret;
    let api: Api<Secret> = Api::namespaced(context.kubernetes.clone(), namespace);
    let what = format!("read the Secret {namespace}/{name} of GitLabInstance {}", instance.name);
    let secret = api.get_opt(name).await.map_err(|error| problems::kubernetes(&what, &error))?;
    let missing = |what: &str| {
        let message = format!(
            "the Secret {namespace}/{name} {what}; create it with the keys `token` and `url` (the URL of GitLabInstance {})",
            instance.name
        );
        Problem::until_changed(Reason::TokenSecretMissing, message)
    };
    let mut data = secret.ok_or_else(|| missing("does not exist"))?.data.unwrap_or_default();
    let mut text = |key: &str| {
        let bytes = data.remove(key).ok_or_else(|| missing(&format!("has no key `{key}`")))?.0;
        String::from_utf8(bytes).map_err(|_| missing(&format!("holds no text under the key `{key}`")))
    };
    let token = SecretString::from(text("token")?.trim());
    let url = text("url")?;
    if url.trim().trim_end_matches('/') == instance.url {
        return Ok(token);
    }
    let message = format!(
        "the key `url` of the Secret {namespace}/{name} is not the URL of GitLabInstance {} ({}), so its token is not sent there; correct the key, or name the Secret that belongs to this GitLab",
        instance.name, instance.url
    );
    Err(Problem::until_changed(Reason::TokenSecretMisplaced, message))
}

async fn inspect(context: &Context, instance: &Instance, client: Client) -> Result<Access, Problem> {
    let what = using(instance);
    let failed = |error| naming_the_secret(context, instance, problems::gitlab(&what, &error));
    let token = client.token_self().await.map_err(failed)?;
    let (token_expires, token_scopes, token_user) = match token {
        TokenSelf::AccessToken(info) => {
            if !info.scopes.iter().any(|scope| scope == "api") {
                let message = format!(
                    "could not {what}: the token has the scopes {}, but `api` is needed; make a token with the scope `api` and put it into the Secret",
                    info.scopes.join(", ")
                );
                let problem = Problem::new(Reason::TokenScopeInsufficient, message);
                return Err(naming_the_secret(context, instance, problem));
            }
            (info.expires_at.and_then(midnight), info.scopes, Some(info.user_id))
        }
        TokenSelf::OtherKind => (None, Vec::new(), None),
    };
    if token_expires.is_some_and(|end| end <= context.clock.now()) {
        tracing::warn!(instance = instance.name, "GitLab accepts a token that has expired by this machine's clock");
    }
    let version = client.metadata().await.map_err(failed)?.version;
    if !version.at_least(17, 0) {
        let message =
            format!("could not {what}: it is GitLab {}, and 17.0 or newer is needed; upgrade it", version.text);
        return Err(Problem::new(Reason::GitLabTooOld, message));
    }
    let features = client.features().await.map_err(failed)?;
    let certificate_based_clusters =
        features.map(|features| features.iter().any(|flag| flag.name == FLAG && flag.state == FeatureState::On));
    Ok(Access { client, version: version.text, token_expires, token_scopes, token_user, certificate_based_clusters })
}

/// A token is dead from 00:00 UTC of its day (app/models/concerns/expirable.rb).
fn midnight(date: jiff::civil::Date) -> Option<Timestamp> {
    date.to_datetime(Time::midnight()).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
