//! Credentials that jobs have, and the address that they are for, broken one by one.

use control_plane::{ControlPlane, Options};
use serde_json::{Value, json};

use crate::bed::{CLUSTERS, Cluster, LEGACY, VARIABLES, in_the_cluster};

const PRODUCTION: &str = "ProjectMapping/well-web/production";

/// A RoleBinding for the jobs of `of`, in another namespace or the same.
async fn bind(cluster: &Cluster, kind: &str, place: &[&str], role: &str, of: &str) {
    let (role, account) = (format!("--clusterrole={role}"), format!("--serviceaccount={of}:gitlab-serviceaccount"));
    cluster.kubectl(&[&["create", kind, "foreign", &role, &account], place].concat()).await;
}

#[test]
fn a_right_in_another_namespace_is_found() {
    in_the_cluster(async |cluster| {
        let production = cluster.namespace(VARIABLES, "production").await;
        let staging = cluster.namespace(VARIABLES, "staging").await;
        bind(&cluster, "rolebinding", &["-n", &staging], "edit", &production).await;
        let seen = cluster.until_found(&[("Error", "credential.confined", PRODUCTION)]).await;
        let words = seen.words("credential.confined");
        assert!(
            words.contains(&format!("in the namespace {staging} it may")) && words.contains("kubectl get"),
            "{words}"
        );
        cluster.kubectl(&["delete", "rolebinding", "foreign", "-n", &staging]).await;
    });
}

/// Neither a neighbour's namespace nor one of Kubernetes' own: found because the binding says so.
#[test]
fn a_right_in_whichever_namespace_is_found() {
    in_the_cluster(async |cluster| {
        let production = cluster.namespace(VARIABLES, "production").await;
        cluster.kubectl(&["create", "namespace", "far-away"]).await;
        bind(&cluster, "rolebinding", &["-n", "far-away"], "view", &production).await;
        let seen = cluster.until_found(&[("Warning", "credential.confined", PRODUCTION)]).await;
        let words = seen.words("credential.confined");
        assert!(words.contains("in the namespace far-away it may"), "{words}");
        let group =
            ["rolebinding", "for-all", "-n", "far-away", "--clusterrole=edit", "--group=system:serviceaccounts"];
        cluster.kubectl(&[&["create"], &group[..]].concat()).await;
        let environments = ["well-web/production", "well-web/staging", "well-shop/production", "well-wiki/production"];
        let objects = environments.map(|environment| format!("ProjectMapping/{environment}"));
        let everybody: Vec<_> =
            objects.iter().map(|object| ("Error", "credential.confined", object.as_str())).collect();
        cluster.until_found(&everybody).await;
        cluster.kubectl(&["delete", "namespace", "far-away"]).await;
    });
}

#[test]
fn a_right_everywhere_is_found_and_reading_is_a_warning() {
    in_the_cluster(async |cluster| {
        let production = cluster.namespace(VARIABLES, "production").await;
        bind(&cluster, "clusterrolebinding", &[], "view", &production).await;
        let seen = cluster.until_found(&[("Warning", "credential.confined", PRODUCTION)]).await;
        let words = seen.words("credential.confined");
        assert!(words.contains("in all namespaces") && !words.contains("in the namespace kube-system"), "{words}");
        assert_eq!(cluster.doctor(&["--strict"]).await.code, Some(2));
        cluster.kubectl(&["delete", "clusterrolebinding", "foreign"]).await;
    });
}

/// Somebody bound what stands outside of namespaces, or a path of the API server; what one namespace says does not tell where
/// else it holds.
#[test]
fn a_right_outside_of_namespaces_is_found() {
    in_the_cluster(async |cluster| {
        let production = cluster.namespace(VARIABLES, "production").await;
        for (level, rule, words) in [
            (
                "Error",
                &["--verb=patch", "--resource=nodes"],
                "in all namespaces, and with what stands outside of them, it may patch nodes",
            ),
            (
                "Warning",
                &["--verb=get", "--non-resource-url=/metrics"],
                "it may use paths of the API server: get /metrics",
            ),
        ] {
            cluster.kubectl(&[&["create", "clusterrole", "foreign"], &rule[..]].concat()).await;
            bind(&cluster, "clusterrolebinding", &[], "foreign", &production).await;
            let seen = cluster.until_found(&[(level, "credential.confined", PRODUCTION)]).await;
            let said = seen.words("credential.confined");
            assert!(said.contains(words) && said.contains("clusterrolebindings"), "{said}");
            cluster.kubectl(&["delete", "clusterrolebinding/foreign", "clusterrole/foreign"]).await;
        }
    });
}

#[test]
fn a_job_that_may_mint_tokens_in_its_own_namespace_is_found() {
    in_the_cluster(async |cluster| {
        let production = cluster.namespace(VARIABLES, "production").await;
        bind(&cluster, "rolebinding", &["-n", &production], "admin", &production).await;
        let seen = cluster.until_found(&[("Error", "credential.confined", PRODUCTION)]).await;
        assert!(seen.words("credential.confined").contains("request tokens of any account"));
        cluster.kubectl(&["delete", "rolebinding", "foreign", "-n", &production]).await;
    });
}

#[test]
fn a_token_without_its_rights_is_not_enough() {
    in_the_cluster(async |cluster| {
        let production = cluster.namespace(VARIABLES, "production").await;
        let binding = ["rolebinding", "gitlab-serviceaccount", "-n", &production];
        let before = cluster.kubectl(&[&["get", "-o", "json"], &binding[..]].concat()).await;
        cluster.kubectl(&[&["delete"], &binding[..]].concat()).await;
        let seen = cluster.until_found(&[("Error", "credential.sufficient", PRODUCTION)]).await;
        assert!(seen.words("credential.sufficient").contains("RoleBinding gitlab-serviceaccount"));
        cluster.create(&before).await;
    });
}

#[test]
fn a_token_that_somebody_put_into_the_secret_is_not_tried() {
    in_the_cluster(async |cluster| {
        let production = cluster.namespace(VARIABLES, "production").await;
        let secret = ["secret", "gitlab-serviceaccount-token", "-n", &production];
        let token = cluster.kubectl(&[&["get", "-o", "jsonpath={.data.token}"], &secret[..]].concat()).await;
        let put = async |data: Value| {
            let patch = json!({"data": {"token": data}}).to_string();
            cluster.kubectl(&[&["patch", "--type=merge", "-p", &patch], &secret[..]].concat()).await;
        };
        put(json!("cGxhbnRlZC10b2tlbi1vZi1hLXRlbmFudA==")).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Error", "credential.issued", PRODUCTION)]);
        assert!(seen.words("credential.issued").contains("is on record"));
        put(Value::Null).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Error", "credential.issued", PRODUCTION)]);
        assert!(seen.words("credential.issued").contains("has no token"));
        put(json!(token)).await;
    });
}

#[test]
fn a_token_whose_account_was_deleted_does_not_log_in() {
    in_the_cluster(async |cluster| {
        let production = cluster.namespace(VARIABLES, "production").await;
        cluster.kubectl(&["delete", "serviceaccount", "gitlab-serviceaccount", "-n", &production]).await;
        let seen = cluster.until_found(&[("Error", "credential.login", PRODUCTION)]).await;
        assert!(seen.words("credential.login").contains("was deleted"));
        cluster.revoke(VARIABLES).await;
    });
}

/// What GitLab holds is no longer what it should.
const DELIVERED: [(&str, &str, &str); 5] = [
    ("Error", "credential.delivered", "ProjectMapping/well-shop/production"),
    ("Error", "credential.delivered", "ProjectMapping/well-shop/staging"),
    ("Error", "credential.delivered", "ProjectMapping/well-web/production"),
    ("Error", "credential.delivered", "ProjectMapping/well-web/staging"),
    ("Error", "credential.delivered", "ProjectMapping/well-wiki/production"),
];
const INSTANCE: &str = "GitLabInstance/well";

async fn endpoint(cluster: &Cluster, address: &str, ca: Option<&str>) {
    let certificate = match ca {
        Some(pem) => json!({"source": "Inline", "inline": pem, "configMap": null}),
        None => json!({"source": "ClusterRoot", "inline": null, "configMap": null}),
    };
    let patch = json!({"spec": {"cluster": {"apiServer": address, "caCertificate": certificate}}}).to_string();
    cluster.kubectl(&["patch", "gitlabinstance", "well", "--type=merge", "-p", &patch]).await;
}

#[test]
fn the_address_that_jobs_get_is_tried_with_exactly_what_they_get() {
    in_the_cluster(async |cluster| {
        let own = cluster.control_plane.server_url();
        let other = ControlPlane::start(&Options::default()).await.unwrap();
        let with = |more: &[(&'static str, &'static str, &'static str)]| [&DELIVERED[..], more].concat();

        endpoint(&cluster, own, Some(other.ca_pem())).await;
        let seen = cluster.doctor(&[]).await;
        let out_of_reach =
            with(&[("Error", "endpoint.reachable", INSTANCE), ("Unchecked", "endpoint.cluster", INSTANCE)]);
        seen.found(&out_of_reach);
        assert!(seen.words("endpoint.reachable").contains("does not present a certificate that jobs will trust"));

        endpoint(&cluster, &own.replace("127.0.0.1", "127.0.0.2"), None).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&out_of_reach);

        endpoint(&cluster, "https://127.0.0.1:1", None).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&out_of_reach);
        assert!(seen.words("endpoint.reachable").contains("cannot be reached from here"));

        endpoint(&cluster, other.server_url(), Some(other.ca_pem())).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&with(&[("Error", "endpoint.cluster", INSTANCE)]));
        assert!(seen.words("endpoint.cluster").contains("another cluster"), "{}", seen.words("endpoint.cluster"));

        let config_map = json!({"spec": {"cluster": {"caCertificate":
            {"source": "ConfigMap", "inline": null, "configMap": {"name": "nowhere", "key": "ca.crt"}}}}});
        cluster.kubectl(&["patch", "gitlabinstance", "well", "--type=merge", "-p", &config_map.to_string()]).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Error", "endpoint.certificate", INSTANCE)]);
        endpoint(&cluster, own, None).await;
        other.stop().await;
    });
}

#[test]
fn what_gitlab_holds_is_compared() {
    in_the_cluster(async |cluster| {
        let campus = &cluster.campus;
        let path = |key: &str| {
            let project = cluster.projects[VARIABLES];
            format!("/projects/{project}/variables/{key}?filter%5Benvironment_scope%5D=production")
        };
        let token = campus.gitlab("GET", &path("KUBE_TOKEN"), Value::Null).await["value"].clone();
        campus.gitlab("PUT", &path("KUBE_TOKEN"), json!({"value": "planted-token-5ee2a1bb4c0d"})).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Error", "credential.delivered", PRODUCTION)]);
        let words = seen.words("credential.delivered");
        assert!(
            words.contains("another value in GitLab: KUBE_TOKEN (fingerprint") && !words.contains("planted"),
            "{words}"
        );
        campus.gitlab("PUT", &path("KUBE_TOKEN"), json!({"value": token})).await;
        let url = campus.gitlab("GET", &path("KUBE_URL"), Value::Null).await;
        campus.gitlab("DELETE", &path("KUBE_URL"), Value::Null).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Error", "credential.delivered", PRODUCTION)]);
        assert!(seen.words("credential.delivered").contains("missing in GitLab: KUBE_URL"));
        campus.gitlab("POST", &format!("/projects/{}/variables", cluster.projects[VARIABLES]), url).await;

        let clusters = format!("/projects/{}/clusters", cluster.projects[CLUSTERS]);
        let entries = campus.gitlab("GET", &clusters, Value::Null).await;
        let entry = entries.as_array().unwrap().iter().find(|entry| entry["environment_scope"] == "staging").unwrap();
        let change = async |enabled: bool| {
            let change = json!({"enabled": enabled, "namespace_per_environment": true});
            campus.gitlab("PUT", &format!("{clusters}/{}", entry["id"]), change).await;
        };
        change(false).await;
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Error", "credential.delivered", "ProjectMapping/well-shop/staging")]);
        assert!(seen.words("credential.delivered").contains("that it is enabled"));
        change(true).await;
        assert!(cluster.projects.contains_key(LEGACY));
    });
}
