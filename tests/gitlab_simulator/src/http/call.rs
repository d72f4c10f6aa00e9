//! One call of an endpoint: everything a handler works with.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::auth::Caller;
use super::params::Params;
use super::refusal::Refusal;
use super::request::Request;
use crate::state::State;

/// Handed to every handler. The state is locked for as long as the call lasts.
pub struct Call<'a> {
    /// The whole model.
    pub state: &'a mut State,
    /// The request as received.
    pub request: &'a Request,
    /// Who calls; none without a token.
    pub caller: Option<Caller>,
    /// The declared parameters, checked. Empty in `before` checks.
    pub params: Params,
    /// When the request arrived; the only clock that handlers read.
    pub now: Timestamp,
    pub(crate) path: BTreeMap<&'static str, String>,
}

impl Call<'_> {
    /// A variable of the path, percent-decoded. Empty when the pattern has no such variable.
    pub fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A variable of the path that the route declares as a whole number: 400 `name is invalid` otherwise.
    pub fn path_id(&self, name: &str) -> Result<u64, Refusal> {
        let parsed = self.path(name).parse();
        parsed.map_err(|_| Refusal::parameters(&[format!("{name} is invalid")]))
    }

    /// The calling user; 401 without a token.
    pub fn user_id(&self) -> Result<u64, Refusal> {
        self.caller.as_ref().map(|caller| caller.user).ok_or_else(Refusal::unauthorized)
    }

    /// Does the caller act with an administrator's rights?
    pub fn is_admin(&self) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.admin)
    }

    /// 412 when `If-Unmodified-Since` lies before the record's last change.
    pub fn check_unmodified_since(&self, updated_at: Timestamp) -> Result<(), Refusal> {
        let Some(header) = self.request.header("If-Unmodified-Since") else { return Ok(()) };
        let Some(since) = http_date(header) else { return Ok(()) };
        if updated_at.as_second() > since.as_second() { Err(Refusal::precondition_failed()) } else { Ok(()) }
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok();
    zoned.map(|zoned| zoned.timestamp()).or_else(|| text.parse().ok())
}
