//! The page of condition reasons is made from the program's own table.

use std::{env, fs};

use gl_k8s_integrator::status::REASONS;

use crate::pages::{code, page, pages, root, rows};

const PAGE: &str = "docs/administrators/conditions.md";
const BEGIN: &str = "<!-- begin: made from src/status/reasons.rs -->";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut table = "| Reason | What it means | What to do |\n| --- | --- | --- |\n".to_owned();
    for (reason, meaning, remedy) in REASONS {
        let cell = |text: &str| text.replace('|', "\\|");
        let name = reason.as_str();
        let steps = format!(" [Steps](troubleshooting.md#{})", name.to_lowercase());
        let steps = if needs_something(remedy) { steps.as_str() } else { "" };
        table.push_str(&format!("| `{name}` | {} | {}{steps} |\n", cell(meaning), cell(remedy)));
    }
    table
}

/// Whether there is anything to do about a reason.
pub fn needs_something(remedy: &str) -> bool {
    remedy != "Nothing to do."
}

/// `UPDATE_DOCS=1 cargo test -p gl-k8s-integrator --test documents table_of_reasons` writes the table anew.
#[test]
fn the_table_of_reasons_is_fresh() {
    let text = page(PAGE).text;
    let (head, rest) = text.split_once(BEGIN).expect("the begin mark is missing");
    let (_, tail) = rest.split_once(END).expect("the end mark is missing");
    let fresh = format!("{head}{BEGIN}\n\n{}\n{END}{tail}", table());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(PAGE), &fresh).unwrap();
        return;
    }
    assert!(
        text == fresh,
        "{PAGE} is stale: run UPDATE_DOCS=1 cargo test -p gl-k8s-integrator --test documents table_of_reasons"
    );
}

#[test]
fn every_reason_stands_in_the_table_once_and_no_other() {
    let page = page(PAGE);
    let documented: Vec<_> = rows(&page.section("## Reasons")).iter().map(|row| code(&row[0])[0].clone()).collect();
    let known: Vec<_> = REASONS.iter().map(|(reason, ..)| reason.as_str().to_owned()).collect();
    assert_eq!(documented, known);
}

/// The condition types that the program sets, as its source spells them.
#[test]
fn every_condition_type_is_explained() {
    let files = ["src/status/conditions.rs", "src/reconcile/report.rs"];
    let source = files.map(|file| fs::read_to_string(root().join(file)).unwrap()).join("\n");
    let constant = |line| str::trim(line).trim_start_matches("pub ").strip_prefix("const ");
    let constants = source.lines().filter_map(|line| constant(line)?.split_once(": &str = \""));
    let types: Vec<_> = constants.filter_map(|(_, rest)| rest.split('"').next()).collect();
    assert!(types.len() >= 4, "the constants were not found: {types:?}");
    let page = page(PAGE);
    let explained: Vec<_> = rows(&page.section("## Types")).iter().map(|row| code(&row[0])[0].clone()).collect();
    for kind in &types {
        assert!(explained.iter().any(|there| there == kind), "{kind} is not explained in {PAGE}");
    }
    for there in &explained {
        assert!(types.contains(&there.as_str()), "{there} is explained in {PAGE} but nothing sets it");
    }
}

/// A reason that another page names exists.
#[test]
fn reasons_in_other_pages_exist() {
    let mut seen = 0;
    for page in pages() {
        for line in page.prose().iter().filter(|line| line.contains("reason `")) {
            for name in line.split("reason `").skip(1).filter_map(|rest| rest.split('`').next()) {
                seen += 1;
                let known = REASONS.iter().any(|(reason, ..)| reason.as_str() == name);
                assert!(known, "{}: there is no reason {name}", page.path.display());
            }
        }
    }
    assert!(seen > 3, "hardly any reasons were found");
}
