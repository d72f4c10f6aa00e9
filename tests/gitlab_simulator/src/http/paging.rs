//! Offset pages with all their headers, and the two flavours of keyset pages.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

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

/// One row of a list that has an order: the text it is sorted by, and the id that breaks ties.
#[derive(Clone, Debug)]
pub struct Row<T> {
    /// Sorts as text.
    pub key: String,
    /// Breaks ties.
    pub id: u64,
    /// What is shown.
    pub value: T,
}

impl<T> Row<T> {
    fn place(&self) -> (&str, u64) {
        (self.key.as_str(), self.id)
    }
}

/// Sorts by key and id, both in the same direction.
pub fn sort<T>(rows: &mut [Row<T>], descending: bool) {
    rows.sort_by(|a, b| if descending { b.place().cmp(&a.place()) } else { a.place().cmp(&b.place()) });
}

/// A keyset page with an opaque cursor (users, groups): `Link`, `X-NEXT-CURSOR`, `X-PREV-CURSOR`, each only when
/// there is such a page. Rows must be sorted.
pub fn cursor<T>(
    call: &Call<'_>,
    rows: &[Row<T>],
    descending: bool,
    shape: impl Fn(&Call<'_>, &Row<T>) -> Value,
) -> Outcome {
    let per_page = per_page(call);
    let (start, end) = match call.params.present("cursor") {
        None => (0, per_page.min(rows.len())),
        Some(text) => {
            let cursor = Cursor::decode(text).ok_or_else(|| Refusal::bad_request("Invalid cursor"))?;
            cursor.window(rows, descending, per_page)
        }
    };
    let page = &rows[start..end];
    let mut answer = Answer::ok(page.iter().map(|row| shape(call, row)).collect());
    if let Some(last) = page.last().filter(|_| end < rows.len()) {
        let next = Cursor { key: last.key.clone(), id: last.id, backwards: false }.encode();
        let link = format!("<{}>; rel=\"next\"", url(call, &[("cursor", next.clone())]));
        answer = answer.with_header("Link", link).with_header("X-NEXT-CURSOR", next);
    }
    if let Some(first) = page.first().filter(|_| start > 0) {
        let previous = Cursor { key: first.key.clone(), id: first.id, backwards: true };
        answer = answer.with_header("X-PREV-CURSOR", previous.encode());
    }
    Ok(answer)
}

struct Cursor {
    key: String,
    id: u64,
    backwards: bool,
}

impl Cursor {
    fn encode(&self) -> String {
        let direction = if self.backwards { "p" } else { "n" };
        URL_SAFE_NO_PAD.encode(json!({"key": self.key, "id": self.id, "_kd": direction}).to_string())
    }

    fn decode(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let key = value.get("key")?.as_str()?.to_owned();
        Some(Self { key, id: value.get("id")?.as_u64()?, backwards: value.get("_kd")?.as_str()? == "p" })
    }

    /// The rows after (or before) the cursor's place, wherever rows came or went meanwhile.
    fn window<T>(&self, rows: &[Row<T>], descending: bool, per_page: usize) -> (usize, usize) {
        let place = (self.key.as_str(), self.id);
        let is_before = |row: &Row<T>| if descending { row.place() > place } else { row.place() < place };
        let before = rows.partition_point(is_before);
        if self.backwards {
            return (before.saturating_sub(per_page), before);
        }
        let at_cursor = rows.get(before).is_some_and(|row| row.place() == place);
        let start = before + usize::from(at_cursor);
        (start, start.saturating_add(per_page).min(rows.len()))
    }
}

/// A keyset page of projects: one `Link` to `id_after` or `id_before`, on every page that is not empty.
pub fn keyset_by_id(
    call: &Call<'_>,
    ids: &[u64],
    descending: bool,
    shape: impl Fn(&Call<'_>, &u64) -> Value,
) -> Outcome {
    let page = &ids[..per_page(call).min(ids.len())];
    let answer = Answer::ok(page.iter().map(|id| shape(call, id)).collect());
    let Some(last) = page.last() else { return Ok(answer) };
    let name = if descending { "id_before" } else { "id_after" };
    let link = format!("<{}>; rel=\"next\"", url(call, &[(name, last.to_string())]));
    Ok(answer.with_header("Link", link))
}
