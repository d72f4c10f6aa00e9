//! The token that the client acts with.

use http::Method;
use jiff::civil::Date;
use serde::Deserialize;

use super::{call::Endpoint, client::Client, error::Error, json::date_or_null};

const SELF: Endpoint = Endpoint::new(Method::GET, "GET /personal_access_tokens/self");

/// What the token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSelf {
    /// A personal, project or group access token.
    AccessToken(TokenInfo),
    /// Another kind, which cannot say anything of itself.
    OtherKind,
}

/// What an access token says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TokenInfo {
    /// The token's id.
    pub id: i64,
    /// What it may be used for, such as `api`.
    pub scopes: Vec<String>,
    /// The day that it ends: it is dead from 00:00 UTC of that day.
    #[serde(default, deserialize_with = "date_or_null")]
    pub expires_at: Option<Date>,
    /// Neither revoked nor expired.
    pub active: bool,
    /// Somebody ended it.
    pub revoked: bool,
    /// The user that it acts as.
    pub user_id: i64,
}

impl Client {
    /// What the token is. Works with every scope.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn token_self(&self) -> Result<TokenSelf, Error> {
        match self.value(&SELF.call(&[])).await {
            Ok(info) => Ok(TokenSelf::AccessToken(info)),
            Err(Error::Refused { status: 400, .. }) => Ok(TokenSelf::OtherKind),
            Err(error) => Err(error),
        }
    }
}
