//! An operator that does nothing by itself: each test says when it looks at what.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use gl_k8s_integrator::{
    api::{GitLabInstance, NamespaceClass, ProjectMapping},
    commands::run::client,
    context::{Chance, Clock, Context, Settings},
    controllers,
    facts::declarations::Declarations,
    plan::brake::Brake,
    reconcile::{Key, Outcome, reconcile},
    status::Reason,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{core::v1::Pod, events::v1::Event};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::ListParams,
    runtime::reflector::{ObjectRef, Store},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    bed::{OWN, eventually},
    campus::Campus,
    seams::{Call, Seams, Server},
};

/// The machine's clock, put forward.
#[derive(Default)]
pub struct MovedClock(Mutex<SignedDuration>);

impl MovedClock {
    fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + *self.0.lock().unwrap()
    }
}

/// A GitLab, an instance and a class of the test's own, and operators that the test runs itself.
pub struct Bench {
    pub campus: Campus,
    /// The tests of a binary share one record of deletions; only tests/brake has it for itself.
    pub brake: Brake,
    client: Client,
}

impl Bench {
    pub async fn new(name: &str) -> Self {
        Self::with(name, json!({}), json!({})).await
    }

    /// With other fields in the instance's and the class's spec.
    pub async fn with(name: &str, instance: Value, class: Value) -> Self {
        let campus = Campus::with(name, instance, class).await;
        let token = campus.control_plane.token_for(OWN, OWN).await.unwrap();
        Self::of(campus, &token)
    }

    /// With operators that present this token to the API server.
    pub fn of(campus: Campus, token: &str) -> Self {
        let client = client(campus.control_plane.client_config_with_token(token)).unwrap();
        Self { campus, brake: Brake { limit: usize::MAX, window: Duration::from_secs(600) }, client }
    }

    /// Starts an operator that remembers nothing.
    pub async fn operator(&self) -> Operator {
        self.operator_at(Arc::new(MovedClock::default())).await
    }

    /// Starts an operator whose clock is wrong by so much.
    pub async fn operator_whose_clock_is_wrong(&self, by: SignedDuration) -> Operator {
        let clock = MovedClock::default();
        clock.advance(by);
        self.operator_at(Arc::new(clock)).await
    }

    /// Starts an operator in the place of another one, at the same time.
    pub async fn restarted(&self, former: Operator) -> Operator {
        let clock = Arc::clone(&former.clock);
        drop(former);
        self.operator_at(clock).await
    }

    async fn operator_at(&self, clock: Arc<MovedClock>) -> Operator {
        let views = Arc::new(self.views().await);
        self.operator_with(views, clock, Arc::new(Seams::default()))
    }

    /// Watches that do not pass any seams: they are not what a pass calls.
    pub async fn views(&self) -> Views {
        let (declarations, writers) = controllers::declarations();
        let watches = tokio::spawn(controllers::follow(self.client.clone(), writers));
        declarations.ready().await.unwrap();
        Views { declarations, watches }
    }

    /// Starts an operator that remembers nothing and shares its watches with others.
    pub fn operator_with(&self, views: Arc<Views>, clock: Arc<MovedClock>, seams: Arc<Seams>) -> Operator {
        let context = self.context(views.declarations.clone(), clock.clone(), &seams);
        Operator { context, clock, seams, views, admin: self.campus.admin.clone() }
    }

    /// What an operator works with.
    pub fn context(&self, declarations: Declarations, clock: Arc<dyn Clock>, seams: &Arc<Seams>) -> Context {
        let kubernetes = seams.kubernetes(self.client.clone());
        let (way, router) = (Arc::clone(seams), self.campus.simulator.router());
        let connect = Arc::new(move |_: &str, _: Option<&str>| Ok(way.gitlab(router.clone())));
        let settings = Settings { brake: self.brake, ..Settings::default() };
        let chance = Arc::new(Chance::seeded(7));
        Context { clock, chance, ..Context::new(kubernetes, connect, declarations, settings) }
    }

    /// A project `path` in the group `team` with a mapping of `production` and `staging`.
    pub async fn mapped(&self, mapping: &str, path: &str, spec: Value) -> i64 {
        let project = self.campus.project(path).await;
        self.campus.map(mapping, path, spec).await;
        project
    }

    /// The token that GitLab holds for an environment.
    pub async fn token(&self, project: i64, environment: &str) -> String {
        self.campus.job(project, environment, true).await.remove("KUBE_TOKEN").unwrap_or_default()
    }

    /// Whether a token opens a namespace.
    pub async fn opens(&self, token: &str, namespace: &str) -> Result<(), String> {
        let pods: Api<Pod> = Api::namespaced(self.campus.control_plane.client_with_token(token), namespace);
        pods.list(&ListParams::default()).await.map(drop).map_err(|error| error.to_string())
    }

    /// GitLab holds a living token for each of these environments.
    pub async fn gitlab_holds_living_tokens(&self, project: i64, environments: &[&str]) {
        for environment in environments {
            let seen = self.campus.job(project, environment, true).await;
            let opened = self.opens(&seen["KUBE_TOKEN"], &seen["KUBE_NAMESPACE"]).await;
            assert_eq!(opened, Ok(()), "the token that GitLab holds for {environment}");
        }
    }

    /// The events about a mapping: reason to notes.
    pub async fn events(&self, mapping: &str) -> BTreeMap<String, Vec<String>> {
        let api: Api<Event> = Api::all(self.campus.admin.clone());
        let about = ListParams::default().fields(&format!("regarding.name={mapping}"));
        let mut events: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in api.list(&about).await.unwrap() {
            let kind = event.type_.unwrap_or_default();
            let reason = format!("{kind} {}", event.reason.unwrap_or_default());
            events.entry(reason).or_default().push(event.note.unwrap_or_default());
        }
        events
    }
}

/// An operator with its memory, its calendar and its seams. Dropped, it is as if its process had ended.
pub struct Operator {
    pub context: Context,
    pub seams: Arc<Seams>,
    pub clock: Arc<MovedClock>,
    pub views: Arc<Views>,
    admin: Client,
}

/// What watches show.
pub struct Views {
    pub declarations: Declarations,
    watches: JoinHandle<()>,
}

impl Drop for Views {
    fn drop(&mut self) {
        self.watches.abort();
    }
}

/// More passes than any work takes.
const MOST_PASSES: usize = 20;

impl Operator {
    /// Puts this operator's calendar forward.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(SignedDuration::try_from(by).unwrap());
    }

    /// Puts the calendar to a moment.
    pub fn advance_to(&self, moment: Timestamp) {
        self.clock.advance(moment.duration_since(self.clock.now()));
    }

    /// Puts the calendar back to the machine's. The API server dates tokens by that: seen from later, they are never young.
    pub fn return_to_the_present(&self) {
        self.advance_to(Timestamp::now());
    }

    /// One pass over a mapping, once the watches show what the API server holds.
    pub async fn pass(&self, mapping: &str) -> Outcome {
        let api: Api<ProjectMapping> = Api::all(self.admin.clone());
        let object = api.get_opt(mapping).await.unwrap();
        if let Some(object) = &object {
            let (instance, class) = (object.spec.instance.clone(), object.spec.class.clone());
            shows::<GitLabInstance>(&self.admin, &self.context.declarations.instances, &instance).await;
            shows::<NamespaceClass>(&self.admin, &self.context.declarations.classes, &class).await;
        }
        self.sees(mapping).await;
        self.reconcile(Key::Mapping(mapping.to_owned())).await
    }

    /// Waits until the watch shows a mapping as the API server holds it.
    pub async fn sees(&self, mapping: &str) {
        shows::<ProjectMapping>(&self.admin, &self.context.declarations.mappings, mapping).await;
    }

    /// One pass over any object, whatever the watches show.
    pub async fn reconcile(&self, key: Key) -> Outcome {
        reconcile(&self.context, &key).await
    }

    /// Passes until nothing is wrong any more; the time that it asks for goes by in its calendar. Gives how many passes it
    /// took.
    pub async fn settle(&self, mapping: &str) -> usize {
        let mut last = None;
        for number in 1..=MOST_PASSES {
            let outcome = self.pass(mapping).await;
            if outcome.problem.is_none() {
                return number;
            }
            self.advance(outcome.again.unwrap_or_default());
            last = outcome.problem;
        }
        panic!("{mapping} does not settle: {last:?} {:#?}", self.message(mapping).await);
    }

    /// A pass that is to meet this problem; gives the message of the condition `Ready`.
    pub async fn meets(&self, mapping: &str, reason: Reason) -> String {
        let outcome = self.pass(mapping).await;
        assert_eq!(outcome.problem, Some(reason), "{}", self.message(mapping).await);
        self.message(mapping).await
    }

    /// The message of a mapping's condition `Ready`.
    pub async fn message(&self, mapping: &str) -> String {
        let api: Api<ProjectMapping> = Api::all(self.admin.clone());
        let conditions = api.get(mapping).await.unwrap().status.unwrap_or_default().conditions;
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        ready.map(|condition| condition.message).unwrap_or_default()
    }

    /// What one pass calls, and what came of it.
    pub async fn calls_of_a_pass(&self, mapping: &str) -> (Vec<Call>, Outcome) {
        let before = self.seams.calls().len();
        let outcome = self.pass(mapping).await;
        (self.seams.calls().split_off(before), outcome)
    }

    /// A pass that finds all as it should be and writes nothing to anybody; gives what it read.
    pub async fn rests(&self, mapping: &str) -> Vec<Call> {
        let (calls, outcome) = self.calls_of_a_pass(mapping).await;
        let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).map(ToString::to_string).collect();
        assert_eq!((writes, outcome.problem), (Vec::new(), None), "{mapping}");
        calls
    }

    /// The calls that are writes, but for events.
    pub fn writes(&self) -> Vec<Call> {
        let mut calls = self.seams.calls();
        calls.retain(|call| call.is_write() && !call.is_event());
        calls
    }

    /// How many tokens were asked for.
    pub fn tokens_issued(&self) -> usize {
        self.seams
            .calls()
            .iter()
            .filter(|call| call.path.contains("/serviceaccounts/gitlab-serviceaccount/token"))
            .count()
    }
}

/// Calls to GitLab about projects; what is asked about the instance itself is left out.
pub fn about_projects(calls: &[Call]) -> Vec<String> {
    let calls = calls.iter().filter(|call| call.server == Server::GitLab && call.path.contains("/projects"));
    calls.map(ToString::to_string).collect()
}

/// Waits until a watch shows an object as the API server holds it.
async fn shows<K>(admin: &Client, store: &Store<K>, name: &str)
where
    K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + 'static,
{
    let api: Api<K> = Api::all_with(admin.clone(), &());
    eventually(&format!("the watch shows {name}"), async || {
        let live = api.get_opt(name).await.unwrap().and_then(|object| object.resource_version());
        let seen = store.get(&ObjectRef::new(name)).and_then(|object| object.resource_version());
        if live == seen { Ok(()) } else { Err(format!("{seen:?} instead of {live:?}")) }
    })
    .await;
}
