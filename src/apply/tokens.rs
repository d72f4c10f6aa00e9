//! Tokens of ServiceAccounts, from the API server.

use std::time::Duration;

use k8s_openapi::api::{
    authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, api::PostParams};
use secrecy::SecretString;

use crate::{api::names, context::Context, facts::problems, status::Problem};

/// Asks for a token of `gitlab-serviceaccount` that is bound to a Secret: it dies with the Secret and with the account.
/// The server may grant another lifetime than the one that was asked for.
///
/// # Errors
/// What the API server refused.
pub async fn issue(
    context: &Context,
    namespace: &str,
    secret_uid: &str,
    lifetime: Duration,
) -> Result<SecretString, Problem> {
    let api: Api<ServiceAccount> = Api::namespaced(context.kubernetes.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: Vec::new(),
            expiration_seconds: Some(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX)),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".into()),
                kind: Some("Secret".into()),
                name: Some(names::TOKEN_SECRET.into()),
                uid: Some(secret_uid.into()),
            }),
        },
        ..TokenRequest::default()
    };
    let what = format!("issue a token of {namespace}/{}", names::SERVICE_ACCOUNT);
    let answer = api
        .create_token_request(names::SERVICE_ACCOUNT, &PostParams::default(), &request)
        .await
        .map_err(|error| problems::kubernetes(&what, &error))?;
    Ok(answer.status.map(|status| status.token).unwrap_or_default().into())
}
