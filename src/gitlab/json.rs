//! Reading answers: lenient towards fields that are not needed, strict about those that are.

use bytes::Bytes;
use http::Response;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::error::Error;

/// The value in an answer that was a success.
///
/// # Errors
/// [`Error::NotJson`] and [`Error::UnexpectedShape`], with no value from the answer in them.
pub(super) fn decode<T: DeserializeOwned>(endpoint: &'static str, answer: &Response<Bytes>) -> Result<T, Error> {
    match serde_json::from_slice(answer.body()) {
        Ok(value) => Ok(value),
        Err(error) if error.is_data() => Err(Error::UnexpectedShape { endpoint, detail: describe(&error) }),
        Err(_) => Err(Error::NotJson { endpoint, status: answer.status().as_u16() }),
    }
}

/// What is wrong, without the value that is: serde's other messages repeat it, and it may be a secret.
fn describe(error: &serde_json::Error) -> String {
    let message = error.to_string();
    if message.starts_with("missing field") {
        return message;
    }
    format!("a value of another kind at line {} column {}", error.line(), error.column())
}

/// A date such as `2027-01-31`, or null.
pub(super) fn date_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(|_| serde::de::Error::custom("no date"))).transpose()
}
