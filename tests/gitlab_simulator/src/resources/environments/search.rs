//! The list's filters (app/finders/environments/environments_finder.rb).

use crate::http::call::Call;
use crate::http::refusal::Refusal;
use crate::state::environments::Environment;

const SHORTEST_SEARCH: usize = 3;
const FLAG: &str = "environment_search_api_min_chars";

/// The environments of a project that the request asks for, by id.
pub fn environments<'a>(call: &'a Call<'_>, project: u64) -> Result<Vec<&'a Environment>, Refusal> {
    let search = call.params.present("search").map(str::to_lowercase);
    let too_short = search.as_ref().is_some_and(|search| search.chars().count() < SHORTEST_SEARCH);
    if too_short && call.state.features.is_on(FLAG) {
        return Err(Refusal::bad_request(&format!("Search query is less than {SHORTEST_SEARCH} characters")));
    }
    let name = call.params.present("name");
    let state = call.params.text("states");
    let rows = call.state.environments_of(project).filter(|environment| {
        name.is_none_or(|name| environment.name == name)
            && state.is_none_or(|state| environment.state.word() == state)
            && search.as_deref().is_none_or(|search| begins_with(environment, search))
    });
    Ok(rows.collect())
}

/// The name, or its part below the folder, begins so; case does not matter.
fn begins_with(environment: &Environment, search: &str) -> bool {
    let name = environment.name.to_lowercase();
    let below = name.split_once('/').map(|(_, below)| below);
    name.starts_with(search) || below.is_some_and(|below| below.starts_with(search))
}
