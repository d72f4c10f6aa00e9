//! The script `build` with a `go` that only notes what it is asked for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Notes the package, and writes the name of the output file into it.
const FAKE_GO: &str = r#"#!/bin/sh
while [ $# -gt 1 ]; do
  if [ "$1" = -o ]; then output=$2; fi
  shift
done
echo "$1" >> "$NOTES"
echo "$output" > "$output"
chmod +x "$output"
"#;

const BROKEN_GO: &str = "#!/bin/sh\necho 'no such module' >&2\nexit 1\n";

const PACKAGES: [&str; 4] = [
    "go.etcd.io/etcd/server/v3",
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kubectl",
];

/// A copy of the script in a workspace of its own.
struct Workspace {
    folder: TempDir,
}

impl Workspace {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("tests/control_plane");
        fs::create_dir_all(&copy).unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        for file in ["build", "go.mod", "go.sum"] {
            fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), copy.join(file)).unwrap();
        }
        Self { folder }
    }

    fn with_go(script: &str) -> Self {
        let workspace = Self::new();
        write_program(&workspace.folder.path().join("bin/go"), script);
        workspace
    }

    /// The script, with a PATH that has the ordinary tools but no Go except the workspace's.
    fn build(&self) -> Command {
        let bin = self.folder.path().join("bin");
        for tool in [
            "bash",
            "sh",
            "env",
            "dirname",
            "cat",
            "sha256sum",
            "cut",
            "awk",
            "paste",
            "mkdir",
            "mv",
            "rm",
            "sleep",
            "flock",
            "chmod",
        ] {
            let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
                .map(|path| path.join(tool))
                .find(|path| path.exists());
            // A second call finds them there.
            symlink(found.unwrap(), bin.join(tool)).ok();
        }
        let mut command = Command::new(self.folder.path().join("tests/control_plane/build"));
        command
            .env("PATH", bin)
            .env("NOTES", self.notes_file())
            .env_remove("KUBEBUILDER_ASSETS")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self) -> Output {
        self.build().output().unwrap()
    }

    fn notes_file(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    /// The packages that were built, in order.
    fn built(&self) -> Vec<String> {
        fs::read_to_string(self.notes_file()).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn output(&self, name: &str) -> PathBuf {
        self.folder.path().join("target/control-plane").join(name)
    }
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_first_build_makes_all_four_and_shows_its_progress() {
    let workspace = Workspace::with_go(FAKE_GO);
    let output = workspace.run();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(workspace.built(), PACKAGES);
    assert!(said(&output).contains("building kube-apiserver (2 of 4)"), "{}", said(&output));
    for name in ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"] {
        // It was built under another name, so that nobody ever meets half a binary.
        assert!(fs::read_to_string(workspace.output(name)).unwrap().contains(&format!("{name}.new")));
    }
}

#[test]
fn what_is_built_is_not_built_again() {
    let workspace = Workspace::with_go(FAKE_GO);
    assert!(workspace.run().status.success());
    fs::remove_file(workspace.folder.path().join("bin/go")).unwrap();
    let again = workspace.run();
    assert!(again.status.success() && said(&again).is_empty(), "{}", said(&again));
}

#[test]
fn a_missing_binary_or_other_modules_build_again() {
    let workspace = Workspace::with_go(FAKE_GO);
    assert!(workspace.run().status.success());
    fs::remove_file(workspace.output("kubectl")).unwrap();
    assert!(workspace.run().status.success());
    assert_eq!(workspace.built().len(), 8);
    for file in ["go.mod", "go.sum"] {
        let path = workspace.folder.path().join("tests/control_plane").join(file);
        fs::write(&path, fs::read_to_string(&path).unwrap() + "\n").unwrap();
        assert!(workspace.run().status.success());
    }
    assert_eq!(workspace.built().len(), 16);
}

#[test]
fn two_builds_at_once_build_once() {
    let workspace = Workspace::with_go(FAKE_GO);
    let builds = [workspace.build().spawn().unwrap(), workspace.build().spawn().unwrap()];
    for build in builds {
        let output = build.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    assert_eq!(workspace.built(), PACKAGES);
}

#[test]
fn a_failing_build_shows_the_words_of_go_and_is_tried_again() {
    let workspace = Workspace::with_go(BROKEN_GO);
    let output = workspace.run();
    assert!(!output.status.success());
    assert!(said(&output).contains("no such module"), "{}", said(&output));
    write_program(&workspace.folder.path().join("bin/go"), FAKE_GO);
    assert!(workspace.run().status.success());
    assert_eq!(workspace.built(), PACKAGES);
}

#[test]
fn without_go_it_says_what_to_install() {
    let output = Workspace::new().run();
    assert!(!output.status.success());
    assert!(said(&output).contains("Install Go 1.24 or newer"), "{}", said(&output));
    assert!(said(&output).contains("KUBEBUILDER_ASSETS"), "{}", said(&output));
}

#[test]
fn ready_binaries_are_used_without_go_and_missing_ones_are_named() {
    let workspace = Workspace::new();
    let assets = tempfile::tempdir().unwrap();
    for name in ["etcd", "kube-apiserver", "kubectl"] {
        write_program(&assets.path().join(name), "");
    }
    let output = workspace.build().env("KUBEBUILDER_ASSETS", assets.path()).output().unwrap();
    assert!(!output.status.success());
    assert!(said(&output).contains("lacks: kube-controller-manager."), "{}", said(&output));
    write_program(&assets.path().join("kube-controller-manager"), "");
    let output = workspace.build().env("KUBEBUILDER_ASSETS", assets.path()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}
