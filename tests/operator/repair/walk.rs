//! Everything that a tenant can try on everything that the operator keeps: what its role allows is repaired, what it does
//! not allow is refused and changes nothing.

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::Broken;
use crate::{
    bed::eventually,
    campus::merge,
    kept_objects::{CONTENTS, KeptObject, LEGACY, NAMESPACE, ROTATED, essence},
};

/// Every verb with which a role can let somebody change objects.
const VERBS: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// What a tenant may do, as the role itself says.
struct Role(Vec<PolicyRule>);

impl Role {
    async fn of_tenants(broken: &Broken) -> Self {
        let roles: Api<ClusterRole> = Api::all(broken.campus.admin.clone());
        Self(roles.get("gitlab-group-master").await.unwrap().rules.unwrap())
    }

    fn allows(&self, object: &KeptObject, verb: &str) -> bool {
        let has = |list: &Option<Vec<String>>, wanted: &str| list.iter().flatten().any(|one| one == wanted);
        self.0.iter().any(|rule| {
            has(&rule.api_groups, object.group)
                && has(&rule.resources, &object.plural())
                && rule.verbs.iter().any(|one| one == verb)
        })
    }
}

/// Does to an object what a verb can do at worst.
async fn attempt(
    api: &Api<DynamicObject>,
    name: &str,
    object: &KeptObject,
    verb: &str,
    live: &DynamicObject,
) -> kube::Result<()> {
    let mut spoilt = serde_json::to_value(live).unwrap();
    merge(&mut spoilt, object.spoil());
    merge(&mut spoilt, json!({"metadata": {"managedFields": null}}));
    match verb {
        "create" => {
            merge(&mut spoilt, json!({"metadata": {"resourceVersion": null, "uid": null}}));
            api.create(&PostParams::default(), &serde_json::from_value(spoilt).unwrap()).await.map(drop)
        }
        "update" => api.replace(name, &PostParams::default(), &serde_json::from_value(spoilt).unwrap()).await.map(drop),
        "patch" => api.patch(name, &PatchParams::default(), &Patch::Merge(object.spoil())).await.map(drop),
        "delete" => api.delete(name, &DeleteParams::default()).await.map(drop),
        _ => {
            let only = ListParams::default().fields(&format!("metadata.name={name}"));
            api.delete_collection(&DeleteParams::default(), &only).await.map(drop)
        }
    }
}

/// Walks over all verbs; gives how many the role allowed.
async fn walk(broken: &Broken, role: &Role, object: &KeptObject) -> usize {
    let (as_admin, name) = object.in_namespace(broken.campus.admin.clone(), &broken.namespace);
    let mut allowed = 0;
    for verb in VERBS {
        let what = format!("{verb} {} {name}", object.kind);
        let before = as_admin.get(&name).await.unwrap();
        let (as_job, _) = object.in_namespace(broken.job().await, &broken.namespace);
        // Others write too, quota's status for example: a conflict is no answer.
        let mut result = attempt(&as_job, &name, object, verb, &before).await;
        for _ in 0..20 {
            if verb != "update" || !matches!(&result, Err(kube::Error::Api(status)) if status.is_conflict()) {
                break;
            }
            result = attempt(&as_job, &name, object, verb, &as_admin.get(&name).await.unwrap()).await;
        }
        if !role.allows(object, verb) {
            assert!(matches!(&result, Err(kube::Error::Api(status)) if status.is_forbidden()), "{what}: {result:?}");
            let after = as_admin.get(&name).await.unwrap();
            assert_eq!((after.uid(), essence(&after)), (before.uid(), essence(&before)), "{what}");
            continue;
        }
        allowed += 1;
        if verb == "create" {
            assert!(
                matches!(&result, Err(kube::Error::Api(status)) if status.code == 409 || status.code == 403),
                "{what}: {result:?}"
            );
            continue;
        }
        result.unwrap_or_else(|error| panic!("{what}: {error}"));
        eventually(&format!("{what} is repaired"), async || {
            let after = as_admin.get_opt(&name).await.map_err(|error| error.to_string())?.ok_or("it is gone")?;
            let another = !verb.starts_with("delete") || after.uid() != before.uid();
            if another && essence(&after) == essence(&before) { Ok(()) } else { Err(essence(&after).to_string()) }
        })
        .await;
        broken.until_jobs_work().await;
    }
    allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_tenant_may_do_to_what_is_kept_is_repaired_and_the_rest_is_refused() {
    let broken = Broken::new("walk").await;
    let neighbour = broken.campus.healthy().await;
    let role = Role::of_tenants(&broken).await;
    let mut allowed = Vec::new();
    for object in CONTENTS.into_iter().chain([ROTATED, NAMESPACE]) {
        allowed.push((object.kind, walk(&broken, &role, &object).await));
    }
    // All or nothing of each kind: so says the role today, and the walk would be empty without it.
    let all = VERBS.len();
    let expected = [
        ("ServiceAccount", all),
        ("RoleBinding", all),
        ("ResourceQuota", 0),
        ("LimitRange", 0),
        ("NetworkPolicy", all),
        ("Secret", all),
        ("Namespace", 0),
    ];
    assert_eq!(allowed, expected);
    broken.campus.is_untouched(&neighbour).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_tenant_may_do_to_a_legacy_token_secret_is_repaired() {
    let legacy: Value = json!({"serviceAccount": {"token": {"kind": "Legacy"}}});
    let broken = Broken::with("walk-legacy", legacy).await;
    let role = Role::of_tenants(&broken).await;
    assert_eq!(walk(&broken, &role, &LEGACY).await, VERBS.len());
}
