//! Pages that say which tests prove what: every test that a table of theirs names exists, and is one.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use gl_k8s_integrator::status::REASONS;

use crate::pages::{Page, code, page, root};

/// The pages with such tables: tables whose last column is headed `Tests`.
const PAGES: &[&str] =
    &["docs/administrators/security.md", "docs/developers/bad-days.md", "docs/developers/promises.md"];

/// The rows of all tables of a page whose last column is headed `Tests`.
fn rows(page: &Page) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in page.prose() {
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else {
            inside = false;
            continue;
        };
        let cells: Vec<String> = row.split('|').map(|cell| cell.trim().to_owned()).collect();
        if cells.last().is_some_and(|cell| cell == "Tests") {
            inside = true;
        } else if inside && !cells[0].starts_with("---") {
            rows.push(cells);
        }
    }
    rows
}

/// The names of all test functions in the sources that are not ignored.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "tests"] {
        for file in sources(&root().join(folder)) {
            let mut attributes = String::new();
            for line in fs::read_to_string(file).unwrap().lines().map(str::trim) {
                if line.starts_with("#[") || line.starts_with("//") {
                    attributes.push_str(line);
                    continue;
                }
                let is_test = attributes.contains("#[test]") || attributes.contains("#[tokio::test");
                if is_test && !attributes.contains("#[ignore") {
                    let name = line.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
                    names.extend(name.map(str::to_owned));
                }
                attributes.clear();
            }
        }
    }
    names
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_test_that_is_named_as_a_proof_exists() {
    let tests = tests();
    for path in PAGES {
        let rows = rows(&page(path));
        assert!(rows.len() > 10, "{path}: hardly any rows were found");
        for row in rows {
            let named = code(row.last().unwrap());
            assert!(!named.is_empty(), "{path}: nothing proves {:?}", row[0]);
            for name in named {
                assert!(tests.contains(&name), "{path}: there is no test {name}");
            }
        }
    }
}

/// The middle column of the bad days names reasons and nothing else.
#[test]
fn every_reason_of_a_bad_day_exists() {
    for row in rows(&page("docs/developers/bad-days.md")) {
        for name in code(&row[1]) {
            assert!(REASONS.iter().any(|(reason, ..)| reason.as_str() == name), "there is no reason {name}");
        }
    }
}
