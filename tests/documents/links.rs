//! Links lead somewhere.

use std::path::Path;

use crate::pages::{Page, pages, root};

#[test]
fn every_link_to_a_file_or_heading_leads_there() {
    let mut seen = 0;
    for page in pages() {
        for target in targets(&page) {
            if target.contains("://") {
                continue;
            }
            seen += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = root().join(page.path.parent().unwrap());
            let path = if file.is_empty() { root().join(&page.path) } else { folder.join(file) };
            assert!(path.exists(), "{}: the link {target} leads nowhere", page.path.display());
            if !anchor.is_empty() {
                assert!(has_heading(&path, anchor), "{}: {target}: there is no such heading", page.path.display());
            }
        }
    }
    assert!(seen > 20, "hardly any links were found");
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let pages = pages();
    let mut reached = vec![root().join("README.md").canonicalize().unwrap()];
    let mut next = 0;
    while let Some(path) = reached.get(next).cloned() {
        next += 1;
        let Some(page) = pages.iter().find(|page| root().join(&page.path).canonicalize().unwrap() == path) else {
            continue;
        };
        for target in targets(page).iter().filter(|target| !target.contains("://")) {
            let file = target.split('#').next().unwrap();
            let Ok(path) = path.parent().unwrap().join(file).canonicalize() else { continue };
            if path.is_file() && !reached.contains(&path) {
                reached.push(path);
            }
        }
    }
    for page in &pages {
        let path = root().join(&page.path).canonicalize().unwrap();
        assert!(reached.contains(&path), "no link leads to {}", page.path.display());
    }
}

/// Whether a page has a heading with this anchor.
pub fn has_heading(page: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    text.lines().filter(|line| line.starts_with('#')).any(|line| anchor_of(line) == anchor)
}

/// What the links of a page name.
fn targets(page: &Page) -> Vec<String> {
    let prose = page.prose().join("\n");
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    links.map(str::to_owned).collect()
}

/// The anchor that Git hosts give a heading.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}
