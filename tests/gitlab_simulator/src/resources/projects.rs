//! Projects: creating, reading, changing (lib/api/projects.rb).

use super::path_rules::{from_name, project_path_complaint};
use super::project_lists::with_permissions;
use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::access::level;
use crate::entities::project as entity;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param, Params};
use crate::http::refusal::{ModelErrors, Outcome, Refusal};
use crate::http::route::{Door, Limit, Route, Together};
use crate::state::State;
use crate::state::groups::Visibility;
use crate::state::ids::Sequence;
use crate::state::members::{Member, Source};
use crate::state::projects::{FeatureAccess, Features, Namespace, Project};

const SETTINGS: &[Param] = &[
    Param::optional("description", Kind::Text),
    Param::optional("visibility", Kind::Text).values(Visibility::WORDS),
    Param::optional("default_branch", Kind::Text),
    Param::optional("ci_config_path", Kind::Text),
    Param::optional("topics", Kind::Texts),
    Param::optional("tag_list", Kind::Texts),
    Param::optional("jobs_enabled", Kind::Flag),
    Param::optional("repository_access_level", Kind::Text).values(FeatureAccess::WORDS),
    Param::optional("builds_access_level", Kind::Text).values(FeatureAccess::WORDS),
    Param::optional("environments_access_level", Kind::Text).values(FeatureAccess::WORDS),
    Param::optional("infrastructure_access_level", Kind::Text).values(FeatureAccess::WORDS),
];

const CREATE: &[Param] = &[
    Param::optional("name", Kind::Text),
    Param::optional("path", Kind::Text),
    Param::optional("namespace_id", Kind::Integer),
    Param::optional("initialize_with_readme", Kind::Flag),
];

const CREATE_FOR_USER: &[Param] = &[
    Param::required("name", Kind::Text),
    Param::optional("path", Kind::Text),
    Param::optional("initialize_with_readme", Kind::Flag),
];

const UPDATE: &[Param] = &[Param::optional("name", Kind::Text), Param::optional("path", Kind::Text)];

const SHOW: &[Param] = &[Param::optional("statistics", Kind::Flag), Param::optional("license", Kind::Flag)];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/projects", create)
            .params(CREATE)
            .params(SETTINGS)
            .together(Together::AtLeastOne(&["name", "path"])),
        Route::post("/projects/user/:user_id", create_for_user)
            .door(Door::Admin)
            .params(CREATE_FOR_USER)
            .params(SETTINGS),
        Route::get("/projects/:id", show).door(Door::Open).limited(Limit::Project).params(SHOW),
        Route::put("/projects/:id", update).params(UPDATE).params(SETTINGS),
    ]
}

fn create(call: &mut Call<'_>) -> Outcome {
    let user = call.user_id()?;
    let namespace = match call.params.id("namespace_id") {
        None => Namespace::User(user),
        Some(id) => allowed_namespace(call, user, id)?,
    };
    add(call, user, namespace)
}

fn create_for_user(call: &mut Call<'_>) -> Outcome {
    let user = call.path_id("user_id")?;
    let user = call.state.users.get(user).ok_or_else(|| Refusal::kind_not_found("User"))?.id;
    add(call, user, Namespace::User(user))
}

/// A group in which the caller may create projects, or the caller's own namespace.
fn allowed_namespace(call: &Call<'_>, user: u64, id: u64) -> Result<Namespace, Refusal> {
    let own = call.state.users.get(user).is_some_and(|user| user.namespace_id == id);
    if own {
        return Ok(Namespace::User(user));
    }
    let group = call.state.groups.get(&id).filter(|group| call.sees_group(group));
    match group {
        Some(group) if call.may_in_group(group.id, GroupAbility::CreateProjects) => Ok(Namespace::Group(group.id)),
        _ => Err(Refusal::model(ModelErrors::of("namespace", "is not valid"))),
    }
}

fn add(call: &mut Call<'_>, creator: u64, namespace: Namespace) -> Outcome {
    let name = call.params.present("name").or(call.params.present("path")).unwrap_or_default().to_owned();
    let path = call.params.present("path").map_or_else(|| from_name(&name), str::to_owned);
    // A project has a namespace record of its own, which nothing here shows but which takes an id.
    call.state.ids.next(Sequence::Namespace);
    let mut project = Project {
        id: call.state.ids.next(Sequence::Project),
        name,
        path,
        namespace,
        description: None,
        visibility: default_visibility(call.state, namespace),
        archived: false,
        marked_for_deletion_on: None,
        before_deletion: None,
        creator_id: creator,
        topics: Vec::new(),
        default_branch: "main".to_owned(),
        empty_repository: !call.params.is_true("initialize_with_readme"),
        ci_config_path: None,
        features: Features::default(),
        shares: Vec::new(),
        created_at: call.now,
        updated_at: call.now,
        last_activity_at: call.now,
    };
    set(&mut project, &call.params);
    validate(call.state, &project).refuse_if_any()?;
    let id = project.id;
    // A new project ends the redirect of a path that it takes.
    let path = call.state.project_full_path(&project).to_lowercase();
    call.state.moved_paths.remove(&path);
    call.state.projects.insert(id, project);
    if let Namespace::User(owner) = namespace {
        add_owner(call, id, owner);
    }
    let project = call.state.projects.get(&id).ok_or_else(|| Refusal::kind_not_found("Project"))?;
    Ok(Answer::created(entity::full(call.state, project)))
}

/// The owner of a personal namespace is a member of the projects in it.
fn add_owner(call: &mut Call<'_>, project: u64, user_id: u64) {
    let member = Member {
        id: call.state.ids.next(Sequence::Member),
        source: Source::Project(project),
        user_id,
        access_level: level::OWNER,
        created_at: call.now,
        created_by: call.caller.map(|caller| caller.user),
        expires_at: None,
        updated_at: call.now,
    };
    call.state.members.insert(member.id, member);
}

/// The instance's default, but never wider than the group.
fn default_visibility(state: &State, namespace: Namespace) -> Visibility {
    let default = state.settings.text("default_project_visibility").and_then(Visibility::parse);
    let default = default.unwrap_or(Visibility::Private);
    match namespace {
        Namespace::Group(id) => state.groups.get(&id).map_or(default, |group| default.min(group.visibility)),
        Namespace::User(_) => default,
    }
}

fn show(call: &mut Call<'_>) -> Outcome {
    let id = call.project()?;
    let project = call.state.projects.get(&id).ok_or_else(|| Refusal::kind_not_found("Project"))?;
    // Without a token only the basic form.
    let anonymous = call.caller.is_none();
    Ok(Answer::ok(if anonymous { entity::basic(call.state, project) } else { with_permissions(call, project) }))
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.project_for(ProjectAbility::AdminProject)?;
    let mut project = call.state.projects.get(&id).cloned().ok_or_else(|| Refusal::kind_not_found("Project"))?;
    if call.params.text("visibility").is_some_and(|word| word != project.visibility.word()) {
        call.authorize_project(id, ProjectAbility::ChangeVisibility)?;
    }
    if let Some(name) = call.params.present("name") {
        name.clone_into(&mut project.name);
    }
    if let Some(path) = call.params.present("path") {
        path.clone_into(&mut project.path);
    }
    set(&mut project, &call.params);
    project.updated_at = call.now;
    validate(call.state, &project).refuse_if_any()?;
    call.state.change_paths(|state| {
        state.projects.insert(id, project);
    });
    let project = call.state.projects.get(&id).ok_or_else(|| Refusal::kind_not_found("Project"))?;
    Ok(Answer::ok(entity::full(call.state, project)))
}

/// Takes over the settings that were given.
fn set(project: &mut Project, params: &Params) {
    if params.has("description") {
        project.description = params.text("description").map(str::to_owned);
    }
    if let Some(visibility) = params.text("visibility").and_then(Visibility::parse) {
        project.visibility = visibility;
    }
    if let Some(branch) = params.present("default_branch") {
        branch.clone_into(&mut project.default_branch);
    }
    if params.has("ci_config_path") {
        project.ci_config_path = params.present("ci_config_path").map(str::to_owned);
    }
    for name in ["tag_list", "topics"] {
        if params.has(name) {
            project.topics = params.texts(name);
        }
    }
    if let Some(enabled) = params.flag("jobs_enabled") {
        project.features.builds = if enabled { FeatureAccess::Enabled } else { FeatureAccess::Disabled };
    }
    let access = |name: &str| params.text(name).and_then(FeatureAccess::parse);
    let features = &mut project.features;
    features.repository = access("repository_access_level").unwrap_or(features.repository);
    features.builds = access("builds_access_level").unwrap_or(features.builds);
    features.environments = access("environments_access_level").unwrap_or(features.environments);
    features.infrastructure = access("infrastructure_access_level").unwrap_or(features.infrastructure);
}

/// The rules for a project's name, path and visibility.
pub fn validate(state: &State, project: &Project) -> ModelErrors {
    let mut errors = ModelErrors::default();
    if project.name.trim().is_empty() {
        errors.add("name", "can't be blank");
    }
    if project.path.is_empty() {
        errors.add("path", "can't be blank");
    } else if let Some(complaint) = project_path_complaint(&project.path) {
        errors.add("path", complaint);
    }
    let full_path = state.project_full_path(project);
    if state.path_is_taken(&full_path, None, Some(project.id)) {
        errors.add("project_namespace.name", "has already been taken");
        errors.add("name", "has already been taken");
        errors.add("path", "has already been taken");
    } else if has_namesake(state, project) {
        errors.add("project_namespace.name", "has already been taken");
        errors.add("name", "has already been taken");
    }
    if let Namespace::Group(id) = project.namespace
        && let Some(group) = state.groups.get(&id)
        && project.visibility > group.visibility
    {
        let (own, above) = (project.visibility.word(), group.visibility.word());
        errors.add("visibility_level", format!("{own} is not allowed in a {above} group."));
    }
    errors
}

fn has_namesake(state: &State, project: &Project) -> bool {
    let same =
        |other: &Project| other.id != project.id && other.namespace == project.namespace && other.name == project.name;
    state.projects.values().any(same)
}
