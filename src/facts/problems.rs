//! What an error of a server means for the object that is reconciled.

use crate::{
    gitlab::{self, Missing, TokenProblem, TransportErrorKind},
    status::{Problem, Reason, Retry},
};

/// An error of the API server. `what` says what was attempted, on which object.
pub fn kubernetes(what: &str, error: &kube::Error) -> Problem {
    let (reason, detail) = match error {
        kube::Error::Api(status) => {
            let reason = match status.code {
                403 => Reason::KubernetesForbidden,
                400 | 405 | 413 | 422 => Reason::KubernetesRefused,
                _ => Reason::KubernetesUnavailable,
            };
            (reason, status.message.clone())
        }
        // Its text can hold a part of the answer, and so of a Secret.
        kube::Error::SerdeError(_) => (Reason::KubernetesUnavailable, "the answer could not be read".to_owned()),
        error => (Reason::KubernetesUnavailable, error.to_string()),
    };
    Problem::new(reason, format!("could not {what}: {detail}"))
}

/// An error of GitLab. `what` says what was attempted.
pub fn gitlab(what: &str, error: &gitlab::Error) -> Problem {
    let reason = match error {
        gitlab::Error::InvalidBaseUrl { .. } => Reason::InvalidSpec,
        gitlab::Error::InvalidToken => Reason::TokenInvalid,
        gitlab::Error::Unauthorized { problem, .. } => match problem {
            TokenProblem::Unknown => Reason::TokenInvalid,
            TokenProblem::Expired => Reason::TokenExpired,
            TokenProblem::Revoked => Reason::TokenRevoked,
        },
        gitlab::Error::InsufficientScope { .. } => Reason::TokenScopeInsufficient,
        gitlab::Error::Forbidden { .. } => Reason::ProjectForbidden,
        gitlab::Error::NotFound { what: Missing::Project, .. } => Reason::ProjectGone,
        gitlab::Error::Moved { .. } => Reason::ProjectNotFound,
        gitlab::Error::Refused { messages, .. } if blocks_api_url(messages) => Reason::ApiUrlRefused,
        gitlab::Error::NotFound { what: Missing::Record | Missing::Feature | Missing::Other, .. }
        | gitlab::Error::Conflict { .. }
        | gitlab::Error::Refused { .. } => Reason::GitLabRefused,
        gitlab::Error::RateLimited { .. } => Reason::GitLabRateLimited,
        gitlab::Error::ServerError { .. } => Reason::GitLabFailed,
        gitlab::Error::NotFound { what: Missing::Route, .. }
        | gitlab::Error::NotJson { .. }
        | gitlab::Error::UnexpectedShape { .. }
        | gitlab::Error::UnexpectedStatus { .. }
        | gitlab::Error::Redirected { .. }
        | gitlab::Error::BodyTooLarge { .. }
        | gitlab::Error::EndlessListing { .. } => Reason::GitLabUnexpectedAnswer,
        gitlab::Error::Transport { source, .. } => match source.kind {
            TransportErrorKind::Tls => Reason::GitLabCertificateUntrusted,
            // The lease could not be renewed in time: that is the API server's affair, or this process stood still.
            TransportErrorKind::NotSent => Reason::KubernetesUnavailable,
            _ => Reason::GitLabUnreachable,
        },
    };
    let retry = match error {
        gitlab::Error::RateLimited { retry_after, .. }
        | gitlab::Error::ServerError { retry_after: Some(retry_after), .. } => Retry::NotBefore(*retry_after),
        _ => Retry::Backoff,
    };
    let problem = Problem { retry, ..Problem::new(reason, format!("could not {what}: {error}")) };
    match reason {
        Reason::ApiUrlRefused => problem.advise(
            "the address is spec.cluster.apiServer of the GitLabInstance: allow requests to the local network in GitLab (Admin > Settings > Network > Outbound requests), or use the method Variables",
        ),
        Reason::GitLabUnreachable => {
            problem.advise("see to the URL, the network and the server; it is tried again by itself")
        }
        Reason::GitLabCertificateUntrusted => problem.advise(
            "name a ConfigMap with the certificate of its authority in spec.caCertificate of the GitLabInstance, or mend the certificate of the server",
        ),
        Reason::GitLabRateLimited if asked_by_gitlab(error) => {
            problem.advise("if this lasts, raise the rate limits in GitLab (Admin > Settings > Network)")
        }
        _ => problem,
    }
}

/// GitLab itself asks to wait; this program's own budget is nobody's setting.
fn asked_by_gitlab(error: &gitlab::Error) -> bool {
    matches!(error, gitlab::Error::RateLimited { why: gitlab::Throttle::GitLab, .. })
}

/// GitLab's outbound request policy speaks (app/validators/addressable_url_validator.rb).
fn blocks_api_url(messages: &[String]) -> bool {
    messages.iter().any(|message| message.contains("api_url") && message.contains("is blocked"))
}
