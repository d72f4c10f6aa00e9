//! The command line: what it says, and what it refuses.

use std::path::Path;

use crate::process::{finished, texts};

async fn help(arguments: &[&str]) -> String {
    let output = finished(arguments, &[], "").await;
    let (text, errors) = texts(&output);
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
    assert!(text.contains("Usage: gl-k8s-integrator"), "{text}");
    text
}

#[tokio::test]
async fn the_help_says_what_the_program_is_for_and_what_it_can_do() {
    let text = help(&["--help"]).await;
    for word in ["GitLab projects", "Kubernetes namespaces", "run ", "doctor ", "crds ", "name ", "--version"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(help(&["help"]).await, help(&["-h"]).await);
    let version = finished(&["--version"], &[], "").await;
    assert_eq!(texts(&version).0.trim(), format!("gl-k8s-integrator {}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn the_help_of_run_says_what_each_setting_is_for_how_it_is_given_and_what_counts_without_it() {
    let text = help(&["run", "--help"]).await;
    let settings = [
        ("--namespace <NAME>", "GL_K8S_NAMESPACE", Some("gl-k8s-integrator"), "own namespace"),
        ("--listen <ADDRESS:PORT>", "GL_K8S_LISTEN", Some("0.0.0.0:8080"), "/metrics"),
        ("--reserved-namespace <PATTERN>", "GL_K8S_RESERVED_NAMESPACES", None, "never touched"),
        ("--project-refresh <PERIOD>", "GL_K8S_PROJECT_REFRESH", Some("10m"), "read from GitLab again"),
        ("--leader-elect <BOOL>", "GL_K8S_LEADER_ELECT", Some("true"), "which of several operators works"),
        ("--leader-elect-lease-duration <PERIOD>", "GL_K8S_LEADER_ELECT_LEASE_DURATION", Some("30s"), "takes over"),
        ("--leader-elect-renew-deadline <PERIOD>", "GL_K8S_LEADER_ELECT_RENEW_DEADLINE", Some("20s"), "before it ends"),
        ("--leader-elect-retry-period <PERIOD>", "GL_K8S_LEADER_ELECT_RETRY_PERIOD", Some("5s"), "renews its lease"),
        ("--log-format <LOG_FORMAT>", "GL_K8S_LOG_FORMAT", Some("text"), "json"),
        ("--log <FILTER>", "GL_K8S_LOG", Some("info"), "level"),
    ];
    for (flag, variable, default, purpose) in settings {
        // What is said of a flag stands between it and the next one.
        let after = text.split_once(flag).unwrap_or_else(|| panic!("{flag}: {text}")).1;
        let about = after.split("\n      --").next().unwrap();
        assert!(about.contains(&format!("[env: {variable}=")), "{flag}: {about}");
        assert!(about.contains(purpose), "{flag}: {about}");
        if let Some(default) = default {
            assert!(about.contains(&format!("[default: {default}]")), "{flag}: {about}");
        }
    }
    for word in ["KUBECONFIG", "SIGTERM"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(help(&["run", "-h"]).await.lines().count() < text.lines().count(), "-h is the short one");
}

#[tokio::test]
async fn the_help_of_crds_and_name_says_what_comes_out() {
    assert!(help(&["crds", "--help"]).await.contains("custom resource definitions as YAML"));
    let text = help(&["name", "--help"]).await;
    for word in ["PROJECT_PATH", "ENVIRONMENT", "standard input", "tab", "Exit code", "team/web-app 42 production"] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

/// Arguments, environment variables, and what the message has to name.
type Refused = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str);

#[tokio::test]
async fn wrong_usage_is_refused_with_2_and_a_hint() {
    let refused: [Refused; 23] = [
        (&[], &[], "Usage"),
        (&["walk"], &[], "walk"),
        (&["run", "--bogus"], &[], "--bogus"),
        (&["run", "now"], &[], "now"),
        (&["run", "--log-format", "xml"], &[], "possible values: text, json"),
        (&["run", "--log-format", "text", "--log-format", "json"], &[], "cannot be used multiple times"),
        (&["run", "--listen", "8080"], &[], "--listen"),
        (&["run", "--project-refresh", "10"], &[], "24h"),
        (&["run", "--project-refresh", "5s"], &[], "at least 10s"),
        (&["run", "--leader-elect", "perhaps"], &[], "true, false"),
        (&["run", "--leader-elect-retry-period", "0s"], &[], "at least 1s"),
        (&["run", "--leader-elect-retry-period", "15s"], &[], "at least twice the retry period"),
        (&["run", "--leader-elect-lease-duration", "20s"], &[], "longer than the renew deadline"),
        (&["run", "--log", "loud,,=x"], &[], "level such as info"),
        (&["run", "--namespace", "Not A Name"], &[], "RFC 1123"),
        (&["doctor", "--namespace", "Not A Name"], &[], "RFC 1123"),
        (&["run"], &[("GL_K8S_LISTEN", "nowhere")], "--listen"),
        (&["run"], &[("GL_K8S_NAMESPAC", "typo")], "GL_K8S_NAMESPAC"),
        (&["crds", "all"], &[], "all"),
        (&["name", "team/web-app"], &[], "ENVIRONMENT"),
        (&["name", "team/web-app", "42"], &[], "ENVIRONMENT"),
        (&["name", "team/web-app", "42", "production", "again"], &[], "again"),
        (&["name", "--bogus"], &[], "--bogus"),
    ];
    for (arguments, environment, hint) in refused {
        let output = finished(arguments, environment, "").await;
        let (text, errors) = texts(&output);
        assert_eq!((output.status.code(), text.as_str()), (Some(2), ""), "{arguments:?} {environment:?}: {errors}");
        assert!(errors.contains(hint), "{arguments:?} {environment:?} should say {hint:?}: {errors}");
    }
}

#[tokio::test]
async fn crds_prints_what_the_folder_crds_holds() {
    let output = finished(&["crds"], &[], "").await;
    let (text, errors) = texts(&output);
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut printed: Vec<_> = text.split("---\n").collect();
    printed.sort_unstable();
    let stored: Vec<_> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    assert_eq!(stored.len(), 3);
    for (stored, printed) in stored.iter().zip(&printed) {
        assert!(stored == printed, "{}", printed.lines().take(5).collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(printed.len(), stored.len());
}
