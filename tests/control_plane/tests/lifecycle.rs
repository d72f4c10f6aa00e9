//! How control planes begin and end. Each test has its own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{ControlPlane, Options, StartError};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::Api;
use kube::api::{ObjectMeta, PostParams};

/// Generous: only a promise that is broken waits so long.
const LIMIT: Duration = Duration::from_secs(60);

/// The control plane's folder; the command line of each of its processes names it.
fn folder_of(control_plane: &ControlPlane) -> PathBuf {
    control_plane.logs().parent().unwrap().to_owned()
}

/// Ids of the living processes whose command line names this folder.
fn processes_of(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|process: &u32| {
            let command = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains(folder)
        })
        .collect()
}

/// etcd, the API server, the controller manager and the watchdog.
fn assert_running(folder: &Path) {
    assert_eq!(processes_of(folder).len(), 4, "processes of {}", folder.display());
}

fn assert_gone(folder: &Path) {
    assert!(processes_of(folder).is_empty(), "{} still has processes", folder.display());
    assert!(!folder.exists(), "{} is still there", folder.display());
}

fn wait_until_gone(folder: &Path) {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline && (folder.exists() || !processes_of(folder).is_empty()) {
        thread::sleep(Duration::from_millis(20));
    }
    assert_gone(folder);
}

/// The program `control-plane` once it is ready, with the folder of its control plane.
fn start_program() -> (Child, PathBuf) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_control-plane"))
        .stdout(Stdio::piped())
        // A group of its own, as a shell gives to each job.
        .process_group(0)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let kubeconfig = line.trim_end().strip_prefix("export KUBECONFIG=").expect("no kubeconfig was printed");
    let folder = Path::new(kubeconfig).parent().unwrap().parent().unwrap().to_owned();
    (program, folder)
}

#[tokio::test]
async fn dropping_it_ends_all_processes_and_removes_the_folder() {
    let control_plane = ControlPlane::start(&Options::default()).await.unwrap();
    let folder = folder_of(&control_plane);
    assert_running(&folder);
    drop(control_plane);
    assert_gone(&folder);
}

#[tokio::test]
async fn a_watched_program_ends_with_it() {
    let control_plane = ControlPlane::start(&Options::default()).await.unwrap();
    let mut command = Command::new("sleep");
    command.arg("120");
    control_plane.watch(&mut command).await;
    let mut watched = command.spawn().unwrap();
    assert!(watched.try_wait().unwrap().is_none());
    drop(control_plane);
    assert_eq!(watched.wait().unwrap().signal(), Some(9));
}

#[tokio::test]
async fn a_panic_of_its_owner_ends_it() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let owner = tokio::spawn(async {
        let control_plane = ControlPlane::start(&Options::default()).await.unwrap();
        let folder = folder_of(&control_plane);
        assert_running(&folder);
        sender.send(folder).unwrap();
        panic!("this panic is part of the test");
    });
    assert!(owner.await.unwrap_err().is_panic());
    assert_gone(&receiver.await.unwrap());
}

#[test]
fn sigkill_of_its_owner_ends_it() {
    let (mut program, folder) = start_program();
    assert_running(&folder);
    program.kill().unwrap();
    program.wait().unwrap();
    wait_until_gone(&folder);
}

#[test]
fn ctrl_c_ends_the_program_in_good_order() {
    let (mut program, folder) = start_program();
    assert_running(&folder);
    // A terminal sends it to the whole group.
    let signalled = Command::new("sh").args(["-c", &format!("kill -INT -{}", program.id())]).status().unwrap();
    assert!(signalled.success());
    assert!(program.wait().unwrap().success());
    assert_gone(&folder);
}

fn named(name: &str) -> Namespace {
    Namespace { metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }, ..Namespace::default() }
}

#[tokio::test]
async fn a_stopped_api_server_comes_back_at_the_same_place_with_its_data() {
    let control_plane = ControlPlane::start(&Options::default()).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(control_plane.admin_client());
    namespaces.create(&PostParams::default(), &named("kept")).await.unwrap();

    control_plane.stop_api_server().await;
    assert!(namespaces.get("kept").await.is_err(), "the API server still answers");

    control_plane.start_api_server().await.unwrap();
    namespaces.get("kept").await.unwrap();
    // A new namespace gets its service account only if the controllers, too, found their API server again.
    namespaces.create(&PostParams::default(), &named("new")).await.unwrap();
    let service_accounts: Api<ServiceAccount> = Api::namespaced(control_plane.admin_client(), "new");
    let deadline = Instant::now() + LIMIT;
    while service_accounts.get_opt("default").await.unwrap().is_none() {
        assert!(Instant::now() < deadline, "the controllers do not work after the restart");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let folder = folder_of(&control_plane);
    control_plane.stop().await;
    assert_gone(&folder);
}

/// The logs that a failed start left, with nothing else of it; removed when dropped.
struct LeftLogs(PathBuf);

impl LeftLogs {
    fn of(logs: &Path) -> Self {
        let folder = logs.parent().unwrap();
        assert!(processes_of(folder).is_empty(), "{} still has processes", folder.display());
        let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["logs"]);
        Self(folder.to_owned())
    }
}

impl Drop for LeftLogs {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_ends_is_shown_with_its_own_words_and_the_place_of_all_logs() {
    let options = Options { api_server_flags: vec!["--no-such-flag".to_owned()], ..Options::default() };
    let error = ControlPlane::start(&options).await.unwrap_err();
    let StartError::Ended { server, logs, .. } = &error else { panic!("{error}") };
    assert_eq!(*server, "kube-apiserver");
    let message = error.to_string();
    assert!(message.contains("unknown flag: --no-such-flag"), "{message}");
    assert!(message.contains(logs.to_str().unwrap()), "{message}");
    LeftLogs::of(logs);
}

#[tokio::test]
async fn a_port_that_stays_taken_is_reported_in_the_words_of_the_server() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let options = Options { api_server_flags: vec!["--secure-port".to_owned(), port.clone()], ..Options::default() };
    let error = ControlPlane::start(&options).await.unwrap_err();
    let StartError::Ended { logs, .. } = &error else { panic!("{error}") };
    let message = error.to_string();
    assert!(message.contains(&format!("127.0.0.1:{port}: bind: address already in use")), "{message}");
    LeftLogs::of(logs);
}

#[tokio::test]
async fn a_server_that_does_not_get_ready_is_not_waited_for_without_end() {
    let options = Options { ready_within: Duration::from_millis(1), ..Options::default() };
    let error = ControlPlane::start(&options).await.unwrap_err();
    let StartError::NotReady { server, logs, .. } = &error else { panic!("{error}") };
    assert_eq!(*server, "kube-apiserver");
    LeftLogs::of(logs);
}

#[test]
fn without_binaries_the_program_says_how_to_get_them() {
    let empty = tempfile::tempdir().unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_control-plane")).env("KUBEBUILDER_ASSETS", empty.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("etcd, kube-apiserver, kube-controller-manager, kubectl missing in"), "{message}");
    assert!(message.contains("make control-plane"), "{message}");
}
