//! One pass over a `NamespaceClass`: who uses it, and whether its role is still there.

use std::time::Duration;

use kube::{Api, Resource as _};

use super::{
    Finding, Key,
    usage::{self, Standing},
};
use crate::{
    api::{NamespaceClass, NamespaceClassStatus},
    apply::{declared::write_status, events},
    context::Context,
    declared::Class,
    facts::{cluster, problems},
    status::{Problem, READY, Reason, Verdict, merge},
};

/// Reconciles a class.
pub(super) async fn reconcile(context: &Context, name: &str) -> Result<Finding, Problem> {
    let api: Api<NamespaceClass> = Api::all(context.kubernetes.clone());
    let what = format!("read the NamespaceClass {name}");
    let Some(object) = api.get_opt(name).await.map_err(|error| problems::kubernetes(&what, &error))? else {
        context.declarations.agree_that_it_is_gone(&Key::Class(name.to_owned()))?;
        context.memory.forget(&Key::Class(name.to_owned()));
        return Ok(Finding::default());
    };
    let users = context.declarations.mappings_of_class(name);
    let problem = match usage::hold(context, &object, &users).await? {
        Standing::Gone => return Ok(Finding::default()),
        Standing::InUse(waiting) => Some(waiting),
        Standing::Kept => match Class::try_from(&object) {
            Ok(class) => lacks_role(context, &class).await?,
            Err(invalid) => Some(Problem::until_changed(Reason::InvalidSpec, invalid.to_string())),
        },
    };
    let verdict = match &problem {
        Some(problem) => Verdict::no(READY, problem),
        None => Verdict::yes(READY, Reason::Ready, ""),
    };
    let generation = object.metadata.generation;
    let before = object.status.clone().unwrap_or_default();
    let status = NamespaceClassStatus {
        observed_generation: generation,
        mappings: Some(usage::count(&users)),
        conditions: merge(&before.conditions, &[verdict], generation, context.clock.now()),
    };
    if write_status(context, &object, object.status.as_ref(), &status).await? {
        events::of_ready(context, &object.object_ref(&()), &before.conditions, &status.conditions).await;
    }
    Ok(Finding { problem, due: Some(context.jittered(ROLE_CHECK)) })
}

/// How often it is looked whether the role of a class is still there: no watch tells.
const ROLE_CHECK: Duration = Duration::from_secs(600);

/// A role that goes after it was bound leaves every binding standing, and the jobs without rights. Nothing is touched because
/// of that: they work again as soon as it is back.
async fn lacks_role(context: &Context, class: &Class) -> Result<Option<Problem>, Problem> {
    let role = &class.cluster_role;
    if cluster::role_exists(context, role).await? {
        return Ok(None);
    }
    let message = format!(
        "the ClusterRole {role} that this class names does not exist: bindings to it stand, and give jobs no rights; create it, or name another one in spec.serviceAccount.clusterRole"
    );
    Ok(Some(Problem::new(Reason::ClusterRoleNotFound, message)))
}
