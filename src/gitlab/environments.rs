//! Environments of a project.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{call::Endpoint, client::Client, error::Error};
use crate::naming::Tier;

const LIST: Endpoint = Endpoint::new(Method::GET, "GET /projects/:id/environments");
const CREATE: Endpoint = Endpoint::new(Method::POST, "POST /projects/:id/environments");

/// An environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Environment {
    /// Its id, until it is deleted; one made later under the same name has another.
    pub id: i64,
    /// Its name, which GitLab cannot change.
    pub name: String,
    /// The slug that GitLab gave it.
    pub slug: String,
    /// Its tier; `None` for a word that this program does not know.
    #[serde(default, deserialize_with = "tier_or_unknown")]
    pub tier: Option<Tier>,
    /// Whether it runs.
    #[serde(default)]
    pub state: EnvironmentState,
}

/// Whether an environment runs. A stopped one keeps its name and slug.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentState {
    /// It runs.
    Available,
    /// Its stop job is under way.
    Stopping,
    /// It is stopped.
    Stopped,
    /// A word that this program does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

fn tier_or_unknown<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Tier>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|word| Tier::from_word(&word)))
}

impl Client {
    /// The environment of exactly this name, in whatever state.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn environment_by_name(&self, project_id: i64, name: &str) -> Result<Option<Environment>, Error> {
        let found: Vec<Environment> = self.all(|| LIST.call(&[&project_id]).query("name", name)).await?;
        // The filter is exact in GitLab; an answer that ignores it must not give somebody else's environment.
        Ok(found.into_iter().find(|environment| environment.name == name))
    }

    /// Every environment of a project, by id.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn environments(&self, project_id: i64) -> Result<Vec<Environment>, Error> {
        self.all(|| LIST.call(&[&project_id])).await
    }

    /// Creates an environment; without a tier GitLab guesses it from the name.
    ///
    /// # Errors
    /// [`Error::is_already_taken`] when the name or the slug is; look it up by name then. The others: see [`Error`].
    pub async fn create_environment(
        &self,
        project_id: i64,
        name: &str,
        tier: Option<Tier>,
    ) -> Result<Environment, Error> {
        let mut body = json!({"name": name});
        if let Some(tier) = tier {
            body["tier"] = tier.as_str().into();
        }
        self.value(&CREATE.call(&[&project_id]).body(body, Vec::new())).await
    }
}
