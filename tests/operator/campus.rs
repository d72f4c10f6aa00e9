//! A GitLab of its own for each test, with an instance and a class that name it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use control_plane::ControlPlane;
use gitlab_simulator::{Options, RunningSimulator, Simulator, state::ids::Sequence};
use gl_k8s_integrator::api::{GitLabInstance, NamespaceClass, ProjectMapping};
use http::Request;
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::bed::{OWN, bed, eventually, retire};

/// The token of the GitLab administrator who sets things up.
pub const ROOT: &str = "glpat-root-of-the-test-campus";

/// A GitLab, an instance and a class that all have the test's name.
pub struct Campus {
    pub name: String,
    pub control_plane: &'static ControlPlane,
    pub admin: Client,
    pub simulator: Simulator,
    pub url: String,
    /// The token that the operator uses.
    pub token: String,
    /// The number of the group `team`.
    pub group: i64,
    /// What listens at `url`; taken away, GitLab is away.
    pub server: Option<RunningSimulator>,
}

/// How many GitLabs there were. Each numbers its projects from a start of its own: names of namespaces hold project ids.
static GITLABS: AtomicU64 = AtomicU64::new(0);
const PROJECTS_OF_EACH: u64 = 100;

impl Campus {
    /// With a class that isolates, and an instance that is ready to be used.
    pub async fn new(name: &str) -> Self {
        Self::with(name, json!({}), json!({})).await
    }

    /// The same with other fields in the instance's and the class's spec.
    pub async fn with(name: &str, instance: Value, class: Value) -> Self {
        let campus = Self::undeclared(name).await;
        campus.write_token(&campus.token, &campus.url).await;
        campus.declare_instance(name, instance).await;
        campus.declare_class(name, class).await;
        campus
    }

    /// A GitLab that the cluster knows nothing of.
    pub async fn undeclared(name: &str) -> Self {
        let control_plane = bed().await;
        let simulator = Simulator::new(Options::new(ROOT));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = simulator.serve(listener).unwrap();
        let url = server.base_url().to_owned();
        let mut campus = Self {
            name: name.to_owned(),
            control_plane,
            admin: control_plane.admin_client(),
            simulator,
            url,
            token: String::new(),
            group: 0,
            server: Some(server),
        };
        campus.set_up().await;
        campus
    }

    /// The same GitLab seen from another cluster, in which nothing is declared yet.
    pub fn seen_from(&self, control_plane: &'static ControlPlane) -> Self {
        Self {
            name: self.name.clone(),
            control_plane,
            admin: control_plane.admin_client(),
            simulator: self.simulator.clone(),
            url: self.url.clone(),
            token: self.token.clone(),
            group: self.group,
            server: None,
        }
    }

    async fn set_up(&mut self) {
        let first = GITLABS.fetch_add(1, Ordering::Relaxed) * PROJECTS_OF_EACH;
        for _ in 0..first {
            self.simulator.state().ids.next(Sequence::Project);
        }
        let local = json!({"allow_local_requests_from_web_hooks_and_services": true});
        self.gitlab("PUT", "/application/settings", local).await;
        let user = json!({"username": "integrator", "name": "Integrator", "email": "integrator@gitlab.example.edu",
            "password": "correct-horse-battery", "skip_confirmation": true});
        let user = self.gitlab("POST", "/users", user).await["id"].as_i64().unwrap();
        let token = json!({"name": "operator", "scopes": ["api"]});
        let token = self.gitlab("POST", &format!("/users/{user}/personal_access_tokens"), token).await;
        self.token = token["token"].as_str().unwrap().to_owned();
        let group = json!({"name": "Team", "path": "team"});
        self.group = self.gitlab("POST", "/groups", group).await["id"].as_i64().unwrap();
        let member = json!({"user_id": user, "access_level": 40});
        self.gitlab("POST", &format!("/groups/{}/members", self.group), member).await;
    }

    /// An instance for this GitLab that finds its token in the Secret of the test's name.
    pub async fn declare_instance(&self, name: &str, fields: Value) {
        let mut spec = json!({"url": self.url, "tokenSecretRef": {"name": self.name},
            "cluster": {"name": "ICC", "apiServer": self.control_plane.server_url(), "ingressBaseDomain": "icc.example.edu"},
            "namespacePrefix": format!("{}-", self.name)});
        merge(&mut spec, fields);
        self.apply::<GitLabInstance>("GitLabInstance", name, spec).await;
    }

    /// A class that isolates.
    pub async fn declare_class(&self, name: &str, fields: Value) {
        let mut spec = json!({"networkPolicy": {"mode": "Isolated", "ingressFrom": ["ingress-nginx"]},
            "resourceQuota": {"hard": {"pods": "10"}},
            "limitRange": {"limits": [{"type": "Container", "default": {"cpu": "100m"}}]},
            "podSecurity": {"enforce": "baseline", "warn": "restricted"}, "labels": {"faculty": "informatics"}});
        merge(&mut spec, fields);
        self.apply::<NamespaceClass>("NamespaceClass", name, spec).await;
    }

    /// Writes the Secret with the operator's token.
    pub async fn write_token(&self, token: &str, url: &str) {
        let api: Api<Secret> = Api::namespaced(self.admin.clone(), OWN);
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": self.name},
            "stringData": {"token": token, "url": url}});
        api.patch(&self.name, &PatchParams::apply("test").force(), &Patch::Apply(secret)).await.unwrap();
    }

    pub async fn apply<K>(&self, kind: &str, name: &str, spec: Value)
    where
        K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    {
        let api: Api<K> = Api::all_with(self.admin.clone(), &());
        let object =
            json!({"apiVersion": "gl-k8s.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.unwrap();
    }

    /// A call to GitLab as its administrator.
    pub async fn gitlab(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.try_gitlab(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// The same, whatever the answer.
    pub async fn try_gitlab(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call_gitlab(ROOT, method, path, body).await
    }

    /// A call as whoever has this token; gives the status of the answer.
    pub async fn gitlab_as(&self, token: &str, method: &str, path: &str, body: Value) -> u16 {
        self.call_gitlab(token, method, path, body).await.0
    }

    async fn call_gitlab(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let path = if path.starts_with("/-/") { path.to_owned() } else { format!("/api/v4{path}") };
        let mut request = Request::builder().method(method).uri(path).header("PRIVATE-TOKEN", token);
        let body = if body.is_null() {
            axum::body::Body::empty()
        } else {
            request = request.header("Content-Type", "application/json");
            axum::body::Body::from(body.to_string())
        };
        let answer = self.simulator.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// The namespace of the project `web-app`, or of one of its environments (`-production`). Each GitLab counts its projects
    /// from 1, so that instances share namespaces' names unless they have prefixes.
    pub fn namespace(&self, project: i64, suffix: &str) -> String {
        format!("{}-web-app-{project}{suffix}", self.name)
    }

    /// A project in the group `team`.
    pub async fn project(&self, path: &str) -> i64 {
        let project = json!({"name": path, "path": path, "namespace_id": self.group});
        self.gitlab("POST", "/projects", project).await["id"].as_i64().unwrap()
    }

    /// Maps a project; `spec` is merged into a mapping of `production` and `staging`.
    pub async fn map(&self, mapping: &str, path: &str, spec: Value) {
        let mut full = json!({"instance": self.name, "class": self.name, "project": {"path": format!("team/{path}")},
            "environments": [{"name": "production", "tier": "production"}, {"name": "staging"}]});
        merge(&mut full, spec);
        self.apply::<ProjectMapping>("ProjectMapping", mapping, full).await;
    }

    pub fn mappings(&self) -> Api<ProjectMapping> {
        Api::all(self.admin.clone())
    }

    /// Waits for a condition of a mapping to have this status and reason; gives the mapping.
    pub async fn until(&self, mapping: &str, kind: &str, status: &str, reason: &str) -> ProjectMapping {
        let api = self.mappings();
        let what = format!("{mapping}: {kind}={status} ({reason})");
        eventually(&what, async || {
            let object = api.get(mapping).await.map_err(|error| error.to_string())?;
            let conditions = object.status.clone().unwrap_or_default().conditions;
            let generation = object.metadata.generation;
            let met = conditions.iter().any(|condition| {
                condition.type_ == kind
                    && condition.status == status
                    && condition.reason == reason
                    && condition.observed_generation == generation
            });
            if met { Ok(object) } else { Err(format!("{conditions:#?}")) }
        })
        .await
    }

    /// Waits until a mapping is ready.
    pub async fn until_ready(&self, mapping: &str) -> ProjectMapping {
        self.until(mapping, "Ready", "True", "Ready").await
    }

    /// Waits until a mapping is refused for this reason; gives the message of its condition `Ready`.
    pub async fn until_refused(&self, mapping: &str, reason: &str) -> String {
        let object = self.until(mapping, "Ready", "False", reason).await;
        let conditions = object.status.unwrap().conditions;
        conditions.into_iter().find(|condition| condition.type_ == "Ready").unwrap().message
    }

    /// What a job sees: its variables, by key.
    pub async fn job(&self, project: i64, environment: &str, protected: bool) -> BTreeMap<String, String> {
        let job = json!({"project": project, "ref": "main", "ref_protected": protected, "environment": environment});
        let seen = self.gitlab("POST", "/-/simulator/jobs", job).await;
        let variables = seen["variables"].as_array().unwrap();
        let text = |variable: &Value, key: &str| variable[key].as_str().unwrap_or_default().to_owned();
        variables.iter().map(|variable| (text(variable, "key"), text(variable, "value"))).collect()
    }

    /// Of what a job sees, what the operator delivered.
    pub async fn delivered(&self, project: i64, environment: &str, protected: bool) -> BTreeMap<String, String> {
        let mut seen = self.job(project, environment, protected).await;
        seen.retain(|key, _| key.starts_with("KUBE"));
        seen
    }

    /// A client with the token that a job of this environment gets.
    pub async fn job_client(&self, project: i64, environment: &str) -> Client {
        let variables = self.job(project, environment, true).await;
        self.control_plane.client_with_token(&variables["KUBE_TOKEN"])
    }

    /// An object of some kind as JSON, if it exists.
    pub async fn object<K>(&self, namespace: &str, name: &str) -> Option<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        Api::<K>::namespaced(self.admin.clone(), namespace).get_opt(name).await.unwrap()
    }

    pub async fn create<K>(&self, api: &Api<K>, object: Value)
    where
        K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + serde::Serialize,
    {
        api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    /// A merge patch of a mapping, as an administrator.
    pub async fn patch_mapping(&self, mapping: &str, patch: Value) {
        self.mappings().patch(mapping, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }
}

/// What outlives its GitLab must not go on asking for it while other tests run.
impl Drop for Campus {
    fn drop(&mut self) {
        retire(self.url.clone());
    }
}

/// Merges JSON objects; null removes.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                match value {
                    Value::Null => drop(into.remove(&key)),
                    value => merge(into.entry(key).or_insert(Value::Null), value),
                }
            }
        }
        (into, from) => *into = from,
    }
}
