//! A caller of the simulator's router, and the short ways to set a scene.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use gitlab_simulator::{Options, Simulator};
use http::{HeaderMap, Method, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt;

pub const ADMIN_TOKEN: &str = "the-first-administrators-token";

/// A simulator whose clock tests can move, starting on a Saturday morning.
pub struct Scene {
    pub simulator: Simulator,
    shift: Arc<AtomicI64>,
}

/// An answer, read completely.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The id in the body.
    pub fn id(&self) -> u64 {
        self.json()["id"].as_u64().unwrap_or_else(|| panic!("no id in {self:?}"))
    }

    /// The ids of a list.
    pub fn ids(&self) -> Vec<u64> {
        let list = self.json();
        list.as_array().unwrap().iter().map(|element| element["id"].as_u64().unwrap()).collect()
    }

    /// Expects a status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}

impl Scene {
    pub fn new() -> Self {
        let shift = Arc::new(AtomicI64::new(0));
        let (start, seconds): (Timestamp, _) = ("2026-11-21T08:00:10Z".parse().unwrap(), Arc::clone(&shift));
        let clock = move || start + SignedDuration::from_secs(seconds.load(Ordering::SeqCst));
        let options = Options { clock: Some(Arc::new(clock)), ..Options::new(ADMIN_TOKEN) };
        Self { simulator: Simulator::new(options), shift }
    }

    /// Lets time pass.
    pub fn pass(&self, duration: SignedDuration) {
        self.shift.fetch_add(duration.as_secs(), Ordering::SeqCst);
    }

    /// Sends a built request to the router.
    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.simulator.router().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: head.status, headers: head.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// A request below `/api/v4` with a token (none when empty) and a JSON body.
    pub async fn call(&self, token: &str, method: Method, path: &str, body: Value) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("/api/v4{path}"));
        if !token.is_empty() {
            request = request.header("PRIVATE-TOKEN", token);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("Content-Type", "application/json");
            Body::from(body.to_string())
        };
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call(ADMIN_TOKEN, Method::GET, path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(ADMIN_TOKEN, Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(ADMIN_TOKEN, Method::PUT, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call(ADMIN_TOKEN, Method::DELETE, path, Value::Null).await
    }

    /// A new user and a token of it with scope `api`.
    pub async fn user(&self, username: &str) -> (u64, String) {
        self.user_with_scopes(username, &["api"]).await
    }

    pub async fn user_with_scopes(&self, username: &str, scopes: &[&str]) -> (u64, String) {
        let body = json!({"username": username, "name": username, "email": format!("{username}@example.com"),
                          "force_random_password": true});
        let id = self.post("/users", body).await.expect(201).id();
        let path = format!("/users/{id}/personal_access_tokens");
        let token = self.post(&path, json!({"name": "test", "scopes": scopes})).await.expect(201).json();
        (id, token["token"].as_str().unwrap().to_owned())
    }

    /// A new top-level group.
    pub async fn group(&self, path: &str) -> u64 {
        self.post("/groups", json!({"name": path, "path": path})).await.expect(201).id()
    }

    /// A new group below another.
    pub async fn subgroup(&self, parent: u64, path: &str) -> u64 {
        self.post("/groups", json!({"name": path, "path": path, "parent_id": parent})).await.expect(201).id()
    }

    /// A new project in a group.
    pub async fn project(&self, group: u64, path: &str) -> u64 {
        self.post("/projects", json!({"name": path, "path": path, "namespace_id": group})).await.expect(201).id()
    }

    /// Adds a member below `/groups/1` or `/projects/1`.
    pub async fn member(&self, source: &str, user: u64, level: u8) {
        let body = json!({"user_id": user, "access_level": level});
        self.post(&format!("{source}/members"), body).await.expect(201);
    }
}
