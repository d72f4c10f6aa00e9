//! Secrets stay in their places: known ones are planted, the program goes through everything that can happen to it, and
//! whatever it emitted is searched.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use gl_k8s_integrator::api::{GitLabInstance, NamespaceClass, ProjectMapping};
use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    bed::{ALONE, OWN, eventually},
    campus::Campus,
    front::{Front, Mood},
    process::{Program, finished, texts},
};

/// Secrets by what they are.
#[derive(Default)]
struct Planted(BTreeMap<String, String>);

impl Planted {
    /// Takes every token that stands in a Secret of this test's namespaces now.
    async fn take(&mut self, campus: &Campus) {
        let secrets: Api<Secret> = Api::all(campus.admin.clone());
        for secret in secrets.list(&ListParams::default()).await.unwrap() {
            let place = format!("{}/{}", secret.namespace().unwrap_or_default(), secret.name_any());
            let token = secret.data.and_then(|mut data| data.remove("token"));
            if let Some(token) = token.filter(|_| place.starts_with(&campus.name)) {
                let token = String::from_utf8(token.0).unwrap();
                self.0.insert(format!("{place}, {}", self.0.len()), token);
            }
        }
    }

    /// Looks for each secret as it is, in base64, and for the part of a token that alone makes it one.
    fn search(&self, place: &str, text: &str) {
        for (what, secret) in &self.0 {
            let encoded = BASE64_STANDARD.encode(secret);
            let signature = secret.rsplit('.').next().unwrap();
            for needle in [secret.as_str(), encoded.trim_end_matches('='), signature] {
                let Some(at) = text.find(needle) else { continue };
                let line = text[..at].lines().count();
                let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
                panic!("{place} holds the secret of {what} in line {line}: {}", shown.replace(needle, "<HERE>"));
            }
            // The half of a secret is too much too.
            let tail = &secret[secret.len() - 12..];
            assert!(!text.contains(tail), "{place} holds the end of the secret of {what}");
        }
    }
}

async fn all_as_text<K>(campus: &Campus) -> String
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Serialize,
{
    let list = Api::<K>::all_with(campus.admin.clone(), &()).list(&ListParams::default()).await.unwrap();
    serde_json::to_string_pretty(&list.items).unwrap()
}

/// The Secret with the GitLab token changes, so that everything is tried again at once.
async fn touch_token(campus: &Campus, mark: &str) {
    let secrets: Api<Secret> = Api::namespaced(campus.admin.clone(), OWN);
    let touch = json!({"metadata": {"annotations": {"test/touched": mark}}});
    secrets.patch(&campus.name, &PatchParams::default(), &Patch::Merge(touch)).await.unwrap();
}

const MAPPINGS: [&str; 3] = ["leaks-variables", "leaks-legacy", "leaks-clusters"];

/// Everything that a GitLab may do wrong, with what it was sent in its answers.
const MOODS: [Mood; 12] = [
    Mood::RefusesEntries(400),
    Mood::RefusesEntries(403),
    Mood::RefusesEntries(404),
    Mood::RefusesEntries(409),
    Mood::RefusesEntries(422),
    Mood::ConfusesEntries,
    Mood::ConfusesLists,
    Mood::Page(200),
    Mood::Page(500),
    Mood::RefusesAll(401),
    Mood::RefusesAll(403),
    Mood::Redirects,
];

async fn not_ready(campus: &Campus, mapping: &str) {
    eventually(&format!("{mapping} is not ready"), async || {
        let status = campus.mappings().get(mapping).await.unwrap().status.unwrap();
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        if ready.status == "False" { Ok(()) } else { Err(format!("{ready:?}")) }
    })
    .await;
}

/// Declares three mappings, one of each way in which a token travels.
async fn declare(campus: &Campus) {
    campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    campus.write_token(&campus.token, &campus.url).await;
    campus.declare_instance("leaks", json!({})).await;
    campus.declare_class("leaks", json!({})).await;
    campus.declare_class("leaks-legacy", json!({"serviceAccount": {"token": {"kind": "Legacy"}}})).await;
    for (mapping, spec) in MAPPINGS.iter().zip([
        json!({}),
        json!({"class": "leaks-legacy"}),
        json!({"ciAccess": {"method": "ClusterCertificate"}}),
    ]) {
        campus.project(mapping).await;
        campus.map(mapping, mapping, spec).await;
    }
}

/// Something to deliver for each mapping: a renewal, and for what is never renewed another environment.
async fn something_to_deliver(campus: &Campus, number: usize) {
    let renew = json!({"metadata": {"annotations": {"gl-k8s.dev/renew": number.to_string()}}});
    campus.patch_mapping("leaks-variables", renew.clone()).await;
    campus.patch_mapping("leaks-clusters", renew).await;
    let environments = json!([{"name": "production"}, {"name": format!("extra-{number}")}]);
    campus.patch_mapping("leaks-legacy", json!({"spec": {"environments": environments}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_ever_leaves_its_place() {
    let _alone = ALONE.lock().await;
    let mut campus = Campus::undeclared("leaks").await;
    let front = Front::before(&campus.simulator).await;
    campus.url.clone_from(&front.url);
    declare(&campus).await;
    let mut planted = Planted::default();
    planted.0.insert("the token of GitLab".into(), campus.token.clone());
    let mut program = Program::start(campus.control_plane, &["--log", "trace", "--log-format", "json"]).await;
    planted.0.insert("the operator's kubeconfig".into(), program.token.clone());
    let all_ready = async || {
        for mapping in MAPPINGS {
            campus.until_ready(mapping).await;
        }
    };
    all_ready().await;
    planted.take(&campus).await;
    assert!(planted.0.len() >= 8, "two of GitLab and the operator, six of three mappings");

    let mut seen = String::new();
    for (number, mood) in MOODS.into_iter().enumerate() {
        front.becomes(mood);
        something_to_deliver(&campus, number).await;
        for mapping in MAPPINGS.iter().filter(|mapping| mood != Mood::ConfusesLists || **mapping != "leaks-clusters") {
            not_ready(&campus, mapping).await;
        }
        planted.take(&campus).await;
        seen += &all_as_text::<ProjectMapping>(&campus).await;
        seen += &all_as_text::<GitLabInstance>(&campus).await;
        front.becomes(Mood::Faithful);
        touch_token(&campus, &number.to_string()).await;
        all_ready().await;
    }
    let local = "allow_local_requests_from_web_hooks_and_services";
    campus.gitlab("PUT", "/application/settings", json!({local: false})).await;
    something_to_deliver(&campus, 100).await;
    campus.until_refused("leaks-clusters", "ApiUrlRefused").await;
    campus.gitlab("PUT", "/application/settings", json!({local: true})).await;
    touch_token(&campus, "allowed").await;
    all_ready().await;

    for mapping in MAPPINGS {
        campus.patch_mapping(mapping, json!({"metadata": {"annotations": {"gl-k8s.dev/revoke": "1"}}})).await;
        eventually(&format!("{mapping} is revoked"), async || {
            let handled = campus.mappings().get(mapping).await.unwrap().status.unwrap().handled_requests;
            if handled.unwrap_or_default().revoke.is_some() { Ok(()) } else { Err(program.log()) }
        })
        .await;
    }
    all_ready().await;
    planted.take(&campus).await;
    seen += &program.get("/metrics").await.unwrap().1;
    seen += &all_as_text::<ProjectMapping>(&campus).await;
    for mapping in MAPPINGS {
        campus.mappings().delete(mapping, &DeleteParams::default()).await.unwrap();
        eventually(&format!("{mapping} is gone"), async || match campus.mappings().get_opt(mapping).await.unwrap() {
            None => Ok(()),
            Some(mapping) => Err(format!("{:?}", mapping.status)),
        })
        .await;
    }
    seen += &program.get("/metrics").await.unwrap().1;
    assert_eq!(program.terminate().await.code(), Some(0));

    let kinds: std::collections::BTreeSet<_> = planted.0.values().collect();
    assert!(kinds.len() > 30, "each renewal, each revocation: {}", kinds.len());
    planted.search("status, conditions or metrics", &seen);
    planted.search("what the program wrote", &program.emitted());
    planted.search("events", &all_as_text::<Event>(&campus).await);
    planted.search("a class", &all_as_text::<NamespaceClass>(&campus).await);
    planted.search("an address that was asked", &front.seen().join("\n"));
    let log = program.log();
    assert!(
        log.contains("\"level\":\"DEBUG\"") && log.contains("asked GitLab"),
        "the log was as talkative as it can be"
    );
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_cannot_be_read_is_not_shown() {
    let folder = crate::bed::bed().await.folder();
    let token = "planted-token-5ee2a1bb4c0d";
    let whole = json!({"apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "here", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}]});
    let text = serde_json::to_string_pretty(&whole).unwrap();
    let broken = [
        text.replace("\"users\"", "\"users"),
        text.replace(&format!("\"{token}\""), &format!("[\"{token}\"]")),
        text.replace(&format!("{{\n        \"token\": \"{token}\"\n      }}"), &format!("\"{token}\"")),
        text.replace("https://127.0.0.1:1", &format!("https://user:{token}@127.0.0.1:1")),
        token.to_owned(),
        format!("users: *{token}"),
    ];
    for (number, content) in broken.iter().enumerate() {
        assert!(content.contains(token) && *content != text, "{content}");
        let file = folder.join(format!("broken-{number}"));
        std::fs::write(&file, content).unwrap();
        let environment = [("KUBECONFIG", file.to_str().unwrap())];
        let arguments = ["run", "--listen", "127.0.0.1:0", "--log", "trace"];
        let output = finished(&arguments, &environment, "").await;
        let (text, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(!text.contains(token) && !errors.contains(token), "{number}: {}", errors.replace(token, "<HERE>"));
        assert!(errors.contains("error: "), "{errors}");
    }
}
