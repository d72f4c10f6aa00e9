//! Offset pages with all their headers, and the two flavours of keyset pages.

use serde_json::Value;

use super::answer::Answer;
use super::call::Call;
use super::form;
use super::refusal::{Outcome, Refusal};

/// Above this many rows GitLab stops counting: no totals, no last page.
const LARGEST_COUNTED: usize = 10_000;
/// `per_page` is cut to this silently.
const LARGEST_PAGE: usize = 100;

/// One page of `rows` by `page` and `per_page`, each row shaped by `shape`.
pub fn offset<T>(call: &Call<'_>, rows: &[T], shape: impl Fn(&Call<'_>, &T) -> Value) -> Outcome {
    let per_page = per_page(call);
    let page = usize::try_from(call.params.integer("page").unwrap_or(1)).unwrap_or(1).max(1);
    let start = (page - 1).saturating_mul(per_page).min(rows.len());
    let end = start.saturating_add(per_page).min(rows.len());
    let shaped = rows[start..end].iter().map(|row| shape(call, row)).collect();
    let counted = rows.len() <= LARGEST_COUNTED;
    let pages = rows.len().div_ceil(per_page).max(1);
    let next = (end < rows.len()).then_some(page + 1);
    let previous = (page > 1).then(|| page - 1);
    let mut links = Vec::new();
    let mut link = |number: usize, rel: &str| {
        let extra = [("page", number.to_string()), ("per_page", per_page.to_string())];
        links.push(format!("<{}>; rel=\"{rel}\"", url(call, &extra)));
    };
    if let Some(number) = previous {
        link(number, "prev");
    }
    if let Some(number) = next {
        link(number, "next");
    }
    link(1, "first");
    if counted {
        link(pages, "last");
    }
    let number = |number: Option<usize>| number.map(|number| number.to_string()).unwrap_or_default();
    let mut answer = Answer::ok(Value::Array(shaped))
        .with_header("X-Per-Page", per_page.to_string())
        .with_header("X-Page", page.to_string())
        .with_header("X-Next-Page", number(next))
        .with_header("X-Prev-Page", number(previous))
        .with_header("Link", links.join(", "));
    if counted {
        answer = answer.with_header("X-Total", rows.len().to_string()).with_header("X-Total-Pages", pages.to_string());
    }
    Ok(answer)
}

/// The asked page size, cut to GitLab's largest.
pub fn per_page(call: &Call<'_>) -> usize {
    let asked = usize::try_from(call.params.integer("per_page").unwrap_or(20)).unwrap_or(20);
    asked.clamp(1, LARGEST_PAGE)
}

/// 405 when `page` × `per_page` reaches beyond GitLab's offset limit for this type.
pub fn refuse_far_offset(call: &Call<'_>, type_name: &str) -> Result<(), Refusal> {
    let limit = call.state.settings.offset_pagination_limit();
    let page = usize::try_from(call.params.integer("page").unwrap_or(1)).unwrap_or(1);
    if limit == 0 || page.saturating_mul(per_page(call)) <= limit {
        return Ok(());
    }
    Err(Refusal::error(
        http::StatusCode::METHOD_NOT_ALLOWED,
        format!(
            "Offset pagination has a maximum allowed offset of {limit} for requests that return objects of type \
             {type_name}. Remaining records can be retrieved using keyset pagination."
        ),
    ))
}

/// The request's URL on the configured host, with these parameters put in (replacing those of the same name).
pub fn url(call: &Call<'_>, extra: &[(&str, String)]) -> String {
    let mut pairs = form::pairs(&call.request.query);
    pairs.retain(|(key, _)| {
        !extra.iter().any(|(name, _)| name == key) && key != "private_token" && key != "access_token"
    });
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in &pairs {
        query.append_pair(key, value);
    }
    for (key, value) in extra {
        query.append_pair(key, value);
    }
    format!("{}{}?{}", call.state.base_url, call.request.path, query.finish())
}
