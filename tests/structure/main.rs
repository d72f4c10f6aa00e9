//! The folders keep apart: what decides talks to no server, and GitLab's client knows no Kubernetes.
//!
//! Read from the source: every path that the code of a folder names, in `use` lines and elsewhere, tests left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod rules;
mod source;

use std::path::Path;

use source::paths_named_below;

/// What the code of a folder may name.
struct Folder {
    name: &'static str,
    /// Modules of this program; everything else of it is out of bounds.
    own: &'static [&'static str],
    /// What it must not name although the module or library is allowed.
    but_not: &'static [&'static str],
    /// Libraries that it must not name.
    foreign: &'static [&'static str],
}

/// Clients and runtimes: who names them talks to a server, or waits.
const SERVERS: &[&str] =
    &["kube", "tokio", "tokio_util", "reqwest", "hyper", "hyper_util", "axum", "tower", "http", "futures"];

const FOLDERS: [Folder; 4] = [
    Folder { name: "naming", own: &["naming"], but_not: &[], foreign: SERVERS },
    Folder { name: "status", own: &["status"], but_not: &[], foreign: SERVERS },
    Folder {
        name: "plan",
        own: &["api", "declared", "gitlab", "naming", "plan", "status"],
        // Its values, not what calls it.
        but_not: &[
            "crate::gitlab::Client",
            "crate::gitlab::Pace",
            "crate::gitlab::Transport",
            "crate::gitlab::http_transport",
        ],
        foreign: SERVERS,
    },
    Folder { name: "gitlab", own: &["gitlab", "naming"], but_not: &[], foreign: &["kube", "k8s_openapi", "schemars"] },
];

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl Folder {
    fn allows(&self, path: &str) -> bool {
        let own = !is_below(path, "crate")
            || path == "crate"
            || self.own.iter().any(|module| is_below(path, &format!("crate::{module}")));
        own && !self.but_not.iter().chain(self.foreign).any(|forbidden| is_below(path, forbidden))
    }
}

#[test]
fn what_decides_names_no_server_and_gitlabs_client_names_no_kubernetes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for folder in FOLDERS {
        let named = paths_named_below(&root, folder.name);
        assert!(named.len() > 10, "{}: hardly any paths were found: {named:?}", folder.name);
        for (file, path) in named {
            assert!(folder.allows(&path), "{}: {path} has no place in {}", file.display(), folder.name);
        }
    }
}

#[test]
fn a_path_that_has_no_place_is_found_wherever_it_stands() {
    let plan = &FOLDERS[2];
    for allowed in ["use crate::{api::names, gitlab::Variable};", "use super::Mark; fn a() { crate::plan::b() }"] {
        let named = source::paths_in(allowed, "plan/ci_access/mod.rs");
        assert!(named.iter().all(|path| plan.allows(path)), "{named:?}");
    }
    for forbidden in [
        "use crate::{api::names, apply::{self, tokens}};",
        "use crate::{gitlab::{Client, Variable}};",
        "use kube::Api;",
        "fn f() { tokio::time::sleep(x) }",
        "fn f() -> crate::context::Context {}",
        "use super::super::super::facts::cluster;",
    ] {
        let named = source::paths_in(forbidden, "plan/ci_access/variables.rs");
        assert!(!named.iter().all(|path| plan.allows(path)), "{forbidden}: {named:?}");
    }
}
