//! What an administrator installs, compiled in: the checks compare the cluster with exactly these files.

use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    rbac::v1::{ClusterRole, Role},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The operator's account, and the namespace in the manifests.
pub const OPERATOR: &str = "gl-k8s-integrator";

const RBAC: &str = include_str!("../../../manifests/rbac.yaml");
const POLICIES: [&str; 3] = [
    include_str!("../../../manifests/policies/fence.yaml"),
    include_str!("../../../manifests/policies/claims.yaml"),
    include_str!("../../../manifests/policies/minted-tokens.yaml"),
];

/// The roles of the operator.
pub struct Roles {
    /// For the whole cluster.
    pub cluster: Vec<ClusterRole>,
    /// For single namespaces.
    pub namespaced: Vec<Role>,
}

/// The roles in `manifests/rbac.yaml`.
///
/// # Errors
/// Never for the files of this program, which a test reads.
pub fn roles() -> anyhow::Result<Roles> {
    Ok(Roles { cluster: objects(RBAC, "ClusterRole")?, namespaced: objects(RBAC, "Role")? })
}

/// The policies in `manifests/policies`, each with its bindings.
///
/// # Errors
/// Never for the files of this program, which a test reads.
pub fn policies() -> anyhow::Result<Vec<(ValidatingAdmissionPolicy, Vec<ValidatingAdmissionPolicyBinding>)>> {
    let mut policies = Vec::new();
    for file in POLICIES {
        let bindings: Vec<ValidatingAdmissionPolicyBinding> = objects(file, "ValidatingAdmissionPolicyBinding")?;
        for policy in objects::<ValidatingAdmissionPolicy>(file, "ValidatingAdmissionPolicy")? {
            let of_this = |binding: &&ValidatingAdmissionPolicyBinding| {
                binding.spec.as_ref().is_some_and(|spec| spec.policy_name == policy.metadata.name)
            };
            let own = bindings.iter().filter(of_this).cloned().collect();
            policies.push((policy, own));
        }
    }
    Ok(policies)
}

/// The objects of one kind in a YAML stream.
fn objects<K: DeserializeOwned>(file: &str, kind: &str) -> anyhow::Result<Vec<K>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(file)?;
    let of_kind = documents.into_iter().filter(|document| document["kind"] == kind);
    of_kind.map(|document| Ok(serde_json::from_value(document)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_read_whole() {
        let roles = roles().unwrap();
        assert_eq!((roles.cluster.len(), roles.namespaced.len()), (1, RBAC.matches("\nkind: Role\n").count()));
        assert!(roles.namespaced.len() >= 2);
        let policies = policies().unwrap();
        assert_eq!(policies.len(), 3);
        assert!(policies.iter().all(|(_, bindings)| bindings.len() == 1));
    }
}
