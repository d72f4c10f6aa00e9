//! The metrics that the documents list are those that the program gives.

use std::collections::{BTreeMap, BTreeSet};

use gl_k8s_integrator::{
    gitlab::Observer as _,
    server::{InstanceSeries, MappingSeries, Metrics, TokenSeries},
};

use crate::pages::{code, page, pages, rows};

/// One value of everything, so that nothing is left out for being empty.
fn output() -> String {
    let metrics = Metrics::new("1.2.3");
    metrics.reconciled("ProjectMapping", "success", 0.1);
    metrics.failed("ProjectMapping", "Paused");
    metrics.request("campus", "GET /projects/:id", Some(200), 0.1);
    let token = TokenSeries { environment: "production".into(), issued: Some(1), ends: 2 };
    let mapping = MappingSeries {
        instance: "campus".into(),
        state: "NotOurs".into(),
        undelivered: Some("NotOurs".into()),
        tokens: vec![token],
    };
    metrics.set_mapping("web-app", mapping);
    metrics.set_instance("campus", InstanceSeries { state: "Ready".into(), token_ends: Some(1) });
    metrics.to_text().unwrap()
}

/// A metric as one asks for it.
pub struct Metric {
    pub labels: BTreeSet<String>,
    /// Whether it also has the series `_bucket`, `_sum` and `_count`, and the label `le`.
    pub histogram: bool,
}

/// All metrics by the names by which one asks for them.
pub fn given() -> BTreeMap<String, Metric> {
    let output = output();
    let mut names = BTreeMap::new();
    for line in output.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let histogram = kind == "histogram";
        let sample = if histogram { format!("{name}_sum") } else { name.clone() };
        let mut samples = output.lines().filter_map(|line| line.strip_prefix(sample.as_str()));
        let sample = samples.find(|rest| rest.starts_with(['{', ' '])).unwrap();
        let labels = sample.strip_prefix('{').and_then(|rest| Some(rest.split_once('}')?.0)).unwrap_or_default();
        let labels = labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0.to_owned())).collect();
        names.insert(name, Metric { labels, histogram });
    }
    names
}

#[test]
fn the_list_of_metrics_and_labels_is_complete_and_right() {
    let listed: BTreeMap<_, BTreeSet<_>> = rows(&page("docs/administrators/operations.md").section("## Metrics"))
        .iter()
        .map(|row| (code(&row[0])[0].clone(), code(&row[1]).into_iter().collect()))
        .collect();
    let given: BTreeMap<_, _> = given().into_iter().map(|(name, metric)| (name, metric.labels)).collect();
    assert_eq!(listed, given);
}

#[test]
fn metrics_named_anywhere_exist() {
    let given = given();
    for page in pages() {
        for word in page.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if word.starts_with("gl_k8s_") && word != "gl_k8s_integrator" {
                let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
                assert!(given.contains_key(word) || given.contains_key(base), "{}: {word}", page.path.display());
            }
        }
    }
}
