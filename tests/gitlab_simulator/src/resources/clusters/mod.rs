//! Certificate-based clusters of projects, groups and the instance (lib/api/project_clusters.rb, group_clusters.rb,
//! admin/instance_clusters.rb). While the feature flag is off every endpoint answers 404, before anything else but the
//! token and the parent is looked at; parameters are checked before the role.

use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::paging;
use crate::http::params::{Fallback, Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Route};
use crate::state::clusters::{AuthorizationType, Cluster};
use crate::state::features::CERTIFICATE_BASED_CLUSTERS;
use crate::state::ids::Sequence;
use crate::state::owner::Owner;

mod discovery;
mod shape;
mod validation;
mod write;

const NEW: &[Param] = &[
    Param::required("name", Kind::Text),
    Param::optional("enabled", Kind::Flag).default(Fallback::Flag(true)),
    Param::optional("managed", Kind::Flag).default(Fallback::Flag(true)),
    Param::optional("environment_scope", Kind::Text).default(Fallback::Text("*")),
    Param::required("platform_kubernetes_attributes", Kind::Hash(NEW_PLATFORM)),
];

const NEW_PLATFORM: &[Param] = &[
    Param::required("api_url", Kind::Text).not_blank(),
    Param::required("token", Kind::Text),
    Param::optional("ca_cert", Kind::Text),
    Param::optional("namespace", Kind::Text),
    Param::optional("authorization_type", Kind::Text).values(AuthorizationType::WORDS).default(Fallback::Text("rbac")),
];

const CHANGED: &[Param] = &[
    Param::optional("name", Kind::Text),
    Param::optional("enabled", Kind::Flag),
    Param::optional("managed", Kind::Flag),
    Param::optional("environment_scope", Kind::Text),
    Param::optional("platform_kubernetes_attributes", Kind::Hash(CHANGED_PLATFORM)),
];

const CHANGED_PLATFORM: &[Param] = &[
    Param::optional("api_url", Kind::Text),
    Param::optional("token", Kind::Text),
    Param::optional("ca_cert", Kind::Text),
    Param::optional("namespace", Kind::Text),
];

/// Of creating and changing alike: `namespace_per_environment` falls back to true in both, so a PUT that omits it sets it.
const BOTH: &[Param] = &[
    Param::optional("namespace_per_environment", Kind::Flag).default(Fallback::Flag(true)),
    Param::optional("domain", Kind::Text),
    Param::optional("management_project_id", Kind::Integer),
];

/// What is done with clusters, in terms of roles.
#[derive(Clone, Copy)]
enum Act {
    Read,
    Add,
    Update,
    Delete,
}

/// Whose clusters an endpoint is about.
trait Owned {
    /// The parent, without a look at the role.
    fn owner(call: &Call<'_>) -> Result<Owner, Refusal>;
    /// 403 when the role is too small.
    fn authorize(call: &Call<'_>, owner: Owner, act: Act) -> Result<(), Refusal>;
}

struct OfProject;
struct OfGroup;
struct OfInstance;

impl Owned for OfProject {
    fn owner(call: &Call<'_>) -> Result<Owner, Refusal> {
        call.project().map(Owner::Project)
    }

    fn authorize(call: &Call<'_>, owner: Owner, act: Act) -> Result<(), Refusal> {
        let Owner::Project(id) = owner else { return Err(Refusal::forbidden()) };
        call.authorize_project(
            id,
            match act {
                Act::Read => ProjectAbility::ReadCluster,
                Act::Add => ProjectAbility::AddCluster,
                Act::Update => ProjectAbility::UpdateCluster,
                Act::Delete => ProjectAbility::AdminCluster,
            },
        )
    }
}

impl Owned for OfGroup {
    fn owner(call: &Call<'_>) -> Result<Owner, Refusal> {
        call.group().map(Owner::Group)
    }

    fn authorize(call: &Call<'_>, owner: Owner, act: Act) -> Result<(), Refusal> {
        let Owner::Group(id) = owner else { return Err(Refusal::forbidden()) };
        call.authorize_group(
            id,
            match act {
                Act::Read => GroupAbility::ReadCluster,
                Act::Add => GroupAbility::AddCluster,
                Act::Update => GroupAbility::UpdateCluster,
                Act::Delete => GroupAbility::AdminCluster,
            },
        )
    }
}

/// The door has let administrators in, nobody else.
impl Owned for OfInstance {
    fn owner(_: &Call<'_>) -> Result<Owner, Refusal> {
        Ok(Owner::Instance)
    }

    fn authorize(_: &Call<'_>, _: Owner, _: Act) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    let project = "/projects/:id/clusters";
    let group = "/groups/:id/clusters";
    let instance = "/admin/clusters";
    let mut routes = Vec::new();
    routes.extend(of::<OfProject>(project, "/projects/:id/clusters/user", "/projects/:id/clusters/:cluster_id"));
    routes.extend(of::<OfGroup>(group, "/groups/:id/clusters/user", "/groups/:id/clusters/:cluster_id"));
    let of_instance = of::<OfInstance>(instance, "/admin/clusters/add", "/admin/clusters/:cluster_id");
    routes.extend(of_instance.map(|route| route.door(Door::Admin)));
    routes.extend(discovery::routes());
    routes
}

fn of<O: Owned>(all: &'static str, new: &'static str, one: &'static str) -> [Route; 5] {
    [
        Route::get(all, list::<O>).before(flag_is_on::<O>).paged(),
        Route::get(one, show::<O>).before(flag_is_on::<O>),
        Route::post(new, create::<O>).before(flag_is_on::<O>).params(NEW).params(BOTH),
        Route::put(one, update::<O>).before(flag_is_on::<O>).params(CHANGED).params(BOTH),
        Route::delete(one, delete::<O>).before(flag_is_on::<O>),
    ]
}

fn flag_is_on<O: Owned>(call: &mut Call<'_>) -> Result<(), Refusal> {
    O::owner(call)?;
    if call.state.features.is_on(CERTIFICATE_BASED_CLUSTERS) { Ok(()) } else { Err(Refusal::not_found()) }
}

fn list<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let owner = O::owner(call)?;
    O::authorize(call, owner, Act::Read)?;
    let rows: Vec<&Cluster> = call.state.clusters_of(owner).collect();
    paging::offset(call, &rows, |call, cluster| shape::bare(call.state, cluster))
}

fn show<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let cluster = found::<O>(call, Act::Read)?;
    Ok(Answer::ok(shape::shown(call.state, cluster)))
}

fn create<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let owner = O::owner(call)?;
    O::authorize(call, owner, Act::Add)?;
    validation::check_management_project(call, owner, None)?;
    let mut cluster = write::new(call, owner)?;
    validation::errors(call.state, &cluster, None).refuse_if_any()?;
    cluster.id = call.state.ids.next(Sequence::Cluster);
    let body = shape::shown(call.state, &cluster);
    call.state.clusters.insert(cluster.id, cluster);
    Ok(Answer::created(body))
}

fn update<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let old = found::<O>(call, Act::Update)?.clone();
    validation::check_management_project(call, old.owner, old.management_project)?;
    let mut cluster = old.clone();
    write::assign(call, &mut cluster);
    validation::errors(call.state, &cluster, Some(&old)).refuse_if_any()?;
    cluster.updated_at = call.now;
    let body = shape::updated(call.state, &cluster);
    call.state.clusters.insert(cluster.id, cluster);
    Ok(Answer::ok(body))
}

/// Removes GitLab's record only.
fn delete<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let cluster = found::<O>(call, Act::Delete)?;
    call.check_unmodified_since(cluster.updated_at)?;
    let id = cluster.id;
    call.state.clusters.remove(&id);
    Ok(Answer::no_content())
}

/// The cluster of the path: 404 when it is another owner's, 403 when the role is too small.
fn found<'a, O: Owned>(call: &'a Call<'_>, act: Act) -> Result<&'a Cluster, Refusal> {
    let id = call.path_id("cluster_id")?;
    let owner = O::owner(call)?;
    let cluster = call.state.clusters.get(&id).filter(|cluster| cluster.owner == owner);
    let cluster = cluster.ok_or_else(Refusal::record_not_found)?;
    O::authorize(call, owner, act)?;
    Ok(cluster)
}
