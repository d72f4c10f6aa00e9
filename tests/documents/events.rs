//! The events that the documents list are those that the program writes.

use std::{collections::BTreeSet, fs};

use gl_k8s_integrator::status::REASONS;

use crate::pages::{code, page, root, rows};

/// The reasons of events in the source of the reconciles that are no reasons of conditions.
fn written() -> BTreeSet<String> {
    let mut source = String::new();
    for entry in fs::read_dir(root().join("src/reconcile")).unwrap() {
        source.push_str(&fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    let tells = ["normal(", "warning(", "warning_once("];
    let calls = source.split("events::").skip(1).filter(|rest| tells.iter().any(|tell| rest.starts_with(tell)));
    let in_calls = calls.filter_map(|call| first_text(call.split(';').next()?));
    // Where the reason is chosen first.
    let chosen = source.split("let verb = match").skip(1).filter_map(|rest| rest.split("};").next());
    let chosen = chosen.flat_map(|rest| rest.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    in_calls.chain(chosen).filter(|name| name.chars().all(|c| c.is_ascii_alphabetic())).collect()
}

fn first_text(call: &str) -> Option<String> {
    Some(call.split('"').nth(1)?.to_owned())
}

#[test]
fn the_list_of_events_is_complete_and_right() {
    let listed: BTreeSet<_> = rows(&page("docs/administrators/operations.md").section("## Events"))
        .iter()
        .map(|row| code(&row[0])[0].clone())
        .collect();
    let written = written();
    assert!(written.len() > 5, "hardly any events were found: {written:?}");
    assert_eq!(listed, written);
    assert!(
        REASONS.iter().any(|(reason, ..)| reason.as_str() == "ClaimLost"),
        "the page says that it is also a reason"
    );
}
