//! What comes from outside does not fill the memory.

use gitlab_simulator::http::faults::{Fault, FaultKind};
use serde_json::json;

use crate::{
    bed::{ALONE, eventually},
    campus::Campus,
    process::Program,
};

/// Half of a body that is too large; four times what is accepted of one.
const FAR_LESS: u64 = 50 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_100_megabytes_are_not_held() {
    let _alone = ALONE.lock().await;
    let campus = Campus::with("large-bodies", json!({"driftInterval": "1s"}), json!({})).await;
    let mut program = Program::start(campus.control_plane, &[]).await;
    campus.project("web-app").await;
    campus.map("large-bodies-web", "web-app", json!({})).await;
    campus.until_ready("large-bodies-web").await;
    let before = program.most_memory();

    campus.simulator.clear_requests();
    let fault = Fault { path: Some("/variables|/self".to_owned()), ..Fault::new(FaultKind::Large) };
    campus.simulator.add_fault(fault).unwrap();
    eventually("five bodies were sent", async || {
        let sent = campus.simulator.requests().iter().filter(|request| request.fault.is_some()).count();
        if sent >= 5 { Ok(()) } else { Err(sent.to_string()) }
    })
    .await;
    campus.until("large-bodies-web", "Ready", "False", "GitLabUnexpectedAnswer").await;
    let grown = program.most_memory() - before;
    assert!(grown < FAR_LESS, "it grew by {grown} bytes");
    campus.simulator.clear_faults();
    campus.until_ready("large-bodies-web").await;
    assert_eq!(program.terminate().await.code(), Some(0));
}
