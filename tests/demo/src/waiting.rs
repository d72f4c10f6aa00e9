//! Waiting for what the operator brings about: watched, and in bounded time.

use std::time::Duration;

use anyhow::{Context as _, bail};
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::wait::await_condition;
use serde_json::Value;

/// Sixty times what a quiet machine needs.
const LIMIT: Duration = Duration::from_secs(60);

/// Waits until an object is as it should be.
pub async fn until(
    api: &Api<DynamicObject>,
    name: &str,
    is_met: impl Fn(&DynamicObject) -> bool,
) -> anyhow::Result<DynamicObject> {
    let waiting = await_condition(api.clone(), name, |object: Option<&DynamicObject>| object.is_some_and(&is_met));
    match tokio::time::timeout(LIMIT, waiting).await {
        Ok(met) => met?.with_context(|| format!("{name} is not there")),
        Err(_) => {
            let seen = api.get_opt(name).await?.map_or_else(|| "it does not exist".to_owned(), |object| told(&object));
            bail!("{name} did not become so within {} s; {seen}", LIMIT.as_secs())
        }
    }
}

/// Waits until an object's condition `Ready` has this status and, if one is given, this reason.
pub async fn until_ready_is(
    api: &Api<DynamicObject>,
    name: &str,
    status: &str,
    reason: Option<&str>,
) -> anyhow::Result<DynamicObject> {
    until(api, name, |object| {
        condition(object, "Ready").is_some_and(|ready| {
            ready["observedGeneration"].as_i64() == object.metadata.generation
                && ready["status"] == status
                && reason.is_none_or(|reason| ready["reason"] == reason)
        })
    })
    .await
}

/// A condition of an object.
pub fn condition<'a>(object: &'a DynamicObject, kind: &str) -> Option<&'a Value> {
    let conditions = object.data.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|condition| condition["type"] == kind)
}

/// All conditions of an object in words.
fn told(object: &DynamicObject) -> String {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    let lines = conditions.into_iter().flatten().map(|condition| {
        let field = |name: &str| condition[name].as_str().unwrap_or_default().to_owned();
        format!("{}={} ({}): {}", field("type"), field("status"), field("reason"), field("message"))
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() { "it has no conditions yet".to_owned() } else { format!("it says\n{}", lines.join("\n")) }
}
