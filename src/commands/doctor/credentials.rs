//! Each credential that jobs have: doctor logs in with it, as a job would, and asks what it may do.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    authorization::v1::{SelfSubjectRulesReview, SelfSubjectRulesReviewSpec, SubjectRulesReviewStatus},
    core::v1::Secret,
};
use kube::{Api, Client, api::PostParams};
use secrecy::SecretString;

use super::{
    checks::Check,
    cluster::{Cluster, account, no_client, whoami},
    confinement,
    endpoint::client_of_a_job,
    everywhere,
    findings::Finding,
};
use crate::{
    api::names,
    declared::{Class, TokenPolicy},
    facts::problems,
    plan::{
        ci_access::Endpoint,
        credentials::{TokenClaims, fingerprint},
    },
    status::Problem,
};

/// The namespace whose rules are asked for in any case: no job has any business there.
const FOREIGN: &str = "kube-system";
/// No more other namespaces than these are tried.
const MOST_PLACES: usize = 20;
const NOT_ISSUED: &str = "see the mapping's conditions and the operator's log: a running operator issues it by itself";

/// A namespace of a mapping and what is on record of its token.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The name in findings.
    pub object: &'a str,
    /// The namespace.
    pub namespace: &'a str,
    /// Other namespaces in which the token is tried.
    pub elsewhere: &'a BTreeSet<&'a str>,
    /// The fingerprint that status records.
    pub recorded: Option<&'a str>,
    /// The class.
    pub class: &'a Class,
    /// The address that jobs get, if it can be used from here.
    pub endpoint: Option<&'a Endpoint>,
}

/// The token in a Secret.
pub fn token_in(secret: &Secret) -> Option<SecretString> {
    let bytes = &secret.data.as_ref()?.get("token")?.0;
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty()).then(|| SecretString::from(text))
}

/// The token of a namespace.
///
/// # Errors
/// When the Secret cannot be read; one that does not exist holds no token.
pub async fn read(cluster: &Cluster, namespace: &str, class: &Class) -> Result<Option<SecretString>, Problem> {
    let name = match class.token {
        TokenPolicy::Rotated { .. } => names::TOKEN_SECRET,
        TokenPolicy::Legacy => names::LEGACY_TOKEN_SECRET,
    };
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let what = format!("read the Secret {namespace}/{name}");
    let secret = api.get_opt(name).await.map_err(|error| problems::kubernetes(&what, &error))?;
    Ok(secret.as_ref().and_then(token_in))
}

/// Checks the credential of one namespace; gives the token if it is the one on record.
pub async fn check(cluster: &Cluster, subject: Subject<'_>, now: Timestamp) -> (Vec<Finding>, Option<SecretString>) {
    let token = match read(cluster, subject.namespace, subject.class).await {
        Ok(token) => token,
        Err(problem) => return (vec![Finding::hidden(Check::CredentialIssued, subject.object, &problem)], None),
    };
    let issued = judge_issued(subject, token.as_ref());
    let Some(token) = token.filter(|_| issued.remedy.is_none()) else { return (vec![issued], None) };
    let mut findings = vec![issued];
    if let Some(claims) = TokenClaims::read(&token) {
        findings.push(judge_age(subject.object, &claims, now));
    }
    let client = match subject.endpoint {
        Some(endpoint) => client_of_a_job(endpoint, Some(&token)),
        None => cluster.with_token(&token),
    };
    match client {
        Ok(client) => findings.extend(log_in(&client, subject).await),
        Err(error) => findings.push(Finding::problem(Check::CredentialLogin, subject.object, &no_client(&error))),
    }
    (findings, Some(token))
}

fn judge_issued(subject: Subject<'_>, token: Option<&SecretString>) -> Finding {
    let error = |message: String| Finding::error(Check::CredentialIssued, subject.object, message, NOT_ISSUED);
    let place = subject.namespace;
    match (token, subject.recorded) {
        (None, _) => error(format!("the namespace {place} has no token for its jobs")),
        (Some(_), None) => error(format!("the token in the namespace {place} is not on record")),
        (Some(token), Some(recorded)) if fingerprint(token) == recorded => {
            Finding::ok(Check::CredentialIssued, subject.object, format!("fingerprint {recorded}"))
        }
        (Some(token), Some(recorded)) => error(format!(
            "the token in the namespace {place} has the fingerprint {}, and {recorded} is on record",
            fingerprint(token)
        )),
    }
}

/// A token is due at two thirds of its life; at five sixths something keeps the operator from it.
fn judge_age(object: &str, claims: &TokenClaims, now: Timestamp) -> Finding {
    let life = claims.expires.duration_since(claims.issued);
    let late = claims.issued.checked_add(SignedDuration::from_secs(life.as_secs() / 6 * 5)).unwrap_or(claims.expires);
    let end = claims.expires;
    if now < late {
        return Finding::ok(Check::CredentialAge, object, format!("until {end}"));
    }
    let remedy = "see that the operator runs, that the mapping is not paused, and that GitLab can be reached: it renews a token only when GitLab can be told";
    if now >= end {
        return Finding::error(Check::CredentialAge, object, format!("the token ended at {end}"), remedy);
    }
    Finding::warning(
        Check::CredentialAge,
        object,
        format!("the token ends at {end} and should have been renewed by now"),
        remedy,
    )
}

async fn log_in(client: &Client, subject: Subject<'_>) -> Vec<Finding> {
    let user = whoami(client).await;
    let login = judge_login(subject, user.map(|user| user.username.unwrap_or_default()));
    if login.remedy.is_some() {
        return vec![login];
    }
    let mut findings = vec![login];
    let own = rules(client, subject.namespace).await;
    findings.push(confinement::judge_sufficient(subject.object, &subject.class.cluster_role, own.as_ref()));
    let foreign = rules(client, FOREIGN).await;
    let strange = foreign.as_ref().map(confinement::beyond_everybody).unwrap_or_default();
    let everywhere = everywhere::ask(client, &strange).await;
    let mut places = vec![(subject.namespace.to_owned(), own), (FOREIGN.to_owned(), foreign)];
    let others = subject.elsewhere.iter().filter(|place| **place != FOREIGN);
    for place in others.clone().take(MOST_PLACES) {
        places.push(((*place).to_owned(), rules(client, place).await));
    }
    let untried = others.count().saturating_sub(MOST_PLACES);
    findings.push(confinement::judge_confined(subject.object, &places, untried, everywhere.as_deref()));
    findings
}

fn judge_login(subject: Subject<'_>, user: Result<String, kube::Error>) -> Finding {
    let check = Check::CredentialLogin;
    let expected = account(subject.namespace, names::SERVICE_ACCOUNT);
    match user {
        Ok(user) if user == expected => {
            let way = if subject.endpoint.is_some() {
                "through the delivered address"
            } else {
                "not through the delivered address, which cannot be used from here"
            };
            Finding::ok(check, subject.object, way)
        }
        Ok(user) => {
            let message = format!("the token belongs to {user}, not to {expected}");
            Finding::error(check, subject.object, message, NOT_ISSUED)
        }
        Err(kube::Error::Api(status)) if status.code == 401 => Finding::error(
            check,
            subject.object,
            format!(
                "the API server does not take the token of {expected}: it has ended, or its account or Secret was deleted"
            ),
            "a running operator makes a new one by itself; otherwise ask for it: kubectl annotate projectmapping NAME --overwrite gl-k8s.dev/renew=\"$(date -Iseconds)\"",
        ),
        Err(error) => Finding::problem(
            check,
            subject.object,
            &problems::kubernetes("log in as the account of the namespace", &error),
        ),
    }
}

async fn rules(client: &Client, namespace: &str) -> Result<SubjectRulesReviewStatus, Problem> {
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await;
    let failed = |error| problems::kubernetes("ask what the token may do", &error);
    Ok(answer.map_err(failed)?.status.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::NamespaceClass, commands::doctor::findings::Level};

    fn class() -> Class {
        let spec = serde_json::from_value(serde_json::json!({})).unwrap();
        Class::try_from(&NamespaceClass::new("course", spec)).unwrap()
    }

    static NOWHERE: BTreeSet<&str> = BTreeSet::new();

    fn subject<'a>(class: &'a Class, recorded: Option<&'a str>) -> Subject<'a> {
        Subject { object: "x", namespace: "web-app-42", elsewhere: &NOWHERE, recorded, class, endpoint: None }
    }

    #[test]
    fn only_the_token_on_record_is_tried() {
        let (class, token) = (class(), SecretString::from("a-token-that-is-long"));
        let print = fingerprint(&token);
        let level = |token, recorded| judge_issued(subject(&class, recorded), token).level;
        assert_eq!(level(Some(&token), Some(print.as_str())), Level::Ok);
        assert_eq!(level(Some(&token), Some("0000000000000000")), Level::Error);
        assert_eq!(level(Some(&token), None), Level::Error);
        assert_eq!(level(None, Some(print.as_str())), Level::Error);
    }

    #[test]
    fn a_token_that_is_not_renewed_is_told_of_before_it_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let claims = TokenClaims {
            issued: at(0),
            expires: at(6000),
            service_account_uid: String::new(),
            secret_uid: String::new(),
        };
        assert_eq!(judge_age("x", &claims, at(4999)).level, Level::Ok);
        assert_eq!(judge_age("x", &claims, at(5000)).level, Level::Warning);
        assert_eq!(judge_age("x", &claims, at(6000)).level, Level::Error);
    }

    #[test]
    fn a_token_logs_in_as_the_account_of_its_namespace_or_that_is_told() {
        let class = class();
        let of = |user: &str| judge_login(subject(&class, None), Ok(user.to_owned()));
        assert_eq!(of("system:serviceaccount:web-app-42:gitlab-serviceaccount").level, Level::Ok);
        assert_eq!(of("system:serviceaccount:elsewhere:gitlab-serviceaccount").level, Level::Error);
    }
}
