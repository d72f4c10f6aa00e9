//! An object deleted by hand: the RoleBinding of a namespace.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde::Serialize;

use super::change::spread_over;
use crate::Arguments;
use crate::bed::Bed;
use crate::numbers::Spread;
use crate::objects::{ENVIRONMENTS, mapping_name};

/// The fixed name of the RoleBinding.
const NAME: &str = "gitlab-serviceaccount";
const LIMIT: Duration = Duration::from_secs(30);
/// Between two deletions, so that each is met at rest.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a repair takes.
#[derive(Clone, Debug, Serialize)]
pub struct Repair {
    /// From sending the deletion until a watch shows the new object.
    pub each: Spread,
}

/// Measures it, one after the other.
pub async fn measure(arguments: &Arguments, bed: &Bed) -> anyhow::Result<Repair> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", "RoleBinding"));
    let all = Api::<DynamicObject>::all_with(bed.admin.clone(), &kind);
    let config = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    let mut events = watcher(all, config).boxed();
    loop {
        if let Event::InitDone = events.try_next().await?.context("the watch ended")? {
            break;
        }
    }
    let mut durations = Vec::new();
    for number in spread_over(arguments.mappings, arguments.repairs) {
        let namespace = namespace_of(bed, number).await?;
        let api = Api::<DynamicObject>::namespaced_with(bed.admin.clone(), &namespace, &kind);
        let old = api.get(NAME).await?.uid();
        let began = Instant::now();
        let delete = DeleteParams::default();
        let restored = async {
            loop {
                if let Event::Apply(object) = events.try_next().await?.context("the watch ended")?
                    && object.namespace().as_deref() == Some(&namespace)
                    && object.uid() != old
                {
                    return anyhow::Ok(began.elapsed());
                }
            }
        };
        let (deleted, restored) = tokio::join!(api.delete(NAME, &delete), tokio::time::timeout(LIMIT, restored));
        deleted?;
        durations.push(restored.with_context(|| format!("{namespace}/{NAME} did not come back"))??);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Repair { each: Spread::of(durations) })
}

async fn namespace_of(bed: &Bed, number: usize) -> anyhow::Result<String> {
    let mapping = bed.objects("ProjectMapping").get(&mapping_name(number)).await?;
    let environments = mapping.data["status"]["environments"].as_array().context("no environments")?;
    let environment = environments.iter().find(|environment| environment["name"] == ENVIRONMENTS[0]);
    let name = environment.and_then(|environment| environment["namespace"]["name"].as_str());
    name.map(str::to_owned).context("no namespace")
}
