//! The table in the documents is what the API server grants.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

use crate::{
    bed::{FOREIGN, MANAGED, OWN, Subject},
    reviews::{Right, rights},
};

const PAGE: &str = "docs/administrators/rights.md";
const BEGIN: &str = "<!-- begin: made by tests/rights -->";
const END: &str = "<!-- end -->";
/// In the order in which people expect them.
const VERBS: [&str; 9] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind"];

/// One row for each resource, group of names and set of verbs.
fn rows(rights: &BTreeSet<Right>) -> String {
    let mut verbs_of: BTreeMap<(&str, &str, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
    for ((group, resource), name, verb) in rights {
        verbs_of.entry((group, resource, name.as_deref())).or_default().insert(verb);
    }
    // By resource and verbs.
    type Names<'a> = Vec<Option<&'a str>>;
    let mut names_of: BTreeMap<(&str, &str, Vec<&str>), Names<'_>> = BTreeMap::new();
    for ((group, resource, name), verbs) in &verbs_of {
        let place =
            |verb: &&str| (VERBS.iter().position(|known| known == verb).unwrap_or(VERBS.len()), verb.to_string());
        let mut verbs: Vec<&str> = verbs.iter().copied().collect();
        verbs.sort_by_key(place);
        names_of.entry((group, resource, verbs)).or_default().push(*name);
    }
    let mut text = "| Resource | Names | Verbs |\n| --- | --- | --- |\n".to_owned();
    for ((group, resource, verbs), names) in names_of {
        let dot = if group.is_empty() { "" } else { "." };
        let (plural, part) = resource.split_once('/').map_or((resource, String::new()), |(a, b)| (a, format!("/{b}")));
        let names: Option<Vec<_>> = names.iter().map(|name| name.map(|name| format!("`{name}`"))).collect();
        let names = names.map_or("all".to_owned(), |names| names.join(", "));
        writeln!(text, "| `{plural}{dot}{group}{part}` | {names} | {} |", verbs.join(", ")).unwrap();
    }
    text
}

async fn tables() -> String {
    let operator = rights(Subject::Operator, FOREIGN).await;
    let in_own = &rights(Subject::Operator, OWN).await - &operator;
    let in_default = &rights(Subject::Operator, "default").await - &operator;
    let job = rights(Subject::Job, MANAGED).await;
    let developer = rights(Subject::Developer, MANAGED).await;
    let reporter = rights(Subject::Reporter, MANAGED).await;
    let parts = [
        ("### The operator, in the whole cluster", operator),
        ("### The operator, besides, in its own namespace", in_own),
        ("### The operator, besides, in the namespace default", in_default),
        ("### A job in its namespace (gitlab-group-master)", job),
        ("### gitlab-group-developer in a namespace", developer),
        ("### gitlab-group-reporter in a namespace", reporter),
    ];
    parts.iter().map(|(heading, rights)| format!("{heading}\n\n{}", rows(rights))).collect::<Vec<_>>().join("\n")
}

/// `UPDATE_DOCS=1 cargo test -p gl-k8s-integrator --test rights the_table_of` writes the tables anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_rights_is_what_the_api_server_grants() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let text = fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("the begin mark is missing");
    let (_, tail) = rest.split_once(END).expect("the end mark is missing");
    let fresh = format!("{head}{BEGIN}\n\n{}\n{END}{tail}", tables().await);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &fresh).unwrap();
        return;
    }
    assert!(
        text == fresh,
        "{PAGE} is not what the API server grants: run make docs, and look at each difference\n{fresh}"
    );
}
