//! One of everything that goes wrong.

use anyhow::Context as _;
use http::Method;
use serde_json::Value;

use crate::acts::Stage;
use crate::objects;
use crate::operator;
use crate::report::Report;
use crate::waiting::{condition, until_ready_is};

/// The mappings in `objects/mistakes.yaml`, what each shows, and the reason that it gets.
pub const MISTAKES: [(&str, &str, &str); 3] = [
    ("taken-namespace", "somebody else's namespace of that name is not taken over", "NamespaceTaken"),
    ("unknown-project", "a project that does not exist", "ProjectNotFound"),
    ("web-app-again", "a project that has a mapping already", "AlreadyMapped"),
];

/// Applies them and waits for the reasons. They come after the others: a project belongs to the older mapping.
pub async fn make(report: &mut Report, stage: &Stage) {
    if report.step("kubectl applies three ProjectMappings that cannot be fulfilled", apply(stage)).await.is_none() {
        return;
    }
    let mappings = stage.cluster.objects("ProjectMapping");
    for (name, what, reason) in MISTAKES {
        let refused =
            report.step(&format!("{what}: {reason}"), until_ready_is(&mappings, name, "False", Some(reason))).await;
        if let Some(message) = refused.as_ref().and_then(|mapping| condition(mapping, "Ready")?["message"].as_str()) {
            report.explain(message);
        }
    }
}

async fn apply(stage: &Stage) -> anyhow::Result<()> {
    let project = "medicine/trial-database";
    let found = stage.gitlab.call(Method::GET, "/projects/medicine%2Ftrial-database", Value::Null).await?;
    let id = found["id"].as_i64().with_context(|| format!("GitLab has no project {project}"))?;
    let taken = operator::namespace_name(&stage.program, project, id, "production").await?;
    stage.cluster.kubectl(&["create", "namespace", &taken]).await?;
    stage.cluster.apply(&objects::path("mistakes.yaml")).await?;
    Ok(())
}
