//! The API server as jobs reach it: at the address, and with the trust, that GitLab gives them.

use std::{str::FromStr as _, time::Duration};

use kube::Client;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::SecretString;

use super::{
    checks::Check,
    cluster::{Cluster, whoami},
    findings::Finding,
};
use crate::{
    commands::run::client,
    declared::Instance,
    gitlab::{in_words, is_about_tls},
    plan::ci_access::Endpoint,
    status::Problem,
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How a job's client gets there with this token: exactly the delivered CA, or what everybody trusts.
///
/// # Errors
/// When address or certificates cannot be used.
pub fn client_of_a_job(endpoint: &Endpoint, token: Option<&SecretString>) -> anyhow::Result<Client> {
    let mut config = kube::Config::new(http::Uri::from_str(&endpoint.api_server)?);
    if let Some(pem) = &endpoint.ca_pem {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        config.root_cert = Some(certificates?.into_iter().map(|der| der.to_vec()).collect());
    }
    config.auth_info.token = token.cloned();
    config.connect_timeout = Some(CONNECT);
    client(config)
}

/// What was found, and whether job credentials can be tried there.
pub struct Examined {
    /// The findings.
    pub findings: Vec<Finding>,
    /// The address, if it leads to this cluster as far as that can be seen.
    pub usable: Option<Endpoint>,
}

/// Checks the endpoint of an instance; `token` is one that was delivered to some job.
pub async fn check(
    cluster: &Cluster,
    instance: &Instance,
    endpoint: &Result<Endpoint, Problem>,
    token: Option<&SecretString>,
) -> Examined {
    let object = format!("GitLabInstance/{}", instance.name);
    let endpoint = match endpoint {
        Ok(endpoint) => endpoint,
        Err(problem) => {
            return Examined {
                findings: vec![Finding::problem(Check::EndpointCertificate, object, problem)],
                usable: None,
            };
        }
    };
    let trust = if endpoint.ca_pem.is_some() { "a CA certificate is delivered" } else { "jobs trust it publicly" };
    let certificate = Finding::ok(Check::EndpointCertificate, &object, trust);
    let reached = reach(endpoint).await;
    let reachable = judge_reached(&object, endpoint, &reached);
    let identity = match (&reached, token) {
        (Reached::Answered, Some(token)) => identify(cluster, endpoint, token).await,
        (Reached::Answered, None) => Identity::NoToken,
        _ => Identity::NotReached,
    };
    let same = judge_identity(&object, endpoint, &identity);
    let usable = matches!(identity, Identity::Same | Identity::NoToken).then(|| endpoint.clone());
    Examined { findings: vec![certificate, reachable, same], usable }
}

/// What came of knocking.
#[derive(Debug, PartialEq, Eq)]
enum Reached {
    /// A Kubernetes API server answered over trusted TLS.
    Answered,
    /// Something else answered.
    NotKubernetes(String),
    /// The certificate is not trusted, or for another name.
    Untrusted(String),
    /// No connection.
    Unreachable(String),
    /// It could not even be tried.
    Unusable(String),
}

async fn reach(endpoint: &Endpoint) -> Reached {
    let client = match client_of_a_job(endpoint, None) {
        Ok(client) => client,
        Err(error) => return Reached::Unusable(format!("{error:#}")),
    };
    match client.apiserver_version().await {
        Ok(_) => Reached::Answered,
        // Where nobody may ask without logging in, it is still Kubernetes that says so.
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) && !status.reason.is_empty() => {
            Reached::Answered
        }
        Err(kube::Error::Api(status)) => Reached::NotKubernetes(format!("status {}", status.code)),
        Err(kube::Error::SerdeError(_)) => Reached::NotKubernetes("the answer cannot be read".to_owned()),
        Err(error) if is_about_tls(&error) => Reached::Untrusted(in_words(&error)),
        Err(error) => Reached::Unreachable(in_words(&error)),
    }
}

fn judge_reached(object: &str, endpoint: &Endpoint, reached: &Reached) -> Finding {
    let address = &endpoint.api_server;
    let error = |message, remedy: &str| Finding::error(Check::EndpointReachable, object, message, remedy);
    match reached {
        Reached::Answered => Finding::ok(Check::EndpointReachable, object, format!("{address} answers")),
        Reached::Untrusted(why) => error(
            format!("{address} does not present a certificate that jobs will trust: {why}"),
            "give the right CA in spec.cluster.caCertificate, or an address in spec.cluster.apiServer whose name stands in the certificate",
        ),
        Reached::Unreachable(why) => error(
            format!("{address} cannot be reached from here: {why}"),
            "correct spec.cluster.apiServer, or see to the network; GitLab's runners need this way too",
        ),
        Reached::NotKubernetes(why) => error(
            format!("what answers at {address} is no Kubernetes API server ({why})"),
            "correct spec.cluster.apiServer, or the proxy at that address",
        ),
        Reached::Unusable(why) => error(
            format!("jobs cannot use {address} with what they get: {why}"),
            "correct spec.cluster.apiServer and spec.cluster.caCertificate",
        ),
    }
}

/// Whether it is this cluster that answers.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    /// It knows a token of this cluster, as the same account.
    Same,
    /// It does not.
    Other(String),
    /// There is no token that this cluster itself takes.
    NoToken,
    /// Nothing answers there.
    NotReached,
    /// It could not be asked.
    Unknown(String),
}

/// A token of this cluster is worth something there, and means the account of the same UID.
async fn identify(cluster: &Cluster, endpoint: &Endpoint, token: &SecretString) -> Identity {
    let (Ok(home), Ok(there)) = (cluster.with_token(token), client_of_a_job(endpoint, Some(token))) else {
        return Identity::Unknown("no client could be set up".to_owned());
    };
    let Ok(known) = whoami(&home).await else { return Identity::NoToken };
    match whoami(&there).await {
        Ok(user) if user.uid == known.uid && user.username == known.username => Identity::Same,
        Ok(user) => Identity::Other(format!("it takes it for {}", user.username.unwrap_or_default())),
        Err(kube::Error::Api(status)) => Identity::Other(format!("it answers with status {}", status.code)),
        Err(error) => Identity::Unknown(in_words(&error)),
    }
}

fn judge_identity(object: &str, endpoint: &Endpoint, identity: &Identity) -> Finding {
    let address = &endpoint.api_server;
    let unchecked = |why: String, remedy: &str| Finding::unchecked(Check::EndpointCluster, object, why, remedy);
    match identity {
        Identity::Same => Finding::ok(Check::EndpointCluster, object, "it knows a token of this cluster"),
        Identity::Other(why) => Finding::error(
            Check::EndpointCluster,
            object,
            format!("{address} does not know a token that this cluster gave out: {why}"),
            "it is another cluster, or something in between drops the token: correct spec.cluster.apiServer",
        ),
        Identity::NoToken => unchecked(
            "there is no living token of a mapping to try it with".to_owned(),
            "run doctor again when a mapping of the instance is ready",
        ),
        Identity::NotReached => unchecked("nothing could be asked there".to_owned(), "see endpoint.reachable"),
        Identity::Unknown(why) => unchecked(format!("{address} could not be asked: {why}"), "run doctor again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::findings::Level;

    fn endpoint() -> Endpoint {
        Endpoint { api_server: "https://icc.example.edu:6443".into(), ca_pem: None, ingress_base_domain: None }
    }

    #[test]
    fn only_an_answer_over_trusted_tls_is_well() {
        let level = |reached| judge_reached("x", &endpoint(), &reached).level;
        assert_eq!(level(Reached::Answered), Level::Ok);
        for reached in [Reached::NotKubernetes, Reached::Untrusted, Reached::Unreachable, Reached::Unusable] {
            assert_eq!(level(reached("why".into())), Level::Error);
        }
    }

    #[test]
    fn another_cluster_is_an_error_and_an_open_question_is_none() {
        let level = |identity| judge_identity("x", &endpoint(), &identity).level;
        assert_eq!(level(Identity::Same), Level::Ok);
        assert_eq!(level(Identity::Other("why".into())), Level::Error);
        for identity in [Identity::NoToken, Identity::NotReached, Identity::Unknown("why".into())] {
            assert_eq!(level(identity), Level::Unchecked);
        }
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        let broken =
            Endpoint { ca_pem: Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----".into()), ..endpoint() };
        assert!(client_of_a_job(&broken, None).is_err());
    }
}
