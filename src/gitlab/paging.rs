//! Listings: pages read to the end, with a bound.

use bytes::Bytes;
use http::Response;
use serde::de::DeserializeOwned;

use super::{
    call::Call,
    client::Client,
    error::Error,
    json,
    transport::{TransportError, TransportErrorKind},
};

/// The most that GitLab gives at a time.
pub(super) const PER_PAGE: usize = 100;
/// The most pages of one listing. GitLab keeps at most 8,000 variables in a project; more than 50,000 environments in one are
/// beyond what a mapping can sensibly serve.
const MOST_PAGES: u32 = 500;
/// The largest listing in bytes, all pages together: what is read is held until all of it is there.
const LARGEST_LISTING: usize = 64 * 1024 * 1024;

impl Client {
    /// Reads every page of a listing with offset pagination. Either all of it or an error: no part is ever taken for the
    /// whole.
    pub(super) async fn all<T: DeserializeOwned>(&self, call: impl Fn() -> Call) -> Result<Vec<T>, Error> {
        let mut items: Vec<T> = Vec::new();
        let mut previous: Option<Bytes> = None;
        let mut size = 0;
        for page in 1..=MOST_PAGES {
            let call = call().query("per_page", PER_PAGE).query("page", page);
            let endpoint = call.label;
            let answer = self.send(&call).await?;
            size += answer.body().len();
            if size > LARGEST_LISTING {
                let detail = format!("more than the {LARGEST_LISTING} bytes that are accepted of one listing");
                let source = TransportError::new(TransportErrorKind::BodyTooLarge, detail);
                return Err(Error::BodyTooLarge { endpoint, source });
            }
            let mut found: Vec<T> = json::decode(endpoint, &answer)?;
            let count = found.len();
            if count > 0 && previous.as_ref() == Some(answer.body()) {
                return Err(Error::EndlessListing { endpoint, pages: page });
            }
            items.append(&mut found);
            if !has_next_page(endpoint, &answer, page, count)? {
                return Ok(items);
            }
            previous = Some(answer.into_body());
        }
        Err(Error::EndlessListing { endpoint: call().label, pages: MOST_PAGES })
    }
}

/// GitLab names the next page, with an empty text on the last one. Where a proxy drops the header, a full page means that
/// there may be more. A next page that is another than the one after this cannot be trusted to lead to the end.
fn has_next_page(endpoint: &'static str, answer: &Response<Bytes>, page: u32, count: usize) -> Result<bool, Error> {
    match answer.headers().get("x-next-page").map(|value| value.to_str().unwrap_or("no text").trim()) {
        None => Ok(count >= PER_PAGE),
        Some("") => Ok(false),
        Some(next) if next.parse() == Ok(page + 1) => Ok(true),
        Some(_) => {
            let detail = format!("the page after page {page} is not page {}", page + 1);
            Err(Error::UnexpectedShape { endpoint, detail })
        }
    }
}
