//! Alerts and the dashboard in `manifests/monitoring` name metrics, labels and pages that exist, and do what they say: promtool,
//! built by `make promtool`, checks the rules and runs their tests in `tests/promtool/alerts.yaml`.

use std::{collections::BTreeSet, env, fs, process::Command};

use gl_k8s_integrator::status::REASONS;
use serde_json::Value;

use crate::{
    cluster::{cluster, kubectl},
    links::has_heading,
    metrics::given,
    pages::{code, page, root, rows},
};

const RULES: &str = "manifests/monitoring/rules.yaml";
const FOR_THE_OPERATOR: &str = "manifests/monitoring/prometheus-rule.yaml";
const DASHBOARD: &str = "manifests/monitoring/dashboard.json";
const ALERTS: &str = "tests/promtool/alerts.yaml";

/// Labels that Prometheus and its operator put on everything that they scrape from a pod.
const OF_THE_TARGET: [&str; 7] = ["container", "endpoint", "instance", "job", "namespace", "pod", "service"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// Every alert of the rule file.
fn alerts() -> Vec<Value> {
    let groups = yaml(&read(RULES))["groups"].as_array().unwrap().clone();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Every query of the dashboard's panels, with the panel's title. What Grafana fills in is filled in.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = text(&target["expr"]).replace("$__rate_interval", "5m").replace("$gitlab_instance", ".*");
            queries.push((text(&panel["title"]).to_owned(), query));
        }
    }
    queries
}

fn promtool(arguments: &[&str]) {
    let program = root().join("target/promtool");
    assert!(program.exists(), "{} is missing: run make promtool", program.display());
    let output = Command::new(program).args(arguments).current_dir(root()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {words}");
}

/// `UPDATE_DOCS=1 cargo test -p gl-k8s-integrator --test documents the_rules_for_the_prometheus_operator` writes it anew.
#[test]
fn the_rules_for_the_prometheus_operator_are_those_of_the_rule_file() {
    let (comment, rules): (Vec<_>, Vec<_>) =
        read(RULES).lines().map(str::to_owned).partition(|line| line.starts_with('#'));
    assert!(!comment.is_empty(), "{RULES} says nothing about itself");
    let mut fresh = "# The rules of rules.yaml for the Prometheus operator. Made from that file by `make docs`.\n\
        apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: gl-k8s-integrator\n  \
        namespace: gl-k8s-integrator\n  labels:\n    app.kubernetes.io/name: gl-k8s-integrator\nspec:\n"
        .to_owned();
    for line in rules {
        fresh.push_str(if line.is_empty() { "" } else { "  " });
        fresh.push_str(&line);
        fresh.push('\n');
    }
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(FOR_THE_OPERATOR), &fresh).unwrap();
    }
    assert!(read(FOR_THE_OPERATOR) == fresh, "{FOR_THE_OPERATOR} is stale: run make docs");
    assert_eq!(yaml(&fresh)["spec"], yaml(&read(RULES)));
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules_and_the_queries_of_the_dashboard() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", RULES]);
    // As rules, so that promtool reads them.
    let rules: Vec<_> = queries()
        .into_iter()
        .enumerate()
        .map(|(number, (_, query))| serde_json::json!({"record": format!("query:{number}"), "expr": query}))
        .collect();
    let rules = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let file = root().join("target").join(format!("dashboard-queries-{}.json", std::process::id()));
    fs::write(&file, rules.to_string()).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()]);
    fs::remove_file(file).unwrap();
}

#[test]
fn every_alert_fires_when_it_should_and_not_before() {
    promtool(&["test", "rules", ALERTS]);
    let tests = yaml(&read(ALERTS));
    let cases = tests["tests"].as_array().unwrap().iter().flat_map(|test| test["alert_rule_test"].as_array()).flatten();
    let (mut fires, mut keeps_quiet) = (BTreeSet::new(), BTreeSet::new());
    for case in cases {
        let expected = case["exp_alerts"].as_array().unwrap();
        let names = if expected.is_empty() { &mut keeps_quiet } else { &mut fires };
        names.insert(text(&case["alertname"]).to_owned());
    }
    let known: BTreeSet<_> = alerts().iter().map(|alert| text(&alert["alert"]).to_owned()).collect();
    assert_eq!(fires, known, "each alert is shown to fire in {ALERTS}");
    assert_eq!(keeps_quiet, known, "each alert is shown to keep quiet in {ALERTS}");
}

#[test]
fn the_list_of_alerts_is_complete_and_right() {
    let listed: BTreeSet<_> = rows(&page("docs/administrators/monitoring.md").section("## Alerts"))
        .iter()
        .map(|row| (code(&row[0])[0].clone(), row[1].clone()))
        .collect();
    let known: BTreeSet<_> = alerts()
        .iter()
        .map(|alert| (text(&alert["alert"]).to_owned(), text(&alert["labels"]["severity"]).to_owned()))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn every_alert_says_what_is_wrong_and_where_to_read_what_to_do() {
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let (name, notes) = (text(&alert["alert"]), &alert["annotations"]);
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        assert!(["warning", "critical"].contains(&text(&alert["labels"]["severity"])), "{name}");
        assert!(!text(&notes["summary"]).is_empty() && !text(&notes["description"]).is_empty(), "{name}");
        let (page, heading) = text(&notes["runbook"]).split_once('#').unwrap_or_else(|| panic!("{name}: no heading"));
        assert!(has_heading(&root().join(page), heading), "{name}: {page} has no heading {heading}");
    }
}

/// The metrics and labels in a query: names before `{`, labels inside it and behind `by`.
fn check(query: &str, what: &str) {
    let given = given();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut known: BTreeSet<String> = OF_THE_TARGET.iter().map(|label| (*label).to_owned()).collect();
    let mut found = 0;
    for (at, _) in query.match_indices("gl_k8s_") {
        let (name, rest) = query[at..].split_at(query[at..].find(|c| !is_name(c)).unwrap_or(query.len() - at));
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let metric = given.get(name).filter(|metric| !metric.histogram);
        let metric = metric.or_else(|| given.get(base).filter(|metric| metric.histogram));
        let metric = metric.unwrap_or_else(|| panic!("{what}: there is no metric {name}"));
        let selector = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
        for matcher in selector.split("\",").filter(|matcher| !matcher.is_empty()) {
            let (label, value) = matcher.split_once(['=', '!']).unwrap();
            let label = label.trim_matches([' ', ',']);
            assert!(metric.labels.contains(label), "{what}: {name} has no label {label}");
            if ["state", "reason"].contains(&label) {
                reasons(value, what);
            }
        }
        known.extend(metric.labels.iter().cloned());
        known.extend(metric.histogram.then(|| "le".to_owned()));
        found += 1;
    }
    assert!(found > 0, "{what}: no metric was found in {query}");
    for group in query.split(" by (").skip(1) {
        for label in group.split(')').next().unwrap().split(',').map(str::trim) {
            assert!(known.contains(label), "{what}: no metric in it has the label {label}");
        }
    }
}

/// States and reasons are reasons of conditions.
fn reasons(value: &str, what: &str) {
    for name in value.trim_matches(['=', '~', '"', ' ']).split('|').filter(|name| !name.is_empty()) {
        assert!(REASONS.iter().any(|(reason, ..)| reason.as_str() == name), "{what}: there is no reason {name}");
    }
}

/// A label of ours with such a name would be renamed.
#[test]
fn no_metric_has_a_label_that_scraping_gives() {
    for (name, metric) in given() {
        for label in OF_THE_TARGET {
            assert!(!metric.labels.contains(label), "{name} has the label {label}");
        }
    }
}

#[test]
fn alerts_name_metrics_labels_and_reasons_that_exist() {
    for alert in alerts() {
        check(text(&alert["expr"]), text(&alert["alert"]));
    }
}

#[test]
fn the_dashboard_names_metrics_and_labels_that_exist_and_leaves_none_out() {
    let queries = queries();
    for (title, query) in &queries {
        check(query, title);
    }
    for (name, _) in given() {
        let shown = queries.iter().any(|(_, query)| query.contains(&name));
        let only_for_alerts = name == "gl_k8s_token_issued_timestamp_seconds";
        assert!(shown || only_for_alerts, "the dashboard does not show {name}");
    }
}

#[test]
fn the_panels_of_the_dashboard_have_titles_and_do_not_overlap() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let (mut numbers, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = text(&panel["title"]);
        assert!(numbers.insert(panel["id"].as_u64().unwrap()), "{title}: its number is taken");
        let is_row = panel["type"] == "row";
        assert!(is_row || text(&panel["description"]).ends_with('.'), "{title}: it says nothing about itself");
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{title}: it is too wide");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title}: it overlaps another panel");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlay_with_the_component_holds_all_of_the_monitoring() {
    let cluster = cluster().await;
    let overlay = cluster.folder().join("overlay");
    fs::create_dir_all(&overlay).unwrap();
    // kustomize wants relative paths.
    let manifests = pathdiff(&overlay);
    let file = format!("resources: [{manifests}]\ncomponents: [{manifests}/monitoring]\n");
    fs::write(overlay.join("kustomization.yaml"), file).unwrap();
    let built = kubectl(cluster, &["kustomize", overlay.to_str().unwrap()]).await;
    let objects: Vec<Value> = serde_saphyr::from_multiple(&built).unwrap();
    let of = |kind: &str, name: &str| {
        let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{kind} {name} is missing")).clone()
    };
    assert_eq!(of("PrometheusRule", "gl-k8s-integrator")["spec"], yaml(&read(RULES)));
    assert_eq!(of("ConfigMap", "gl-k8s-integrator-dashboard")["data"]["dashboard.json"], read(DASHBOARD));
    let monitor = of("ServiceMonitor", "gl-k8s-integrator");
    let service = of("Service", "gl-k8s-integrator");
    for (label, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(service["metadata"]["labels"][label], *value, "the monitor selects the Service");
    }
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    let base = kubectl(cluster, &["kustomize", root().join("manifests").to_str().unwrap()]).await;
    assert!(!base.contains("monitoring.coreos.com"), "without the component there is none of it");
}

/// The way from a folder to `manifests/`, by way of the root of the file system.
fn pathdiff(from: &std::path::Path) -> String {
    let up = "../".repeat(from.canonicalize().unwrap().components().count() - 1);
    format!("{up}{}", root().canonicalize().unwrap().join("manifests").to_str().unwrap().trim_start_matches('/'))
}
