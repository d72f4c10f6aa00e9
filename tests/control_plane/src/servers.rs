//! The command lines of the three servers.

use std::process::Command;

use crate::binaries::Binaries;
use crate::certificates::Certificates;
use crate::error::StartError;
use crate::folder::Folder;

/// Names of the servers, also of their logs.
pub(crate) const ETCD: &str = "etcd";
pub(crate) const API_SERVER: &str = "kube-apiserver";
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// The controllers that tests rely on; all others would only cost time. Names as `kube-controller-manager --help` lists
/// them.
const CONTROLLERS: [&str; 10] = [
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "garbage-collector-controller",
    "root-ca-certificate-publisher-controller",
    "clusterrole-aggregation-controller",
    "resourcequota-controller",
    "deployment-controller",
    "replicaset-controller",
    // Reports mistyped expressions in the status of a ValidatingAdmissionPolicy.
    "validatingadmissionpolicy-status-controller",
];

/// Every write with its user and object, without bodies: what [`crate::AuditedWrite`] is read from.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
  - level: None
";

/// Writes the servers' input into the folder.
pub(crate) fn write_files(folder: &Folder, certificates: &Certificates) -> Result<(), StartError> {
    folder.write("ca.crt", &certificates.ca_pem)?;
    folder.write("serving.crt", &certificates.serving.certificate_pem)?;
    folder.write("serving.key", &certificates.serving.key_pem)?;
    folder.write("service-account.key", &certificates.service_account_key_pem)?;
    folder.write("service-account.pub", &certificates.service_account_public_key_pem)?;
    folder.write("audit-policy.yaml", AUDIT_POLICY)?;
    Ok(())
}

/// etcd listens on sockets in the folder: no port to lose, and no other user of the machine gets in.
pub(crate) fn etcd(binaries: &Binaries, folder: &Folder) -> Command {
    let mut command = Command::new(binaries.etcd());
    command
        .arg("--data-dir")
        .arg(folder.in_state("etcd"))
        .args(["--listen-client-urls", &etcd_url(folder)])
        .arg("--listen-peer-urls")
        .arg(format!("unix://{}", folder.in_state("etcd-peer.sock").display()))
        // Only announced to other members, of which there are none; required, and a socket is refused here.
        .args(["--advertise-client-urls", "http://localhost:2379"])
        .arg("--unsafe-no-fsync")
        .args(["--log-level", "warn"]);
    command
}

fn etcd_url(folder: &Folder) -> String {
    format!("unix://{}", folder.in_state("etcd.sock").display())
}

/// The API server on this port. Its admission plugins are the defaults, ValidatingAdmissionPolicy among them.
pub(crate) fn api_server(binaries: &Binaries, folder: &Folder, port: u16, further_flags: &[String]) -> Command {
    let mut command = Command::new(binaries.api_server());
    command
        .args(["--etcd-servers", &etcd_url(folder)])
        .args(["--bind-address", "127.0.0.1", "--secure-port", &port.to_string()])
        .arg("--tls-cert-file")
        .arg(folder.in_state("serving.crt"))
        .arg("--tls-private-key-file")
        .arg(folder.in_state("serving.key"))
        .arg("--client-ca-file")
        .arg(folder.in_state("ca.crt"))
        .args(["--service-account-issuer", "https://kubernetes.default.svc"])
        .arg("--service-account-key-file")
        .arg(folder.in_state("service-account.pub"))
        .arg("--service-account-signing-key-file")
        .arg(folder.in_state("service-account.key"))
        .args(["--authorization-mode", "RBAC"])
        .args(["--service-cluster-ip-range", "10.0.0.0/24"])
        // Otherwise it looks for the machine's address, and a machine without a network has none.
        .args(["--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none"])
        .arg("--audit-policy-file")
        .arg(folder.in_state("audit-policy.yaml"))
        .arg("--audit-log-path")
        .arg(folder.audit_log())
        .args(["--audit-log-mode", "blocking"])
        .args(further_flags);
    command
}

/// The controller manager; the kubeconfig is of its own user.
pub(crate) fn controller_manager(binaries: &Binaries, folder: &Folder, kubeconfig: &str) -> Command {
    let mut command = Command::new(binaries.controller_manager());
    command
        .arg("--kubeconfig")
        .arg(folder.in_state(kubeconfig))
        .arg("--service-account-private-key-file")
        .arg(folder.in_state("service-account.key"))
        .arg("--root-ca-file")
        .arg(folder.in_state("ca.crt"))
        .arg("--leader-elect=false")
        // It serves nothing that tests read.
        .args(["--secure-port", "0"])
        // The defaults (20 and 30) make controllers wait when many tests create namespaces at once.
        .args(["--kube-api-qps", "500", "--kube-api-burst", "1000"])
        .args(["--controllers", &CONTROLLERS.join(",")]);
    command
}
