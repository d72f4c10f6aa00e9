//! Who holds what: one project has one mapping, and a namespace that lost its claim is left alone.

use std::time::Duration;

use gl_k8s_integrator::status::Reason;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    bed::eventually,
    operator::{Bench, Operator},
    seams::{Fate, Server},
};

/// Two mappings of one project, declared before either was looked at. One names the project by its path, the other by its
/// number; each names an environment of its own, so that nothing but the rule keeps them apart.
struct Rivals<'a> {
    bench: &'a Bench,
    project: i64,
    names: [String; 2],
}

impl<'a> Rivals<'a> {
    async fn new(bench: &'a Bench, path: &str) -> Self {
        let project = bench.campus.project(path).await;
        let names = [format!("{}-{path}-path", bench.campus.name), format!("{}-{path}-id", bench.campus.name)];
        let environments = |name: &str| json!([{"name": name}]);
        bench.campus.map(&names[0], path, json!({"environments": environments("production")})).await;
        let by_id = json!({"project": {"path": null, "id": project}, "environments": environments("staging")});
        bench.campus.map(&names[1], path, by_id).await;
        Self { bench, project, names }
    }

    /// The first names the project by a path that it had before, the second by the one that it has.
    async fn by_two_paths(bench: &'a Bench, path: &str) -> Self {
        let campus = &bench.campus;
        let project = campus.project(&format!("{path}-former")).await;
        campus.gitlab("PUT", &format!("/projects/{project}"), json!({"path": path, "name": path})).await;
        let names = [format!("{}-{path}-former", campus.name), format!("{}-{path}-now", campus.name)];
        let former = json!({"environments": [{"name": "production"}]});
        campus.map(&names[0], &format!("{path}-former"), former).await;
        let created = campus.mappings().get(&names[0]).await.unwrap().creation_timestamp().unwrap().0;
        eventually("another second has begun, so that the next one is younger", async || {
            if Timestamp::now().as_second() > created.as_second() { Ok(()) } else { Err(String::new()) }
        })
        .await;
        campus.map(&names[1], path, json!({"environments": [{"name": "staging"}]})).await;
        Self { bench, project, names }
    }

    /// One holds the project, the other wrote nothing anywhere and says who does.
    async fn one_holds(&self, operator: &Operator) {
        let mut ready = Vec::new();
        for name in &self.names {
            let outcome = operator.pass(name).await;
            match outcome.problem {
                None => ready.push(name),
                problem => {
                    assert_eq!(problem, Some(Reason::AlreadyMapped));
                    let message = operator.message(name).await;
                    assert!(self.names.iter().any(|other| other != name && message.contains(other)), "{message}");
                }
            }
        }
        assert_eq!(ready.len(), 1, "{ready:?}");
        let labels = ListParams::default().labels(&format!("gl-k8s.dev/project-id={}", self.project));
        let namespaces = Api::<Namespace>::all(self.bench.campus.admin.clone()).list(&labels).await.unwrap().items;
        let prefix = format!("{}-", self.bench.campus.name);
        let ours: Vec<_> = namespaces.iter().filter(|namespace| namespace.name_any().starts_with(&prefix)).collect();
        assert_eq!(ours.len(), 1);
        assert_eq!(ours[0].annotations()["gl-k8s.dev/mapping"], *ready[0]);
        let path = format!("/projects/{}/variables?per_page=100", self.project);
        let variables = self.bench.campus.gitlab("GET", &path, Value::Null).await;
        let scopes: std::collections::BTreeSet<_> =
            variables.as_array().unwrap().iter().map(|one| one["environment_scope"].to_string()).collect();
        assert_eq!(scopes.len(), 1, "{scopes:?}");
        let path = format!("/projects/{}/environments", self.project);
        let environments = self.bench.campus.gitlab("GET", &path, Value::Null).await;
        assert_eq!(environments.as_array().unwrap().len(), 1, "{environments}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_mappings_of_a_project_one_holds_it_whatever_the_order() {
    let bench = Bench::new("rivals").await;
    let operator = bench.operator().await;
    for (path, order) in
        [("aba", vec![0, 1, 0]), ("bab", vec![1, 0, 1]), ("aab", vec![0, 0, 1]), ("bba", vec![1, 1, 0])]
    {
        let rivals = Rivals::new(&bench, path).await;
        for turn in order {
            operator.pass(&rivals.names[turn]).await;
        }
        rivals.one_holds(&operator).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_mappings_that_are_looked_at_in_the_same_moment_one_holds_the_project() {
    let bench = Bench::new("at-once").await;
    let operator = bench.operator().await;
    for round in 0..6 {
        let rivals = Rivals::new(&bench, &format!("round-{round}")).await;
        tokio::join!(operator.pass(&rivals.names[0]), operator.pass(&rivals.names[1]));
        rivals.one_holds(&operator).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_mapping_does_not_begin_while_a_younger_one_that_did_not_know_of_it_is_under_way() {
    let bench = Bench::new("two-paths").await;
    let operator = bench.operator().await;
    let rivals = Rivals::by_two_paths(&bench, "web-app").await;
    let [older, younger] = &rivals.names;
    // The younger one has found that nobody else names the project, and is about to write for the first time.
    let mut first = true;
    operator.seams.judge(move |call| {
        let begins = call.server == Server::GitLab && call.is_write();
        if begins && std::mem::take(&mut first) { Fate::Held } else { Fate::Passes }
    });
    let meanwhile = async {
        operator.seams.held().await;
        let outcome = operator.pass(older).await;
        operator.seams.release();
        outcome
    };
    let (done, waited) = tokio::join!(operator.pass(younger), meanwhile);
    assert_eq!((done.problem, waited.problem), (None, Some(Reason::Progressing)));
    rivals.one_holds(&operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_mapping_takes_over_when_the_holder_is_gone() {
    let bench = Bench::new("succession").await;
    let operator = bench.operator().await;
    let rivals = Rivals::new(&bench, "web-app").await;
    for name in &rivals.names {
        operator.pass(name).await;
    }
    rivals.one_holds(&operator).await;
    let mut heirs = rivals.names.to_vec();
    let mut holder = None;
    for name in &rivals.names {
        if operator.pass(name).await.problem.is_none() {
            holder = Some(name.clone());
        }
    }
    let holder = holder.unwrap();
    heirs.retain(|name| *name != holder);
    bench.campus.mappings().delete(&holder, &kube::api::DeleteParams::default()).await.unwrap();
    operator.settle(&holder).await;
    operator.sees(&holder).await;
    operator.advance(Duration::from_secs(600));
    operator.settle(&heirs[0]).await;
    let environment = if heirs[0].ends_with("-path") { "production" } else { "staging" };
    bench.gitlab_holds_living_tokens(rivals.project, &[environment]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_lost_its_label_is_left_alone_until_it_is_labelled_again() {
    let bench = Bench::new("label-lost").await;
    let project = bench.mapped("label-lost-web", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle("label-lost-web").await;
    let name = bench.campus.namespace(project, "-production");
    let namespaces: Api<Namespace> = Api::all(bench.campus.admin.clone());
    let unlabel = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}});
    let unlabelled = namespaces.patch(&name, &PatchParams::default(), &Patch::Merge(unlabel)).await.unwrap();

    let (calls, outcome) = operator.calls_of_a_pass("label-lost-web").await;
    assert_eq!(outcome.problem, Some(Reason::ClaimLost));
    let touched: Vec<_> = calls.iter().filter(|call| call.is_write() && call.path.contains(&name)).collect();
    assert!(touched.is_empty(), "{touched:?}");
    assert_eq!(namespaces.get(&name).await.unwrap().resource_version(), unlabelled.resource_version());
    bench.gitlab_holds_living_tokens(project, &["production", "staging"]).await;

    // The message says how to give it back, in words that a shell takes.
    let message = operator.message("label-lost-web").await;
    let command = message.split_once("kubectl ").unwrap().1;
    let mut kubectl = bench.campus.control_plane.kubectl();
    let done = kubectl.args(command.split_whitespace()).output().await.unwrap();
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    operator.settle("label-lost-web").await;
    operator.rests("label-lost-web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_has_not_answered_yet_holds_up_one_pass_only() {
    let bench = Bench::new("hanging").await;
    bench.mapped("hanging-first", "first", json!({})).await;
    bench.mapped("hanging-second", "second", json!({})).await;
    let operator = bench.operator().await;
    let mut is_first = true;
    operator.seams.judge(move |call| {
        let held = call.server == Server::GitLab && std::mem::take(&mut is_first);
        if held { Fate::Held } else { Fate::Passes }
    });
    let second = async {
        operator.seams.held().await;
        let outcome = operator.pass("hanging-second").await;
        operator.seams.release();
        outcome
    };
    let both = async { tokio::join!(operator.pass("hanging-first"), second) };
    let (first, second) = tokio::time::timeout(Duration::from_secs(120), both).await.expect("nobody waits for good");
    assert_eq!((first.problem, second.problem), (None, Some(Reason::Progressing)));
    let message = operator.message("hanging-second").await;
    assert!(message.contains(&bench.campus.url) && message.contains("not answered yet"), "{message}");
    operator.settle("hanging-second").await;
}
