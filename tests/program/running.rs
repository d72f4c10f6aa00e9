//! `run` as a process: how it begins, how it is watched, how it ends.

use std::{process::Stdio, time::Duration};

use gitlab_simulator::http::faults::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    bed::{ALONE, bed, eventually, without_the_kinds},
    campus::Campus,
    process::{Program, command, finished, kubeconfig_for, terminate, texts},
};

#[tokio::test(flavor = "multi_thread")]
async fn without_the_kinds_it_says_how_to_install_them() {
    let output = without_the_kinds().await;
    let (text, errors) = texts(output);
    assert_eq!((output.status.code(), text.as_str()), (Some(1), ""));
    for word in ["GitLabInstance", "not installed", "gl-k8s-integrator crds | kubectl apply"] {
        assert!(errors.contains(word), "{word}: {errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_cluster_it_says_where_it_looks_for_one() {
    let output = finished(&["run", "--listen", "127.0.0.1:0"], &[], "").await;
    let (text, errors) = texts(&output);
    assert_eq!((output.status.code(), text.as_str()), (Some(1), ""));
    assert!(errors.contains("KUBECONFIG"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_answer_is_named() {
    let folder = bed().await.folder();
    let nobody = crate::process::free_address();
    let kubeconfig = kubeconfig_for(folder, "nobody-listens", &format!("http://{nobody}"));
    let environment = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
    let output = finished(&["run", "--listen", "127.0.0.1:0"], &environment, "").await;
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    for word in ["could not list the kind GitLabInstance", "API server", "refused"] {
        assert!(errors.contains(word), "{word}: {errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_named() {
    let control_plane = bed().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let environment = [("KUBECONFIG", control_plane.kubeconfig().to_str().unwrap())];
    let output = finished(&["run", "--listen", &address], &environment, "").await;
    let (_, errors) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains(&address) && errors.contains("--listen"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_while_it_waits_for_the_cluster_it_ends() {
    // Accepts connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    let kubeconfig = kubeconfig_for(bed().await.folder(), "silent", &server);
    let mut command = command(&["run", "--listen", "127.0.0.1:0"], &[("KUBECONFIG", kubeconfig.to_str().unwrap())]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = Command::from(command).kill_on_drop(true).spawn().unwrap();
    let connection = silent.accept().await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), terminate(&mut child)).await;
    assert_eq!(ended.expect("it does not wait for the answer").code(), Some(0));
    drop(connection);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_about_its_health_and_counts_what_it_does() {
    let _alone = ALONE.lock().await;
    let campus = Campus::new("watched").await;
    let mut program = Program::start(campus.control_plane, &["--log-format", "json"]).await;
    let project = campus.project("web-app").await;
    campus.map("watched-web", "web-app", json!({})).await;
    campus.until_ready("watched-web").await;
    assert!(project > 0);

    assert_eq!(program.get("/livez").await.unwrap().0, 200);
    assert_eq!(program.get("/readyz").await.unwrap().0, 200);
    assert_eq!(program.get("/elsewhere").await.unwrap().0, 404);
    eventually("all is counted", async || {
        let (status, metrics) = program.get("/metrics").await.unwrap();
        assert_eq!(status, 200);
        let wanted = [
            r#"gl_k8s_reconciles_total{kind="ProjectMapping",result="success"}"#,
            r#"gl_k8s_reconcile_duration_seconds_bucket{le="#,
            r#"gl_k8s_gitlab_requests_total{gitlab_instance="watched",call="POST /projects/:id/variables",status="201"} 14"#,
            r#"gl_k8s_mappings{gitlab_instance="watched",state="Ready"} 1"#,
            r#"environment="production""#,
            r#"gl_k8s_build_info{version=""#,
            "# EOF",
        ];
        match wanted.iter().find(|wanted| !metrics.contains(**wanted)) {
            Some(missing) => Err(format!("{missing} is missing in\n{metrics}")),
            None => Ok(()),
        }
    })
    .await;

    assert_eq!(program.terminate().await.code(), Some(0));
    let log = program.log();
    assert!(log.lines().count() > 3, "{log}");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    assert_eq!(program.emitted(), log, "nothing goes to standard output");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_end_it_finishes_what_is_under_way_and_the_next_start_finds_all_as_it_should_be() {
    let _alone = ALONE.lock().await;
    let campus = Campus::new("terminated").await;
    let project = campus.project("web-app").await;
    let slow = Fault {
        method: Some("POST".into()),
        path: Some("/variables".into()),
        delay_ms: 200,
        ..Fault::new(FaultKind::Delay)
    };
    campus.simulator.add_fault(slow).unwrap();
    let mut program = Program::start(campus.control_plane, &[]).await;
    campus.map("terminated-web", "web-app", json!({})).await;
    let written = || {
        let requests = campus.simulator.requests();
        requests.iter().filter(|request| request.method == "POST" && request.path.contains("/variables")).count()
    };
    eventually("the delivery has begun", async || if written() > 0 { Ok(()) } else { Err(program.log()) }).await;
    assert_eq!(program.terminate().await.code(), Some(0));
    assert!(program.log().contains("stopping"), "{}", program.log());
    assert_eq!(written(), 14, "the delivery that was under way was finished");
    let status = campus.mappings().get("terminated-web").await.unwrap().status.unwrap();
    assert_eq!(status.summary.unwrap().reason.as_deref(), Some("Ready"), "and recorded");

    campus.simulator.clear_faults();
    campus.simulator.clear_requests();
    let mut program = Program::start(campus.control_plane, &[]).await;
    campus.until_ready("terminated-web").await;
    // A change that it sees is one that comes after everything that the start brought about.
    campus.patch_mapping("terminated-web", json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}})).await;
    eventually("the renewal is recorded", async || {
        let status = campus.mappings().get("terminated-web").await.unwrap().status.unwrap();
        let handled = status.handled_requests.unwrap_or_default().renew;
        if handled.as_deref() == Some("1") { Ok(()) } else { Err(program.log()) }
    })
    .await;
    let requests = campus.simulator.requests();
    let made = requests.iter().filter(|request| request.method == "POST").count();
    assert_eq!(made, 0, "nothing had to be made anew");
    let seen = campus.job(project, "production", true).await;
    let client = campus.control_plane.client_with_token(&seen["KUBE_TOKEN"]);
    let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::namespaced(client, &seen["KUBE_NAMESPACE"]);
    pods.list(&kube::api::ListParams::default()).await.unwrap();
    assert_eq!(program.terminate().await.code(), Some(0));
}
