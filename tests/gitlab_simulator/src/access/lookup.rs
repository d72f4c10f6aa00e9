//! From the `:id` of a path to a project, group or user, as far as the caller may see it and do the thing.

use http::{Method, StatusCode};

use super::ability::{self, GroupAbility, ProjectAbility};
use super::level;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::refusal::Refusal;
use crate::state::groups::{Group, Visibility};
use crate::state::projects::{Namespace, Project};

impl Call<'_> {
    /// The project that `:id` names (numeric id or full path). 404 when absent or invisible; 301 or 405 for an old path.
    pub fn project(&self) -> Result<u64, Refusal> {
        self.project_named(self.path("id"))
    }

    /// The same for an id or path from elsewhere.
    pub fn project_named(&self, id_or_path: &str) -> Result<u64, Refusal> {
        let absent = || Refusal::kind_not_found("Project");
        if let Ok(id) = id_or_path.parse::<u64>() {
            let project = self.state.projects.get(&id).filter(|project| self.sees_project(project));
            return project.map(|project| project.id).ok_or_else(absent);
        }
        if let Some(project) = self.state.project_by_path(id_or_path) {
            return if self.sees_project(project) { Ok(project.id) } else { Err(absent()) };
        }
        let moved = self.state.moved_paths.get(&id_or_path.to_lowercase());
        let target = moved.and_then(|id| self.state.projects.get(id)).filter(|project| self.sees_project(project));
        Err(target.map_or_else(absent, |project| self.moved(id_or_path, project.id)))
    }

    /// GET: 301 in plain text to the same endpoint with the numeric id. Anything else: 405.
    fn moved(&self, old_path: &str, id: u64) -> Refusal {
        if !matches!(self.request.method, Method::GET | Method::HEAD) {
            return Refusal::message(
                StatusCode::METHOD_NOT_ALLOWED,
                "Non GET methods are not allowed for moved projects",
            );
        }
        let segments: Vec<String> = self
            .request
            .path
            .split('/')
            .map(|segment| {
                let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
                if decoded == old_path { id.to_string() } else { segment.to_owned() }
            })
            .collect();
        let query = if self.request.query.is_empty() { String::new() } else { format!("?{}", self.request.query) };
        let url = format!("{}{}{query}", self.state.base_url, segments.join("/"));
        let text = format!("This resource has been moved permanently to {url}");
        Refusal::early(Answer::text(StatusCode::MOVED_PERMANENTLY, text).with_header("Location", url))
    }

    /// The project of `:id` when the caller may do this there: else 404 or 403.
    pub fn project_for(&self, ability: ProjectAbility) -> Result<u64, Refusal> {
        let id = self.project()?;
        self.authorize_project(id, ability)?;
        Ok(id)
    }

    /// 403 unless the caller may do this in a visible project.
    pub fn authorize_project(&self, id: u64, ability: ProjectAbility) -> Result<(), Refusal> {
        if self.may_in_project(id, ability) { Ok(()) } else { Err(Refusal::forbidden()) }
    }

    /// May the caller do this in the project?
    pub fn may_in_project(&self, id: u64, ability: ProjectAbility) -> bool {
        let Some(project) = self.state.projects.get(&id) else { return false };
        let level = self.level_in_project(project);
        ability::project_allows(self.state, project, level, self.is_admin(), ability)
    }

    /// The caller's level in a project; 0 without a token.
    pub fn level_in_project(&self, project: &Project) -> u8 {
        self.caller.map_or(level::NONE, |caller| self.state.level_in_project(caller.user, project, self.now))
    }

    /// May the caller see the project?
    pub fn sees_project(&self, project: &Project) -> bool {
        self.sees(project.visibility) || self.level_in_project(project) > level::NONE
    }

    /// The group that `:id` names (numeric id or full path). 404 when absent or invisible; old paths do not redirect.
    pub fn group(&self) -> Result<u64, Refusal> {
        self.group_named(self.path("id"))
    }

    /// The same for an id or path from elsewhere.
    pub fn group_named(&self, id_or_path: &str) -> Result<u64, Refusal> {
        let group = match id_or_path.parse::<u64>() {
            Ok(id) => self.state.groups.get(&id),
            Err(_) => self.state.group_by_path(id_or_path),
        };
        let visible = group.filter(|group| self.sees_group(group));
        visible.map(|group| group.id).ok_or_else(|| Refusal::kind_not_found("Group"))
    }

    /// The group of `:id` when the caller may do this there: else 404 or 403.
    pub fn group_for(&self, ability: GroupAbility) -> Result<u64, Refusal> {
        let id = self.group()?;
        self.authorize_group(id, ability)?;
        Ok(id)
    }

    /// 403 unless the caller may do this in a visible group.
    pub fn authorize_group(&self, id: u64, ability: GroupAbility) -> Result<(), Refusal> {
        if self.may_in_group(id, ability) { Ok(()) } else { Err(Refusal::forbidden()) }
    }

    /// May the caller do this in the group?
    pub fn may_in_group(&self, id: u64, ability: GroupAbility) -> bool {
        let frozen = self.state.group_is_archived(id) || self.state.group_is_marked(id);
        if frozen && ability.is_refused_when_archived() {
            return false;
        }
        let by_level = level::includes(self.level_in_group(id), ability.needs());
        by_level || self.is_admin() || ability == GroupAbility::ReadMembers
    }

    /// The caller's level in a group; 0 without a token.
    pub fn level_in_group(&self, id: u64) -> u8 {
        self.caller.map_or(level::NONE, |caller| self.state.level_in_group(caller.user, id, self.now))
    }

    /// May the caller see the group? Members of anything below may, too.
    pub fn sees_group(&self, group: &Group) -> bool {
        if self.sees(group.visibility) || self.level_in_group(group.id) > level::NONE {
            return true;
        }
        self.is_member_below(group)
    }

    /// Is the caller a member of a project below the group?
    pub fn is_member_below(&self, group: &Group) -> bool {
        let within = |project: &&Project| matches!(project.namespace, Namespace::Group(id) if self.state.group_is_within(id, group.id));
        self.caller.is_some()
            && self.state.projects.values().filter(within).any(|project| self.level_in_project(project) > level::NONE)
    }

    fn sees(&self, visibility: Visibility) -> bool {
        let external = || {
            let user = self.caller.and_then(|caller| self.state.users.get(caller.user));
            user.is_none_or(|user| user.external)
        };
        match visibility {
            Visibility::Public => true,
            Visibility::Internal => self.is_admin() || !external(),
            Visibility::Private => self.is_admin(),
        }
    }
}
