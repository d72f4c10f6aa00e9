//! Abilities: the least level, the features that must be on, and whether an archived project refuses them.
//! Source: config/authz/roles/*.yml and permission_groups/internal/project/archived.yml of GitLab 19.3.

use super::level;
use crate::state::State;
use crate::state::projects::{FeatureAccess, Project};

/// Something that is done in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectAbility {
    /// CI/CD variables, reading included.
    AdminVariables,
    /// Environments: reading.
    ReadEnvironment,
    /// Environments: creating.
    CreateEnvironment,
    /// Environments: changing.
    UpdateEnvironment,
    /// Environments: stopping.
    StopEnvironment,
    /// Environments: deleting.
    DestroyEnvironment,
    /// Environments: stopping stale ones.
    AdminEnvironment,
    /// Clusters: reading.
    ReadCluster,
    /// Clusters: adding.
    AddCluster,
    /// Clusters: changing.
    UpdateCluster,
    /// Clusters: deleting.
    AdminCluster,
    /// Members: reading.
    ReadMembers,
    /// Members: adding, changing, removing.
    AdminMembers,
    /// Members: handing out Owner.
    ManageOwners,
    /// Deploy tokens.
    ManageDeployTokens,
    /// Access tokens with their bots.
    ManageAccessTokens,
    /// Settings.
    AdminProject,
    /// Visibility.
    ChangeVisibility,
    /// Archiving and unarchiving.
    Archive,
    /// Transfer.
    ChangeNamespace,
    /// Deleting and restoring.
    Remove,
    /// Inviting a group.
    ShareWithGroup,
}

/// Something that is done in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupAbility {
    /// CI/CD variables, reading included: Owner, unlike in projects.
    AdminVariables,
    /// Clusters: reading.
    ReadCluster,
    /// Clusters: adding.
    AddCluster,
    /// Clusters: changing.
    UpdateCluster,
    /// Clusters: deleting.
    AdminCluster,
    /// Members: reading.
    ReadMembers,
    /// Members: adding, changing, removing.
    AdminMembers,
    /// Deploy tokens: reading.
    ReadDeployTokens,
    /// Deploy tokens: creating, deleting.
    ManageDeployTokens,
    /// Access tokens with their bots.
    ManageAccessTokens,
    /// Settings.
    AdminGroup,
    /// Archiving and unarchiving.
    Archive,
    /// Deleting and restoring.
    Remove,
    /// Creating projects.
    CreateProjects,
    /// Creating subgroups.
    CreateSubgroup,
    /// Receiving transferred projects.
    TransferProjects,
    /// Inviting a group.
    ShareWithGroup,
}

impl ProjectAbility {
    /// The least level.
    pub fn needs(self) -> u8 {
        match self {
            Self::ReadMembers => level::GUEST,
            Self::ReadEnvironment => level::REPORTER,
            Self::CreateEnvironment
            | Self::UpdateEnvironment
            | Self::StopEnvironment
            | Self::DestroyEnvironment
            | Self::ReadCluster => level::DEVELOPER,
            Self::AdminVariables
            | Self::AdminEnvironment
            | Self::AddCluster
            | Self::UpdateCluster
            | Self::AdminCluster
            | Self::AdminMembers
            | Self::ManageDeployTokens
            | Self::ManageAccessTokens
            | Self::AdminProject => level::MAINTAINER,
            Self::ManageOwners
            | Self::ChangeVisibility
            | Self::Archive
            | Self::ChangeNamespace
            | Self::Remove
            | Self::ShareWithGroup => level::OWNER,
        }
    }

    /// Is a feature off that this needs? Then nobody may, administrators included.
    pub fn is_switched_off(self, project: &Project) -> bool {
        let off = |feature: FeatureAccess| feature == FeatureAccess::Disabled;
        let no_builds = off(project.features.builds) || off(project.features.repository);
        match self {
            Self::AdminVariables => no_builds,
            Self::ReadEnvironment
            | Self::CreateEnvironment
            | Self::UpdateEnvironment
            | Self::StopEnvironment
            | Self::DestroyEnvironment
            | Self::AdminEnvironment => no_builds || off(project.features.environments),
            Self::ReadCluster | Self::AddCluster | Self::UpdateCluster | Self::AdminCluster => {
                off(project.features.infrastructure)
            }
            _ => false,
        }
    }

    /// Do archived and marked projects refuse this to everybody?
    pub fn is_refused_when_archived(self) -> bool {
        matches!(
            self,
            Self::CreateEnvironment
                | Self::UpdateEnvironment
                | Self::DestroyEnvironment
                | Self::AdminEnvironment
                | Self::UpdateCluster
                | Self::AdminCluster
                | Self::ChangeNamespace
        )
    }

    /// What is possible without membership, for those who see the project at all.
    pub fn is_public(self, project: &Project) -> bool {
        match self {
            Self::ReadMembers => true,
            Self::ReadEnvironment => {
                project.features.builds == FeatureAccess::Enabled
                    && project.features.environments == FeatureAccess::Enabled
            }
            _ => false,
        }
    }
}

impl GroupAbility {
    /// The least level.
    pub fn needs(self) -> u8 {
        match self {
            Self::ReadMembers => level::GUEST,
            Self::ReadCluster | Self::CreateProjects => level::DEVELOPER,
            Self::AddCluster
            | Self::UpdateCluster
            | Self::AdminCluster
            | Self::ReadDeployTokens
            | Self::CreateSubgroup
            | Self::TransferProjects => level::MAINTAINER,
            Self::AdminVariables
            | Self::AdminMembers
            | Self::ManageDeployTokens
            | Self::ManageAccessTokens
            | Self::AdminGroup
            | Self::Archive
            | Self::Remove
            | Self::ShareWithGroup => level::OWNER,
        }
    }

    /// Do archived groups refuse this to everybody?
    pub fn is_refused_when_archived(self) -> bool {
        matches!(
            self,
            Self::AdminVariables
                | Self::AddCluster
                | Self::CreateProjects
                | Self::CreateSubgroup
                | Self::TransferProjects
        )
    }
}

/// May a caller with this level do it?
pub fn project_allows(state: &State, project: &Project, level: u8, admin: bool, ability: ProjectAbility) -> bool {
    if ability.is_switched_off(project) {
        return false;
    }
    let frozen = state.project_is_archived(project) || state.project_is_marked(project);
    if frozen && ability.is_refused_when_archived() {
        return false;
    }
    admin || level::includes(level, ability.needs()) || ability.is_public(project)
}
