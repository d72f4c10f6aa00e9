//! Output whose reader has gone, as `head` has once it read enough: the program ends as it would have, and says nothing of it.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::{
    bed::{ALONE, bed},
    campus::Campus,
    process::{command, operators_kubeconfig, texts},
};

/// Runs the program, which finds nobody at the other end when it writes; gives exit code and errors.
async fn unread(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::from(command(arguments, environment));
    let pipes = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.kill_on_drop(true).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    (output.status.code(), texts(&output).1)
}

#[tokio::test]
async fn definitions_and_names_that_nobody_reads_are_no_error() {
    for arguments in [["crds"].as_slice(), &["name", "team/web-app", "42", "production"]] {
        assert_eq!(unread(arguments, &[]).await, (Some(0), String::new()), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_and_findings_that_nobody_reads_are_no_error() {
    let _alone = ALONE.lock().await;
    let campus = Campus::new("unread").await;
    campus.project("web-app").await;
    campus.map("unread-web", "web-app", json!({})).await;
    let kubeconfig = operators_kubeconfig(bed().await, "unread").await;
    let environment = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
    for output in ["text", "json"] {
        let plan = unread(&["plan", "unread-web", "-o", output], &environment).await;
        assert_eq!(plan, (Some(2), String::new()), "there are changes");
        let (code, errors) = unread(&["doctor", "unread-web", "-o", output], &environment).await;
        assert!(matches!(code, Some(0 | 2)) && errors.is_empty(), "{code:?}: {errors}");
    }
}
