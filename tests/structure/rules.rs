//! Rules that hold for every line of the program, read from its source; tests in it are left out.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every file of the program, from `src` on, with its code.
fn files() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_tests = path.file_stem().is_some_and(|name| name == "tests");
            if path.is_dir() && !is_tests {
                folders.push(path);
            } else if path.is_file() && !is_tests {
                let code = fs::read_to_string(&path).unwrap();
                let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
                files.push((path.strip_prefix(&root).unwrap().to_owned(), code));
            }
        }
    }
    assert!(files.len() > 50, "hardly any files were found");
    files
}

/// The lines that hold one of these texts, with their files.
fn lines(needles: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (file, code) in files() {
        let lines = code.lines().filter(|line| needles.iter().any(|needle| line.contains(needle)));
        let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
        found.extend(lines.map(|line| (file.clone(), line.trim().to_owned())));
    }
    found
}

/// Between the look and the deletion, somebody may have made another object of the same name.
#[test]
fn every_deletion_in_the_cluster_names_the_uid_of_what_it_deletes() {
    let deletions = lines(&["api.delete(", "delete_collection(", "DeleteParams::"]);
    assert!(deletions.len() >= 3, "hardly any deletions were found: {deletions:?}");
    for (file, line) in deletions {
        assert!(line.contains("api.delete(&") && line.contains(".preconditions("), "{}: {line}", file.display());
    }
    let preconditions = lines(&["Preconditions {"]);
    assert!(preconditions.len() >= 3, "hardly any preconditions were found: {preconditions:?}");
    for (file, line) in preconditions {
        assert!(line.contains("uid: Some(uid)") || line.contains("uid: live.uid()"), "{}: {line}", file.display());
    }
}

/// The garbage collector takes what is owned along with its owner. What people deployed must never go that way.
#[test]
fn nothing_gets_an_owner() {
    assert_eq!(lines(&["owner_references", "ownerReferences", "owner_ref", "controller_owner"]), []);
}

/// Whatever a test has to move or repeat comes in through a seam.
#[test]
fn the_calendar_chance_the_environment_and_tasks_are_touched_in_their_places_only() {
    let places: [(&[&str], &[&str]); 4] = [
        (&["Timestamp::now(", "Zoned::now(", "SystemTime::now("], &["context.rs"]),
        (&["fastrand::"], &["context.rs"]),
        (&["env::var"], &["main.rs", "commands/"]),
        (&["tokio::spawn(", ".spawn("], &["commands/", "leadership/tenure.rs", "server/mod.rs"]),
    ];
    for (needles, allowed) in places {
        for (file, line) in lines(needles) {
            let file = file.to_str().unwrap();
            let crds = file == "api/crds.rs" && line.contains("UPDATE_CRDS");
            assert!(allowed.iter().any(|place| file.starts_with(place)) || crds, "{file}: {line}");
        }
    }
}
