//! What administrators declared, after validation: after this step no code reads a raw custom resource again.
//!
//! Most of what is refused here was refused by admission already; what remains are objects that are older than a rule.

mod class;
mod instance;
mod mapping;

pub use class::{Class, Network, TokenPolicy};
pub use instance::{ClusterCa, ConfigMapKey, Instance};
pub use mapping::{Adoption, Environment, Mapping, Project};

/// A declaration that cannot be worked with. The message names the field and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is not usable: {problem}; correct it in the spec")]
pub struct Invalid {
    /// The field's path in the object.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Invalid {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}
