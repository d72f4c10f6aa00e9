//! Mappings that have nothing to do with what goes wrong beside them: they stay ready, and nothing is written about them.

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        core::v1::{LimitRange, Namespace, Secret, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::RoleBinding,
    },
};
use kube::{Api, Resource, ResourceExt as _, api::ListParams};
use tokio::sync::OnceCell;

use crate::{
    bed::bed,
    campus::Campus,
    refusals::{Standing, only_production},
};

/// A mapping that is ready, and what stood of it when it became so.
pub struct Neighbour {
    mapping: String,
    project: i64,
    standing: Standing,
    versions: Vec<(String, Option<String>)>,
    gitlab: Vec<(String, String)>,
}

impl Campus {
    /// A mapping in the same instance and class that has nothing to do with what goes wrong beside it.
    pub async fn healthy(&self) -> Neighbour {
        let mapping = format!("{}-healthy", self.name);
        let project = self.project(&mapping).await;
        self.map(&mapping, &mapping, only_production()).await;
        self.until_ready(&mapping).await;
        let standing = self.standing(project).await;
        let versions = self.versions(&mapping, &standing.namespace).await;
        let gitlab = self.writes_about(project);
        Neighbour { mapping, project, standing, versions, gitlab }
    }

    /// It is ready now, without any waiting; nothing of it was replaced, and nobody wrote to it on either side.
    pub async fn is_untouched(&self, neighbour: &Neighbour) {
        let mapping = self.mappings().get(&neighbour.mapping).await.unwrap();
        let reason = mapping.status.and_then(|status| status.summary?.reason);
        assert_eq!(reason.as_deref(), Some("Ready"), "{}", neighbour.mapping);
        self.still_stands_with_gitlab(&neighbour.standing).await;
        let versions = self.versions(&neighbour.mapping, &neighbour.standing.namespace).await;
        assert_eq!(versions, neighbour.versions, "{} was written to", neighbour.mapping);
        assert_eq!(self.writes_about(neighbour.project), neighbour.gitlab);
    }

    /// What the operator wrote into GitLab about one project.
    pub fn writes_about(&self, project: i64) -> Vec<(String, String)> {
        let mut writes = self.writes_of_the_operator();
        writes.retain(|(_, path)| path.starts_with(&format!("/api/v4/projects/{project}/")));
        writes
    }

    /// The versions of a mapping and of what the operator keeps for it.
    async fn versions(&self, mapping: &str, namespace: &str) -> Vec<(String, Option<String>)> {
        let mapping = self.mappings().get(mapping).await.unwrap();
        let kept = Api::<Namespace>::all(self.admin.clone()).get(namespace).await.unwrap();
        let mut versions = vec![("ProjectMapping".to_owned(), mapping.resource_version())];
        versions.push(("Namespace".to_owned(), kept.resource_version()));
        versions.extend(self.versions_of::<ServiceAccount>(namespace).await);
        versions.extend(self.versions_of::<Secret>(namespace).await);
        versions.extend(self.versions_of::<RoleBinding>(namespace).await);
        versions.extend(self.versions_of::<LimitRange>(namespace).await);
        versions.extend(self.versions_of::<NetworkPolicy>(namespace).await);
        versions
    }

    async fn versions_of<K>(&self, namespace: &str) -> Vec<(String, Option<String>)>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let all = Api::<K>::namespaced(self.admin.clone(), namespace).list(&ListParams::default()).await.unwrap();
        // The account `default` and what belongs to it is Kubernetes' own.
        let ours = all.items.into_iter().filter(|object| object.name_any() != "default");
        ours.map(|object| (format!("{} {}", K::kind(&()), object.name_any()), object.resource_version())).collect()
    }
}

/// A mapping on a GitLab of its own, for tests in which a whole GitLab is away.
pub struct Elsewhere {
    campus: Campus,
    neighbour: Neighbour,
    runtime: tokio::runtime::Handle,
}

/// One for all tests, in a thread of its own: a GitLab ends with the runtime that serves it.
pub async fn elsewhere() -> &'static Elsewhere {
    static ELSEWHERE: OnceCell<Elsewhere> = OnceCell::const_new();
    ELSEWHERE
        .get_or_init(async || {
            bed().await;
            let (give, taken) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
                runtime.block_on(async {
                    let campus = Campus::new("elsewhere").await;
                    let neighbour = campus.healthy().await;
                    give.send(Elsewhere { campus, neighbour, runtime: tokio::runtime::Handle::current() }).ok();
                    std::future::pending::<()>().await;
                });
            });
            taken.await.expect("the neighbour elsewhere became ready")
        })
        .await
}

impl Elsewhere {
    /// Its mapping is as it was.
    pub async fn is_untouched(&'static self) {
        self.runtime.spawn(self.campus.is_untouched(&self.neighbour)).await.unwrap();
    }
}
