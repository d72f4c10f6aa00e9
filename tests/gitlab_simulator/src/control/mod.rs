//! `/-/simulator/…`: what tests ask of the simulator besides GitLab's own API. Needs no token; loopback only.

use axum::response::Response;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http::answer::Answer;
use crate::http::faults::Fault;
use crate::http::refusal::{Outcome, Refusal};
use crate::http::request::Request;
use crate::jobs;
use crate::simulator::Simulator;

/// Where everything of this module lies.
pub const PREFIX: &str = "/-/simulator";

/// Answers a request below [`PREFIX`].
pub async fn respond(simulator: &Simulator, request: &Request) -> Response {
    let path = request.path.strip_prefix(PREFIX).unwrap_or_default();
    if request.path == jobs::endpoint::PATH {
        return jobs::endpoint::answer(simulator, request).await.into_response();
    }
    let outcome = match path {
        "/faults" => faults(simulator, request),
        "/requests" => requests(simulator, request),
        _ => match path.strip_prefix("/faults/").map(str::parse) {
            Some(Ok(id)) if request.method == Method::DELETE => {
                simulator.clear_fault(id);
                Ok(Answer::no_content())
            }
            _ => Err(Refusal::unknown_path()),
        },
    };
    outcome.unwrap_or_else(Refusal::into_answer).into_response()
}

fn faults(simulator: &Simulator, request: &Request) -> Outcome {
    match request.method {
        Method::GET => {
            let shape = |(id, fault): (u64, Fault)| {
                let mut shape = serde_json::to_value(fault).unwrap_or_default();
                shape["id"] = Value::from(id);
                shape
            };
            Ok(Answer::ok(simulator.faults().into_iter().map(shape).collect()))
        }
        Method::POST => {
            let invalid = |reason: String| Refusal::error(StatusCode::BAD_REQUEST, reason);
            let fault: Fault = serde_json::from_value(Value::Object(request.body.clone()))
                .map_err(|error| invalid(format!("the fault is invalid: {error}")))?;
            let id = simulator.add_fault(fault).map_err(|error| invalid(error.to_string()))?;
            Ok(Answer::created(json!({"id": id})))
        }
        Method::DELETE => {
            simulator.clear_faults();
            Ok(Answer::no_content())
        }
        _ => Err(Refusal::wrong_method()),
    }
}

fn requests(simulator: &Simulator, request: &Request) -> Outcome {
    match request.method {
        Method::GET => Ok(Answer::ok(serde_json::to_value(simulator.requests()).unwrap_or_default())),
        Method::DELETE => {
            simulator.clear_requests();
            Ok(Answer::no_content())
        }
        _ => Err(Refusal::wrong_method()),
    }
}
