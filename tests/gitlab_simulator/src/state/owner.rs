//! What CI/CD variables and clusters hang on.

/// The instance, a group or a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The whole instance.
    Instance,
    /// A group.
    Group(u64),
    /// A project.
    Project(u64),
}
