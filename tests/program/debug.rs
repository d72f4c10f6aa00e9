//! Values that hold secrets can be printed for debugging without showing them.

use std::sync::Arc;

use gl_k8s_integrator::{
    gitlab::{Client, HttpOptions, Pace, Transport, TransportError, TransportErrorKind, http_transport},
    plan::{
        ci_access::{Access, Endpoint, certificate, variables},
        credentials::Rotated,
        ownership::Mark,
    },
};
use http::{Request, Response};
use secrecy::SecretString;

const TOKEN: &str = "planted-token-5ee2a1bb4c0d";

fn is_kept(what: &str, value: &impl std::fmt::Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.contains(TOKEN), "{what}: {}", text.replace(TOKEN, "<HERE>"));
    }
}

#[tokio::test]
async fn what_holds_a_secret_does_not_print_it() {
    let token = SecretString::from(TOKEN);
    let endpoint =
        Endpoint { api_server: "https://icc.example.edu:6443".into(), ca_pem: None, ingress_base_domain: None };
    let mark = Mark { cluster: "ICC".into(), cluster_uid: "0123".into(), mapping: "web-app".into() };
    let access = Access {
        environment: "production",
        namespace: "web-app-42-production",
        token: &token,
        endpoint: &endpoint,
        kubeconfig: true,
        protected: true,
        mark: &mark,
    };
    is_kept("what jobs are to get", &access);
    let variables = variables::wanted(access);
    assert!(variables.len() >= 4);
    is_kept("variables", &variables);
    is_kept("what status records of variables", &variables.iter().map(variables::entry).collect::<Vec<_>>());
    let cluster = certificate::wanted(access);
    is_kept("a cluster entry", &cluster);
    is_kept("what status records of a cluster entry", &cluster.entry());
    is_kept("changes of cluster entries", &certificate::Changes { create: vec![cluster], ..Default::default() });
    is_kept("changes of variables", &variables::Changes { create: variables, ..Default::default() });
    is_kept(
        "what is known of a credential",
        &Rotated {
            token: Some(&token),
            service_account_uid: None,
            secret_uid: None,
            recorded_fingerprint: None,
            issued_here: None,
            renewal_requested: false,
            now: jiff::Timestamp::UNIX_EPOCH,
        },
    );

    let cut = |_: Request<bytes::Bytes>| async {
        Err::<Response<bytes::Bytes>, _>(TransportError::new(TransportErrorKind::Cut, "cut"))
    };
    let transport = Transport::new(tower::service_fn(cut));
    let client =
        Client::new("https://gitlab.example.edu", token.clone(), transport, Arc::new(Pace::new(|| 0.5))).unwrap();
    is_kept("the client of GitLab", &client);
    is_kept("an error of GitLab's client", &client.token_self().await.unwrap_err());
    let address = format!("https://user:{TOKEN}@gitlab.example.edu");
    let transport = http_transport(&HttpOptions::default()).unwrap();
    let refused = Client::new(&address, token, transport, Arc::new(Pace::new(|| 0.5))).unwrap_err();
    is_kept("an address with a password", &refused);
    assert!(!refused.to_string().contains(TOKEN), "{refused}");
}
