//! Jobs: what a pipeline does to environments, and what its job sees.
//!
//! A job goes the way that GitLab's goes: the environment is made when the pipeline is created (`pipeline`); after the
//! delay the job starts and its variables are resolved (`variables`); when it ends, tier and state of the environment
//! follow (`finish`). The stop job (`on_stop`) of an environment runs by itself after a stop ([`stop`]).

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::simulator::Simulator;

mod cluster;
pub mod endpoint;
mod finish;
mod pipeline;
mod predefined;
pub mod report;
pub mod request;
pub mod stop;
mod variables;

pub use report::{JobReport, Status};
pub use request::JobRequest;

/// A job that GitLab would not even create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// As GitLab's API would answer.
    pub status: StatusCode,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Refused {}

impl Simulator {
    /// Creates a pipeline with this job, waits for its start and runs it: the same as `POST /-/simulator/jobs`.
    pub async fn run_job(&self, request: JobRequest) -> Result<JobReport, Refused> {
        let created = {
            let now = self.now();
            let mut state = self.state();
            stop::settle(&mut state, now);
            pipeline::create(&mut state, request, now)?
        };
        if created.request.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(created.request.delay_ms)).await;
        }
        let now = self.now();
        let mut state = self.state();
        stop::settle(&mut state, now);
        let report = finish::run(&mut state, &created, now);
        report::keep(&mut state, report.clone());
        Ok(report)
    }
}
