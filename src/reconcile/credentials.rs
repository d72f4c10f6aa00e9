//! The token of a namespace: issued, kept, renewed.
//!
//! The order: the Secret first (without `token` if it is new), then a token bound to its name and living UID, then the
//! token into the same Secret. A crash in between leaves a token without fingerprint in status, which means: issue again.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::ResourceExt as _;
use secrecy::{ExposeSecret, SecretString};

use super::{mapping::Pass, namespace::Job};
use crate::{
    api::names,
    apply::{events, kubernetes, tokens},
    context::{Context, Sight},
    declared::TokenPolicy,
    facts::cluster,
    plan::{
        change::{Action, Change, TO_BE_ISSUED},
        credentials::{IssueReason, Rotated, TokenClaims, TokenDecision, decide, fingerprint, renewal_by_our_calendar},
        namespace::{legacy_secret, rotated_secret},
    },
    status::{Problem, Reason},
};

/// How a token is to be treated in this pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    /// The fingerprint of the token that was issued last.
    pub recorded_fingerprint: Option<String>,
    /// It may be renewed because it is due: GitLab can be told.
    pub may_renew: bool,
    /// A renewal was asked for.
    pub renew: bool,
    /// A revocation was asked for: account, binding and Secrets are made anew.
    pub revoke: bool,
    /// The CA certificate for the Secret (none where jobs trust the server anyway); `None` while that cannot be read.
    pub ca: Option<Option<String>>,
}

/// A living token.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    /// The token.
    pub token: SecretString,
    /// Its fingerprint.
    pub fingerprint: String,
    /// When it was issued, unless it is a legacy token.
    pub issued: Option<Timestamp>,
    /// When it ends, unless it never does.
    pub expires: Option<Timestamp>,
    /// When it is renewed.
    pub renew_at: Option<Timestamp>,
}

impl Credential {
    /// What stands for a token that would be issued.
    fn to_be_issued(now: Timestamp, lifetime: Option<Duration>) -> Self {
        Self {
            token: TO_BE_ISSUED.into(),
            fingerprint: TO_BE_ISSUED.to_owned(),
            issued: lifetime.map(|_| now),
            expires: lifetime.and_then(|lifetime| now.checked_add(lifetime).ok()),
            renew_at: None,
        }
    }
}

/// Makes sure that the namespace has a living token of ours.
pub(super) async fn keep(pass: &Pass<'_>, job: &Job<'_>, account_uid: &str) -> Result<Credential, Problem> {
    match job.class.token {
        TokenPolicy::Rotated { lifetime } => rotated(pass, job, account_uid, lifetime).await,
        TokenPolicy::Legacy => legacy(pass, job, account_uid).await,
    }
}

/// Removes the Secret of the other kind of token, once GitLab holds the right one.
pub(super) async fn prune_other(pass: &Pass<'_>, namespace: &str, policy: TokenPolicy) -> Result<(), Problem> {
    let other = match policy {
        TokenPolicy::Rotated { .. } => names::LEGACY_TOKEN_SECRET,
        TokenPolicy::Legacy => names::TOKEN_SECRET,
    };
    // What a cache shows too late wakes the mapping once more.
    let caches = &pass.context.caches;
    if caches.are_filled() && caches.get::<Secret>(namespace, other).is_none() {
        return Ok(());
    }
    let why = "GitLab holds a token of the other kind by now";
    kubernetes::delete::<Secret>(pass.context, namespace, other, why).await.map(drop)
}

async fn rotated(pass: &Pass<'_>, job: &Job<'_>, account_uid: &str, lifetime: Duration) -> Result<Credential, Problem> {
    let live: Option<Secret> = cluster::object(pass.context, &job.name, names::TOKEN_SECRET).await?;
    let token = live.as_ref().and_then(|secret| text(secret, "token"));
    let (secret, _) = kubernetes::ensure(pass.context, &filled(job, live.as_ref(), token.as_ref()), live).await?;
    let secret_uid = secret.uid().unwrap_or_default();
    let decision = decide(Rotated {
        token: token.as_ref(),
        service_account_uid: Some(account_uid),
        secret_uid: Some(&secret_uid),
        recorded_fingerprint: job.token.recorded_fingerprint.as_deref(),
        issued_here: token.as_ref().and_then(|token| issued_here(pass, &job.name, &fingerprint(token))),
        renewal_requested: job.token.renew,
        now: pass.context.clock.now(),
    });
    match (decision, token) {
        (TokenDecision::Keep { .. }, Some(token)) => credential(pass, token, job),
        (TokenDecision::Issue { why: IssueReason::Due | IssueReason::Requested }, Some(token))
            if !job.token.may_renew =>
        {
            credential(pass, token, job)
        }
        (TokenDecision::Issue { why }, _) => issue(pass, job, &secret, lifetime, why).await,
        (TokenDecision::Keep { .. }, None) => issue(pass, job, &secret, lifetime, IssueReason::Missing).await,
    }
}

async fn issue(
    pass: &Pass<'_>,
    job: &Job<'_>,
    secret: &Secret,
    lifetime: Duration,
    why: IssueReason,
) -> Result<Credential, Problem> {
    let noted = || {
        let account = format!("token of ServiceAccount {}/{}", job.name, names::SERVICE_ACCOUNT);
        Change::kubernetes(Action::Issue, account, explain(why))
    };
    if pass.context.hands.note(noted) {
        let expected = filled(job, Some(secret), Some(&SecretString::from(TO_BE_ISSUED)));
        kubernetes::ensure(pass.context, &expected, Some(secret.clone())).await?;
        return Ok(Credential::to_be_issued(pass.context.clock.now(), Some(lifetime)));
    }
    let secret_uid = secret.uid().unwrap_or_default();
    let token = tokens::issue(pass.context, &job.name, &secret_uid, lifetime).await?;
    let filled = filled(job, Some(secret), Some(&token));
    let (written, _) = kubernetes::ensure(pass.context, &filled, Some(secret.clone())).await?;
    if written.uid() != Some(secret_uid) {
        let message = format!("the Secret {}/{} was replaced while a token was issued", job.name, names::TOKEN_SECRET);
        return Err(Problem::new(Reason::TokenPending, message));
    }
    let now = pass.context.clock.now();
    let print = fingerprint(&token);
    pass.context.memory.update_mapping(&pass.mapping.name, |memory| {
        memory.issued.insert(job.name.clone(), (print, now));
    });
    let credential = credential(pass, token, job)?;
    let verb = match why {
        IssueReason::Due | IssueReason::Requested => "TokenRenewed",
        IssueReason::Missing | IssueReason::NotIssuedByUs | IssueReason::Unbound => "TokenIssued",
    };
    let end = credential.expires.map(|end| end.to_string()).unwrap_or_default();
    let note = format!("{}/{}: a new token until {end} ({})", job.name, names::SERVICE_ACCOUNT, explain(why));
    events::normal(pass.context, &pass.about(), verb, note).await;
    Ok(credential)
}

fn explain(why: IssueReason) -> &'static str {
    match why {
        IssueReason::Missing => "there was none",
        IssueReason::NotIssuedByUs => "the Secret held one that is not on record",
        IssueReason::Unbound => "the account or Secret of the former one is gone",
        IssueReason::Due => "the former one was due",
        IssueReason::Requested => "asked for by annotation",
    }
}

/// The Secret with everything in it. A CA certificate that cannot be read now stays as it is.
fn filled(job: &Job<'_>, live: Option<&Secret>, token: Option<&SecretString>) -> Secret {
    let mut secret = rotated_secret(&job.name);
    let entry = |key: &str, value: &str| (key.to_owned(), ByteString(value.as_bytes().to_vec()));
    let mut data = std::collections::BTreeMap::from([entry("namespace", &job.name)]);
    let there = || live?.data.as_ref()?.get_key_value("ca.crt").map(|(key, value)| (key.clone(), value.clone()));
    match &job.token.ca {
        Some(known) => data.extend(known.as_deref().map(|pem| entry("ca.crt", pem))),
        None => data.extend(there()),
    }
    data.extend(token.map(|token| entry("token", token.expose_secret())));
    secret.data = Some(data);
    secret
}

fn text(secret: &Secret, key: &str) -> Option<SecretString> {
    let bytes = &secret.data.as_ref()?.get(key)?.0;
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty()).then(|| SecretString::from(text))
}

/// When this process issued the token of a namespace, if it was this one.
fn issued_here(pass: &Pass<'_>, namespace: &str, fingerprint: &str) -> Option<Timestamp> {
    let issued = pass.context.memory.mapping(&pass.mapping.name).issued.remove(namespace)?;
    (issued.0 == fingerprint).then_some(issued.1)
}

fn credential(pass: &Pass<'_>, token: SecretString, job: &Job<'_>) -> Result<Credential, Problem> {
    let claims = TokenClaims::read(&token).ok_or_else(|| {
        let message = format!("the API server issued a token for {} that cannot be read", job.name);
        Problem::new(Reason::TokenPending, message)
    })?;
    let fingerprint = fingerprint(&token);
    let now = pass.context.clock.now();
    let renew_at = renewal_by_our_calendar(&claims, &fingerprint, issued_here(pass, &job.name, &fingerprint), now);
    Ok(Credential {
        token,
        fingerprint,
        issued: Some(claims.issued),
        expires: Some(claims.expires),
        renew_at: Some(renew_at),
    })
}

/// A legacy token that is not the one on record is not believed: the Secret is made anew, and the token controller fills
/// it with one that is ours.
async fn legacy(pass: &Pass<'_>, job: &Job<'_>, account_uid: &str) -> Result<Credential, Problem> {
    let name = names::LEGACY_TOKEN_SECRET;
    // The token controller fills it, also in a namespace that is new.
    let sight = if pass.context.sight == Sight::Nothing { Sight::Live } else { pass.context.sight };
    let context = Context { sight, ..pass.context.clone() };
    let read = || cluster::object::<Secret>(&context, &job.name, name);
    let live = read().await?;
    let known = live.as_ref().is_some_and(|secret| {
        let token = text(secret, "token");
        let account = secret.annotations().get("kubernetes.io/service-account.uid").map(String::as_str);
        token.is_some_and(|token| job.token.recorded_fingerprint == Some(fingerprint(&token)))
            && account == Some(account_uid)
    });
    if live.is_some() && !known {
        kubernetes::delete::<Secret>(pass.context, &job.name, name, "its token is not the one on record").await?;
    }
    kubernetes::ensure(pass.context, &legacy_secret(&job.name), live.filter(|_| known)).await?;
    if !known && !pass.context.hands.work() {
        return Ok(Credential::to_be_issued(pass.context.clock.now(), None));
    }
    if job.token.renew && job.token.may_renew && known {
        let note = format!(
            "{}/{}: a legacy token has no end and is not renewed, since that would kill it at once; to replace it, revoke it",
            job.name,
            names::SERVICE_ACCOUNT
        );
        events::warning(pass.context, &pass.about(), "LegacyTokenKept", note).await;
    }
    for _ in 0..50 {
        if let Some(token) = read().await?.as_ref().and_then(|secret| text(secret, "token")) {
            if !known {
                let note = format!("{}/{}: a new legacy token", job.name, names::SERVICE_ACCOUNT);
                events::normal(pass.context, &pass.about(), "TokenIssued", note).await;
            }
            let fingerprint = fingerprint(&token);
            return Ok(Credential { token, fingerprint, issued: None, expires: None, renew_at: None });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let message = format!("the token controller has not filled {}/{name} yet; see whether it runs", job.name);
    Err(Problem::new(Reason::TokenPending, message))
}
