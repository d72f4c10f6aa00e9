//! The one cluster and the one GitLab in which all mappings go their ways, and who else lives there.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use gl_k8s_integrator::{
    api::{GitLabInstance, NamespaceClass, ProjectMapping, names::DELETION_RECORD},
    reconcile::Key,
};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{ConfigMap, Namespace, Secret, ServiceAccount},
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    config::AuthInfo,
    runtime::reflector::{ObjectRef, Store},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    bed::OWN,
    campus::{Campus, merge},
    operator::{Bench, MovedClock, Operator, Views},
    seams::Seams,
    subject::{Subject, TENANT, identified},
};

/// Names of classes besides the campus's own one.
pub struct Classes {
    pub other_role: String,
    pub legacy: String,
}

/// Where everything happens.
pub struct World {
    pub bench: Bench,
    pub views: Arc<Views>,
    pub classes: Classes,
    /// Knows the API server and nobody's token.
    pub anonymous: Client,
    /// What of others' objects is there, with versions.
    foreign: Vec<(String, String)>,
    bases: Mutex<BTreeSet<String>>,
}

/// A namespace that looks like one of ours to whoever goes by its name.
const LOOKALIKE: &str = "faults-life1-99999-production";

/// How long a deletion stays on record. All mappings share the record, which is not to become long.
const ON_RECORD: Duration = Duration::from_secs(5);

impl World {
    pub async fn new() -> Self {
        let campus = Campus::with("faults", json!({}), json!({})).await;
        campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
        // Hundreds of operators share one user here.
        campus.gitlab("PUT", "/application/settings", json!({"project_api_limit": 0, "projects_api_limit": 0})).await;
        let classes = Classes { other_role: "faults-other-role".into(), legacy: "faults-legacy".into() };
        let other_role = json!({"clusterRole": "gitlab-group-developer"});
        campus.declare_class(&classes.other_role, json!({"serviceAccount": other_role})).await;
        campus.declare_class(&classes.legacy, json!({"serviceAccount": {"token": {"kind": "Legacy"}}})).await;
        let foreign = settle_others(&campus).await;
        // Whoever deletes first would make it, and nobody else would meet that call.
        let record: Api<ConfigMap> = Api::namespaced(campus.admin.clone(), OWN);
        campus.create(&record, json!({"metadata": {"name": DELETION_RECORD}})).await;
        let mut anonymous = campus.control_plane.admin_config();
        anonymous.auth_info = AuthInfo::default();
        let anonymous = Client::try_from(anonymous).unwrap();
        let token = long_token(&campus).await;
        let mut bench = Bench::of(campus, &token);
        bench.brake.window = ON_RECORD;
        let views = Arc::new(bench.views().await);
        Self { bench, views, classes, anonymous, foreign, bases: Mutex::default() }
    }

    /// A project that is not mapped yet.
    pub async fn subject(&self, number: usize) -> Subject {
        let subject = Subject::new(&self.bench.campus, number).await;
        self.bases.lock().unwrap().insert(subject.base.clone());
        subject
    }

    /// Maps the subject's project.
    pub async fn map(&self, subject: &mut Subject, fields: Value) {
        let mut spec = json!({"instance": subject.instance, "deletionPolicy": "Retain"});
        merge(&mut spec, fields);
        subject.shared = spec["namespaces"] == "PerProject";
        subject.serves(&["production", "staging"]);
        self.bench.campus.map(&subject.mapping, &subject.path, spec).await;
    }

    /// An operator with an empty memory.
    pub fn operator(&self) -> Operator {
        self.successor(Arc::default())
    }

    /// An operator with an empty memory at a moment of somebody's calendar.
    pub fn successor(&self, clock: Arc<MovedClock>) -> Operator {
        self.bench.operator_with(Arc::clone(&self.views), clock, Arc::new(Seams::one_by_one()))
    }

    /// Declares an instance for the subject's GitLab.
    pub async fn declare_instance(&self, subject: &Subject) {
        self.bench.campus.declare_instance(&subject.instance, json!({})).await;
        self.shows(&Key::Instance(subject.instance.clone())).await.unwrap();
    }

    /// Declares a class for the subject alone.
    pub async fn declare_class(&self, subject: &Subject) {
        self.bench.campus.declare_class(&subject.class, json!({})).await;
    }

    /// Asks for the end of an instance, a class and a mapping at the same time.
    pub async fn delete_together(&self, subject: &Subject) {
        let admin = &self.bench.campus.admin;
        let now = DeleteParams::default();
        Api::<GitLabInstance>::all(admin.clone()).delete(&subject.instance, &now).await.unwrap();
        Api::<NamespaceClass>::all(admin.clone()).delete(&subject.class, &now).await.unwrap();
        Api::<ProjectMapping>::all(admin.clone()).delete(&subject.mapping, &now).await.unwrap();
    }

    /// Waits until the watches show an object as the API server holds it.
    pub async fn shows(&self, key: &Key) -> Result<(), String> {
        let declarations = &self.views.declarations;
        match key {
            Key::Instance(name) => self.shown(&declarations.instances, name).await,
            Key::Class(name) => self.shown(&declarations.classes, name).await,
            Key::Mapping(name) => self.shown(&declarations.mappings, name).await,
        }
    }

    async fn shown<K>(&self, store: &Store<K>, name: &str) -> Result<(), String>
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + 'static,
    {
        let api = Api::<K>::all(self.bench.campus.admin.clone());
        let live = api.get_metadata_opt(name).await.map_err(|error| error.to_string())?;
        let live = live.and_then(|object| object.resource_version());
        for _ in 0..10_000 {
            let seen = store.get(&ObjectRef::new(name)).and_then(|object| object.resource_version());
            if seen == live {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        Err(format!("the watch never showed version {live:?} of {name}"))
    }

    /// The namespaces that say that they belong to a project, but for those that are on their way out.
    pub async fn namespaces(&self, subject: &Subject) -> Vec<Namespace> {
        let campus = &self.bench.campus;
        let labels = format!("gl-k8s.dev/project-id={},gl-k8s.dev/instance={}", subject.project, subject.instance);
        let api = Api::<Namespace>::all(campus.admin.clone());
        let mut all = api.list(&ListParams::default().labels(&labels)).await.unwrap().items;
        all.retain(|namespace| namespace.metadata.deletion_timestamp.is_none());
        all
    }

    /// Ends what is left of a subject whose way is over. Its namespaces may stay: to delete them costs more than to keep
    /// them.
    pub async fn retire(&self, subject: &Subject) {
        self.end::<ProjectMapping>(&subject.mapping).await;
        self.end::<GitLabInstance>(&subject.instance).await;
        self.end::<NamespaceClass>(&subject.class).await;
    }

    async fn end<K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned>(&self, name: &str) {
        let api = Api::<K>::all(self.bench.campus.admin.clone());
        if api.get_metadata_opt(name).await.unwrap().is_some() {
            let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            api.patch_metadata(name, &PatchParams::default(), &free).await.ok();
            api.delete(name, &DeleteParams::default()).await.ok();
        }
    }

    /// What is in the cluster that nobody should have made, and what of others' is not as it was.
    pub async fn strangers(&self) -> Vec<String> {
        let campus = &self.bench.campus;
        let all = Api::<Namespace>::all(campus.admin.clone()).list(&ListParams::default()).await.unwrap();
        let bases = self.bases.lock().unwrap().clone();
        let expected = |name: &str| {
            let base = name.strip_suffix("-production").or_else(|| name.strip_suffix("-staging")).unwrap_or(name);
            bases.contains(base) || name == LOOKALIKE || !name.starts_with("faults-")
        };
        let unknown = all.iter().map(|namespace| namespace.name_any()).filter(|name| !expected(name));
        let mut strangers: Vec<_> = unknown.map(|name| format!("the namespace {name}")).collect();
        let now = others(campus).await;
        if now != self.foreign {
            strangers.push(format!("others' objects are {now:?} instead of {:?}", self.foreign));
        }
        strangers
    }
}

/// A token of the operator's own account that outlasts every run.
async fn long_token(campus: &Campus) -> String {
    let spec = TokenRequestSpec { expiration_seconds: Some(24 * 3600), ..TokenRequestSpec::default() };
    let request = TokenRequest { spec, ..TokenRequest::default() };
    let accounts: Api<ServiceAccount> = Api::namespaced(campus.admin.clone(), OWN);
    let answer = accounts.create_token_request(OWN, &Default::default(), &request).await.unwrap();
    answer.status.unwrap().token
}

/// Others' namespaces: one by the name of ours, and one that carries GitLab's own labels.
async fn settle_others(campus: &Campus) -> Vec<(String, String)> {
    let namespaces: Api<Namespace> = Api::all(campus.admin.clone());
    let labels = json!({"app.gitlab.com/app": "team-life1", "app.gitlab.com/env": "production"});
    for name in [LOOKALIKE, "gitlab-managed"] {
        campus.create(&namespaces, json!({"metadata": {"name": name, "labels": labels}})).await;
        let secrets: Api<Secret> = Api::namespaced(campus.admin.clone(), name);
        campus.create(&secrets, json!({"metadata": {"name": TENANT}, "stringData": {"key": "value"}})).await;
        let ours = json!({"metadata": {"name": "gitlab-serviceaccount-token"}, "stringData": {"token": "others"}});
        campus.create(&secrets, ours).await;
    }
    others(campus).await
}

async fn others(campus: &Campus) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for name in [LOOKALIKE, "gitlab-managed"] {
        let namespace = Api::<Namespace>::all(campus.admin.clone()).get(name).await.unwrap();
        all.push((name.to_owned(), format!("{:?} {:?}", namespace.uid(), namespace.labels())));
        let secrets: Api<Secret> = Api::namespaced(campus.admin.clone(), name);
        all.extend(secrets.list(&ListParams::default()).await.unwrap().iter().map(identified));
    }
    all
}
