//! Many mappings, some of them broken, each in one of several ways: the healthy ones become ready while the broken ones still
//! fail, and the broken ones take no more than their share.
//!
//! `make crowd` does it with a thousand, after a run of the healthy ones alone, and prints the times of both.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use gl_k8s_integrator::{
    api::{ProjectMapping, names},
    context::SystemClock,
    controllers::{self, Limits, Watching},
    leadership::Claim,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _, api::DeleteParams};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    ground::Ground,
    operator::Bench,
    seams::{Call, Seams, Server},
};

/// How many there are in `make test`.
const FEW: usize = 40;
/// Of ten mappings one is broken, and each way is there.
const BROKEN: usize = 10;

fn broken_of(count: usize) -> usize {
    (count / BROKEN).max(WAYS.len())
}

/// In what way a mapping is broken, and what it then says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    UnknownProject,
    UnknownInstance,
    UnknownClass,
    ForbiddenRole,
    NamespaceTaken,
    VariableTaken,
}

const WAYS: [(Way, &str); 6] = [
    (Way::UnknownProject, "ProjectNotFound"),
    (Way::UnknownInstance, "InstanceNotFound"),
    (Way::UnknownClass, "ClassNotFound"),
    (Way::ForbiddenRole, "KubernetesForbidden"),
    (Way::NamespaceTaken, "NamespaceTaken"),
    (Way::VariableTaken, "NotOurs"),
];

/// One mapping of the crowd: its name, and how it is broken if it is.
struct One {
    name: String,
    way: Option<(Way, &'static str)>,
}

/// Which mappings are broken, and how: by chance, but the same in every run.
fn crowd(prefix: &str, count: usize, broken: bool) -> Vec<One> {
    let mut chance = fastrand::Rng::with_seed(11);
    let mut ways: Vec<_> =
        (0..count).map(|number| (number < broken_of(count)).then(|| WAYS[number % WAYS.len()])).collect();
    chance.shuffle(&mut ways);
    let named = ways.into_iter().enumerate().map(|(number, way)| One { name: format!("{prefix}-{number:04}"), way });
    named.filter(|one| broken || one.way.is_none()).collect()
}

async fn declare(bench: &Bench, one: &One) {
    let campus = &bench.campus;
    let way = one.way.map(|(way, _)| way);
    let mut spec = json!({"environments": [{"name": "production"}]});
    if way != Some(Way::UnknownProject) {
        let project = campus.project(&one.name).await;
        match way {
            Some(Way::NamespaceTaken) => {
                let name = format!("{}-{}-{project}-production", campus.name, one.name);
                campus.create(&Api::<Namespace>::all(campus.admin.clone()), json!({"metadata": {"name": name}})).await;
            }
            Some(Way::VariableTaken) => {
                let theirs = json!({"key": "KUBE_URL", "value": "https://theirs.example.edu", "environment_scope": "production"});
                campus.gitlab("POST", &format!("/projects/{project}/variables"), theirs).await;
            }
            Some(Way::UnknownInstance) => spec["instance"] = json!("many-nowhere"),
            Some(Way::UnknownClass) => spec["class"] = json!("many-nothing"),
            Some(Way::ForbiddenRole) => spec["class"] = json!("many-role"),
            Some(Way::UnknownProject) | None => {}
        }
    }
    campus.map(&one.name, &one.name, spec).await;
}

/// The reason of each mapping's state.
async fn states(bench: &Bench) -> BTreeMap<String, String> {
    let all = bench.campus.mappings().list(&Default::default()).await.unwrap().into_iter();
    let reason = |one: &ProjectMapping| one.status.as_ref()?.summary.as_ref()?.reason.clone();
    all.map(|one| (one.name_any(), reason(&one).unwrap_or_default())).collect()
}

/// What came of a run until every healthy mapping was ready.
struct Run {
    took: Duration,
    states: BTreeMap<String, String>,
    calls: Vec<Call>,
}

impl Run {
    /// How often a mapping was looked at: every pass begins by reading it or ends by writing its status.
    fn looked_at(&self, name: &str) -> usize {
        let status = format!("/projectmappings/{name}/status");
        self.calls.iter().filter(|call| call.is_write() && call.path.contains(&status)).count()
    }

    fn asked_of_gitlab(&self, name: &str) -> usize {
        let path = format!("team%2F{name}");
        let concerns = |call: &&Call| call.server == Server::GitLab && call.path.contains(&path);
        self.calls.iter().filter(concerns).count()
    }
}

/// Starts the operator on a crowd that is declared already, until all healthy ones are ready.
async fn run(bench: &Bench, crowd: &[One]) -> Run {
    let (declarations, writers) = controllers::declarations();
    let seams = Arc::new(Seams::default());
    let context = bench.context(declarations, Arc::new(SystemClock), &seams);
    let stop = CancellationToken::new();
    let began = Instant::now();
    let watching = Watching { client: context.kubernetes.clone(), writers, limits: Limits::default() };
    let work = tokio::spawn(controllers::run(context.into(), watching, Claim::alone(), stop.clone()));
    let healthy: BTreeSet<_> = crowd.iter().filter(|one| one.way.is_none()).map(|one| one.name.clone()).collect();
    let states = loop {
        let states = states(bench).await;
        if healthy.iter().all(|name| states.get(name).is_some_and(|state| state == "Ready")) {
            break states;
        }
        assert!(began.elapsed() < Duration::from_secs(1800), "{states:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let took = began.elapsed();
    let calls = seams.calls();
    stop.cancel();
    work.await.unwrap();
    Run { took, states, calls }
}

async fn prepare(ground: &Ground) {
    let role = json!({"serviceAccount": {"clusterRole": "view"}});
    ground.bench.campus.declare_class("many-role", role).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_mappings_the_broken_ones_do_not_hold_up_the_healthy_ones() {
    let count = std::env::var("MANY_MAPPINGS").ok().map_or(FEW, |count| count.parse().unwrap());
    let ground = Ground::new("many", 10).await;
    prepare(&ground).await;
    if count > FEW {
        let alone = crowd("alone", count, false);
        for one in &alone {
            declare(&ground.bench, one).await;
        }
        let run = run(&ground.bench, &alone).await;
        println!("{} healthy mappings alone: {:?}, {} calls", alone.len(), run.took, run.calls.len());
        release(&ground).await;
    }
    let crowd = crowd("many", count, true);
    for one in &crowd {
        declare(&ground.bench, one).await;
    }
    let run = run(&ground.bench, &crowd).await;
    println!("{count} mappings, {} of them broken: {:?}, {} calls", broken_of(count), run.took, run.calls.len());
    let broken: Vec<_> = crowd.iter().filter_map(|one| Some((&one.name, one.way?))).collect();
    assert!(broken.iter().map(|(_, (way, _))| way).collect::<BTreeSet<_>>().len() == WAYS.len(), "every way is there");
    for (name, (way, reason)) in &broken {
        // By then each was looked at, and told why.
        assert_eq!(run.states[*name], *reason, "{way:?}");
        // Delays double, so that what fails is tried a few times and no more, however long the others take.
        let most = 4 + usize::try_from(run.took.as_secs().ilog2()).unwrap_or(0);
        assert!(run.looked_at(name) <= most, "{way:?} was looked at {} times", run.looked_at(name));
        assert!(run.asked_of_gitlab(name) <= most, "{way:?}: {} requests to GitLab", run.asked_of_gitlab(name));
    }
    release(&ground).await;
    let classes: Api<gl_k8s_integrator::api::NamespaceClass> = Api::all(ground.bench.campus.admin.clone());
    classes.delete("many-role", &DeleteParams::default()).await.unwrap();
}

/// Lets all mappings go without the operator: their GitLab ends with the test.
async fn release(ground: &Ground) {
    let mappings = ground.bench.campus.mappings();
    for mapping in mappings.list(&Default::default()).await.unwrap() {
        let name = mapping.name_any();
        assert!(mapping.finalizers().iter().all(|finalizer| finalizer == names::MAPPING_FINALIZER));
        ground.bench.campus.patch_mapping(&name, json!({"metadata": {"finalizers": null}})).await;
        mappings.delete(&name, &DeleteParams::default()).await.ok();
    }
    assert_eq!(states(&ground.bench).await, BTreeMap::<String, String>::new());
}
