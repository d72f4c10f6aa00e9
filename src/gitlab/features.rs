//! Feature flags that administrators have set.

use http::Method;
use serde::Deserialize;

use super::{call::Endpoint, client::Client, error::Error};

const FEATURES: Endpoint = Endpoint::new(Method::GET, "GET /features");

/// A flag that somebody has set. One that nobody has set is not listed and has its default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Feature {
    /// The flag's name, such as `certificate_based_clusters`.
    pub name: String,
    /// What it is set to.
    pub state: FeatureState,
}

/// What a flag is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureState {
    /// For everybody.
    On,
    /// For nobody.
    Off,
    /// For some, or some of the time.
    Conditional,
    /// A word that this program does not know.
    #[serde(other)]
    Unknown,
}

impl Client {
    /// The flags that have been set; `None` when the token is no administrator's, who alone may ask.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn features(&self) -> Result<Option<Vec<Feature>>, Error> {
        match self.value(&FEATURES.call(&[])).await {
            Ok(features) => Ok(Some(features)),
            Err(Error::Unauthorized { .. } | Error::Forbidden { .. } | Error::InsufficientScope { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
