//! The page about doctor lists the program's own checks.

use std::{env, fs};

use gl_k8s_integrator::commands::doctor::{Level, checks::CHECKS};

use crate::pages::{code, page, root, rows};

const PAGE: &str = "docs/administrators/doctor.md";
const HEAD: &str = "| Check | What is looked at |\n| --- | --- |\n";

/// `UPDATE_DOCS=1 cargo test -p gl-k8s-integrator --test documents table_of_checks` writes the table anew.
#[test]
fn the_table_of_checks_is_fresh() {
    let text = page(PAGE).text;
    let (head, rest) = text.split_once(HEAD).expect("the table is missing");
    let (_, tail) = rest.split_once("\n## ").expect("a section follows the table");
    let row = |check: &str, what: &str| format!("| `{check}` | {what} |\n");
    let table: String = CHECKS.iter().map(|(check, what)| row(check.as_str(), what)).collect();
    let fresh = format!("{head}{HEAD}{table}\n## {tail}");
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(PAGE), &fresh).unwrap();
        return;
    }
    assert!(text == fresh, "{PAGE} is stale: run make docs");
}

#[test]
fn the_levels_are_those_of_the_program() {
    let said: Vec<_> =
        rows(&page(PAGE).section("## What it says")).iter().map(|row| code(&row[0])[0].clone()).collect();
    let levels = [Level::Ok, Level::Unchecked, Level::Warning, Level::Error].map(|level| format!("{level:?}"));
    assert_eq!(said[..4], levels);
}
