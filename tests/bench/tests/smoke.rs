//! The measurements can be made: a tiny run, whose numbers say nothing.

#![allow(clippy::unwrap_used)]

use std::process::Command;

/// That the floor is learned, replayed and verified, and that the operator makes the same mappings ready.
#[test]
fn floor_and_operator_bring_about_the_same() {
    let json = tempfile::NamedTempFile::new().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["--mappings", "3", "--concurrency", "3", "--cold-only", "--json"])
        .arg(json.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let outcome: serde_json::Value = serde_json::from_slice(&std::fs::read(json.path()).unwrap()).unwrap();
    let writes = |of: &serde_json::Value, verbs: &[&str]| {
        verbs.iter().filter_map(|verb| of["kubernetes"][verb].as_u64()).sum::<u64>()
    };
    let floor = writes(&outcome["floors"][0], &["POST", "PATCH", "PUT", "DELETE"]);
    let cold = writes(&outcome["colds"][0], &["create", "patch", "update", "delete"]);
    // Creating a mapping is not the operator's; counting mappings in the instance and the class is not the floor's.
    assert!(floor > 10 && cold >= 3 * (floor - 1), "floor {floor} for one mapping, operator {cold} for three");
}
