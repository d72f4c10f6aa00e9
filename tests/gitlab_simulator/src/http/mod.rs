//! GitLab's ground rules over HTTP: parameters, answers, authentication, paging, limits.

pub mod answer;
pub mod auth;
pub mod call;
mod coerce;
pub mod dispatch;
pub mod faults;
pub mod form;
pub mod limits;
pub mod paging;
pub mod params;
pub mod record;
pub mod refusal;
pub mod request;
pub mod route;
