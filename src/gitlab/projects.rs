//! Projects.

use std::fmt;

use http::Method;
use jiff::civil::Date;
use serde::Deserialize;

use super::{call::Endpoint, client::Client, error::Error, json::date_or_null, paging::PER_PAGE};

const GET: Endpoint = Endpoint::new(Method::GET, "GET /projects/:id");
const LIST: Endpoint = Endpoint::new(Method::GET, "GET /projects");

/// Which project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectRef<'a> {
    /// By its id, which it keeps for ever.
    Id(i64),
    /// By its full path, which can change hands.
    Path(&'a str),
}

impl fmt::Display for ProjectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Path(path) => f.write_str(path),
        }
    }
}

/// A project, as far as mappings need it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Project {
    /// Kept through renames and transfers.
    pub id: i64,
    /// The last segment of the path.
    pub path: String,
    /// The full path.
    pub path_with_namespace: String,
    /// Archived, itself or by a group above it: environments and clusters cannot be changed.
    pub archived: bool,
    /// The day on which GitLab was asked to delete it, if it was. Its path then ends in `-deletion_scheduled-<id>`.
    #[serde(default, deserialize_with = "date_or_null")]
    pub marked_for_deletion_on: Option<Date>,
    /// The repository. Without it there is no CI/CD either.
    #[serde(default)]
    pub repository_access_level: FeatureAccess,
    /// CI/CD. Without it variables and environments answer 403.
    #[serde(default)]
    pub builds_access_level: FeatureAccess,
    /// Environments. Without it they answer 403.
    #[serde(default)]
    pub environments_access_level: FeatureAccess,
    /// Infrastructure. Without it clusters answer 403.
    #[serde(default)]
    pub infrastructure_access_level: FeatureAccess,
    /// What the token's user is here; absent in some listings.
    #[serde(default)]
    pub permissions: Option<Permissions>,
}

/// Who may use a part of a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureAccess {
    /// Everybody with access to the project.
    Enabled,
    /// Its members.
    Private,
    /// Nobody: the part answers 403 to all, administrators included.
    Disabled,
    /// GitLab did not say, or with a word that this program does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

/// The token user's own roles, as access levels (40 is Maintainer). Roles by way of shared groups do not show here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawPermissions")]
pub struct Permissions {
    /// As a member of the project.
    pub project_access: Option<i64>,
    /// As a member of a group above it.
    pub group_access: Option<i64>,
}

#[derive(Deserialize)]
struct RawPermissions {
    project_access: Option<Access>,
    group_access: Option<Access>,
}

#[derive(Deserialize)]
struct Access {
    access_level: i64,
}

impl From<RawPermissions> for Permissions {
    fn from(raw: RawPermissions) -> Self {
        let level = |access: Option<Access>| access.map(|access| access.access_level);
        Self { project_access: level(raw.project_access), group_access: level(raw.group_access) }
    }
}

impl Client {
    /// Looks a project up.
    ///
    /// # Errors
    /// [`Error::Moved`] for a path that a rename or transfer has left behind, [`Error::NotFound`] with
    /// [`Missing::Project`](super::Missing::Project) for one that is gone or invisible, and the others of [`Error`].
    pub async fn project(&self, project: ProjectRef<'_>) -> Result<Project, Error> {
        let found: Project = self.value(&GET.call(&[&project])).await?;
        match project {
            ProjectRef::Id(id) if id != found.id => Err(Error::UnexpectedShape {
                endpoint: GET.label,
                detail: format!("asked for project {id}, answered with {}", found.id),
            }),
            _ => Ok(found),
        }
    }

    /// One page of the projects in which the token's user is a member, by ascending id, of those with an id above `id_after`
    /// (0 gives the first page). The end is an empty page.
    ///
    /// # Errors
    /// [`Error::EndlessListing`] when the page does not lead on, and the others of [`Error`].
    pub async fn projects_page(&self, id_after: i64) -> Result<Vec<Project>, Error> {
        let mut call = LIST
            .call(&[])
            .query("membership", true)
            .query("pagination", "keyset")
            .query("order_by", "id")
            .query("sort", "asc")
            .query("per_page", PER_PAGE);
        if id_after > 0 {
            call = call.query("id_after", id_after);
        }
        let page: Vec<Project> = self.value(&call).await?;
        if !page.iter().map(|project| project.id).is_sorted_by(|a, b| a < b)
            || page.first().is_some_and(|first| first.id <= id_after)
        {
            return Err(Error::EndlessListing { endpoint: LIST.label, pages: 1 });
        }
        Ok(page)
    }
}
