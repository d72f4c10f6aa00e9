//! Who may come in and how: kubeconfigs, clients, tokens.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use kube::config::AuthInfo;
use serde_json::json;

use crate::certificates::{Certificates, KeyAndCertificate};
use crate::error::StartError;
use crate::folder::Folder;

/// What a client needs to reach the API server.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) server_url: String,
    uri: Uri,
    pub(crate) ca_pem: String,
    ca_der: Vec<u8>,
    admin: AuthInfo,
    pub(crate) admin_kubeconfig: PathBuf,
}

/// File names of the kubeconfigs in the folder.
const ADMIN_KUBECONFIG: &str = "kubeconfig";
pub(crate) const CONTROLLER_MANAGER_KUBECONFIG: &str = "controller-manager.kubeconfig";

impl Access {
    /// Writes the kubeconfigs for an API server on this port.
    pub(crate) fn prepare(folder: &Folder, certificates: &Certificates, port: u16) -> Result<Self, StartError> {
        let authority = format!("127.0.0.1:{port}");
        let server_url = format!("https://{authority}");
        let kubeconfig = |user| kubeconfig(&server_url, &certificates.ca_pem, user);
        folder.write(CONTROLLER_MANAGER_KUBECONFIG, &kubeconfig(&certificates.controller_manager))?;
        let admin_kubeconfig = folder.write(ADMIN_KUBECONFIG, &kubeconfig(&certificates.admin))?;
        Ok(Self {
            uri: uri(authority),
            ca_pem: certificates.ca_pem.clone(),
            ca_der: certificates.ca_der.clone(),
            admin: AuthInfo {
                client_certificate_data: Some(BASE64_STANDARD.encode(&certificates.admin.certificate_pem)),
                client_key_data: Some(BASE64_STANDARD.encode(&certificates.admin.key_pem).into()),
                ..AuthInfo::default()
            },
            admin_kubeconfig,
            server_url,
        })
    }

    pub(crate) fn admin_config(&self) -> kube::Config {
        self.config(self.admin.clone())
    }

    pub(crate) fn config_with_token(&self, token: &str) -> kube::Config {
        self.config(AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() })
    }

    fn config(&self, auth_info: AuthInfo) -> kube::Config {
        install_crypto_provider();
        let mut config = kube::Config::new(self.uri.clone());
        config.root_cert = Some(vec![self.ca_der.clone()]);
        config.auth_info = auth_info;
        config
    }
}

/// rustls wants one provider per process, chosen before the first connection; whoever was first is right.
fn install_crypto_provider() {
    rustls::crypto::ring::default_provider().install_default().ok();
}

fn uri(authority: String) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(http::uri::Scheme::HTTPS);
    parts.authority = authority.parse().ok();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    Uri::from_parts(parts).unwrap_or_default()
}

/// A kubeconfig as JSON, which every reader of YAML reads.
fn kubeconfig(server_url: &str, ca_pem: &str, user: &KeyAndCertificate) -> String {
    let name = "control-plane";
    let content = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{ "name": name, "cluster": {
            "server": server_url,
            "certificate-authority-data": BASE64_STANDARD.encode(ca_pem),
        }}],
        "users": [{ "name": name, "user": {
            "client-certificate-data": BASE64_STANDARD.encode(&user.certificate_pem),
            "client-key-data": BASE64_STANDARD.encode(&user.key_pem),
        }}],
        "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
    });
    format!("{content:#}\n")
}
