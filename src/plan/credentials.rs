//! The token of a namespace's ServiceAccount as a state machine: keep it, issue a new one, or wait.
//!
//! What is delivered comes from what was issued. The fingerprint in status says which token we issued last; the
//! claims inside the token say to which ServiceAccount and Secret it is bound and when it ends. Nothing else is
//! believed: not a token that a tenant put into the Secret, and not our own clock about when it was issued.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What identifies a secret in status, logs and messages without telling it: the first 16 hex digits of its SHA-256.
/// Tokens carry far more than 64 bits of chance, so nothing can be learnt from it.
pub fn fingerprint(secret: &SecretString) -> String {
    hex(&Sha256::digest(secret.expose_secret().as_bytes())[..8])
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a ServiceAccount token says about itself (Kubernetes' bound token claims).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// When it was issued, by the API server's clock.
    pub issued: Timestamp,
    /// When it ends, by the API server's clock.
    pub expires: Timestamp,
    /// UID of its ServiceAccount: another one means that the account was deleted and with it this token.
    pub service_account_uid: String,
    /// UID of the Secret that it is bound to.
    pub secret_uid: String,
}

#[derive(Deserialize)]
struct JwtPayload {
    iat: i64,
    exp: i64,
    #[serde(rename = "kubernetes.io")]
    kubernetes: KubernetesClaims,
}

#[derive(Deserialize)]
struct KubernetesClaims {
    serviceaccount: ObjectClaim,
    secret: ObjectClaim,
}

#[derive(Deserialize)]
struct ObjectClaim {
    uid: String,
}

impl TokenClaims {
    /// Reads the claims without checking the signature: they are only believed for a token whose fingerprint we recorded.
    pub fn read(token: &SecretString) -> Option<Self> {
        let payload = token.expose_secret().split('.').nth(1)?;
        let payload: JwtPayload = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        Some(Self {
            issued: Timestamp::from_second(payload.iat).ok()?,
            expires: Timestamp::from_second(payload.exp).ok()?,
            service_account_uid: payload.kubernetes.serviceaccount.uid,
            secret_uid: payload.kubernetes.secret.uid,
        })
    }
}

/// What is known about a `Rotated` credential.
#[derive(Clone, Copy, Debug)]
pub struct Rotated<'a> {
    /// The token in the live Secret.
    pub token: Option<&'a SecretString>,
    /// UID of the live ServiceAccount.
    pub service_account_uid: Option<&'a str>,
    /// UID of the live Secret.
    pub secret_uid: Option<&'a str>,
    /// Fingerprint of the token that we issued last, from status.
    pub recorded_fingerprint: Option<&'a str>,
    /// When this process issued it, by our calendar; `None` when another one did.
    pub issued_here: Option<Timestamp>,
    /// A new value of the annotation that asks for a renewal.
    pub renewal_requested: bool,
    /// Now.
    pub now: Timestamp,
}

/// What to do about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenDecision {
    /// It is ours, alive and young.
    Keep {
        /// Its end.
        expires: Timestamp,
        /// When it is to be renewed.
        renew_at: Timestamp,
    },
    /// Ask the API server for a new one.
    Issue {
        /// Why, for the event.
        why: IssueReason,
    },
}

/// Why a token is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueReason {
    /// There is none.
    Missing,
    /// The Secret holds something that we did not issue, or status lost its record.
    NotIssuedByUs,
    /// The ServiceAccount or the Secret that it was bound to is gone, and the token with it.
    Unbound,
    /// Two thirds of its life are over.
    Due,
    /// The annotation asks for it.
    Requested,
}

/// Decides what to do about the token of a `Rotated` account.
pub fn decide(facts: Rotated<'_>) -> TokenDecision {
    let issue = |why| TokenDecision::Issue { why };
    let Some(token) = facts.token else { return issue(IssueReason::Missing) };
    let print = fingerprint(token);
    let claims = match TokenClaims::read(token) {
        Some(claims) if facts.recorded_fingerprint == Some(print.as_str()) => claims,
        _ => return issue(IssueReason::NotIssuedByUs),
    };
    if facts.service_account_uid != Some(claims.service_account_uid.as_str())
        || facts.secret_uid != Some(claims.secret_uid.as_str())
    {
        return issue(IssueReason::Unbound);
    }
    let renew_at = renewal_by_our_calendar(&claims, &print, facts.issued_here, facts.now);
    if facts.renewal_requested {
        issue(IssueReason::Requested)
    } else if facts.now >= renew_at {
        issue(IssueReason::Due)
    } else {
        TokenDecision::Keep { expires: claims.expires, renew_at }
    }
}

/// How far two clocks may be apart without anything to be made of it.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// When a token is to be renewed, by our calendar, which may be wrong.
///
/// The age of a token that this process issued is measured from that moment, whatever the server's clock said then: by a
/// clock that is ahead a short-lived token would be due as soon as it was issued, again and again. A token that comes from the
/// future shows that our clock is behind; how old it really is nobody can say, so it is renewed at once.
pub fn renewal_by_our_calendar(
    claims: &TokenClaims,
    fingerprint: &str,
    issued_here: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let renew_at = renewal_time(claims, fingerprint);
    match issued_here {
        // A clock that was set back since then makes the moment worthless.
        Some(at) if at <= now => at.checked_add(renew_at.duration_since(claims.issued)).unwrap_or(renew_at),
        _ if claims.issued.duration_since(now) > CLOCKS_APART => now,
        _ => renew_at,
    }
}

/// Two thirds of the life that the server really granted, minus up to a tenth, so that tokens issued together are not
/// renewed together. The jitter comes from the token itself: it is the same in every pass, also after a restart.
pub fn renewal_time(claims: &TokenClaims, fingerprint: &str) -> Timestamp {
    let life = claims.expires.duration_since(claims.issued).as_secs().max(0);
    let spread = u64::from_str_radix(fingerprint.get(..8).unwrap_or("0"), 16).unwrap_or(0) % 1000;
    let two_thirds = life.saturating_mul(2) / 3;
    let jitter = two_thirds / 10 * i64::try_from(spread).unwrap_or(0) / 1000;
    claims.issued.checked_add(SignedDuration::from_secs(two_thirds - jitter)).unwrap_or(claims.issued)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(iat: i64, exp: i64, account: &str, secret: &str) -> SecretString {
        let payload = serde_json::json!({"iat": iat, "exp": exp,
            "kubernetes.io": {"serviceaccount": {"uid": account}, "secret": {"uid": secret}}});
        format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload.to_string())).into()
    }

    fn decision(token: Option<&SecretString>, recorded: Option<&str>, now: i64, requested: bool) -> TokenDecision {
        decide(Rotated {
            token,
            service_account_uid: Some("sa"),
            secret_uid: Some("secret"),
            recorded_fingerprint: recorded,
            issued_here: None,
            renewal_requested: requested,
            now: Timestamp::from_second(now).unwrap(),
        })
    }

    #[test]
    fn a_young_token_of_ours_is_kept_until_two_thirds_of_its_granted_life() {
        let token = token(0, 9000, "sa", "secret");
        let print = fingerprint(&token);
        let TokenDecision::Keep { expires, renew_at } = decision(Some(&token), Some(&print), 5399, false) else {
            panic!("kept")
        };
        assert_eq!(expires.as_second(), 9000);
        assert!((5400..=6000).contains(&renew_at.as_second()), "{renew_at}");
        assert_eq!(decision(Some(&token), Some(&print), 6000, false), TokenDecision::Issue { why: IssueReason::Due });
    }

    #[test]
    fn a_token_that_we_did_not_issue_is_never_kept() {
        let planted = token(0, 9000, "sa", "secret");
        for recorded in [None, Some("0000000000000000")] {
            assert_eq!(
                decision(Some(&planted), recorded, 1, false),
                TokenDecision::Issue { why: IssueReason::NotIssuedByUs }
            );
        }
        let garbage = SecretString::from("not a token");
        assert_eq!(
            decision(Some(&garbage), Some(&fingerprint(&garbage)), 1, false),
            TokenDecision::Issue { why: IssueReason::NotIssuedByUs }
        );
    }

    #[test]
    fn a_token_dies_with_its_account_and_its_secret() {
        for token in [token(0, 9000, "other", "secret"), token(0, 9000, "sa", "other")] {
            assert_eq!(
                decision(Some(&token), Some(&fingerprint(&token)), 1, false),
                TokenDecision::Issue { why: IssueReason::Unbound }
            );
        }
    }

    #[test]
    fn missing_and_requested_tokens_are_issued() {
        assert_eq!(decision(None, None, 1, false), TokenDecision::Issue { why: IssueReason::Missing });
        let token = token(0, 9000, "sa", "secret");
        assert_eq!(
            decision(Some(&token), Some(&fingerprint(&token)), 1, true),
            TokenDecision::Issue { why: IssueReason::Requested }
        );
    }
}
