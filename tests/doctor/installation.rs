//! What an administrator installs, broken one by one.

use control_plane::{ControlPlane, Options};
use serde_json::json;

use crate::bed::{CLUSTERS, LEGACY, Seen, VARIABLES, in_the_cluster};
use crate::process::finished;

const OPERATOR: &str = "ServiceAccount/gl-k8s-integrator/gl-k8s-integrator";

/// A finding about each credential.
fn about_each_credential(level: &'static str, check: &'static str) -> Vec<(&'static str, &'static str, String)> {
    [(VARIABLES, "production"), (VARIABLES, "staging"), (CLUSTERS, "production"), (LEGACY, "production")]
        .map(|(mapping, environment)| (level, check, format!("ProjectMapping/{mapping}/{environment}")))
        .to_vec()
}

#[test]
fn a_right_that_is_missing_is_named() {
    in_the_cluster(async |cluster| {
        let role: serde_json::Value =
            serde_json::from_str(&cluster.kubectl(&["get", "clusterrole", "gl-k8s-integrator", "-o", "json"]).await)
                .unwrap();
        let rules = role["rules"].as_array().unwrap();
        let fewer: Vec<_> = rules.iter().filter(|rule| rule["resources"] != json!(["limitranges"])).collect();
        assert_eq!(fewer.len() + 1, rules.len());
        let patch = json!({"rules": fewer}).to_string();
        cluster.kubectl(&["patch", "clusterrole", "gl-k8s-integrator", "--type=merge", "-p", &patch]).await;
        let seen = cluster.until_found(&[("Error", "rights.held", OPERATOR)]).await;
        seen.found(&[("Error", "rights.held", OPERATOR)]);
        let words = seen.words("rights.held");
        assert!(words.contains("create, delete, get, list, patch, watch limitranges"), "{words}");
        assert!(words.contains("kubectl apply -k manifests"), "{words}");
        cluster.install_again().await;
    });
}

#[test]
fn a_right_too_many_is_named() {
    in_the_cluster(async |cluster| {
        let account = "--serviceaccount=gl-k8s-integrator:gl-k8s-integrator";
        cluster.kubectl(&["create", "clusterrolebinding", "too-much", "--clusterrole=cluster-admin", account]).await;
        let seen = cluster.until_found(&[("Error", "rights.excess", OPERATOR)]).await;
        assert!(seen.words("rights.excess").contains("impersonate users"), "{}", seen.words("rights.excess"));
        cluster.kubectl(&["delete", "clusterrolebinding", "too-much"]).await;
    });
}

#[test]
fn a_kind_of_another_version_is_told_with_what_differs() {
    in_the_cluster(async |cluster| {
        let patch = json!([{"op": "remove", "path":
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/podSecurity"}])
        .to_string();
        let name = "namespaceclasses.gl-k8s.dev";
        cluster.kubectl(&["patch", "crd", name, "--type=json", "-p", &patch]).await;
        let object = format!("CustomResourceDefinition/{name}");
        let seen = cluster.until_found(&[("Error", "kinds", &object)]).await;
        assert!(seen.words("kinds").contains("podSecurity is missing"), "{}", seen.words("kinds"));
        cluster.install_again().await;
    });
}

#[test]
fn a_policy_that_only_records_is_found_out_by_what_it_lets_pass() {
    in_the_cluster(async |cluster| {
        for policy in ["gl-k8s-integrator-fence", "gl-k8s-integrator-claims", "gl-k8s-integrator-minted-tokens"] {
            let audit = r#"{"spec": {"validationActions": ["Audit"]}}"#;
            cluster.kubectl(&["patch", "validatingadmissionpolicybinding", policy, "--type=merge", "-p", audit]).await;
            let binding = format!("ValidatingAdmissionPolicyBinding/{policy}");
            let effect = format!("ValidatingAdmissionPolicy/{policy}");
            let seen = cluster
                .until_found(&[("Error", "policy.installed", &binding), ("Error", "policy.effective", &effect)])
                .await;
            assert!(seen.words("policy.installed").contains("validationActions[0] differs"), "{policy}");
            let deny = audit.replace("Audit", "Deny");
            cluster.kubectl(&["patch", "validatingadmissionpolicybinding", policy, "--type=merge", "-p", &deny]).await;
        }
    });
}

#[test]
fn a_policy_that_is_gone_is_missed() {
    in_the_cluster(async |cluster| {
        let fence = "gl-k8s-integrator-fence";
        cluster.kubectl(&["delete", "validatingadmissionpolicy", fence]).await;
        let object = format!("ValidatingAdmissionPolicy/{fence}");
        let expected = [("Error", "policy.installed", object.as_str()), ("Error", "policy.effective", &object)];
        let seen = cluster.until_found(&expected).await;
        assert!(seen.words("policy.installed").contains("not installed"));
        cluster.install_again().await;
    });
}

#[test]
fn a_role_that_is_missing_or_may_not_be_bound_is_told() {
    in_the_cluster(async |cluster| {
        let role = |name: &str| json!({"spec": {"serviceAccount": {"clusterRole": name}}}).to_string();
        cluster.kubectl(&["patch", "namespaceclass", "well-legacy", "--type=merge", "-p", &role("lecture")]).await;
        let object = "ClusterRole/lecture";
        cluster.doctor(&[]).await.found(&[("Error", "role.exists", object), ("Error", "role.bindable", object)]);
        cluster
            .kubectl(&["create", "clusterrole", "lecture", "--verb=create", "--resource=serviceaccounts/token"])
            .await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Warning", "role.harmless", object), ("Error", "role.bindable", object)]);
        assert!(seen.words("role.bindable").contains("gl-k8s-integrator-may-grant-lecture"));
        cluster.kubectl(&["delete", "clusterrole", "lecture"]).await;
        let back = role("gitlab-group-master");
        cluster.kubectl(&["patch", "namespaceclass", "well-legacy", "--type=merge", "-p", &back]).await;
    });
}

#[test]
fn a_role_that_lets_jobs_mint_tokens_is_dangerous_and_so_are_the_credentials_with_it() {
    in_the_cluster(async |cluster| {
        cluster.kubectl(&["create", "clusterrole", "mints", "--verb=create", "--resource=serviceaccounts/token"]).await;
        cluster.kubectl(&["label", "clusterrole", "mints", "gl-k8s.dev/aggregate-to-master=true"]).await;
        let mut expected = about_each_credential("Error", "credential.confined");
        expected.push(("Error", "role.harmless", "ClusterRole/gitlab-group-master".to_owned()));
        let expected: Vec<_> =
            expected.iter().map(|(level, check, object)| (*level, *check, object.as_str())).collect();
        let seen = cluster.until_found(&expected).await;
        assert!(seen.words("role.harmless").contains("request tokens of any account"));
        cluster.kubectl(&["delete", "clusterrole", "mints"]).await;
    });
}

#[test]
fn a_role_that_gathers_nothing_leaves_jobs_without_rights() {
    in_the_cluster(async |cluster| {
        cluster.kubectl(&["delete", "clusterrole", "gitlab-group-master-base"]).await;
        let mut expected = about_each_credential("Error", "credential.sufficient");
        expected.push(("Error", "role.exists", "ClusterRole/gitlab-group-master".to_owned()));
        let expected: Vec<_> =
            expected.iter().map(|(level, check, object)| (*level, *check, object.as_str())).collect();
        let seen = cluster.until_found(&expected).await;
        assert!(seen.words("credential.sufficient").contains("create deployments"));
        cluster.install_again().await;
    });
}

#[test]
fn in_a_cluster_where_nothing_is_installed_it_says_so() {
    in_the_cluster(async |_| {
        let bare = ControlPlane::start(&Options::default()).await.unwrap();
        let environment = [("KUBECONFIG", bare.kubeconfig().to_str().unwrap())];
        let output = finished(&["doctor", "-o", "json"], &environment, "").await;
        let seen = Seen::of(&output);
        assert_eq!(seen.code, Some(2));
        let found = seen.findings();
        let count = |level: &str, check: &str| {
            found.iter().filter(|(found_level, found_check, _)| found_level == level && found_check == check).count()
        };
        assert_eq!(count("Error", "kinds"), 3, "{found:#?}");
        assert_eq!(count("Error", "policy.installed"), 6, "{found:#?}");
        assert_eq!((count("Error", "role.exists"), count("Error", "role.bindable")), (1, 1), "{found:#?}");
        assert!(count("Error", "rights.held") > 10, "{found:#?}");
        assert_eq!(count("Unchecked", "policy.effective"), 2, "{found:#?}");
        bare.stop().await;
    });
}
