//! CI/CD variables of the instance, of groups and of projects.

use jiff::Timestamp;
use secrecy::SecretString;

use super::State;
use super::owner::Owner;

/// How the runner hands a variable to the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableType {
    /// In the environment.
    EnvVar,
    /// As a file, whose path is in the environment.
    File,
}

impl VariableType {
    /// GitLab's words.
    pub const WORDS: &'static [&'static str] = &["env_var", "file"];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::EnvVar => "env_var",
            Self::File => "file",
        }
    }

    /// From GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "env_var" => Some(Self::EnvVar),
            "file" => Some(Self::File),
            _ => None,
        }
    }
}

/// One CI/CD variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Lists are ordered by it; answers do not show it.
    pub id: u64,
    /// Where it is set.
    pub owner: Owner,
    /// Name.
    pub key: String,
    /// Value.
    pub value: SecretString,
    /// Environment or file.
    pub variable_type: VariableType,
    /// Only for jobs on protected refs?
    pub protected: bool,
    /// Replaced in job logs?
    pub masked: bool,
    /// Never shown again?
    pub hidden: bool,
    /// Taken without expansion?
    pub raw: bool,
    /// Environments it is for; always `*` on the instance.
    pub environment_scope: String,
    /// What it is for.
    pub description: Option<String>,
    /// Last change.
    pub updated_at: Timestamp,
}

impl State {
    /// The variables of one owner, by id.
    pub fn variables_of(&self, owner: Owner) -> impl Iterator<Item = &Variable> {
        self.variables.range((owner, 0)..=(owner, u64::MAX)).map(|(_, variable)| variable)
    }
}
