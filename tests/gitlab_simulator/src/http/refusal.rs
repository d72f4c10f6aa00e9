//! Every way in which GitLab refuses a request: two keys (`message`, `error`), three shapes of `message`.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Answer;

/// A refused request: the error half of every handler's result.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal(Box<Answer>);

/// What a handler returns.
pub type Outcome = Result<Answer, Refusal>;

/// Failed validations of a model, by attribute; `base` holds those of the record as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelErrors(BTreeMap<String, Vec<String>>);

impl ModelErrors {
    /// Adds a sentence to an attribute.
    pub fn add(&mut self, attribute: &str, sentence: impl Into<String>) {
        self.0.entry(attribute.to_owned()).or_default().push(sentence.into());
    }

    /// A single failed attribute.
    pub fn of(attribute: &str, sentence: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(attribute, sentence);
        errors
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As Ruby prints it, which a few messages contain: `{:path=>["has already been taken"]}`.
    pub fn as_ruby_hash(&self) -> String {
        let entries = self.0.iter().map(|(attribute, sentences)| format!(":{attribute}=>{sentences:?}"));
        format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
    }

    /// `Ok` when there is none, else 400 with the object of arrays.
    pub fn refuse_if_any(self) -> Result<(), Refusal> {
        if self.is_empty() { Ok(()) } else { Err(Refusal::model(self)) }
    }
}

impl Refusal {
    fn new(status: StatusCode, body: Value) -> Self {
        Self(Box::new(Answer::json(status, body)))
    }

    /// `{"message": …}` with any status.
    pub fn message(status: StatusCode, message: impl Into<Value>) -> Self {
        Self::new(status, json!({"message": message.into()}))
    }

    /// `{"error": …}` with any status.
    pub fn error(status: StatusCode, error: impl Into<Value>) -> Self {
        Self::new(status, json!({"error": error.into()}))
    }

    /// 400 of the parameter check: `{"error":"name is missing, path is missing"}`.
    pub fn parameters(errors: &[String]) -> Self {
        Self::error(StatusCode::BAD_REQUEST, errors.join(", "))
    }

    /// 400 of a model: `{"message":{"key":["…"]}}`.
    pub fn model(errors: ModelErrors) -> Self {
        Self::message(StatusCode::BAD_REQUEST, json!(errors.0))
    }

    /// 400 with full sentences: `{"message":["Name has already been taken"]}`.
    pub fn sentences(sentences: Vec<String>) -> Self {
        Self::message(StatusCode::BAD_REQUEST, sentences)
    }

    /// 400 that names a reason: `{"message":"400 Bad request - REASON"}`.
    pub fn bad_request(reason: &str) -> Self {
        Self::message(StatusCode::BAD_REQUEST, format!("400 Bad request - {reason}"))
    }

    /// 401 without or with an unknown token.
    pub fn unauthorized() -> Self {
        Self::message(StatusCode::UNAUTHORIZED, "401 Unauthorized")
    }

    /// 401 of a token that once was good (expired, revoked).
    pub fn invalid_token(description: &str) -> Self {
        let body = json!({"error": "invalid_token", "error_description": description});
        let challenge = format!(
            "Bearer realm=\"Protected by OAuth 2.0\", error=\"invalid_token\", error_description=\"{description}\""
        );
        Self::new(StatusCode::UNAUTHORIZED, body).with_header("WWW-Authenticate", challenge)
    }

    /// 403 because the token's scopes do not reach: names those that would.
    pub fn insufficient_scope(accepted: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            json!({
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges than provided by the access token.",
                "scope": accepted,
            }),
        )
    }

    /// 403 without a reason: the role is too small.
    pub fn forbidden() -> Self {
        Self::message(StatusCode::FORBIDDEN, "403 Forbidden")
    }

    /// 403 with a reason.
    pub fn forbidden_because(reason: &str) -> Self {
        Self::message(StatusCode::FORBIDDEN, format!("403 Forbidden - {reason}"))
    }

    /// 404 that names the kind: `404 Project Not Found`, `404 Variable Not Found`.
    pub fn kind_not_found(kind: &str) -> Self {
        Self::message(StatusCode::NOT_FOUND, format!("404 {kind} Not Found"))
    }

    /// 404 of a record looked up by id below a visible parent: small `f`.
    pub fn record_not_found() -> Self {
        Self::message(StatusCode::NOT_FOUND, "404 Not found")
    }

    /// 404 given on purpose, for example while a feature flag is off: capital `F`.
    pub fn not_found() -> Self {
        Self::message(StatusCode::NOT_FOUND, "404 Not Found")
    }

    /// 404 of an unknown path: the key is `error`.
    pub fn unknown_path() -> Self {
        Self::error(StatusCode::NOT_FOUND, "404 Not Found")
    }

    /// 405 of a known path with another method: the key is `error`.
    pub fn wrong_method() -> Self {
        Self::error(StatusCode::METHOD_NOT_ALLOWED, "405 Not Allowed")
    }

    /// 409 with a sentence.
    pub fn conflict(sentence: &str) -> Self {
        Self::message(StatusCode::CONFLICT, sentence)
    }

    /// 412 of a stale `If-Unmodified-Since`.
    pub fn precondition_failed() -> Self {
        Self::message(StatusCode::PRECONDITION_FAILED, "412 Precondition Failed")
    }

    /// 422 with `message`.
    pub fn unprocessable(message: impl Into<Value>) -> Self {
        Self::message(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// Any answer that ends the request early, for example the redirect of a moved project.
    pub fn early(answer: Answer) -> Self {
        Self(Box::new(answer))
    }

    /// The same refusal with one more header.
    #[must_use]
    pub fn with_header(self, name: &str, value: impl Into<String>) -> Self {
        Self(Box::new(self.0.with_header(name, value)))
    }

    /// The answer to send.
    pub fn into_answer(self) -> Answer {
        *self.0
    }
}
