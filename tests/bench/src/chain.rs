//! What one mapping takes, as a chain of requests with places for what differs between mappings.
//!
//! Learned from what passed between the operator and both servers while it worked on one mapping: every write to the API
//! server, and every call to GitLab about the project. The bytes stay as the operator sent them; only names, ids, UIDs,
//! versions and tokens are replaced, by those that the servers gave in answer to the same request for another mapping.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::bare::{Server, Types};
use crate::recorder::{Exchange, Side};

/// What is known of a mapping before the first request of its chain.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The mapping's name.
    pub mapping: String,
    /// Its UID.
    pub uid: String,
    /// Its version when it was created.
    pub version: String,
    /// The last segment of its project's path.
    pub project: String,
    /// The project's id.
    pub project_id: i64,
}

/// The requests of one mapping.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    steps: Vec<Step>,
    places: usize,
    /// Preconditions on versions that no answer showed; they were left out.
    pub unknown_versions: usize,
}

#[derive(Clone, Debug)]
struct Step {
    side: Side,
    method: Method,
    content_type: Option<String>,
    accept: Option<String>,
    target: Vec<Part>,
    body: Vec<Part>,
    status: StatusCode,
    /// What its answer tells: where, and into which place.
    tells: Vec<(&'static str, Form, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(usize),
}

/// How a value of an answer stands in later requests.
#[derive(Clone, Copy, Debug)]
enum Form {
    AsIs,
    Base64,
}

/// A value of the learned mapping, wherever it stands between these texts.
struct Known {
    place: usize,
    before: &'static str,
    value: String,
    after: &'static [char],
}

impl Known {
    fn anywhere(place: usize, value: impl Into<String>) -> Self {
        Self { place, before: "", value: value.into(), after: &[] }
    }
}

impl Chain {
    /// Learns the chain of a mapping from everything that passed.
    pub fn learn(exchanges: &[Exchange], of: &Subject) -> anyhow::Result<Self> {
        let mut chain = Self { places: 6, ..Self::default() };
        let mut known = beginning(of);
        for exchange in exchanges.iter().filter(|exchange| belongs(exchange, of)) {
            let body = String::from_utf8(exchange.request.to_vec()).context("a request holds no text")?;
            let (body, removed) = chain.without_unknown_versions(replaced(&body, &known));
            chain.unknown_versions += removed;
            let tells = chain.tells(exchange, &mut known);
            chain.steps.push(Step {
                side: exchange.side,
                method: exchange.method.clone(),
                content_type: exchange.content_type.clone(),
                accept: exchange.accept.clone(),
                target: replaced(&exchange.target, &known),
                body,
                status: exchange.status,
                tells,
            });
        }
        if chain.steps.is_empty() {
            bail!("nothing was learned: no request was about {}", of.mapping);
        }
        Ok(chain)
    }

    /// The verbs of the requests to a server.
    pub fn methods(&self, side: Side) -> impl Iterator<Item = &Method> {
        self.steps.iter().filter(move |step| step.side == side).map(|step| &step.method)
    }

    /// Notes what an answer tells that later requests may hold.
    fn tells(&mut self, exchange: &Exchange, known: &mut Vec<Known>) -> Vec<(&'static str, Form, usize)> {
        let Ok(answer) = serde_json::from_slice::<Value>(&exchange.answer) else { return Vec::new() };
        if !exchange.status.is_success() {
            return Vec::new();
        }
        let mut tells = Vec::new();
        let mut place = |pointer: &'static str, form: Form, make: &dyn Fn(usize) -> Known| {
            tells.push((pointer, form, self.places));
            known.insert(0, make(self.places));
            self.places += 1;
        };
        let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        if exchange.side == Side::Kubernetes {
            if let Some(uid) = text("/metadata/uid") {
                place("/metadata/uid", Form::AsIs, &|at| Known::anywhere(at, uid.clone()));
            }
            if let Some(version) = text("/metadata/resourceVersion") {
                place("/metadata/resourceVersion", Form::AsIs, &|at| version_at(at, &version));
            }
            if let Some(token) = text("/status/token") {
                let encoded = base64::prelude::BASE64_STANDARD.encode(&token);
                place("/status/token", Form::Base64, &|at| Known::anywhere(at, encoded.clone()));
                place("/status/token", Form::AsIs, &|at| Known::anywhere(at, token.clone()));
            }
        } else if exchange.target.contains("/environments") {
            for pointer in ["/id", "/0/id"] {
                if let Some(id) = answer.pointer(pointer).and_then(Value::as_i64) {
                    place(pointer, Form::AsIs, &|at| Known {
                        place: at,
                        before: "\"gitlabId\":",
                        value: id.to_string(),
                        after: &[',', '}'],
                    });
                }
            }
        }
        tells
    }

    /// A version that no answer showed came from a read or a watch; a bare client has neither.
    fn without_unknown_versions(&self, parts: Vec<Part>) -> (Vec<Part>, usize) {
        let mut removed = 0;
        let parts = parts.into_iter().map(|part| match part {
            Part::Text(mut text) => {
                while let Some((start, end)) = unknown_version(&text) {
                    text.replace_range(start..end, "");
                    removed += 1;
                }
                Part::Text(text)
            }
            place => place,
        });
        (parts.collect(), removed)
    }

    /// Sends the chain for another mapping.
    ///
    /// # Errors
    /// When a server answers otherwise than it answered the operator.
    pub async fn replay(&self, subject: &Subject, kubernetes: &Server, gitlab: &Server) -> anyhow::Result<()> {
        let mut places = vec![String::new(); self.places];
        for (place, value) in places.iter_mut().zip(values(subject)) {
            *place = value;
        }
        for step in &self.steps {
            let server = if step.side == Side::Kubernetes { kubernetes } else { gitlab };
            let (target, body) = (filled(&step.target, &places), Bytes::from(filled(&step.body, &places)));
            let types = Types { content: step.content_type.as_deref(), accept: step.accept.as_deref() };
            let answer = loop {
                let (status, answer, wait) = server.send(&step.method, &target, types, body.clone()).await?;
                if status == step.status {
                    break answer;
                }
                let Some(wait) = wait.filter(|_| status == StatusCode::TOO_MANY_REQUESTS) else {
                    let answer = String::from_utf8_lossy(&answer);
                    bail!("{} {target}: {status} where the operator got {}: {answer}", step.method, step.status);
                };
                tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
            };
            if !step.tells.is_empty() {
                let answer: Value = serde_json::from_slice(&answer)?;
                for (pointer, form, place) in &step.tells {
                    places[*place] =
                        told(&answer, pointer, *form).with_context(|| format!("no {pointer} in an answer"))?;
                }
            }
        }
        Ok(())
    }
}

/// The places of what is known before the first request, in the order of [`values`].
fn beginning(of: &Subject) -> Vec<Known> {
    let [mapping, uid, version, stem, project, id] = values(of);
    let number = |before, after| Known { place: 5, before, value: id.clone(), after };
    vec![
        Known::anywhere(0, mapping),
        Known::anywhere(1, uid),
        version_at(2, &version),
        Known::anywhere(3, stem),
        Known::anywhere(4, project),
        number("/projects/", &['/', '?']),
        number("project-id\":\"", &['"']),
        number("project-id=", &[',', '&', '%']),
        number("\"id\":", &[',', '}']),
        number(" of project ", &['"', ' ', '.']),
        number(" (id ", &[')']),
    ]
}

fn values(of: &Subject) -> [String; 6] {
    let id = of.project_id.to_string();
    let stem = format!("{}-{id}", of.project);
    [of.mapping.clone(), of.uid.clone(), of.version.clone(), stem, of.project.clone(), id]
}

fn version_at(place: usize, version: &str) -> Known {
    Known { place, before: "\"resourceVersion\":\"", value: version.to_owned(), after: &['"'] }
}

/// Whether a request has to be made for this mapping, whoever makes it.
fn belongs(exchange: &Exchange, of: &Subject) -> bool {
    let holds = |text: &str| {
        let body = String::from_utf8_lossy(&exchange.request);
        exchange.target.contains(text) || body.contains(text)
    };
    match exchange.side {
        Side::Kubernetes => exchange.method != Method::GET && (holds(&of.mapping) || holds(&of.project)),
        // The project itself is found in a listing of all projects, which is cheaper and not a part of the chain.
        Side::GitLab => exchange.target.contains(&format!("/projects/{}/", of.project_id)),
    }
}

/// A text with everything that is known replaced by its place.
fn replaced(text: &str, known: &[Known]) -> Vec<Part> {
    let mut parts = vec![Part::Text(text.to_owned())];
    for known in known {
        let old = std::mem::take(&mut parts);
        for part in old {
            match part {
                Part::Text(text) => split(&text, known, &mut parts),
                place => parts.push(place),
            }
        }
    }
    parts
}

fn split(text: &str, known: &Known, parts: &mut Vec<Part>) {
    let wanted = format!("{}{}", known.before, known.value);
    let mut rest = text;
    let mut from = 0;
    while let Some(at) = rest[from..].find(&wanted).map(|at| at + from) {
        let end = at + wanted.len();
        let follows = rest[end..].chars().next();
        if !known.after.is_empty() && follows.is_some_and(|next| !known.after.contains(&next)) {
            from = end;
            continue;
        }
        parts.push(Part::Text(rest[..at + known.before.len()].to_owned()));
        parts.push(Part::Place(known.place));
        rest = &rest[end..];
        from = 0;
    }
    parts.push(Part::Text(rest.to_owned()));
}

/// Where a `"resourceVersion":"…"` with a value stands, with one comma beside it.
fn unknown_version(text: &str) -> Option<(usize, usize)> {
    const KEY: &str = "\"resourceVersion\":\"";
    let start = text.find(KEY)?;
    let length = text[start + KEY.len()..].find('"')?;
    let end = start + KEY.len() + length + 1;
    if length == 0 {
        // Its value is a place that follows.
        return None;
    }
    if text[end..].starts_with(',') {
        return Some((start, end + 1));
    }
    Some((start - usize::from(text[..start].ends_with(',')), end))
}

fn filled(parts: &[Part], places: &[String]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(match part {
            Part::Text(text) => text,
            Part::Place(place) => &places[*place],
        });
    }
    text
}

fn told(answer: &Value, pointer: &str, form: Form) -> Option<String> {
    let text = match answer.pointer(pointer)? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(match form {
        Form::AsIs => text,
        Form::Base64 => base64::prelude::BASE64_STANDARD.encode(text),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn learned() -> Subject {
        Subject {
            mapping: "mapping-00000".into(),
            uid: "11111111-aaaa".into(),
            version: "77".into(),
            project: "project-00000".into(),
            project_id: 1,
        }
    }

    fn filled_for_another(text: &str) -> String {
        let parts = replaced(text, &beginning(&learned()));
        let other = Subject {
            mapping: "mapping-00042".into(),
            uid: "22222222-bbbb".into(),
            version: "99".into(),
            project: "project-00042".into(),
            project_id: 43,
        };
        filled(&parts, &values(&other))
    }

    #[test]
    fn what_belongs_to_the_learned_mapping_is_replaced_and_nothing_else() {
        let text = r#"/projects/1/variables?page=1 project-00000-1-production {"id":1,"observedGeneration":1,"project-id":"1","resourceVersion":"77","uid":"11111111-aaaa"}"#;
        let wanted = r#"/projects/43/variables?page=1 project-00042-43-production {"id":43,"observedGeneration":1,"project-id":"43","resourceVersion":"99","uid":"22222222-bbbb"}"#;
        assert_eq!(filled_for_another(text), wanted);
    }

    #[test]
    fn a_version_that_no_answer_showed_is_left_out() {
        let parts =
            replaced(r#"{"uid":"x","resourceVersion":"123","a":{"resourceVersion":"77"}}"#, &beginning(&learned()));
        let (parts, removed) = Chain::default().without_unknown_versions(parts);
        assert_eq!(removed, 1);
        assert_eq!(filled(&parts, &values(&learned())), r#"{"uid":"x","a":{"resourceVersion":"77"}}"#);
    }
}
