//! A proxy in front of a GitLab that repeats to the caller what it was sent: tokens, values, all of it.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use gitlab_simulator::Simulator;
use http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What the proxy does to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Passes them on.
    Faithful,
    /// Refuses what writes entries, with a status, in GitLab's shapes of messages.
    RefusesEntries(u16),
    /// Answers what writes entries with 200 and fields of wrong types.
    ConfusesEntries,
    /// Gives the list of variables with values in wrong fields.
    ConfusesLists,
    /// Answers everything with this status and a page.
    Page(u16),
    /// Refuses everything with this status, in the shape of an OAuth error.
    RefusesAll(u16),
    /// Redirects everything to another host, with the token in the address.
    Redirects,
}

/// The proxy.
pub struct Front {
    pub url: String,
    state: Arc<State>,
}

struct State {
    router: Router,
    mood: Mutex<Mood>,
    /// Method and address of every request, as they came.
    seen: Mutex<Vec<String>>,
}

impl Front {
    /// Listens on a port of its own, until the test's runtime ends.
    pub async fn before(simulator: &Simulator) -> Self {
        let state =
            Arc::new(State { router: simulator.router(), mood: Mutex::new(Mood::Faithful), seen: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&state);
        let router = Router::new().fallback(move |request: Request| {
            let state = Arc::clone(&shared);
            async move { state.answer(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub fn becomes(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// Method and address of every request.
    pub fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }
}

impl State {
    async fn answer(&self, request: Request) -> Response {
        self.seen.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        let mood = *self.mood.lock().unwrap();
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let token =
            head.headers.get("PRIVATE-TOKEN").map(|token| token.to_str().unwrap().to_owned()).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let entries = path.contains("/variables") || path.contains("/clusters");
        let writes_entries = entries && (head.method == Method::POST || head.method == Method::PUT);
        let lists = path.ends_with("/variables") && head.method == Method::GET;
        let echo = Echo::of(&token, &body);
        let request = Request::from_parts(head, Body::from(body));
        match mood {
            Mood::RefusesEntries(status) if writes_entries => echo.refusal(status),
            Mood::ConfusesEntries if writes_entries => echo.confusion(),
            Mood::ConfusesLists if lists => confused_list(self.router.clone().oneshot(request).await.unwrap()).await,
            Mood::Page(status) => echo.page(status),
            Mood::RefusesAll(status) => echo.oauth_error(status),
            Mood::Redirects => echo.redirect(),
            _ => self.router.clone().oneshot(request).await.unwrap(),
        }
    }
}

/// What a request held that nobody else may see.
struct Echo {
    token: String,
    body: String,
    /// The secret value in the body, and the end of it alone.
    value: String,
    tail: String,
}

impl Echo {
    fn of(token: &str, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let value =
            json["value"].as_str().or(json["platform_kubernetes_attributes"]["token"].as_str()).unwrap_or_default();
        let tail = value.chars().skip(value.chars().count().saturating_sub(120)).collect();
        Self { token: token.to_owned(), body: text, value: value.to_owned(), tail }
    }

    fn everything(&self) -> String {
        format!("{} {} {} {}", self.token, self.tail, self.value, self.body)
    }

    fn refusal(&self, status: u16) -> Response {
        let messages = json!({"message": {"value": [format!("{} is invalid", self.value), self.tail, self.body],
            "base": [format!("no rights for {}", self.token)]}, "error": self.everything()});
        answer(status, "application/json", messages.to_string())
    }

    fn confusion(&self) -> Response {
        let confused = json!({"id": self.value, "key": [self.value], "variable_type": self.value, "protected": self.tail,
            "masked": self.body, "environment_scope": {"is": self.value}, "platform_kubernetes": self.value});
        answer(200, "application/json", confused.to_string())
    }

    fn page(&self, status: u16) -> Response {
        answer(status, "text/html", format!("<html>{}</html>", self.everything()))
    }

    fn oauth_error(&self, status: u16) -> Response {
        let error = json!({"error": "insufficient_scope", "error_description": self.everything(), "scope": self.token,
            "message": self.everything()});
        answer(status, "application/json", error.to_string())
    }

    fn redirect(&self) -> Response {
        let location = format!("https://elsewhere.example.edu/{}?private_token={}", self.token, self.token);
        (StatusCode::FOUND, [(header::LOCATION, location)], "").into_response()
    }
}

fn answer(status: u16, content_type: &str, body: String) -> Response {
    let content_type = [(header::CONTENT_TYPE, content_type.to_owned())];
    (StatusCode::from_u16(status).unwrap(), content_type, body).into_response()
}

/// A list of variables whose values stand in fields that are meant for something else, a different one in each.
async fn confused_list(real: Response) -> Response {
    let bytes = real.into_body().collect().await.unwrap().to_bytes();
    let mut list: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    for variable in list.as_array_mut().into_iter().flatten() {
        let value = variable["value"].take();
        for field in ["variable_type", "protected", "masked", "raw"] {
            variable[field] = value.clone();
        }
    }
    answer(200, "application/json", list.to_string())
}
