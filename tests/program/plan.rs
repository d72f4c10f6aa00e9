//! `plan` as a process: what it prints, what it exits with, and that it writes nothing to anybody.

use serde_json::{Value, json};

use crate::{
    bed::{ALONE, OWN, bed},
    campus::Campus,
    process::{Program, finished, operators_kubeconfig, texts},
};

/// Runs `plan` with the operator's account; gives exit code, output and errors.
async fn plan(arguments: &[&str]) -> (Option<i32>, String, String) {
    let kubeconfig = operators_kubeconfig(bed().await, "plan").await;
    let environment = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
    let output = finished(&[&["plan"], arguments].concat(), &environment, "").await;
    let (text, errors) = texts(&output);
    (output.status.code(), text, errors)
}

/// How many writes of the operator's account, and of anybody in GitLab, are on record.
fn on_record(campus: &Campus) -> (usize, usize) {
    let user = format!("system:serviceaccount:{OWN}:{OWN}");
    let writes = campus.control_plane.writes_by(&user).unwrap().len();
    let requests = campus.simulator.requests();
    (writes, requests.iter().filter(|request| request.method != "GET").count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_tells_what_would_be_done_and_does_nothing_of_it() {
    let _alone = ALONE.lock().await;
    let campus = Campus::new("planned").await;
    let project = campus.project("web-app").await;
    campus.map("planned-web", "web-app", json!({})).await;

    let before = on_record(&campus);
    let (code, text, errors) = plan(&["planned-web"]).await;
    assert_eq!((code, errors.as_str()), (Some(2), ""), "{text}");
    let namespace = campus.namespace(project, "-production");
    for told in [
        "ProjectMapping planned-web",
        &format!("+ Namespace {namespace}: it does not exist"),
        "+ in GitLab: variable KUBE_TOKEN (production)",
        "value: \"known after it is issued\"",
        &format!("* token of ServiceAccount {namespace}/gitlab-serviceaccount"),
    ] {
        assert!(text.contains(told), "{told} is missing in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colours are for terminals");

    let (code, document, _) = plan(&["planned-web", "-o", "json"]).await;
    assert_eq!(code, Some(2));
    let document: Value = serde_json::from_str(&document).unwrap();
    let changes = document["plan"][0]["changes"].as_array().unwrap();
    assert!(changes.len() > 30, "{changes:?}");
    assert!(changes.iter().any(|change| change["system"] == "GitLab" && change["action"] == "Create"));
    assert_eq!(on_record(&campus), before, "a plan writes nothing");
    assert!(campus.mappings().get("planned-web").await.unwrap().status.is_none());

    let mut program = Program::start(campus.control_plane, &[]).await;
    campus.until_ready("planned-web").await;
    program.terminate().await;
    let before = on_record(&campus);
    let (code, text, errors) = plan(&["planned-web"]).await;
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(text.contains("everything is as declared"), "{text}");
    assert_eq!(on_record(&campus), before, "a plan writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_cannot_be_whole_says_why() {
    let campus = Campus::new("unplanned").await;
    let (code, _, errors) = plan(&["nobody-knows-it"]).await;
    assert_eq!(code, Some(1));
    assert!(errors.contains("there is no ProjectMapping nobody-knows-it"), "{errors}");

    campus.map("unplanned-web", "nowhere", json!({})).await;
    let (code, text, _) = plan(&["unplanned-web"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("! ProjectNotFound") && text.contains("nowhere"), "{text}");

    let environment = [("KUBECONFIG", "/nonexistent/kubeconfig")];
    let output = finished(&["plan"], &environment, "").await;
    let (text, errors) = texts(&output);
    assert_eq!((output.status.code(), text.as_str()), (Some(1), ""));
    assert!(errors.contains("KUBECONFIG"), "{errors}");
}
