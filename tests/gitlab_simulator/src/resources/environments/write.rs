//! New environments, and from parameters to attributes.

use jiff::Timestamp;

use super::environment_slug;
use crate::http::call::Call;
use crate::http::refusal::Refusal;
use crate::rules::environment::guess_tier;
use crate::state::State;
use crate::state::environments::{AutoStopSetting, Environment, EnvironmentState};
use crate::state::features::NEW_DEFAULT_FOR_AUTO_STOP;

/// An environment as GitLab makes it; without a tier it is guessed from the name. It is not stored and has no id yet.
pub fn new_environment(state: &State, project_id: u64, name: &str, tier: Option<&str>, now: Timestamp) -> Environment {
    let tier = tier.unwrap_or_else(|| guess_tier(name)).to_owned();
    Environment {
        id: 0,
        project_id,
        name: name.to_owned(),
        slug: environment_slug(name),
        external_url: None,
        auto_stop_setting: default_auto_stop(state, &tier),
        tier,
        state: EnvironmentState::Available,
        description: None,
        auto_delete_at: None,
        stop_job: None,
        stop_job_starts_at: None,
        last_deployment: None,
        created_at: now,
        updated_at: now,
    }
}

/// `always`, or `with_action` for the tiers production and staging where the flag `new_default_for_auto_stop` is on.
fn default_auto_stop(state: &State, tier: &str) -> AutoStopSetting {
    let careful = matches!(tier, "production" | "staging") && state.features.is_on(NEW_DEFAULT_FOR_AUTO_STOP);
    if careful { AutoStopSetting::WithAction } else { AutoStopSetting::Always }
}

/// Takes over what was given. Blank texts become null.
pub fn assign(call: &Call<'_>, environment: &mut Environment) {
    let params = &call.params;
    if let Some(tier) = params.text("tier") {
        environment.tier = tier.to_owned();
    }
    if let Some(setting) = params.text("auto_stop_setting").and_then(AutoStopSetting::parse) {
        environment.auto_stop_setting = setting;
    }
    let text = |name: &str| params.present(name).map(str::to_owned);
    if params.has("external_url") {
        environment.external_url = text("external_url");
    }
    if params.has("description") {
        environment.description = text("description");
    }
}

/// There are no agents here, so none can be associated.
pub fn check_agent(call: &Call<'_>) -> Result<(), Refusal> {
    match call.params.integer("cluster_agent_id") {
        None => Ok(()),
        Some(_) => {
            Err(Refusal::bad_request("cluster agent doesn't exist or cannot be associated with this environment"))
        }
    }
}
