//! The page for bad days knows every reason, and its commands work.

use gl_k8s_integrator::status::REASONS;

use crate::{
    conditions::needs_something,
    followed::Followed,
    pages::{Page, page},
};

const PAGE: &str = "docs/administrators/troubleshooting.md";

/// The headings of the third level below one of the second.
fn headings(page: &Page, section: &str) -> Vec<String> {
    let lines = page.section(section);
    lines.iter().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect()
}

#[test]
fn every_reason_that_needs_something_has_its_steps_and_no_other_is_there() {
    let page = page(PAGE);
    let needing = REASONS.iter().filter(|(_, _, remedy)| needs_something(remedy));
    let known: Vec<_> = needing.map(|(reason, ..)| reason.as_str().to_owned()).collect();
    assert_eq!(headings(&page, "## Reasons"), known);
}

#[test]
fn every_reason_and_every_symptom_has_a_first_step() {
    let page = page(PAGE);
    for section in ["## Symptoms", "## Reasons"] {
        for heading in headings(&page, section) {
            let steps = page.section(&format!("### {heading}"));
            assert!(steps.iter().any(|line| line.starts_with("1. ")), "{heading}: no step");
        }
    }
}

/// Commands that only a cluster with nodes, or a network, can answer.
fn needs_more_than_a_control_plane(command: &str) -> bool {
    ["logs ", "get --raw", "run try-gitlab", "openssl ", "gl-k8s-integrator name"]
        .iter()
        .any(|part| command.contains(part))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_for_troubleshooting_runs_in_a_cluster_that_followed_the_readme() {
    let followed = Followed::start().await;
    // This operator works without one.
    let lease = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: gl-k8s-integrator\n  namespace: gl-k8s-integrator\n";
    followed.apply(lease).await;
    let blocks = page(PAGE).blocks();
    let blocks: Vec<_> = blocks.iter().filter(|block| !needs_more_than_a_control_plane(&block.text)).collect();
    for block in &blocks {
        followed.run(block).await;
    }
    assert!(blocks.len() > 20, "hardly any commands were found");
    followed.end().await;
}
