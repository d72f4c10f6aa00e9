//! What the documents name exists: files, targets of `make`, tests, labels and annotations, names of namespaces.

use std::fs;

use gl_k8s_integrator::{
    api::names,
    naming::{Tier, guess_tier},
};

use crate::pages::{Page, code, page, pages, root};

/// Everything in a page that is code: spans in the prose, and the lines of blocks.
fn codes(page: &Page) -> Vec<String> {
    let spans = page.prose().into_iter().flat_map(code);
    let blocks = page.blocks();
    let lines = blocks.iter().flat_map(|block| block.text.lines().map(str::to_owned));
    spans.chain(lines).collect()
}

#[test]
fn files_and_folders_that_are_named_exist() {
    let folders = ["src/", "tests/", "manifests/", "crds/", "docs/"];
    let mut seen = 0;
    // Not the changelog: what it names may be gone by now.
    for page in pages().iter().filter(|page| page.path.to_str() != Some("CHANGELOG.md")) {
        for span in page.prose().into_iter().flat_map(code) {
            let named = folders.iter().any(|folder| span.starts_with(folder));
            if named && !span.contains(|c: char| c.is_whitespace() || "*<>".contains(c)) {
                seen += 1;
                assert!(root().join(&span).exists(), "{}: there is no {span}", page.path.display());
            }
        }
    }
    assert!(seen > 20, "hardly any files were found");
}

#[test]
fn targets_of_make_that_are_named_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut seen = 0;
    for page in pages() {
        for code in codes(&page) {
            let Some(target) = code.trim().strip_prefix("make ").and_then(|rest| rest.split_whitespace().next()) else {
                continue;
            };
            seen += 1;
            let found = makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
            assert!(found, "{}: there is no target {target}", page.path.display());
        }
    }
    assert!(seen > 5, "hardly any targets were found");
}

#[test]
fn tests_that_are_named_exist() {
    let cargo = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut seen = 0;
    for page in pages() {
        for code in codes(&page).iter().filter(|code| code.contains("cargo test -p gl-k8s-integrator --test ")) {
            let mut words = code.split("--test ").nth(1).unwrap().split_whitespace();
            let (binary, filter) = (words.next().unwrap(), words.next().unwrap_or_default());
            assert!(cargo.contains(&format!("name = \"{binary}\"")), "{}: {binary}", page.path.display());
            let folder = root().join("tests").join(binary);
            let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let module = filter.strip_suffix("::");
            let found = files.any(|file| match module {
                Some(module) => file.file_stem().is_some_and(|stem| stem == module),
                None => fs::read_to_string(file).is_ok_and(|source| source.contains(filter)),
            });
            assert!(found, "{}: no test is called {filter}", page.path.display());
            seen += 1;
        }
    }
    assert!(seen > 2, "hardly any tests were found");
}

#[test]
fn labels_annotations_and_finalizers_of_ours_exist() {
    let ours = [
        names::INSTANCE_LABEL,
        names::PROJECT_ID,
        names::GITLAB_URL_ANNOTATION,
        names::ENVIRONMENT_ANNOTATION,
        names::MAPPING_ANNOTATION,
        names::RENEW_ANNOTATION,
        names::REVOKE_ANNOTATION,
        names::ADOPT_ANNOTATION,
        names::RELEASE_DELETION_ANNOTATION,
        names::MAPPING_FINALIZER,
        names::IN_USE_FINALIZER,
        names::MARK_PREFIX,
        "gl-k8s.dev/v1alpha1",
        // The label that gathers rules for gitlab-group-master, from manifests/cluster-roles.
        "gl-k8s.dev/aggregate-to-master",
    ];
    for page in pages() {
        let words = page.text.split(|c: char| !c.is_ascii_alphanumeric() && !"./-".contains(c));
        for word in words.filter(|word| word.starts_with("gl-k8s.dev/")) {
            assert!(ours.contains(&word.trim_end_matches('.')), "{}: there is no {word}", page.path.display());
        }
    }
}

#[test]
fn tiers_that_are_said_to_be_guessed_are_guessed() {
    let page = page("docs/administrators/ci-access.md");
    let text = page.section("## Protection").join(" ");
    let sentence = text.split("GitLab's guess looks for").nth(1).unwrap().split("neither.").next().unwrap();
    let guessed: Vec<_> = code(sentence).iter().map(|name| guess_tier(name)).collect();
    assert_eq!(guessed, [Tier::Production, Tier::Production, Tier::Staging, Tier::Staging, Tier::Other]);
}
