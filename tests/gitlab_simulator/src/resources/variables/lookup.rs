//! Which variable a request means: by key, and by exact scope when a filter is given.

use crate::http::call::Call;
use crate::http::refusal::Refusal;
use crate::state::owner::Owner;
use crate::state::variables::Variable;

/// The variable of the path's key, chosen by `filter[environment_scope]` (compared as text, no wildcards). 409 when
/// several scopes hold the key and no filter, or an empty one, is given.
pub fn find<'a>(call: &'a Call<'_>, owner: Owner) -> Result<Option<&'a Variable>, Refusal> {
    let filter = call.params.hash("filter");
    let scope = filter.as_ref().and_then(|filter| filter.present("environment_scope"));
    let mut found =
        with_key(call, owner).filter(|variable| scope.is_none_or(|scope| variable.environment_scope == scope));
    let first = found.next();
    if found.next().is_some() {
        return Err(Refusal::conflict(
            "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'",
        ));
    }
    Ok(first)
}

/// A group's PUT: without a filter the first variable of the key; with a filter that matches nothing, the first one too,
/// which is then overwritten.
pub fn find_for_group_update<'a>(call: &'a Call<'_>, owner: Owner) -> Result<Option<&'a Variable>, Refusal> {
    let found = if call.params.has("filter") { find(call, owner)? } else { None };
    Ok(found.or_else(|| with_key(call, owner).next()))
}

fn with_key<'a>(call: &'a Call<'_>, owner: Owner) -> impl Iterator<Item = &'a Variable> {
    let key = call.path("key");
    call.state.variables_of(owner).filter(move |variable| variable.key == key)
}
