//! The one table of checks: what each looks at. `docs/administrators/doctor.md` lists the same.

use serde::{Serialize, Serializer};

macro_rules! checks {
    ($($name:ident = $id:literal: $what:literal;)+) => {
        /// What is looked at. Its text form is stable: machines may rely on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Check {
            $(#[doc = $what] $name,)+
        }

        /// Every check with what it looks at, in the order of the report.
        pub const CHECKS: &[(Check, &str)] = &[$((Check::$name, $what),)+];

        impl Check {
            /// The check as reports spell it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }
        }
    };
}

checks! {
    RightsHeld = "rights.held": "The operator's account has each right that the manifests give it.";
    RightsExcess = "rights.excess": "The operator's account has none of the rights that it must never have.";
    Kinds = "kinds": "Each kind is installed, served, and as this program defines it.";
    RoleExists = "role.exists": "Each ClusterRole that a class names exists and has rules.";
    RoleBindable = "role.bindable": "The operator may bind each ClusterRole that a class names.";
    RoleHarmless = "role.harmless": "No such ClusterRole lets jobs mint tokens, impersonate, or give away more than they have.";
    PolicyInstalled = "policy.installed": "Each admission policy and its binding stand as in the manifests.";
    PolicyEffective = "policy.effective": "Each admission policy refuses what it is there to refuse (tried in dry-run).";
    InstanceAccess = "instance.access": "GitLab is reached with a trusted certificate, is 17.0 or newer, and takes the token, which has the scope `api`.";
    InstanceTokenEnd = "instance.token-end": "The GitLab token does not end within 14 days.";
    InstanceTokenUser = "instance.token-user": "The GitLab token is not an administrator's.";
    EndpointCertificate = "endpoint.certificate": "The CA certificate that jobs get can be read.";
    EndpointReachable = "endpoint.reachable": "The API server answers at the address that jobs get, with a certificate that the delivered CA signed.";
    EndpointCluster = "endpoint.cluster": "What answers there is this cluster.";
    MappingReady = "mapping.ready": "The operator has brought the mapping to what is declared.";
    ProjectRole = "project.role": "The token's user is a Maintainer of the project.";
    ProjectClusters = "project.clusters": "GitLab's flag `certificate_based_clusters` is on where a mapping needs it.";
    CredentialIssued = "credential.issued": "The namespace's Secret holds the token that the operator issued.";
    CredentialLogin = "credential.login": "The token logs in as the namespace's account.";
    CredentialAge = "credential.age": "The token was renewed in time.";
    CredentialSufficient = "credential.sufficient": "The token may do in its namespace what a job needs.";
    CredentialConfined = "credential.confined": "The token may do nothing elsewhere, nothing in all namespaces or outside of them, and mint no tokens in its namespace.";
    CredentialDelivered = "credential.delivered": "GitLab holds this token, for this environment.";
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
