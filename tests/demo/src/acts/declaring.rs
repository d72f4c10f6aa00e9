//! The administrator's three objects, and what comes of them.

use serde_json::Value;

use crate::acts::Stage;
use crate::objects;
use crate::report::Report;
use crate::waiting::{until, until_ready_is};

/// The mappings in `objects/mappings.yaml`.
pub const MAPPINGS: [&str; 3] = ["web-app", "compiler-course", "image-viewer"];

/// Applies an instance, a class and mappings, and waits until all are ready.
pub async fn declare(report: &mut Report, stage: &Stage) -> Option<()> {
    let applying = "kubectl applies a GitLabInstance, a NamespaceClass and three ProjectMappings";
    report.step(applying, apply_all(stage)).await?;
    for (kind, name) in [("GitLabInstance", "campus"), ("NamespaceClass", "course")] {
        let waiting = async { until_ready_is(&stage.cluster.objects(kind), name, "True", None).await };
        report.step(&format!("the {kind} `{name}` is ready"), waiting).await?;
    }
    let mappings = stage.cluster.objects("ProjectMapping");
    for name in MAPPINGS {
        let waiting = until_ready_is(&mappings, name, "True", None);
        report.step(&format!("the ProjectMapping `{name}` is ready"), waiting).await?;
    }
    Some(())
}

async fn apply_all(stage: &Stage) -> anyhow::Result<()> {
    let folder = stage.cluster.new_folder("declared")?;
    let values = [("GITLAB_URL", stage.gitlab.url()), ("API_SERVER", stage.cluster.api_server())];
    for name in ["instance.yaml", "class.yaml", "mappings.yaml"] {
        stage.cluster.apply(&objects::filled(name, &values, &folder)?).await?;
    }
    Ok(())
}

/// Prints everything as an administrator sees it, once the instance and the class have counted this many mappings.
pub async fn table(report: &mut Report, stage: &Stage, mappings: usize) {
    let getting = async {
        for (kind, name) in [("GitLabInstance", "campus"), ("NamespaceClass", "course")] {
            until(&stage.cluster.objects(kind), name, |object| {
                object.data.pointer("/status/mappings/total").and_then(Value::as_u64) == Some(mappings as u64)
            })
            .await?;
        }
        let above = stage.cluster.kubectl(&["get", "gitlabinstances,namespaceclasses"]).await?;
        Ok((above, stage.cluster.kubectl(&["get", "projectmappings"]).await?))
    };
    if let Some((above, mappings)) = report.step("kubectl shows all of it as a table", getting).await {
        report.show(&format!("$ kubectl get gitlabinstances,namespaceclasses\n{above}"));
        report.show(&format!("$ kubectl get projectmappings\n{mappings}"));
    }
}
