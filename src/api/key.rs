//! How an object of ours is called inside the program.

/// Which object of ours is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A `GitLabInstance`.
    Instance(String),
    /// A `NamespaceClass`.
    Class(String),
    /// A `ProjectMapping`.
    Mapping(String),
}

impl Key {
    /// The kind, for metrics and logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Instance(_) => "GitLabInstance",
            Self::Class(_) => "NamespaceClass",
            Self::Mapping(_) => "ProjectMapping",
        }
    }

    /// The object's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Instance(name) | Self::Class(name) | Self::Mapping(name) => name,
        }
    }
}
