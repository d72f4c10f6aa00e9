//! `POST /-/simulator/jobs` runs a job, `GET` lists what came of the last ones, stop jobs included.

use http::{Method, StatusCode};
use serde_json::Value;

use super::request::JobRequest;
use super::stop;
use crate::http::answer::Answer;
use crate::http::refusal::{Outcome, Refusal};
use crate::http::request::Request;
use crate::simulator::Simulator;

/// Where jobs are asked for.
pub const PATH: &str = "/-/simulator/jobs";

/// Answers a request to [`PATH`].
pub async fn answer(simulator: &Simulator, request: &Request) -> Answer {
    let outcome = match request.method {
        Method::POST => run(simulator, request).await,
        Method::GET => Ok(list(simulator)),
        _ => Err(Refusal::wrong_method()),
    };
    outcome.unwrap_or_else(Refusal::into_answer)
}

async fn run(simulator: &Simulator, request: &Request) -> Outcome {
    let invalid = |reason: String| Refusal::error(StatusCode::BAD_REQUEST, format!("the job is invalid: {reason}"));
    let job = JobRequest::from_json(Value::Object(request.body.clone())).map_err(invalid)?;
    let refused = |refused: super::Refused| Refusal::error(refused.status, refused.reason);
    simulator.run_job(job).await.map_err(refused).map(|report| Answer::ok(report.to_json()))
}

fn list(simulator: &Simulator) -> Answer {
    let now = simulator.now();
    let mut state = simulator.state();
    stop::settle(&mut state, now);
    Answer::ok(state.jobs.iter().map(super::JobReport::to_json).collect())
}
