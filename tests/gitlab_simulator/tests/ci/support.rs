//! A small GitLab, set up through its own API: group `team` (id in `group`) with the project `team/web-app`, and one user
//! for each role, whose token is the role's name.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use gitlab_simulator::{Options, Simulator};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt;

const ADMIN: &str = "admin-token-for-tests";

pub const CA: &str = include_str!("../data/ca.pem");

/// An answer.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    /// The body, after a check of the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// Refused with this status and exactly this body.
    #[track_caller]
    pub fn refused(self, status: u16, body: Value) {
        assert_eq!(self.expect(status), body);
    }
}

pub struct GitLab {
    router: Router,
    pub simulator: Simulator,
    now: Arc<Mutex<Timestamp>>,
    pub group: u64,
    pub project: u64,
}

impl GitLab {
    /// The small GitLab; certificate-based clusters are off.
    pub async fn new() -> Self {
        Self::with_version("19.3.0-ee").await
    }

    pub async fn with_version(version: &str) -> Self {
        let now = Arc::new(Mutex::new("2026-03-01T12:00:00Z".parse().expect("a time")));
        let clock = Arc::clone(&now);
        let mut options = Options::new(ADMIN);
        options.clock = Some(Arc::new(move || *clock.lock().expect("the clock")));
        options.external_url = Some("https://gitlab.example.com".to_owned());
        options.version = version.to_owned();
        let simulator = Simulator::new(options);
        let mut gitlab = Self { router: simulator.router(), simulator, now, group: 0, project: 0 };
        gitlab.group = gitlab.new_group("team", None).await;
        gitlab.project = gitlab.new_project("web-app", gitlab.group).await;
        for (role, level) in [("reporter", 20), ("developer", 30), ("maintainer", 40), ("owner", 50)] {
            gitlab.new_member(role, level).await;
        }
        gitlab.new_user("stranger").await;
        gitlab
    }

    /// The same with certificate-based clusters on.
    pub async fn with_clusters() -> Self {
        let gitlab = Self::new().await;
        gitlab.admin("POST /features/certificate_based_clusters", json!({"value": true})).await.expect(201);
        gitlab
    }

    /// `METHOD /path` as the administrator.
    pub async fn admin(&self, call: &str, body: Value) -> Reply {
        self.call(ADMIN, call, body).await
    }

    /// `METHOD /path` as somebody: `owner`, `maintainer`, `developer`, `reporter`, `stranger`.
    pub async fn as_user(&self, role: &str, call: &str, body: Value) -> Reply {
        let token = self.token_of(role).await;
        self.call(&token, call, body).await
    }

    /// The same below the project: `METHOD /variables`.
    pub async fn on_project(&self, role: &str, call: &str, body: Value) -> Reply {
        let call = call.replacen(" /", &format!(" /projects/{}/", self.project), 1);
        self.as_user(role, &call, body).await
    }

    /// The same below the group.
    pub async fn on_group(&self, role: &str, call: &str, body: Value) -> Reply {
        let call = call.replacen(" /", &format!(" /groups/{}/", self.group), 1);
        self.as_user(role, &call, body).await
    }

    /// Runs a job of the project; missing keys are added.
    pub async fn job(&self, mut job: Value) -> Value {
        if job["project"].is_null() {
            job["project"] = json!(self.project);
        }
        self.try_job(job).await.expect(200)
    }

    /// The same, whatever comes of it.
    pub async fn try_job(&self, job: Value) -> Reply {
        self.send("", "POST", "/-/simulator/jobs", job).await
    }

    /// What came of the last jobs.
    pub async fn jobs(&self) -> Vec<Value> {
        let jobs = self.send("", "GET", "/-/simulator/jobs", Value::Null).await.expect(200);
        jobs.as_array().expect("a list").clone()
    }

    pub fn wait(&self, duration: SignedDuration) {
        *self.now.lock().expect("the clock") += duration;
    }

    pub async fn new_group(&self, path: &str, parent: Option<u64>) -> u64 {
        let body = json!({"name": path, "path": path, "parent_id": parent});
        id(&self.admin("POST /groups", body).await.expect(201))
    }

    pub async fn new_project(&self, path: &str, group: u64) -> u64 {
        let body = json!({"name": path, "path": path, "namespace_id": group});
        id(&self.admin("POST /projects", body).await.expect(201))
    }

    async fn new_member(&self, name: &str, level: u8) {
        let user = self.new_user(name).await;
        let call = format!("POST /groups/{}/members", self.group);
        self.admin(&call, json!({"user_id": user, "access_level": level})).await.expect(201);
    }

    async fn new_user(&self, name: &str) -> u64 {
        let user = json!({"username": name, "name": name, "email": format!("{name}@example.com"), "force_random_password": true});
        id(&self.admin("POST /users", user).await.expect(201))
    }

    async fn token_of(&self, role: &str) -> String {
        let users = self.admin(&format!("GET /users?username={role}"), Value::Null).await.expect(200);
        let call = format!("POST /users/{}/personal_access_tokens", users[0]["id"]);
        let new = json!({"name": "test", "scopes": ["api"], "expires_at": "2026-12-31"});
        let token = self.admin(&call, new).await.expect(201);
        token["token"].as_str().expect("a token").to_owned()
    }

    pub async fn call(&self, token: &str, call: &str, body: Value) -> Reply {
        let (method, path) = call.split_once(' ').expect("METHOD /path");
        self.send(token, method, &format!("/api/v4{path}"), body).await
    }

    /// As the administrator, with the header `If-Unmodified-Since`.
    pub async fn conditional(&self, call: &str, since: &str) -> Reply {
        let (method, path) = call.split_once(' ').expect("METHOD /path");
        let request = Request::builder().method(method).uri(format!("/api/v4{path}"));
        let request = request.header("PRIVATE-TOKEN", ADMIN).header("If-Unmodified-Since", since);
        self.receive(request.body(Body::empty()).expect("a request")).await
    }

    async fn send(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("PRIVATE-TOKEN", token);
        }
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => request.header("Content-Type", "application/json").body(Body::from(body.to_string())),
        };
        self.receive(request.expect("a request")).await
    }

    async fn receive(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Reply { status: head.status, headers: head.headers, body }
    }
}

#[track_caller]
pub fn id(object: &Value) -> u64 {
    object["id"].as_u64().unwrap_or_else(|| panic!("no id in {object}"))
}

/// The value of a job's variable.
pub fn seen<'a>(job: &'a Value, key: &str) -> Option<&'a str> {
    variable(job, key).map(|variable| variable["value"].as_str().expect("text"))
}

/// A job's variable.
pub fn variable<'a>(job: &'a Value, key: &str) -> Option<&'a Value> {
    let variables = job["variables"].as_array().expect("variables");
    variables.iter().find(|variable| variable["key"] == key)
}
