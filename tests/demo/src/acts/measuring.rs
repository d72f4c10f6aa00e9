//! Two numbers; `tests/measure` collects them.

use std::time::{Duration, Instant};

use kube::api::{DynamicObject, PostParams};
use serde_json::json;

use crate::acts::Stage;
use crate::report::Report;
use crate::waiting::until_ready_is;

/// Measures how long a new mapping takes, and the operator's memory after all that was shown.
pub async fn measure(report: &mut Report, stage: &Stage) {
    let measuring = report.step("one more mapping with two new environments becomes ready", time_to_ready(stage)).await;
    let memory = report.step("the operator's memory can be read", async { stage.operator.memory() }).await;
    let mut numbers = Vec::new();
    if let Some(time) = measuring {
        numbers.push(format!("time from applying the mapping until it is ready: {:.2} s", time.as_secs_f64()));
    }
    if let Some(memory) = memory {
        numbers.push(format!("resident memory of the operator: {memory:.1} MB"));
    }
    report.show(&numbers.join("\n"));
}

/// From sending the mapping until the watch shows that it is ready; without kubectl, whose own start takes longer.
async fn time_to_ready(stage: &Stage) -> anyhow::Result<Duration> {
    let mappings = stage.cluster.objects("ProjectMapping");
    let mapping: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "gl-k8s.dev/v1alpha1",
        "kind": "ProjectMapping",
        "metadata": {"name": "robot-lab"},
        "spec": {
            "instance": "campus",
            "class": "course",
            "project": {"path": "informatics/robot-lab"},
            "environments": [{"name": "production"}, {"name": "staging"}],
        },
    }))?;
    let began = Instant::now();
    mappings.create(&PostParams::default(), &mapping).await?;
    until_ready_is(&mappings, "robot-lab", "True", None).await?;
    Ok(began.elapsed())
}
