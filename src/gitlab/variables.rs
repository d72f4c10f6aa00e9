//! CI/CD variables of a project. A variable is identified by key and environment scope; every call names both.

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    call::{Call, Endpoint},
    client::Client,
    error::{Error, Missing},
};

const LIST: Endpoint = Endpoint::new(Method::GET, "GET /projects/:id/variables");
const GET: Endpoint = Endpoint::new(Method::GET, "GET /projects/:id/variables/:key");
const CREATE: Endpoint = Endpoint::new(Method::POST, "POST /projects/:id/variables");
const UPDATE: Endpoint = Endpoint::new(Method::PUT, "PUT /projects/:id/variables/:key");
const DELETE: Endpoint = Endpoint::new(Method::DELETE, "DELETE /projects/:id/variables/:key");

/// A variable as GitLab has it.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its key.
    pub key: String,
    /// Its value; a hidden one cannot be read.
    pub value: Option<SecretString>,
    /// How a job gets it.
    pub variable_type: VariableType,
    /// Whether only jobs on protected branches and tags get it.
    pub protected: bool,
    /// Whether job logs mask it.
    pub masked: bool,
    /// Whether nobody can read its value any more.
    pub hidden: bool,
    /// Whether `$` in the value means itself.
    pub raw: bool,
    /// Which environments it is for.
    pub environment_scope: String,
    /// For people, and for our mark.
    pub description: Option<String>,
}

/// A variable as it should be.
#[derive(Clone, Debug)]
pub struct NewVariable {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: SecretString,
    /// How a job gets it.
    pub variable_type: VariableType,
    /// Whether only jobs on protected branches and tags get it.
    pub protected: bool,
    /// Whether job logs mask it.
    pub masked: bool,
    /// Whether `$` in the value means itself.
    pub raw: bool,
    /// Which environments it is for.
    pub environment_scope: String,
    /// For people, and for our mark; at most 255 characters.
    pub description: Option<String>,
}

/// How a job gets a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableType {
    /// The value itself.
    EnvVar,
    /// The path of a file that holds the value.
    File,
}

impl VariableType {
    /// GitLab's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EnvVar => "env_var",
            Self::File => "file",
        }
    }
}

/// The value is a plain text only until it is put into its type.
#[derive(Deserialize)]
struct RawVariable {
    key: String,
    value: Option<String>,
    variable_type: VariableType,
    protected: bool,
    masked: bool,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    raw: bool,
    environment_scope: String,
    #[serde(default)]
    description: Option<String>,
}

impl From<RawVariable> for Variable {
    fn from(raw: RawVariable) -> Self {
        Self {
            key: raw.key,
            value: raw.value.map(SecretString::from),
            variable_type: raw.variable_type,
            protected: raw.protected,
            masked: raw.masked,
            hidden: raw.hidden,
            raw: raw.raw,
            environment_scope: raw.environment_scope,
            description: raw.description,
        }
    }
}

impl NewVariable {
    /// Every attribute: what an update leaves out stays as it was.
    fn body(&self) -> Value {
        json!({
            "key": self.key,
            "value": self.value.expose_secret(),
            "variable_type": self.variable_type.as_str(),
            "protected": self.protected,
            "masked": self.masked,
            "raw": self.raw,
            "environment_scope": self.environment_scope,
            "description": self.description,
        })
    }
}

impl Client {
    /// Every variable of a project. In paid editions each call writes an audit event.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn variables(&self, project_id: i64) -> Result<Vec<Variable>, Error> {
        let raw: Vec<RawVariable> = self.all(|| LIST.call(&[&project_id])).await?;
        Ok(raw.into_iter().map(Variable::from).collect())
    }

    /// The variable with this key and exactly this scope.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn variable(&self, project_id: i64, key: &str, scope: &str) -> Result<Option<Variable>, Error> {
        match self.value::<RawVariable>(&filtered(&GET, project_id, key, scope)).await {
            Ok(raw) => self.expect(&GET, raw, key, scope).map(Some),
            Err(Error::NotFound { what: Missing::Record, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a variable.
    ///
    /// # Errors
    /// [`Error::is_already_taken`] when key and scope are; the others: see [`Error`].
    pub async fn create_variable(&self, project_id: i64, variable: &NewVariable) -> Result<Variable, Error> {
        let call = CREATE.call(&[&project_id]).body(variable.body(), vec![variable.value.clone()]);
        let raw = self.value(&call).await?;
        self.expect(&CREATE, raw, &variable.key, &variable.environment_scope)
    }

    /// Sets every attribute of the variable with this key and scope.
    ///
    /// # Errors
    /// [`Error::NotFound`] with [`Missing::Record`] when there is none; the others: see [`Error`].
    pub async fn update_variable(&self, project_id: i64, variable: &NewVariable) -> Result<Variable, Error> {
        let call = filtered(&UPDATE, project_id, &variable.key, &variable.environment_scope)
            .body(variable.body(), vec![variable.value.clone()]);
        let raw = self.value(&call).await?;
        self.expect(&UPDATE, raw, &variable.key, &variable.environment_scope)
    }

    /// Deletes the variable with this key and exactly this scope. False when there was none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_variable(&self, project_id: i64, key: &str, scope: &str) -> Result<bool, Error> {
        self.delete(&filtered(&DELETE, project_id, key, scope)).await
    }

    /// The variable that was meant, and no other: something that dropped the filter would give one of another scope.
    fn expect(&self, endpoint: &Endpoint, raw: RawVariable, key: &str, scope: &str) -> Result<Variable, Error> {
        if raw.key == key && raw.environment_scope == scope {
            return Ok(raw.into());
        }
        let detail = "it is about a variable of another key or scope".to_owned();
        Err(Error::UnexpectedShape { endpoint: endpoint.label, detail })
    }
}

/// A call about the variable with this key and scope. Without the filter GitLab answers 409 as soon as a key has two scopes.
fn filtered(endpoint: &Endpoint, project_id: i64, key: &str, scope: &str) -> Call {
    endpoint.call(&[&project_id, &key]).query("filter[environment_scope]", scope)
}
