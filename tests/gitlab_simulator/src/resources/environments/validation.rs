//! What GitLab's model says against an environment (app/models/environment.rb). Creating answers with sentences, updating
//! with an object of arrays.

use crate::http::call::Call;
use crate::http::refusal::ModelErrors;
use crate::rules::environment as rules;
use crate::state::State;
use crate::state::environments::Environment;

const LONGEST_URL: usize = 255;
const LONGEST_DESCRIPTION: usize = 10_000;
const UNSAFE_SCHEMES: &[&str] = &["javascript", "vbscript", "data"];

/// One failed validation: attribute and sentence.
pub type Failure = (&'static str, String);

/// Errors of name and slug, which matter only when an environment is made.
pub fn new_errors(state: &State, environment: &Environment) -> Vec<Failure> {
    let mut errors = Vec::new();
    let others = || state.environments_of(environment.project_id);
    let mut name = rules::name_errors(&environment.name);
    let taken = "has already been taken".to_owned();
    if others().any(|other| other.name == environment.name) {
        name.insert(usize::from(environment.name.trim().is_empty()), taken.clone());
    }
    errors.extend(name.into_iter().map(|sentence| ("name", sentence)));
    if others().any(|other| other.slug == environment.slug) {
        errors.push(("slug", taken));
    }
    errors
}

/// Errors of what can be changed.
pub fn attribute_errors(call: &Call<'_>, environment: &Environment) -> Vec<Failure> {
    let mut errors = Vec::new();
    let too_long = |limit: usize| format!("is too long (maximum is {limit} characters)");
    let url = environment.external_url.as_deref().unwrap_or_default();
    if url.chars().count() > LONGEST_URL {
        errors.push(("external_url", too_long(LONGEST_URL)));
    }
    let description = environment.description.as_deref().unwrap_or_default();
    if description.chars().count() > LONGEST_DESCRIPTION {
        errors.push(("description", too_long(LONGEST_DESCRIPTION)));
    }
    if call.params.present("kubernetes_namespace").is_some() {
        errors.push(("kubernetes_namespace", "cannot be set without a cluster agent".to_owned()));
    } else if call.params.present("flux_resource_path").is_some() {
        errors.push(("flux_resource_path", "cannot be set without a kubernetes namespace".to_owned()));
    }
    errors.extend(unsafe_url(url).map(|sentence| ("external_url", sentence)));
    errors
}

fn unsafe_url(url: &str) -> Option<String> {
    let scheme = url.split_once(':')?.0.to_ascii_lowercase();
    if UNSAFE_SCHEMES.contains(&scheme.as_str()) {
        return Some(format!("{scheme} scheme is not allowed"));
    }
    let host = url.split_once("://")?.1.split('/').next()?;
    host.contains(|c: char| "{}<>\"\\^`| ".contains(c)).then(|| "URI is invalid".to_owned())
}

/// `Name has already been taken`.
pub fn sentences(errors: &[Failure]) -> Vec<String> {
    errors
        .iter()
        .map(|(attribute, sentence)| {
            let words = attribute.replace('_', " ");
            let mut letters = words.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase()).into_iter();
            format!("{} {sentence}", first.chain(letters).collect::<String>())
        })
        .collect()
}

/// `{"external_url":["…"]}`.
pub fn by_attribute(errors: Vec<Failure>) -> ModelErrors {
    let mut grouped = ModelErrors::default();
    for (attribute, sentence) in errors {
        grouped.add(attribute, sentence);
    }
    grouped
}
