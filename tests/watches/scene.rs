//! Everything that the operator watches, in one cluster: each object has a mapping that only a change of this object
//! wakes.

use std::{sync::LazyLock, time::Duration};

use control_plane::ControlPlane;
use futures::future::join_all;
use gl_k8s_integrator::controllers::Limits;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::ListParams};
use serde_json::json;
use tokio::{
    runtime::Runtime,
    sync::{Mutex, OnceCell},
};

use crate::{
    bed::{bed, eventually},
    campus::Campus,
    declared::{Declared, MATTERS, Matter},
    kept::{self, Before, Kept},
    operator::{GitLabs, Operator},
    wire::Trouble,
};

/// Clients and simulators outlive the test in which they were made.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
static SCENE: OnceCell<Scene> = OnceCell::const_new();
/// Two operators in one cluster would repair each other's omissions.
static TURN: Mutex<()> = Mutex::const_new(());

/// Runs a test when no other one runs.
pub fn in_turn(test: impl AsyncFnOnce(&'static Scene)) {
    RUNTIME.block_on(async {
        let _turn = TURN.lock().await;
        let scene = SCENE.get_or_init(Scene::new).await;
        // Nothing here lasts; a hang is to say where.
        tokio::time::timeout(Duration::from_secs(240), test(scene)).await.expect("the test takes too long");
    });
}

/// See the module.
pub struct Scene {
    pub control_plane: &'static ControlPlane,
    gitlabs: GitLabs,
    /// Where nothing is declared anew.
    pub still: Campus,
    kept: Vec<Kept>,
    declared: Vec<Declared>,
    /// A mapping that nothing happens to.
    neighbour: String,
}

impl Scene {
    async fn new() -> Self {
        let control_plane = bed().await;
        let gitlabs = GitLabs::default();
        let still = Campus::new("still").await;
        still.declare_class("still-legacy", json!({"serviceAccount": {"token": {"kind": "Legacy"}}})).await;
        let neighbour = "still-neighbour".to_owned();
        still.project(&neighbour).await;
        still.map(&neighbour, &neighbour, json!({})).await;
        let kept = kept::declare(&still).await;
        let both = MATTERS.into_iter().flat_map(|matter| [(matter, true), (matter, false)]);
        let declared = join_all(both.map(|(matter, on)| Declared::new(matter, on))).await;
        gitlabs.add(&still);
        declared.iter().for_each(|declared| gitlabs.add(&declared.campus));
        Self { control_plane, gitlabs, still, kept, declared, neighbour }
    }

    /// A new operator, once everything is as it should be.
    pub async fn operator(&self, limits: Limits) -> Operator {
        let operator = Operator::start(self.control_plane, &self.gitlabs, limits).await;
        for declared in &self.declared {
            declared.again().await;
        }
        self.all_taken_up().await;
        let ready = self.kept.iter().map(|kept| self.still.until_ready(kept.mapping()));
        join_all(ready).await;
        self.still.until_ready(&self.neighbour).await;
        operator.wire.forget();
        operator
    }

    /// A new operator whose watches of what is kept have this trouble from the beginning.
    pub async fn blind_operator(&self, trouble: Trouble) -> Operator {
        Operator::start_with(self.control_plane, &self.gitlabs, crate::troubles::patient(), Some(trouble)).await
    }

    /// Changes one mapping alone; gives which.
    pub async fn change_one(&self) -> usize {
        let one = self.declared.iter().position(|declared| declared.matter == Matter::Kubeconfig).unwrap();
        self.declared[one].change().await;
        one
    }

    /// Waits until the operator has taken that up.
    pub async fn taken_up(&self, one: usize) {
        let declared = &self.declared[one];
        eventually(&declared.describe(), async || declared.taken_up().await).await;
    }

    /// The name of that mapping.
    pub fn name_of(&self, one: usize) -> String {
        self.declared[one].campus.name.clone()
    }

    /// How everything that is kept looks now.
    pub async fn look(&self) -> Vec<Before> {
        join_all(self.kept.iter().map(|kept| kept.look(&self.still))).await
    }

    /// Changes everything.
    pub async fn change(&self) {
        let kept = join_all(self.kept.iter().map(|kept| kept.change(&self.still)));
        let declared = join_all(self.declared.iter().map(Declared::change));
        tokio::join!(kept, declared);
    }

    /// Waits until everything that was changed is mended or taken up. Nothing was written about the mapping that nothing
    /// happened to.
    pub async fn nothing_is_missed(&self, operator: &Operator, before: &[Before]) {
        for (kept, before) in self.kept.iter().zip(before) {
            eventually(&kept.describe(), async || kept.mended(&self.still, before).await).await;
            self.still.until_ready(kept.mapping()).await;
        }
        self.all_taken_up().await;
        let namespace = format!("{}-{}-", self.still.name, self.neighbour);
        let mut writes = operator.wire.writes();
        writes.retain(|(_, path)| path.contains(&self.neighbour) || path.contains(&namespace));
        assert_eq!(writes, [], "about {}", self.neighbour);
        self.still.until_ready(&self.neighbour).await;
    }

    async fn all_taken_up(&self) {
        for declared in &self.declared {
            eventually(&declared.describe(), async || declared.taken_up().await).await;
        }
    }
}

/// Whether a token opens a namespace.
pub async fn opens(campus: &Campus, token: &str, namespace: &str) -> Result<(), String> {
    let pods: Api<Pod> = Api::namespaced(campus.control_plane.client_with_token(token), namespace);
    pods.list(&ListParams::default()).await.map(drop).map_err(|error| error.to_string())
}
