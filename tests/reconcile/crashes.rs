//! The operator ends right after any of its writes; another one takes its place and brings about the same.

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};

use crate::{
    operator::{Bench, Operator},
    picture::Subject,
    seams::Call,
};

/// A piece of work: what is declared and settled before it, and what is changed then.
#[derive(Clone, Debug)]
pub struct Work {
    /// The mapping's spec at the beginning; none: the mapping does not exist yet.
    pub before: Option<Value>,
    /// What is merged into the mapping.
    pub change: Value,
    /// Whether the mapping is deleted then.
    pub deleted: bool,
}

impl Work {
    fn creation(spec: Value) -> Self {
        Self { before: None, change: json!({"spec": spec}), deleted: false }
    }

    fn change(change: Value) -> Self {
        Self { before: Some(json!({})), change, deleted: false }
    }

    /// Whether it is asked for that tokens die before new ones are delivered.
    fn kills_tokens(&self) -> bool {
        self.deleted || self.change["metadata"]["annotations"]["gl-k8s.dev/revoke"].is_string()
    }

    /// Does everything up to the piece of work that is looked at.
    pub async fn begin(&self, bench: &Bench, name: &str) -> Subject {
        let campus = &bench.campus;
        let subject = Subject {
            mapping: format!("{}-mapping-{name}", campus.name),
            path: name.to_owned(),
            project: campus.project(name).await,
        };
        let foreign = json!({"key": "DATABASE_URL", "value": "postgres://database", "environment_scope": "*"});
        campus.gitlab("POST", &format!("/projects/{}/variables", subject.project), foreign).await;
        match &self.before {
            None => campus.map(&subject.mapping, name, self.change["spec"].clone()).await,
            Some(spec) => {
                campus.map(&subject.mapping, name, spec.clone()).await;
                bench.operator().await.settle(&subject.mapping).await;
                campus.patch_mapping(&subject.mapping, self.change.clone()).await;
            }
        }
        if self.deleted {
            campus.mappings().delete(&subject.mapping, &kube::api::DeleteParams::default()).await.unwrap();
        }
        subject
    }

    /// What this work leaves when nothing disturbs it, and the writes that it takes.
    pub async fn undisturbed(&self, bench: &Bench) -> (Value, Vec<Call>) {
        let subject = self.begin(bench, "undisturbed").await;
        let operator = bench.operator().await;
        operator.settle(&subject.mapping).await;
        let writes = operator.writes();
        (finished(bench, operator, &subject).await, writes)
    }
}

/// The picture of a mapping that has settled, after a look at everything that found nothing to write.
pub async fn finished(bench: &Bench, operator: Operator, subject: &Subject) -> Value {
    operator.advance(std::time::Duration::from_secs(6 * 3600));
    operator.rests(&subject.mapping).await;
    bench.campus.picture(subject).await
}

/// Whatever a job of a declared environment is given, opens its namespace.
async fn gitlab_holds_no_dead_token(bench: &Bench, subject: &Subject) {
    let mapping = bench.campus.mappings().get(&subject.mapping).await.unwrap();
    for environment in mapping.spec.environments {
        let token = bench.token(subject.project, &environment.name).await;
        // A delivery that has just begun may have come no further than this.
        let namespace = format!("{}-{}-{}-{}", bench.campus.name, subject.path, subject.project, environment.name);
        if !token.is_empty() {
            assert_eq!(bench.opens(&token, &namespace).await, Ok(()), "{}", environment.name);
        }
    }
}

/// How many operators live at the same time.
const AT_ONCE: usize = 4;

fn counts(call: &Call) -> bool {
    call.is_write() && !call.is_event()
}

/// Does the work once for every write in it, with the operator ending right after that write.
async fn survives_an_end_after_every_write(name: &str, work: Work) {
    let bench = Bench::new(name).await;
    bench.campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    let (wanted, writes) = work.undisturbed(&bench).await;
    assert!(writes.len() > 3, "{writes:?}");
    let (bench, work) = (&bench, &work);
    let ends = stream::iter(1..=writes.len()).map(|number| async move {
        let subject = work.begin(bench, &format!("crash-{number}")).await;
        let operator = bench.operator().await;
        operator.seams.last_is(number, counts);
        tokio::select! {
            _ = operator.settle(&subject.mapping) => {}
            () = operator.seams.death() => {}
        }
        if !work.kills_tokens() {
            gitlab_holds_no_dead_token(bench, &subject).await;
        }
        let last = operator.seams.calls().last().map(ToString::to_string).unwrap_or_default();
        let successor = bench.restarted(operator).await;
        successor.settle(&subject.mapping).await;
        (number, last, finished(bench, successor, &subject).await)
    });
    let ends: Vec<_> = ends.buffer_unordered(AT_ONCE).collect().await;
    for (number, last, picture) in ends {
        assert!(picture == wanted, "ended after write {number} ({last}):\n{picture:#}\ninstead of\n{wanted:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_survives_an_end_after_every_write() {
    survives_an_end_after_every_write("crash-create", Work::creation(json!({}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_survives_an_end_after_every_write() {
    let renew = json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}});
    survives_an_end_after_every_write("crash-renew", Work::change(renew)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_survives_an_end_after_every_write() {
    let revoke = json!({"metadata": {"annotations": {"gl-k8s.dev/revoke": "1"}}});
    survives_an_end_after_every_write("crash-revoke", Work::change(revoke)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_methods_survives_an_end_after_every_write() {
    let switch = json!({"spec": {"ciAccess": {"method": "ClusterCertificate"}}});
    survives_an_end_after_every_write("crash-switch", Work::change(switch)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_environment_survives_an_end_after_every_write() {
    let leave = json!({"spec": {"environments": [{"name": "production", "tier": "production"}]}});
    survives_an_end_after_every_write("crash-leave", Work::change(leave)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_survives_an_end_after_every_write() {
    let work = Work { deleted: true, ..Work::change(json!({})) };
    survives_an_end_after_every_write("crash-delete", work).await;
}
