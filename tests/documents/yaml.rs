//! Every YAML in the documents is what it says: Kubernetes objects are applied, CI files and fragments are read.

use serde_json::Value;

use crate::{
    cluster::{cluster, kubectl},
    pages::{Block, Page, pages},
};

/// What a YAML block is.
#[derive(Debug, PartialEq)]
enum Meaning {
    /// Complete Kubernetes objects: applied.
    Objects,
    /// A `.gitlab-ci.yml`: read, and its scripts checked (see `jobs`).
    GitLabCi,
    /// A part of an object, or what a command prints: read.
    Fragment,
}

fn meaning(block: &Block) -> Option<Meaning> {
    match block.info.as_str() {
        "yaml" => Some(Meaning::Objects),
        "yaml gitlab-ci" => Some(Meaning::GitLabCi),
        "yaml fragment" => Some(Meaning::Fragment),
        other => {
            assert!(!other.starts_with("yaml") && other != "yml", "{}: what is {other:?}?", block.place);
            None
        }
    }
}

pub fn documents(block: &Block) -> Vec<Value> {
    serde_saphyr::from_multiple(&block.text).unwrap_or_else(|error| panic!("{}: {error}", block.place))
}

/// The `.gitlab-ci.yml` files of a page.
pub fn ci_files(page: &Page) -> Vec<Block> {
    page.blocks().into_iter().filter(|block| meaning(block) == Some(Meaning::GitLabCi)).collect()
}

#[test]
fn every_yaml_can_be_read_and_says_what_it_is() {
    let mut objects = 0;
    for block in pages().iter().flat_map(Page::blocks) {
        let Some(meaning) = meaning(&block) else { continue };
        for document in documents(&block) {
            assert!(document.is_object(), "{}: {document}", block.place);
            let is_object = document["apiVersion"].is_string() && document["kind"].is_string();
            assert_eq!(is_object, meaning == Meaning::Objects, "{}: mark it as what it is", block.place);
            objects += usize::from(is_object);
        }
    }
    assert!(objects > 8, "hardly any objects were found");
}

/// Page by page, so that each page can be followed on its own; between the pages our own kinds are deleted, since a page may
/// show an object otherwise than another page does. No operator runs, so nothing has a finalizer.
#[tokio::test(flavor = "multi_thread")]
async fn every_object_in_the_documents_is_taken_by_the_api_server() {
    let cluster = cluster().await;
    for page in pages() {
        for block in page.blocks().iter().filter(|block| meaning(block) == Some(Meaning::Objects)) {
            let file = cluster.folder().join("block.yaml");
            std::fs::write(&file, &block.text).unwrap();
            // A warning is a mistake too: kubectl warns of fields that nobody knows.
            let output = cluster.kubectl().args(["apply", "-f"]).arg(&file).output().await.unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && words.is_empty(), "{}: {words}", block.place);
        }
        let kinds = "projectmappings,namespaceclasses,gitlabinstances";
        kubectl(cluster, &["delete", kinds, "--all", "--timeout=30s"]).await;
    }
}
